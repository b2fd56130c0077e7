"""Scores of queries against blocks of passages, whatever their embeddings are.

Ranking and search know three functions: the product of a block in float32, a bound of its error, and the scores of
single pairs in float64, equal for equal embeddings. Rows are scored by dot product, rows of tokens by MaxSim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import numpy as np

from robustbench_ir.encoders import Dense, Embeddings
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.errors import EncoderError
from robustbench_ir.retrieval import max_sim
from robustbench_ir.retrieval import scores as dot
from robustbench_ir.retrieval.scores import Doubles, RowNumbers

Product = Callable[[Embeddings], Dense]


def product_with(block: Embeddings, device: str | None = None) -> Product:
    """Return the function that scores queries against a block of passages.

    Parameters
    ----------
    block : Embeddings
        Embeddings of the passages; dense rows may be mapped from a file.
    device : str, optional
        A torch device for dense rows. Default: the GPU if torch is loaded and has one, otherwise numpy.

    Returns
    -------
    callable
        From queries to float32 scores of shape (queries, passages).
    """
    if isinstance(block, TokenEmbeddings):
        of_tokens = max_sim.product_with(block, device)
        return lambda queries: of_tokens(queries) if isinstance(queries, TokenEmbeddings) else _refuse()
    of_rows = dot.product_with(block, device)
    return lambda queries: _refuse() if isinstance(queries, TokenEmbeddings) else of_rows(queries)


def rounding_error(queries: Embeddings, block: Embeddings) -> Dense:
    """Return a bound on the error of each query's float32 scores against a block of passages; shape (queries,)."""
    if isinstance(queries, TokenEmbeddings) and isinstance(block, TokenEmbeddings):
        return max_sim.rounding_error(queries, block)
    if isinstance(queries, TokenEmbeddings) or isinstance(block, TokenEmbeddings):
        _refuse()
    return dot.rounding_error(queries, block)


def pair_scores(queries: Embeddings, query: RowNumbers, passages: Embeddings, passage: RowNumbers) -> Doubles:
    """Return the score of each pair, which depends on the embeddings of the two alone.

    Parameters
    ----------
    queries, passages : Embeddings
        Embeddings of one encoder.
    query, passage : integer arrays of shape (pairs,)
        Row in each; `query` ascends.

    Returns
    -------
    float64 array of shape (pairs,)
    """
    if isinstance(queries, TokenEmbeddings) and isinstance(passages, TokenEmbeddings):
        return max_sim.pair_scores(queries, query, passages, passage)
    if isinstance(queries, TokenEmbeddings) or isinstance(passages, TokenEmbeddings):
        _refuse()
    return dot.pair_scores(queries, query, passages, passage)


def bytes_of_passage(passages: Embeddings) -> int:
    """Return the bytes that a passage of a pool takes in a block, in float32; the most that one may take."""
    if isinstance(passages, TokenEmbeddings):
        return 4 * passages.shape[1] * int(passages.counts.max(initial=1))
    return 4 * (int(passages.shape[1]) if isinstance(passages, np.ndarray) else 1)


def _refuse() -> NoReturn:
    raise EncoderError(
        "the encoder gave a row for each token on one side and a row for each text on the other; "
        "queries and passages must be encoded alike"
    )
