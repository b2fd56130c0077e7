"""Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983): one edit changes at a time, for the worse ever less."""

from __future__ import annotations

from math import exp

from robustbench_ir.adversary.candidates import Edits, Space, Trial
from robustbench_ir.adversary.lockstep import Search
from robustbench_ir.perturb.randomness import Random, pick

_FIRST_TEMPERATURE = 0.05  # a loss of 0.05 of a goal's range is then accepted in 37 cases of 100


def annealing(space: Space, random: Random, size: int) -> Search:
    """Try `size` times to set, replace or move one edit; a loss is taken with probability exp(-loss/temperature)."""
    (value,) = yield [Trial(space.clean, ())]
    edits: Edits = ()
    for step in range(size if space.places else 0):
        trial = _neighbour(space, edits, random)
        if trial is None:
            continue
        (found,) = yield [trial]
        temperature = _FIRST_TEMPERATURE * (1 - step / size)
        if found <= value or random.random() < exp((value - found) / temperature):
            value, edits = found, trial.edits


def _neighbour(space: Space, edits: Edits, random: Random) -> Trial | None:
    """Draw an edit, and put it in the place of those that it overlaps or, where the budget is full, of any one."""
    edit = pick(pick(space.places, random), random)
    start, end = edit.span
    kept = [one for one in edits if one.span[1] <= start or end <= one.span[0]]
    while kept and not space.allows(sorted([*kept, edit])):
        kept.remove(pick(kept, random))
    both = sorted([*kept, edit])
    return space.trial(both) if space.allows(both) else None
