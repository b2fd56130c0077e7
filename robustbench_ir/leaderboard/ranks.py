"""The judgements and ranks of an entry as the values that the project's own measures take."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from robustbench_ir.leaderboard.packing import packed, unpacked
from robustbench_ir.leaderboard.schema import JudgedRecord, RanksEntry, RanksRecord
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.retrieval.ranking import Ranks


def judgements_of_entry(entry: RanksEntry) -> Judgements:
    """Return the judgements of an entry; a query is named by its row, and a question by its number.

    Raises
    ------
    ValueError
        If the packed numbers are not as many as the entry says.
    """
    task, judged = entry.task, entry.judged
    return Judgements(
        query_ids=tuple(map(str, range(len(task.question)))),
        parallel_ids=tuple(map(str, task.question)),
        languages=tuple(language for language, count in task.queries.items() for _ in range(count)),
        pool=task.pool,
        query=unpacked(judged.query, judged.count),
        passage_language=unpacked(judged.passage_language, judged.count),
        grade=unpacked(judged.grade, judged.count),
        relevant_from=judged.relevant_from,
    )


def ranks_of_entry(entry: RanksEntry) -> list[Ranks]:
    """Return the ranks of each cell of an entry.

    Raises
    ------
    ValueError
        If there are more or fewer than one for each cell and judgement.
    """
    shape = len(entry.cells), entry.judged.count
    in_pool, in_language = (
        unpacked(text, shape[0] * shape[1]).reshape(shape) for text in (entry.ranks.in_pool, entry.ranks.in_language)
    )
    return [Ranks(*rows) for rows in zip(in_pool, in_language, strict=True)]


def judged_record(judgements: Judgements) -> JudgedRecord:
    """Return the record of judgements."""
    return JudgedRecord(
        count=len(judgements.query),
        query=packed(judgements.query),
        passage_language=packed(judgements.passage_language),
        grade=packed(judgements.grade),
        relevant_from=judgements.relevant_from,
    )


def ranks_record(ranks: list[Ranks]) -> RanksRecord:
    """Return the record of the ranks of all cells."""
    return RanksRecord(
        in_pool=packed(np.stack([one.in_pool for one in ranks])),
        in_language=packed(np.stack([one.in_language for one in ranks])),
    )


def layout_digest(judgements: Judgements) -> str:
    """Return a SHA-256 over everything that ranks refer to: languages, pools, questions and judgements, in order.

    It is the same for a task and for an honest entry, although an entry does not know the ids of queries.
    """
    counts = [(language, judgements.languages.count(language)) for language in judgements.query_languages]
    hasher = sha256(repr([counts, *judgements.pool.items(), judgements.relevant_from]).encode())
    columns = (judgements.question, judgements.query, judgements.passage_language, judgements.grade)
    for column in columns:
        hasher.update(column.astype("<i4").tobytes())
    return hasher.hexdigest()
