"""The connection of a study with `robustbench_ir.training`: its data, its trainings, its model cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustbench_ir._base.progress import Progress
from robustbench_ir.results.result import Result
from robustbench_ir.tasks import Task
from robustbench_ir.training.model_card import write_model_card
from robustbench_ir.training.record import Overlap, make_training, read_trained
from robustbench_ir.training.sources import load_table
from robustbench_ir.training.table import ParallelTable, overlap, without_queries_of
from robustbench_ir.training.train import train


@dataclass(frozen=True)
class TrainingData:
    """The data that some checkpoints are trained on.

    Attributes
    ----------
    table : ParallelTable
        The rows, without those that have a query of a task of the study.
    overlaps : tuple of Overlap
        Texts that the rows have in common with each task.
    """

    table: ParallelTable
    overlaps: tuple[Overlap, ...]

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


def load_training_data(
    names: Sequence[str], languages: Sequence[str], tasks: Mapping[str, Task], allow_overlap: bool
) -> TrainingData:
    """Load the training data of one fold, exactly as `irbench train` does.

    Parameters
    ----------
    names : sequence of str
        Names of tables.
    languages : sequence of str
        Only rows with queries in these languages; empty for all.
    tasks : mapping of str to Task
        Label to the task that the fold's checkpoints are tested on.
    allow_overlap : bool
        Whether rows stay that have a query of a task.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.training.sources.load_table`.
    """
    table = load_table(names, languages or None)
    for task in () if allow_overlap else tasks.values():
        table = without_queries_of(table, task)
    found = (overlap(table, task).model_copy(update={"task": label}) for label, task in tasks.items())
    return TrainingData(table, tuple(found))


def train_checkpoint(
    settings: Mapping[str, object], folder: Path, data: TrainingData, progress: Progress, device: str | None = None
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
    progress : Progress
        Receives the progress.
    device : str, optional
        Such as ``"cuda"``; by default sentence-transformers chooses.
    """
    train(make_training(**settings), folder, table=data.table, overlaps=data.overlaps, device=device, progress=progress)


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
