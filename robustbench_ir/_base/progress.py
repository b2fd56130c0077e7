"""Progress of a run, and the time that each stage takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


class Progress(Protocol):
    """Receives the progress of a run."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage.

        Parameters
        ----------
        name : str
            Name of the stage.
        total : int, optional
            Number of steps; None if it is not known.
        """

    def advance(self, steps: int) -> None:
        """Count further steps of the stage as done."""


@runtime_checkable
class FollowsRun(Protocol):
    """A progress that also follows the whole run, if it likes; not every `Progress` does."""

    def whole(self, texts: int, all_texts: int, encoded: int) -> None:
        """Receive how far the whole run is.

        Parameters
        ----------
        texts, all_texts : int
            Texts that need no more work, and all texts of the run, as far as they are known beforehand.
        encoded : int
            Texts that this run has encoded.
        """


class Silence:
    """Reports nothing. A `Progress`; see there for the parameters."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, steps: int) -> None:
        """Do nothing."""


_ENCODING = frozenset({"encode passages", "encode queries", "craft passages"})


@dataclass
class Clock:
    """Reports the stages of a run to a progress, and adds up the seconds of each stage.

    Attributes
    ----------
    progress : Progress
        Receives the stages.
    seconds : dict of str to float
        Seconds of each stage so far.
    """

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    _downloading: str = ""
    _downloaded: int = 0
    _depth: int = 0
    _stage: str = ""
    _all_texts: int = 0
    _texts: int = 0
    _encoded: int = 0

    def expect(self, texts: int) -> None:
        """Set the number of texts that the whole run has, at most."""
        self._all_texts = texts
        self._tell()

    def expect_more(self, texts: int) -> None:
        """Add to the number of texts that the whole run has, at most."""
        self.expect(self._all_texts + texts)

    def reach(self, texts: int) -> None:
        """Set the number of texts that need no more work: encoded, or finished by an earlier run."""
        self._texts = max(self._texts, texts)
        self._tell()

    def _tell(self) -> None:
        if self._all_texts and isinstance(self.progress, FollowsRun):
            self.progress.whole(self._texts, self._all_texts, self._encoded)

    def download(self, file: str, done: int, total: int | None) -> None:
        """Report the progress of a download.

        Parameters
        ----------
        file : str
            Name of the file.
        done : int
            Bytes so far.
        total : int or None
            Size in bytes; None if it is not known.
        """
        name = f"download {file}"
        if self._downloading != name:
            self._downloading, self._downloaded = name, 0
            self.progress.stage(name, total)
        self.progress.advance(done - self._downloaded)
        self._downloaded = done

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a stage.

        Parameters
        ----------
        name : str
            Name of the stage.
        seconds : float
            Seconds to add.
        """
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def advance(self, steps: int) -> None:
        """Count further steps of the stage as done; steps of a stage inside another one are not reported."""
        if self._depth <= 1:
            self.progress.advance(steps)
            if self._stage in _ENCODING:
                self._texts += steps
                self._encoded += steps
                self._tell()

    @contextmanager
    def stage(self, name: str, total: int | None = None, label: str = "") -> Iterator[None]:
        """Measure the time of a stage; a stage inside another one is not reported, since a search has many small ones.

        Parameters
        ----------
        name : str
            Name under which the seconds are added up.
        total : int, optional
            Number of steps.
        label : str
            What the stage works on, for the progress.
        """
        self._depth += 1
        if self._depth == 1:
            self._stage = name
            self.progress.stage(f"{label}: {name}" if label else name, total)
        start = time.perf_counter()
        try:
            yield
        finally:
            self._depth -= 1
            self.add(name, time.perf_counter() - start)
