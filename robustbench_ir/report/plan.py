"""The plan of a run on a terminal."""

from __future__ import annotations

from datetime import timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from robustbench_ir.plan import Plan, PlannedCell

_MEBIBYTE = 1 << 20


def plan_table(plan: Plan) -> RenderableType:
    """Return a line for each cell, and below them texts, time and memory."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("cell", no_wrap=True)
    table.add_column("texts to encode", justify="right", no_wrap=True)
    for cell in plan.cells:
        table.add_row(cell.name, _texts(cell))
    left = sum(not cell.finished for cell in plan.cells)
    some = "" if all(cell.exact for cell in plan.cells) else "at most "
    time = "unknown: the encoder is not here yet" if plan.seconds is None else _about(plan.seconds)
    memory = "unknown" if plan.memory is None else f"about {plan.memory / _MEBIBYTE:,.0f} MiB"
    lines = (
        Text.assemble((plan.encoder, "bold"), f" on {plan.task}: {len(plan.cells)} cells, {left} to be made"),
        Text(f"texts to encode: {plan.passages:,} passages and {some}{plan.queries:,} queries, each distinct one once"),
        Text(f"time to encode them, one job: {time}"),
        Text(f"memory of each job beside model and texts: {memory}"),
    )
    return Group(lines[0], Text(), table, Text(), *lines[1:])


def _texts(cell: PlannedCell) -> str:
    if cell.finished:
        return "finished"
    return f"{cell.texts:,}" if cell.exact else f"at most {cell.texts:,}"


def _about(seconds: float) -> str:
    return f"about {timedelta(seconds=round(seconds))} h:m:s" if seconds >= 1 else "less than a second"
