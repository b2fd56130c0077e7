"""The table of universal triggers."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from robustbench_ir.adversary.triggers import Triggered
from robustbench_ir.reports.terminal import counted, empty_table, language_name, one_line

_NOTE = (
    "margin = score of the best relevant passage minus that of the best other one of the clean query, mean over known "
    "questions; the scores above are of unseen ones"
)


def trigger_table(found: Triggered) -> RenderableType:
    """Return the triggers of each language, with the random words beside them.

    Parameters
    ----------
    found : Triggered
        What was found.
    """
    table = empty_table(f"Triggers, found on {counted(found.known, 'question')}")
    for header in ("language", "trigger", "random words"):
        table.add_column(header, overflow="fold", vertical="bottom")
    for header in ("margin", "with the\ntrigger", "texts"):
        table.add_column(header, justify="right", vertical="bottom")
    for one in found.triggers:
        table.add_row(
            language_name(one.language),
            one_line(", ".join(one.words)),
            one_line(", ".join(one.random_words)),
            f"{one.before:+.3f}",
            f"{one.after:+.3f}",
            f"{one.encodings:,}",
        )
    return Group(Text(), table, one_line(_NOTE, "dim"))
