"""A task: queries, passages, and judgements of which passages answer which query."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from itertools import groupby
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.escaping import escaped, unescaped
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.resources.languages import select_languages
from robustbench_ir.tasks.pieces import pieces
from robustbench_ir.tasks.translations import Translations, translations_among

WITHOUT_OWN = "-without-own"
"""End of the version in the identity of a task where queries do not find the passage that they are themselves."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_IDENTITY = re.compile(r"(?P<name>[^\x00-\x1f\x7f]+)@(?P<version>[^@\x00-\x1f\x7f]*)")

IntArray = NDArray[np.int32]
_Item = TypeVar("_Item", "Query", "Passage")


@dataclass(frozen=True, slots=True)
class Query:
    """A query in one language.

    Attributes
    ----------
    query_id : str
        Identifies the query in its task.
    language : str
        Code of its language.
    text : str
        The query.
    parallel_id : str
        The same for all queries that are translations of each other.
    """

    query_id: str
    language: str
    text: str
    parallel_id: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that queries are ranked against.

    Attributes
    ----------
    passage_id : str
        Identifies the passage in its task.
    language : str
        Code of its language.
    text : str
        The passage.
    document : str
        The document that it is from; the same for all translations of a document. Empty if it is not known.
    """

    passage_id: str
    language: str
    text: str
    document: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """What a person wrote in place of a query.

    Attributes
    ----------
    query_id, language : str
        Id and language of the query.
    text : str
        The other text, NFC.
    source : str
        Where it comes from; empty if the file does not say.
    """

    query_id: str
    language: str
    text: str
    source: str = ""


@dataclass(frozen=True)
class Qrels:
    """Relevance judgements as parallel arrays, sorted by query and then passage.

    Attributes
    ----------
    query, passage : int32 array of shape (judgements,)
        Row of the query and of the passage.
    grade : int32 array of shape (judgements,)
        1 or more.
    """

    query: IntArray
    passage: IntArray
    grade: IntArray


@dataclass(frozen=True)
class TaskIdentity:
    """Name and version of a task: ``xquad-r@1``; docs/identity.md has the grammar.

    Attributes
    ----------
    name : str
        Name of the card.
    version : str
        Version of the card.
    """

    name: str
    version: str

    def __str__(self) -> str:
        return f"{escaped(self.name)}@{escaped(self.version)}"

    @classmethod
    def parse(cls, text: str) -> TaskIdentity:
        """Read what `str` has written.

        Raises
        ------
        DataError
            If the text is not such an identity.

        Examples
        --------
        >>> TaskIdentity.parse("xquad-r@1").name
        'xquad-r'
        """
        found = _IDENTITY.fullmatch(text)
        if found is None:
            raise DataError(f"{text[:100]!a} is not the identity of a task, such as xquad-r@1")
        return cls(unescaped(found["name"]), unescaped(found["version"]))


@dataclass(frozen=True)
class LeftOut:
    """Ids in the source of a task that are no part of it: a run of another engine may have them all the same.

    Attributes
    ----------
    queries : frozenset of str
        Queries without a relevant passage.
    passages : frozenset of str
        Passages without text.
    """

    queries: frozenset[str] = frozenset()
    passages: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Task:
    """Queries, passages and judgements, checked.

    Attributes
    ----------
    name : str
        Name of the card.
    version : int or str
        Version of the card; for a task without card, its revision or the beginning of its digest.
    queries : tuple of Query
        Grouped by language.
    passages : tuple of Passage
        Grouped by language; each language is one slice of the pool.
    qrels : Qrels
        At least one judgement for each query.
    lexicons : mapping
        The task's own lexicons: recipe name to language to the row that replaces the recipe card's.
    own_passage : int32 array of shape (queries,), optional
        Row of the passage that is left out of the query's ranking, because it is the query itself; -1 for none. None
        where that holds for no query.
    relevant_from : int
        Grade from which on a passage is relevant to the measures that know no grades, as trec_eval's ``-l``.
    left_out : LeftOut
        What the source of the task has, and the task does not.
    notes : tuple of str
        What was left out on the way, a sentence for each kind.
    translations : Translations, optional
        Human translations of the queries, of the whole task; None where there are none.
    words_a_piece : int
        Number of words of the pieces in which encoders read passages; the score of a passage is that of its best
        piece. 0 where passages are read whole.
    variants : mapping of str to tuple of Variant
        Name of a set of variants to what people wrote in place of queries; recipes such as ``variants:ocr`` use them.
    """

    name: str
    version: int | str
    queries: tuple[Query, ...]
    passages: tuple[Passage, ...]
    qrels: Qrels
    lexicons: Mapping[str, Mapping[str, Mapping[str, object]]] = field(default_factory=dict)
    own_passage: IntArray | None = None
    relevant_from: int = 1
    left_out: LeftOut = LeftOut()
    notes: tuple[str, ...] = ()
    translations: Translations | None = field(default=None, repr=False, compare=False)
    words_a_piece: int = 0
    variants: Mapping[str, tuple[Variant, ...]] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """Return one line; a task may have millions of texts."""
        of_queries, of_passages = (",".join(one) for one in (self.query_languages, self.passage_languages))
        return (
            f"<Task: {self.identity}, {len(self.queries):,} queries in {of_queries}, "
            f"{len(self.passages):,} passages in {of_passages}>"
        )

    @property
    def identity(self) -> str:
        """Name and version: ``xquad-r@1``."""
        return str(TaskIdentity(self.name, str(self.version)))

    @cached_property
    def query_languages(self) -> tuple[str, ...]:
        """Languages of the queries, in order of appearance."""
        return tuple(dict.fromkeys(query.language for query in self.queries))

    @cached_property
    def passage_slices(self) -> dict[str, slice]:
        """Rows of the pool for each passage language."""
        slices = {}
        start = 0
        for language, group in groupby(self.passages, key=lambda passage: passage.language):
            stop = start + sum(1 for _ in group)
            slices[language] = slice(start, stop)
            start = stop
        return slices

    @property
    def pool_sizes(self) -> dict[str, int]:
        """Number of passages in each language of the pool."""
        return {language: part.stop - part.start for language, part in self.passage_slices.items()}

    @property
    def passage_languages(self) -> tuple[str, ...]:
        """Languages of the pool, in order of appearance."""
        return tuple(self.passage_slices)

    @cached_property
    def pieces(self) -> tuple[tuple[str, ...], ...]:
        """The texts that encoders read of each passage: its pieces, or the passage itself."""
        if not self.words_a_piece:
            return tuple((passage.text,) for passage in self.passages)
        return tuple(pieces(one.text, one.language, self.words_a_piece) for one in self.passages)

    @cached_property
    def encoded_texts(self) -> list[str]:
        """The texts of `pieces`, one passage after the other."""
        return [piece for own in self.pieces for piece in own]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all texts and judgements, in order."""
        hasher = sha256()
        for query in self.queries:
            hasher.update(f"{query.query_id}\t{query.language}\t{query.parallel_id}\t{query.text}\n".encode())
        for passage in self.passages:
            hasher.update(f"{passage.passage_id}\t{passage.language}\t{passage.text}\n".encode())
        for column in (self.qrels.query, self.qrels.passage, self.qrels.grade):
            hasher.update(column.astype("<i4").tobytes())
        # Only where there is something to add, so that the digests of other tasks stay what they were.
        if self.own_passage is not None:
            hasher.update(b"without own passage\n" + self.own_passage.astype("<i4").tobytes())
        if self.relevant_from != 1:
            hasher.update(f"relevant from {self.relevant_from}\n".encode())
        if self.words_a_piece:
            hasher.update(f"pieces of {self.words_a_piece} words\n".encode())
        return hasher.hexdigest()

    def select(self, languages: Iterable[str] | None) -> Task:
        """Return the task with queries and passages in these languages only.

        If the pool has no passage in a language of the queries, it keeps the languages of the passages that answer
        them.

        Raises
        ------
        UnknownNameError
            If the task does not have one of the languages.
        DataError
            If no query is left.
        """
        if languages is None:
            return self
        available = dict.fromkeys((*self.query_languages, *self.passage_languages))
        kept = set(select_languages(languages, available))
        if kept == set(available):
            return self
        pool = self._pool_for(kept)
        passage_rows = [row for row, passage in enumerate(self.passages) if passage.language in pool]
        judged = np.isin(self.qrels.passage, passage_rows)
        answered = set(self.qrels.query[judged].tolist())
        query_rows = [row for row, one in enumerate(self.queries) if one.language in kept and row in answered]
        if not query_rows:
            asked = ", ".join(self.query_languages[:5]) + (", ..." if len(self.query_languages) > 5 else "")
            answered_in = ", ".join(sorted(kept))
            raise DataError(
                f"{self.name}: no query in {answered_in} has a relevant passage in them; queries are in {asked}"
            )
        judged &= np.isin(self.qrels.query, query_rows)
        qrels = Qrels(
            renumbered(self.qrels.query[judged], query_rows),
            renumbered(self.qrels.passage[judged], passage_rows),
            self.qrels.grade[judged],
        )
        own = None if self.own_passage is None else kept_rows(self.own_passage[query_rows], passage_rows)
        return replace(
            self,
            queries=tuple(self.queries[row] for row in query_rows),
            passages=tuple(self.passages[row] for row in passage_rows),
            qrels=qrels,
            own_passage=own,
        )

    def _pool_for(self, languages: set[str]) -> set[str]:
        homeless = languages - set(self.passage_languages)
        return languages | {
            self.passages[passage].language
            for query, passage in zip(self.qrels.query, self.qrels.passage, strict=True)
            if self.queries[query].language in homeless
        }


def renumbered(rows: IntArray, kept: Sequence[int] | NDArray[np.int64]) -> IntArray:
    """Return the new numbers of rows that are all kept; `kept` has the old numbers, sorted."""
    return np.searchsorted(np.asarray(kept), rows).astype(np.int32)


def kept_rows(rows: IntArray, kept: Sequence[int] | NDArray[np.int64]) -> IntArray | None:
    """Return the new numbers of rows, -1 for those that are not kept; None where none is."""
    number = {row: place for place, row in enumerate(np.asarray(kept).tolist())}
    found = np.array([number.get(row, -1) for row in rows.tolist()], dtype=np.int32)
    return found if (found >= 0).any() else None


def build_task(
    name: str,
    version: int | str,
    queries: Sequence[Query],
    passages: Sequence[Passage],
    relevant: Mapping[str, Mapping[str, int]],
    lexicons: Mapping[str, Mapping[str, Mapping[str, object]]] | None = None,
    own: Mapping[str, str] | None = None,
) -> Task:
    """Check what a reader has read, and sort it.

    Parameters
    ----------
    name : str
        Name of the task.
    version : int or str
        See `Task`.
    queries, passages : sequence
        In any order.
    relevant : mapping
        Query id to passage id to grade (1 or more).
    lexicons : mapping, optional
        See `Task.lexicons`.
    own : mapping, optional
        Query id to the id of the passage that is left out of its ranking; see `Task.own_passage`. By default those of
        `own_passages`, and the version then ends in ``-without-own``; an empty mapping keeps all.

    Raises
    ------
    DataError
        If a text is empty or not Unicode, an id occurs twice, a judgement has an unknown passage or query, or a query
        has no relevant passage.
    """
    queries = _grouped(queries)
    passages = _grouped(passages)
    _check_texts(name, "query", [(one.query_id, one.text) for one in queries])
    _check_texts(name, "passage", [(one.passage_id, one.text) for one in passages])
    query_rows = {query.query_id: row for row, query in enumerate(queries)}
    passage_rows = {passage.passage_id: row for row, passage in enumerate(passages)}
    if own is None:
        own = own_passages({one.query_id: one for one in queries}, {one.passage_id: one for one in passages}, relevant)
    triples = []
    for query_id, grades in relevant.items():
        if query_id not in query_rows:
            raise DataError(f"{name}: the judgements name query {query_id!r}, which does not exist")
        for passage_id, grade in grades.items():
            if passage_id not in passage_rows:
                raise DataError(f"{name}: query {query_id!r} is judged on passage {passage_id!r}, which does not exist")
            if grade > 0 and own.get(query_id) != passage_id:
                triples.append((query_rows[query_id], passage_rows[passage_id], grade))
    unanswered = query_rows.keys() - {queries[row].query_id for row, _, _ in triples}
    if unanswered:
        raise DataError(f"{name}: query {min(unanswered)!r} has no relevant passage ({len(unanswered)} such queries)")
    query, passage, grade = np.array(sorted(triples), dtype=np.int32).T.copy()
    qrels = Qrels(query, passage, grade)
    own_rows = [passage_rows.get(own.get(one.query_id, ""), -1) for one in queries]
    own_passage = np.array(own_rows, dtype=np.int32) if own else None
    notes = notes_on_left_out("queries that do not find the passage with their own id", list(own))
    stated = version_without_own(version, own)
    return Task(
        *(name, stated, tuple(queries), tuple(passages), qrels, lexicons or {}, own_passage),
        notes=tuple(notes),
        translations=translations_among(queries),
    )


def own_passages(
    queries: Mapping[str, Query], passages: Mapping[str, Passage], relevant: Mapping[str, Mapping[str, int]]
) -> dict[str, str]:
    """Return the passages that are left out of the ranking of the query with the same id, as BEIR and mteb do.

    The query was taken from the pool, and finding it again is no retrieval. Where such a passage has another text and
    is judged relevant, questions and answers were merely counted alike, and it stays.

    Parameters
    ----------
    queries, passages : mapping
        By their ids.
    relevant : mapping
        Query id to passage id to grade.

    Returns
    -------
    dict
        Query id to passage id.
    """
    found = {}
    for query_id, query in queries.items():
        passage = passages.get(query_id)
        if passage and (passage.text == query.text or relevant.get(query_id, {}).get(query_id, 0) < 1):
            found[query_id] = query_id
    return found


def version_without_own(version: int | str, own: Mapping[str, str]) -> int | str:
    """Return a task's version, which says so where queries do not find the passages that they are themselves."""
    return f"{version}{WITHOUT_OWN}" if own else version


def notes_on_left_out(what: str, ids: Collection[str]) -> list[str]:
    """Return a note on what was left out: how many there are, and one of them. None where there is nothing to say."""
    return [f"{what}: {len(ids):,}, such as {next(iter(ids))!r}"] if ids else []


def _grouped(items: Sequence[_Item]) -> list[_Item]:
    """Sort items by language; languages stay in order of appearance."""
    order = {language: place for place, language in enumerate(dict.fromkeys(item.language for item in items))}
    return sorted(items, key=lambda item: order[item.language])


def _check_texts(name: str, what: str, rows: Sequence[tuple[str, str]]) -> None:
    if not rows:
        raise DataError(f"{name}: no {what} at all")
    for one_id, text in rows:
        if not text.strip():
            raise DataError(f"{name}: {what} {one_id!r} is empty")
        if _SURROGATE.search(text):
            raise DataError(f"{name}: {what} {one_id!r} holds a lone surrogate, which is not Unicode text; repair it")
    one_id, count = Counter(one_id for one_id, _ in rows).most_common(1)[0]
    if count > 1:
        raise DataError(f"{name}: {what} id {one_id!r} occurs {count} times")


# Fewer questions against the whole pool: a search encodes hundreds of texts for each.


def first_questions(task: Task, number: int) -> Task:
    """Return the task with its first questions only, in all their languages. The pool stays complete.

    Parameters
    ----------
    task : Task
        Task whose questions are chosen by `parallel_id`, in order of appearance.
    number : int
        Number of questions, 1 or more.

    Raises
    ------
    OptionError
        If the number is below 1.
    """
    if number < 1:
        raise OptionError(f"{number} questions; at least 1 is needed")
    return with_questions(task, set(list(dict.fromkeys(query.parallel_id for query in task.queries))[:number]))


def with_questions(task: Task, chosen: Collection[str]) -> Task:
    """Return the task with some of its questions, in all their languages. The pool stays complete.

    Parameters
    ----------
    task : Task
        The task.
    chosen : collection of str
        Questions, by `parallel_id`.
    """
    rows = np.array([row for row, query in enumerate(task.queries) if query.parallel_id in chosen])
    kept = np.isin(task.qrels.query, rows)
    query = renumbered(task.qrels.query[kept], rows)
    qrels = Qrels(query, task.qrels.passage[kept], task.qrels.grade[kept])
    own = None if task.own_passage is None else task.own_passage[rows]
    return replace(task, queries=tuple(task.queries[row] for row in rows), qrels=qrels, own_passage=own)
