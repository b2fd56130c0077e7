"""Print the table of docs/suites.md from result files of `irbench attack --suite`.

python benchmarks/suite_page.py bm25.json use-multilingual.json char-ngram.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import robustbench_ir as rb
from robustbench_ir.metrics.settings import Setting
from robustbench_ir.reports.robust import KEPT_MEASURE
from robustbench_ir.reports.terminal import short_name

_SETTINGS: tuple[Setting, ...] = ("monolingual", "multilingual")


def lines(path: Path) -> list[str]:
    """Return a row for each setting of a result."""
    suite = rb.load_suite("standard")
    found = suite.of(rb.load_result(path))
    rows = []
    for setting in _SETTINGS:
        (row,) = found.robust_scores(setting)
        (top,) = found.robust_scores(setting, KEPT_MEASURE)
        worst = sorted(found.worst_shares(setting).items(), key=lambda one: -one[1])[:2]
        named = ", ".join(f"{attack.label} {share:.0%}" for (attack, _), share in worst)
        cells = (
            short_name(found.encoder.name),
            setting,
            f"{row.clean.value:.3f}",
            f"{row.average.value:.3f}",
            f"{row.robust.value:.3f} ±{row.robust.half_width:.3f}",
            f"{row.kept.value:.0%} ±{100 * row.kept.half_width:.0f}",
            f"{top.clean.value:.0%}",
            f"{top.robust.value:.0%} ±{100 * top.robust.half_width:.0f}",
            named,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Read the arguments, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    print("| encoder | setting | clean mAP | average | robust mAP | kept | top 10 | robust@10 | worst attacks |")
    print("|---|---|--:|--:|--:|--:|--:|--:|---|")
    for path in parser.parse_args().files:
        print("\n".join(lines(path)))


if __name__ == "__main__":
    main()
