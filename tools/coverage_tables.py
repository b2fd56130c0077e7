"""Write docs/coverage.md: which share of real queries each recipe changes, language by language.

    python tools/coverage_tables.py > docs/coverage.md

Texts: the questions of XQuAD-R; those of AfriQA and their translations; those of `mini`, with its own lexicons; and for
languages beyond XQuAD-R the paragraphs of the Universal Declaration of Human Rights, cut after twelve words. Severity
3, seed 0. Recipes that need a model are left out: the page must come out the same on a machine without one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from robustbench_ir._base.text import nfc, word_spans
from robustbench_ir.perturb import Recipe, coverage, load_recipe, recipe_names
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Query, Task, load_task

UDHR = {  # the files of the Declaration in the shared data
    "af": "afr", "am": "amh", "ar": "arb", "ay": "ayr", "az": "azj_latn", "bem": "bem", "bg": "bul", "bho": "bho",
    "bm": "bam", "bn": "ben", "cs": "ces", "da": "dan", "de": "deu_1996", "ee": "ewe", "el": "ell_monotonic",
    "en": "eng", "es": "spa", "fa": "pes_1", "fi": "fin", "fil": "tgl", "fon": "fon", "fr": "fra", "gn": "gug",
    "gu": "guj", "ha": "hau_NG", "he": "heb", "hi": "hin", "hr": "hrv", "ht": "hat_popular", "hu": "hun", "hy": "hye",
    "id": "ind", "ig": "ibo", "it": "ita", "ja": "jpn", "ka": "kat", "kk": "kaz", "km": "khm", "kn": "kan",
    "ko": "kor", "ku": "kmr", "lg": "lug", "ln": "lin", "lo": "lao", "mai": "mai", "mg": "plt", "ml": "mal_chillus",
    "mr": "mar", "ms": "mly_latn", "my": "mya", "nb": "nob", "ne": "nep", "nl": "nld", "nso": "nso",
    "ny": "nya_chechewa", "om": "gax", "pa": "pan", "pa-Arab": "pnb", "pcm": "pcm", "pl": "pol", "ps": "pbu",
    "pt": "por_BR", "qu": "quz", "rn": "run", "ro": "ron_2006", "ru": "rus", "rw": "kin", "si": "sin", "sk": "slk",
    "sn": "sna", "so": "som", "sr": "srp_cyrl", "sr-Latn": "srp_latn", "ss": "ssw", "st": "sot", "sv": "swe",
    "sw": "swh", "ta": "tam", "te": "tel", "th": "tha", "ti": "tir", "tn": "tsn", "tr": "tur", "ts": "tso_ZW",
    "tw": "aka_asante", "ug": "uig_arab", "uk": "ukr", "ur": "urd", "uz": "uzn_latn", "uz-Cyrl": "uzn_cyrl",
    "ve": "ven", "vi": "vie", "wo": "wol", "xh": "xho", "yo": "yor", "yue": "yue", "zh": "cmn_hans", "zu": "zul",
}  # fmt: skip


def declaration(language: str) -> list[Query]:
    """Return the first twelve words of each paragraph of the Declaration."""
    path = Path(os.environ["ROBUSTBENCH_IR_DATA"]) / "udhr" / f"{UDHR[language]}.json"
    texts = [nfc(one["text"]) for one in json.loads(path.read_text(encoding="utf-8"))["paragraphs"]]
    ends = [word_spans(text, language)[:12][-1][1] for text in texts]
    return [Query(str(n), language, text[:end], str(n)) for n, (text, end) in enumerate(zip(texts, ends, strict=True))]


def cell(recipe: Recipe, queries: list[Query]) -> str:
    """Return the share of queries that changed, and how many places a query offers."""
    if not recipe.covers(queries[0].language):
        return "-"
    perturbed = recipe.perturb(queries, 3, 0)
    places = sum(one.eligible for one in perturbed) / len(perturbed)
    return f"{coverage(perturbed):.0%} ({places:.1f})"


def table(rows: list[tuple[str, list[Query]]], recipes: list[Recipe]) -> str:
    """Return a Markdown table: a row for each language, a column for each recipe."""
    lines = [f"| language | {' | '.join(recipe.name for recipe in recipes)} |", "|---|" + "---:|" * len(recipes)]
    for language, queries in rows:
        cells = " | ".join(cell(recipe, queries) for recipe in recipes)
        lines.append(f"| {languages()[language].name} ({language}) | {cells} |")
    return "\n".join(lines)


def of_language(task: Task, language: str) -> list[Query]:
    """Return the queries of one language."""
    return [query for query in task.queries if query.language == language]


def main() -> None:
    """Print the page."""
    recipes = [recipe for recipe in map(load_recipe, recipe_names()) if not recipe.card.needs_model]
    xquad, afriqa, mini = (load_task(name) for name in ("xquad-r", "afriqa", "mini"))
    own = [recipe.for_task(mini) for recipe in recipes]
    print("# Coverage of the recipes\n")
    print("<!-- Made by tools/coverage_tables.py; do not edit. -->\n")
    print(
        "Share of queries that really change at severity 3, seed 0, and in brackets the mean number of places in a\n"
        "query that the recipe could change. `-`: the recipe does not touch the language; `irbench recipes show NAME`\n"
        "says why.\n"
    )
    print("## XQuAD-R: 1,190 questions a language\n")
    print(table([(one, of_language(xquad, one)) for one in xquad.query_languages], recipes))
    print("\n## AfriQA: all questions of the test split, and their human translations\n")
    print(table([(one, of_language(afriqa, one)) for one in afriqa.query_languages], recipes))
    print("\n## mini: 60 questions a language, with its own lexicons\n")
    print(table([(one, of_language(mini, one)) for one in mini.query_languages], own))
    print("\n## Other languages: paragraphs of the Universal Declaration of Human Rights, twelve words each\n")
    print(table([(one, declaration(one)) for one in sorted(set(UDHR) - set(xquad.query_languages))], recipes))


if __name__ == "__main__":
    main()
