"""Comparisons of one value with many, eight to a byte: counted by stretch, and found, in a fraction of the time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]


def packed(compared: Bools) -> Bits:
    """Pack rows of comparisons.

    Parameters
    ----------
    compared : bool array of shape (rows, columns)

    Returns
    -------
    uint8 array of shape (rows, columns / 8)
        The first column is the highest bit; the last byte is filled up with zeros.
    """
    return np.packbits(compared, axis=1)


def counts_by_stretch(bits: Bits, starts: Rows) -> NDArray[np.int32]:
    """Count the ones between each start and the next, the last stretch going to the end.

    Parameters
    ----------
    bits : uint8 array of shape (rows, columns / 8)
    starts : int array of shape (stretches,)
        Columns, ascending, the first 0.

    Returns
    -------
    int32 array of shape (rows, stretches)
    """
    byte, bit = np.divmod(starts, 8)
    counts: NDArray[np.int32] = np.add.reduceat(np.bitwise_count(bits), byte, axis=1, dtype=np.int32)
    counts[:, :-1][:, byte[:-1] == byte[1:]] = 0  # of an empty range reduceat returns the first element
    # The byte in which a stretch starts was counted with it, whole: its first bits are of the stretch before.
    before = np.bitwise_count(bits[:, byte] & (0xFF00 >> bit & 0xFF).astype(np.uint8)).astype(np.int32)
    counts -= before
    counts[:, :-1] += before[:, 1:]
    return counts


def ones(bits: Bits) -> tuple[Rows, Rows]:
    """Return row and column of every one, in order; fast where there are few."""
    row, byte = np.divmod(np.flatnonzero(bits != 0), bits.shape[1])
    which, bit = np.nonzero(np.unpackbits(bits[row, byte, None], axis=1))
    return row[which], byte[which] * 8 + bit
