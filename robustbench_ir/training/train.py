"""Train a dual encoder: from base, table and sampler to a folder that sentence-transformers loads."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from robustbench_ir._base.files import is_draft, sweep
from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir.errors import OptionError, TrainingError
from robustbench_ir.perturb import RecipeLike
from robustbench_ir.tasks import load_task
from robustbench_ir.training.batches import make_augmentation
from robustbench_ir.training.checkpoints import check_model, checkpoint_folder, last_checkpoint, seal
from robustbench_ir.training.record import (
    DataRecord,
    Overlap,
    Record,
    Trained,
    Training,
    read_record,
    read_trained,
    write_record,
)
from robustbench_ir.training.sources import load_table
from robustbench_ir.training.table import ParallelTable, check_overlap, overlap, without_queries_of


def train(
    training: Training,
    out: Path,
    *,
    allow_overlap: bool = False,
    table: ParallelTable | None = None,
    overlaps: Sequence[Overlap] | None = None,
    recipes: Iterable[RecipeLike] = (),
    device: str | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a model, resume a training that was stopped, or return one that has ended.

    Parameters
    ----------
    training : Training
        Settings of the training.
    out : pathlib.Path
        Folder of the model. Until the training ends it also holds `checkpoints/`.
    allow_overlap : bool
        Whether the data may have texts of `training.tasks`; `training.json` and the model card then mention it.
        Otherwise rows that have a query of a task are left out, and counted.
    table : ParallelTable, optional
        The data, if it is loaded already; by default the tables that `training.data` names.
    overlaps : sequence of Overlap, optional
        What the data has in common with the tasks, if that is known and accepted already; `training.tasks` is not read
        then.
    recipes : iterable of Recipe or callable
        Recipes of your own, which `training.augment` names.
    device : str, optional
        Such as ``"cpu"``; by default sentence-transformers chooses. On a GPU that supports it, the forward pass is in
        bfloat16.
    progress : Progress, optional
        Receives the progress.

    Returns
    -------
    Trained
        The model with the best validation loss.

    Raises
    ------
    OptionError
        If an argument is out of range, or `out` holds another training.
    DataError
        If the data has passages of a task, or only its queries, or the sampler can make no batch from it.
    EncoderError
        If the base cannot be loaded or has no tokeniser.
    TrainingError
        If the loss was not a finite number, or the disk is full; the last good checkpoint stays in `out`. Also if the
        training has ended, and a file of the model has changed since.
    """
    watcher = progress or Silence()
    if training.consistency and not training.augment:
        raise OptionError("consistency compares a query with its perturbed version; add --augment")
    _check_installed()
    from accelerate import PartialState

    process = PartialState(cpu=device == "cpu")
    augmentation = make_augmentation(dict(training.augment), training.severity, training.seed, recipes)
    watcher.stage("read the training data")
    rows = load_table(training.data, training.languages) if table is None else table.select(training.languages)
    if overlaps is None:
        tasks = [load_task(name) for name in training.tasks]
        for task in () if allow_overlap else tasks:
            rows = without_queries_of(rows, task)
        overlaps = [overlap(rows, task) for task in tasks]
        check_overlap(rows.name, overlaps, allow=allow_overlap)
    with process.main_process_first():
        record = _claimed(out, training, rows, overlaps)
    ended = read_trained(out)
    if ended is not None:
        check_model(out)
        shutil.rmtree(checkpoint_folder(out), ignore_errors=True)  # the process may have been killed before it did so
        return ended
    from robustbench_ir.training.loop import run_training

    started = time.monotonic()
    try:
        outcome = run_training(training, rows, augmentation, out, device, watcher)
    except TrainingError as error:
        kept = last_checkpoint(out, training.keep)
        where = f"the last good checkpoint is {kept}" if kept else "there was no good checkpoint yet"
        raise TrainingError(f"{out}: {error}; {where}") from error
    outcome = outcome.model_copy(update={"seconds": round(time.monotonic() - started, 3)})
    record = record.model_copy(update={"outcome": outcome, "first_loss": outcome.validation_losses[0][1]})
    trained = Trained(out, record, outcome)

    from robustbench_ir.training.model_card import write_model_card

    if process.is_main_process:
        write_model_card(trained)
        seal(out)
        write_record(out, record)
        shutil.rmtree(checkpoint_folder(out), ignore_errors=True)
    process.wait_for_everyone()
    return trained


def _claimed(out: Path, training: Training, table: ParallelTable, overlaps: Sequence[Overlap]) -> Record:
    """Return the record of the training in a folder: a new one, or the one that an earlier run has written."""
    data = DataRecord(
        name=table.name,
        rows=len(table.rows),
        digest=table.digest,
        languages=table.languages,
        licence=table.licence,
        notes=table.notes,
    )
    sweep(out)
    before = read_record(out)
    if before is not None:
        if before.training != training:
            raise OptionError(f"{out}: holds another training ({_difference(before.training, training)}); name another")
        if before.data.digest != data.digest:
            raise OptionError(f"{out}: holds a training on other rows of {data.name}; name another folder")
        return before
    if out.exists() and (not out.is_dir() or not all(map(is_draft, out.iterdir()))):
        raise OptionError(f"{out}: is not an empty folder; name another")
    record = Record(training=training, data=data, overlap=tuple(overlaps))
    write_record(out, record)
    return record


def _difference(before: Training, after: Training) -> str:
    old, new = before.model_dump(), after.model_dump()
    return ", ".join(f"{key} {old[key]!r}, not {new[key]!r}" for key in old if old[key] != new[key])


def _check_installed() -> None:
    missing = [name for name in ("accelerate", "datasets") if find_spec(name) is None]
    if missing:
        raise OptionError(f"{' and '.join(missing)} needed for training; pip install 'robustbench-ir[train]'")
