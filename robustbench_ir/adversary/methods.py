"""Search methods by name: ``random``, ``best-of-20``, ``greedy``, ``greedy-rare``, ``beam-4``, ``annealing-200``."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, product
from math import exp
from typing import NamedTuple

import regex

from robustbench_ir.adversary.candidates import Candidate, Edits, SearchSpace
from robustbench_ir.adversary.driver import Search
from robustbench_ir.adversary.victim import Access
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.perturb.randomness import Random, pick

# Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983): losses are accepted more and more rarely.

_FIRST_TEMPERATURE = 0.05  # a loss of 0.05 of a goal's range is then accepted in 37 cases of 100


def annealing(space: SearchSpace, random: Random, size: int) -> Search:
    """Set, replace or move one edit, `size` times; accept a loss with probability exp(-loss/temperature).

    Parameters
    ----------
    space : SearchSpace
        The query and its rewritings.
    random : Random
        Source of random numbers.
    size : int
        Number of steps, 1 or more.
    """
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
    """Draw an edit that replaces those it overlaps, and further random ones if the budget is full."""
    edit = pick(pick(space.places, random), random)
    start, end = edit.span
    kept = [one for one in edits if one.span[1] <= start or end <= one.span[0]]
    while kept and not space.allows(sorted([*kept, edit])):
        kept.remove(pick(kept, random))
    both = sorted([*kept, edit])
    return space.candidate(both) if space.allows(both) else None


# Beam search: in each round, the best sets of edits are extended by one more edit.


def beam(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Keep the `size` best sets of edits of each round, even if they are not better than those of the round before.

    If the budget does not allow a whole round, all places have had the same number of rewritings tried.

    Parameters
    ----------
    space : SearchSpace
        The query and its rewritings.
    random : Random
        Not used.
    size : int
        Number of sets that are kept, 1 or more.
    """
    yield from _beam(space, size, lambda candidates: candidates)


def _beam_by_gradient(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Search a beam as `beam` does, with the most promising texts first, where the budget allows no whole round."""
    yield from _beam(space, size, partial(sorted, key=partial(_promised, space)))


def _promised(space: SearchSpace, candidate: Candidate) -> float:
    """Return the negative sum of what the edits of a text promise, so that the most promising comes first."""
    return -sum(space.promise.get(edit, 0.0) for edit in candidate.edits)


def _beam(space: SearchSpace, size: int, ordered: Callable[[list[Candidate]], list[Candidate]]) -> Search:
    front: list[Edits] = [()]
    for _ in range(space.words):
        every = [space.extended(edits, place) for edits in front for place in range(len(space.places))]
        candidates = ordered(_in_turn(every))
        if not candidates:
            return
        values = yield candidates
        best = sorted(range(len(candidates)), key=lambda number: (values[number], number))[:size]
        front = [candidates[number].edits for number in best]


def _in_turn(groups: list[list[Candidate]]) -> list[Candidate]:
    """Return the first candidate of each group, then the second of each, and so on; each text once."""
    longest = max(map(len, groups), default=0)
    found = [group[number] for number in range(longest) for group in groups if number < len(group)]
    return list({candidate.text: candidate for candidate in reversed(found)}.values())[::-1]


# Two references: the best of the random perturbations, and the optimum, found by trying everything.


def _best_of_starts(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Try nothing more: the random perturbations have been tried already."""
    yield from ()


def exhaustive(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Try every set of edits within the budget of words, the smallest sets first.

    Parameters
    ----------
    space : SearchSpace
        The query and its rewritings.
    random : Random
        Not used.
    size : int
        Not used.
    """
    for number in range(1, min(space.words, len(space.places)) + 1):
        sets = (edits for places in combinations(space.places, number) for edits in product(*places))
        candidates = [space.candidate(edits) for edits in sets if space.allows(edits)]
        values: Sequence[float] = yield candidates
        del values


# Greedy search: the most important places are changed first, each to its best rewriting.
#
# Importance is measured by deletion, as in TextFooler (arXiv 1907.11932) and DeepWordBug (1801.04354), or by rarity.


def greedy(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Change the places in order of importance, each to its best rewriting, if one is better than no change.

    The importance of a place is the gain of the goal when its words are deleted. Of equally important places the first
    in the text comes first; of equally good rewritings the first in alphabetical order is taken, as in TextAttack.

    Parameters
    ----------
    space : SearchSpace
        The query and its rewritings.
    random : Random
        Not used.
    size : int
        Not used.
    """
    places = range(len(space.places))
    (value,) = yield [Candidate(space.clean, ())]
    importance = yield [space.without(place) for place in places]
    yield from _in_order(space, sorted(places, key=lambda place: (importance[place], place)), value)


def _greedy_by_rarity(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Search greedily, with rarity among the passages as the importance of a word, so that no deletion is encoded."""
    (value,) = yield [Candidate(space.clean, ())]
    places = range(len(space.places))
    yield from _in_order(space, sorted(places, key=lambda place: (space.frequency[place], place)), value)


def _greedy_by_gradient(space: SearchSpace, random: Random, size: int) -> Search:  # noqa: ARG001
    """Make one edit after the other: the best of the `size` most promising ones, if it is better than none."""
    (value,) = yield [Candidate(space.clean, ())]
    edits: Edits = ()
    for _ in range(space.words):
        every = [space.extended(edits, place) for place in range(len(space.places))]
        candidates = sorted(chain.from_iterable(every), key=partial(_promised, space))[:size]
        found = yield candidates
        best, candidate = min(zip(found, candidates, strict=True), default=(value, None))
        if candidate is None or best >= value:
            return
        value, edits = best, candidate.edits


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
    """A kind of search: its function, its default size if it has one, and its number of random perturbations."""

    search: Callable[[SearchSpace, Random, int], Search]
    size: int | None
    starts: int
    needs: Access = "rank"
    by_rarity: bool = False
    by_gradient: bool = False


_STARTS = 20
MOST_STARTS = 10_000
"""Starts, beams, steps, or rewritings of a place: they are held in memory for each query."""

_KINDS: Mapping[str, _Kind] = {
    "random": _Kind(_best_of_starts, None, 1),
    "best-of": _Kind(_best_of_starts, 20, 0),
    "greedy": _Kind(greedy, None, _STARTS),
    "greedy-rare": _Kind(_greedy_by_rarity, None, _STARTS, by_rarity=True),
    "greedy-score": _Kind(_greedy_by_rarity, None, _STARTS, "score", by_rarity=True),
    "greedy-gradient": _Kind(_greedy_by_gradient, 8, _STARTS, "gradient", by_gradient=True),
    "beam": _Kind(beam, 4, _STARTS),
    "beam-gradient": _Kind(_beam_by_gradient, 4, _STARTS, "gradient", by_gradient=True),
    "annealing": _Kind(annealing, 200, _STARTS),
    "exhaustive": _Kind(exhaustive, None, 0),
}
_METHOD_NAMES = (
    "random",
    "best-of-20",
    "greedy",
    "greedy-rare",
    "greedy-score",
    "greedy-gradient-8",
    "beam-4",
    "beam-gradient-4",
    "annealing-200",
    "exhaustive",
)


@dataclass(frozen=True)
class SearchMethod:
    """A search method.

    Attributes
    ----------
    name : str
        Name such as ``"beam-4"``.
    search : callable
        Takes a search space and a source of random numbers; begins a search.
    starts : int
        Number of random perturbations that are tried first. A search is never worse than the best of them.
    needs : {"gradient", "score", "rank", "text"}
        What it must learn from the encoder.
    by_rarity : bool
        Whether it uses the frequency of the words among the passages.
    by_gradient : bool
        Whether it uses what edits promise by the gradients of the encoder.
    """

    name: str
    search: Callable[[SearchSpace, Random], Search]
    starts: int
    needs: Access = "rank"
    by_rarity: bool = False
    by_gradient: bool = False

    @property
    def any_will_do(self) -> bool:
        """Whether a perturbation counts even if it improves retrieval: the average case."""
        return self.name == "random"

    def begin(self, space: SearchSpace, random: Random) -> Search:
        """Begin a search with the random perturbations.

        Parameters
        ----------
        space : SearchSpace
            The query and its rewritings.
        random : Random
            Source of random numbers.
        """
        if space.starts:
            yield space.starts
        yield from self.search(space, random)


def make_method(name: str, starts: int | None = None) -> SearchMethod:
    """Return the search method of a name.

    Parameters
    ----------
    name : str
        ``random``, ``best-of-20``, ``greedy``, ``greedy-rare``, ``greedy-score``, ``greedy-gradient-8``, ``beam-4``,
        ``beam-gradient-4``, ``annealing-200`` or ``exhaustive``; another number may be given, or none for the default.
    starts : int, optional
        Number of random perturbations to begin with. Default: 20.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    OptionError
        If the number is 0, or if `starts` is given for a method that only tries random perturbations.
    """
    match = regex.fullmatch(r"([a-z-]+?)(?:-(\d+))?", name)
    kind = _KINDS.get(match[1]) if match else None
    if match is None or kind is None or (match[2] and kind.size is None):
        raise UnknownNameError("search method", name, _METHOD_NAMES)
    size = int(match[2] or kind.size or 0)
    if kind.size is not None and size < 1:
        raise OptionError(f"search {name}: the number must be at least 1")
    if size > MOST_STARTS:
        raise OptionError(f"search {match[1]}: {size} is out of range; at most {MOST_STARTS:,}")
    fixed = kind.search is _best_of_starts
    if starts is not None and (fixed or starts < 0):
        raise OptionError(f"search {name} cannot begin with {starts} random perturbations; leave `starts` out")
    begun = (size or kind.starts) if fixed else kind.starts if starts is None else starts
    full = match[1] if kind.size is None else f"{match[1]}-{size}"
    return SearchMethod(full, partial(_sized, kind.search, size), begun, kind.needs, kind.by_rarity, kind.by_gradient)


def _sized(
    search: Callable[[SearchSpace, Random, int], Search], size: int, space: SearchSpace, random: Random
) -> Search:
    return search(space, random, size)
