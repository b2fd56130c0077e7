"""The connection of a study with `robustbench_ir.training`: its data, its trainings, its model cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustbench_ir._base.progress import Progress
from robustbench_ir.results.result import Result
from robustbench_ir.studies.config import StudyCard
from robustbench_ir.tasks import Task
from robustbench_ir.training.model_card import write_model_card
from robustbench_ir.training.record import Overlap, make_training, read_trained
from robustbench_ir.training.sources import load_table
from robustbench_ir.training.table import ParallelTable, overlap
from robustbench_ir.training.train import train


@dataclass(frozen=True)
class TrainingData:
    """The data that every checkpoint is trained on.

    Attributes
    ----------
    table : ParallelTable
        The rows.
    settings : mapping
        Arguments of `Training` that give these rows.
    """

    table: ParallelTable
    settings: Mapping[str, object]

    @property
    def name(self) -> str:
        """Name of the table."""
        return self.table.name

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of its queries and passages."""
        return tuple(
            sorted({one for row in self.table.rows for one in (row.language, row.passage_language or row.language)})
        )


def load_training_data(card: StudyCard) -> TrainingData:
    """Load the training data of a study.

    Raises
    ------
    OptionError
        If the card's `training` has an unknown key, or a value is out of its range.
    RobustBenchError
        See `robustbench_ir.training.sources.load_table`.
    """
    table = load_table(card.data)
    settings: dict[str, object] = {"data": card.data}
    if card.languages:
        settings["languages"] = card.languages
        table = table.select(card.languages)
    make_training(base=card.bases[0], **settings, **card.training)
    return TrainingData(table, settings)


def overlap_with(data: TrainingData, label: str, task: Task) -> Overlap:
    """Compare the training data with a task.

    Parameters
    ----------
    data : TrainingData
        The training data.
    label : str
        Name of the task in the study.
    task : Task
        The task.
    """
    return overlap(data.table, task).model_copy(update={"task": label})


def train_checkpoint(
    settings: Mapping[str, object], folder: Path, data: TrainingData, overlapping: Sequence[str], progress: Progress
) -> None:
    """Train one checkpoint, or resume its training.

    Parameters
    ----------
    settings : mapping
        Arguments of `Training`.
    folder : pathlib.Path
        Folder of the model.
    data : TrainingData
        The training data.
    overlapping : sequence of str
        Tasks that may have texts in common with the data; the model card mentions them.
    progress : Progress
        Receives the progress.
    """
    training = make_training(**{**settings, "tasks": tuple(overlapping)})
    train(training, folder, allow_overlap=bool(overlapping), table=data.table, progress=progress)


def training_facts(folder: Path) -> dict[str, float] | None:
    """Return the numbers of a finished training; None if it is not finished."""
    trained = read_trained(folder)
    if trained is None:
        return None
    losses = dict(trained.validation_losses)
    return {
        "seconds": trained.seconds,
        "first validation loss": trained.validation_losses[0][1],
        "steps": trained.steps,
        "kept step": trained.outcome.best_step,
        "its validation loss": losses.get(trained.outcome.best_step, float("nan")),
        **{f"rows that no {kind} batch could use": rows for kind, rows in trained.outcome.left_out.items() if rows},
    }


def write_card(folder: Path, results: Sequence[Result]) -> None:
    """Write the model card again, with the robustness table.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the model.
    results : sequence of Result
        Results of the model.
    """
    trained = read_trained(folder)
    if trained is not None:
        write_model_card(trained, tuple(results))
