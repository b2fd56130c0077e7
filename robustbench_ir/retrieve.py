"""Ranks of the relevant passages, by counting what scores higher: no sorting, no runs, no loop over passages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from robustbench_ir.encode import Embeddings
from robustbench_ir.tasks import Task

_SCORES_AT_ONCE = 1 << 22  # 16 MiB of float32: a block that stays near the processor

IntArray = NDArray[np.int32]


@dataclass(frozen=True)
class Ranks:
    """Ranks of judged passages, 1-based, in the order of the task's judgements.

    Attributes
    ----------
    in_pool : int32 array of shape (judgements,)
        Among all passages.
    in_language : int32 array of shape (judgements,)
        Among the passages of the judged passage's language.
    """

    in_pool: IntArray
    in_language: IntArray

    def updated(self, judgements: NDArray[np.intp], new: Ranks) -> Ranks:
        """Return ranks with those of some judgements replaced."""
        in_pool, in_language = self.in_pool.copy(), self.in_language.copy()
        in_pool[judgements] = new.in_pool
        in_language[judgements] = new.in_language
        return Ranks(in_pool, in_language)


def rank_relevant(
    task: Task,
    passages: Embeddings,
    queries: Embeddings,
    rows: Sequence[int],
    advance: Callable[[int], None] = lambda _: None,
) -> Ranks:
    """Rank the judged passages of some queries against the whole pool.

    The order is by descending dot product; equal scores are ordered by row of the pool.

    Parameters
    ----------
    task : Task
        Whose judgements.
    passages : float32 array of shape (pool, dimensions)
        Dense or sparse.
    queries : float32 array of shape (len(rows), dimensions)
        Dense or sparse like `passages`.
    rows : sequence of int
        Ascending rows of `task.queries` that `queries` holds.
    advance : callable, optional
        Told the number of queries done since the last call.

    Returns
    -------
    Ranks
        One entry for each judgement of these queries, in the order of the task's judgements.
    """
    slices = list(task.passage_slices.values())
    starts = np.array([part.start for part in slices])
    language_of = np.repeat(np.arange(len(slices)), [part.stop - part.start for part in slices])
    first = np.searchsorted(task.qrels.query, rows, side="left")
    last = np.searchsorted(task.qrels.query, rows, side="right")
    in_pool: list[IntArray] = []
    in_language: list[IntArray] = []
    block = max(1, _SCORES_AT_ONCE // len(task.passages))
    transposed = passages.T.tocsr() if sp.issparse(passages) else passages.T
    for start in range(0, len(rows), block):
        scores = _scores(queries[start : start + block], transposed)
        for row, (begin, end) in enumerate(zip(first[start : start + block], last[start : start + block], strict=True)):
            relevant = task.qrels.passage[begin:end]
            above = _count_above(scores[row], relevant, starts)
            in_pool.append(1 + above.sum(axis=1, dtype=np.int32))
            in_language.append(1 + above[np.arange(len(relevant)), language_of[relevant]])
        advance(len(scores))
    nothing = np.zeros(0, dtype=np.int32)
    return Ranks(np.concatenate([nothing, *in_pool]), np.concatenate([nothing, *in_language]))


def _scores(queries: Embeddings, transposed: Embeddings) -> NDArray[np.float32]:
    product = queries @ transposed
    return product.toarray() if sp.issparse(product) else product


def _count_above(scores: NDArray[np.float32], relevant: IntArray, starts: NDArray[np.intp]) -> IntArray:
    """Count what comes before each relevant passage, per language slice of the pool.

    Parameters
    ----------
    scores : float32 array of shape (pool,)
        Of one query.
    relevant : int32 array of shape (relevant,)
        Rows of its relevant passages.
    starts : integer array of shape (languages,)
        First row of each language.

    Returns
    -------
    int32 array of shape (relevant, languages)
        Passages with a higher score, or with the same score and an earlier row.
    """
    own = scores[relevant][:, None]
    before = scores > own
    ties = scores == own
    if np.count_nonzero(ties) > len(relevant):
        before |= ties & (np.arange(len(scores)) < relevant[:, None])
    counts: IntArray = np.add.reduceat(before.view(np.uint8), starts, axis=1, dtype=np.int32)
    return counts
