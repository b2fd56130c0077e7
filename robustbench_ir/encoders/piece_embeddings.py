"""Embeddings of passages that are read in pieces: a passage is as near to a query as its best piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.encoders.encoder import Embeddings

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PieceEmbeddings:
    """The embeddings of the pieces of some passages. The score of a passage is the largest of its pieces.

    This is MaxP of Dai and Callan (2019, https://arxiv.org/abs/1905.09217). Passages may stand in any order, so that
    choosing some of them copies nothing.

    Attributes
    ----------
    pieces : Embeddings
        Embeddings of all pieces: dense, sparse or of tokens.
    starts : int64 array of shape (passages,)
        First piece of each passage.
    counts : int64 array of shape (passages,)
        Number of pieces of each passage, 1 or more.
    """

    pieces: Embeddings
    starts: IntArray
    counts: IntArray

    @classmethod
    def in_order(cls, pieces: Embeddings, counts: Sequence[int] | IntArray) -> PieceEmbeddings:
        """Return passages whose pieces follow one another."""
        number = np.asarray(counts, dtype=np.int64)
        return cls(pieces, np.cumsum(number) - number, number)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of passages, and dimensions of a piece."""
        return len(self.counts), int(self.pieces.shape[1])

    def __getitem__(self, passages: slice | Sequence[int] | NDArray[np.integer]) -> PieceEmbeddings:
        """Return some of the passages, with the same pieces behind them."""
        return PieceEmbeddings(self.pieces, self.starts[passages], self.counts[passages])

    @property
    def rows(self) -> IntArray:
        """The piece rows of all passages, one passage after the other."""
        before = np.cumsum(self.counts) - self.counts
        return np.repeat(self.starts - before, self.counts) + np.arange(int(self.counts.sum()))

    def gathered(self) -> Embeddings:
        """Return the pieces of all passages, one passage after the other; a view where they lie so."""
        rows = self.rows
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            return self.pieces[int(rows[0]) : int(rows[-1]) + 1]
        return self.pieces[rows]


Pool = Embeddings | PieceEmbeddings
"""Embeddings of the passages of a task."""
