"""What an adversary may spend on one query."""

from __future__ import annotations

from dataclasses import dataclass

from robustbench_ir.errors import OptionError


@dataclass(frozen=True)
class Budget:
    """What an adversary may spend on one query.

    Attributes
    ----------
    words : int
        Places that may be changed at most, 1 or more.
    queries : int
        Distinct texts that the encoder may be asked about at most, besides the clean query, 1 or more.
    edit_rate : float
        Share of the clean query's code points that may be replaced at most, in (0, 1].

    Raises
    ------
    OptionError
        One of them is out of range.
    """

    words: int = 2
    queries: int = 500
    edit_rate: float = 1.0

    def __post_init__(self) -> None:
        if self.words < 1:
            raise OptionError(f"a budget of {self.words} words changes nothing; at least 1 is wanted")
        if self.queries < 1:
            raise OptionError(f"a budget of {self.queries} encoder queries tries nothing; at least 1 is wanted")
        if not 0 < self.edit_rate <= 1:
            raise OptionError(f"edit rate {self.edit_rate:g} is out of range; above 0, at most 1")

    @property
    def identity(self) -> str:
        """As it stands in a recipe's identity: ``words=2|queries=500``."""
        rate = f"|edit-rate={self.edit_rate:g}" if self.edit_rate < 1 else ""
        return f"words={self.words}|queries={self.queries}{rate}"
