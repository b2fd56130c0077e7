"""How far a run is, and how long each stage took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    """Receives how far a run is."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage of `total` steps, or of unknown length."""

    def advance(self, steps: int) -> None:
        """Count some more steps of the stage as done."""


class Silence:
    """Reports nothing. A `Progress`."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, steps: int) -> None:
        """Do nothing."""


@dataclass
class Clock:
    """Reports the stages of a run to a progress, and adds up the seconds that each takes."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    _downloading: str = ""
    _downloaded: int = 0
    _depth: int = 0

    def download(self, file: str, done: int, total: int | None) -> None:
        """Report how far a download is."""
        name = f"download {file}"
        if self._downloading != name:
            self._downloading, self._downloaded = name, 0
            self.progress.stage(name, total)
        self.progress.advance(done - self._downloaded)
        self._downloaded = done

    def add(self, name: str, seconds: float) -> None:
        """Count some more seconds for a stage."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def advance(self, steps: int) -> None:
        """Count some more steps of the stage as done; those of a stage inside another one are not reported."""
        if self._depth <= 1:
            self.progress.advance(steps)

    @contextmanager
    def stage(self, name: str, total: int | None = None, label: str = "") -> Iterator[None]:
        """Time a stage; one inside another is timed too, but not reported, since a search has many small ones.

        Parameters
        ----------
        name : str
            Under which the seconds are added up.
        total : int, optional
            Number of steps.
        label : str
            What the stage works on, for people.
        """
        self._depth += 1
        if self._depth == 1:
            self.progress.stage(f"{label}: {name}" if label else name, total)
        start = time.perf_counter()
        try:
            yield
        finally:
            self._depth -= 1
            self.add(name, time.perf_counter() - start)
