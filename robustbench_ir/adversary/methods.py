"""Search methods by name: ``random``, ``best-of-20``, ``greedy``, ``beam-4`` and those in `NAMES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import regex

from robustbench_ir.adversary.annealing import annealing
from robustbench_ir.adversary.beam import beam
from robustbench_ir.adversary.best_of import best_of_starts, exhaustive
from robustbench_ir.adversary.candidates import Space
from robustbench_ir.adversary.greedy import greedy, greedy_by_rarity
from robustbench_ir.adversary.lockstep import Search
from robustbench_ir.adversary.victim import Access
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.perturb.randomness import Random


class _Kind(NamedTuple):
    """How to search; the size where none is named, None if it has none; random perturbations to begin with."""

    search: Callable[[Space, Random, int], Search]
    size: int | None
    starts: int
    needs: Access = "rank"
    by_rarity: bool = False


_STARTS = 20
_KINDS: Mapping[str, _Kind] = {
    "random": _Kind(best_of_starts, None, 1),
    "best-of": _Kind(best_of_starts, 20, 0),
    "greedy": _Kind(greedy, None, _STARTS),
    "greedy-rare": _Kind(greedy_by_rarity, None, _STARTS, by_rarity=True),
    "greedy-score": _Kind(greedy_by_rarity, None, _STARTS, "score", by_rarity=True),
    "beam": _Kind(beam, 4, _STARTS),
    "annealing": _Kind(annealing, 200, _STARTS),
    "exhaustive": _Kind(exhaustive, None, 0),
}
NAMES = ("random", "best-of-20", "greedy", "greedy-rare", "greedy-score", "beam-4", "annealing-200", "exhaustive")


@dataclass(frozen=True)
class Method:
    """A way to search.

    Attributes
    ----------
    name : str
        Such as ``"beam-4"``.
    search : callable
        Takes what may be done to a query and a source of random numbers, and begins a search.
    starts : int
        Random perturbations that are tried before anything else. So a search is never worse than the best of them.
    needs : {"score", "rank", "text"}
        What it must learn from the encoder.
    by_rarity : bool
        Whether it must be told how rare the words of a query are.
    """

    name: str
    search: Callable[[Space, Random], Search]
    starts: int
    needs: Access = "rank"
    by_rarity: bool = False

    @property
    def any_will_do(self) -> bool:
        """Whether the perturbation counts even if it helps: the average case."""
        return self.name == "random"

    def begin(self, space: Space, random: Random) -> Search:
        """Begin with the random perturbations."""
        if space.starts:
            yield space.starts
        yield from self.search(space, random)


def make_method(name: str, starts: int | None = None) -> Method:
    """Look up a search method.

    Parameters
    ----------
    name : str
        One of `NAMES`; the number may be another one, or left out.
    starts : int, optional
        Random perturbations to begin with, instead of 20.

    Raises
    ------
    UnknownNameError
        No such method.
    OptionError
        A number of 0, or starts for a method that is nothing else.
    """
    match = regex.fullmatch(r"([a-z-]+?)(?:-(\d+))?", name)
    kind = _KINDS.get(match[1]) if match else None
    if match is None or kind is None or (match[2] and kind.size is None):
        raise UnknownNameError("search method", name, NAMES)
    size = int(match[2] or kind.size or 0)
    if kind.size is not None and size < 1:
        raise OptionError(f"search {name}: the number must be at least 1")
    fixed = kind.search is best_of_starts
    if starts is not None and (fixed or starts < 0):
        raise OptionError(f"search {name} cannot begin with {starts} random perturbations; leave `starts` out")
    begun = (size or kind.starts) if fixed else kind.starts if starts is None else starts
    full = match[1] if kind.size is None else f"{match[1]}-{size}"
    return Method(full, partial(_sized, kind.search, size), begun, kind.needs, kind.by_rarity)


def _sized(search: Callable[[Space, Random, int], Search], size: int, space: Space, random: Random) -> Search:
    return search(space, random, size)
