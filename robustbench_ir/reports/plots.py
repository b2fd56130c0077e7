"""The pictures of a report as PNG, SVG or PDF files, for papers and slides. They need matplotlib (extra ``plots``)."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from robustbench_ir._base.files import write_whole
from robustbench_ir._base.showing import figure_text
from robustbench_ir.errors import OptionError
from robustbench_ir.reports.charts import NOT_COVERED, curves
from robustbench_ir.reports.content import LanguageDrop, Sheet
from robustbench_ir.reports.terminal import language_name
from robustbench_ir.resources.languages import ResourceLevel, resource_level
from robustbench_ir.results.compare import EncoderComparison
from robustbench_ir.results.naming import file_name_part

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Form = Literal["png", "svg", "pdf"]

# Names of encoders and recipes may be in any script: fonts are tried in this order, glyph by glyph.
_FONTS = (
    "Noto Sans",
    "Noto Sans Arabic",
    "Noto Sans Bengali",
    "Noto Sans Devanagari",
    "Noto Sans Ethiopic",
    "Noto Sans Hebrew",
    "Noto Sans Khmer",
    "Noto Sans Tamil",
    "Noto Sans Telugu",
    "Noto Sans Thai",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "DejaVu Sans",
)
COLOURS = (
    "#1565b5",
    "#bb4a0a",
    "#00745a",
    "#97408a",
    "#826400",
    "#00748a",
    "#7d4a2a",
    "#5450c8",
    "#b0263f",
    "#59636e",
)
_MARKS = ("o-", "s--", "^-.", "D:", "v-", "P--", "X-.", "*:")  # lines differ without their colours too
_BY_LEVEL: Mapping[ResourceLevel, str] = {
    "low": "#b3401c",
    "middle": "#94720c",
    "high": "#2f6db5",
    "unknown": "#6d737c",
}


def write_plots(sheets: Sequence[Sheet], folder: Path, form: Form) -> list[Path]:
    """Write severity curves, drops by language and rank changes of each result.

    Parameters
    ----------
    sheets : sequence of Sheet
        One for each result.
    folder : pathlib.Path
        Folder for the files.
    form : {"png", "svg", "pdf"}
        Format of the files. In SVG and PDF, text stays text.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    OptionError
        If nothing was attacked, or matplotlib is not installed.
    """
    written = []
    with figure_style(form):
        for prefix, sheet in zip(_prefixes(sheets), sheets, strict=True):
            for name, figure in figures(sheet):
                written.append(folder / f"{prefix}{name}.{form}")
                write_figure(figure, written[-1], form)
    if not written:
        raise OptionError("nothing was attacked, so that there is nothing to draw; the other formats have the scores")
    return written


def _prefixes(sheets: Sequence[Sheet]) -> list[str]:
    """Return what the file names of each result begin with: its encoder, with a number where two would be the same."""
    if len(sheets) == 1:
        return [""]
    found: list[str] = []
    for sheet in sheets:
        name = file_name_part(sheet.name).lower()
        numbered = (f"{name}-{number}-" for number in count(2))
        found.append(next(one for one in chain([f"{name}-"], numbered) if one not in found))
    return found


def write_comparison(rows: Sequence[EncoderComparison], path: Path) -> None:
    """Write the differences of encoders with their intervals, a panel for each setting.

    Parameters
    ----------
    rows : sequence of EncoderComparison
        The differences.
    path : pathlib.Path
        File to write; its ending decides the format.

    Raises
    ------
    OptionError
        If the path does not end in .png, .svg or .pdf, or matplotlib is not installed.
    """
    form = next((one for one in get_args(Form) if path.suffix == f".{one}"), None)
    if form is None:
        raise OptionError(f"{path}: no picture of that kind; let it end in .png, .svg or .pdf")
    with figure_style(form):
        write_figure(_differences(rows), path, form)


def write_figure(figure: Figure, path: Path, form: Form) -> None:
    """Write a figure as PNG, SVG or PDF; equal figures give equal files."""
    write_whole(path, figure_bytes(figure, form))


def figure_bytes(figure: Figure, form: Form) -> bytes:
    """Return a figure as PNG, SVG or PDF; equal figures give equal bytes."""
    stream = io.BytesIO()
    # Without a date and with fixed identifiers, equal results give equal files.
    dates: Mapping[Form, dict[str, None]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    figure.savefig(stream, format=form, metadata=dates[form])
    return stream.getvalue()


@contextmanager
def figure_style(form: Form) -> Iterator[None]:
    """Set fonts and lines for the figures that are made and written within.

    Raises
    ------
    OptionError
        If matplotlib is not installed.
    """
    if not find_spec("matplotlib"):
        raise OptionError(f"{form} pictures need matplotlib; pip install 'robustbench-ir[plots]'")
    import matplotlib as mpl
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    fonts = [name for name in _FONTS if name in installed] or ["DejaVu Sans"]
    with mpl.rc_context(
        {
            "font.family": fonts,
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "svg.fonttype": "none",
            "svg.hashsalt": "irbench",
            "pdf.fonttype": 42,  # letters stay letters, as journals ask
            "savefig.dpi": 200,
            "savefig.bbox": "tight",
        }
    ):
        yield


def figures(sheet: Sheet) -> Iterator[tuple[str, Figure]]:
    """Yield the pictures of a result with their names; none where nothing was attacked."""
    if not sheet.result.groups:
        return
    yield "severity", _curves(sheet)
    yield "languages", _languages(sheet)
    if sheet.setting == "multilingual":
        yield "bias", _bias(sheet)


def _curves(sheet: Sheet) -> Figure:
    from matplotlib.figure import Figure

    settings = sheet.settings
    figure = Figure(figsize=(3.4 * len(settings), 3.2), layout="constrained")
    first: Axes | None = None
    for place, setting in enumerate(settings, start=1):
        # One scale for all settings, so that the panels can be compared.
        axes = figure.add_subplot(1, len(settings), place, sharey=first)
        first = first or axes
        for number, line in enumerate(curves(sheet, setting)):
            colour, mark = COLOURS[line.colour], _MARKS[number % len(_MARKS)]
            at = [point.x for point in line.points]
            shown = figure_text(line.name)
            axes.plot(at, [point.y for point in line.points], mark, color=colour, label=shown, markersize=3.5)
            low, high = ([getattr(point, end) for point in line.points] for end in ("low", "high"))
            axes.fill_between(at, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.set_title(setting)
        axes.set_xlabel("severity (0: clean)")
        axes.set_ylabel(sheet.measure_name if place == 1 else "")
        axes.set_xticks([0, *sheet.severities])
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, 0.0), min(top, 1.02))  # no score is below 0, and a mark at 1 is whole
    axes.legend(frameon=False)
    figure.suptitle(figure_text(f"{sheet.name} on {sheet.result.task}"))
    return figure


def _languages(sheet: Sheet) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
    from matplotlib.ticker import PercentFormatter

    panels = sheet.by_language
    order = [one.language for one in next(iter(panels.values()))]
    figure = Figure(figsize=(1.2 + 2.6 * len(panels), 1.5 + 0.22 * len(order)), layout="constrained")
    first: Axes | None = None
    for place, (recipe, drops) in enumerate(panels.items(), start=1):
        # One scale and one order of languages for all recipes, so that the panels can be compared.
        axes = figure.add_subplot(1, len(panels), place, sharex=first, sharey=first)
        first = first or axes
        shown = sorted(drops, key=lambda one: order.index(one.language))
        _draw_bars(axes, shown)
        axes.set_title(figure_text(sheet.heading(recipe)))
        axes.set_xlabel(f"relative drop in {sheet.measure_name}")
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.tick_params(axis="y", labelleft=place == 1)
    if first is not None:
        first.invert_yaxis()
    levels = dict.fromkeys(resource_level(one.resource_class) for one in next(iter(panels.values())))
    handles = [Patch(color=_BY_LEVEL[level], label=level) for level in _BY_LEVEL if level in levels]
    about = "resource class, the number after each language"
    figure.legend(handles=handles, title=about, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(figure_text(sheet.name) + f": {sheet.setting}, severity {sheet.severity}")
    return figure


def _draw_bars(axes: Axes, shown: Sequence[LanguageDrop]) -> None:
    """Draw a bar for each language; one that a recipe does not cover has a word in its place."""
    places = [place for place, one in enumerate(shown) if not math.isnan(one.relative.value)]
    known = [shown[place] for place in places]
    ends = [(one.relative.value - one.relative.low, one.relative.high - one.relative.value) for one in known]
    axes.barh(
        places,
        [one.relative.value for one in known],
        color=[_BY_LEVEL[resource_level(one.resource_class)] for one in known],
        xerr=np.array(ends).T if known else None,
        error_kw={"elinewidth": 0.9, "capsize": 2},
    )
    for place in set(range(len(shown))) - set(places):
        axes.text(0, place, f" {NOT_COVERED}", va="center", fontsize="x-small", color="0.4")
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_yticks(range(len(shown)), list(map(_bar_name, shown)))


def _bar_name(one: LanguageDrop) -> str:
    return figure_text(one.name if one.resource_class is None else f"{one.name} · {one.resource_class}")


def _bias(sheet: Sheet) -> Figure:
    from matplotlib.figure import Figure

    layout, panels = sheet.result.judgements, sheet.rank_changes
    reach = max(float(np.nanmax(np.abs(changes), initial=1.0)) for changes in panels.values())
    wide, high = 1.2 + 0.3 * len(layout.pool), 1.2 + 0.24 * len(layout.query_languages)
    figure = Figure(figsize=(wide * len(panels) + 0.8, high), layout="constrained")
    for place, (recipe, changes) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        image = axes.imshow(changes, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
        axes.set_xticks(
            range(len(layout.pool)), list(map(figure_text, layout.pool)), rotation=90 if len(layout.pool) > 12 else 0
        )
        names = [figure_text(language_name(name)) for name in layout.query_languages] if place == 1 else []
        axes.set_yticks(range(len(names)), names)
        axes.set_title(figure_text(sheet.recipe_names[recipe]))
        for row in np.flatnonzero(np.isnan(changes).all(axis=1)).tolist():
            middle = (len(layout.pool) - 1) / 2
            axes.text(middle, row, NOT_COVERED, ha="center", va="center", fontsize="x-small", color="0.4")
        axes.set_xlabel("passage language")
    figure.colorbar(image, ax=figure.axes, label="change of the mean rank", shrink=0.8)
    figure.suptitle(figure_text(f"{sheet.name}: severity {sheet.severity}"))
    return figure


def _differences(rows: Sequence[EncoderComparison]) -> Figure:
    from matplotlib.figure import Figure

    settings = list(dict.fromkeys(row.setting for row in rows))
    encoders = list(dict.fromkeys(row.second for row in rows))
    labels = list(dict.fromkeys(map(_label, rows)))
    step = 0.6 / len(encoders)
    figure = Figure(figsize=(1.6 + 3 * len(settings), 1.4 + 0.3 * len(labels) * len(encoders)), layout="constrained")
    first: Axes | None = None
    for place, setting in enumerate(settings, start=1):
        axes = figure.add_subplot(1, len(settings), place, sharex=first, sharey=first)
        first = first or axes
        for number, name in enumerate(encoders):
            found = [row for row in rows if (row.setting, row.second) == (setting, name)]
            value = np.array([row.difference.value for row in found])
            ends = np.array([(row.difference.low, row.difference.high) for row in found]).T
            axes.errorbar(
                value,
                [labels.index(_label(row)) + number * step for row in found],
                xerr=np.abs(ends - value),
                fmt="o",
                markersize=3.5,
                capsize=2,
                color=COLOURS[number % len(COLOURS)],
                label=figure_text(name),
            )
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_yticks(range(len(labels)), list(map(figure_text, labels)))
        axes.tick_params(axis="y", labelleft=place == 1)
        axes.set_title(setting)
    if first is not None:
        first.invert_yaxis()
    axes.legend(frameon=False)
    measure = "mAP" if rows[0].measure == "AP" else rows[0].measure
    figure.supxlabel(figure_text(f"difference in {measure} from {rows[0].first}, with 95% intervals"))
    return figure


def _label(row: EncoderComparison) -> str:
    what = f"{row.recipe.label} {row.severity}" if row.severity else row.recipe.label
    return f"{what}, {row.quantity}"
