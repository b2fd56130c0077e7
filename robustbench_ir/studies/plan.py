"""What a study would do, and how long it would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from robustbench_ir.results.file import load_result
from robustbench_ir.studies.checkpoints import Checkpoint, all_checkpoints, in_order_of_work
from robustbench_ir.studies.config import StudyCard
from robustbench_ir.studies.run import facts_of


@dataclass(frozen=True)
class Step:
    """One step of a study.

    Attributes
    ----------
    kind : {"train", "attack"}
        Kind of work.
    checkpoint : str
        Name of the model.
    what : str
        Number of steps and batch size, or the task and its attacks.
    done : bool
        Whether an earlier run has finished the step.
    seconds : float
        Duration: that of finished steps of the same kind, else that of the card.
    """

    kind: str
    checkpoint: str
    what: str
    done: bool
    seconds: float


def plan_study(card: StudyCard, out: Path) -> list[Step]:
    """Return the steps of a study in their order.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    out : pathlib.Path
        Folder in which earlier runs left their work.
    """
    ones = in_order_of_work(all_checkpoints(card))
    training = _training_seconds(card, ones, out)
    attacking = {task.label: _attack_seconds(card, ones, out, number) for number, task in enumerate(card.tasks)}
    steps = []
    for one in ones:
        if one.training:
            what = f"{one.training.get('steps', 'default')} steps of {one.training.get('batch_size', 'default')}"
            steps.append(Step("train", one.name, what, facts_of(one, out) is not None, training))
        for task in card.tasks:
            done = one.result(out, task, card.attack_digest).exists()
            what = f"{task.label}: clean, {', '.join(card.recipes)}"
            steps.append(Step("attack", one.name, what, done, attacking[task.label]))
    return steps


def seconds_left(steps: Sequence[Step]) -> float:
    """Return the duration of the steps that are not done."""
    return sum(one.seconds for one in steps if not one.done)


def _training_seconds(card: StudyCard, ones: Sequence[Checkpoint], out: Path) -> float:
    found = (facts_of(one, out) for one in ones if one.training)
    seen = [facts["seconds"] for facts in found if facts]
    steps = card.training.get("steps", 0)
    return mean(seen) if seen else card.pace.start + card.pace.step * float(steps)


def _attack_seconds(card: StudyCard, ones: Sequence[Checkpoint], out: Path, number: int) -> float:
    task = card.tasks[number]
    found = (one.result(out, task, card.attack_digest) for one in ones)
    first = next((path for path in found if path.exists()), None)
    return sum(load_result(first).timings.values()) if first else card.pace.attack.get(task.name, float("nan"))
