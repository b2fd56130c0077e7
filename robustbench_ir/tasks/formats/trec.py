"""Collections in the form of the TREC tools: questions as `id<TAB>text`, qrels, and a corpus as JSON Lines."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.resources.cards import Card, validate
from robustbench_ir.resources.downloads import DataFile, HubFile, locate
from robustbench_ir.resources.transport import DownloadProgress
from robustbench_ir.tasks.faults import lines, raise_first
from robustbench_ir.tasks.formats.corpus import judged_and_sampled, passages
from robustbench_ir.tasks.formats.qrels import add_judgement, judgements
from robustbench_ir.tasks.formats.readers import CardRows, RawTask
from robustbench_ir.tasks.task import Passage, Query

_ASKED_FOR_ABOVE_MEGABYTES = 1000

_Grades = dict[str, dict[str, int]]
"""Query id to passage id to grade, as in the file: 0 means judged as irrelevant."""


class HubShards(Card):
    """The numbered files of one corpus on the Hugging Face hub.

    Attributes
    ----------
    repository, revision : str
        See `robustbench_ir.resources.downloads.HubFile`.
    file : str
        Path in the repository, with ``{shard}`` for the number where there are several.
    shards : int
        Number of files; their numbers begin with 0.
    count : int, optional
        Number of passages in all of them, as published.
    sha256 : list of str
        Hash of each file, where known.
    """

    repository: str
    revision: str
    file: str
    shards: int = Field(default=1, ge=1)
    count: int | None = Field(default=None, ge=1)
    sha256: list[str] = []

    @model_validator(mode="after")
    def _has_a_hash_for_each(self) -> HubShards:
        if self.sha256 and len(self.sha256) != self.shards:
            raise ValueError(f"{len(self.sha256)} hashes for {self.shards} shards")
        if self.shards > 1 and "{shard}" not in self.file:
            raise ValueError("key 'file' needs '{shard}' where there are several")
        return self

    def files(self) -> Iterator[HubFile]:
        """Return the files in order."""
        for shard in range(self.shards):
            yield HubFile(
                repository=self.repository,
                revision=self.revision,
                file=self.file.replace("{shard}", str(shard)),
                sha256=self.sha256[shard] if self.sha256 else None,
            )

    @property
    def megabytes(self) -> float | None:
        """Approximate size of the download.

        It is computed from the corpora whose size is published: 0.15 kB for a compressed passage, 1 kB for a plain one.
        """
        return self.count and self.count * (0.15 if self.file.endswith(".gz") else 1) / 1000


class _CollectionRow(Card):
    queries: HubFile
    judgements: HubFile
    passages: HubShards
    queries_in: str | None = None
    translations: DataFile | None = None
    sampled: int | None = Field(default=None, ge=1)


class _QueriesOnlyRow(Card):
    queries_only: Literal[True]


def corpora(rows: CardRows) -> dict[str, HubShards]:
    """Return the corpus of each language that has one, from the rows of a card."""
    found = {code: row["passages"] for code, row in rows.items() if isinstance(row.get("passages"), dict)}
    return {code: validate(HubShards, corpus, f"[languages.{code}]") for code, corpus in found.items()}


def check_download_size(name: str, rows: CardRows) -> None:
    """Refuse to download all languages of a large collection if no language was chosen.

    Parameters
    ----------
    name : str
        Name of the task, for the message.
    rows : mapping
        Rows of its card.

    Raises
    ------
    OptionError
        If all languages together are more than a gigabyte; the message says how to choose some, or all.
    """
    found = {code: corpus for code, corpus in corpora(rows).items() if corpus.count and corpus.megabytes}
    passages, megabytes = (sum(getattr(one, what) for one in found.values()) for what in ("count", "megabytes"))
    if megabytes > _ASKED_FOR_ABOVE_MEGABYTES:
        few = sorted(found, key=lambda code: found[code].count or 0)[:3]
        smallest = ", ".join(f"{code} {found[code].count:,}" for code in few)
        raise OptionError(
            f"{name}: all languages are {passages:,} passages, a download of about {megabytes / 1000:.0f} GB; "
            f"name some, such as --languages {few[0]} (passages: {smallest}; `irbench tasks show {name}` has all), "
            f"or --languages all"
        )


def read_trec_collection(
    rows: CardRows,
    wanted: Sequence[str],
    cards: Path | None,  # noqa: ARG001
    progress: DownloadProgress | None,
) -> RawTask:
    """Read a collection of questions, qrels and passages (MIRACL, Mr. TyDi, CIRAL). A `Reader`.

    A row has `queries`, `judgements` and `passages`. With `sampled`, only the judged passages and this number of others
    are ranked. With `queries_in`, the questions are in another language, whose row is then ``queries_only = true``.
    With `translations`, the same questions in the language of the passages become parallel queries. Questions without a
    relevant passage are left out, because no measure is defined for them.
    """
    raw = RawTask()
    collections: dict[str, _CollectionRow] = {}
    for language, row in rows.items():
        if "queries_only" in row:
            validate(_QueriesOnlyRow, row, f"[languages.{language}]")
        else:
            collections[language] = validate(_CollectionRow, row, f"[languages.{language}]")
    # A language of questions alone selects all collections that it asks; with other languages, only those.
    asked = [one for one in collections if one in wanted] or [
        one for one, facts in collections.items() if facts.queries_in in wanted
    ]
    for language in asked:
        _read_one(raw, language, collections[language], wanted, progress)
    return raw


def _read_one(
    raw: RawTask, language: str, facts: _CollectionRow, wanted: Sequence[str], progress: DownloadProgress | None
) -> None:
    spoken = facts.queries_in or language
    if spoken not in wanted and facts.translations is None:
        raise DataError(f"the questions on {language} are in {spoken}: ask for both, --languages {spoken},{language}")
    questions = read_questions(locate(facts.queries, progress))
    path = locate(facts.judgements, progress)
    judged = _read_grades(path, questions)
    translations = read_questions(locate(facts.translations, progress)) if facts.translations else {}
    answered = {query_id for query_id, grades in judged.items() if any(grade > 0 for grade in grades.values())}
    if not answered:
        raise DataError(f"{path}: finds no passage relevant; leave its language out by --languages")
    for one, texts in ((spoken, questions), (language, translations)):
        for query_id, text in texts.items():
            if one in wanted and query_id in answered:
                parallel_id = f"{language}:{query_id}"
                own_id = parallel_id if one == language else f"{one}:{parallel_id}"
                raw.queries.append(Query(own_id, one, text, parallel_id))
                grades = judged[query_id].items()
                raw.relevant[own_id] = {f"{language}:{docid}": grade for docid, grade in grades if grade > 0}
    pool = list(_pool(language, facts, judged, progress))
    _check_all_there(path, language, judged, pool)
    raw.passages.extend(pool)


def _pool(
    language: str, facts: _CollectionRow, judged: _Grades, progress: DownloadProgress | None
) -> Iterator[Passage]:
    # One file at a time: the first is read before the last is downloaded.
    paths = (locate(file, progress) for file in facts.passages.files())
    if facts.sampled is None:
        return passages(paths, language)
    ids = {docid for grades in judged.values() for docid in grades}
    return judged_and_sampled(paths, language, ids, facts.sampled)


def _check_all_there(path: Path, language: str, judged: _Grades, pool: Sequence[Passage]) -> None:
    relevant = {f"{language}:{docid}" for grades in judged.values() for docid, grade in grades.items() if grade > 0}
    missing = relevant.difference(passage.passage_id for passage in pool)
    if missing:
        example = min(missing).removeprefix(f"{language}:")
        raise DataError(
            f"{path}: judges {len(missing)} passages that the corpus does not hold, {example!r} among them; "
            f"the two are not of one version: correct their revisions in the card"
        )


def read_questions(path: Path) -> Mapping[str, str]:
    """Read lines `id<TAB>text`.

    Raises
    ------
    DataError
        If there is no line, a line has no tab or is not UTF-8, or an id occurs twice.
    """
    found: dict[str, str] = {}
    for number, line in lines(path, raise_first):
        query_id, tab, text = line.partition("\t")
        if not tab or not query_id.strip() or not text.strip():
            raise DataError(f"{path}:{number}: expected id<TAB>question")
        if query_id in found:
            raise DataError(f"{path}:{number}: question id {query_id!r} occurs twice; correct the file")
        found[query_id] = nfc(text.strip())
    if not found:
        raise DataError(f"{path}: holds no question; leave its language out by --languages")
    return found


def _read_grades(path: Path, questions: Container[str]) -> _Grades:
    """Read the judgements of some questions; see `robustbench_ir.tasks.formats.qrels`.

    Raises
    ------
    DataError
        If a line has other columns, a grade is not an integer, a question is unknown, or a passage has two grades.
    """
    found: _Grades = {}
    for one in judgements(path, questions, raise_first):
        if one.query_id not in questions:
            raise DataError(f"{path}:{one.line}: judges question {one.query_id!r}, which does not exist")
        add_judgement(path, one, found, raise_first)
    return found
