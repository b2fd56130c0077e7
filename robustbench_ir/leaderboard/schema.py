"""The schema of a leaderboard entry: what is written, field by field, and how much of it at most.

Queries are grouped by language. A value of 0 says that a query has no such case: neither AP over a whole pool nor the
rank distance of several passages can be 0. A TREC run can lack every relevant passage of a query: its AP is then
written as `NOT_RETRIEVED`, which no mean shows, and its rank distance, which nobody knows, as 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date as calendar_date
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from robustbench_ir.errors import DataError
from robustbench_ir.leaderboard.names import LINK, MODEL_NAME, printable_text, safe_model_name
from robustbench_ir.metrics.settings import Setting
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.resources.cards import Card, packaged
from robustbench_ir.tasks.task import TaskIdentity

ENTRY_SCHEMA_VERSION = 1
MAX_QUERIES = 2_000_000
MAX_CELLS = 1_000
NOT_RETRIEVED = 1e-9


def _calendar(value: str) -> str:
    if calendar_date.fromisoformat(value).year < 2020:
        raise ValueError("there was no leaderboard before 2020")
    return value


def _as_written(parse: Callable[[str], object]) -> Callable[[str], str]:
    """Return what refuses an identity that is not written as this package writes it: each has one spelling."""

    def check(text: str) -> str:
        try:
            found = parse(text)
        except DataError as error:
            raise ValueError(str(error)) from error
        if str(found) != text:
            raise ValueError(f"{text[:100]!a} is written {str(found)[:100]!a}")
        return text

    return check


Text = Annotated[str, Field(max_length=500), AfterValidator(printable_text)]
Short = Annotated[str, Field(max_length=100), AfterValidator(printable_text)]
Link = Annotated[str, Field(pattern=LINK)]
Tag = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,8}([_-][A-Za-z0-9]{1,8}){0,4}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_calendar)]
_IDENTITY = Field(pattern=r"^[A-Za-z0-9.:,>=/@_+~|()%-]{1,1000}$")
Attack = Annotated[str, _IDENTITY, AfterValidator(_as_written(AttackIdentity.parse))]
"""``clean``, ``typo@3``, or a search, ``greedy(typo@3)|goal=map|words=2|queries=500``; see docs/identity.md."""
TaskText = Annotated[str, _IDENTITY, AfterValidator(_as_written(TaskIdentity.parse))]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=MAX_QUERIES * 1_000)]
Shares = Annotated[list[Share], Field(min_length=1, max_length=MAX_QUERIES)]
Counts = Annotated[list[Count], Field(min_length=1, max_length=MAX_QUERIES)]
Versions = Annotated[dict[Short, Short], Field(max_length=50)]
ByTag = Annotated[dict[Tag, Annotated[int, Field(ge=1, le=10**9)]], Field(min_length=1, max_length=500)]


class Strict(Card):
    """Immutable, no unknown key, no conversion, no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelRecord(Strict):
    """Who was attacked. `encoder` is what `irbench attack --model` was given; prompts are put before each text.

    `kind` is ``run`` for any other system: its TREC runs were scored (`irbench score`), `encoder` is their tag, and
    nobody can run it again.
    """

    kind: Literal["encoder", "run"] = "encoder"
    name: Annotated[str, Field(pattern=MODEL_NAME), AfterValidator(safe_model_name)]
    encoder: Text
    revision: Short
    fingerprint: Short
    similarity: Short
    dimensions: int = Field(ge=0, le=10**7)
    query_prompt: Text
    passage_prompt: Text
    parameters: int | None = Field(ge=0, le=10**14)
    licence: Short
    languages: list[Tag] = Field(max_length=1_000)
    link: Link = Field(min_length=1)
    paper: Link
    code: Link
    contact: Short


class TrainingRecord(Strict):
    """Whether training saw the data of the task, and what it was trained on; as declared by the submitter."""

    saw_task: Literal["yes", "no", "unknown"]
    datasets: list[Short] = Field(max_length=200)


class TaskRecord(Strict):
    """What was ranked: passages and queries of each language, and of each query the number of its question."""

    identity: TaskText
    sha256: Sha256
    pool: ByTag
    queries: ByTag
    question: Counts


class EntryCell(Strict):
    """Values for each query under one recipe, severity and seed; `changed` is a digit 0 or 1 for each query."""

    recipe: Attack
    severity: int = Field(ge=0, le=5)
    seed: int = Field(ge=0, le=10**9)
    queries_sha256: Sha256
    changed: str = Field(pattern=r"^[01]+$", max_length=MAX_QUERIES)
    average_precision: Annotated[dict[Setting, Shares], Field(min_length=1)]
    rank_distance: Counts


class EntryScore(Strict):
    """Macro averages over query languages, means over seeds; recomputed by everybody who reads them."""

    recipe: Attack
    severity: int = Field(ge=0, le=5)
    average_precision: Annotated[dict[Setting, Share], Field(min_length=1)]
    rank_distance: float | None = Field(ge=0, le=10**10)
    coverage: Share


class VerifiedRecord(Strict):
    """Who ran a sample of the queries again, when, and how many."""

    by: Short = Field(min_length=1)
    date: Day
    sample: int = Field(ge=1, le=MAX_QUERIES)


class Entry(Strict):
    """The file."""

    schema_version: Literal[1]
    irbench: Short
    date: Day
    model: ModelRecord
    training: TrainingRecord
    task: TaskRecord
    environment: Versions
    scores: list[EntryScore] = Field(min_length=1, max_length=MAX_CELLS)
    cells: list[EntryCell] = Field(min_length=1, max_length=MAX_CELLS)
    verified: VerifiedRecord | None = None


# Training data that a task's questions or passages come from, as `leaderboard/related-data.json` lists them.


def related_data(task: str, datasets: Sequence[str]) -> list[str]:
    """Return those of the data sets that a task is made of, by name.

    Parameters
    ----------
    task : str
        Name without version.
    datasets : sequence of str
        That a model was trained on.

    Examples
    --------
    >>> related_data("xquad-r", ["MS MARCO", "SQuAD 1.1"])
    ['SQuAD 1.1']
    """
    sources = _sources().get(task, ())
    return [one for one in datasets if any(source in one.lower() for source in sources)]


@cache
def _sources() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads(
        (packaged("leaderboard") / "related-data.json").read_text(encoding="utf-8")
    )
    return table
