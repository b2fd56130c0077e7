"""The progress bar of the commands."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from robustbench_ir._base.showing import terminal_text
from robustbench_ir.cli.output import Terminal, styled


class ProgressBar(AbstractContextManager["ProgressBar"]):
    """A `robustbench_ir.Progress` on standard error: one line that shows the stage."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Terminal(stderr=True),
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("start", total=None)

    def __enter__(self) -> Self:
        if self._bar.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage."""
        self._bar.reset(self._task, total=total, description=terminal_text(name))
        if not self._bar.console.is_terminal:
            self._bar.console.print(styled(name), soft_wrap=True)

    def advance(self, steps: int) -> None:
        """Move the bar."""
        self._bar.advance(self._task, steps)
