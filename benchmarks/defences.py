"""What cheap defences win on XQuAD-R, monolingual mAP: the table of docs/defences.md.

python benchmarks/defences.py --encoder use-multilingual --languages en,ru
"""

from __future__ import annotations

import argparse

import robustbench_ir as rb

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="use-multilingual")
    parser.add_argument("--languages", default="en,ru")
    parser.add_argument("--severity", type=int, default=3)
    given = parser.parse_args()
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
