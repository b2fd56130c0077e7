"""Count in pairs of right and wrong words how often each letter is confused, and print rows of a table of misspellings.

    python tools/fit_misspellings.py --pairs ../shared/realism/russian_pairs.tsv --half 0 > rows.toml

A weight is the number of times that people made the mistake, over the number of times that they could have made it in
the words of the pairs, in percent, times a factor for each operation (`--factors`). Raise and lower the factors until
`irbench audit misspelling --pairs` shows the shares of the people. Only numbers leave this tool, never the pairs.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from robustbench_ir.reports.mistakes import counted, read_pairs, word_pairs

FEWEST, MOST = 3, 170
KINDS = ("delete", "insert", "substitute", "transpose")
Row = tuple[str, str, str]
"""Kind of rule, right, wrong."""


def rows_of(words: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Row]]:
    """Yield, for each operation of the pairs, its kind and the rule that makes it."""
    for right, found in counted(words):
        for kind, place, before, after in found:
            left, here = right[place - 1 : place] if place else "", right[place : place + 1]
            if kind in {"substitute", "transpose"}:
                yield kind, ("confusions", before, after)
            elif kind == "delete":
                twice = before in (left, right[place + 1 : place + 2])
                yield kind, ("single" if twice else "dropped", before, "")
            elif after in (left, here):
                yield kind, ("doubled", after, "")
            elif left:
                yield kind, ("confusions", left, left + after)


def main() -> None:
    """Print the rows of a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, required=True)
    parser.add_argument("--half", type=int, choices=(0, 1), help="use every other line, to test on the rest")
    parser.add_argument("--factors", default="1,1,1,1", help="for delete, insert, substitute, transpose")
    parser.add_argument("--fewest", type=int, default=FEWEST)
    asked = parser.parse_args()
    lines = read_pairs(asked.pairs)
    words = word_pairs(lines if asked.half is None else lines[asked.half :: 2])
    factor = dict(zip(KINDS, map(float, asked.factors.split(",")), strict=True))
    met: Counter[Row] = Counter()
    kind_of: dict[Row, str] = {}
    for kind, row in rows_of(words):
        met[row] += 1
        kind_of[row] = kind
    text = "\n".join(right for right, _ in counted(words))
    print_rows({
        row: factor[kind_of[row]] * number / max(1, text.count(row[1] * 2 if row[0] == "single" else row[1]))
        for row, number in met.most_common(MOST)
        if number >= asked.fewest
    })  # fmt: skip


def print_rows(weights: dict[Row, float]) -> None:
    """Print weights in percent."""
    for table in ("doubled", "single", "dropped"):
        found = [(weight, right) for (kind, right, _), weight in weights.items() if kind == table]
        rows = ", ".join(f'["{right}", {100 * weight:.2f}]' for weight, right in sorted(found, reverse=True))
        print(f"{table} = [{rows}]")
    print("confusions = [")
    for (kind, right, wrong), weight in sorted(weights.items()):
        if kind == "confusions":
            print(f'    ["{right}", "{wrong}", {100 * weight:.2f}],')
    print("]")


if __name__ == "__main__":
    main()
