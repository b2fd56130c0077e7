"""Exact ranks of the relevant passages, by counting what scores higher: no sorting, no runs, no loop over passages.

The matrix product is in float32, whose last bits depend on the processor, the number of threads and the shape of the
block. So it only decides what is clearly above or below a relevant passage; what is nearer than its rounding error is
compared in float64, pair by pair. Equal embeddings then give equal ranks on any number of threads or processes, in
blocks of any size, on CPU or GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.parallel import divided, in_threads, threads
from robustbench_ir.encoders import Dense, Embeddings
from robustbench_ir.retrieval.scores import Doubles, Product, pair_scores, product_with, rounding_error
from robustbench_ir.tasks import Task

# Comparisons of one value with many, eight to a byte: counted by stretch, and found, in a fraction of the time.

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


DEFAULT_MEMORY = 1 << 28
_SCORES_AT_ONCE = 1 << 22  # 16 MiB of float32: a tile that stays near the processor
_SCORES_A_THREAD = 1 << 18
_COMPARED_AT_ONCE = 1 << 22
_UNSURE_AT_ONCE = 1 << 18

IntArray = NDArray[np.int32]


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
    scores are ordered by row of the pool. A query's own passage is ranked against nothing: see `Task.own_passage`.

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
    fitting = min(_SCORES_AT_ONCE, memory // 8 // threads()) // width
    tiles = divided(len(rows), least=_SCORES_A_THREAD // width, most=fitting)
    blocks = range(0, passages.shape[0], width)
    done = 0
    for number, begin in enumerate(blocks):
        block = _Block.of(passages[begin : begin + width], begin, queries, judged, starts, device)
        fresh = partial(_Unsure, judged, queries, block, in_pool, in_language)
        for ranked in in_threads(partial(_rank_tile, fresh), tiles):
            told = (number * len(rows) + ranked) // len(blocks)
            advance(told - done)
            done = told
    if task.own_passage is not None:
        _leave_out(task.own_passage[np.asarray(rows)], judged, passages, queries, in_pool, in_language, starts)
    return Ranks(in_pool, in_language)


def _leave_out(
    own: IntArray,
    judged: _Judged,
    passages: Embeddings,
    queries: Embeddings,
    in_pool: IntArray,
    in_language: IntArray,
    starts: Rows,
) -> None:
    """Take each query's own passage out of the ranks of the judged passages that it was counted for."""
    passage = own[judged.query]
    (there,) = np.nonzero((passage >= 0) & (passage != judged.passage))
    passage = passage[there]
    score = pair_scores(queries, judged.query[there], passages, passage)
    than, at = judged.score[there], judged.passage[there]
    before = (score > than) | ((score == than) & (passage < at))
    same = np.searchsorted(starts, passage, side="right") - 1 == judged.language[there]
    in_pool[there[before]] -= 1
    in_language[there[before & same]] -= 1


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


@dataclass(frozen=True)
class _Block:
    """Some passages of the pool, beginning with row `begin`, and what the judgements' scores are compared with in them.

    `high` and `low` are the scores from which on a passage is surely above a judged one, and may be above it; `cuts` is
    where each of `languages` begins.
    """

    passages: Embeddings
    begin: int
    product: Product
    exact: bool
    high: Dense
    low: Dense
    languages: Rows
    cuts: Rows

    @classmethod
    def of(
        cls, passages: Embeddings, begin: int, queries: Embeddings, judged: _Judged, starts: Rows, device: str | None
    ) -> _Block:
        end = begin + passages.shape[0]
        error = rounding_error(queries, passages)[judged.query]
        languages = np.arange(np.searchsorted(starts, begin, side="right") - 1, np.searchsorted(starts, end))
        return cls(
            passages=passages,
            begin=begin,
            product=product_with(passages, device),
            exact=not error.any(),
            high=(judged.score + error).astype(np.float32)[:, None],
            low=(judged.score - error).astype(np.float32)[:, None],
            languages=languages,
            cuts=np.maximum(starts[languages] - begin, 0),
        )


def _rank_tile(fresh: Callable[[], _Unsure], tile: slice) -> int:
    """Add to the ranks of the judged passages of some queries, and return the last row: other threads have others."""
    unsure = fresh()
    judged = unsure.judged
    scores = unsure.block.product(unsure.queries[tile])
    first, last = judged.first[[tile.start, tile.stop]]
    at_once = max(1, _COMPARED_AT_ONCE // scores.shape[1])
    for start in range(first, last, at_once):
        part = slice(start, min(start + at_once, last))
        above = _count_above(scores, tile.start, part, unsure)
        unsure.in_pool[part] += above.sum(axis=1, dtype=np.int32)
        own_language = judged.language[part, None] == unsure.block.languages
        unsure.in_language[part] += (above * own_language).sum(axis=1, dtype=np.int32)
    unsure.settle()
    return int(tile.stop)


def _count_above(scores: Dense, top: int, part: slice, unsure: _Unsure) -> IntArray:
    """Count what is surely above some judged passages, and remember what may be.

    Parameters
    ----------
    scores : float32 array of shape (queries, passages)
        Of a tile against the block.
    top : int
        Row of its first query.
    part : slice
        Which judgements.
    unsure : _Unsure
        Knows the block, and is told what float32 cannot tell.

    Returns
    -------
    int32 array of shape (judged, languages of the block)
    """
    judged, block = unsure.judged, unsure.block
    above, perhaps = np.empty((2, part.stop - part.start, -(-scores.shape[1] // 8)), dtype=np.uint8)
    for row in range(judged.query[part.start], judged.query[part.stop - 1] + 1):
        own = slice(max(judged.first[row], part.start), min(judged.first[row + 1], part.stop))
        there = slice(own.start - part.start, own.stop - part.start)
        above[there] = packed(scores[row - top] > block.high[own])
        perhaps[there] = packed(scores[row - top] >= block.low[own])
    judgement, passage = ones(above ^ perhaps)
    unsure.add(judgement + part.start, passage)
    return counts_by_stretch(above, block.cuts)


@dataclass
class _Unsure:
    """Pairs of a judgement and a passage whose order float32 cannot tell; settled many at a time.

    A passage comes before a judged one if its score is higher, or the same and its row earlier.
    """

    judged: _Judged
    queries: Embeddings
    block: _Block
    in_pool: IntArray
    in_language: IntArray
    _pairs: list[tuple[Rows, Rows]] = field(default_factory=list)
    _count: int = 0

    def add(self, judgement: Rows, passage: Rows) -> None:
        """Remember pairs of a judgement and a row of the block."""
        # The judged passages themselves are as near as can be, and do not come before themselves.
        others = passage + self.block.begin != self.judged.passage[judgement]
        self._pairs.append((judgement[others], passage[others]))
        self._count += int(np.count_nonzero(others))
        if self._count > _UNSURE_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Compare the exact scores and add to the ranks what comes before."""
        if not self._pairs:
            return
        judgement, passage = (np.concatenate(column) for column in zip(*self._pairs, strict=True))
        self._pairs, self._count = [], 0
        own = self.judged.score[judgement]
        query = self.judged.query[judgement]
        exact = own if self.block.exact else pair_scores(self.queries, query, self.block.passages, passage)
        earlier = passage + self.block.begin < self.judged.passage[judgement]
        before = (exact > own) | ((exact == own) & earlier)
        language = self.block.languages[np.searchsorted(self.block.cuts, passage, side="right") - 1]
        same = before & (language == self.judged.language[judgement])
        np.add.at(self.in_pool, judgement[before], 1)
        np.add.at(self.in_language, judgement[same], 1)
