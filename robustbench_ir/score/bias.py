"""Language bias: where the parallel passages of one question stand in the multilingual pool.

Rank distance is that of arXiv 2408.10536, section 4.1. It grows with the pool, is driven by the worst language, and can
fall under attack because everything sinks: read it beside mAP, its share of the pool and the mean rank per language.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.score.measures import Floats, Integers, sums


def rank_distance(rank: Integers, query: Integers, queries: int) -> Floats:
    """Return RD for each query: largest minus smallest rank of its relevant passages; NaN below two of them.

    NaN too where a run does not have all of them: RD would be at least so much, and nobody knows how much.

    Parameters
    ----------
    rank : integer array of shape (relevant,)
        1-based rank in the multilingual pool; 0 where a run does not have the passage.
    query : integer array of shape (relevant,)
        Row of the query.
    queries : int
        Number of queries.

    Examples
    --------
    >>> rank_distance(np.array([2, 5, 7]), np.zeros(3, dtype=int), 1)
    array([5.])
    """
    largest = np.zeros(queries)
    smallest = np.full(queries, np.inf)
    np.maximum.at(largest, query, rank)
    np.minimum.at(smallest, query, rank)
    several = np.bincount(query, minlength=queries) > 1
    return np.where(several & (smallest > 0), largest - smallest, np.nan)


def own_language_first(rank: Integers, query: Integers, passage_language: Integers, query_language: Integers) -> Floats:
    """Say for each query whether its best-ranked relevant passage is in its own language: 1, 0, or NaN.

    NaN where no relevant passage is in the query's language, or all are, or a run has none of them. Unbiased
    value of the mean: one divided by the number of languages that have a relevant passage.

    Parameters
    ----------
    rank, query, passage_language : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query, number of the passage's language.
    query_language : integer array of shape (queries,)
        Number of the query's language, -1 if no passage is in it.
    """
    queries = len(query_language)
    own = passage_language == query_language[query]
    order = np.lexsort((rank, rank == 0, query))
    first = order[np.unique(query[order], return_index=True)[1]]
    value = np.full(queries, np.nan)
    value[query[first]] = np.where(rank[first] > 0, own[first], np.nan)
    share = np.bincount(query, own, queries) / np.maximum(np.bincount(query, minlength=queries), 1)
    return np.where((share > 0) & (share < 1), value, np.nan)


def mean_rank_by_language(
    rank: Integers,
    query: Integers,
    passage_language: Integers,
    query_language: Integers,
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Return the mean rank of relevant passages, shape (query languages, passage languages).

    NaN where there is none, or where a run does not have them all.
    """
    cell = query_language[query] * shape[1] + passage_language
    count = np.bincount(cell, minlength=shape[0] * shape[1])
    missing = np.bincount(cell, rank == 0, minlength=len(count))
    mean = np.full(len(count), np.nan)
    known = (count > 0) & (missing == 0)
    np.divide(sums(cell, rank.astype(np.float64), len(count)), count, out=mean, where=known)
    return mean.reshape(shape)
