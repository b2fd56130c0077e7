"""The report as one HTML file. It loads nothing, and its only script sorts tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_ir._version import __version__
from robustbench_ir.adversary.poisoning import Poisoning
from robustbench_ir.reports.charts import (
    Picture,
    bias_legend,
    bias_pictures,
    comparison_pictures,
    curve_pictures,
    language_pictures,
)
from robustbench_ir.reports.content import Sheet, summary_sentences
from robustbench_ir.reports.defended import Defended, defences_sentence, defences_table
from robustbench_ir.reports.poisoned import SHARES, poisoned
from robustbench_ir.reports.robust import robust_table
from robustbench_ir.reports.shown_queries import text_direction, with_visible_code_points
from robustbench_ir.reports.tables import (
    Table,
    at_damage_table,
    bias_table,
    coverage_table,
    language_comparison_table,
    resource_table,
    robustness_table,
    setting_tables,
    side_by_side_table,
    worst_case_table,
)
from robustbench_ir.reports.templates import inlined, rendered
from robustbench_ir.reports.terminal import counted, language_name
from robustbench_ir.reports.verdict import (
    THRESHOLDS,
    Step,
    findings_in_words,
    next_steps,
    verdict_sentence,
    verdict_table,
)
from robustbench_ir.reports.winner import winner_sentence
from robustbench_ir.reports.worst import Examples, WorstQuery
from robustbench_ir.results.compare import same_scoring
from robustbench_ir.results.suite import largest_suite_in

_PARTS = (
    ("next", "What to try next"),
    ("scores", "Scores"),
    ("severity", "Severity"),
    ("robustness", "Robustness"),
    ("languages", "Languages"),
    ("bias", "Language bias"),
    ("worst", "Hardest-hit queries"),
    ("coverage", "Coverage"),
    ("again", "Reproduce"),
)


@dataclass(frozen=True)
class _Section:
    """One result on the page."""

    key: str
    sheet: Sheet
    heading: str
    verdict: str
    verdicts: Table | None
    summary: list[str]
    steps: Sequence[Step]
    defences: Table | None
    scores: list[Table]
    curves: list[Picture]
    at_damage: Table | None
    suite: Table | None
    robustness: Table | None
    resources: Table | None
    worst_case: Table | None
    languages: list[Picture]
    bias: list[Picture]
    bias_numbers: Table | None
    legend: list[tuple[str, str]]
    worst: Sequence[WorstQuery]
    notes: Sequence[str]
    source: str
    coverage: Table
    counted: str


@dataclass(frozen=True)
class _Comparison:
    """Several results side by side."""

    winner: str
    scores: Table
    curves: list[Picture]
    languages: Table | None


def report_page(
    sheets: Sequence[Sheet],
    examples: Sequence[Examples],
    tried: Sequence[Sequence[Defended]] = (),
    home: str = "",
    every: str = "",
    poisonings: Sequence[Poisoning] = (),
) -> str:
    """Return the page; every text is escaped.

    Parameters
    ----------
    sheets : sequence of Sheet
        One for each result.
    examples : sequence of Examples
        One for each result.
    tried : sequence of sequence of Defended
        The defences that were tried, for each result; empty if none were.
    home : str
        Address of a list of results, to which the page links.
    every : str
        Address of pages with all queries, to which the page links.
    poisonings : sequence of Poisoning
        Injected passages, which get a section of their own.
    """
    defended = list(tried) or [()] * len(sheets)
    return rendered(
        "report.html.jinja",
        {"visible": with_visible_code_points, "language_name": language_name, "direction": text_direction},
        title=_title(sheets),
        version=__version__,
        resamples=sheets[0].resamples,
        **inlined("report.css", "report.js"),
        home=home,
        every=every,
        thresholds=THRESHOLDS,
        parts=_parts(sheets[0]),
        warnings=_warnings(sheets),
        poisonings=list(map(poisoned, poisonings)),
        shares=_share_legend(),
        comparison=_comparison(sheets) if len(sheets) > 1 else None,
        sections=[
            _section(f"r{number}", *one)
            for number, one in enumerate(zip(sheets, examples, defended, strict=True), start=1)
        ],
    )


def _share_legend() -> list[tuple[str, str]]:
    """Return class and meaning of each colour of a heat map of shares."""
    above = [(f"p{size}", f"{limit:.0f}% or more") for size, limit in enumerate(SHARES, start=1)]
    return [("z", f"below {SHARES[0]:.0f}%"), *above]


def _parts(sheet: Sheet) -> list[tuple[str, str]]:
    """Return the sections that the page of one result has."""
    absent = {"robustness"} if not sheet.detailed else set()
    absent |= {"next"} if not next_steps(sheet) else set()
    absent |= {"bias"} if sheet.setting != "multilingual" else set()
    return [part for part in _PARTS if part[0] not in absent] if sheet.result.groups else list(_PARTS[-1:])


def _title(sheets: Sequence[Sheet]) -> str:
    tasks = ", ".join(dict.fromkeys(sheet.result.task for sheet in sheets))
    return f"{sheets[0].name} on {tasks}" if len(sheets) == 1 else f"{len(sheets)} results on {tasks}"


def _warnings(sheets: Sequence[Sheet]) -> list[str]:
    found = []
    if len({sheet.result.task_digest for sheet in sheets}) > 1:
        found.append("These results are not of the same texts and judgements: their numbers cannot be compared.")
    if len({(sheet.setting, sheet.severity) for sheet in sheets}) > 1:
        shown = "; ".join(f"{sheet.name}: {sheet.setting}, severity {sheet.severity}" for sheet in sheets)
        found.append(f"These results are not shown in the same setting and at the same severity: {shown}.")
    if len(sheets) > 1 and len({tuple(sheet.recipes) for sheet in sheets}) > 1:
        found.append("These results are not of the same recipes or versions of recipes: compare those that all have.")
    scoring = same_scoring([sheet.result for sheet in sheets])
    if scoring:
        found.append(f"{scoring[0].upper()}{scoring[1:]}.")
    return found


def _comparison(sheets: Sequence[Sheet]) -> _Comparison:
    attacked = [sheet for sheet in sheets if sheet.result.groups]
    return _Comparison(
        winner_sentence(sheets),
        side_by_side_table(sheets),
        list(comparison_pictures(sheets)),
        language_comparison_table(attacked) if attacked else None,
    )


def _section(key: str, sheet: Sheet, examples: Examples, tried: Sequence[Defended]) -> _Section:
    bias = list(bias_pictures(sheet)) if sheet.setting == "multilingual" else []
    detailed = sheet.detailed and bool(sheet.result.groups)
    return _Section(
        key,
        sheet,
        _heading(sheet),
        verdict_sentence(sheet.verdicts, sheet.name, sheet.recipe_names),
        verdict_table(sheet) if sheet.verdicts else None,
        [
            *summary_sentences(sheet),
            *findings_in_words(sheet),
            *([defences_sentence(sheet, tried)] if tried else []),
        ],
        next_steps(sheet, tried=bool(tried)),
        defences_table(sheet, tried) if tried else None,
        setting_tables(sheet),
        list(curve_pictures(sheet)),
        at_damage_table(sheet) if sheet.at_damage else None,
        _suite(sheet),
        robustness_table(sheet) if detailed else None,
        resource_table(sheet) if detailed and any(one.all_queries.gaps for one in sheet.summaries) else None,
        worst_case_table(sheet) if detailed and sheet.worst_cases else None,
        list(language_pictures(sheet)),
        bias,
        bias_table(sheet) if detailed and bias and sheet.bias else None,
        bias_legend(sheet) if bias else [],
        examples.worst,
        examples.notes,
        examples.source,
        coverage_table(sheet),
        _counted(sheet),
    )


def _suite(sheet: Sheet) -> Table | None:
    suite = largest_suite_in(sheet.result)
    return robust_table(sheet.result, suite, sheet.measure) if suite else None


def _counted(sheet: Sheet) -> str:
    """Return what coverage counts, in words."""
    if not sheet.result.knows_inputs:
        return "share of queries whose text changed"
    return "share of queries whose change reaches the encoder"


def _heading(sheet: Sheet) -> str:
    layout = sheet.result.judgements
    seeds = len({cell.seed for cell in sheet.result.attacked})
    severities = ", ".join(map(str, sheet.severities)) or "none"
    return (
        f"{sheet.result.task}: {counted(len(layout.query_ids), 'query', 'queries')} in "
        f"{counted(len(layout.query_languages), 'language')}, {counted(layout.pool_size, 'passage')} in "
        f"{len(layout.pool)}; severity {severities}; {counted(seeds, 'seed')}; "
        f"made by robustbench-ir {sheet.result.version}"
    )
