"""The progress of the commands, on standard error."""

from __future__ import annotations

from contextlib import AbstractContextManager

from robustbench_ir._base.progress import Progress
from robustbench_ir._base.shown_progress import shown
from robustbench_ir.cli.output import Terminal


def progress_bar() -> AbstractContextManager[Progress]:
    """Return a `robustbench_ir.Progress` that is shown: bars on a terminal, and lines in a log."""
    return shown(True, Terminal(stderr=True))
