"""Embeddings of multi-vector models: a row for each token of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOKEN_SIMILARITIES = ("maxsim", "meanmaxsim")
"""What descriptions of encoders that give `TokenEmbeddings` call their similarity."""


@dataclass(frozen=True, eq=False)
class TokenEmbeddings:
    """A row for each token of some texts. The score of a pair is MaxSim (Khattab and Zaharia, 2020).

    That is the sum, over the tokens of the query, of the largest dot product with a token of the passage. Texts may
    share rows and stand in any order, so that choosing some of them copies nothing.

    Attributes
    ----------
    rows : float32 array of shape (tokens, dimensions)
        Rows of all texts; they may be mapped from a file.
    starts : int64 array of shape (texts,)
        First row of each text.
    counts : int64 array of shape (texts,)
        Number of rows of each text, 0 if the model counts none of its tokens.
    """

    rows: NDArray[np.float32]
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[NDArray[np.floating]], dimensions: int) -> TokenEmbeddings:
        """Return the rows of texts, given as an array of shape (tokens, dimensions) for each."""
        rows = [np.asarray(text, dtype=np.float32).reshape(-1, dimensions) for text in texts]
        counts = np.array([len(text) for text in rows], dtype=np.int64)
        return cls.in_order(np.concatenate([np.empty((0, dimensions), dtype=np.float32), *rows]), counts)

    @classmethod
    def in_order(cls, rows: NDArray[np.float32], counts: NDArray[np.int64]) -> TokenEmbeddings:
        """Return texts whose rows follow one another."""
        return cls(rows, np.cumsum(counts) - counts, counts)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of texts, and dimensions of a row."""
        return len(self.counts), self.rows.shape[1]

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Type of the rows."""
        return self.rows.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that the rows of these texts take."""
        return int(self.counts.sum()) * int(self.rows[:1].nbytes)

    def __getitem__(self, texts: slice | Sequence[int] | NDArray[np.integer] | NDArray[np.bool_]) -> TokenEmbeddings:
        """Return some of the texts, with the same rows behind them."""
        return TokenEmbeddings(self.rows, self.starts[texts], self.counts[texts])

    def gathered(self) -> NDArray[np.float32]:
        """Return the rows of all texts, one text after the other; a view where they lie so."""
        if not len(self.counts):
            return self.rows[:0]
        stops = self.starts + self.counts
        if (stops[:-1] == self.starts[1:]).all():
            return np.asarray(self.rows[self.starts[0] : stops[-1]])
        return np.concatenate(
            [self.rows[start:stop] for start, stop in zip(self.starts.tolist(), stops.tolist(), strict=True)]
        )
