"""Poisonings as JSON files: strict, versioned, written as a whole, and checked on reading."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationError

from robustbench_ir._base.bounded_json import bounded_json
from robustbench_ir._base.files import write_whole
from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.adversary.detection import Detection
from robustbench_ir.adversary.poisoning import ALL, DEEPEST, InjectedPassage, Poisoning
from robustbench_ir.errors import DataError, OptionError, ResultError
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.resources.cards import Card, first_fault
from robustbench_ir.results.file import (
    EncoderRecord,
    Int32,
    JudgementsRecord,
    QueriesRecord,
    encoder_from_record,
    encoder_record,
    judgements_from_records,
    judgements_record,
    queries_record,
    readable_json,
)
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks.task import TaskIdentity

_SCHEMA_VERSION = 2
_READ = {1, 2}  # the first had no texts, and no search
_LARGEST = 256 << 20
_MEMORY = 1 << 30
_NAME_ONE = "name a file that `irbench poison` wrote"

_Share = Annotated[float, Field(ge=0, le=1)]
_Numbers = Annotated[list[Int32], Field(fail_fast=True)]


class AttackRecord(Card):
    """The passages in one source language.

    Attributes
    ----------
    source : str
        Source language.
    place : list of int
        Place of the best injected passage of each query, 1 to 10; 0 if it is farther down, -1 if there is none.
    above : list of int
        Number of injected passages above each judged one.
    """

    source: str
    place: Annotated[list[Annotated[int, Field(ge=-1, le=DEEPEST)]], Field(fail_fast=True)]
    above: _Numbers


class PassageRecord(Card):
    """An injected passage; see `robustbench_ir.adversary.poisoning.InjectedPassage`."""

    question: str
    language: str
    text: str
    before: float | None = None
    after: float | None = None


class DetectionRecord(Card):
    """What a detector says; see `robustbench_ir.adversary.detection.Detection`. Null where it does not apply."""

    detector: str
    source: str
    caught: tuple[_Share, _Share, _Share] | None
    cost: _Share | None
    auc: _Share | None
    questions: int = Field(ge=0)
    reason: str = ""


class PoisoningRecord(Card):
    """The whole file.

    Attributes
    ----------
    schema_version : int
        Version of this schema.
    irbench, scoring, task, task_sha256, encoder, pool, queries, judgements, craft, budget, timings_seconds, task_notes
        See `robustbench_ir.Poisoning`.
    clean_rank_in_pool, clean_rank_in_language : list of int
        Ranks of the judged passages without injected ones, 1-based; 0 if the passage is not retrieved.
    attacks : list of AttackRecord
        One for each source language.
    encodings, crafter, passages, detections, unseen
        See `robustbench_ir.Poisoning`; files of version 1 have none of them.
    """

    schema_version: int
    irbench: str
    scoring: int = Field(ge=1)
    task: str
    task_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    encoder: EncoderRecord
    craft: str
    budget: int = Field(ge=1, lt=1 << 31)
    pool: dict[str, Int32]
    queries: QueriesRecord
    judgements: JudgementsRecord
    clean_rank_in_pool: _Numbers
    clean_rank_in_language: _Numbers
    attacks: Annotated[list[AttackRecord], Field(min_length=1)]
    timings_seconds: dict[str, float]
    task_notes: list[str]
    encodings: int = Field(default=0, ge=0, lt=1 << 31)
    crafter: EncoderRecord | None = None
    passages: list[PassageRecord] = []
    detections: list[DetectionRecord] = []
    unseen: float = Field(default=0, ge=0, lt=1)


def save_poisoning(found: Poisoning, path: str | Path) -> Path:
    """Write a file, and return its path.

    Parameters
    ----------
    found : Poisoning
        What is written.
    path : str or pathlib.Path
        File to write.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    record = PoisoningRecord(
        schema_version=_SCHEMA_VERSION,
        irbench=found.version,
        scoring=found.scoring,
        task=found.task,
        task_sha256=found.task_digest,
        encoder=encoder_record(found.encoder),
        craft=found.craft,
        budget=found.budget,
        pool=dict(found.judgements.pool),
        queries=queries_record(found.judgements),
        judgements=judgements_record(found.judgements),
        clean_rank_in_pool=found.clean.in_pool.tolist(),
        clean_rank_in_language=found.clean.in_language.tolist(),
        attacks=[
            AttackRecord(source=source, place=found.place[source].tolist(), above=found.above[source].tolist())
            for source in found.sources
        ],
        timings_seconds={stage: round(seconds, 3) for stage, seconds in found.timings.items()},
        task_notes=list(found.task_notes),
        encodings=found.encodings,
        crafter=None if found.crafter is None else encoder_record(found.crafter),
        passages=[_passage_record(one) for one in found.passages],
        detections=[_detection_record(one) for one in found.detections],
        unseen=found.unseen,
    )
    written = Path(path)
    write_whole(written, readable_json(record).encode())
    return written


def _passage_record(passage: InjectedPassage) -> PassageRecord:
    before, after = (None if math.isnan(one) else one for one in (passage.before, passage.after))
    return PassageRecord(
        question=passage.question, language=passage.language, text=passage.text, before=before, after=after
    )


def _detection_record(one: Detection) -> DetectionRecord:
    return DetectionRecord(
        detector=one.detector,
        source=one.source,
        caught=None if one.reason else (one.caught.value, one.caught.low, one.caught.high),
        cost=None if one.reason else one.cost,
        auc=None if one.reason else one.auc,
        questions=one.questions,
        reason=one.reason,
    )


def _detection(record: DetectionRecord) -> Detection:
    nan = math.nan
    return Detection(
        record.detector,
        record.source,
        Estimate(*(record.caught or (nan, nan, nan))),
        nan if record.cost is None else record.cost,
        nan if record.auc is None else record.auc,
        record.questions,
        record.reason,
    )


def load_poisoning(path: str | Path) -> Poisoning:
    """Read a file that `save_poisoning` wrote.

    Raises
    ------
    ResultError
        If there is no such file, or if it is not one; the message says what is wrong.
    """
    record = _record(_content(Path(path)), str(path))
    judgements = judgements_from_records(record.queries, record.judgements, record.pool, str(path))
    found = Poisoning(
        version=record.irbench,
        task=record.task,
        task_digest=record.task_sha256,
        encoder=encoder_from_record(record.encoder),
        craft=record.craft,
        budget=record.budget,
        judgements=judgements,
        clean=Ranks(
            np.array(record.clean_rank_in_pool, dtype=np.int32), np.array(record.clean_rank_in_language, dtype=np.int32)
        ),
        place={one.source: np.array(one.place, dtype=np.int32) for one in record.attacks},
        above={one.source: np.array(one.above, dtype=np.int32) for one in record.attacks},
        timings=record.timings_seconds,
        task_notes=tuple(record.task_notes),
        scoring=record.scoring,
        encodings=record.encodings,
        crafter=None if record.crafter is None else encoder_from_record(record.crafter),
        passages=tuple(InjectedPassage(**one.model_dump(exclude_none=True)) for one in record.passages),
        detections=tuple(map(_detection, record.detections)),
        unseen=record.unseen,
    )
    _check(found, len(record.attacks), str(path))
    return found


def is_poisoning(path: str | Path) -> bool:
    """Return whether a file is meant as one that `save_poisoning` wrote, whole or not.

    Parameters
    ----------
    path : str or pathlib.Path
        Any file.
    """
    try:
        record = bounded_json(_content(Path(path)), _MEMORY)
    except (ResultError, ValueError):
        return False
    return isinstance(record, dict) and {"craft", "attacks"} <= record.keys()


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ResultError(f"{path}: is no file; {_NAME_ONE}")
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror}); {_NAME_ONE}") from error
    if len(content) > _LARGEST:
        raise ResultError(f"{path}: more than {_LARGEST >> 20} MiB; {_NAME_ONE}")
    return content


def _record(content: bytes, where: str) -> PoisoningRecord:
    try:
        read = bounded_json(content, _MEMORY)
        if isinstance(read, dict) and {"clean_scores", "attacked"} <= read.keys():
            raise ResultError(f"{where}: is a result of `irbench attack`; {_NAME_ONE}")
        record = PoisoningRecord.model_validate(read)
        TaskIdentity.parse(record.task)
        Craft.parse(record.craft)
    except ValidationError as error:
        raise ResultError(f"{where}: not a file of `irbench poison`: {first_fault(error)}") from error
    except (ValueError, DataError, OptionError) as error:
        raise ResultError(f"{where}: not a file of `irbench poison`: {error}") from error
    if record.schema_version not in _READ:
        raise ResultError(
            f"{where}: schema version {record.schema_version}, this irbench reads up to {_SCHEMA_VERSION}; "
            f"read it with irbench {record.irbench}"
        )
    return record


def _check(found: Poisoning, attacks: int, where: str) -> None:
    """Refuse arrays that do not belong together, or numbers that no ranking gives."""
    queries, judged = len(found.judgements.query_ids), len(found.judgements.query)
    if len(found.place) != attacks:
        raise ResultError(f"{where}: attacks: a source language occurs twice")
    if ALL in found.place:
        raise ResultError(f"{where}: attacks: {ALL!r} is the mean of all languages, and no source language")
    if any(bool(one.reason) != math.isnan(one.caught.value) for one in found.detections):
        raise ResultError(f"{where}: detections: one has neither a share nor a reason why there is none, or both")
    ranks = found.clean.in_pool, found.clean.in_language
    if any(len(one) != judged for one in (*ranks, *found.above.values())):
        raise ResultError(f"{where}: ranks and 'above' must have one entry for each of the {judged} judgements")
    if any(len(one) != queries for one in found.place.values()):
        raise ResultError(f"{where}: 'place' must have one entry for each of the {queries} queries")
    if any((one > found.judgements.pool_size).any() for one in ranks):
        raise ResultError(f"{where}: a rank lies outside 1 to the size of the pool")
    if any((one > found.budget).any() for one in found.above.values()):
        raise ResultError(f"{where}: 'above' counts more passages than the budget of {found.budget} allows")
