"""Results as JSON files: strict, versioned, written as a whole, and checked against their own ranks on reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import isclose
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from robustbench_ir._base.files import write_whole
from robustbench_ir._version import SCORING_VERSION, __version__
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.encoders.kinds import RERANKED
from robustbench_ir.encoders.options import OptionValue
from robustbench_ir.errors import DataError, ResultError
from robustbench_ir.metrics.bias_measures import rank_distance
from robustbench_ir.metrics.measures import DEFAULT_MEASURES, Floats
from robustbench_ir.metrics.settings import (
    SETTINGS,
    Judgements,
    Setting,
    mean_over_passage_languages,
    per_query_scores,
    rank_distances,
)
from robustbench_ir.perturb.identity import PROMPT, AttackIdentity
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.resources.cards import Card
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.results.shape import shape_of
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks.task import TaskIdentity

# The schema of a result file: what is written, field by field.

_SCHEMA_VERSION = 2
_READABLE = (1, 2)
"""In version 1, `edit_rate` was what is `touched` now, and the edit distance was not measured."""


class EncoderRecord(Card):
    """Record of an `EncoderDescription`, which has the same attributes; `versions` maps each library to its version."""

    name: str
    fingerprint: str
    similarity: str
    dimensions: int
    revision: str
    query_prompt: str
    passage_prompt: str
    versions: dict[str, str]
    preprocessing: str = ""
    kind: str = ""
    dtype: str = ""
    token_limit: int = 0
    query_task: str = ""
    passage_task: str = ""
    origins: dict[str, str] = {}
    notes: list[str] = []
    retrieves_zero: bool = True
    given: str = ""


Int32 = Annotated[int, Field(ge=0, lt=1 << 31)]
"""What an array of 32-bit numbers can hold; ranks, grades and places in a list are none below 0."""


class QueriesRecord(Card):
    """Parallel arrays with one entry for each query.

    Attributes
    ----------
    id, parallel_id, language : list of str
        Id of the query, id of its question, and language code.
    """

    id: Annotated[list[str], Field(fail_fast=True)]
    parallel_id: Annotated[list[str], Field(fail_fast=True)]
    language: Annotated[list[str], Field(fail_fast=True)]


class JudgementsRecord(Card):
    """Parallel arrays with one entry for each judgement.

    Attributes
    ----------
    query, passage_language, grade : list of int
        Row of the query, index of the passage's language in the pool, and grade, 1 or more.
    """

    query: Annotated[list[Int32], Field(fail_fast=True)]
    passage_language: Annotated[list[Int32], Field(fail_fast=True)]
    grade: Annotated[list[Int32], Field(fail_fast=True)]
    relevant_from: int = Field(default=1, ge=1, lt=1 << 31)


class CellRecord(Card):
    """Record of a `Cell`.

    Attributes
    ----------
    recipe, severity, seed, queries_sha256, not_covered, changed, input_changed, touched, edit_rate, places
        See `Cell`; `queries_sha256` is its `digest`. In files of schema version 1, `touched` is None and `edit_rate`
        has its values; in later ones, `edit_rate` is None where it is not known.
    rank_in_pool, rank_in_language : list of int
        Ranks of the judged passages, 1-based; 0 in both if the passage is not retrieved.
    average_precision, rank_distance
        Values that follow from the ranks, for other readers of the file.
    kinds : dict of str to str
        See `Cell`; empty in files of earlier versions, which have no rows by relation.
    tied : list of int, optional
        Indices of the judgements whose passage scores as another one does; None if they are not known.
    """

    recipe: str
    severity: int = Field(ge=0, le=5)
    seed: int
    queries_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    not_covered: dict[str, str]
    changed: Annotated[list[bool], Field(fail_fast=True)]
    input_changed: Annotated[list[bool], Field(fail_fast=True)] | None = None
    touched: Annotated[list[float], Field(fail_fast=True)] | None = None
    edit_rate: Annotated[list[float], Field(fail_fast=True)] | None
    places: float | None = None
    rank_in_pool: Annotated[list[Int32], Field(fail_fast=True)]
    rank_in_language: Annotated[list[Int32], Field(fail_fast=True)]
    average_precision: dict[Setting, Annotated[list[float | None], Field(fail_fast=True)]]
    rank_distance: Annotated[list[float | None], Field(fail_fast=True)]
    kinds: dict[str, str] = {}
    tied: Annotated[list[Int32], Field(fail_fast=True)] | None = None


class AggregateRecord(Card):
    """One macro average with its signature.

    Attributes
    ----------
    signature : str
        What was measured.
    clean, attacked, drop, relative_drop, drop_changed_only, coverage, text_coverage, touched, edit_rate : float
        See `Drop`; None if the recipe covers no language. `text_coverage` is None in files of earlier versions, in
        which `coverage` was of texts, and so is `touched`, which was called `edit_rate`.
    clean_rank_distance, rank_distance_change : float or None
        See `Drop`; None if it is undefined.
    """

    signature: str
    clean: float | None
    attacked: float | None
    drop: float | None
    relative_drop: float | None
    drop_changed_only: float | None
    coverage: float | None
    text_coverage: float | None = None
    touched: float | None = None
    edit_rate: float | None
    clean_rank_distance: float | None
    rank_distance_change: float | None


class ResultRecord(Card):
    """The whole file.

    Attributes
    ----------
    schema_version : int
        Version of this schema.
    irbench, task, task_sha256, encoder, pool, queries, judgements, clean, attacked, timings_seconds
        See `Result` and `Judgements`.
    clean_scores : dict of str to float
        Signature to clean score.
    scores : list of AggregateRecord
        Macro averages of the attacked cells.
    scoring : int
        See `Result`; results of 0.1 do not name it.
    """

    schema_version: int
    irbench: str
    task: str
    task_sha256: str
    encoder: EncoderRecord
    pool: dict[str, Int32]
    queries: QueriesRecord
    judgements: JudgementsRecord
    clean_scores: dict[str, float]
    scores: Annotated[list[AggregateRecord], Field(fail_fast=True)]
    clean: CellRecord
    attacked: Annotated[list[CellRecord], Field(fail_fast=True)]
    timings_seconds: dict[str, float]
    cut: dict[Literal["queries", "passages", "unknown queries", "unknown passages"], float] = {}
    task_notes: Annotated[list[str], Field(fail_fast=True)] = []
    options: dict[str, OptionValue] | None = None
    scoring: int = Field(default=1, ge=1)


_SHOWN = 200
_TOLERANCE = 1e-9
_OF_EDITS = frozenset({"edit_rate", "touched", "text_coverage"})
"""What schema version 1 has under other names."""
_BIAS_SCORES = (
    *("rank_distance", "rank_distance_share", "rank_distance_median", "own_language_first"),
    *("random_rank_distance", "unbiased_rank_distance"),
)

_Identity = TypeVar("_Identity")


def result_to_json(result: Result) -> str:
    """Return the JSON text of a result; equal results differ in `timings_seconds` only."""
    record = ResultRecord(
        schema_version=_SCHEMA_VERSION,
        irbench=result.version,
        scoring=result.scoring,
        task=result.task,
        task_sha256=result.task_digest,
        encoder=encoder_record(result.encoder),
        pool=dict(result.judgements.pool),
        queries=queries_record(result.judgements),
        judgements=judgements_record(result.judgements),
        clean_scores=_clean_scores(result),
        scores=_scores(result),
        clean=cell_record(result.judgements, result.clean),
        attacked=[cell_record(result.judgements, cell) for cell in result.attacked],
        timings_seconds={stage: round(seconds, 3) for stage, seconds in result.timings.items()},
        cut={side: round(share, 4) for side, share in result.cut.items()},
        task_notes=list(result.task_notes),
        options=None if result.options is None else dict(result.options),
    )
    return readable_json(record)


def readable_json(record: Card) -> str:
    """Return JSON with a line for each key, and lists of numbers on one line."""
    return _indented(record.model_dump(mode="json"), "") + "\n"


def _indented(value: object, indent: str) -> str:
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        items = (
            f"{deeper}{json.dumps(key, ensure_ascii=False)}: {_indented(one, deeper)}" for key, one in value.items()
        )
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(deeper + _indented(one, deeper) for one in value) + f"\n{indent}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _clean_scores(result: Result) -> dict[str, float]:
    scores = {
        result.signature(setting, measure=name): result.score(result.clean, setting, name)
        for setting in result.settings
        for name in DEFAULT_MEASURES
    }
    bias = result.bias(result.clean)
    for name in _BIAS_SCORES:
        number = getattr(bias, name)
        if not np.isnan(number):
            scores[result.signature("multilingual", measure=name)] = number
    return scores


def _scores(result: Result) -> list[AggregateRecord]:
    return [
        AggregateRecord(
            signature=result.signature(setting, drop.recipe, drop.severity, name),
            clean=_number(drop.clean),
            attacked=_number(drop.attacked),
            drop=_number(drop.absolute),
            relative_drop=_number(drop.relative),
            drop_changed_only=_number(drop.changed_only),
            coverage=_number(drop.coverage),
            text_coverage=_number(drop.text_coverage),
            touched=_number(drop.touched),
            edit_rate=_number(drop.edit_rate),
            clean_rank_distance=_number(drop.clean_rank_distance),
            rank_distance_change=_number(drop.rank_distance_change),
        )
        for setting in result.settings
        for name in DEFAULT_MEASURES
        for drop in (result.drops(setting, name) if result.groups else ())
    ]


def cell_record(judgements: Judgements, cell: Cell) -> CellRecord:
    """Return the record of a cell.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements of the result.
    cell : Cell
        The cell.
    """
    return CellRecord(
        recipe=str(cell.recipe),
        severity=cell.severity,
        seed=cell.seed,
        queries_sha256=cell.digest,
        not_covered=dict(cell.not_covered),
        changed=cell.changed.tolist(),
        input_changed=None if cell.input_changed is None else cell.input_changed.tolist(),
        touched=cell.touched.tolist(),
        edit_rate=None if np.isnan(cell.edit_rate).any() else cell.edit_rate.tolist(),
        places=_number(cell.places),
        rank_in_pool=cell.ranks.in_pool.tolist(),
        rank_in_language=cell.ranks.in_language.tolist(),
        average_precision=_average_precision(judgements, cell.ranks),
        rank_distance=_numbers(rank_distances(judgements, cell.ranks)),
        kinds={language: str(kind) for language, kind in cell.kinds.items()},
        tied=None if cell.ranks.tied is None else np.flatnonzero(cell.ranks.tied).tolist(),
    )


def _average_precision(judgements: Judgements, ranks: Ranks) -> dict[Setting, list[float | None]]:
    return {
        setting: _numbers(mean_over_passage_languages(per_query_scores(judgements, ranks, "AP", setting)))
        for setting in SETTINGS
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _numbers(found: Floats) -> list[float | None]:
    return [None if value != value else value for value in found.tolist()]  # noqa: PLR0124  # NaN, and fast


def cell_from_record(judgements: Judgements, record: CellRecord, where: str, *, reranked: bool = False) -> Cell:
    """Return the cell of a record.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements of the result.
    record : CellRecord
        The record.
    where : str
        Name of the file and the cell, for errors.
    reranked : bool
        Whether each pool was ranked by itself, so that a passage may have a better rank among all passages than among
        those of its language.

    Raises
    ------
    ResultError
        If the identity is malformed, an array has the wrong length, a rank is out of range, or AP or rank distance does
        not follow from the ranks.
    """
    query_count, judgement_count = len(judgements.query_ids), len(judgements.query)
    ranks = Ranks(
        np.array(record.rank_in_pool, dtype=np.int32),
        np.array(record.rank_in_language, dtype=np.int32),
        _tied(record.tied, judgement_count, where),
    )
    touched, edit_rate = _edits(record, query_count)
    if {len(record.changed), len(touched), len(edit_rate)} != {query_count}:
        raise ResultError(
            f"{where}: 'changed', 'touched' and 'edit_rate' must have one entry for each of the {query_count} queries"
        )
    _check_inputs(record, where)
    if (len(ranks.in_pool), len(ranks.in_language)) != (judgement_count, judgement_count):
        raise ResultError(f"{where}: ranks must have one entry for each of the {judgement_count} judgements")
    sizes = np.array(list(judgements.pool.values()))[judgements.passage_language]
    missing = ranks.in_pool == 0
    if not (missing | ((ranks.in_language >= 1) & (ranks.in_language <= sizes))).all():
        raise ResultError(f"{where}: a rank in 'rank_in_language' lies outside 1 to the size of that language's pool")
    if ranks.in_language[missing].any():
        raise ResultError(f"{where}: a passage has no rank in 'rank_in_pool' but one in 'rank_in_language'")
    least = ~missing if reranked else ranks.in_language
    if not ((ranks.in_pool >= least) & (ranks.in_pool <= judgements.pool_size)).all():
        raise ResultError(f"{where}: a rank in 'rank_in_pool' is above that in its language or below the pool's end")
    derived = _average_precision(judgements, ranks)
    precise = all(_same(record.average_precision.get(setting, ()), derived[setting]) for setting in derived)
    # Up to 0.1.0, rank distance was written for any two relevant passages, also for two in one language.
    distances = rank_distances(judgements, ranks), rank_distance(ranks.in_pool, judgements.query, query_count)
    if not precise or not any(_same(record.rank_distance, _numbers(distance)) for distance in distances):
        raise ResultError(f"{where}: AP or rank distance does not follow from the ranks; the file was changed by hand")
    return Cell(
        recipe=_identity(AttackIdentity.parse, record.recipe, f"{where}: recipe"),
        severity=record.severity,
        seed=record.seed,
        digest=record.queries_sha256,
        changed=np.array(record.changed, dtype=bool),
        touched=touched,
        edit_rate=edit_rate,
        not_covered=record.not_covered,
        ranks=ranks,
        input_changed=None if record.input_changed is None else np.array(record.input_changed, dtype=bool),
        kinds={
            language: _identity(KindOfChange.parse, kind, f"{where}: kinds.{language}")
            for language, kind in record.kinds.items()
        },
        places=float("nan") if record.places is None else record.places,
    )


def _edits(record: CellRecord, query_count: int) -> tuple[Floats, Floats]:
    """Return touched and edit rate of a record, whichever version of the schema it has."""
    unknown = np.full(query_count, np.nan)
    touched, edit_rate = (
        unknown if one is None else np.array(one, dtype=float) for one in (record.touched, record.edit_rate)
    )
    return (edit_rate, unknown) if record.touched is None else (touched, edit_rate)


def _tied(written: list[int] | None, judgements: int, where: str) -> NDArray[np.bool_] | None:
    if written is None:
        return None
    places, tied = np.array(written, dtype=np.int64), np.zeros(judgements, dtype=bool)
    if ((places < 0) | (places >= judgements)).any():
        raise ResultError(f"{where}: 'tied' names a judgement that is not there; there are {judgements}")
    tied[places] = True
    return tied


def _check_inputs(record: CellRecord, where: str) -> None:
    """Check that what an encoder reads changed only where the text did, or its prompt."""
    if record.input_changed is None:
        return
    if len(record.input_changed) != len(record.changed):
        raise ResultError(f"{where}: 'input_changed' must have one entry for each of the {len(record.changed)} queries")
    if record.recipe.startswith(PROMPT):
        return
    if any(read and not text for read, text in zip(record.input_changed, record.changed, strict=True)):
        raise ResultError(f"{where}: 'input_changed' is true for a query whose text did not change")


def _identity(parse: Callable[[str], _Identity], text: str, where: str) -> _Identity:
    try:
        return parse(text)
    except DataError as error:
        raise ResultError(f"{where}: {error}") from error


def _same(written: Sequence[float | None], derived: Sequence[float | None]) -> bool:
    if len(written) != len(derived):
        return False
    left, right = np.array(written, dtype=float), np.array(derived, dtype=float)
    return np.allclose(left, right, rtol=0, atol=_TOLERANCE, equal_nan=True)


def result_from_json(text: str | bytes, where: str = "result") -> Result:
    """Read a result.

    Parameters
    ----------
    text : str or bytes
        JSON text.
    where : str
        Name of the file, for errors.

    Raises
    ------
    ResultError
        If the text is not JSON, is not a result, has a later schema, or contradicts itself.
    """
    record = _record(text.encode() if isinstance(text, str) else text, where)
    if record.schema_version not in _READABLE:
        raise ResultError(
            f"{where}: schema version {record.schema_version}, this irbench reads {_READABLE[0]} to {_READABLE[-1]}; "
            f"read it with irbench {record.irbench}"
        )
    if any((cell.touched is None) != (record.schema_version == 1) for cell in (record.clean, *record.attacked)):
        raise ResultError(f"{where}: 'touched' does not fit schema version {record.schema_version}; attack again")
    judgements = judgements_from_records(record.queries, record.judgements, record.pool, where)
    _identity(TaskIdentity.parse, record.task, f"{where}: task")
    reranked = record.encoder.kind == RERANKED
    result = Result(
        version=record.irbench,
        task=record.task,
        task_digest=record.task_sha256,
        encoder=encoder_from_record(record.encoder),
        judgements=judgements,
        clean=cell_from_record(judgements, record.clean, f"{where}: clean", reranked=reranked),
        attacked=tuple(
            cell_from_record(judgements, cell, f"{where}: attacked.{number}", reranked=reranked)
            for number, cell in enumerate(record.attacked)
        ),
        timings=record.timings_seconds,
        cut={str(side): share for side, share in record.cut.items()},
        task_notes=tuple(record.task_notes),
        options=record.options,
        scoring=record.scoring,
    )
    _check_scores(record, result, where)
    return result


def _check_scores(record: ResultRecord, result: Result, where: str) -> None:
    """Refuse scores that contradict the ranks: they are not read here, but by whoever opens the file.

    The scores of earlier versions were computed by other rules; of those, only the signatures are compared.
    """
    derived = _scores(result)
    good = [row.signature for row in record.scores] == [row.signature for row in derived]
    if (record.irbench, record.scoring) == (__version__, SCORING_VERSION):
        moved = _OF_EDITS if record.schema_version == 1 else frozenset()
        rows = ({key: one for key, one in vars(row).items() if key not in moved} for row in record.scores)
        good = good and all(map(_are_near, rows, map(vars, derived)))
        clean = _clean_scores(result)
        good = good and record.clean_scores.keys() == clean.keys() and _are_near(record.clean_scores, clean)
    if not good:
        raise ResultError(
            f"{where}: the scores do not follow from the ranks; the file was changed by hand: restore it, or attack "
            "again"
        )


def _are_near(written: Mapping[str, object], derived: Mapping[str, object]) -> bool:
    """Return True if all values of a mapping are those of another one, but for rounding of their floats."""
    return all(
        isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
        if isinstance(one, float) and isinstance(other := derived[key], float)
        else one == derived[key]
        for key, one in written.items()
    )


def _record(content: bytes, where: str) -> ResultRecord:
    try:
        shape = shape_of(content)
        if isinstance(shape, dict) and {"craft", "attacks"} <= shape.keys():
            raise ResultError(
                f"{where}: has injected passages of `irbench poison`; `irbench show` prints them, and "
                "`irbench report RESULT --poison FILE` shows them on a page"
            )
        ResultRecord.model_validate(shape)
        return ResultRecord.model_validate(json.loads(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        key = ".".join(map(str, first["loc"]))[:_SHOWN]
        raise ResultError(f"{where}: not an irbench result: {key or 'file'}: {first['msg'][:_SHOWN]}") from error
    except ValueError as error:
        raise ResultError(
            f"{where}: not an irbench result: {str(error)[:_SHOWN]}; name a file that `irbench attack` wrote"
        ) from error


def queries_record(judgements: Judgements) -> QueriesRecord:
    """Return the record of the queries that ranks belong to."""
    return QueriesRecord(
        id=list(judgements.query_ids),
        parallel_id=list(judgements.parallel_ids),
        language=list(judgements.languages),
    )


def judgements_record(judgements: Judgements) -> JudgementsRecord:
    """Return the record of the judgements that ranks belong to."""
    return JudgementsRecord(
        query=judgements.query.tolist(),
        passage_language=judgements.passage_language.tolist(),
        grade=judgements.grade.tolist(),
        relevant_from=judgements.relevant_from,
    )


def encoder_record(who: EncoderDescription) -> EncoderRecord:
    """Return the record of an encoder."""
    lists = {"versions": dict(who.versions), "origins": dict(who.origins), "notes": list(who.notes)}
    return EncoderRecord.model_validate({**vars(who), **lists})


def encoder_from_record(record: EncoderRecord) -> EncoderDescription:
    """Return the encoder of a record."""
    return EncoderDescription(
        **record.model_dump(exclude={"versions", "origins", "notes"}),
        versions=tuple(record.versions.items()),
        origins=tuple(record.origins.items()),
        notes=tuple(record.notes),
    )


def judgements_from_records(
    queries: QueriesRecord, written: JudgementsRecord, pool: Mapping[str, int], where: str
) -> Judgements:
    """Return the judgements of two records.

    Parameters
    ----------
    queries, written : QueriesRecord, JudgementsRecord
        The records.
    pool : mapping of str to int
        Passage languages with their number of passages.
    where : str
        Name of the file, for errors.

    Raises
    ------
    ResultError
        If lists that belong together are not equally long, or a number is out of range.
    """
    if not len(queries.id) == len(queries.parallel_id) == len(queries.language) > 0:
        raise ResultError(f"{where}: queries: the lists must be equally long and not empty")
    if not len(written.query) == len(written.passage_language) == len(written.grade) > 0:
        raise ResultError(f"{where}: judgements: the lists must be equally long and not empty")
    judgements = Judgements(
        query_ids=tuple(queries.id),
        parallel_ids=tuple(queries.parallel_id),
        languages=tuple(queries.language),
        pool=pool,
        query=np.array(written.query, dtype=np.int32),
        passage_language=np.array(written.passage_language, dtype=np.int32),
        grade=np.array(written.grade, dtype=np.int32),
        relevant_from=written.relevant_from,
    )
    inside = (judgements.query >= 0) & (judgements.query < len(queries.id))
    inside &= (judgements.passage_language >= 0) & (judgements.passage_language < len(pool)) & (judgements.grade >= 1)
    if not inside.all():
        raise ResultError(f"{where}: judgements: a query or language that does not exist, or a grade below 1")
    return judgements


def save_result(result: Result, path: str | Path) -> Path:
    """Write a result file, and return its path.

    Parameters
    ----------
    result : Result
        The result.
    path : str or pathlib.Path
        File to write.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    written = Path(path)
    write_whole(written, result_to_json(result).encode())
    return written


def load_result(path: str | Path) -> Result:
    """Read a result file.

    Raises
    ------
    ResultError
        If there is no such file, or if it is not a result; the message says what is wrong.
    """
    try:
        if Path(path).is_char_device() or Path(path).is_block_device():
            raise ResultError(f"{path}: is a device; name a file that `irbench attack` wrote")
        content = Path(path).read_bytes()
    except OSError as error:
        raise ResultError(
            f"{path}: cannot be read ({error.strerror}); name a file that `irbench attack` wrote"
        ) from error
    return result_from_json(content, str(path))
