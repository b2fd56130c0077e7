"""Measures of language bias: the ranks of the parallel passages of one question in the multilingual pool.

Rank distance is that of arXiv 2408.10536, section 4.1. It grows with the pool, depends on the worst language most, and
can fall under attack because all passages move down: read it together with mAP, its share of the pool and the mean rank
per language.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.metrics.measures import Floats, Integers, sums


def rank_distance(rank: Integers, query: Integers, queries: int, language: Integers | None = None) -> Floats:
    """Return RD for each query: largest minus smallest rank of its relevant passages.

    It is NaN for a query with fewer than two relevant passages, and if a run lacks one of them, since RD is then
    unknown.

    Parameters
    ----------
    rank : integer array of shape (relevant,)
        1-based rank in the multilingual pool; 0 if a run lacks the passage.
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


def random_rank_distance(query: Integers, language: Integers, queries: int, pool: int | None = None) -> Floats:
    """Return the expected RD of each query in a random ranking; NaN where its relevant passages are in one language.

    Without `pool` it is that of a perfect ranking that is blind to language, where the relevant passages come first, in
    random order. With one relevant passage in each of L languages the two are (L - 1) / (L + 1) x (pool + 1) and L - 1.

    Parameters
    ----------
    query : integer array of shape (relevant,)
        Row of the query.
    language : integer array of shape (relevant,)
        Number of the passage's language; the best passage of each language stands for it, as in `rank_distance`.
    queries : int
        Number of queries.
    pool : int, optional
        Number of passages that are ranked; without it, the relevant ones of the query alone.

    Examples
    --------
    >>> random_rank_distance(np.array([0, 0, 0]), np.array([0, 1, 2]), 1, pool=99)
    array([50.])
    >>> random_rank_distance(np.array([0, 0, 0]), np.array([0, 1, 2]), 1)
    array([2.])
    """
    found = np.full(queries, np.nan)
    if not len(query):
        return found
    languages = int(language.max()) + 1
    table = np.bincount(query * languages + language, minlength=queries * languages).reshape(queries, languages)
    having = np.flatnonzero((table > 0).sum(axis=1) > 1)
    counts, row = np.unique(table[having], axis=0, return_inverse=True)
    relevant = counts.sum(axis=1)
    # Of m passages at random among N, the j-th has the expected rank j (N + 1) / (m + 1), whatever their languages. So
    # the first has (N + 1) / (m + 1), and the first of the last language (N + 1) times the expectation of the largest
    # of the smallest of k uniform numbers in 0 to 1, k being the passages of each language.
    largest = np.array([_largest_of_the_smallest(one[one > 0]) for one in counts])
    size = relevant if pool is None else pool
    found[having] = ((size + 1) * (largest - 1 / (relevant + 1)))[row.ravel()]
    return found


def _largest_of_the_smallest(count: Integers) -> float:
    """Return the expected largest of several numbers, each the smallest of so many uniform ones in 0 to 1.

    It is the integral of 1 - the product of 1 - x^k: a polynomial, which Gauss and Legendre's nodes integrate exactly.
    """
    node, weight = np.polynomial.legendre.leggauss(int(count.sum()) // 2 + 1)
    smaller = 1 - ((node + 1) / 2)[:, None] ** count
    return float(weight @ (1 - smaller.prod(axis=1)) / 2)


def _best_of_each(rank: Integers, query: Integers, language: Integers) -> tuple[Integers, Integers]:
    """Return the best rank of each query in each language that has a relevant passage, and its query; 0 is last."""
    languages = int(language.max()) + 1
    cell = query * languages + language
    if np.bincount(cell).max(initial=0) <= 1:  # as in a parallel task: each of them is the best
        return rank, query
    order = np.lexsort((rank, rank == 0, cell))
    first = order[np.unique(cell[order], return_index=True)[1]]
    return rank[first], query[first]


def first_among(rank: Integers, query: Integers, chosen: NDArray[np.bool_], queries: int) -> Floats:
    """Return for each query whether its best-ranked relevant passage is one of the chosen ones: 1, 0, or NaN.

    It is NaN if none or all of its relevant passages are chosen, or if a run lacks all of them. `share_among` gives the
    unbiased value.

    Parameters
    ----------
    rank, query : integer arrays of shape (relevant,)
        Rank in the multilingual pool, and row of the query.
    chosen : bool array of shape (relevant,)
        Mask of the chosen passages, such as those in the query's own language.
    queries : int
        Number of queries.
    """
    order = np.lexsort((rank, rank == 0, query))
    first = order[np.unique(query[order], return_index=True)[1]]
    value = np.full(queries, np.nan)
    value[query[first]] = np.where(rank[first] > 0, chosen[first], np.nan)
    return np.where(np.isnan(share_among(query, chosen, queries)), np.nan, value)


def share_among(query: Integers, chosen: NDArray[np.bool_], queries: int) -> Floats:
    """Return the share of each query's relevant passages that are chosen; NaN if it is 0 or 1.

    This is the probability that a ranking without language bias puts a chosen one first: 1/L with one passage in each
    of L languages.

    Parameters
    ----------
    query : integer array of shape (relevant,)
        Row of the query.
    chosen : bool array of shape (relevant,)
        Mask of the chosen passages.
    queries : int
        Number of queries.
    """
    share = sums(query, chosen.astype(np.float64), queries) / np.maximum(np.bincount(query, minlength=queries), 1)
    return np.where((share > 0) & (share < 1), share, np.nan)


def own_language_first(rank: Integers, query: Integers, passage_language: Integers, query_language: Integers) -> Floats:
    """Return for each query whether its best-ranked relevant passage is in its own language: 1, 0, or NaN.

    It is NaN if none or all of its relevant passages are in the query's language, or if a run lacks all of them. The
    unbiased value of the mean is one divided by the number of languages that have a relevant passage.

    Parameters
    ----------
    rank, query, passage_language : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query, index of the passage's language.
    query_language : integer array of shape (queries,)
        Index of the query's language, -1 if no passage is in it.
    """
    return first_among(rank, query, passage_language == query_language[query], len(query_language))


def rank_correlation(rank: Integers, query: Integers, passage_language: Integers, question: Integers) -> Floats:
    """Return for each query the mean Spearman correlation of its ranking with those of its parallel queries.

    arXiv 2509.06195 calls this RC_i(a); its mean over queries and languages is MRC, which is 1 if the language of a
    question makes no difference to the ranking. In that paper the whole ranking is correlated; here only the relevant
    passages are, one for each passage language, because a result holds only their ranks. Languages in which a query has
    several relevant passages are left out, since it is not known which of them correspond. It is NaN without a parallel
    query, or with fewer than two languages in common.

    Parameters
    ----------
    rank, query, passage_language : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query, index of the passage's language.
    question : integer array of shape (queries,)
        Index of the question; queries with the same one are translations of each other.
    """
    table = _rank_table(rank, query, passage_language, len(question))
    found = np.full(len(question), np.nan)
    order = np.argsort(question, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(question[order])) + 1):
        if len(rows) > 1:
            found[rows] = _correlations(table[rows])
    return found


def _rank_table(rank: Integers, query: Integers, passage_language: Integers, queries: int) -> Floats:
    """Return ranks, shape (queries, languages); NaN if a language has no relevant passage, or several."""
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

    After Yang et al. 2024 (https://doi.org/10.1145/3626772.3657943), over the whole pool and without regard to grades:
    H = (N - 1) x sum of squares between languages / total sum of squares, of the ranks in the pool, which follows chi
    squared with one degree less than there are languages. 1 is fair. It is NaN if no language has two relevant
    passages, if only one language has any, or if a run lacks one of them: with one passage for each of L languages H is
    L - 1 whatever the ranking.

    Parameters
    ----------
    rank, query, passage_language : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query, index of the passage's language.
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

    It is NaN if there are no such passages, or if a run lacks one of them.

    Parameters
    ----------
    rank, query, passage_language : integer arrays of shape (relevant,)
        Rank in the multilingual pool, row of the query, index of the passage's language.
    query_language : integer array of shape (queries,)
        Index of the query's language.
    shape : (int, int)
        Number of query languages and of passage languages.
    """
    cell = query_language[query] * shape[1] + passage_language
    count = np.bincount(cell, minlength=shape[0] * shape[1])
    missing = np.bincount(cell, rank == 0, minlength=len(count))
    mean = np.full(len(count), np.nan)
    known = (count > 0) & (missing == 0)
    np.divide(sums(cell, rank.astype(np.float64), len(count)), count, out=mean, where=known)
    return mean.reshape(shape)
