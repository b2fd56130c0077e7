"""Run a study from its card to its numbers: train, attack, analyse. Finished work is never repeated.

The name of the file of a checkpoint or a result depends on everything that it was made with. So a study that was
stopped, or whose card was extended, continues where it was.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from robustbench_ir._base.files import check_writable
from robustbench_ir._base.parallel import processors
from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir._version import __version__
from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.request import CellName, RunOptions
from robustbench_ir.perturb import Perturbation
from robustbench_ir.results.file import load_result, save_result
from robustbench_ir.results.result import Result
from robustbench_ir.studies.analysis import analyse, describe_attacks, judge_claims
from robustbench_ir.studies.checkpoint_training import (
    TrainingData,
    load_training_data,
    overlap_with,
    train_checkpoint,
    training_facts,
    write_card,
)
from robustbench_ir.studies.checkpoints import Arm, Checkpoint, arms, checkpoints
from robustbench_ir.studies.claims import load_claims
from robustbench_ir.studies.config import StudyCard, StudyTask
from robustbench_ir.studies.record import Judged, Study, StudyCheckpoint, StudyRow, save_study
from robustbench_ir.tasks import Task, load_task
from robustbench_ir.training.record import Overlap
from robustbench_ir.training.table import check_overlap

# The class of the machine that made the numbers: enough to judge durations, without naming the machine.


def machine_class() -> str:
    """Return number of cores, memory, processor architecture and accelerator.

    >>> machine_class()  # doctest: +SKIP
    '2 cores x86_64, 8 GiB, no GPU'
    """
    cores = processors()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    import torch

    graphics = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU"
    return f"{cores} core{'s' if cores > 1 else ''} {platform.machine()}, {memory:.0f} GiB, {graphics}"


STUDY_FILE = "study.json"


def all_checkpoints(card: StudyCard, data: TrainingData) -> list[tuple[Arm, list[Checkpoint]]]:
    """Return the checkpoints of a study, arm by arm.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    data : TrainingData
        The training data.
    """
    return [(arm, checkpoints(card, arm, data.settings)) for base in card.bases for arm in arms(card, base)]


def facts_of(checkpoint: Checkpoint, out: Path) -> dict[str, float] | None:
    """Return the numbers of a finished training; None if it is not finished, empty for an untrained base.

    Parameters
    ----------
    checkpoint : Checkpoint
        The checkpoint.
    out : pathlib.Path
        Folder of the study.
    """
    return training_facts(out / "models" / checkpoint.name) if checkpoint.training else {}


def run_study(
    card: StudyCard,
    out: Path,
    *,
    command: str = "",
    allow_overlap: bool = False,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Study:
    """Do all work that is not finished: train, attack, analyse, and write `study.json`.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    out : pathlib.Path
        Folder of the models, results and numbers.
    command : str
        Command that runs the study again, for the report.
    allow_overlap : bool
        Whether training data may have texts of a task; the report then says so.
    progress : Progress, optional
        Receives the progress of the current step.
    tell : callable
        Receives a line for each finished step.

    Raises
    ------
    DataError
        If training data and a task have texts in common, and that is not allowed.
    RobustBenchError
        See `robustbench_ir.errors`; finished work is kept.
    """
    started = time.perf_counter()
    progress = progress or Silence()
    check_writable(out / STUDY_FILE)
    progress.stage("read the training data and the tasks")
    data = load_training_data(card)
    tasks = {task: load_task(task.name, task.languages or None) for task in card.tasks}
    overlaps = tuple(overlap_with(data, label.label, task) for label, task in tasks.items())
    check_overlap(f"the training data ({data.name})", overlaps, allow=allow_overlap)
    planned = all_checkpoints(card, data)
    perturbed: dict[StudyTask, dict[CellName, Sequence[Perturbation]]] = {task: {} for task in card.tasks}
    for checkpoint in (one for _, ones in planned for one in ones):
        _train(checkpoint, out, data, overlaps, progress, tell)
        made = [
            _attack(card, checkpoint, out, task, tasks[task], perturbed[task], progress, tell) for task in card.tasks
        ]
        if checkpoint.training and any(made):
            write_card(out / "models" / checkpoint.name, [_result(card, checkpoint, out, task) for task in card.tasks])
    progress.stage("analyse")
    study = _study(card, out, command, data, overlaps, planned, started)
    save_study(study, out / STUDY_FILE)
    return study


def _train(
    checkpoint: Checkpoint,
    out: Path,
    data: TrainingData,
    overlaps: Sequence[Overlap],
    progress: Progress,
    tell: Callable[[str], None],
) -> None:
    if facts_of(checkpoint, out) is not None:
        return
    start = time.perf_counter()
    overlapping = sorted({one.task.split(" (")[0] for one in overlaps if one})
    train_checkpoint(checkpoint.training, out / "models" / checkpoint.name, data, overlapping, progress)
    tell(f"trained {checkpoint.name} in {time.perf_counter() - start:.0f} s")


def _attack(
    card: StudyCard,
    checkpoint: Checkpoint,
    out: Path,
    label: StudyTask,
    task: Task,
    perturbed: dict[CellName, Sequence[Perturbation]],
    progress: Progress,
    tell: Callable[[str], None],
) -> bool:
    """Attack one checkpoint on one task; return True if the result did not exist before."""
    path = checkpoint.result(out, label, card.attack_digest)
    if path.exists():
        return False
    start = time.perf_counter()
    result = attack(
        checkpoint.encoder(out),
        task,
        card.recipes,
        severities=(card.severity,),
        seeds=card.perturbation_seeds,
        options=EncoderOptions(batch_size=card.encode_batch),
        run=RunOptions(progress=progress, perturbed=perturbed),
    )
    save_result(result, path)
    tell(f"attacked {checkpoint.name} on {label.label} in {time.perf_counter() - start:.0f} s")
    return True


def _study(
    card: StudyCard,
    out: Path,
    command: str,
    data: TrainingData,
    overlaps: tuple[Overlap, ...],
    planned: Sequence[tuple[Arm, Sequence[Checkpoint]]],
    started: float,
) -> Study:
    rows: list[StudyRow] = []
    judged: list[Judged] = []
    perturbed = []
    attacking = 0.0
    claims = load_claims()
    for task in card.tasks:
        evidence = {}
        for base in card.bases:
            results = [
                (arm, [_result(card, one, out, task) for one in ones]) for arm, ones in planned if arm.base == base
            ]
            attacking += sum(sum(one.timings.values()) for _, seeds in results for one in seeds)
            found = analyse(base, task.label, results, claims, data.languages, card.resamples)
            rows += found.rows
            evidence[base] = found.comparisons
        perturbed += describe_attacks(task.label, results[0][1][0])
        judged += judge_claims(claims, task.label, evidence)
    trained = tuple(_trained(one, out) for _, ones in planned for one in ones)
    return Study(
        name=card.name,
        title=card.title,
        description=card.description,
        irbench=__version__,
        machine=machine_class(),
        date=datetime.now(UTC).date().isoformat(),
        command=command,
        config=card.model_dump(mode="json"),
        trained_languages=data.languages,
        training_rows=len(data.table.rows),
        overlaps=overlaps,
        checkpoints=trained,
        attacks=tuple(perturbed),
        rows=tuple(rows),
        claims=tuple(judged),
        seconds={
            "training": sum(one.seconds for one in trained if one.seconds > 0),
            "attacking": attacking,
            "this run": time.perf_counter() - started,
        },
    )


def _result(card: StudyCard, checkpoint: Checkpoint, out: Path, task: StudyTask) -> Result:
    return load_result(checkpoint.result(out, task, card.attack_digest))


def _trained(checkpoint: Checkpoint, out: Path) -> StudyCheckpoint:
    facts = dict(facts_of(checkpoint, out) or {})
    seconds = facts.pop("seconds", float("nan"))
    return StudyCheckpoint(checkpoint.name, checkpoint.arm.base, checkpoint.arm.label, checkpoint.seed, seconds, facts)
