"""How injected passages are written: ``copy``, ``payload``, ``greedy``, ``beam-4``, ``hotflip``, ``payload+greedy``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import regex

from robustbench_ir.errors import OptionError, nearest

if TYPE_CHECKING:
    from robustbench_ir.adversary.victim import Access

Search = Literal["", "greedy", "beam", "hotflip"]

ENCODINGS = 50
"""Encodings that a search spends on each passage, unless another number is given."""

_WIDTH = 4
_MOST_WIDTH = 1000
CRAFTS = ("copy", "payload", "greedy", f"beam-{_WIDTH}", "hotflip", "payload+greedy", "payload+hotflip")
"""Names, for messages and completion; another number may stand behind ``beam``."""

_NAME = regex.compile(r"(?:(?P<payload>payload)\+)?(?P<search>greedy|beam|hotflip)(?:-(?P<width>[1-9][0-9]{0,3}))?")


@dataclass(frozen=True)
class Craft:
    """How injected passages are written.

    Attributes
    ----------
    payload : bool
        Whether a harmless marked sentence follows, which a search leaves as it is.
    search : {"", "greedy", "beam", "hotflip"}
        How words are chosen with the encoder's scores or gradients; empty for the question as it is.
    width : int
        Number of texts that a search follows at once.

    Examples
    --------
    >>> str(Craft.parse("payload+beam-2")), str(Craft.parse("beam"))
    ('payload+beam-2', 'beam-4')
    """

    payload: bool = False
    search: Search = ""
    width: int = 1

    def __str__(self) -> str:
        if not self.search:
            return "payload" if self.payload else "copy"
        width = f"-{self.width}" if self.search == "beam" else ""
        return f"{'payload+' * self.payload}{self.search}{width}"

    @classmethod
    def parse(cls, name: str) -> Craft:
        """Read a name.

        Raises
        ------
        OptionError
            If there is no such craft.
        """
        if name in {"copy", "payload"}:
            return cls(payload=name == "payload")
        found = _NAME.fullmatch(str(name))
        if found is None or (found["width"] and (found["search"] != "beam" or int(found["width"]) > _MOST_WIDTH)):
            raise OptionError(f"unknown craft {name!r}: {nearest(str(name), CRAFTS)}")
        beam = found["search"] == "beam"
        width = int(found["width"] or _WIDTH) if beam else 1
        return cls(bool(found["payload"]), cast("Search", found["search"]), width)

    @property
    def needs(self) -> Access:
        """What the encoder that crafts must give."""
        return "gradient" if self.search == "hotflip" else "score" if self.search else "text"
