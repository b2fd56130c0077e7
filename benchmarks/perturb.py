"""Time the recipes on real questions, one core, against MulTypo and TextAttack where they are installed, in one run.

    ROBUSTBENCH_IR_DATA=... python benchmarks/perturb.py [--recipes typo,synonym] [--languages en,hi]

XQuAD-R's 1,190 questions a language at severity 3. Columns: seconds to load the language's tables in this process;
questions a second on the first pass; on the next pass, with another seed (median of five).
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from collections.abc import Callable, Sequence

from robustbench_ir.perturb import default_recipe_names, load_recipe
from robustbench_ir.tasks import Query, load_task

SEVERITY = 3
MULTYPO = {
    "ar": "arabic",
    "de": "german",
    "el": "greek",
    "en": "english",
    "hi": "hindi",
    "ru": "russian",
    "tr": "turkish",
}


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def time_recipe(name: str, language: str, queries: Sequence[Query]) -> tuple[float, float, float]:
    """Return seconds to load, questions a second on the first pass, and on later ones."""
    recipe = load_recipe(name)
    load = seconds(lambda: recipe.transformation(language))
    first = seconds(lambda: recipe.perturb(queries, SEVERITY, 0))
    later = statistics.median(seconds(lambda s=seed: recipe.perturb(queries, SEVERITY, s)) for seed in range(1, 6))
    return load, len(queries) / first, len(queries) / later


def time_multypo(language: str, queries: Sequence[Query]) -> float | None:
    """Return MulTypo's questions a second, for the share of words that severity 3 changes."""
    try:
        multypo = importlib.import_module("multypo")
        typist = multypo.MultiTypoGenerator(MULTYPO[language])
    except (ImportError, KeyError, ValueError):
        return None
    return len(queries) / seconds(lambda: [typist.insert_typos(query.text, 0.35) for query in queries])


def time_textattack(queries: Sequence[Query]) -> float | None:
    """Return the questions a second of TextAttack's keyboard typos, on a tenth of the questions."""
    try:
        augmentation = importlib.import_module("textattack.augmentation")
        transformations = importlib.import_module("textattack.transformations")
    except (ImportError, OSError, LookupError):
        return None
    augmenter = augmentation.Augmenter(transformations.WordSwapQWERTY(), pct_words_to_swap=0.35)
    few = queries[::10]
    return len(few) / seconds(lambda: [augmenter.augment(query.text) for query in few])


def main() -> None:
    """Print a line for each recipe and language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", default=",".join(default_recipe_names()))
    parser.add_argument("--languages", default="ar,de,el,en,es,hi,ru,th,tr,vi,zh")
    arguments = parser.parse_args()
    for language in arguments.languages.split(","):
        queries = load_task("xquad-r", [language]).queries
        peers = {"MulTypo": time_multypo(language, queries), "TextAttack": time_textattack(queries)}
        for name in arguments.recipes.split(","):
            if not load_recipe(name).covers(language):
                continue
            load, first, later = time_recipe(name, language, queries)
            ratios = [f"{later / rate:.1f} x {peer}'s {rate:,.0f}" for peer, rate in peers.items() if rate]
            against = "; ".join(ratios) if name == "typo" else ""
            print(f"{name:16}{language:4}{load:6.2f} s {first:9,.0f}/s {later:9,.0f}/s  {against}", flush=True)


if __name__ == "__main__":
    main()
