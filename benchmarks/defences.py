"""What cheap defences win on XQuAD-R, monolingual mAP: the table of docs/defences.md.

python benchmarks/defences.py --encoder char-ngram --languages en,ru
python benchmarks/defences.py --repairs
"""

from __future__ import annotations

import argparse

import robustbench_ir as rb
from robustbench_ir._base.text import nfc
from robustbench_ir.defences import load_repair

DEFENCES = (
    "",
    "normalised:nfkc:",
    "normalised:invisible:",
    "normalised:confusables:",
    "normalised:spelling:",
    "normalised:deromanise-ru:",
    "smoothed-8:",
)
RECIPES = ("homoglyph", "invisible", "typo", "transliteration")


def repairs() -> None:
    """Print the share of clean questions that each repair changes, and of disguised ones that it undoes."""
    task = rb.load_task("xquad-r")
    pool = [passage.text for passage in task.passages]
    for name, recipe in (("nfkc", ""), ("invisible", "invisible"), ("confusables", "homoglyph"), ("spelling", "")):
        undo = load_repair(name).make(pool)
        once = [undo(query.text) for query in task.queries]
        disguised = rb.load_recipe(recipe).perturb(task.queries, 3, 0) if recipe else []
        undone = [undo(one.text) == text for one, text in zip(disguised, once, strict=False) if one.changed]
        print(name, f"undone {sum(undone)} of {len(undone)}")
        for language in task.query_languages:
            rows = [row for row, query in enumerate(task.queries) if query.language == language]
            print(f"  {language} {sum(once[row] != nfc(task.queries[row].text) for row in rows) / len(rows):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="use-multilingual")
    parser.add_argument("--languages", default="en,ru")
    parser.add_argument("--severity", type=int, default=3)
    parser.add_argument("--repairs", action="store_true", help="tell what repairs do to questions, and encode nothing")
    given = parser.parse_args()
    if given.repairs:
        repairs()
        return
    print(f"| defence of {given.encoder} | clean | {' | '.join(RECIPES)} |\n|{' --- |' * (len(RECIPES) + 2)}")
    for defence in DEFENCES:
        result = rb.attack(
            f"{defence}{given.encoder}",
            "xquad-r",
            RECIPES,
            languages=given.languages.split(","),
            severities=[given.severity],
        )
        scores = [result.score(cell, "monolingual") for cell in (result.clean, *result.attacked)]
        name = f"`{defence[:-1]}`" if defence else "none"
        print(f"| {name} | {' | '.join(f'{score:.3f}' for score in scores)} |", flush=True)


if __name__ == "__main__":
    main()
