"""Progress for people: two bars on a terminal, a line in a notebook, and a line every half minute everywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir._base.showing import terminal_text

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BETWEEN_UPDATES = 0.5


@dataclass
class Status:
    """How far a run is.

    Attributes
    ----------
    name : str
        Stage.
    done, total : int, int or None
        Steps of the stage.
    texts, all_texts : int
        Texts of the whole run that need no more work, and all of them; 0 if they are not known.
    encoded : int
        Texts that were encoded, which tells how quick the encoder is.
    clock : callable
        Returns the seconds that have passed.
    """

    name: str = "start"
    done: int = 0
    total: int | None = None
    texts: int = 0
    all_texts: int = 0
    encoded: int = 0
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _encoding_from: float | None = None

    def __post_init__(self) -> None:
        self._began = self.clock()

    def stage(self, name: str, total: int | None) -> None:
        """Begin a stage."""
        self.name, self.done, self.total = name, 0, total
        if name.endswith(("encode passages", "encode queries")) and self._encoding_from is None:
            self._encoding_from = self.clock()

    @property
    def per_second(self) -> float:
        """Texts a second since the first was encoded, with all that is done between them; 0 if it is not known."""
        seconds = 0.0 if self._encoding_from is None else self.clock() - self._encoding_from
        return self.encoded / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest of the run takes at this speed; None if it is not known."""
        left = self.all_texts - self.texts
        return left / self.per_second if self.all_texts and self.per_second else None

    def of_stage(self) -> str:
        """Return the stage in words."""
        steps = "" if self.total is None else f" {self.done:,} of {self.total:,}"
        return f"{terminal_text(self.name)}{steps}"

    def of_run(self) -> str:
        """Return the whole run in words."""
        if not self.all_texts:
            return f"{_hours(self.clock() - self._began)} so far"
        share = f"{min(self.texts / self.all_texts, 1):.0%} of {self.all_texts:,} texts"
        left = self.seconds_left
        if left is None:
            return f"whole run: {share}"
        return f"whole run: {share}, {self.per_second:,.3g} a second, about {_hours(left)} left"


def _hours(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


class _Shown(Protocol):
    """Shows a status."""

    def update(self, *, new_stage: bool) -> None:
        """Show what has changed."""

    def close(self) -> None:
        """Show nothing more."""


@dataclass
class ShownProgress:
    """A `robustbench_ir.Progress` that is shown; it also follows the whole run.

    Attributes
    ----------
    status : Status
        How far the run is.
    """

    status: Status
    _shown: _Shown

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage."""
        self.status.stage(name, total)
        self._shown.update(new_stage=True)

    def advance(self, steps: int) -> None:
        """Count further steps of the stage as done."""
        self.status.done += steps
        self._shown.update(new_stage=False)

    def whole(self, texts: int, all_texts: int, encoded: int) -> None:
        """Receive how far the whole run is; see `robustbench_ir._base.progress.FollowsRun`."""
        self.status.texts, self.status.all_texts, self.status.encoded = texts, all_texts, encoded
        self._shown.update(new_stage=False)


class _TerminalBars:
    def __init__(self, status: Status, console: Console) -> None:
        self._status = status
        self._bars = Bars(
            BarColumn(bar_width=20), TextColumn("{task.description}", markup=False), console=console, transient=True
        )
        self._run, self._stage = (self._bars.add_task("", total=None) for _ in range(2))
        self._bars.start()

    def update(self, *, new_stage: bool) -> None:  # noqa: ARG002
        status = self._status
        texts, steps = status.all_texts or None, status.total
        self._bars.update(self._run, description=status.of_run(), total=texts, completed=status.texts)
        self._bars.update(self._stage, description=status.of_stage(), total=steps, completed=status.done)

    def close(self) -> None:
        self._bars.stop()


class _Lines:
    """A line for each stage as it begins, and one for the whole run every half minute, whatever happens."""

    def __init__(self, status: Status, stream: TextIO, seconds: float = _SECONDS_BETWEEN_LINES) -> None:
        self._status, self._stream, self._seconds = status, stream, seconds
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True)
        self._thread.start()

    def update(self, *, new_stage: bool) -> None:
        if new_stage:
            self._print(terminal_text(self._status.name))

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _tell(self) -> None:
        while not self._closed.wait(self._seconds):
            self._print(f"{self._status.of_stage()}; {self._status.of_run()}")

    def _print(self, line: str) -> None:
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):  # the stream was closed
            self._closed.set()


class _NotebookLine:
    """One line below a cell of a notebook, which changes in its place."""

    def __init__(self, status: Status) -> None:
        self._status, self._last = status, 0.0
        # A notebook has it, and nothing else needs it.
        display = import_module("IPython.display").display
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def update(self, *, new_stage: bool) -> None:  # noqa: ARG002
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_UPDATES:
            self._last = now
            self._show(f"{self._status.of_run()}; {self._status.of_stage()}")

    def close(self) -> None:
        self._show(self._status.of_run())

    def _show(self, line: str) -> None:
        self._handle.update({"text/plain": line}, raw=True)


@contextmanager
def shown(progress: Progress | bool, console: Console | None = None) -> Iterator[Progress]:
    """Show a progress while the block runs.

    Parameters
    ----------
    progress : Progress or bool
        True shows it in the way that fits the place: bars on a terminal, a line in a notebook, and else a line for each
        stage and one every half minute. False shows nothing; a `Progress` is passed on.
    console : rich.console.Console, optional
        Where bars are drawn; by default standard error.
    """
    if not isinstance(progress, bool):
        yield progress
        return
    if not progress:
        yield Silence()
        return
    status = Status()
    display = _place(status, console or Console(stderr=True, markup=False, emoji=False))
    try:
        yield ShownProgress(status, display)
    finally:
        display.close()


def _place(status: Status, console: Console) -> _Shown:
    if _in_notebook():
        return _NotebookLine(status)
    if console.is_terminal:
        return _TerminalBars(status, console)
    return _Lines(status, sys.stderr)


def _in_notebook() -> bool:
    """Return whether a kernel of Jupyter runs this; a terminal of IPython is a terminal."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"
