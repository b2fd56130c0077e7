"""Rows whose dot product ranks as a distance does, so that ranking needs no second way.

For a query q and a passage p, -|q - p|^2 = 2 q.p - |p|^2 - |q|^2. The last term is the same for all passages of a
query, so q.p - |p|^2 / 2 ranks as the euclidean distance does. Half the square of a passage's length is kept in two
further columns, high and low part, because one of float32 would round away differences that the rows have.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from robustbench_ir.encoders.encoder import Vectors

EXTRA_COLUMNS = 2


def euclidean_queries(rows: Vectors) -> Vectors:
    """Append the ones that add a passage's further columns to each score; shape (texts, dimensions + 2)."""
    return _with_columns(rows, np.ones((rows.shape[0], EXTRA_COLUMNS), dtype=np.float32))


def euclidean_passages(rows: Vectors) -> Vectors:
    """Append minus half the square of each row's length, in two parts; shape (texts, dimensions + 2)."""
    if isinstance(rows, np.ndarray):
        squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    else:
        squares = np.asarray(rows.astype(np.float64).power(2).sum(axis=1))
    half = -squares / 2
    high = half.astype(np.float32)
    return _with_columns(rows, np.stack([high, (half - high).astype(np.float32)], axis=1))


def _with_columns(rows: Vectors, columns: np.ndarray) -> Vectors:
    if isinstance(rows, np.ndarray):
        return np.concatenate([rows, columns], axis=1)
    return sp.csr_array(sp.hstack([rows, sp.csr_array(columns)], format="csr"))
