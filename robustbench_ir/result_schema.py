"""The schema of a result file: what is written, field by field."""

from __future__ import annotations

from pydantic import Field

from robustbench_ir.cards import Card
from robustbench_ir.score.settings import Setting

SCHEMA_VERSION = 1


class EncoderRecord(Card):
    """See `EncoderDescription`."""

    name: str
    fingerprint: str
    similarity: str
    dimensions: int
    revision: str
    query_prompt: str
    passage_prompt: str
    versions: dict[str, str]
    preprocessing: str = ""


class QueriesRecord(Card):
    """Parallel arrays, one entry for each query."""

    id: list[str]
    parallel_id: list[str]
    language: list[str]


class JudgementsRecord(Card):
    """Parallel arrays, one entry for each judgement: row of the query, number of the passage's language, grade."""

    query: list[int]
    passage_language: list[int]
    grade: list[int]


class CellRecord(Card):
    """See `Cell`. `average_precision` and `rank_distance` follow from the ranks and are there to be read.

    A rank is 0, in the pool and in the language, where a truncated run does not have the passage.
    """

    recipe: str
    severity: int = Field(ge=0, le=5)
    seed: int
    queries_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    not_covered: dict[str, str]
    changed: list[bool]
    edit_rate: list[float]
    rank_in_pool: list[int]
    rank_in_language: list[int]
    average_precision: dict[Setting, list[float | None]]
    rank_distance: list[float | None]


class ScoreRecord(Card):
    """One aggregate: a macro average with its signature."""

    signature: str
    clean: float
    attacked: float
    drop: float
    relative_drop: float | None
    drop_changed_only: float | None
    coverage: float
    edit_rate: float
    clean_rank_distance: float | None
    rank_distance_change: float | None


class ResultRecord(Card):
    """The file."""

    schema_version: int
    irbench: str
    task: str
    task_sha256: str
    encoder: EncoderRecord
    pool: dict[str, int]
    queries: QueriesRecord
    judgements: JudgementsRecord
    clean_scores: dict[str, float]
    scores: list[ScoreRecord]
    clean: CellRecord
    attacked: list[CellRecord]
    timings_seconds: dict[str, float]
