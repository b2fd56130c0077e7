"""The findings of a study as plain values, as in `study.json`. The report is made only from these."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import ResultError
from robustbench_ir.studies.claims import ArmComparison, ClaimTests, Verdict
from robustbench_ir.studies.measured import Interval
from robustbench_ir.training.record import Overlap

ALL = "all"


@dataclass(frozen=True)
class StudyRow:
    """One number of one arm, or of the difference of two arms.

    Attributes
    ----------
    base, task : str
        Base and task.
    arm, against : str
        The arm; the other arm of a difference arm - against, else empty.
    quantity : str
        ``"mAP multilingual"`` and so on, ``"rank distance"``; under attack ``"drop multilingual"``,
        ``"relative drop multilingual"``, ``"rank distance change"``.
    recipe : str
        Empty for clean numbers.
    languages : str
        ``"all"``, one query language, or a group of them.
    number : Interval
        The number with its interval over questions and seeds.
    """

    base: str
    task: str
    arm: str
    against: str
    quantity: str
    recipe: str
    languages: str
    number: Interval


@dataclass(frozen=True)
class Judged:
    """The verdict on one claim on one task from one base, or from all bases if the claim needs every base.

    Attributes
    ----------
    id, sentence, family, recipe : str
        Short name of the claim, the claim in words, and its family; the attack, empty for a claim about clean numbers.
    base, task : str
        Base and task on which it was judged.
    verdict : str
        See `robustbench_ir.studies.claims.verdict_of`.
    p : ClaimTests
        P values of the claim, adjusted for the claims of its family.
    comparisons : tuple of ArmComparison
        The evidence.
    """

    id: str
    sentence: str
    family: str
    recipe: str
    base: str
    task: str
    verdict: Verdict
    p: ClaimTests
    comparisons: tuple[ArmComparison, ...]


@dataclass(frozen=True)
class StudyCheckpoint:
    """One checkpoint of a study.

    Attributes
    ----------
    name, base, arm : str
        Name of its folder; base and arm.
    seed : int
        Seed of the training.
    fold : int
        Fold that it was tested on, from 1.
    seconds : float
        Duration of the training; NaN for an untrained base.
    facts : mapping of str to float
        Numbers of the training, such as its last validation loss.
    """

    name: str
    base: str
    arm: str
    seed: int
    fold: int
    seconds: float
    facts: Mapping[str, float]

    @property
    def has_diverged(self) -> bool:
        """Whether the training made the validation loss larger than it was before."""
        return self.facts.get("its validation loss", -math.inf) > self.facts.get("first validation loss", math.inf)


@dataclass(frozen=True)
class StudyAttack:
    """One attack on the queries of one task.

    Attributes
    ----------
    task, recipe : str
        Label of the task, identity of the recipe.
    queries, questions, passages : int
        Size of the task.
    coverage, touched, edit_rate : float
        Share of queries whose text changed, share of the code points that are in edited words, and edit distance
        divided by the length of the clean query; each over the languages that the recipe covers.
    not_covered : tuple of str
        Query languages that the recipe cannot change.
    digests : tuple of str
        SHA-256 of the perturbed queries, one for each seed of the perturbation.
    signatures : tuple of str
        Signatures of the numbers in the multilingual pool, one for each fold.
    """

    task: str
    recipe: str
    queries: int
    questions: int
    passages: int
    coverage: float
    touched: float
    edit_rate: float
    not_covered: tuple[str, ...]
    digests: tuple[str, ...]
    signatures: tuple[str, ...]


@dataclass(frozen=True)
class StudyPlan:
    """The plan that a study followed.

    Attributes
    ----------
    date, sha256 : str
        When it was written, and its hash.
    replaced : tuple of str
        Hashes of the plans that it replaced after the study had begun.
    """

    date: str
    sha256: str
    replaced: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """All findings of a study.

    Attributes
    ----------
    name, title, description : str
        From its card.
    irbench, machine, date : str
        Version of this package, class of machine, day of the analysis.
    command : str
        Command that runs the study again.
    config : mapping
        The card, as it was used.
    plan : StudyPlan
        The plan, which was written before the first attack.
    trained_languages : tuple of str
        Languages of the training data.
    training_rows : tuple of int
        Number of rows of each fold's and each variant's training data.
    overlaps : tuple of Overlap
        Overlap with each task.
    checkpoints, attacks, rows, claims
        Checkpoints, attacks, all numbers, and all verdicts.
    claims_without_diverged : tuple of Judged
        The verdicts without the seeds of trainings that diverged; empty if none did.
    seconds : mapping of str to float
        Duration of training and attacking, whenever they were done, and of this analysis.
    """

    name: str
    title: str
    description: str
    irbench: str
    machine: str
    date: str
    command: str
    config: Mapping[str, object]
    plan: StudyPlan
    trained_languages: tuple[str, ...]
    training_rows: tuple[int, ...]
    overlaps: tuple[Overlap, ...]
    checkpoints: tuple[StudyCheckpoint, ...]
    attacks: tuple[StudyAttack, ...]
    rows: tuple[StudyRow, ...]
    claims: tuple[Judged, ...]
    claims_without_diverged: tuple[Judged, ...]
    seconds: Mapping[str, float]


def save_study(study: Study, path: Path) -> None:
    """Write a study as JSON; NaN becomes null.

    Parameters
    ----------
    study : Study
        The study.
    path : pathlib.Path
        File to write.
    """
    from pydantic import TypeAdapter

    _write(path, TypeAdapter(Study).dump_python(study, mode="python"))


def save_claims(study: Study, path: Path) -> None:
    """Write the verdicts as JSON, a flat object for each comparison, for pages that quote them.

    Parameters
    ----------
    study : Study
        The study.
    path : pathlib.Path
        File to write.
    """
    found = [
        {
            "id": one.id,
            "family": one.family,
            "sentence": one.sentence,
            "attack": one.recipe,
            "task": one.task,
            "base": one.base,
            "verdict": one.verdict,
            "p": one.p._asdict(),
            "comparisons": [
                {
                    "measure": each.measure,
                    "setting": each.setting,
                    "arm": each.arm,
                    "against": each.against,
                    "value": each.value,
                    "other": each.other,
                    "difference": each.difference.value,
                    "low": each.difference.low,
                    "high": each.difference.high,
                    "margin": each.margin,
                    "p": each.difference.p,
                    "p_equivalent": each.p_equivalent,
                    "detectable": each.detectable,
                }
                for each in one.comparisons
            ],
        }
        for one in study.claims
    ]
    plan = {"date": study.plan.date, "sha256": study.plan.sha256}
    _write(path, {"study": study.name, "plan": plan, "claims": found})


def load_study_record(path: Path) -> Study:
    """Read a file that `save_study` wrote.

    Raises
    ------
    ResultError
        If there is no such file, or it is not a study.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        return TypeAdapter(Study).validate_python(_none_as_nan(value))
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror}); name a study.json") from error
    except (ValueError, ValidationError) as error:
        raise ResultError(f"{path}: not a study of this irbench; run `irbench study` again") from error


def _write(path: Path, value: object) -> None:
    text = json.dumps(_nan_as_none(value), ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(path, f"{text}\n".encode())


def _nan_as_none(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _nan_as_none(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_nan_as_none(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _none_as_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _none_as_nan(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_none_as_nan(one) for one in value]
    return math.nan if value is None else value
