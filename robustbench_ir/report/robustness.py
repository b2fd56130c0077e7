"""Tables of a report that take more work: robustness in a few numbers, language bias, worst against average case."""

from __future__ import annotations

import math
from collections.abc import Iterator

from robustbench_ir.report.content import Sheet
from robustbench_ir.report.table import language_name, recipe_name
from robustbench_ir.report.tables import NOTHING, Entry, Table, interval, number
from robustbench_ir.score.bias_findings import BiasFinding
from robustbench_ir.score.summary import ResourceGap, Robustness, WorstLanguage

_BIAS: dict[str, tuple[str, str]] = {
    "rank_distance": ("rank distance (RD), mean", ",.1f"),
    "rank_distance_share": ("RD / (pool - 1)", ".4f"),
    "rank_distance_median": ("RD, median", ",.1f"),
    "own_language_first": ("own language first", ".3f"),
    "english_first": ("English first", ".3f"),
    "rank_correlation": ("rank correlation (MRC)", ".3f"),
    "peer": ("PEER", ".3f"),
}


def more_tables(sheet: Sheet) -> Iterator[Table]:
    """Yield the tables of this module that a sheet has; none where it is one of many (`Sheet.detailed`)."""
    if sheet.detailed and sheet.result.groups:
        yield robustness_table(sheet)
        if sheet.worst_cases:
            yield worst_case_table(sheet)
        if sheet.bias:
            yield bias_table(sheet)


def robustness_table(sheet: Sheet) -> Table:
    """Return area, worst language and resource gap of each recipe, over all queries and over the changed ones."""
    gap = any(one.all_queries.gap for one in sheet.summaries)
    of_gap = ("resource gap, clean", "change of the gap", "95% interval") if gap else ()
    columns = ("recipe", "queries", "area", "95% interval", f"attacked / clean, severity {sheet.severities[-1]}",
               "95% interval", "worst language", "its drop", "95% interval, all languages at once",
               "worst in")  # fmt: skip
    rows = tuple(
        (Entry(sheet.recipe_names[one.recipe]), Entry(which), *_robustness(of), *(_gap(of.gap) if gap else ()))
        for one in sheet.summaries
        for which, of in (("all", one.all_queries), ("changed", one.changed_only))
    )
    return Table(f"{sheet.name}: robustness, {sheet.setting}", (*columns, *of_gap), rows)


def _robustness(of: Robustness) -> Iterator[Entry]:
    yield number(of.area.value, ".3f")
    yield interval(of.area, ".3f")
    yield number(of.curve[-1].value, ".3f")
    yield interval(of.curve[-1], ".3f")
    yield from _worst(of.worst)


def _worst(worst: WorstLanguage | None) -> tuple[Entry, ...]:
    if worst is None:
        return Entry(NOTHING), *[number(math.nan, "")] * 3
    drop = worst.drop
    named = Entry(language_name(worst.language))
    return named, number(drop.value, "+.3f"), interval(drop, "+.3f"), number(worst.share, ".0%")


def _gap(gap: ResourceGap | None) -> tuple[Entry, ...]:
    if gap is None:
        return (number(math.nan, ""),) * 3
    return number(gap.clean.value, "+.3f"), number(gap.change.value, "+.3f"), interval(gap.change, "+.3f")


def bias_table(sheet: Sheet) -> Table:
    """Return each number of language bias under each recipe, at the one severity; the caption says what is missing."""
    columns = ("recipe", "number", "clean", "attacked", "change", "95% interval of the change", "p (Holm)",
               "blind to language")  # fmt: skip
    rows = tuple((Entry(sheet.recipe_names[one.recipe]), *_bias(one)) for one in sheet.bias if not one.refusal)
    missing = dict.fromkeys(f"; no {_BIAS[one.name][0]}: {one.refusal}" for one in sheet.bias if one.refusal)
    return Table(f"{sheet.name}: language bias, severity {sheet.severity}{''.join(missing)}", columns, rows)


def _bias(one: BiasFinding) -> Iterator[Entry]:
    name, form = _BIAS[one.name]
    yield Entry(name)
    yield number(one.clean.value, form)
    yield number(one.attacked.value, form)
    yield number(one.change.value, f"+{form}")
    yield interval(one.change, f"+{form}")
    yield number(one.p_holm, ".4f")
    yield number(one.unbiased, form)


def worst_case_table(sheet: Sheet) -> Table:
    """Return the drop under each search beside that under random perturbations."""
    columns = ("search", "average case", "severity", "average drop", "worst drop", "gap", "95% interval of the gap")
    rows = tuple(
        (
            Entry(sheet.recipe_names[one.worst]),
            Entry(recipe_name(one.average)),
            number(one.severity, "d"),
            number(one.average_drop.value, "+.3f"),
            number(one.worst_drop.value, "+.3f"),
            number(one.gap.value, "+.3f"),
            interval(one.gap, "+.3f"),
        )
        for one in sheet.worst_cases
    )
    return Table(f"{sheet.name}: worst case against average case, {sheet.setting}", columns, rows)
