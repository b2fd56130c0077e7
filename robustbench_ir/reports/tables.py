"""The tables of a report: the same on the page, in Markdown and in LaTeX."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_ir._base.listed import in_words
from robustbench_ir.metrics.bias_findings import BiasFinding
from robustbench_ir.metrics.findings import Finding
from robustbench_ir.metrics.resource_gap import ResourceGap
from robustbench_ir.metrics.settings import Setting
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.metrics.summary import Robustness, WorstLanguage
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.reports.content import LanguageDrop, Score, Sheet
from robustbench_ir.reports.terminal import MOSTLY_COVERED, language_name, rank_distance_references
from robustbench_ir.results.verdict import overall

_NOTHING = "–"


@dataclass(frozen=True)
class TableCell:
    """A cell of a table.

    Attributes
    ----------
    text : str
        The text that is shown.
    value : float or None
        The number by which the column is sorted; None in columns of words.
    """

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table; each column holds either words or numbers.

    Attributes
    ----------
    caption : str
        Heading of the table.
    columns : tuple of str
        Name of each column.
    rows : tuple of tuple of TableCell
        The rows.
    judges : bool
        Whether the second column holds verdicts.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    judges: bool = False

    def is_numeric(self, column: int) -> bool:
        """Return True if a column holds numbers."""
        return bool(self.rows) and self.rows[0][column].value is not None


def number_cell(value: float, form: str) -> TableCell:
    """Return the cell of a number, with a dash for NaN.

    Parameters
    ----------
    value : float
        The number.
    form : str
        Format, such as ``"+.3f"``.
    """
    return TableCell(_NOTHING if math.isnan(value) else f"{value:{form}}", value)


def interval_cell(estimate: Estimate, form: str) -> TableCell:
    """Return the cell of an interval, such as ``+0.096 to +0.108``; it is sorted by its lower end.

    Parameters
    ----------
    estimate : Estimate
        Number with its interval.
    form : str
        Format, such as ``"+.3f"``.
    """
    if math.isnan(estimate.low):
        return TableCell(_NOTHING, math.nan)
    return TableCell(f"{estimate.low:{form}} to {estimate.high:{form}}", estimate.low)


def drops_table(sheet: Sheet) -> Table:
    """Return the drops in every setting under every recipe and severity, the widest setting first."""
    bias = sheet.result.has_rank_distance
    shown = _Shown.of(list(_scores(sheet)), bias=bias, setting=True)
    rows = (row for setting in reversed(sheet.settings) for row in _score_rows(sheet, setting, shown))
    return Table(f"{sheet.name}: scores{_references(sheet) if bias else ''}", shown.columns(sheet), tuple(rows))


def setting_tables(sheet: Sheet) -> list[Table]:
    """Return the drops in a table for each setting, the widest first; the multilingual one has rank distance too."""
    tables = []
    for setting in reversed(sheet.settings):
        bias = sheet.result.has_rank_distance and setting == "multilingual"
        shown = _Shown.of(list(_scores(sheet)), bias=bias, setting=False)
        caption = f"{sheet.name}: {setting} setting{_references(sheet) if bias else ''}"
        tables.append(Table(caption, shown.columns(sheet), tuple(_score_rows(sheet, setting, shown))))
    return tables


@dataclass(frozen=True)
class _Shown:
    """Which columns a table of scores has, besides those that every one has.

    Attributes
    ----------
    setting, changed, bias, texts : bool
        Whether there are the setting, the drop over changed queries only, rank distance, and the share of changed
        texts.
    """

    setting: bool
    changed: bool
    bias: bool
    texts: bool

    @classmethod
    def of(cls, every: Sequence[Score], *, bias: bool, setting: bool) -> _Shown:
        changed = any(one.coverage < MOSTLY_COVERED for one in every)
        return cls(setting, changed, bias, any(map(_texts_differ, every)))

    def columns(self, sheet: Sheet) -> tuple[str, ...]:
        name = sheet.measure_name
        return ("recipe", "severity", *(("setting",) if self.setting else ()), f"clean {name}", f"attacked {name}",
                "drop", "95% interval of the drop", "drop %", *(("drop, changed only",) if self.changed else ()),
                *(("clean RD", "RD change", "95% interval of RD change") if self.bias else ()), "coverage",
                *(("text changed",) if self.texts else ()), "words touched", "edits")  # fmt: skip


def _scores(sheet: Sheet) -> Iterator[Score]:
    return (one for found in sheet.scores.values() for one in found)


def _references(sheet: Sheet) -> str:
    return f"; {rank_distance_references(sheet.result)}"


def _score_rows(sheet: Sheet, setting: Setting, shown: _Shown) -> Iterator[tuple[TableCell, ...]]:
    """Yield the rows of a setting: each recipe and severity, then those by relation."""
    named = [(sheet.recipe_names.get(one.recipe, one.recipe.label), one) for one in sheet.scores[setting]]
    named += [(f"{sheet.recipe_names[one.recipe]}, {one.relation}", _score_of(one)) for one in sheet.relations[setting]]
    for name, one in named:
        where = (TableCell(setting),) if shown.setting else ()
        yield TableCell(name), number_cell(one.severity, "d"), *where, *_numbers(one, shown)


def _score_of(one: Finding) -> Score:
    """Return a finding as the score of a table."""
    return Score(
        *(one.recipe, one.severity, one.setting, one.clean.value, one.drop),
        *(one.clean_rank_distance.value, one.rank_distance_change),
        *(one.coverage, one.text_coverage, one.touched, one.edit_rate, one.changed_only.value),
    )


def _texts_differ(one: Score) -> bool:
    """Return whether more texts changed than the encoder reads of, as far as a table shows it."""
    return f"{one.coverage:.0%}" != f"{one.text_coverage:.0%}"


def _numbers(one: Score, shown: _Shown) -> tuple[TableCell, ...]:
    distance = one.rank_distance_change
    of_distance = (
        number_cell(one.clean_rank_distance, ",.1f"),
        number_cell(distance.value, "+,.1f"),
        interval_cell(distance, "+,.1f"),
    )
    return (
        number_cell(one.clean, ".3f"),
        number_cell(one.attacked, ".3f"),
        number_cell(one.drop.value, "+.3f"),
        interval_cell(one.drop, "+.3f"),
        number_cell(one.relative, "+.1%"),
        *((number_cell(one.changed_only, "+.3f"),) if shown.changed else ()),
        *(of_distance if shown.bias else ()),
        number_cell(one.coverage, ".0%"),
        *((number_cell(one.text_coverage, ".0%"),) if shown.texts else ()),
        number_cell(one.touched, ".0%"),
        number_cell(one.edit_rate, ".1%"),
    )


def language_table(sheet: Sheet, recipe: AttackIdentity | None) -> Table:
    """Return the relative and the absolute drop by query language.

    Parameters
    ----------
    sheet : Sheet
        The result.
    recipe : AttackIdentity or None
        The attack; None for the mean over recipes.
    """
    drops = sheet.by_language[recipe]
    columns = (
        *("language", "resource class", "relative drop", "95% interval"),
        *(f"drop in {sheet.measure_name}", "95% interval of the drop", "remark"),
    )
    rows = [
        (
            TableCell(one.name),
            _resource_class(one),
            number_cell(one.relative.value, "+.1%"),
            interval_cell(one.relative, "+.1%"),
            number_cell(one.estimate.value, "+.3f"),
            interval_cell(one.estimate, "+.3f"),
            TableCell(one.reason),
        )
        for one in drops
    ]
    what = sheet.heading(recipe)
    return Table(f"{sheet.name}: drop by query language, {what}", columns, tuple(rows))


def _resource_class(one: LanguageDrop) -> TableCell:
    known = one.resource_class
    return TableCell(_NOTHING, math.nan) if known is None else TableCell(str(known), float(known))


def rank_change_table(sheet: Sheet, recipe: AttackIdentity) -> Table:
    """Return the change of the mean rank by query language and passage language.

    Parameters
    ----------
    sheet : Sheet
        The result.
    recipe : AttackIdentity
        The attack.
    """
    layout, changes = sheet.result.judgements, sheet.rank_changes[recipe]
    margins = sheet.rank_margins.get(recipe, np.full(changes.shape, np.nan))
    rows = [
        (TableCell(language_name(language)), *map(_rank_change, *lines))
        for language, *lines in zip(layout.query_languages, changes.tolist(), margins.tolist(), strict=True)
    ]
    return Table(
        f"{sheet.name}: change of the mean rank, {sheet.recipe_names[recipe]}",
        ("query language", *(language_name(language) for language in layout.pool)),
        tuple(rows),
    )


def _rank_change(change: float, margin: float) -> TableCell:
    found = number_cell(change, "+,.1f")
    return found if math.isnan(change) or math.isnan(margin) else TableCell(f"{found.text} ±{margin:,.1f}", change)


def coverage_table(sheet: Sheet) -> Table:
    """Return the coverage of each recipe by language; beside it the share of changed texts, where that is another."""
    columns: list[str] = []
    shown: list[list[TableCell]] = []
    for recipe in sheet.rank_changes:
        name = sheet.recipe_names[recipe]
        read, texts = (
            [number_cell(shares.get(recipe, math.nan), ".0%") for shares in of.values()]
            for of in (sheet.coverage, sheet.text_coverage)
        )
        columns.append(name)
        shown.append(read)
        if [one.text for one in read] != [one.text for one in texts]:
            columns.append(f"{name}, text")
            shown.append(texts)
    names = [TableCell(language_name(language)) for language in sheet.coverage]
    of_texts = " and changed texts" if len(columns) > len(sheet.rank_changes) else ""
    return Table(f"{sheet.name}: coverage{of_texts}", ("language", *columns), tuple(zip(names, *shown, strict=True)))


def side_by_side_table(sheets: Sequence[Sheet]) -> Table:
    """Return attacked scores and drops of several results side by side, each in its setting at its severity."""
    recipes = dict.fromkeys(recipe for sheet in sheets for recipe in sheet.recipe_names.values())
    rows = []
    for sheet in sheets:
        found = {sheet.recipe_names[one.recipe]: one for one in sheet.at_severity}
        clean = sheet.result.score(sheet.result.clean, sheet.setting, sheet.measure)
        pairs = [_attacked_and_drop(found.get(name)) for name in recipes]
        said = TableCell(_by_what(sheet))
        rows.append((TableCell(sheet.name), said, number_cell(clean, ".3f"), *(one for pair in pairs for one in pair)))
    first = sheets[0]
    names = tuple(f"{name}, {what}" for name in recipes for what in ("attacked", "drop"))
    caption = f"{first.measure_name} clean and attacked, and its drop, at severity {first.severity}, {first.setting}"
    return Table(caption, ("encoder", "verdict", f"clean {first.measure_name}", *names), tuple(rows), judges=True)


def _by_what(sheet: Sheet) -> str:
    """Return the verdict on all attacks, with the attacks that decide it."""
    word = overall(sheet.verdicts)
    by = in_words([sheet.recipe_names[one.recipe] for one in sheet.verdicts if one.word == word])
    return f"{word} by {by}" if word in {"shaken", "broken"} else word


def _attacked_and_drop(one: Score | None) -> tuple[TableCell, TableCell]:
    if one is None:
        return number_cell(math.nan, ""), number_cell(math.nan, "")
    return number_cell(one.attacked, ".3f"), _with_margin(one)


def _with_margin(one: Score) -> TableCell:
    margin = one.drop.half_width
    return TableCell(f"{one.drop.value:+.3f}" + ("" if math.isnan(margin) else f" ± {margin:.3f}"), one.drop.value)


def language_comparison_table(sheets: Sequence[Sheet]) -> Table:
    """Return the relative drop by query language of several results side by side.

    It is the mean over the recipes that cover all languages in all results; without any of them there are no rows.
    """
    first, *others = sheets
    over = [one for one in first.shared_recipes if all(one in other.shared_recipes for other in others)]
    found = [{one.language: one for one in sheet.mean_by_language(over)} for sheet in sheets] if over else []
    names = dict.fromkeys(language for drops in found for language in drops)
    rows = [
        (
            TableCell(language_name(name)),
            _resource_class(next(drops[name] for drops in found if name in drops)),
            *(number_cell(drops[name].relative.value if name in drops else math.nan, "+.1%") for drops in found),
        )
        for name in names
    ]
    columns = ("language", "resource class", *(sheet.name for sheet in sheets))
    recipes = in_words([first.recipe_names[one] for one in over])
    what = f"mean over {recipes}" if len(over) > 1 else f"under {recipes}"
    return Table(f"Relative drop in {first.measure_name} by query language, {what}", columns, tuple(rows))


# Tables that need more computation: robustness in a few numbers, language bias, worst against average case.

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
    """Yield the tables that a sheet has of drops at a common damage, robustness, worst case and language bias."""
    if sheet.at_damage:
        yield at_damage_table(sheet)
    if sheet.detailed and sheet.result.groups:
        yield robustness_table(sheet)
        if any(one.all_queries.gaps for one in sheet.summaries):
            yield resource_table(sheet)
        if sheet.worst_cases:
            yield worst_case_table(sheet)
        if sheet.bias:
            yield bias_table(sheet)


def at_damage_table(sheet: Sheet) -> Table:
    """Return the drops where the queries are `Sheet.damage` from the clean ones."""
    columns = ("recipe", "setting", "language", "drop", "95% interval of the drop", "drop %", "highest edits", "remark")
    rows = tuple(
        (
            TableCell(sheet.recipe_names[one.recipe]),
            TableCell(one.setting),
            TableCell(language_name(one.language)),
            number_cell(one.drop.value, "+.3f"),
            interval_cell(one.drop, "+.3f"),
            number_cell(one.relative_drop.value, "+.1%"),
            number_cell(one.highest, ".1%"),
            TableCell(one.remark),
        )
        for one in sheet.at_damage
    )
    return Table(f"{sheet.name}: drop at an edit distance of {sheet.damage:.1%} of a query", columns, rows)


def robustness_table(sheet: Sheet) -> Table:
    """Return area and worst language of each recipe, over all queries and over the changed ones."""
    columns = ("recipe", "queries", "area", "95% interval", f"attacked / clean, severity {sheet.severities[-1]}",
               "95% interval", "worst language", "its relative drop", "95% interval, all languages at once",
               "its drop", "worst in", "edits in it / in the others")  # fmt: skip
    rows = tuple(
        (TableCell(sheet.recipe_names[one.recipe]), TableCell(which), *_robustness(of))
        for one in sheet.summaries
        for which, of in (("all", one.all_queries), ("changed", one.changed_only))
    )
    return Table(f"{sheet.name}: robustness, {sheet.setting}{_towards_passages(sheet)}", columns, rows)


def _towards_passages(sheet: Sheet) -> str:
    """Return the part of a caption that says where switching is translation; empty where it is not."""
    said = {
        "left out": "without the pairs whose queries are switched towards the passages' language",
        "all": "every query is switched towards the passages' language, where a gain is translation",
    }
    found = [(sheet.recipe_names[one.recipe], said.get(one.towards_passages)) for one in sheet.summaries]
    return "".join(f"; {name}: {text}" for name, text in found if text)


def _robustness(of: Robustness) -> Iterator[TableCell]:
    yield number_cell(of.area.value, ".3f")
    yield interval_cell(of.area, ".3f")
    yield number_cell(of.curve[-1].value, ".3f")
    yield interval_cell(of.curve[-1], ".3f")
    yield from _worst(of.worst)
    yield _edits(of, [] if of.worst is None else [of.worst.language])


def _edits(of: Robustness, languages: Collection[str], others: Collection[str] | None = None) -> TableCell:
    """Return the mean edit rates of two groups of languages; `others` are by default all that are not in the first."""
    rest = [one for one in of.edit_rates if one not in languages] if others is None else others
    rates = (of.edit_rate(languages), of.edit_rate(rest))
    return TableCell(" / ".join(_NOTHING if math.isnan(rate) else f"{rate:.1%}" for rate in rates))


def _worst(worst: WorstLanguage | None) -> tuple[TableCell, ...]:
    if worst is None:
        return TableCell(_NOTHING), *[number_cell(math.nan, "")] * 4
    return (
        TableCell(language_name(worst.language)),
        number_cell(worst.relative_drop.value, "+.1%"),
        interval_cell(worst.relative_drop, "+.1%"),
        number_cell(worst.drop.value, "+.3f"),
        number_cell(worst.share, ".0%"),
    )


_KINDS: dict[str, str] = {
    "": "the same in all",
    "embedded": "words of another language",
    "romanised": "romanised",
    "diacritics": "diacritics dropped",
    "other-script": "another script",
}


def resource_table(sheet: Sheet) -> Table:
    """Return how much more low-resource languages lose than high-resource ones, by recipe and kind of change."""
    columns = ("recipe", "queries", "kind of change", "low-resource languages", "high-resource languages",
               "drop %, low", "drop %, high", "low - high, points", "95% interval", "the same, absolute",
               "95% interval, absolute", "remark", "edits, low / high")  # fmt: skip
    rows = tuple(
        (TableCell(sheet.recipe_names[one.recipe]), TableCell(which), *_gap(gap), _edits(of, gap.low, gap.high))
        for one in sheet.summaries
        for which, of in (("all", one.all_queries), ("changed", one.changed_only))
        for gap in of.gaps
    )
    return Table(f"{sheet.name}: low- and high-resource languages, {sheet.setting}", columns, rows)


def _gap(gap: ResourceGap) -> Iterator[TableCell]:
    yield TableCell(_KINDS[gap.kind])
    yield TableCell(", ".join(gap.low) or _NOTHING)
    yield TableCell(", ".join(gap.high) or _NOTHING)
    yield number_cell(gap.low_drop.value, "+.1%")
    yield number_cell(gap.high_drop.value, "+.1%")
    yield number_cell(gap.relative.value * 100, "+.1f")
    yield interval_cell(Estimate(*(100 * one for one in vars(gap.relative).values())), "+.1f")
    yield number_cell(gap.absolute.value, "+.3f")
    yield interval_cell(gap.absolute, "+.3f")
    yield TableCell(gap.refusal)


def bias_table(sheet: Sheet) -> Table:
    """Return the numbers of language bias under each recipe at the one severity; the caption names missing ones."""
    columns = ("recipe", "number", "clean", "attacked", "change", "95% interval of the change", "p (adjusted)",
               "blind to language", "random ranking")  # fmt: skip
    rows = tuple((TableCell(sheet.recipe_names[one.recipe]), *_bias(one)) for one in sheet.bias if not one.refusal)
    missing = dict.fromkeys(f"; no {_BIAS[one.name][0]}: {one.refusal}" for one in sheet.bias if one.refusal)
    return Table(f"{sheet.name}: language bias, severity {sheet.severity}{''.join(missing)}", columns, rows)


def _bias(one: BiasFinding) -> Iterator[TableCell]:
    name, form = _BIAS[one.name]
    yield TableCell(name)
    yield number_cell(one.clean.value, form)
    yield number_cell(one.attacked.value, form)
    yield number_cell(one.change.value, f"+{form}")
    yield interval_cell(one.change, f"+{form}")
    yield number_cell(one.p_adjusted, ".4f")
    yield number_cell(one.unbiased, form)
    yield number_cell(one.random, form)


def worst_case_table(sheet: Sheet) -> Table:
    """Return the drop under each search beside that under random perturbations."""
    columns = ("search", "average case", "severity", "average relative drop", "worst relative drop", "relative gap",
               "95% interval of it", "average drop", "worst drop", "gap", "95% interval of it")  # fmt: skip
    rows = tuple(
        (
            TableCell(sheet.recipe_names[one.worst]),
            TableCell(one.average.label),
            number_cell(one.severity, "d"),
            number_cell(one.average_relative_drop.value, "+.1%"),
            number_cell(one.worst_relative_drop.value, "+.1%"),
            number_cell(one.relative_gap.value, "+.1%"),
            interval_cell(one.relative_gap, "+.1%"),
            number_cell(one.average_drop.value, "+.3f"),
            number_cell(one.worst_drop.value, "+.3f"),
            number_cell(one.gap.value, "+.3f"),
            interval_cell(one.gap, "+.3f"),
        )
        for one in sheet.worst_cases
    )
    return Table(f"{sheet.name}: worst case against average case, {sheet.setting}", columns, rows)
