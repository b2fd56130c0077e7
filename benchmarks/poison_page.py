"""Write docs/poison-numbers.md from result files of `irbench poison`, and the tables of docs/poison.md from that.

    python benchmarks/poison_page.py runs/*.json

Files are those that the commands on the page write. docs/poison.md has the matrix of the first one.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import robustbench_ir as rb
from robustbench_ir.adversary.poisoning import ALL, DEPTHS, Depth, Poisoning, Reach
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.reports.terminal import short_name

DOCS = Path(__file__).parents[1] / "docs"
_SIGNIFICANT = 0.05
_HEAD = """\
# Injected passages: all numbers

Made by `python benchmarks/poison_page.py FILES`, from the files of the commands below.
[Poisoned corpora](poison.md) says what is measured, what the numbers show, and what a reader may not conclude.

Cells are percent of the questions, with half the width of the 95% interval (bootstrap over questions).
Rows: language of the injected passage; columns: language of the query. *others* is the mean over the other languages.
"""

_SUMMARY = """\
## All runs

ASR: mean over all pairs of two different languages. Drop: mean over source languages, in the pool of all languages.
Caught: mean over source languages, at thresholds that flag about 5% of the honest passages.
"""


def percent(share: Estimate | None) -> str:
    """Return a share with its interval, in whole percent."""
    if share is None or math.isnan(share.value):
        return "–"
    whole = f"{100 * share.value:.0f}"
    whole = whole if share.value in {0.0, 1.0} else {"0": "<1", "100": ">99"}.get(whole, whole)
    return whole if math.isnan(share.half_width) else f"{whole} ±{100 * share.half_width:.0f}"


def row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def matrix(found: Poisoning, depth: Depth, cells: Sequence[Reach]) -> Iterator[str]:
    """Yield the lines of a matrix."""
    share = {(one.source, one.language): one.share for one in cells}
    columns = (*found.query_languages, ALL)
    yield row([f"ASR@{depth}", *columns[:-1], "others"])
    yield row(["---", *["--:"] * len(columns)])
    for source in (*found.sources, ALL):
        name = "others" if source == ALL else source
        yield row([name, *(percent(share.get((source, language))) for language in columns)])


def section(found: Poisoning, path: Path) -> Iterator[str]:
    """Yield the lines about one file."""
    who, crafter = short_name(found.encoder.name), found.crafter and short_name(found.crafter.name)
    task, _, drawn = found.task.partition("@")
    words = ["irbench", "poison", "--model", who, "--task", task]
    if "-questions" in drawn:
        words += ["--questions", drawn.split("-")[1]]
    words += ["--craft", found.craft, *(["--craft-on", crafter] if crafter else [])]
    words += ["--encodings", str(found.encodings)] if found.encodings else []
    yield f"## {who} on {found.task}: {found.craft}{f', crafted on {crafter}' if crafter else ''}"
    yield from ("", f"`{' '.join(words)}`", "")
    for depth in reversed(DEPTHS):
        yield from matrix(found, depth, found.matrix(depth))
        yield ""
    pairs = found.asymmetries()
    far = sum(one.p_adjusted < _SIGNIFICANT for one in pairs)
    if pairs:
        yield f"ASR@10 differs by direction in {far} of {len(pairs)} pairs of languages (p < 0.05, adjusted for all)."
        yield ""
    yield from honest(found)
    yield from ("", f"Made in {sum(found.timings.values()):,.0f} s (`{path.name}`).", "")


def honest(found: Poisoning) -> Iterator[str]:
    """Yield the lines about honest passages and detectors."""
    applied = {(one.source, one.detector): one for one in found.detections if not one.reason}
    detectors = list(dict.fromkeys(detector for _, detector in applied))
    yield row(
        ["injected in", "drop of mAP", "drop of nDCG@10", *(f"caught by {one}, at what cost" for one in detectors)]
    )
    yield row(["---", "--:", "--:", *["--:"] * len(detectors)])
    drops = {measure: {one.source: one for one in found.drops(measure)} for measure in ("AP", "nDCG@10")}
    for source in found.sources:
        cells = [f"{one.drop.value:.3f} ±{one.drop.half_width:.3f}" for one in (of[source] for of in drops.values())]
        caught = [
            "–" if one is None else f"{percent(one.caught)} for {100 * one.cost:.0f}"
            for one in (applied.get((source, detector)) for detector in detectors)
        ]
        yield row([source, *cells, *caught])


def summary(every: Sequence[Poisoning]) -> Iterator[str]:
    """Yield the lines of a table with a row for each file."""
    detectors = ("perplexity", "density")
    yield row(
        ["encoder", "task", "craft", "ASR@10", "ASR@1", "drop of mAP", *(f"caught by {one}" for one in detectors)]
    )
    yield row(["---", "---", "---", *["--:"] * 5])
    for found in every:
        of_all = [
            next(one.share for one in found.matrix(depth) if one.source == one.language == ALL) for depth in (10, 1)
        ]
        drop = np.mean([one.drop.value for one in found.drops("AP")])
        caught = [
            np.mean(
                [one.caught.value for one in found.detections if one.detector == name and not one.reason] or [np.nan]
            )
            for name in detectors
        ]
        crafter = f" on {short_name(found.crafter.name)}" if found.crafter else ""
        cells = [*map(percent, of_all), f"{drop:.3f}", *(f"{100 * one:.0f}" for one in caught)]
        yield row([short_name(found.encoder.name), found.task.split("@")[0], f"{found.craft}{crafter}", *cells])


def numbers_page(files: Sequence[Path]) -> str:
    """Return docs/poison-numbers.md."""
    every = list(map(rb.load_poisoning, files))
    sections = ["\n".join(section(found, path)).strip() for path, found in zip(files, every, strict=True)]
    return "\n\n".join([_HEAD.strip(), _SUMMARY.strip(), "\n".join(summary(every)), *sections]) + "\n"


def with_tables(page: str, numbers: str) -> str:
    """Return docs/poison.md with the table of all runs and the first matrix of the page of numbers."""
    first = re.search(r"^\| ASR@10 \| .*?(?=\n\n)", numbers, re.MULTILINE | re.DOTALL)
    runs = re.search(r"^\| encoder \| .*?(?=\n\n)", numbers, re.MULTILINE | re.DOTALL)
    if not first or not runs:
        raise SystemExit(
            "the page of numbers has no matrix or no table of all runs; give result files of irbench poison"
        )
    without_intervals = re.sub(r" ±\d+", "", first[0])
    for mark, table in (("craft table", runs[0]), ("e5 matrix", without_intervals)):
        before, rest = page.split(f"<!-- {mark} -->\n")
        page = f"{before}<!-- {mark} -->\n{table}\n<!-- end of {mark} -->{rest.partition(f'<!-- end of {mark} -->')[2]}"
    return page


def main() -> None:
    """Read the arguments, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    numbers = numbers_page(parser.parse_args().files)
    (DOCS / "poison-numbers.md").write_text(numbers, encoding="utf-8")
    page = DOCS / "poison.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8"), numbers), encoding="utf-8")


if __name__ == "__main__":
    main()
