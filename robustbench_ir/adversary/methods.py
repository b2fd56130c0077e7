"""Search methods by name: ``random``, ``best-of-20``, ``greedy``, ``beam-4`` and those in `_METHOD_NAMES`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from math import exp
from typing import NamedTuple

import regex

from robustbench_ir.adversary.candidates import Candidate, Edits, SearchSpace
from robustbench_ir.adversary.driver import Search
from robustbench_ir.adversary.victim import Access
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.perturb.randomness import Random, pick

# Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983): one edit changes at a time, for the worse ever less.

_FIRST_TEMPERATURE = 0.05  # a loss of 0.05 of a goal's range is then accepted in 37 cases of 100


def annealing(space: SearchSpace, random: Random, size: int) -> Search:
    """Try `size` times to set, replace or move one edit; a loss is taken with probability exp(-loss/temperature)."""
    (value,) = yield [Candidate(space.clean, ())]
    edits: Edits = ()
    for step in range(size if space.places else 0):
        candidate = _neighbour(space, edits, random)
        if candidate is None:
            continue
        (found,) = yield [candidate]
        temperature = _FIRST_TEMPERATURE * (1 - step / size)
        if found <= value or random.random() < exp((value - found) / temperature):
            value, edits = found, candidate.edits


def _neighbour(space: SearchSpace, edits: Edits, random: Random) -> Candidate | None:
    """Draw an edit, and put it in the place of those that it overlaps or, where the budget is full, of any one."""
    edit = pick(pick(space.places, random), random)
    start, end = edit.span
    kept = [one for one in edits if one.span[1] <= start or end <= one.span[0]]
    while kept and not space.allows(sorted([*kept, edit])):
        kept.remove(pick(kept, random))
    both = sorted([*kept, edit])
    return space.candidate(both) if space.allows(both) else None


# Beam search: the best sets of edits are all extended by one more, again and again.


def beam(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Keep the `size` best sets of edits of each round, whether or not they are better than those of the one before.

    Where the budget of queries does not reach for a whole round, every place has had as many of its rewritings tried as
    the others.
    """
    front: list[Edits] = [()]
    for _ in range(space.words):
        candidates = _in_turn([space.extended(edits, place) for edits in front for place in range(len(space.places))])
        if not candidates:
            return
        values = yield candidates
        best = sorted(range(len(candidates)), key=lambda number: (values[number], number))[:size]
        front = [candidates[number].edits for number in best]


def _in_turn(groups: list[list[Candidate]]) -> list[Candidate]:
    """Return the first of each group, then the second of each, and so on, each text once."""
    longest = max(map(len, groups), default=0)
    found = [group[number] for number in range(longest) for group in groups if number < len(group)]
    return list({candidate.text: candidate for candidate in reversed(found)}.values())[::-1]


# Nothing but the random perturbations, of which the best is kept. As reference: the optimum, by trying everything.


def _best_of_starts(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Try nothing more: the driver has tried the random perturbations."""
    yield from ()


def exhaustive(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Try every set of edits within the budget of words, the smallest first."""
    for number in range(1, min(space.words, len(space.places)) + 1):
        sets = (edits for places in combinations(space.places, number) for edits in product(*places))
        candidates = [space.candidate(edits) for edits in sets if space.allows(edits)]
        values: Sequence[float] = yield candidates
        del values


# Greedy search: the places that matter most are changed first, each to what serves best.
#
# With importance by deletion as in TextFooler (arXiv 1907.11932) and DeepWordBug (1801.04354), or by how rare words
# are.


def greedy(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Change the places in the order of their importance, each to what serves best, where anything does.

    The importance of a place is what the goal wins when its words are deleted. Of places that are equally important the
    first comes first; of rewritings that are equally good the first in the alphabet is taken, as in TextAttack.
    """
    places = range(len(space.places))
    (value,) = yield [Candidate(space.clean, ())]
    importance = yield [space.without(place) for place in places]
    yield from _in_order(space, sorted(places, key=lambda place: (importance[place], place)), value)


def _greedy_by_rarity(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Do the same, but the rarer a word is among the passages, the more it matters: no deletion is asked about."""
    (value,) = yield [Candidate(space.clean, ())]
    places = range(len(space.places))
    yield from _in_order(space, sorted(places, key=lambda place: (space.frequency[place], place)), value)


def _in_order(
    space: SearchSpace, places: Iterable[int], value: float
) -> Generator[Sequence[Candidate], Sequence[float], None]:
    edits: Edits = ()
    for place in places:
        if len(edits) == space.words:
            return
        candidates = space.extended(edits, place)
        found = yield candidates
        best, candidate = min(zip(found, candidates, strict=True), default=(value, None))
        if candidate and best < value:
            value, edits = best, candidate.edits


class _Kind(NamedTuple):
    """How to search; the size where none is named, None if it has none; random perturbations to begin with."""

    search: Callable[[SearchSpace, Random, int], Search]
    size: int | None
    starts: int
    needs: Access = "rank"
    by_rarity: bool = False


_STARTS = 20
_KINDS: Mapping[str, _Kind] = {
    "random": _Kind(_best_of_starts, None, 1),
    "best-of": _Kind(_best_of_starts, 20, 0),
    "greedy": _Kind(greedy, None, _STARTS),
    "greedy-rare": _Kind(_greedy_by_rarity, None, _STARTS, by_rarity=True),
    "greedy-score": _Kind(_greedy_by_rarity, None, _STARTS, "score", by_rarity=True),
    "beam": _Kind(beam, 4, _STARTS),
    "annealing": _Kind(annealing, 200, _STARTS),
    "exhaustive": _Kind(exhaustive, None, 0),
}
_METHOD_NAMES = (
    "random",
    "best-of-20",
    "greedy",
    "greedy-rare",
    "greedy-score",
    "beam-4",
    "annealing-200",
    "exhaustive",
)


@dataclass(frozen=True)
class SearchMethod:
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
    search: Callable[[SearchSpace, Random], Search]
    starts: int
    needs: Access = "rank"
    by_rarity: bool = False

    @property
    def any_will_do(self) -> bool:
        """Whether the perturbation counts even if it helps: the average case."""
        return self.name == "random"

    def begin(self, space: SearchSpace, random: Random) -> Search:
        """Begin with the random perturbations."""
        if space.starts:
            yield space.starts
        yield from self.search(space, random)


def make_method(name: str, starts: int | None = None) -> SearchMethod:
    """Look up a search method.

    Parameters
    ----------
    name : str
        One of `_METHOD_NAMES`; the number may be another one, or left out.
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
        raise UnknownNameError("search method", name, _METHOD_NAMES)
    size = int(match[2] or kind.size or 0)
    if kind.size is not None and size < 1:
        raise OptionError(f"search {name}: the number must be at least 1")
    fixed = kind.search is _best_of_starts
    if starts is not None and (fixed or starts < 0):
        raise OptionError(f"search {name} cannot begin with {starts} random perturbations; leave `starts` out")
    begun = (size or kind.starts) if fixed else kind.starts if starts is None else starts
    full = match[1] if kind.size is None else f"{match[1]}-{size}"
    return SearchMethod(full, partial(_sized, kind.search, size), begun, kind.needs, kind.by_rarity)


def _sized(
    search: Callable[[SearchSpace, Random, int], Search], size: int, space: SearchSpace, random: Random
) -> Search:
    return search(space, random, size)
