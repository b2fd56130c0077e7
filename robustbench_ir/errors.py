"""The errors that this package raises on purpose.

::

    RobustBenchError
    ├── UnknownNameError     a recipe, task, encoder, language or measure that does not exist (the nearest is named)
    ├── CardError            a card under attacks/ or tasks/ that breaks the rules of its format
    ├── DataError            task, lexicon or keyboard data that breaks the rules of its format
    │   └── DataUnavailableError   a file that is missing and cannot be downloaded
    ├── EncoderError         a model that cannot be loaded, or whose output is not an embedding
    ├── ResultError          a result file that cannot be read or written
    ├── TrainingError        a training that cannot continue
    ├── WorkerError          a process that ended before its work was done
    └── OptionError          an argument that is out of range, or two that exclude each other

Every message is one line and says the next step. The command line prints it and exits with status 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RobustBenchError(Exception):
    """Base class of all errors that this package raises on purpose."""


class UnknownNameError(RobustBenchError):
    """A name that does not exist."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        choices = sorted(known)
        super().__init__(f"unknown {kind} {name!r}: {hint or nearest(name, choices)}")
        self.kind = kind
        self.name = name
        self._known = choices
        self._hint = hint

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, list[str], str]]:
        """Return what pickle needs to send the error to another process."""
        return type(self), (self.kind, self.name, self._known, self._hint)


class CardError(RobustBenchError):
    """A card with an unknown key, a missing key or a value of the wrong type."""


class DataError(RobustBenchError):
    """Data that breaks the rules of its format."""


class DataUnavailableError(DataError):
    """A file that is neither in `ROBUSTBENCH_IR_DATA` nor in the cache, and cannot be downloaded."""


class DataWarning(UserWarning):
    """Something of the user's that is passed over, such as a line of a table; the message says what and why."""


class EncoderError(RobustBenchError):
    """An encoder that cannot be loaded, or whose output is unusable."""


class ResultError(RobustBenchError):
    """A result file that cannot be read or written."""


class DuplicateEntryError(ResultError):
    """An entry of the same run is on the leaderboard already."""


class TrainingError(RobustBenchError):
    """A training that cannot continue."""


class WorkerError(RobustBenchError):
    """A process that ended before its work was done."""


class OptionError(RobustBenchError):
    """An argument that is out of range."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a hint at the name that the user may have meant.

    Parameters
    ----------
    name : str
        The name that the user gave.
    choices : iterable of str
        The names that exist.

    Returns
    -------
    str
        ``did you mean 'typo'?`` or ``there are: a, b, c``.
    """
    known = list(choices)
    match = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if match:
        return f"did you mean {match[0]!r}?"
    return f"there are: {', '.join(known)}" if known else "there are none"
