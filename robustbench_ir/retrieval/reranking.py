"""Ranks after a second stage has put the best passages of each query into another order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from robustbench_ir.encoders import Embeddings
from robustbench_ir.encoders.piece_embeddings import Pool
from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY, Ranks
from robustbench_ir.retrieval.scores import Doubles, RowNumbers
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.retrieval.top_k import BestPassages, best_passages
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.task import IntArray

PairScorer = Callable[[RowNumbers, RowNumbers], Doubles]
"""Takes places among the queries and rows of the pool, of shape (pairs,); returns finite scores of shape (pairs,)."""

_QUERIES_AT_ONCE = 256  # their lists and pairs are in memory together


def rerank_relevant(
    task: Task,
    passages: Pool,
    queries: Embeddings,
    rows: Sequence[int],
    first: Ranks,
    score: PairScorer,
    top_k: int,
    advance: Callable[[int], None] = lambda _: None,
    *,
    memory: int = DEFAULT_MEMORY,
    ties: TieOrder | None = None,
) -> Ranks:
    """Rank the judged passages of some queries after the first passages of each pool were reranked.

    The whole pool and the passages of each language are reranked by themselves, since they are pools of different
    settings. Equal scores keep the order of the first stage, and so do the passages after the first `top_k`.

    Parameters
    ----------
    task : Task
        Task with the judgements.
    passages, queries : Embeddings
        Embeddings of the first stage, of shapes (pool, dimensions) and (len(rows), dimensions).
    rows : sequence of int
        Rows of `task.queries` that `queries` holds, ascending.
    first : Ranks
        Ranks of the first stage; see `robustbench_ir.retrieval.ranking.rank_relevant`.
    score : callable
        Scores pairs of a query and a passage.
    top_k : int
        Number of passages that are reranked in each pool, 1 or more.
    advance : callable, optional
        Called with the number of queries that were finished since the last call.
    memory : int
        Bytes that the search for the best passages may use.
    ties : TieOrder, optional
        Order of equal scores of the first stage, for the queries of `rows` and the whole pool. Default: that of the
        task.

    Returns
    -------
    Ranks
        One entry for each judgement of these queries, in the order of the task's judgements.
    """
    picked = np.flatnonzero(np.isin(task.qrels.query, rows))
    query, passage = np.searchsorted(rows, task.qrels.query[picked]), task.qrels.passage[picked]
    own = None if task.own_passage is None else task.own_passage[np.asarray(rows)]
    order = TieOrder.of(task).for_queries(rows) if ties is None else ties
    whole = (0, int(passages.shape[0]))
    languages = [(part.start, part.stop) for part in task.passage_slices.values()]
    in_pool, in_language = first.in_pool.copy(), first.in_language.copy()
    for start in range(0, len(rows), _QUERIES_AT_ONCE):
        block = slice(start, min(start + _QUERIES_AT_ONCE, len(rows)))
        judged = np.arange(*np.searchsorted(query, [block.start, block.stop]))
        here = None if own is None else own[block]
        among = order.for_queries(np.arange(block.start, block.stop))
        lists = {
            part: _best(passages, queries[block], part, top_k, here, among, memory)
            for part in dict.fromkeys([whole, *languages])
        }
        scores = _scores(lists, block.start, whole[1], score)
        for (begin, end), found in lists.items():
            inside = judged[(passage[judged] >= begin) & (passage[judged] < end)]
            ranks = _ranks(found, scores[begin, end], query[inside] - block.start, passage[inside])
            reranked = ranks > 0
            if (begin, end) == whole:
                in_pool[inside[reranked]] = ranks[reranked]
            if (begin, end) in languages:
                in_language[inside[reranked]] = ranks[reranked]
        advance(block.stop - block.start)
    return Ranks(in_pool, in_language, first.tied)


def reranked_passages(found: BestPassages, score: PairScorer, top_k: int) -> BestPassages:
    """Return lists of best passages with the first of each put into the order of a second stage.

    Parameters
    ----------
    found : BestPassages
        Lists of the first stage.
    score : callable
        Scores pairs of a query and a passage.
    top_k : int
        Number of passages that are reranked.

    Returns
    -------
    BestPassages
        Scores of the second stage for the first `top_k`. The others follow below them, as far apart as in the first
        stage.
    """
    head = found.rows[:, :top_k].astype(np.intp)
    scores = _scored(head, score, 0)
    order = np.argsort(-scores, axis=1, kind="stable")
    rows = np.concatenate([np.take_along_axis(found.rows[:, :top_k], order, axis=1), found.rows[:, top_k:]], axis=1)
    scores = np.take_along_axis(scores, order, axis=1)
    lowest = np.where(np.isfinite(scores), scores, np.inf).min(axis=1, initial=np.inf, keepdims=True)
    behind = found.scores[:, top_k:] - found.scores[:, top_k - 1 : top_k] + lowest - 1
    return BestPassages(rows, np.concatenate([scores, behind], axis=1), found.recall)


def _best(
    passages: Pool,
    queries: Embeddings,
    part: tuple[int, int],
    top_k: int,
    own: IntArray | None,
    ties: TieOrder,
    memory: int,
) -> RowNumbers:
    """Return the rows of the best passages of a part of the pool, shape (queries, top_k); -1 where there are fewer."""
    begin, end = part
    inside = slice(begin, end)
    if own is not None:
        own = np.where((own >= begin) & (own < end), own - begin, -1).astype(np.int32)
    found = best_passages(passages[inside], queries, top_k, memory=memory, own=own, ties=ties.for_passages(inside)).rows
    return np.where(found < 0, -1, found + begin)


def _scores(
    lists: dict[tuple[int, int], RowNumbers], first: int, passages: int, score: PairScorer
) -> dict[tuple[int, int], Doubles]:
    """Score the pairs of all lists of some queries; a pair that stands in several lists is scored once."""
    keys = {part: np.arange(len(rows))[:, None] * passages + rows for part, rows in lists.items()}
    distinct = np.unique(np.concatenate([key[lists[part] >= 0] for part, key in keys.items()]))
    query, passage = np.divmod(distinct, passages)
    found = np.append(score(query + first, passage), -np.inf)
    return {part: found[np.where(lists[part] >= 0, np.searchsorted(distinct, key), -1)] for part, key in keys.items()}


def _scored(rows: RowNumbers, score: PairScorer, first: int) -> Doubles:
    scores = np.full(rows.shape, -np.inf)
    query, place = np.nonzero(rows >= 0)
    scores[query, place] = score(query + first, rows[query, place])
    return scores


def _ranks(rows: RowNumbers, scores: Doubles, query: RowNumbers, passage: RowNumbers) -> IntArray:
    """Return the reranked ranks of judged passages, 1-based; 0 for those that are not in their query's list."""
    ranks = np.zeros(len(query), dtype=np.int32)
    judgement, place = np.nonzero(rows[query] == passage[:, None])
    listed, own = scores[query[judgement]], scores[query[judgement], place][:, None]
    earlier = np.arange(rows.shape[1]) < place[:, None]
    ranks[judgement] = 1 + ((listed > own) | ((listed == own) & earlier)).sum(axis=1)
    return ranks
