"""What a defence wins: the same attacks with and without it, side by side."""

from __future__ import annotations

import math

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from robustbench_ir.report.table import recipe_name
from robustbench_ir.result import Drop, Result

_NOTE = (
    "what the drop loses by the defence is robustness that only a preprocessor bought: not the encoder's own, and "
    "its signature says so"
)


def with_and_without(without: Result, guarded: Result, measure: str = "AP") -> RenderableType:
    """Return a table of drops, a row for each setting, recipe and severity.

    Parameters
    ----------
    without, guarded : Result
        Of the same attacks, without and with the defence.
    measure : str
        Such as ``"AP"`` (shown as mAP) or ``"nDCG@10"``.
    """
    name = "mAP" if measure == "AP" else measure
    title = f"\n{name} without and with {guarded.encoder.preprocessing}"
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False)
    for header in ("setting", "recipe", "severity"):
        table.add_column(header)
    for header in (
        "clean\nwithout",
        "clean\nwith",
        "attacked\nwithout",
        "attacked\nwith",
        "drop\nwithout",
        "drop\nwith",
    ):
        table.add_column(header, justify="right", vertical="bottom")
    for setting in guarded.settings:
        pairs = zip(without.drops(setting, measure, None), guarded.drops(setting, measure, None), strict=True)
        for left, right in pairs:
            table.add_row(setting, recipe_name(left.recipe), str(left.severity), *_numbers(left, right))
    return Group(table, Text(_NOTE, style="dim"))


def _numbers(left: Drop, right: Drop) -> list[str]:
    scores = [getattr(drop, name) for name in ("clean", "attacked") for drop in (left, right)]
    drops = [drop.absolute for drop in (left, right)]
    return [
        *("-" if math.isnan(value) else f"{value:.3f}" for value in scores),
        *("-" if math.isnan(value) else f"{value:+.3f}" for value in drops),
    ]
