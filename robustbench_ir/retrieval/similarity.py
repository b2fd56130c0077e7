"""Scores of queries against blocks of passages, whatever their embeddings are.

Ranking and search know three functions: the product of a block in float32, a bound of its error, and the scores of
single pairs in float64, equal for equal embeddings. Rows are scored by dot product, rows of tokens by MaxSim, and
passages in pieces by their best piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from robustbench_ir.encoders import Dense, Embeddings
from robustbench_ir.encoders.piece_embeddings import PieceEmbeddings, Pool
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.errors import EncoderError
from robustbench_ir.retrieval import max_sim
from robustbench_ir.retrieval import scores as dot
from robustbench_ir.retrieval.scores import Doubles, RowNumbers

Product = Callable[[Embeddings], Dense]


def product_with(block: Pool, device: str | None = None) -> Product:
    """Return the function that scores queries against a block of passages.

    Parameters
    ----------
    block : Pool
        Embeddings of the passages; dense rows may be mapped from a file.
    device : str, optional
        A torch device for dense rows. Default: the GPU if torch is loaded and has one, otherwise numpy.

    Returns
    -------
    callable
        From queries to float32 scores of shape (queries, passages).
    """
    if isinstance(block, PieceEmbeddings):
        of_pieces, firsts = product_with(block.gathered(), device), np.cumsum(block.counts) - block.counts
        return lambda queries: np.maximum.reduceat(of_pieces(queries), firsts, axis=1)
    if isinstance(block, TokenEmbeddings):
        of_tokens = max_sim.product_with(block, device)
        return lambda queries: of_tokens(queries) if isinstance(queries, TokenEmbeddings) else _refuse()
    of_rows = dot.product_with(block, device)
    return lambda queries: _refuse() if isinstance(queries, TokenEmbeddings) else of_rows(queries)


def rounding_error(queries: Embeddings, block: Pool) -> Dense:
    """Return a bound on the error of each query's float32 scores against a block of passages; shape (queries,)."""
    if isinstance(block, PieceEmbeddings):
        return rounding_error(queries, block.gathered())
    if isinstance(queries, TokenEmbeddings) and isinstance(block, TokenEmbeddings):
        return max_sim.rounding_error(queries, block)
    if isinstance(queries, TokenEmbeddings) or isinstance(block, TokenEmbeddings):
        _refuse()
    return dot.rounding_error(queries, block)


def pair_scores(queries: Embeddings, query: RowNumbers, passages: Pool, passage: RowNumbers) -> Doubles:
    """Return the score of each pair, which depends on the embeddings of the two alone.

    Parameters
    ----------
    queries : Embeddings
        Embeddings of queries.
    passages : Pool
        Embeddings of passages by the same encoder.
    query, passage : integer arrays of shape (pairs,)
        Row in each; `query` ascends.

    Returns
    -------
    float64 array of shape (pairs,)
    """
    if isinstance(passages, PieceEmbeddings):
        return _best_pieces(queries, query, passages[passage])
    if isinstance(queries, TokenEmbeddings) and isinstance(passages, TokenEmbeddings):
        return max_sim.pair_scores(queries, query, passages, passage)
    if isinstance(queries, TokenEmbeddings) or isinstance(passages, TokenEmbeddings):
        _refuse()
    return dot.pair_scores(queries, query, passages, passage)


def _best_pieces(queries: Embeddings, query: RowNumbers, passages: PieceEmbeddings) -> Doubles:
    """Return the score of each pair of a query row and the passage at the same place."""
    if not len(query):
        return np.empty(0)
    scores = pair_scores(queries, np.repeat(query, passages.counts), passages.pieces, passages.rows)
    return np.asarray(np.maximum.reduceat(scores, np.cumsum(passages.counts) - passages.counts))


def scores_of_passage(passages: Pool) -> int:
    """Return how many scores the product of a block has for each passage: the mean number of pieces, rounded up."""
    if isinstance(passages, PieceEmbeddings):
        return max(1, -(-int(passages.counts.sum()) // max(1, len(passages.counts))))
    return 1


def bytes_of_passage(passages: Pool) -> int:
    """Return the bytes that a passage of a pool takes in a block, in float32; the most that one may take."""
    if isinstance(passages, PieceEmbeddings):
        return int(passages.counts.max(initial=1)) * bytes_of_passage(passages.pieces)
    if isinstance(passages, TokenEmbeddings):
        return 4 * passages.shape[1] * int(passages.counts.max(initial=1))
    return 4 * (int(passages.shape[1]) if isinstance(passages, np.ndarray) else 1)


def _refuse() -> NoReturn:
    raise EncoderError(
        "the encoder gave a row for each token on one side and a row for each text on the other; "
        "queries and passages must be encoded alike"
    )
