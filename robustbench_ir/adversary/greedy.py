"""Greedy search with word importance by deletion, as in TextFooler (arXiv 1907.11932) and DeepWordBug (1801.04354)."""

from __future__ import annotations

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
    edits: Edits = ()
    for place in sorted(places, key=lambda place: (importance[place], place)):
        if len(edits) == space.words:
            return
        trials = space.extended(edits, place)
        found = yield trials
        best, trial = min(zip(found, trials, strict=True), default=(value, None))
        if trial and best < value:
            value, edits = best, trial.edits
