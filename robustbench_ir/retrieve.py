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
    language_of = np.repeat(np.arange(len(slices)), [part.stop - part.start for part in slices])[task.qrels.passage]
    first = np.searchsorted(task.qrels.query, rows, side="left")
    last = np.searchsorted(task.qrels.query, rows, side="right")
    in_pool: list[int] = []
    in_language: list[int] = []
    block = max(1, _SCORES_AT_ONCE // len(task.passages))
    transposed = passages.T.tocsr() if sp.issparse(passages) else passages.T
    for start in range(0, len(rows), block):
        scores = _scores(queries[start : start + block], transposed)
        for row, (begin, end) in enumerate(zip(first[start : start + block], last[start : start + block], strict=True)):
            for judgement in range(begin, end):
                above = _count_above(scores[row], task.qrels.passage[judgement], slices)
                in_pool.append(1 + sum(above))
                in_language.append(1 + above[language_of[judgement]])
        advance(len(scores))
    return Ranks(np.array(in_pool, dtype=np.int32), np.array(in_language, dtype=np.int32))


def _scores(queries: Embeddings, transposed: Embeddings) -> NDArray[np.float32]:
    product = queries @ transposed
    return product.toarray() if sp.issparse(product) else product


def _count_above(scores: NDArray[np.float32], passage: int, slices: Sequence[slice]) -> list[int]:
    """Count, per language slice, the passages that come before `passage`."""
    own = scores[passage]
    before = scores > own
    ties = scores == own
    if np.count_nonzero(ties) > 1:
        before[:passage] |= ties[:passage]
    return [int(np.count_nonzero(before[part])) for part in slices]
