"""Dot products of queries and a block of passages: the only module that multiplies dense and sparse matrices."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from robustbench_ir.encoders.encoder import Dense, Vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

_UNIT = 2.0**-24  # largest relative error of one float32 operation
_PAIRS_AT_ONCE = 1 << 9  # products that fit into the processor's cache
_SAFETY = 2  # the error of a sequential sum of products of equal sign has a standard deviation of 0.3 sqrt(n) units
_SETTING = threading.Lock()  # torch's setting holds for all threads

Product = Callable[[Vectors], Dense]
Doubles = NDArray[np.float64]
RowNumbers = NDArray[np.integer]


def product_with(block: Vectors, device: str | None = None) -> Product:
    """Return the function that scores queries for a block of passages.

    Parameters
    ----------
    block : float32 or float16 array of shape (passages, dimensions)
        Embeddings, dense (possibly mapped from a file) or sparse.
    device : str, optional
        Torch device for dense embeddings. Default: the GPU if torch is loaded and has one, otherwise numpy.

    Returns
    -------
    callable
        Takes queries of shape (queries, dimensions); returns float32 scores of shape (queries, passages).
    """
    if not isinstance(block, np.ndarray):
        columns = block.T.tocsr()
        return lambda queries: np.asarray(sp.csr_array(queries @ columns).toarray(), dtype=np.float32)
    passages = np.asarray(block, dtype=np.float32)
    chosen = device or _gpu()
    if chosen is None or chosen == "cpu":
        return lambda queries: np.asarray(queries @ passages.T, dtype=np.float32)
    return _torch_product(passages, chosen)


def _gpu() -> str | None:
    """Return the GPU if there is one; torch is not loaded for this, since an encoder on a GPU has loaded it."""
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else None


def _torch_product(passages: Dense, device: str) -> Product:
    import torch

    there = torch.from_numpy(np.array(passages)).to(device)

    def product(queries: Vectors) -> Dense:
        with _full_precision():
            scores: torch.Tensor = torch.from_numpy(np.array(queries)).to(device) @ there.T
        return np.asarray(scores.cpu().numpy(), dtype=np.float32)

    return product


@contextmanager
def _full_precision() -> Iterator[None]:
    """Prevent GPUs from rounding the factors to ten bits (TF32), which `rounding_error` does not allow for."""
    import torch

    with _SETTING:
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before


def rounding_error(queries: Vectors, block: Vectors) -> Dense:
    """Return a bound on the error of each query's float32 scores for a block of passages.

    The error of a sum of n products is about sqrt(n) units of its terms at most (Higham and Mary, 2019,
    doi:10.1137/18M1226312); twice that is allowed here. Sparse products are summed in one order everywhere, so that
    their bound is 0.

    Parameters
    ----------
    queries, block : float arrays of shapes (queries, dimensions) and (passages, dimensions)
        Embeddings, dense or sparse.

    Returns
    -------
    float32 array of shape (queries,)
        The bound for each query.
    """
    if not isinstance(queries, np.ndarray) or not isinstance(block, np.ndarray):
        return np.zeros(queries.shape[0], dtype=np.float32)
    longest = float(np.sqrt(_squares(block).max(initial=0.0)))
    allowed = _SAFETY * np.sqrt(max(queries.shape[1], 1)) * _UNIT * longest
    return np.asarray(allowed * np.sqrt(_squares(queries)), dtype=np.float32)


def _squares(rows: Dense) -> Doubles:
    return np.asarray(np.einsum("ij,ij->i", rows, rows, dtype=np.float32), dtype=np.float64)


def pair_scores(queries: Vectors, query: RowNumbers, passages: Vectors, passage: RowNumbers) -> Doubles:
    """Return the dot product of each pair of rows: in float64 for dense rows, as in the block product for sparse ones.

    It depends only on the two rows, not on their position or number: numpy sums each row by itself.

    Parameters
    ----------
    queries, passages : float arrays of shapes (queries, dimensions) and (passages, dimensions)
        Embeddings, dense or sparse.
    query, passage : integer arrays of shape (pairs,)
        Rows of each pair, with `query` ascending.

    Returns
    -------
    float64 array of shape (pairs,)
    """
    scores = np.empty(len(query), dtype=np.float64)
    if isinstance(queries, np.ndarray) and isinstance(passages, np.ndarray):
        for start in range(0, len(query), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            # Products of float32 are exact in float64.
            scores[part] = (queries[query[part]].astype(np.float64) * passages[passage[part]]).sum(axis=1)
        return scores
    for start in range(0, len(query), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        # One product for many pairs, since transposing sparse rows for each product takes time.
        rows, row = np.unique(query[part], return_inverse=True)
        columns, column = np.unique(passage[part], return_inverse=True)
        scores[part] = product_with(passages[columns])(queries[rows])[row, column]
    return scores
