"""The table of a suite: robust scores beside clean and average ones, and which attacks are the worst."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from robustbench_ir.metrics.robust import RobustScore
from robustbench_ir.metrics.settings import Setting
from robustbench_ir.reports.tables import Table as SheetTable
from robustbench_ir.reports.tables import TableCell, interval_cell, number_cell
from robustbench_ir.reports.terminal import counted, empty_table, formatted, language_name, measured, one_line
from robustbench_ir.results.result import Result
from robustbench_ir.results.suite import Suite

KEPT_MEASURE = "Success@10"
"""With the worst attack of each query, the share of the queries that keep a relevant passage among the first ten."""

_NOTE = (
    "robust = each query as it does under the worst attack of the suite for it, or unchanged; kept = robust / clean; "
    "average = mean over the attacks; ± half the width of the 95% interval (new questions)"
)
_FIXED = (
    "no attack of this suite saw the repairs at work, so that an adversary who knows them may find less robust scores"
)


def suite_table(result: Result, suite: Suite, by: str | None = None, measure: str = "AP") -> RenderableType:
    """Return the robust scores of each setting, and the share of the queries that each attack lowers most.

    Parameters
    ----------
    result : Result
        Result that has all attacks of the suite.
    suite : Suite
        The suite.
    by : {"language"}, optional
        One row for each query language.
    measure : str
        Such as ``"AP"`` (shown as mAP) or ``"nDCG@10"``.

    Raises
    ------
    ResultError
        If the result lacks an attack of the suite.
    """
    found = suite.of(result)
    scores, widest = empty_table(), found.distinct_settings[-1]
    for header in ("setting", *(["language"] if by else [])):
        scores.add_column(header, vertical="bottom")
    name = measured(measure)
    for header in (
        f"clean\n{name}",
        f"average\n{name}",
        f"robust\n{name}",
        "kept",
        "clean\nin top 10",
        "robust\nin top 10",
    ):
        scores.add_column(header, justify="right", vertical="bottom", no_wrap=True)
    for setting in found.distinct_settings:
        both = zip(
            found.robust_scores(setting, measure, by), found.robust_scores(setting, KEPT_MEASURE, by), strict=True
        )
        for row, top in both:
            scores.add_row(setting, *([one_line(language_name(row.language))] if by else []), *_numbers(row, top))
    attacks = counted(len(found.attacked), "attack")
    heading = Text.assemble(("suite ", ""), (suite.identity, "bold"), f": {attacks}; {_adaptivity(found)}")
    notes = [_NOTE, *([_FIXED] if found.encoder.preprocessing and not found.adaptive else [])]
    return Group(
        Text(),
        heading,
        Text(),
        scores,
        Text(),
        _worst(found, widest, measure),
        Text(),
        one_line(f"{'; '.join(notes)}.", "dim"),
    )


def robust_table(result: Result, suite: Suite, measure: str = "AP") -> SheetTable:
    """Return the robust scores of each setting as a table of the page.

    Parameters
    ----------
    result, suite, measure
        See `suite_table`.
    """
    found, name = suite.of(result), measured(measure)
    rows = tuple(
        (
            TableCell(setting),
            number_cell(row.clean.value, ".3f"),
            number_cell(row.average.value, ".3f"),
            number_cell(row.robust.value, ".3f"),
            interval_cell(row.robust, ".3f"),
            number_cell(row.kept.value, ".1%"),
            number_cell(top.clean.value, ".1%"),
            number_cell(top.robust.value, ".1%"),
        )
        for setting in reversed(found.distinct_settings)
        for row, top in zip(
            found.robust_scores(setting, measure), found.robust_scores(setting, KEPT_MEASURE), strict=True
        )
    )
    columns = (
        *("setting", f"clean {name}", f"average {name}", f"robust {name}", "95% interval", "kept"),
        *("clean in top 10", "robust in top 10"),
    )
    caption = f"Suite {suite.identity}: {counted(len(found.attacked), 'attack')}, {_adaptivity(found)}"
    return SheetTable(caption, columns, rows)


def _numbers(row: RobustScore, top: RobustScore) -> Sequence[str]:
    return (
        formatted(row.clean.value, ".3f"),
        formatted(row.average.value, ".3f"),
        f"{formatted(row.robust.value, '.3f')} ±{formatted(row.robust.half_width, '.3f')}",
        formatted(row.kept.value, ".0%"),
        formatted(top.clean.value, ".1%"),
        f"{formatted(top.robust.value, '.1%')} ±{formatted(100 * top.robust.half_width, '.1f')}",
    )


def _adaptivity(result: Result) -> str:
    if not result.adaptive:
        return "all fixed before the encoder was known"
    return "some searched on this encoder" + (", with its repairs at work" if result.encoder.preprocessing else "")


def _worst(result: Result, setting: Setting, measure: str) -> Table:
    """Return how many queries each attack lowers most, the worst attack first."""
    table = empty_table()
    table.add_column("attack", overflow="fold")
    table.add_column("severity", justify="right")
    table.add_column("lowest score of", justify="right")
    shares = sorted(result.worst_shares(setting, measure).items(), key=lambda one: -one[1])
    for (attack, severity), share in shares:
        table.add_row(one_line(attack.label), str(severity), f"{share:.1%}")
    table.caption = f"share of the queries whose lowest score, below the clean one, the attack reaches ({setting})"
    table.caption_justify = "left"
    return table
