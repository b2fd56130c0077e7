"""What a task under universal triggers is called, from which the command that made it can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass

_IN_VERSION = re.compile(r"-trigger-(?P<words>[0-9]+)-unseen-(?P<unseen>[0-9.e-]+?)(?:-seed-(?P<seed>[0-9]+))?$")


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

    Examples
    --------
    >>> str(TriggerIdentity(3, 0.5)), str(TriggerIdentity(2, 0.25, seed=1))
    ('trigger-3-unseen-0.5', 'trigger-2-unseen-0.25-seed-1')
    """

    words: int
    unseen: float
    seed: int = 0

    def __str__(self) -> str:
        return f"trigger-{self.words}-unseen-{self.unseen!r}" + (f"-seed-{self.seed}" if self.seed else "")


def without_trigger(task: str) -> tuple[str, TriggerIdentity | None]:
    """Return the identity of a task before triggers were put behind its queries, and how they were found.

    Parameters
    ----------
    task : str
        Identity of a task.

    Examples
    --------
    >>> without_trigger("mini@1-trigger-3-unseen-0.5")
    ('mini@1', TriggerIdentity(words=3, unseen=0.5, seed=0))
    """
    found = _IN_VERSION.search(task)
    if not found:
        return task, None
    how = TriggerIdentity(int(found["words"]), float(found["unseen"]), int(found["seed"] or 0))
    return task[: found.start()], how
