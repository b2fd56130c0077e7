"""Greedy search: the places that matter most are changed first, each to what serves best.

With importance by deletion as in TextFooler (arXiv 1907.11932) and DeepWordBug (1801.04354), or by how rare words are.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from robustbench_ir.adversary.candidates import Edits, Space, Trial
from robustbench_ir.adversary.lockstep import Search
from robustbench_ir.perturb.randomness import Random


def greedy(space: Space, random: Random, size: int) -> Search:  # noqa: ARG001
    """Change the places in the order of their importance, each to what serves best, where anything does.

    The importance of a place is what the goal wins when its words are deleted. Of places that are equally important the
    first comes first; of rewritings that are equally good the first in the alphabet is taken, as in TextAttack.
    """
    places = range(len(space.places))
    (value,) = yield [Trial(space.clean, ())]
    importance = yield [space.without(place) for place in places]
    yield from _in_order(space, sorted(places, key=lambda place: (importance[place], place)), value)


def greedy_by_rarity(space: Space, random: Random, size: int) -> Search:  # noqa: ARG001
    """Do the same, but the rarer a word is among the passages, the more it matters: no deletion is asked about."""
    (value,) = yield [Trial(space.clean, ())]
    places = range(len(space.places))
    yield from _in_order(space, sorted(places, key=lambda place: (space.frequency[place], place)), value)


def _in_order(space: Space, places: Iterable[int], value: float) -> Generator[Sequence[Trial], Sequence[float], None]:
    edits: Edits = ()
    for place in places:
        if len(edits) == space.words:
            return
        trials = space.extended(edits, place)
        found = yield trials
        best, trial = min(zip(found, trials, strict=True), default=(value, None))
        if trial and best < value:
            value, edits = best, trial.edits
