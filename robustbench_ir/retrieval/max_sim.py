"""MaxSim of multi-vector models: for each token of a query its best dot product with a passage's tokens, summed.

A matrix product scores tokens with tokens, a few thousand at a time; what remains of it is one number for each query
and passage, whose error is bounded as that of a dot product is. Of a pair that float32 cannot settle, only those token
scores are computed in float64 that may be the largest: the maximum over them is the same however they were found.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.encoders.encoder import Dense
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.retrieval import scores as dot
from robustbench_ir.retrieval.scores import Doubles, RowNumbers

NO_TOKENS = -1e9
"""Score of a passage without tokens, below all others; sentence-transformers has the same."""

_QUERY_TOKENS = 256  # with those of passages, a matrix that fits into the processor's cache
_PASSAGE_TOKENS = 2048

Starts = NDArray[np.int64]


def product_with(block: TokenEmbeddings, device: str | None = None) -> Callable[[TokenEmbeddings], Dense]:
    """Return the function that scores queries against a block of passages.

    Parameters
    ----------
    block : TokenEmbeddings
        The passages.
    device : str, optional
        As in `robustbench_ir.retrieval.scores.product_with`.

    Returns
    -------
    callable
        From queries to float32 scores of shape (queries, passages).
    """

    def product(queries: TokenEmbeddings) -> Dense:
        scores = np.empty((queries.shape[0], block.shape[0]), dtype=np.float32)
        tiles = [(tile, *_filled(queries[tile])) for tile in _parts(queries.counts, _QUERY_TOKENS)]
        for part in _parts(block.counts, _PASSAGE_TOKENS):
            tokens, starts = _filled(block[part])
            multiply = dot.product_with(tokens, device)
            for tile, asked, firsts in tiles:
                best = np.maximum.reduceat(multiply(asked), starts, axis=1)
                scores[tile, part] = np.add.reduceat(best, firsts, axis=0)
        scores[:, block.counts == 0] = NO_TOKENS
        return scores

    return product


def rounding_error(queries: TokenEmbeddings, block: TokenEmbeddings) -> Dense:
    """Return a bound on the error of each query's float32 scores against a block of passages.

    A maximum errs by no more than what it is taken of; the errors of a query's tokens add up, and summing the maxima
    in float32 adds as many units as summing the products of one token would.

    Returns
    -------
    float32 array of shape (queries,)
    """
    if not queries.shape[0] or not block.shape[0]:
        return np.zeros(queries.shape[0], dtype=np.float32)
    asked, firsts = _filled(queries)
    longest = np.stack([_longest(_filled(block[part])[0]) for part in _parts(block.counts, _PASSAGE_TOKENS)])
    of_queries = np.add.reduceat(dot.rounding_error(asked, longest), firsts)
    return np.asarray(of_queries * (1 + np.sqrt(queries.counts / queries.shape[1])), dtype=np.float32)


def _longest(rows: Dense) -> Dense:
    longest: Dense = rows[np.einsum("ij,ij->i", rows, rows).argmax()]
    return longest


def pair_scores(queries: TokenEmbeddings, query: RowNumbers, passages: TokenEmbeddings, passage: RowNumbers) -> Doubles:
    """Return the score of each pair of a query and a passage, computed in float64 from their rows alone.

    Parameters
    ----------
    queries, passages : TokenEmbeddings
        Embeddings of one encoder.
    query, passage : integer arrays of shape (pairs,)
        Position in each; `query` ascends.

    Returns
    -------
    float64 array of shape (pairs,)
    """
    scores = np.empty(len(query), dtype=np.float64)
    for row in np.unique(query).tolist():
        first, last = np.searchsorted(query, [row, row + 1])
        asked, _ = _filled(queries[[row]])
        its = passages[passage[first:last]]
        for part in _parts(its.counts, _PASSAGE_TOKENS):
            scores[first + part.start : first + part.stop] = _exact(asked, its[part])
    return scores


def _exact(asked: Dense, passages: TokenEmbeddings) -> Doubles:
    """Score one query against some passages."""
    tokens, starts = _filled(passages)
    near = asked @ tokens.T
    error = dot.rounding_error(asked, tokens)[:, None]
    # Twice: the largest score may err, and so may the one that is truly the largest.
    least = np.maximum.reduceat(near, starts, axis=1) - 2 * error
    row, column = np.nonzero(near >= np.repeat(least, np.diff(starts, append=len(tokens)), axis=1))
    products = dot.pair_scores(asked, row, tokens, column)
    pair = row * len(starts) + np.searchsorted(starts, column, side="right") - 1
    maxima = np.maximum.reduceat(products, np.flatnonzero(np.diff(pair, prepend=-1)))
    # Contiguous rows, so that each sum depends on nothing but its own numbers.
    sums: Doubles = np.ascontiguousarray(maxima.reshape(len(asked), len(starts)).T).sum(axis=1)
    sums[passages.counts == 0] = NO_TOKENS
    return sums


def _filled(texts: TokenEmbeddings) -> tuple[Dense, Starts]:
    """Return the rows of some texts with the first row of each; a text without tokens gets a row of zeros."""
    rows = texts.gathered()
    if texts.counts.all():
        return rows, np.cumsum(texts.counts) - texts.counts
    counts = np.maximum(texts.counts, 1)
    filled = np.zeros((counts.sum(), rows.shape[1]), dtype=np.float32)
    filled[np.repeat(texts.counts > 0, counts)] = rows
    return filled, np.cumsum(counts) - counts


def _parts(counts: NDArray[np.int64], most: int) -> list[slice]:
    """Divide texts into parts of at most a number of tokens, or of one text that has more."""
    stops = np.cumsum(np.maximum(counts, 1))
    parts, start = [], 0
    while start < len(counts):
        before = int(stops[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(stops, before + most, side="right")))
        parts.append(slice(start, stop))
        start = stop
    return parts
