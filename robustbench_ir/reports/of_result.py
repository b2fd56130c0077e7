"""One result for a notebook or a script: what the methods of `Result` show. A `robustbench_ir.results.presentation`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.findings import Finding
from robustbench_ir.metrics.settings import Setting
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.exports import EXPORTS
from robustbench_ir.reports.page import report_page
from robustbench_ir.reports.plots import Form, figure_bytes, figure_style, figures
from robustbench_ir.reports.terminal import formatted, formatted_with_interval
from robustbench_ir.reports.verdict import verdict_of
from robustbench_ir.reports.worst import find_examples
from robustbench_ir.results.file import save_result
from robustbench_ir.results.naming import RunIdentity, check_not_of_another_run
from robustbench_ir.results.presentation import Plot
from robustbench_ir.results.result import Result

_QUICK = 1_000
"""Resamples of a table that is printed at the end of a notebook cell."""


def save(result: Result, path: Path, *, force: bool) -> Path:
    """Write a result file, and return its path.

    Parameters
    ----------
    result : Result
        The result.
    path : pathlib.Path
        File to write.
    force : bool
        Replace a file that is there, even one of another run.

    Raises
    ------
    ResultError
        If the file is there and of another run, or cannot be written.
    """
    if not force:
        check_not_of_another_run(path, RunIdentity.of(result), "give force=True")
    return save_result(result, path)


def html_table(result: Result) -> str:
    """Return the drops of a result in mAP as an HTML table, the widest setting first."""
    rows = [row for setting in reversed(result.distinct_settings) for row in result.findings(setting, resamples=_QUICK)]
    head = "".join(f"<th>{name}</th>" for name in ("setting", "recipe", "severity", "clean mAP", "attacked mAP", "drop",
                                                  "drop %", "p", "coverage"))  # fmt: skip
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(row))}</tr>" for row in rows)
    note = "± is half the width of the 95% interval; * is p &lt; 0.05, adjusted for all rows of a setting"
    return (
        f"<table><caption>{escape(repr(result)[1:-1])}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table><p>{note}.</p><p><b>{escape(verdict_of(result))}</b></p>"
    )


def _cells(row: Finding) -> tuple[str, ...]:
    return (
        row.setting,
        row.recipe.label,
        str(row.severity) if row.severity else "",
        formatted(row.clean.value, ".3f"),
        formatted(row.attacked.value, ".3f"),
        formatted_with_interval(row.drop, ".3f", row.p_adjusted),
        formatted(row.relative_drop.value, "+.1%"),
        formatted(row.p_adjusted, ".4f"),
        formatted(row.coverage, ".0%"),
    )


def write_page(results: Sequence[Result], path: Path, measure: str, worst: int) -> None:
    """Write the page of a report.

    Parameters
    ----------
    results : sequence of Result
        One or more results.
    path : pathlib.Path
        File to write.
    measure : str
        Such as ``"AP"``.
    worst : int
        Number of queries that lost most.
    """
    sheets = prepare_sheets(_numbered(results), measure)
    write_whole(path, report_page(sheets, find_examples(sheets, worst)).encode())


def latex(results: Sequence[Result], measure: str, setting: Setting | None) -> str:
    """Return the tables of a paper.

    Parameters
    ----------
    results : sequence of Result
        One or more results.
    measure : str
        Such as ``"AP"``.
    setting : str or None
        Setting of a table that shows one; None for the widest.
    """
    return EXPORTS["latex"](prepare_sheets(_numbered(results), measure, setting))


def plot(result: Result, what: str, measure: str, setting: Setting | None) -> Plot:
    """Return a picture of a result.

    Parameters
    ----------
    result : Result
        Result of an attack.
    what : str
        ``"severity"``, ``"languages"`` or ``"bias"``.
    measure : str
        Such as ``"AP"``.
    setting : str or None
        Setting of a picture that shows one; None for the widest.

    Raises
    ------
    OptionError
        If the result has no such picture, or matplotlib is not installed.
    """
    (sheet,) = prepare_sheets(_numbered([result]), measure, setting)
    with figure_style("svg"):
        there = [name for name, _ in figures(sheet)]
    if what not in there:
        offered = f"there are: {', '.join(there)}" if there else "it was not attacked, so that there is none"
        raise OptionError(f"this result has no picture {what!r}; {offered}")

    def draw(form: Form) -> bytes:
        with figure_style(form):
            return figure_bytes(dict(figures(sheet))[what], form)

    return Plot(what, draw)


def _numbered(results: Sequence[Result]) -> list[tuple[str, Result]]:
    return [(f"result {number}", one) for number, one in enumerate(results, start=1)]
