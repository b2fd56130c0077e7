"""What a study reads: its tasks and its training data, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from robustbench_ir.evaluation.request import CellName
from robustbench_ir.perturb import Perturbation
from robustbench_ir.studies.checkpoint_training import TrainingData, load_training_data
from robustbench_ir.studies.checkpoints import Checkpoint, all_checkpoints
from robustbench_ir.studies.config import StudyCard, StudyTask
from robustbench_ir.tasks import Task, load_task


class Material:
    """Reads each task, and the training data of each fold and variant, once.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    allow_overlap : bool
        Whether rows stay in the training data that have a query of a task.
    """

    def __init__(self, card: StudyCard, *, allow_overlap: bool = False) -> None:
        self._card = card
        self._allow_overlap = allow_overlap
        self._tasks: dict[tuple[StudyTask, int], Task] = {}
        self._data: dict[tuple[object, int], TrainingData] = {}
        self._perturbed: dict[tuple[StudyTask, int], dict[CellName, Sequence[Perturbation]]] = {}

    def task(self, label: StudyTask, fold: int) -> Task:
        """Return the task on which the checkpoints of a fold are tested."""
        key = (label, fold if label.is_folded else 0)
        if key not in self._tasks:
            self._tasks[key] = load_task(label.of_fold(fold), label.languages or None)
        return self._tasks[key]

    def all_tasks(self) -> list[Task]:
        """Return all tasks of the study, each fold of a folded one."""
        return [
            self.task(label, fold)
            for label in self._card.tasks
            for fold in range(1, (self._card.folds if label.is_folded else 1) + 1)
        ]

    def perturbed(self, label: StudyTask, fold: int) -> dict[CellName, Sequence[Perturbation]]:
        """Return the perturbed queries of a task; they are made by the first attack that needs them."""
        return self._perturbed.setdefault((label, fold if label.is_folded else 0), {})

    def data(self, checkpoint: Checkpoint) -> TrainingData:
        """Return the training data of a checkpoint."""
        names = cast("tuple[str, ...]", checkpoint.training["data"])
        key = (names, checkpoint.fold)
        if key not in self._data:
            tasks = {label.label: self.task(label, checkpoint.fold) for label in self._card.tasks}
            self._data[key] = load_training_data(names, self._card.languages, tasks, self._allow_overlap)
        return self._data[key]

    def all_data(self) -> list[TrainingData]:
        """Return all training data of the study, each once."""
        ones = (one for _, each in all_checkpoints(self._card) for one in each if one.training)
        return list({id(data): data for data in map(self.data, ones)}.values())
