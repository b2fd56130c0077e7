"""Nothing but the random perturbations, of which the best is kept. As reference: the optimum, by trying everything."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

from robustbench_ir.adversary.candidates import Space
from robustbench_ir.adversary.lockstep import Search
from robustbench_ir.perturb.randomness import Random


def best_of_starts(space: Space, random: Random, size: int) -> Search:  # noqa: ARG001
    """Try nothing more: the driver has tried the random perturbations."""
    yield from ()


def exhaustive(space: Space, random: Random, size: int) -> Search:  # noqa: ARG001
    """Try every set of edits within the budget of words, the smallest first."""
    for number in range(1, min(space.words, len(space.places)) + 1):
        sets = (edits for places in combinations(space.places, number) for edits in product(*places))
        trials = [space.trial(edits) for edits in sets if space.allows(edits)]
        values: Sequence[float] = yield trials
        del values
