"""A picture of a study: what each attack takes from each arm, how much bias it adds, and how the arms differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robustbench_ir._base.showing import figure_text
from robustbench_ir.reports.plots import COLOURS, figure_style, write_figure
from robustbench_ir.studies.analysis import MULTILINGUAL
from robustbench_ir.studies.config import Margins
from robustbench_ir.studies.measured import RANK_DISTANCE
from robustbench_ir.studies.record import ALL, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = {
    f"relative drop {MULTILINGUAL}": ("relative drop", "relative drop of mAP", "difference of relative drops"),
    f"{RANK_DISTANCE} change": (
        f"growth of {RANK_DISTANCE}",
        f"growth of {RANK_DISTANCE}",
        f"difference of growth, share of clean {RANK_DISTANCE}",
    ),
}
"""Quantity of the rows to the measure of the claims, and the titles of its two panels."""
_NAMES = {"mono": "monolingual batches", "cross": "cross-lingual batches", "hybrid": "hybrid batches"}
_BAND = "equal within the margin"


def write_picture(study: Study, task: str, path: Path) -> None:
    """Write drops and the growth of rank distance, by attack, as SVG: of the arms, and of hybrid minus the others.

    Parameters
    ----------
    study : Study
        The study.
    task : str
        Label of the task.
    path : pathlib.Path
        File to write.

    Raises
    ------
    OptionError
        If matplotlib is not installed.
    """
    with figure_style("svg"):
        from matplotlib.figure import Figure
        from matplotlib.ticker import PercentFormatter

        attacks = list(dict.fromkeys(one.recipe for one in study.rows if one.recipe and one.task == task))
        figure = Figure(figsize=(7.2, 1.2 + 0.95 * len(attacks)), layout="constrained")
        grid = figure.subplots(len(_PANELS), 2)
        for (quantity, (measure, title, difference)), (left, right) in zip(_PANELS.items(), grid, strict=True):
            _draw_arms(left, study, task, quantity, attacks)
            _draw_differences(right, study, task, measure, attacks)
            for axes, label in ((left, title), (right, difference)):
                axes.set_yticks(
                    range(len(attacks)), list(map(figure_text, attacks)) if axes is left else [""] * len(attacks)
                )
                axes.set_ylim(len(attacks) - 0.5, -0.5)
                axes.set_xlabel(label)
            right.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        grid[0, 0].xaxis.set_major_formatter(PercentFormatter(1))
        handles = dict(zip(*reversed(grid[0, 0].get_legend_handles_labels()), strict=True))
        handles |= dict(zip(*reversed(grid[0, 1].get_legend_handles_labels()), strict=True))
        figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=3, frameon=False)
        write_figure(figure, path, "svg")


def _draw_arms(axes: Axes, study: Study, task: str, quantity: str, attacks: Sequence[str]) -> None:
    for number, (arm, name) in enumerate(_NAMES.items()):
        found = [
            (one.recipe, one.number.value, one.number.low, one.number.high)
            for one in study.rows
            if (one.task, one.arm, one.against, one.quantity, one.languages) == (task, arm, "", quantity, ALL)
        ]
        _draw(axes, found, attacks, 0.22 * (number - 1), COLOURS[number], name)


def _draw_differences(axes: Axes, study: Study, task: str, measure: str, attacks: Sequence[str]) -> None:
    """Draw hybrid minus each other arm, in the units of the margin: below zero, hybrid loses less."""
    margins = Margins.model_validate(study.config.get("margins", {}))
    share = margins.relative_drop if measure == "relative drop" else margins.rank_distance
    axes.axvspan(-share, share, color="0.9", label=_BAND)
    axes.axvline(0, color="0.5", linewidth=0.8)
    for number, against in enumerate(("mono", "cross")):
        found = []
        for one in study.claims:
            for each in one.comparisons if one.task == task else ():
                if (each.arm, each.against, each.measure, each.setting) == ("hybrid", against, measure, MULTILINGUAL):
                    unit = share / each.margin
                    value, low, high = each.difference.value, each.difference.low, each.difference.high
                    found.append((one.recipe, unit * value, unit * low, unit * high))
        name = f"hybrid minus {_NAMES[against].split()[0]}"
        _draw(axes, found, attacks, 0.22 * (number - 0.5), COLOURS[number], name, "D")


def _draw(
    axes: Axes,
    found: Sequence[tuple[str, float, float, float]],
    attacks: Sequence[str],
    offset: float,
    colour: str,
    name: str,
    marker: str = "o",
) -> None:
    """Draw a value with its interval for each attack."""
    if not found:
        return
    value, low, high = np.array([numbers for _, *numbers in found]).T
    axes.errorbar(
        value,
        [attacks.index(recipe) + offset for recipe, *_ in found],
        xerr=np.abs([low - value, high - value]),
        fmt=marker,
        markersize=3.5,
        capsize=2,
        color=colour,
        label=name,
    )
