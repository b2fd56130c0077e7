"""What a task takes from its source: which passages are ranked, which queries ask, and which judgements count.

Folders, cards and tasks of other libraries all pass through `task_of`, so that one rule holds for each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from robustbench_ir.errors import DataError
from robustbench_ir.tasks.formats.readers import RawTask
from robustbench_ir.tasks.task import (
    LeftOut,
    Passage,
    Query,
    Task,
    build_task,
    notes_on_left_out,
    own_passages,
    version_without_own,
)

Relevant = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Pool:
    """What is left of a source.

    Attributes
    ----------
    queries, passages : list
        Those that have a relevant passage, and those that have a text.
    relevant : dict
        Query id to passage id to grade, all of them in the lists above.
    own : dict
        Query id to the id of the passage that is left out of its ranking.
    left_out : LeftOut
        Ids of the queries and passages that are not in the lists.
    notes : tuple of str
        What was left out, a sentence for each kind.
    """

    queries: list[Query]
    passages: list[Passage]
    relevant: Relevant
    own: dict[str, str]
    left_out: LeftOut
    notes: tuple[str, ...]


def task_of(
    raw: RawTask,
    name: str,
    version: int | str | None,
    lexicons: Mapping[str, Mapping[str, Mapping[str, object]]] | None = None,
    *,
    relevant_from: int = 1,
    ignore_identical_ids: bool = True,
    words_a_piece: int = 0,
) -> Task:
    """Make a task of what a reader has read.

    Parameters
    ----------
    raw : RawTask
        Queries, passages and judgements as they stand in the source.
    name, version : str, int or str or None
        See `Task`; without a version, the beginning of the digest.
    lexicons : mapping, optional
        See `Task.lexicons`.
    relevant_from : int
        See `Task.relevant_from`.
    ignore_identical_ids : bool
        See `pool_of`.
    words_a_piece : int
        See `Task.words_a_piece`.

    Raises
    ------
    DataError
        Nothing is left, or a text or id is not as it must be; see `build_task`.
    """
    pool = pool_of(raw, name, relevant_from=relevant_from, ignore_identical_ids=ignore_identical_ids)
    task = build_task(name, "", pool.queries, pool.passages, pool.relevant, lexicons, pool.own)
    task = replace(task, relevant_from=relevant_from, left_out=pool.left_out, notes=pool.notes, variants=raw.variants)
    if words_a_piece:
        note = f"passages are read in pieces (words_a_piece = {words_a_piece}) and score as their best piece"
        task = replace(task, words_a_piece=words_a_piece, notes=(*task.notes, note))
    stated = task.digest[:_DIGEST_DIGITS] if version is None else version
    if raw.split:
        stated = f"{stated}-split-{raw.split}"
    return replace(task, version=version_without_own(stated, pool.own))


_DIGEST_DIGITS = 12


def pool_of(raw: RawTask, name: str, *, relevant_from: int = 1, ignore_identical_ids: bool = True) -> Pool:
    """Leave out of a source what no measure can use, and say how much that was.

    A passage whose id is that of a query is left out of that query's ranking; see
    `robustbench_ir.tasks.task.own_passages`.

    Parameters
    ----------
    raw : RawTask
        As it was read.
    name : str
        Name of the task, for errors.
    relevant_from : int
        Grade from which on a passage is relevant.
    ignore_identical_ids : bool
        Whether passages with the query's own id are left out of its ranking.

    Raises
    ------
    DataError
        No judgement names both a query and a passage that exist, or no passage is relevant to any query.
    """
    if not raw.queries or not raw.passages:
        raise DataError(f"{name}: no {'passage' if raw.queries else 'query'} at all")
    queries = {query.query_id: query for query in raw.queries}
    passages = {passage.passage_id: passage for passage in raw.passages}
    relevant, notes = _existing(raw.relevant, queries, passages, name)
    own = own_passages(queries, passages, relevant) if ignore_identical_ids else {}
    for query_id, passage_id in own.items():
        relevant.get(query_id, {}).pop(passage_id, None)
    answered = {one for one, grades in relevant.items() if max(grades.values(), default=0) >= relevant_from}
    if not answered:
        above = "" if relevant_from == 1 else f" of grade {relevant_from} or more"
        raise DataError(f"{name}: no query has a relevant passage{above}")
    unanswered = [one for one in queries if one not in answered]
    relevant = {one: relevant[one] for one in relevant if one in answered}
    wanted = {one for grades in relevant.values() for one, grade in grades.items() if grade > 0}
    empty = [one.passage_id for one in raw.passages if not one.text.strip() and one.passage_id not in wanted]
    left_out = LeftOut(frozenset(unanswered), frozenset(empty))
    own = {query: passage for query, passage in own.items() if query in answered and passage not in left_out.passages}
    notes += notes_on_left_out("queries left out, since no passage is relevant to them", unanswered)
    notes += notes_on_left_out("passages left out, since they have no text", empty)
    notes += _told_own(own, queries, passages)
    if relevant_from > 1:
        notes.append(f"relevant, but to nDCG, are grades from {relevant_from} on")
    return Pool(
        queries=[one for one in raw.queries if one.query_id in answered],
        passages=[one for one in raw.passages if one.passage_id not in left_out.passages],
        relevant={
            query: {one: grade for one, grade in grades.items() if one not in left_out.passages}
            for query, grades in relevant.items()
        },
        own=own,
        left_out=left_out,
        notes=(*raw.notes, *notes),
    )


def _existing(
    judged: Mapping[str, Mapping[str, int]], queries: Collection[str], passages: Collection[str], name: str
) -> tuple[Relevant, list[str]]:
    """Return the judgements of queries and passages that exist, and what is to be said of the others."""
    unknown = [query for query in judged if query not in queries]
    kept = {
        query: {one: grade for one, grade in grades.items() if one in passages}
        for query, grades in judged.items()
        if query in queries
    }
    dangling = [one for query in kept for one in judged[query] if one not in passages]
    if any(judged.values()) and not any(kept.values()):
        query = next(one for one, grades in judged.items() if grades)
        raise DataError(
            f"{name}: no judgement names both a query and a passage that exist: the first is on query {query!r} and "
            f"passage {next(iter(judged[query]))!r}, where ids are like {_first(queries)} and {_first(passages)}"
        )
    notes = notes_on_left_out("judgements left out, since they name a passage that does not exist", dangling)
    return kept, notes + notes_on_left_out("judged queries left out, since they do not exist", unknown)


def _told_own(own: Mapping[str, str], queries: Mapping[str, Query], passages: Mapping[str, Passage]) -> list[str]:
    notes = notes_on_left_out("queries that do not find the passage with their own id", list(own))
    others = [query for query, passage in own.items() if queries[query].text not in passages[passage].text]
    if others:
        notes += notes_on_left_out("of these, queries whose text is not that of the passage", others)
        notes[-1] += "; where ids are alike by chance, say ignore_identical_ids = false in task.toml"
    return notes


def _first(ids: Collection[str]) -> str:
    return repr(next(iter(ids), ""))
