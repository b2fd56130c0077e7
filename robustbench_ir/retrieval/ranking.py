"""Exact ranks of the relevant passages, by counting the passages with higher scores: no sorting, no loop over passages.

The matrix product is in float32, whose last bits depend on the processor, the number of threads and the shape of the
block. So it decides only what is clearly above or below a relevant passage; scores within its rounding error are
compared in float64, pair by pair. Equal embeddings then give equal ranks with any number of threads or processes, in
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
from robustbench_ir.encoders.piece_embeddings import Pool
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.retrieval.scores import Doubles
from robustbench_ir.retrieval.similarity import (
    Product,
    bytes_of_passage,
    pair_scores,
    product_with,
    rounding_error,
    scores_of_passage,
)
from robustbench_ir.retrieval.ties import Keys, TieOrder
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.task import IntArray

# Comparisons are packed eight to a byte, which makes counting and finding them several times as fast.

Bits = NDArray[np.uint8]
Bools = NDArray[np.bool_]
_Rows = NDArray[np.intp]


def packed_bits(compared: Bools) -> Bits:
    """Pack comparisons, eight to a byte.

    Parameters
    ----------
    compared : bool array of shape (rows, columns)

    Returns
    -------
    uint8 array of shape (rows, columns / 8)
        The first column is the highest bit; the last byte is filled up with zeros.
    """
    return np.packbits(compared, axis=1)


def counts_by_stretch(bits: Bits, starts: _Rows) -> NDArray[np.int32]:
    """Return the number of ones in each stretch of columns; the last stretch goes to the end.

    Parameters
    ----------
    bits : uint8 array of shape (rows, columns / 8)
    starts : int array of shape (stretches,)
        First column of each stretch, ascending, beginning with 0.

    Returns
    -------
    int32 array of shape (rows, stretches)
    """
    byte, bit = np.divmod(starts, 8)
    counts: NDArray[np.int32] = np.add.reduceat(np.bitwise_count(bits), byte, axis=1, dtype=np.int32)
    counts[:, :-1][:, byte[:-1] == byte[1:]] = 0  # for an empty range, reduceat returns the first element
    # The byte in which a stretch starts was counted whole; its first bits belong to the stretch before.
    before = np.bitwise_count(bits[:, byte] & (0xFF00 >> bit & 0xFF).astype(np.uint8)).astype(np.int32)
    counts -= before
    counts[:, :-1] += before[:, 1:]
    return counts


def positions_of_ones(bits: Bits) -> tuple[_Rows, _Rows]:
    """Return row and column of each one, in order; fast if there are few."""
    row, byte = np.divmod(np.flatnonzero(bits != 0), bits.shape[1])
    which, bit = np.nonzero(np.unpackbits(bits[row, byte, None], axis=1))
    return row[which], byte[which] * 8 + bit


DEFAULT_MEMORY = 1 << 28
_SCORES_AT_ONCE = 1 << 22  # 16 MiB of float32: a tile that fits into the processor's cache
_SCORES_A_THREAD = 1 << 18
_MAX_SIMS_A_THREAD = 1 << 13  # each is a product of two matrices
_COMPARED_AT_ONCE = 1 << 22
_UNSURE_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class Ranks:
    """Ranks of judged passages, 1-based, in the order of the task's judgements; 0 for a passage that is not retrieved.

    Attributes
    ----------
    in_pool : int32 array of shape (judgements,)
        Ranks among all passages.
    in_language : int32 array of shape (judgements,)
        Ranks among the passages in the judged passage's language.
    tied : bool array of shape (judgements,), optional
        Whether another passage of the pool has the same score, so that chance decides the rank; None if it is not
        known.
    """

    in_pool: IntArray
    in_language: IntArray
    tied: Bools | None = None

    def picked(self, judgements: NDArray[np.intp] | Bools) -> Ranks:
        """Return the ranks of some judgements, given by index or mask."""
        tied = None if self.tied is None else self.tied[judgements]
        return Ranks(self.in_pool[judgements], self.in_language[judgements], tied)

    def updated(self, judgements: NDArray[np.intp], new: Ranks) -> Ranks:
        """Return a copy with the ranks of some judgements replaced.

        Parameters
        ----------
        judgements : integer array
            Indices of the judgements.
        new : Ranks
            Their new ranks.
        """
        in_pool, in_language = self.in_pool.copy(), self.in_language.copy()
        in_pool[judgements] = new.in_pool
        in_language[judgements] = new.in_language
        if self.tied is None or new.tied is None:
            return Ranks(in_pool, in_language)
        tied = self.tied.copy()
        tied[judgements] = new.tied
        return Ranks(in_pool, in_language, tied)


def rank_relevant(
    task: Task,
    passages: Pool,
    queries: Embeddings,
    rows: Sequence[int],
    advance: Callable[[int], None] = lambda _: None,
    *,
    memory: int = DEFAULT_MEMORY,
    device: str | None = None,
    ties: TieOrder | None = None,
) -> Ranks:
    """Rank the judged passages of some queries against the whole pool.

    The order is by descending dot product of the float32 rows, or MaxSim of rows of tokens, computed in float64
    wherever float32 could err; equal scores are ordered by a hash of the two ids. A query's own passage is no rival of
    the judged ones: see `Task.own_passage`.

    Parameters
    ----------
    task : Task
        Task with the judgements.
    passages : float32 or float16 array of shape (pool, dimensions), TokenEmbeddings or PieceEmbeddings
        Embeddings of the pool, dense, sparse, of tokens or of pieces; a dense array may be mapped from a file, and is
        read once, by blocks.
    queries : float32 array of shape (len(rows), dimensions), or TokenEmbeddings
        Embeddings of the queries, of the same kind as `passages`.
    rows : sequence of int
        Rows of `task.queries` that `queries` holds, ascending.
    advance : callable, optional
        Called with the number of queries that were finished since the last call; a share of them for each block.
    memory : int
        Bytes that a block of the pool and its scores may use, without the embeddings.
    device : str, optional
        Device on which dense scores are computed. Default: the GPU if torch is loaded and has one.
    ties : TieOrder, optional
        Order of equal scores, for the queries of `rows` and the whole pool. Default: that of the task.

    Returns
    -------
    Ranks
        One entry for each judgement of these queries, in the order of the task's judgements.
    """
    order = TieOrder.of(task).for_queries(rows) if ties is None else ties
    judged = _judged(task, passages, queries, rows, order)
    starts = np.array([part.start for part in task.passage_slices.values()])
    in_pool, in_language = np.ones((2, len(judged.passage)), dtype=np.int32)
    tied = np.zeros(len(judged.passage), dtype=bool)
    width = _passages_at_once(passages, memory)
    fitting = min(_SCORES_AT_ONCE, memory // 8 // threads()) // (width * scores_of_passage(passages))
    worth_a_thread = _MAX_SIMS_A_THREAD if isinstance(passages, TokenEmbeddings) else _SCORES_A_THREAD
    tiles = divided(len(rows), least=worth_a_thread // width, most=fitting)
    blocks = range(0, passages.shape[0], width)
    done = 0
    for number, begin in enumerate(blocks):
        block = _Block.of(passages[begin : begin + width], begin, queries, judged, starts, device)
        fresh = partial(_Unsure, judged, queries, block, in_pool, in_language, tied)
        for ranked in in_threads(partial(_rank_tile, fresh), tiles):
            position = (number * len(rows) + ranked) // len(blocks)
            advance(position - done)
            done = position
    if task.own_passage is not None:
        _leave_out(task.own_passage[np.asarray(rows)], judged, passages, queries, in_pool, in_language, starts)
    in_pool[~judged.retrieved] = in_language[~judged.retrieved] = 0
    return Ranks(in_pool, in_language, tied)


def _leave_out(
    own: IntArray,
    judged: _Judged,
    passages: Pool,
    queries: Embeddings,
    in_pool: IntArray,
    in_language: IntArray,
    starts: _Rows,
) -> None:
    """Take each query's own passage out of the ranks of the judged passages that it was counted for."""
    passage = own[judged.query]
    (there,) = np.nonzero((passage >= 0) & (passage != judged.passage))
    passage = passage[there]
    score = pair_scores(queries, judged.query[there], passages, passage)
    than = judged.score[there]
    query = judged.query[there]
    earlier = judged.ties.keys(query, passage) < judged.key[there]
    before = (score > than) | ((score == than) & earlier)
    same = np.searchsorted(starts, passage, side="right") - 1 == judged.language[there]
    in_pool[there[before]] -= 1
    in_language[there[before & same]] -= 1


def _passages_at_once(passages: Pool, memory: int) -> int:
    """Return the number of passages in a block: as many as fit into memory, with the scores of one query."""
    return max(1, min(int(passages.shape[0]), _SCORES_AT_ONCE // 64, memory // (bytes_of_passage(passages) + 16)))


@dataclass(frozen=True)
class _Judged:
    """The judgements of some queries: row among these queries, passage, index of its language, exact score.

    Equal scores are ordered by `ties`, in which each judged passage has a `key`. A passage that is not `retrieved` is
    compared with no other.
    """

    query: _Rows
    passage: IntArray
    language: _Rows
    score: Doubles
    first: _Rows
    ties: TieOrder
    key: Keys
    retrieved: Bools


def _judged(task: Task, passages: Pool, queries: Embeddings, rows: Sequence[int], ties: TieOrder) -> _Judged:
    picked = np.flatnonzero(np.isin(task.qrels.query, rows))
    query = np.searchsorted(rows, task.qrels.query[picked])
    passage = task.qrels.passage[picked]
    stops = np.array([part.stop for part in task.passage_slices.values()])
    score = pair_scores(queries, query, passages, passage)
    return _Judged(
        query=query,
        passage=passage,
        language=np.searchsorted(stops, passage, side="right"),
        score=score,
        first=np.searchsorted(query, np.arange(len(rows) + 1)),
        ties=ties,
        key=ties.keys(query, passage),
        retrieved=np.ones(len(score), dtype=bool) if ties.retrieves_zero else score > 0,
    )


@dataclass(frozen=True)
class _Block:
    """A block of the pool from row `begin` on, with the bounds that the judged passages' scores are compared with.

    A passage with a score above `high` is surely above a judged one, and from `low` on it may be; `cuts` has the first
    column of each of `languages`.
    """

    passages: Pool
    begin: int
    product: Product
    exact: bool
    high: Dense
    low: Dense
    languages: _Rows
    cuts: _Rows

    @classmethod
    def of(
        cls, passages: Pool, begin: int, queries: Embeddings, judged: _Judged, starts: _Rows, device: str | None
    ) -> _Block:
        end = begin + passages.shape[0]
        error = rounding_error(queries, passages)[judged.query]
        score = np.where(judged.retrieved, judged.score, np.inf)
        languages = np.arange(np.searchsorted(starts, begin, side="right") - 1, np.searchsorted(starts, end))
        return cls(
            passages=passages,
            begin=begin,
            product=product_with(passages, device),
            exact=not error.any(),
            high=(score + error).astype(np.float32)[:, None],
            low=(score - error).astype(np.float32)[:, None],
            languages=languages,
            cuts=np.maximum(starts[languages] - begin, 0),
        )


def _rank_tile(fresh: Callable[[], _Unsure], tile: slice) -> int:
    """Add to the ranks of the judged passages of a tile of queries; return its last row."""
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
    """Count the passages that are surely above judged ones, and record those that may be.

    Parameters
    ----------
    scores : float32 array of shape (queries, passages)
        Scores of a tile of queries for the block.
    top : int
        Row of the tile's first query.
    part : slice
        Judgements to count for.
    unsure : _Unsure
        Has the block; receives the pairs that float32 cannot order.

    Returns
    -------
    int32 array of shape (judged, languages of the block)
        Number of passages above each judged one, by language.
    """
    judged, block = unsure.judged, unsure.block
    above, perhaps = np.empty((2, part.stop - part.start, -(-scores.shape[1] // 8)), dtype=np.uint8)
    for row in range(judged.query[part.start], judged.query[part.stop - 1] + 1):
        own = slice(max(judged.first[row], part.start), min(judged.first[row + 1], part.stop))
        there = slice(own.start - part.start, own.stop - part.start)
        above[there] = packed_bits(scores[row - top] > block.high[own])
        perhaps[there] = packed_bits(scores[row - top] >= block.low[own])
    judgement, passage = positions_of_ones(above ^ perhaps)
    unsure.add(judgement + part.start, passage)
    return counts_by_stretch(above, block.cuts)


@dataclass
class _Unsure:
    """Pairs of a judgement and a passage that float32 cannot order; they are compared in float64, many at a time.

    A passage is ranked above a judged one if its score is higher, or if it is equal and its key comes first.
    """

    judged: _Judged
    queries: Embeddings
    block: _Block
    in_pool: IntArray
    in_language: IntArray
    tied: Bools
    _pairs: list[tuple[_Rows, _Rows]] = field(default_factory=list)
    _count: int = 0

    def add(self, judgement: _Rows, passage: _Rows) -> None:
        """Record pairs of a judgement and a row of the block."""
        # A judged passage is not ranked above itself.
        others = passage + self.block.begin != self.judged.passage[judgement]
        self._pairs.append((judgement[others], passage[others]))
        self._count += int(np.count_nonzero(others))
        if self._count > _UNSURE_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Compare the exact scores, and add the passages above to the ranks."""
        if not self._pairs:
            return
        judgement, passage = (np.concatenate(column) for column in zip(*self._pairs, strict=True))
        self._pairs, self._count = [], 0
        own = self.judged.score[judgement]
        query = self.judged.query[judgement]
        exact = own if self.block.exact else pair_scores(self.queries, query, self.block.passages, passage)
        before = exact > own
        (equal,) = np.nonzero(exact == own)
        self.tied[judgement[equal]] = True
        ties, asked = self.judged.ties, query[equal]
        rival = ties.keys(asked, passage[equal] + self.block.begin)
        before[equal] = rival < self.judged.key[judgement[equal]]
        language = self.block.languages[np.searchsorted(self.block.cuts, passage, side="right") - 1]
        same = before & (language == self.judged.language[judgement])
        _count_into(self.in_pool, judgement[before])
        _count_into(self.in_language, judgement[same])


def _count_into(counts: IntArray, rows: _Rows) -> None:
    """Add one to the counts at each of the rows, which may repeat; other threads may count in rows beyond these."""
    if len(rows):
        first = int(rows.min())
        found = np.bincount(rows - first).astype(counts.dtype)
        counts[first : first + len(found)] += found
