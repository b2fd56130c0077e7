"""The pictures of a report as PNG or SVG files, for papers and slides. They need matplotlib (extra ``plots``)."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from robustbench_ir._base.files import write_whole
from robustbench_ir._base.showing import figure_text
from robustbench_ir.errors import OptionError
from robustbench_ir.reports.charts import curves
from robustbench_ir.reports.content import LanguageDrop, Sheet
from robustbench_ir.reports.terminal import language_name
from robustbench_ir.resources.languages import ResourceLevel, resource_level
from robustbench_ir.results.compare import EncoderComparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Form = Literal["png", "svg"]

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
    form : {"png", "svg"}
        Format of the files. In SVG, text stays text.

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
        for number, sheet in enumerate(sheets, start=1):
            prefix = f"{number:02}-" if len(sheets) > 1 else ""
            for name, figure in figures(sheet):
                written.append(folder / f"{prefix}{name}.{form}")
                write_figure(figure, written[-1], form)
    if not written:
        raise OptionError("nothing was attacked, so that there is nothing to draw; the other formats have the scores")
    return written


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
        If the path ends neither in .png nor in .svg, or matplotlib is not installed.
    """
    form = next((one for one in get_args(Form) if path.suffix == f".{one}"), None)
    if form is None:
        raise OptionError(f"{path}: no picture of that kind; let it end in .png or .svg")
    with figure_style(form):
        write_figure(_differences(rows), path, form)


def write_figure(figure: Figure, path: Path, form: Form) -> None:
    """Write a figure as PNG or SVG; equal figures give equal files."""
    write_whole(path, figure_bytes(figure, form))


def figure_bytes(figure: Figure, form: Form) -> bytes:
    """Return a figure as PNG or SVG; equal figures give equal bytes."""
    stream = io.BytesIO()
    # Without a date and with fixed identifiers, equal results give equal files.
    figure.savefig(stream, format=form, metadata={"Date": None} if form == "svg" else {})
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
    for place, setting in enumerate(settings, start=1):
        axes = figure.add_subplot(1, len(settings), place)
        for line in curves(sheet, setting):
            colour = COLOURS[line.colour]
            at = [point.x for point in line.points]
            axes.plot(
                at, [point.y for point in line.points], "o-", color=colour, label=figure_text(line.name), markersize=3.5
            )
            low, high = ([getattr(point, end) for point in line.points] for end in ("low", "high"))
            axes.fill_between(at, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.set_title(setting)
        axes.set_xlabel("severity (0: clean)")
        axes.set_ylabel(sheet.measure_name)
        axes.set_xticks([0, *sheet.severities])
    axes.legend(frameon=False)
    figure.suptitle(figure_text(f"{sheet.name} on {sheet.result.task}"))
    return figure


def _languages(sheet: Sheet) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    panels = sheet.by_language
    rows = len(sheet.result.judgements.query_languages)
    figure = Figure(figsize=(3.2 * len(panels), 1.2 + 0.22 * rows), layout="constrained")
    for place, (recipe, drops) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        shown = [one for one in drops if not math.isnan(one.relative.value)][::-1]
        known = [one.resource_class for one in shown]
        axes.barh(
            list(map(_bar_name, shown)),
            [one.relative.value for one in shown],
            color=[_BY_LEVEL[resource_level(mark)] for mark in known],
            xerr=np.array([
                (one.relative.value - one.relative.low, one.relative.high - one.relative.value) for one in shown
            ]).T if shown else None,
            error_kw={"elinewidth": 0.9, "capsize": 2},
        )  # fmt: skip
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_title(figure_text(sheet.heading(recipe)))
        axes.set_xlabel(f"relative drop in {sheet.measure_name}")
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(figure_text(sheet.name) + f": {sheet.setting}, severity {sheet.severity} (figure: resource class)")
    return figure


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
    for place, setting in enumerate(settings, start=1):
        axes = figure.add_subplot(1, len(settings), place)
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
        axes.set_yticks(range(len(labels)), list(map(figure_text, labels)) if place == 1 else [""] * len(labels))
        axes.invert_yaxis()
        axes.set_title(setting)
    axes.legend(frameon=False)
    measure = "mAP" if rows[0].measure == "AP" else rows[0].measure
    figure.supxlabel(figure_text(f"difference in {measure} from {rows[0].first}, with 95% intervals"))
    return figure


def _label(row: EncoderComparison) -> str:
    what = f"{row.recipe.label} {row.severity}" if row.severity else row.recipe.label
    return f"{what}, {row.quantity}"
