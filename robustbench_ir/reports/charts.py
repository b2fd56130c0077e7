"""Pictures as inline SVG: lines with bands, bars with whiskers, heat maps.

Colours are classes of the page's style sheet, which has a light and a dark version. All text is escaped by Markup.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString

from markupsafe import Markup, escape

from robustbench_ir.metrics.settings import Setting
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.reports.content import LanguageDrop, Sheet
from robustbench_ir.reports.tables import Table, TableCell, language_table, number_cell, rank_change_table
from robustbench_ir.reports.terminal import language_name
from robustbench_ir.resources.languages import resource_level

NOT_COVERED = "not covered"
COLOURS = 10  # classes s0 to s9 of the style sheet
_LINE_HEIGHT = 13.0
_WIDTH = 430.0


@dataclass(frozen=True)
class Point:
    """A value at a place of the x axis.

    Attributes
    ----------
    x, y : float
        Place and value.
    low, high : float
        Ends of the interval; NaN if there is none.
    """

    x: float
    y: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Line:
    """A named curve.

    Attributes
    ----------
    name : str
        Name at the end of the curve.
    points : tuple of Point
        Sorted by x.
    colour : int
        Number of the colour, 0 to 9.
    """

    name: str
    points: tuple[Point, ...]
    colour: int


@dataclass(frozen=True)
class Bar:
    """A named value with its interval.

    Attributes
    ----------
    name : str
        Name of the bar.
    value, low, high : float
        Value and ends of its interval; NaN if there is none.
    kind : str
        Class of the style sheet.
    mark : str
        Small text after the name.
    note : str
        Why there is no value; empty if there is one.
    """

    name: str
    value: float
    low: float
    high: float
    kind: str
    mark: str = ""
    note: str = ""


def shortened(name: str, longest: int = 18) -> str:
    """Cut the middle out of a long name, because both ends distinguish models.

    Parameters
    ----------
    name : str
        The name.
    longest : int
        Largest number of characters.

    Examples
    --------
    >>> shortened("paraphrase-multilingual-MiniLM-L12-v2")
    'paraphras…-L12-v2'
    """
    if len(name) <= longest:
        return name
    half = (longest - 1) // 2
    return f"{name[: longest - 2 - half + 1]}…{name[len(name) - half :]}"


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Return round numbers that span an interval: multiples of 1, 2 or 5 times a power of ten.

    Parameters
    ----------
    low, high : float
        Ends of the interval.
    wanted : int
        Approximate number of steps.
    """
    span = high - low or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(size * power for size in (1, 2, 5, 10) if span / (size * power) <= wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]


def line_chart(title: str, lines: Sequence[Line], x_label: str, y_label: str) -> Markup:
    """Draw curves with their bands; each has its name at its end.

    Parameters
    ----------
    title : str
        Description of the picture, which screen readers read out.
    lines : sequence of Line
        One or more curves.
    x_label, y_label : str
        Labels of the axes.
    """
    height, left, right, top, bottom = 250.0, 40.0, 128.0, 24.0, 38.0
    points = [point for line in lines for point in line.points]
    xs = sorted({point.x for point in points})
    reach = [value for point in points for value in (point.y, point.low, point.high) if not math.isnan(value)]
    marks = ticks(min(reach, default=0.0), max(reach, default=1.0))
    across = _scale(xs[0], xs[-1], left, _WIDTH - right)
    down = _scale(marks[0], marks[-1], height - bottom, top)
    parts = [
        _tag('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>', left, _WIDTH - right, down(mark), down(mark))
        + _text(left - 6, down(mark) + 4, f"{mark:g}", "dim end")
        for mark in marks
    ]
    parts += [_text(across(x), height - bottom + 16, "clean" if x == 0 else f"{x:g}", "dim middle") for x in xs]
    parts.append(_text((left + _WIDTH - right) / 2, height - 5, x_label, "dim middle"))
    parts.append(_text(4, 13, y_label, "dim"))
    parts += [_curve(line, across, down) for line in lines]
    ends = [down(line.points[-1].y) for line in lines]
    for line, end, place in zip(lines, ends, apart(ends, _LINE_HEIGHT, top, height - 4), strict=True):
        edge = across(line.points[-1].x)
        style = f"s{line.colour} lead"
        parts.append(
            _tag('<path class="{}" d="M{} {}L{} {}"/>', style, edge + 5, end, _WIDTH - right + 12, place)
            + _text(_WIDTH - right + 15, place + 4, shortened(line.name), f"s{line.colour}", line.name)
        )
    return _picture(title, _WIDTH, height, parts)


def _curve(line: Line, across: Callable[[float], float], down: Callable[[float], float]) -> Markup:
    style = f"s{line.colour}"
    band = [point for point in line.points if not math.isnan(point.low)]
    # The clean end has no interval of its own: the band starts there as a point.
    edge = [(across(one.x), down(one.high)) for one in band] + [(across(one.x), down(one.low)) for one in band[::-1]]
    drawn = Markup("")
    if len(band) > 1:
        drawn += _tag('<path class="{} band" d="{}Z"/>', style, _path(edge))
    places = [(across(point.x), down(point.y)) for point in line.points]
    drawn += _tag('<path class="{} line" d="{}"/>', style, _path(places))
    return drawn + Markup("").join(
        _tag('<circle class="{} dot" cx="{}" cy="{}" r="3"/>', style, *one) for one in places
    )


def bar_chart(title: str, bars: Sequence[Bar], form: str = "+.3f") -> Markup:
    """Draw one horizontal bar for each row, from zero, with whiskers and the value at the right.

    Parameters
    ----------
    title : str
        Description of the picture.
    bars : sequence of Bar
        In the order of the picture, from the top.
    form : str
        Format of the values.
    """
    row, left, right = 20.0, 132.0, 58.0
    reach = [value for bar in bars for value in (bar.value, bar.low, bar.high) if not math.isnan(value)]
    low, high = min([0.0, *reach]), max([0.0, *reach])
    across = _scale(low, high if high > low else low + 1, left, _WIDTH - right - 8)
    height = row * len(bars) + 8
    parts = []
    for place, bar in enumerate(bars):
        middle = 4 + row * (place + 0.5)
        parts.append(
            _tag('<text class="end" x="{}" y="{}">{}<tspan class="dim"> {}</tspan></text>',
                 left - 8, middle + 4, shortened(bar.name), bar.mark)
        )  # fmt: skip
        if math.isnan(bar.value):
            parts.append(_text(across(0) + 6, middle + 4, bar.note or "no value", "dim"))
            continue
        start, stop = sorted((across(0), across(bar.value)))
        parts.append(
            _tag('<rect class="{}" x="{}" y="{}" width="{}" height="13" rx="2"/>', bar.kind, start, middle - 6.5,
                 max(stop - start, 0.5))
        )  # fmt: skip
        if not math.isnan(bar.low):
            shape = f"M{across(bar.low):.1f} {middle:.1f}H{across(bar.high):.1f}"
            ends = "".join(f"M{across(end):.1f} {middle - 3:.1f}v6" for end in (bar.low, bar.high))
            parts.append(_tag('<path class="whisker" d="{}"/>', shape + ends))
        parts.append(_text(_WIDTH - 4, middle + 4, format(bar.value, form), "end number"))
    parts.append(_tag('<line class="axis" x1="{0}" x2="{0}" y1="2" y2="{1}"/>', across(0), height - 2))
    return _picture(title, _WIDTH, height, parts)


def heat_map(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    bounds: Sequence[float],
    written: Callable[[float], str] | None = None,
) -> Markup:
    """Draw a matrix of changes: one hue for increases, another for decreases, and the number in each cell.

    Parameters
    ----------
    title : str
        Description of the picture.
    rows, columns : sequence of str
        Names at the left, short names at the top.
    values : sequence of sequence of float
        One row for each of `rows`; NaN stays empty, and a row of nothing else says that it is not covered.
    bounds : sequence of float
        Four ascending sizes at which the colour changes.
    written : callable, optional
        Writes the number of a cell in at most five characters. Default: `compact`.
    """
    left, top, wide, high = 96.0, 20.0, 34.0, 22.0
    parts = [_text(left + wide * (place + 0.5), 13, name, "dim middle") for place, name in enumerate(columns)]
    for level, (name, line) in enumerate(zip(rows, values, strict=True)):
        y = top + high * level
        parts.append(_text(left - 6, y + 15, shortened(name, 14), "end"))
        if all(map(math.isnan, line)):
            parts.append(_text(left + 4, y + 15, NOT_COVERED, "dim"))
        for place, value in enumerate(line):
            if math.isnan(value):
                continue
            x = left + wide * place
            style = step(value, bounds)
            parts.append(
                _tag('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', style, x, y, wide - 1, high - 1)
                + _text(x + (wide - 1) / 2, y + 14.5, (written or compact)(value), f"{style} middle small")
            )
    return _picture(title, left + wide * len(columns) + 2, top + high * len(rows) + 2, parts, fixed=True)


def step(value: float, bounds: Sequence[float]) -> str:
    """Return the class of a heat map's colour: ``n4`` (largest decrease) to ``n1``, ``z``, ``p1`` to ``p4``.

    Parameters
    ----------
    value : float
        The change.
    bounds : sequence of float
        Four ascending sizes at which the colour changes.
    """
    size = sum(abs(value) >= bound for bound in bounds)
    return f"{'p' if value > 0 else 'n'}{size}" if size else "z"


def heat_bounds(values: Sequence[float]) -> list[float]:
    """Return the sizes at which a heat map changes its colour: shares of the largest change, often an outlier."""
    largest = max((abs(value) for value in values if not math.isnan(value)), default=0.0) or 1.0
    return [_two_digits(largest * share) for share in (0.02, 0.1, 0.3, 0.6)]


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def compact(value: float) -> str:
    """Write a signed number in at most five characters.

    >>> compact(12.3), compact(-1234.0), compact(0.04)
    ('+12', '-1.2k', '0')
    """
    size = abs(value)
    if size < 0.5:
        return "0"
    if size < 999.5:
        return f"{value:+.0f}"
    return f"{value / 1000:+.1f}k" if size < 9950 else f"{value / 1000:+.0f}k"


def apart(places: Sequence[float], distance: float, low: float, high: float) -> list[float]:
    """Move places so that neighbours are at least a distance apart, in the same order.

    Parameters
    ----------
    places : sequence of float
        The places.
    distance : float
        Smallest distance.
    low, high : float
        Limits of all places.

    Examples
    --------
    >>> apart([10, 11, 50], 10, 0, 100)
    [10.0, 20.0, 50.0]
    """
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = [min(max(float(places[place]), low), high) for place in order]
    for before in range(len(moved) - 1):
        moved[before + 1] = max(moved[before + 1], moved[before] + distance)
    # Places that were moved beyond the upper limit move back.
    limit = high
    for place in reversed(range(len(moved))):
        moved[place] = min(moved[place], limit)
        limit = moved[place] - distance
    found = [0.0] * len(moved)
    for place, value in zip(order, moved, strict=True):
        found[place] = value
    return found


def _scale(low: float, high: float, start: float, stop: float) -> Callable[[float], float]:
    span = high - low or 1.0
    return lambda value: round(start + (value - low) / span * (stop - start), 1)


def _path(places: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in places)


def _text(x: float, y: float, text: str, style: str, whole: str = "") -> Markup:
    title = _tag("<title>{}</title>", whole) if whole and whole != text else Markup("")
    return _tag('<text class="{}" x="{:.1f}" y="{:.1f}">{}{}</text>', style, x, y, text, title)


def _tag(form: LiteralString, *values: str | float) -> Markup:
    """Fill in a template of this module; texts are escaped. `Markup.format` is slower, because it parses in Python."""
    filled = form.format(*(escape(value) if isinstance(value, str) else value for value in values))
    return Markup(filled)  # noqa: S704


def _picture(title: str, width: float, height: float, parts: Sequence[Markup], fixed: bool = False) -> Markup:
    size = _tag(' width="{:.0f}" height="{:.0f}"', width, height) if fixed else Markup("")
    head = _tag('<svg role="img" aria-label="{}" viewBox="0 0 {:.0f} {:.0f}"{}>', title, width, height, size)
    return head + Markup("").join(parts) + Markup("</svg>")


# The pictures of a report, each with the table behind it.

_LARGEST_MAP = 24
"""Largest number of languages in a heat map; more would be too small to read."""


@dataclass(frozen=True)
class Picture:
    """A picture with its table.

    Attributes
    ----------
    heading : str
        Heading of the picture.
    image : Markup
        The picture.
    table : Table
        Its numbers.
    """

    heading: str
    image: Markup
    table: Table


def curves(sheet: Sheet, setting: Setting) -> tuple[Line, ...]:
    """Return one curve for each recipe, from clean to the highest severity, with the interval of the drop as its band.

    Parameters
    ----------
    sheet : Sheet
        The result.
    setting : str
        The setting.
    """
    return tuple(
        Line(name, _points(sheet, setting, recipe), number % COLOURS)
        for number, (recipe, name) in enumerate(sheet.recipe_names.items())
    )


def _points(sheet: Sheet, setting: Setting, recipe: AttackIdentity) -> tuple[Point, ...]:
    found = [one for one in sheet.scores[setting] if one.recipe == recipe]
    found.sort(key=lambda one: one.severity)
    clean = found[0].clean
    return (
        Point(0, clean, clean, clean),
        *(_attacked_point(one.severity, one.attacked, clean, one.drop) for one in found),
    )


def _attacked_point(severity: int, attacked: float, clean: float, drop: Estimate) -> Point:
    """Return a point whose band has no score that cannot be: none below 0, none above 1."""
    return Point(severity, attacked, *(min(max(clean - end, 0.0), 1.0) for end in (drop.high, drop.low)))


def curve_pictures(sheet: Sheet) -> Iterator[Picture]:
    """Yield the severity curves of each setting."""
    for setting in reversed(sheet.settings) if sheet.result.groups else ():
        title = f"{sheet.measure_name} of {sheet.name} by severity, {setting}"
        lines = curves(sheet, setting)
        yield Picture(setting, line_chart(title, lines, "severity", sheet.measure_name), _curve_table(title, lines))


def comparison_pictures(sheets: Sequence[Sheet]) -> Iterator[Picture]:
    """Yield the severity curves of each recipe, with one curve for each result."""
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
        (TableCell(line.name), number_cell(point.x, "g"), number_cell(point.y, ".3f"), _band(point))
        for line in lines
        for point in line.points
    ]
    return Table(title, ("curve", "severity (0 is clean)", "value", "95% interval of the change"), tuple(rows))


def _band(point: Point) -> TableCell:
    """Return the ends of a point's band."""
    if math.isnan(point.low) or point.low == point.high:
        return number_cell(math.nan, "")
    return TableCell(f"{point.low:.3f} to {point.high:.3f}", point.low)


def language_pictures(sheet: Sheet) -> Iterator[Picture]:
    """Yield the drops by query language: the mean over recipes, then each recipe."""
    for recipe, drops in sheet.by_language.items():
        heading = sheet.heading(recipe)
        title = f"Relative drop in {sheet.measure_name} of {sheet.name} by query language, {heading}"
        yield Picture(heading, bar_chart(title, [_bar(one) for one in drops], "+.1%"), language_table(sheet, recipe))


def _bar(one: LanguageDrop) -> Bar:
    known = one.resource_class
    mark = "" if known is None else f"· {known}"
    return Bar(
        one.name,
        one.relative.value,
        one.relative.low,
        one.relative.high,
        resource_level(known),
        mark,
        NOT_COVERED if one.reason else "",
    )


def bias_pictures(sheet: Sheet) -> Iterator[Picture]:
    """Yield the heat maps of rank change, one for each recipe, all with the same colours."""
    bounds = bias_bounds(sheet)
    layout = sheet.result.judgements
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
    """Return class and meaning of each colour of the heat maps, from better to worse ranks."""
    bounds = bias_bounds(sheet)
    names = [compact(size) if size >= 1 else f"{size:+g}" for size in bounds]
    rising = [(f"n{size}", f"{names[size - 1].replace('+', '-')} or less") for size in range(4, 0, -1)]
    sinking = [(f"p{size}", f"{names[size - 1]} or more") for size in range(1, 5)]
    return [*rising, ("z", "nearly none"), *sinking]


def _shown(names: list[str], sheet: Sheet) -> list[int]:
    """Return the places of the languages in a heat map: all, or those that lose most, in the order of the task."""
    if len(names) <= _LARGEST_MAP:
        return list(range(len(names)))
    losing = [one.language for one in next(iter(sheet.by_language.values()))]
    order = {language: place for place, language in enumerate(losing)}
    kept = sorted(range(len(names)), key=lambda place: order.get(names[place], len(order)))[:_LARGEST_MAP]
    return sorted(kept)
