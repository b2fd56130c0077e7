"""Greedy search with word importance by deletion, as in TextFooler (arXiv 1907.11932) and DeepWordBug (1801.04354)."""

from __future__ import annotations

from robustbench_ir.adversary.candidates import Edits, Space, Trial
from robustbench_ir.adversary.lockstep import Search
from robustbench_ir.perturb.randomness import Random


def greedy(space: Space, random: Random, size: int) -> Search:  # noqa: ARG001
    """Change the places in the order of their importance, each to what serves best, where anything does.

    The importance of a place is what the goal wins when its words are deleted.
    """
    places = range(len(space.places))
    (value,) = yield [Trial(space.clean, ())]
    importance = yield [space.without(place) for place in places]
    edits: Edits = ()
    for place in sorted(places, key=lambda place: (importance[place], place)):
        if len(edits) == space.words:
            return
        trials = space.extended(edits, place)
        found = yield trials
        best = min(range(len(trials)), key=lambda number: found[number], default=None)
        if best is not None and found[best] < value:
            value, edits = found[best], trials[best].edits
