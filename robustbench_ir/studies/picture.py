"""A picture of a study: what each attack takes from each arm, and how much more bias it brings, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robustbench_ir._base.showing import figure_text
from robustbench_ir.reports.plots import COLOURS, figure_style, write_figure
from robustbench_ir.studies.analysis import MULTILINGUAL
from robustbench_ir.studies.measured import RANK_DISTANCE
from robustbench_ir.studies.record import ALL, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANELS = {
    f"relative drop {MULTILINGUAL}": "relative drop of mAP, all languages",
    f"{RANK_DISTANCE} change": "growth of rank distance",
}
_NAMES = {"mono": "monolingual batches", "cross": "cross-lingual batches", "hybrid": "hybrid batches"}


def write_picture(study: Study, task: str, path: Path) -> None:
    """Write drops and the growth of rank distance of the plain arms, by attack, as SVG.

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
        figure = Figure(figsize=(7.2, 1.1 + 0.42 * len(attacks)), layout="constrained")
        for place, (quantity, title) in enumerate(_PANELS.items(), start=1):
            axes = figure.add_subplot(1, len(_PANELS), place)
            _draw(axes, study, task, quantity, attacks)
            axes.set_yticks(range(len(attacks)), list(map(figure_text, attacks)) if place == 1 else [""] * len(attacks))
            axes.invert_yaxis()
            axes.set_xlabel(title)
            if place == 1:
                axes.xaxis.set_major_formatter(PercentFormatter(1))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=len(_NAMES), frameon=False)
        write_figure(figure, path, "svg")


def _draw(axes: Axes, study: Study, task: str, quantity: str, attacks: Sequence[str]) -> None:
    for number, (arm, name) in enumerate(_NAMES.items()):
        found = [
            one
            for one in study.rows
            if (one.task, one.arm, one.against, one.quantity, one.languages) == (task, arm, "", quantity, ALL)
        ]
        if found:
            value = np.array([one.number.value for one in found])
            ends = np.array([(one.number.low, one.number.high) for one in found]).T
            axes.errorbar(
                value,
                [attacks.index(one.recipe) + 0.22 * (number - 1) for one in found],
                xerr=np.abs(ends - value),
                fmt="o",
                markersize=3.5,
                capsize=2,
                color=COLOURS[number],
                label=name,
            )
