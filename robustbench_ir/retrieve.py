"""Exact ranks of the relevant passages, by counting what scores higher: no sorting, no runs, no loop over passages.

The matrix product is in float32, whose last bits depend on the processor, the number of threads and the shape of the
block. So it only decides what is clearly above or below a relevant passage; what is nearer than its rounding error is
compared in float64, pair by pair. Equal embeddings then give equal ranks on any number of threads or processes, in
blocks of any size, on CPU or GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.encode import Dense, Embeddings
from robustbench_ir.matrix_product import Doubles, pair_scores, product_with, rounding_error
from robustbench_ir.tasks import Task

DEFAULT_MEMORY = 1 << 28
_SCORES_AT_ONCE = 1 << 22  # 16 MiB of float32: a tile that stays near the processor
_JUDGED_AT_ONCE = 64

IntArray = NDArray[np.int32]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Ranks:
    """Ranks of judged passages, 1-based, in the order of the task's judgements; 0 where a run does not have it.

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
    *,
    memory: int = DEFAULT_MEMORY,
    device: str | None = None,
) -> Ranks:
    """Rank the judged passages of some queries against the whole pool.

    The order is by descending dot product of the float32 rows, computed in float64 wherever float32 could err; equal
    scores are ordered by row of the pool.

    Parameters
    ----------
    task : Task
        Whose judgements.
    passages : float32 or float16 array of shape (pool, dimensions)
        Dense or sparse; a dense one may be mapped from a file, and is read once, block by block.
    queries : float32 array of shape (len(rows), dimensions)
        Dense or sparse like `passages`.
    rows : sequence of int
        Ascending rows of `task.queries` that `queries` holds.
    advance : callable, optional
        Told the number of queries done since the last call; over several blocks of the pool, a share of them.
    memory : int
        Bytes that a block of the pool and its scores may take beside the embeddings.
    device : str, optional
        Where dense scores are multiplied; by default the GPU where torch is loaded and has one.

    Returns
    -------
    Ranks
        One entry for each judgement of these queries, in the order of the task's judgements.
    """
    judged = _judged(task, passages, queries, rows)
    starts = np.array([part.start for part in task.passage_slices.values()])
    in_pool, in_language = np.ones((2, len(judged.passage)), dtype=np.int32)
    width = _passages_at_once(passages, memory)
    height = max(1, min(_SCORES_AT_ONCE, memory // 8) // width)
    blocks = range(0, passages.shape[0], width)
    done = 0
    for number, begin in enumerate(blocks):
        block = passages[begin : begin + width]
        product, error = product_with(block, device), rounding_error(queries, block)
        last = np.searchsorted(starts, begin + block.shape[0])
        here = np.arange(np.searchsorted(starts, begin, side="right") - 1, last)
        cuts = np.maximum(starts[here] - begin, 0)
        for top in range(0, len(rows), height):
            scores = product(queries[top : top + height])
            for row, of_row in enumerate(scores, start=top):
                for part in judged.parts(row):
                    before = _before(of_row, error[row], judged, part, queries, block, begin)
                    above = np.add.reduceat(before.view(np.uint8), cuts, axis=1, dtype=np.int32)
                    in_pool[part] += above.sum(axis=1, dtype=np.int32)
                    own_language = judged.language[part, None] == here
                    in_language[part] += (above * own_language).sum(axis=1, dtype=np.int32)
            told = (number * len(rows) + top + len(scores)) // len(blocks)
            advance(told - done)
            done = told
    return Ranks(in_pool, in_language)


def _passages_at_once(passages: Embeddings, memory: int) -> int:
    """Return how many passages make a block: as many as fit, in float32 and with the scores of one query."""
    pool, dimensions = passages.shape
    bytes_each = 4 * (dimensions if isinstance(passages, np.ndarray) else 1) + 16
    return max(1, min(int(pool), _SCORES_AT_ONCE // 64, memory // bytes_each))


@dataclass(frozen=True)
class _Judged:
    """The judgements of some queries: row among these queries, passage, number of its language, exact score."""

    query: Rows
    passage: IntArray
    language: Rows
    score: Doubles
    first: Rows

    def parts(self, row: int) -> Iterator[slice]:
        """Yield the judgements of a query, some at a time."""
        end = self.first[row + 1]
        for start in range(self.first[row], end, _JUDGED_AT_ONCE):
            yield slice(start, min(start + _JUDGED_AT_ONCE, end))


def _judged(task: Task, passages: Embeddings, queries: Embeddings, rows: Sequence[int]) -> _Judged:
    picked = np.flatnonzero(np.isin(task.qrels.query, rows))
    query = np.searchsorted(rows, task.qrels.query[picked])
    passage = task.qrels.passage[picked]
    stops = np.array([part.stop for part in task.passage_slices.values()])
    return _Judged(
        query=query,
        passage=passage,
        language=np.searchsorted(stops, passage, side="right"),
        score=pair_scores(queries, query, passages, passage),
        first=np.searchsorted(query, np.arange(len(rows) + 1)),
    )


def _before(
    scores: Dense, error: float, judged: _Judged, part: slice, queries: Embeddings, block: Embeddings, begin: int
) -> NDArray[np.bool_]:
    """Say what comes before some judged passages of a query: a higher score, or the same score and an earlier row.

    Parameters
    ----------
    scores : float32 array of shape (passages,)
        Of one query against a block of the pool.
    error : float
        By how much they may err.
    judged, part : _Judged, slice
        Whose passages.
    queries, block : Embeddings
        What `scores` were made from, and more queries.
    begin : int
        Row of the pool that the block begins with.

    Returns
    -------
    bool array of shape (judged, passages)
    """
    own = judged.score[part, None]
    before = scores > (own + error).astype(np.float32)
    unsure = scores >= (own - error).astype(np.float32)
    unsure ^= before
    relevant = judged.passage[part, None]
    inside = (relevant >= begin) & (relevant < begin + len(scores))
    # The judged passages themselves are always as near as can be, and do not come before themselves.
    if np.count_nonzero(unsure) > np.count_nonzero(inside):
        near = np.flatnonzero(unsure.any(axis=0))
        query = np.full(len(near), judged.query[part.start])
        exact = pair_scores(queries, query, block, near) if error else scores[near].astype(np.float64)
        first = (exact > own) | ((exact == own) & (near + begin < relevant))
        before[:, near] |= unsure[:, near] & first
    return before
