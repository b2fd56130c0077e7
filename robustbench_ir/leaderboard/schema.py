"""The schema of a leaderboard entry: each field, its type and its limits.

Queries are grouped by language. Entries of format 2 hold the ranks of the judged passages, from which every measure
follows. Entries of format 1 hold values only: AP and rank distance of each query. There, a value of 0 says that a query
has no such case, because neither AP over a whole pool nor the rank distance of several passages can be 0. A TREC run
can lack every relevant passage of a query. AP is then written as `NOT_RETRIEVED`, which no mean shows, and the rank
distance, which is unknown, as 0.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date as calendar_date
from functools import cache
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
)

from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.leaderboard.names import LINK, MODEL_NAME, printable_text, safe_model_name
from robustbench_ir.metrics.settings import Setting
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.resources.cards import Card, packaged
from robustbench_ir.tasks.task import TaskIdentity

ENTRY_SCHEMA_VERSION = 2
MAX_QUERIES = 2_000_000
MAX_CELLS = 1_000
MAX_RANKS = 1 << 23
"""Judged passages times cells, of one entry: 58 cells of XQuAD-R."""

MAX_JUDGED = 1 << 21
MAX_SUITES = 5
MAX_POISONINGS = 20
MAX_STRATA = 1 << 25
"""Questions times pairs of languages, of injected passages: XQuAD-R has 143,990."""


NOT_RETRIEVED = 1e-9


def _calendar(value: str) -> str:
    if calendar_date.fromisoformat(value).year < 2020:
        raise ValueError("there was no leaderboard before 2020")
    return value


def _as_written(parse: Callable[[str], object]) -> Callable[[str], str]:
    """Return a validator that refuses an identity which this package would write in another way."""

    def check(text: str) -> str:
        try:
            found = parse(text)
        except (DataError, OptionError) as error:
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
SuiteText = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}@[1-9][0-9]{0,4}$")]
"""Name and version of a suite, such as ``standard@1``."""
CraftText = Annotated[str, Field(max_length=40), AfterValidator(_as_written(Craft.parse))]
TaskText = Annotated[str, _IDENTITY, AfterValidator(_as_written(TaskIdentity.parse))]
Scalar = Text | Annotated[int, Field(ge=-(10**9), le=10**9)] | float | bool | None
OptionSetting = Scalar | Annotated[dict[Short, Scalar], Field(max_length=50)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=MAX_QUERIES * 1_000)]
Shares = Annotated[list[Share], Field(min_length=1, max_length=MAX_QUERIES, fail_fast=True)]
Counts = Annotated[list[Count], Field(min_length=1, max_length=MAX_QUERIES, fail_fast=True)]
Packed = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{1,}={0,2}$", max_length=64 << 20)]
"""See `robustbench_ir.leaderboard.packing`."""

Versions = Annotated[dict[Short, Short], Field(max_length=50)]
ByTag = Annotated[dict[Tag, Annotated[int, Field(ge=1, le=10**9)]], Field(min_length=1, max_length=500)]


class Strict(Card):
    """A record that is immutable and allows no unknown key, no conversion of types, and no infinite number."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelRecord(Strict):
    """The model that was attacked.

    Attributes
    ----------
    kind : {"encoder", "multi-vector", "reranked", "run"}
        ``multi-vector`` for a model that gives a row for each token (ColBERT, PyLate); ``reranked`` for an encoder
        behind a reranker; ``run`` for a system whose TREC runs were scored (`irbench score`) and which cannot be run
        again.
    name : str
        Name on the board.
    encoder : str
        Value of `irbench attack --model`, or the tag of the runs.
    revision, fingerprint : str
        Commit on the hub; hash of everything that decides the vectors.
    similarity : str
        Such as ``cosine``.
    retrieves_zero : bool
        Whether the encoder retrieves a passage with the score 0; if not, some relevant passages have no rank.
    dimensions : int
        Size of the vectors; 0 if they have none.
    query_prompt, passage_prompt : str
        Texts put before each query and each passage.
    options : dict of str to value, optional
        Options of the encoder that were given and can change an embedding, by their names in `EncoderOptions`. None in
        entries of earlier versions, which did not record them.
    parameters : int or None
        Number of weights.
    licence : str
        Licence of the model.
    languages : list of str
        Languages that the model was made for.
    link, paper, code : str
        Addresses of the model, of its paper and of its code.
    contact : str
        Who answers questions.
    """

    kind: Literal["encoder", "multi-vector", "reranked", "run"] = "encoder"
    name: Annotated[str, Field(pattern=MODEL_NAME), AfterValidator(safe_model_name)]
    encoder: Text
    revision: Short
    fingerprint: Short
    similarity: Short
    retrieves_zero: bool = True
    dimensions: int = Field(ge=0, le=10**7)
    query_prompt: Text
    passage_prompt: Text
    options: Annotated[dict[Short, OptionSetting], Field(max_length=50)] | None = None
    parameters: int | None = Field(ge=0, le=10**14)
    licence: Short
    languages: list[Tag] = Field(max_length=1_000)
    link: Link = Field(min_length=1)
    paper: Link
    code: Link
    contact: Short


class TrainingRecord(Strict):
    """Training data of the model, as the submitter declares it.

    Attributes
    ----------
    saw_task : {"yes", "no", "unknown"}
        Whether the model was trained on the data of the task.
    datasets : list of str
        Names of the training data.
    """

    saw_task: Literal["yes", "no", "unknown"]
    datasets: list[Short] = Field(max_length=200)


class TaskRecord(Strict):
    """The task that was ranked.

    Attributes
    ----------
    identity, sha256 : str
        Name and version, and the digest of all texts and judgements.
    pool, queries : dict of str to int
        Language to its number of passages, and to its number of queries.
    question : list of int
        For each query, the number of its question.
    """

    identity: TaskText
    sha256: Sha256
    pool: ByTag
    queries: ByTag
    question: Counts


class JudgedRecord(Strict):
    """The judged passages, in the order of the queries; see `robustbench_ir.metrics.settings.Judgements`.

    Attributes
    ----------
    count : int
        Number of judgements.
    query, passage_language, grade : str
        Packed numbers, one for each judgement: row of the query, ascending; index of the passage's language in the
        pool; grade, 1 or more.
    relevant_from : int
        Grade from which on a passage is relevant to the measures that know no grades.
    """

    count: int = Field(ge=1, le=MAX_JUDGED)
    query: Packed
    passage_language: Packed
    grade: Packed
    relevant_from: int = Field(default=1, ge=1, le=1_000)


class RanksRecord(Strict):
    """Ranks of the judged passages: packed numbers, one cell after another, 0 where a passage is not retrieved.

    Attributes
    ----------
    in_pool, in_language : str
        1-based ranks among all passages, and among the passages in the language of the judged one.
    """

    in_pool: Packed
    in_language: Packed


class EntryCell(Strict):
    """One recipe, severity and seed.

    Attributes
    ----------
    recipe : str
        Identity of the attack.
    severity, seed : int
        Severity, 0 to 5; seed of the perturbation.
    queries_sha256 : str
        Digest of the query set.
    changed : str
        A digit for each query: 1 if its text changed, else 0.
    """

    recipe: Attack
    severity: int = Field(ge=0, le=5)
    seed: int = Field(ge=0, le=10**9)
    queries_sha256: Sha256
    changed: str = Field(pattern=r"^[01]+$", max_length=MAX_QUERIES)


class ValuesCell(EntryCell):
    """A cell of an entry of format 1.

    Attributes
    ----------
    average_precision : dict of str to list of float
        Setting to the AP of each query, 0 to 1.
    rank_distance : list of int
        Rank distance of each query.
    """

    average_precision: Annotated[dict[Setting, Shares], Field(min_length=1)]
    rank_distance: Counts


class EntryScore(Strict):
    """Macro averages over query languages, means over seeds. Every reader computes them again.

    Attributes
    ----------
    recipe : str
        Identity of the attack.
    severity : int
        0 to 5.
    average_precision : dict of str to float
        Setting to mAP.
    rank_distance : float or None
        Mean rank distance.
    coverage : float
        Share of queries whose text changed.
    """

    recipe: Attack
    severity: int = Field(ge=0, le=5)
    average_precision: Annotated[dict[Setting, Share], Field(min_length=1)]
    rank_distance: float | None = Field(ge=0, le=10**10)
    coverage: Share


class RobustRecord(Strict):
    """Scores under the worst attack of a suite in one setting: macro averages over query languages, for readers.

    Attributes
    ----------
    average, robust : float
        mAP on average over the attacks, and with each query as it does under the worst of them, or unchanged. A
        language that an attack does not cover counts with its clean score, as everywhere on the board.
    kept : float or None
        `robust` divided by the clean mAP; None if that is 0.
    robust_at_10 : float
        Share of the queries that keep a relevant passage among the first ten under all attacks.
    questions : int
        Number of questions.
    """

    average: Share
    robust: Share
    kept: Share | None
    robust_at_10: Share
    questions: int = Field(ge=1, le=MAX_QUERIES)


class SuiteRecord(Strict):
    """A suite whose attacks are among the cells; see docs/suites.md.

    Attributes
    ----------
    suite : str
        Name and version.
    cells : list of int
        Numbers of the cells of its attacks, ascending.
    adaptive : bool
        Whether one of the attacks was searched on this very encoder, and so saw its defences at work.
    scores : dict of str to RobustRecord
        Setting to scores. Every reader computes them again.
    """

    suite: SuiteText
    cells: list[Annotated[int, Field(ge=1, lt=MAX_CELLS)]] = Field(min_length=1, max_length=MAX_CELLS)
    adaptive: bool
    scores: Annotated[dict[Setting, RobustRecord], Field(min_length=1)]


class PoisonRecord(Strict):
    """Passages that were injected into the pool of all languages, and where each query finds them; see docs/poison.md.

    Attributes
    ----------
    craft : str
        How they were written, such as ``copy``.
    budget : int
        Number of injected passages for each question.
    encodings : int
        Number of encodings that a search had for each passage; 0 without a search.
    crafted_on : str
        The encoder that a search asked, where it is another one than the entry's; else empty.
    sources : list of str
        Source languages: the query languages of the task, in their order.
    place : str
        Packed numbers, one for each query of each source language: place of the best injected passage, 1 to 10; 0 if it
        is farther down, 11 if there is none.
    asr_at_1, asr_at_10 : float
        Share of the queries that find an injected passage in another language first, and among the first ten: macro
        average over source and query languages. Every reader computes them again.
    questions : int
        Number of questions.
    """

    craft: CraftText
    budget: int = Field(ge=1, le=500)
    encodings: int = Field(ge=0, lt=1 << 31)
    crafted_on: Text
    sources: list[Tag] = Field(min_length=1, max_length=500)
    place: Packed
    asr_at_1: Share
    asr_at_10: Share
    questions: int = Field(ge=1, le=MAX_QUERIES)

    @property
    def attack(self) -> str:
        """What was injected, in words that are the same for the same attack: ``copy, budget 1``."""
        parts = [self.craft, f"budget {self.budget}"]
        parts += [f"{self.encodings} encodings"] if self.encodings else []
        parts += [f"crafted on {self.crafted_on}"] if self.crafted_on else []
        return ", ".join(parts)


class EarlierMark(Strict):
    """Who verified an entry of format 1: a word that says nothing of the file, so that it no longer counts.

    Attributes
    ----------
    by, date : str
        Name of the verifier, and the day.
    sample : int
        Number of queries that were run again.
    """

    by: Short = Field(min_length=1)
    date: Day
    sample: int = Field(ge=1, le=MAX_QUERIES)


class VerifiedRecord(EarlierMark):
    """Who verified the entry, and what was found.

    Attributes
    ----------
    seed : int
        Seed of the sample, drawn after the entry was there.
    irbench : str
        Version of this package that ran the sample again.
    entry_sha256 : str
        SHA-256 of the entry without its mark. The mark falls when the entry changes.
    largest_mean_difference : float
        Largest difference, over settings and cells, of a mean over the sample: of AP or of its drop.
    rank_agreement : float
        Smallest share, over cells, of ranks that agree.
    searched : int
        Number of cells of searches, which were not run again.
    """

    seed: int = Field(ge=0, lt=1 << 63)
    irbench: Short
    entry_sha256: Sha256
    largest_mean_difference: float = Field(ge=0, le=1)
    rank_agreement: Share
    searched: int = Field(ge=0, le=MAX_CELLS)


class Entry(Strict):
    """What entries of every format have; see `RanksEntry` and `ValuesEntry`.

    Attributes
    ----------
    schema_version : int
        Format of the entry.
    irbench, date : str
        Version of this package, and day of the submission.
    model : ModelRecord
        The model that was attacked.
    training : TrainingRecord
        Its training data.
    task : TaskRecord
        The task that was ranked.
    environment : dict of str to str
        Libraries and their versions.
    scores : list of EntryScore
        Averages of each recipe and severity.
    cells : list of EntryCell
        Recipes, severities and seeds; the first cell is clean.
    verified : EarlierMark or None
        Who verified the entry.
    """

    schema_version: int
    irbench: Short
    date: Day
    model: ModelRecord
    training: TrainingRecord
    task: TaskRecord
    environment: Versions
    scores: list[EntryScore] = Field(min_length=1, max_length=MAX_CELLS)
    cells: Sequence[EntryCell]
    verified: EarlierMark | None = None


class RanksEntry(Entry):
    """An entry of format 2: the ranks of the judged passages.

    Attributes
    ----------
    judged : JudgedRecord
        The judged passages.
    ranks : RanksRecord
        Their ranks in each cell.
    suites : list of SuiteRecord
        Suites whose attacks are among the cells.
    poison : list of PoisonRecord
        Attacks by injected passages.
    """

    schema_version: Literal[2]
    judged: JudgedRecord
    cells: list[EntryCell] = Field(min_length=1, max_length=MAX_CELLS)
    ranks: RanksRecord
    suites: list[SuiteRecord] = Field(default=[], max_length=MAX_SUITES)
    poison: list[PoisonRecord] = Field(default=[], max_length=MAX_POISONINGS)
    verified: VerifiedRecord | None = None

    @model_serializer(mode="wrap")
    def _without_empty_lists(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Write an entry without suites and poison as before there were any, so that its mark stays valid."""
        table: dict[str, object] = write(self)
        return {key: value for key, value in table.items() if value or key not in {"suites", "poison"}}


class ValuesEntry(Entry):
    """An entry of format 1: values of each query only, which may be such that no ranks give them."""

    schema_version: Literal[1]
    cells: list[ValuesCell] = Field(min_length=1, max_length=MAX_CELLS)


FORMATS: Mapping[object, type[RanksEntry | ValuesEntry]] = {1: ValuesEntry, 2: RanksEntry}
"""Version of the schema to what is read."""


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of entries of all formats."""
    either = Annotated[RanksEntry | ValuesEntry, Field(discriminator="schema_version")]
    return TypeAdapter(either).json_schema()


# Training data that a task's questions or passages come from, as `leaderboard/related-data.json` lists them.


def related_data(task: str, datasets: Sequence[str]) -> list[str]:
    """Return those training data sets that contain data of a task.

    Parameters
    ----------
    task : str
        Name of the task, without its version.
    datasets : sequence of str
        Names of the training data of a model.

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
