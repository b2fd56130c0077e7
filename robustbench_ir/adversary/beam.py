"""Beam search: the best sets of edits are all extended by one more, again and again."""

from __future__ import annotations

from robustbench_ir.adversary.candidates import Edits, Space, Trial
from robustbench_ir.adversary.lockstep import Search
from robustbench_ir.perturb.randomness import Random


def beam(space: Space, random: Random, size: int) -> Search:  # noqa: ARG001
    """Keep the `size` best sets of edits of each round, whether or not they are better than those of the one before.

    Where the budget of queries does not reach for a whole round, every place has had as many of its rewritings tried as
    the others.
    """
    front: list[Edits] = [()]
    for _ in range(space.words):
        trials = _in_turn([space.extended(edits, place) for edits in front for place in range(len(space.places))])
        if not trials:
            return
        values = yield trials
        best = sorted(range(len(trials)), key=lambda number: (values[number], number))[:size]
        front = [trials[number].edits for number in best]


def _in_turn(groups: list[list[Trial]]) -> list[Trial]:
    """Return the first of each group, then the second of each, and so on, each text once."""
    longest = max(map(len, groups), default=0)
    found = [group[number] for number in range(longest) for group in groups if number < len(group)]
    return list({trial.text: trial for trial in reversed(found)}.values())[::-1]
