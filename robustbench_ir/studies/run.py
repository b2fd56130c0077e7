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
from typing import NamedTuple

from robustbench_ir._base.files import check_writable, sweep
from robustbench_ir._base.parallel import processors
from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir._version import __version__
from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.encoders.options import is_gpu
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.results.file import load_result, save_result
from robustbench_ir.results.result import Result
from robustbench_ir.studies.analysis import analyse, describe_attacks, judge_claims
from robustbench_ir.studies.checkpoint_training import (
    train_checkpoint,
    training_facts,
    write_card,
)
from robustbench_ir.studies.checkpoints import Arm, Checkpoint, all_checkpoints, in_order_of_work
from robustbench_ir.studies.claims import load_claims
from robustbench_ir.studies.config import UNTRAINED, StudyCard, StudyTask
from robustbench_ir.studies.material import Material
from robustbench_ir.studies.record import (
    Judged,
    Study,
    StudyAttack,
    StudyCheckpoint,
    StudyPlan,
    StudyRow,
    save_claims,
    save_study,
)
from robustbench_ir.studies.registration import Registration, register
from robustbench_ir.training.checkpoints import check_model
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


_ON_GPU = 512  # texts per forward pass; an encoder halves it where the memory does not suffice
STUDY_FILE = "study.json"
CLAIMS_FILE = "claims.json"


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
    reuse: Path | None = None,
    command: str = "",
    allow_overlap: bool = False,
    train_only: bool = False,
    replan: bool = False,
    device: str | None = None,
    progress: Progress | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Study | None:
    """Do all work that is not finished: train, attack, analyse, and write `study.json` and `claims.json`.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    out : pathlib.Path
        Folder of the models, results and numbers.
    reuse : pathlib.Path, optional
        Folder of another study whose models and results are used again; new ones are added to them there.
    command : str
        Command that runs the study again, for the report.
    allow_overlap : bool
        Whether training data may have texts of a task; the report then says so.
    train_only : bool
        Whether the checkpoints are only trained; None is returned.
    replan : bool
        Whether the card may differ from the plan in the folder; the report then says so.
    device : str, optional
        Where models are trained and attacked, such as ``"cuda"``; by default sentence-transformers chooses.
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
    work = reuse or out
    for folder in {work, out}:
        sweep(folder)
    plan = register(card, out, replan=replan)
    progress.stage("read the training data and the tasks")
    material = Material(card, allow_overlap=allow_overlap)
    planned = all_checkpoints(card)
    for data in material.all_data():
        check_overlap(f"the training data ({data.name})", data.overlaps, allow=allow_overlap)
    for checkpoint in in_order_of_work(planned):
        _train(checkpoint, work, material, device, progress, tell)
    if train_only:
        return None
    for label in card.tasks:
        for checkpoint in in_order_of_work(planned):
            _attack(card, checkpoint, work, label, material, device, progress, tell)
    for checkpoint in (one for _, ones in planned for one in ones if one.training):
        write_card(work / "models" / checkpoint.name, [_result(card, checkpoint, work, task) for task in card.tasks])
    progress.stage("analyse")
    study = _study(card, work, command, material, planned, plan, started)
    save_study(study, out / STUDY_FILE)
    save_claims(study, out / CLAIMS_FILE)
    return study


def _train(
    checkpoint: Checkpoint,
    out: Path,
    material: Material,
    device: str | None,
    progress: Progress,
    tell: Callable[[str], None],
) -> None:
    if facts_of(checkpoint, out) is not None:
        return
    start = time.perf_counter()
    train_checkpoint(checkpoint.training, out / "models" / checkpoint.name, material.data(checkpoint), progress, device)
    tell(f"trained {checkpoint.name} in {time.perf_counter() - start:.0f} s")


def _attack(
    card: StudyCard,
    checkpoint: Checkpoint,
    out: Path,
    label: StudyTask,
    material: Material,
    device: str | None,
    progress: Progress,
    tell: Callable[[str], None],
) -> None:
    path = checkpoint.result(out, label, card.attack_digest)
    if path.exists():
        return
    start = time.perf_counter()
    if checkpoint.training:
        check_model(out / "models" / checkpoint.name)
    result = attack(
        checkpoint.encoder(out),
        material.task(label, checkpoint.fold),
        card.recipes,
        severities=card.severities,
        seeds=card.perturbation_seeds,
        options=EncoderOptions(
            device=device,
            batch_size=max(card.encode_batch, _ON_GPU) if is_gpu(device) else card.encode_batch,
            dtype=card.encode_dtype or None,
        ),
        run=RunOptions(progress=progress, perturbed=material.perturbed(label, checkpoint.fold)),
    )
    save_result(result, path)
    tell(f"attacked {checkpoint.name} on {label.label} in {time.perf_counter() - start:.0f} s")


def _study(
    card: StudyCard,
    out: Path,
    command: str,
    material: Material,
    planned: Sequence[tuple[Arm, Sequence[Checkpoint]]],
    plan: Registration,
    started: float,
) -> Study:
    data = material.all_data()
    languages = tuple(sorted({one for each in data for one in each.languages}))
    trained = tuple(_trained(one, out) for _, ones in planned for one in ones)
    found = [_on_task(card, out, planned, task, languages) for task in card.tasks]
    diverged = tuple(one.name for one in trained if one.has_diverged)
    without = [_on_task(card, out, planned, task, languages, diverged) for task in card.tasks] if diverged else []
    return Study(
        name=card.name,
        title=card.title,
        description=card.description,
        irbench=__version__,
        machine=machine_class(),
        date=datetime.now(UTC).date().isoformat(),
        command=command,
        config=card.model_dump(mode="json"),
        plan=StudyPlan(plan.date, plan.sha256, plan.replaced),
        trained_languages=languages,
        training_rows=tuple(len(one.table.rows) for one in data),
        overlaps=tuple(one for each in data for one in each.overlaps),
        checkpoints=trained,
        attacks=tuple(one for each in found for one in each.attacks),
        rows=tuple(one for each in found for one in each.rows),
        claims=tuple(one for each in found for one in each.judged),
        claims_without_diverged=tuple(one for each in without for one in each.judged),
        seconds={
            "training": sum(one.seconds for one in trained if one.seconds > 0),
            "attacking": sum(one.seconds for one in found),
            "this run": time.perf_counter() - started,
        },
    )


class _OnTask(NamedTuple):
    """What a study found on one task, and how long its attacks took."""

    rows: list[StudyRow]
    judged: list[Judged]
    attacks: list[StudyAttack]
    seconds: float


def _on_task(
    card: StudyCard,
    out: Path,
    planned: Sequence[tuple[Arm, Sequence[Checkpoint]]],
    task: StudyTask,
    languages: Sequence[str],
    diverged: Sequence[str] = (),
) -> _OnTask:
    """Analyse a task, without the seeds of which a checkpoint is among the diverged ones."""
    rows: list[StudyRow] = []
    attacks: list[StudyAttack] = []
    evidence, claims, seconds, fewest = {}, load_claims(), 0.0, len(card.seeds)
    for base in card.bases:
        results = []
        for arm, ones in planned:
            seeds = [folds for folds in _by_seed(card, ones) if not {one.name for one in folds} & set(diverged)]
            if arm.base == base and seeds:
                fewest = min(fewest, len(seeds)) if arm.label == arm.sampler and arm.sampler != UNTRAINED else fewest
                results.append((arm, [[_result(card, one, out, task) for one in folds] for folds in seeds]))
        seconds += sum(sum(one.timings.values()) for _, seeds in results for folds in seeds for one in folds)
        if results:
            found = analyse(base, task.label, results, claims, languages, card)
            rows += found.rows
            evidence[base] = found.comparisons
            different = card.folds if task.is_folded else 1
            attacks = describe_attacks(task.label, results[0][1][0][:different], card.severity)
    return _OnTask(rows, judge_claims(claims, task.label, evidence, fewest), attacks, seconds)


def _by_seed(card: StudyCard, ones: Sequence[Checkpoint]) -> list[Sequence[Checkpoint]]:
    """Return the checkpoints of each seed, one for each fold."""
    return [ones[first : first + card.folds] for first in range(0, len(ones), card.folds)]


def _result(card: StudyCard, checkpoint: Checkpoint, out: Path, task: StudyTask) -> Result:
    return load_result(checkpoint.result(out, task, card.attack_digest))


def _trained(checkpoint: Checkpoint, out: Path) -> StudyCheckpoint:
    facts = dict(facts_of(checkpoint, out) or {})
    seconds = facts.pop("seconds", float("nan"))
    arm = checkpoint.arm
    return StudyCheckpoint(checkpoint.name, arm.base, arm.label, checkpoint.seed, checkpoint.fold, seconds, facts)
