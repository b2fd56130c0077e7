"""The table of a comparison on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from robustbench_ir.compare import Comparison
from robustbench_ir.report.table import empty_table, number, recipe_name, with_interval
from robustbench_ir.result import CLEAN

_NOTES = (
    "difference = second - first, ± half of its 95% interval (questions drawn anew); p is that of a paired test by "
    "sign flips of whole questions, after Holm for all rows of a setting, * below 0.05; d_z = difference in standard "
    "deviations over questions. A drop that is larger in the second encoder has a difference above 0."
)


def comparison_table(rows: Sequence[Comparison]) -> RenderableType:
    """Return the tables of a comparison, one for each setting and pair of encoders."""
    parts: list[RenderableType] = []
    for (setting, first, second), group in groupby(rows, lambda row: (row.setting, row.first, row.second)):
        found = list(group)
        parts.append(Text(f"\n{setting}: {first} (first) and {second} (second), {_shown(found[0].measure)}", "bold"))
        table = empty_table()
        several = len({row.severity for row in found if row.recipe != CLEAN}) > 1
        for header in ("recipe", *(["severity"] if several else []), ""):
            table.add_column(header, no_wrap=True)
        for header in ("first", "second", "difference", "p", "d_z"):
            table.add_column(header, justify="right", no_wrap=True)
        for row in found:
            table.add_row(
                recipe_name(row.recipe),
                *([str(row.severity) if row.severity else ""] if several else []),
                row.quantity,
                number(row.of_first.value, ".3f"),
                number(row.of_second.value, ".3f"),
                with_interval(row.difference, ".3f", row.p_holm),
                number(row.p_holm, ".4f"),
                number(row.effect_size, "+.2f"),
            )
        parts.append(table)
    return Group(*parts, Text(), Text(_NOTES, style="dim"))


def _shown(measure: str) -> str:
    return "mAP" if measure == "AP" else measure
