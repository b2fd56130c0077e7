"""The pictures of a report, each with the table behind it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from robustbench_ir.report.charts import (
    COLOURS,
    Bar,
    Line,
    Point,
    bar_chart,
    compact,
    heat_bounds,
    heat_map,
    line_chart,
)
from robustbench_ir.report.content import LanguageDrop, Sheet
from robustbench_ir.report.table import language_name
from robustbench_ir.report.tables import Entry, Table, language_table, number, rank_change_table
from robustbench_ir.score.settings import Setting

_LARGEST_MAP = 24
"""Languages of a heat map at most; more would be too small to read."""


@dataclass(frozen=True)
class Picture:
    """A picture, its heading, and the table behind it."""

    heading: str
    image: Markup
    table: Table


def curves(sheet: Sheet, setting: Setting) -> tuple[Line, ...]:
    """Return one curve a recipe, from clean to the highest severity, with the interval of the drop as its band."""
    return tuple(
        Line(name, _points(sheet, setting, recipe), number % COLOURS)
        for number, (recipe, name) in enumerate(sheet.recipe_names.items())
    )


def _points(sheet: Sheet, setting: Setting, recipe: str) -> tuple[Point, ...]:
    found = [one for one in sheet.scores[setting] if one.recipe == recipe]
    found.sort(key=lambda one: one.severity)
    clean = found[0].clean
    return (
        Point(0, clean, clean, clean),
        *(Point(one.severity, one.attacked, clean - one.drop.high, clean - one.drop.low) for one in found),
    )


def curve_pictures(sheet: Sheet) -> Iterator[Picture]:
    """Yield the severity curves of each setting."""
    for setting in sheet.result.settings if sheet.result.groups else ():
        title = f"{sheet.measure_name} of {sheet.name} by severity, {setting}"
        lines = curves(sheet, setting)
        yield Picture(setting, line_chart(title, lines, "severity", sheet.measure_name), _curve_table(title, lines))


def comparison_pictures(sheets: Sequence[Sheet]) -> Iterator[Picture]:
    """Yield the severity curves of each recipe, one curve a result."""
    names = dict.fromkeys(name for sheet in sheets for name in sheet.recipe_names.values())
    for name in names:
        lines = tuple(
            Line(sheet.name, _points(sheet, sheet.setting, recipe), place % COLOURS)
            for place, sheet in enumerate(sheets)
            for recipe, own in sheet.recipe_names.items()
            if own == name
        )
        title = f"{sheets[0].measure_name} by severity under {name}, {sheets[0].setting}"
        image = line_chart(title, lines, "severity", sheets[0].measure_name)
        yield Picture(name, image, _curve_table(title, lines))


def _curve_table(title: str, lines: Sequence[Line]) -> Table:
    rows = [
        (Entry(line.name), number(point.x, "g"), number(point.y, ".3f"), _band(point))
        for line in lines
        for point in line.points
    ]
    return Table(title, ("curve", "severity (0 is clean)", "value", "95% interval of the change"), tuple(rows))


def _band(point: Point) -> Entry:
    """Return the ends of a point's band."""
    if math.isnan(point.low) or point.low == point.high:
        return number(math.nan, "")
    return Entry(f"{point.low:.3f} to {point.high:.3f}", point.low)


def language_pictures(sheet: Sheet) -> Iterator[Picture]:
    """Yield the drops by query language: the mean over recipes, then each recipe."""
    for recipe, drops in sheet.by_language.items():
        heading = sheet.recipe_names.get(recipe, "mean over recipes")
        title = f"Drop in {sheet.measure_name} of {sheet.name} by query language, {heading}"
        yield Picture(heading, bar_chart(title, [_bar(one) for one in drops]), language_table(sheet, recipe))


def _bar(one: LanguageDrop) -> Bar:
    known = one.resource_class
    kind = "unknown" if known is None else ("low", "low", "low", "middle", "high", "high")[known]
    mark = "" if known is None else f"· {known}"
    return Bar(
        one.name,
        one.estimate.value,
        one.estimate.low,
        one.estimate.high,
        kind,
        mark,
        "not covered" if one.reason else "",
    )


def bias_pictures(sheet: Sheet) -> Iterator[Picture]:
    """Yield the heat maps of rank change, one a recipe, all with the same colours."""
    bounds = bias_bounds(sheet)
    layout = sheet.result.layout
    rows = _shown(list(layout.query_languages), sheet)
    columns = _shown(list(layout.pool), sheet)
    for recipe, changes in sheet.rank_changes.items():
        names = [layout.query_languages[row] for row in rows]
        codes = [list(layout.pool)[column] for column in columns]
        heading = sheet.recipe_names[recipe]
        image = heat_map(
            f"Change of the mean rank under {heading}, query language by passage language",
            [language_name(name) for name in names],
            codes,
            changes[rows][:, columns].tolist(),
            bounds,
        )
        yield Picture(heading, image, rank_change_table(sheet, recipe))


def bias_bounds(sheet: Sheet) -> list[float]:
    """Return the sizes at which the colours of a result's heat maps change."""
    return heat_bounds([value for changes in sheet.rank_changes.values() for value in changes.ravel().tolist()])


def bias_legend(sheet: Sheet) -> list[tuple[str, str]]:
    """Return class and meaning of each colour of the heat maps, from rising to sinking."""
    bounds = bias_bounds(sheet)
    rising = [(f"n{size}", f"{compact(-bounds[size - 1])} or less") for size in range(4, 0, -1)]
    sinking = [(f"p{size}", f"{compact(bounds[size - 1])} or more") for size in range(1, 5)]
    return [*rising, ("z", "nearly none"), *sinking]


def _shown(names: list[str], sheet: Sheet) -> list[int]:
    """Return the numbers of the languages that a heat map shows: all, or those that lose most, in the task's order."""
    if len(names) <= _LARGEST_MAP:
        return list(range(len(names)))
    losing = [one.language for one in next(iter(sheet.by_language.values()))]
    order = {language: place for place, language in enumerate(losing)}
    kept = sorted(range(len(names)), key=lambda place: order.get(names[place], len(order)))[:_LARGEST_MAP]
    return sorted(kept)
