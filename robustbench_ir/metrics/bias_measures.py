"""Language bias: where the parallel passages of one question stand in the multilingual pool.

Rank distance is that of arXiv 2408.10536, section 4.1. It grows with the pool, is driven by the worst language, and can
fall under attack because everything sinks: read it beside mAP, its share of the pool and the mean rank per language.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.metrics.measures import Floats, Integers, sums


def rank_distance(rank: Integers, query: Integers, queries: int, language: Integers | None = None) -> Floats:
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
    language : integer array of shape (relevant,), optional
        Number of the passage's language. The best passage of each language then stands for it, and RD is NaN where a
        query has relevant passages in one language only: there is nothing to be unfair to.

    Examples
    --------
    >>> rank_distance(np.array([2, 5, 7]), np.zeros(3, dtype=int), 1)
    array([5.])
    >>> rank_distance(np.array([2, 5, 7]), np.zeros(3, dtype=int), 1, np.array([0, 0, 1]))
    array([5.])
    >>> rank_distance(np.array([2, 5, 7]), np.zeros(3, dtype=int), 1, np.array([0, 0, 0]))
    array([nan])
    """
    found = np.full(queries, np.nan)
    if not len(query):
        return found
    if language is not None:
        rank, query = _best_of_each(rank, query, language)
    if (query[1:] < query[:-1]).any():
        order = np.argsort(query, kind="stable")
        rank, query = rank[order], query[order]
    starts = np.flatnonzero(np.concatenate([[True], query[1:] != query[:-1]]))
    largest, smallest = np.maximum.reduceat(rank, starts), np.minimum.reduceat(rank, starts)
    known = (np.diff(starts, append=len(query)) > 1) & (smallest > 0)
    found[query[starts[known]]] = largest[known] - smallest[known]
    return found


def _best_of_each(rank: Integers, query: Integers, language: Integers) -> tuple[Integers, Integers]:
    """Return the best rank of each query in each language that has a relevant passage, and its query; 0 is last."""
    languages = int(language.max()) + 1
    cell = query * languages + language
    order = np.lexsort((rank, rank == 0, cell))
    first = order[np.unique(cell[order], return_index=True)[1]]
    return rank[first], query[first]


def first_among(rank: Integers, query: Integers, wanted: NDArray[np.bool_], queries: int) -> Floats:
    """Say for each query whether its best-ranked relevant passage is among the wanted ones: 1, 0, or NaN.

    NaN where none of its relevant passages is wanted, or all are, or a run has none of them. Unbiased value:
    `share_among`.

    Parameters
    ----------
    rank, query : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query.
    wanted : bool array of shape (relevant,)
        Such as those in the query's own language.
    queries : int
        Number of queries.
    """
    order = np.lexsort((rank, rank == 0, query))
    first = order[np.unique(query[order], return_index=True)[1]]
    value = np.full(queries, np.nan)
    value[query[first]] = np.where(rank[first] > 0, wanted[first], np.nan)
    return np.where(np.isnan(share_among(query, wanted, queries)), np.nan, value)


def share_among(query: Integers, wanted: NDArray[np.bool_], queries: int) -> Floats:
    """Return the share of each query's relevant passages that are wanted; NaN where it is 0 or 1.

    It is the chance that a ranking blind to language puts a wanted one first: 1/L with one passage in each of L
    languages.
    """
    share = sums(query, wanted.astype(np.float64), queries) / np.maximum(np.bincount(query, minlength=queries), 1)
    return np.where((share > 0) & (share < 1), share, np.nan)


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
    return first_among(rank, query, passage_language == query_language[query], len(query_language))


def rank_correlation(rank: Integers, query: Integers, passage_language: Integers, question: Integers) -> Floats:
    """Return for each query the mean Spearman correlation of its ranking with those of its parallel queries.

    What arXiv 2509.06195 calls RC_i(a); its mean over queries and languages is MRC, 1 where the language of a question
    makes no difference to the ranking. There the whole ranking is correlated; here only the relevant passages, one for
    each passage language, because their ranks are what a result holds. Languages in which a query has several relevant
    passages are left out: which is which is not known. NaN without a parallel query, or with fewer than two languages
    in common.

    Parameters
    ----------
    rank, query, passage_language : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query, number of the passage's language.
    question : integer array of shape (queries,)
        Which queries are translations of each other.
    """
    table = _rank_table(rank, query, passage_language, len(question))
    found = np.full(len(question), np.nan)
    order = np.argsort(question, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(question[order])) + 1):
        if len(rows) > 1:
            found[rows] = _correlations(table[rows])
    return found


def _rank_table(rank: Integers, query: Integers, passage_language: Integers, queries: int) -> Floats:
    """Return ranks, shape (queries, languages); NaN where a language has no relevant passage, or several."""
    languages = int(passage_language.max()) + 1
    cell = query * languages + passage_language
    table = np.full(queries * languages, np.nan)
    table[cell] = np.where(rank > 0, rank, np.nan)
    table[np.bincount(cell, minlength=len(table)) != 1] = np.nan
    return table.reshape(queries, languages)


def _correlations(table: Floats) -> Floats:
    """Return the mean correlation of each row of ranks with the others."""
    there = ~np.isnan(table)
    if (there == there[0]).all():
        scores = _standardised(table[:, there[0]])
        return np.asarray((scores @ scores.sum(axis=0) - 1) / (len(table) - 1))
    pairs = np.full((len(table), len(table)), np.nan)
    for one in range(len(table)):
        for other in range(one):
            scores = _standardised(table[[one, other]][:, there[one] & there[other]])
            pairs[one, other] = pairs[other, one] = scores[0] @ scores[1]
    known = ~np.isnan(pairs)
    count = known.sum(axis=1)
    total = np.where(known, pairs, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(table), np.nan), where=count > 0))


def _standardised(table: Floats) -> Floats:
    """Return each row as ordinal ranks of mean 0 and length 1; NaN with fewer than two columns."""
    size = table.shape[1]
    if size < 2:
        return np.full((len(table), 1), np.nan)
    place = np.argsort(np.argsort(table, axis=1), axis=1) - (size - 1) / 2
    return np.asarray(place / np.sqrt((size**3 - size) / 12))


def peer(rank: Integers, query: Integers, passage_language: Integers, queries: int) -> Floats:
    """Return PEER for each query: the p of a Kruskal-Wallis test that all languages' relevant passages rank alike.

    After Yang et al. 2024 (https://doi.org/10.1145/3626772.3657943) over the whole pool, all grades alike: H = (N - 1)
    x sum of squares between languages / total sum of squares, of the ranks in the pool, chi squared with one degree
    less than there are languages. 1 is fair. NaN where no language has two relevant passages, or only one language has
    any, or a run does not have them all: with one passage for each of L languages H is L - 1 whatever the ranking.

    Parameters
    ----------
    rank, query, passage_language : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query, number of the passage's language.
    queries : int
        Number of queries.
    """
    from scipy.special import chdtrc

    languages = int(passage_language.max()) + 1
    size = np.bincount(query, minlength=queries)
    mean = sums(query, rank.astype(np.float64), queries) / np.maximum(size, 1)
    centred = rank - mean[query]
    cell = query * languages + passage_language
    count = np.bincount(cell, minlength=queries * languages)
    between = (sums(cell, centred, len(count)) ** 2 / np.maximum(count, 1)).reshape(queries, languages).sum(axis=1)
    count = count.reshape(queries, languages)
    groups = (count > 0).sum(axis=1)
    defined = (groups > 1) & (count > 1).any(axis=1) & (np.bincount(query, rank == 0, queries) == 0)
    h = (size - 1) * between / np.where(defined, sums(query, centred**2, queries), 1)
    return np.where(defined, chdtrc(np.maximum(groups - 1, 1), h), np.nan)


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
