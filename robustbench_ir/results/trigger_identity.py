"""What a task under universal triggers is called, from which the command that made it can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Place = Literal["suffix", "prefix"]
PLACES: tuple[Place, ...] = get_args(Place)
"""Where the words of a trigger stand: behind the query, or before it."""

_IN_VERSION = re.compile(
    r"-trigger-(?P<place>prefix-)?(?P<words>[0-9]+)-unseen-(?P<unseen>[0-9.e-]+?)(?:-seed-(?P<seed>[0-9]+))?$"
)


@dataclass(frozen=True)
class TriggerIdentity:
    """How universal triggers were found.

    Attributes
    ----------
    words : int
        Number of words of a trigger.
    unseen : float
        Share of the questions that are attacked.
    seed : int
        Seed of the random words beside the trigger.
    place : {"suffix", "prefix"}
        Where the words stand.

    Examples
    --------
    >>> str(TriggerIdentity(3, 0.5)), str(TriggerIdentity(2, 0.25, seed=1, place="prefix"))
    ('trigger-3-unseen-0.5', 'trigger-prefix-2-unseen-0.25-seed-1')
    """

    words: int
    unseen: float
    seed: int = 0
    place: Place = "suffix"

    def __str__(self) -> str:
        before = "prefix-" if self.place == "prefix" else ""
        return f"trigger-{before}{self.words}-unseen-{self.unseen!r}" + (f"-seed-{self.seed}" if self.seed else "")


def without_trigger(task: str) -> tuple[str, TriggerIdentity | None]:
    """Return the identity of a task before its queries had triggers, and how they were found.

    Parameters
    ----------
    task : str
        Identity of a task.

    Examples
    --------
    >>> without_trigger("mini@1-trigger-3-unseen-0.5")
    ('mini@1', TriggerIdentity(words=3, unseen=0.5, seed=0, place='suffix'))
    """
    found = _IN_VERSION.search(task)
    if not found:
        return task, None
    place: Place = "prefix" if found["place"] else "suffix"
    how = TriggerIdentity(int(found["words"]), float(found["unseen"]), int(found["seed"] or 0), place)
    return task[: found.start()], how
