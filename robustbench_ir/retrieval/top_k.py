"""The best passages of each query: exact, or by an approximate index of faiss, whose recall is measured."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.parallel import divided, in_threads
from robustbench_ir.encoders import Dense, Embeddings
from robustbench_ir.encoders.piece_embeddings import Pool
from robustbench_ir.errors import OptionError
from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY
from robustbench_ir.retrieval.scores import Doubles, RowNumbers
from robustbench_ir.retrieval.similarity import bytes_of_passage, pair_scores, product_with, rounding_error
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.tasks.task import IntArray

Index = Literal["flat", "ivf-pq", "hnsw"]
INDEXES: tuple[Index, ...] = get_args(Index)

_SAMPLE = 200
_RECALL_DEPTH = 100
_QUERIES_AT_ONCE = 64
_NEIGHBOURS = 32  # of a node of HNSW; the default of faiss
_BITS = 8  # of a code of a product quantiser
_TRAINING_PASSAGES = 100_000
_LISTS_PROBED = 16


@dataclass(frozen=True)
class BestPassages:
    """The best passages of some queries.

    Attributes
    ----------
    rows : int64 array of shape (queries, top)
        Rows of the pool, by descending score; equal scores are ordered as in ranking. -1 where there are fewer: an
        approximate index may find fewer, and some encoders do not retrieve passages with the score 0.
    scores : float64 array of shape (queries, top)
        Exact: dot products, or MaxSim.
    recall : float
        Share of the exact best 100 (or `top`, if less) that the index finds, as a mean over a sample of 200 queries; 1
        for an exact search.
    """

    rows: NDArray[np.int64]
    scores: Doubles
    recall: float


def best_passages(
    passages: Pool,
    queries: Embeddings,
    top: int,
    index: Index = "flat",
    memory: int = DEFAULT_MEMORY,
    own: IntArray | None = None,
    *,
    ties: TieOrder | None = None,
) -> BestPassages:
    """Return the best passages of each query.

    Parameters
    ----------
    passages, queries : arrays of shape (pool, dimensions) and (queries, dimensions)
        Embeddings, dense, sparse or of tokens (only dense ones with another index than ``"flat"``); passages may be
        mapped from a file.
    top : int
        Number of passages, 1 or more; all of them if the pool has fewer.
    index : {"flat", "ivf-pq", "hnsw"}
        ``"flat"`` compares with every passage and is exact. The others are approximate indexes of faiss, for pools
        where an exact search takes too long; the passages that they find are scored exactly and sorted.
    memory : int
        Bytes that a block of the pool and its scores may use in an exact search.
    own : int32 array of shape (queries,), optional
        Row of the passage that is left out of each query's list, -1 for none; see `Task.own_passage`.
    ties : TieOrder, optional
        Order of equal scores, for these queries and passages. Default: by row, where all queries and passages are
        alike to the caller.

    Raises
    ------
    OptionError
        If `top` is below 1, rows are sparse with an approximate index, or faiss is not installed.
    """
    if top < 1:
        raise OptionError(f"top {top}: at least 1 passage is needed")
    if own is not None:
        longer = best_passages(passages, queries, top + 1, index, memory, ties=ties)
        return _without(own, longer, top)
    depth = min(top, passages.shape[0])
    if index == "flat":
        rows, scores = _exact(passages, queries, depth, memory, ties)
        return BestPassages(
            rows if ties is None or ties.retrieves_zero else np.where(scores > 0, rows, -1), scores, recall=1.0
        )
    if not isinstance(passages, np.ndarray) or not isinstance(queries, np.ndarray):
        raise OptionError(f"index {index!r} takes dense embeddings only; use 'flat' with this encoder")
    rows, scores = _approximate(passages, queries, depth, index, ties)
    sample = np.unique(np.linspace(0, len(queries) - 1, min(_SAMPLE, len(queries))).astype(int))
    exact, _ = _exact(passages, queries[sample], min(depth, _RECALL_DEPTH), memory, ties and ties.for_queries(sample))
    shares = [np.isin(true, found).mean() for true, found in zip(exact, rows[sample], strict=True)]
    return BestPassages(rows, scores, float(np.mean(shares)))


def _without(own: IntArray, found: BestPassages, top: int) -> BestPassages:
    """Take each query's own passage out of a list that is one longer than asked for."""
    left_out = found.rows == own[:, None]
    order = np.argsort(left_out, axis=1, kind="stable")  # moves it to the end, and nothing else
    rows = np.take_along_axis(np.where(left_out, -1, found.rows), order, axis=1)[:, :top]
    scores = np.take_along_axis(np.where(left_out, -np.inf, found.scores), order, axis=1)[:, :top]
    return BestPassages(rows, scores, found.recall)


def _exact(
    passages: Pool, queries: Embeddings, depth: int, memory: int, ties: TieOrder | None
) -> tuple[NDArray[np.int64], Doubles]:
    """Search block by block; scores that float32 cannot distinguish at the end of the list are compared in float64."""
    pool = int(passages.shape[0])
    width = max(1, min(pool, memory // (bytes_of_passage(passages) + 4 * 2 * _QUERIES_AT_ONCE)))
    count = queries.shape[0]
    rows, scores = np.zeros((count, 0), dtype=np.int64), np.zeros((count, 0))
    for begin in range(0, pool, width):
        best = _better(passages[begin : begin + width], begin, queries, rows, scores, depth, ties)
        tiles = in_threads(best, divided(count, most=_QUERIES_AT_ONCE))
        rows, scores = (np.array(column) for column in zip(*itertools.chain.from_iterable(tiles), strict=True))
    return rows, scores


def _better(
    block: Pool,
    begin: int,
    queries: Embeddings,
    rows: NDArray[np.int64],
    scores: Doubles,
    depth: int,
    ties: TieOrder | None,
) -> Callable[[slice], list[tuple[NDArray[np.int64], Doubles]]]:
    """Return the function that merges what some queries have found so far with the best of a block."""
    product, error = product_with(block), rounding_error(queries, block)

    def better(tile: slice) -> list[tuple[NDArray[np.int64], Doubles]]:
        merged = []
        for row, found in enumerate(product(queries[tile]), start=tile.start):
            near = _likely(found, error[row], depth)
            # Without any error, as of sparse rows, the product has the exact scores already.
            exact = pair_scores(queries, np.full(len(near), row), block, near) if error[row] else found[near]
            found_rows = np.r_[rows[row], near + begin]
            merged.append(_sorted(found_rows, np.r_[scores[row], exact], _keys(ties, row, found_rows), depth))
        return merged

    return better


def _likely(scores: Dense, error: float, depth: int) -> RowNumbers:
    if len(scores) <= depth:
        return np.arange(len(scores))
    last = np.partition(scores, len(scores) - depth)[len(scores) - depth]
    # Twice the error: that of the last score in the list, and that of the score below it.
    return np.flatnonzero(scores >= last - 2 * error)


def _keys(ties: TieOrder | None, query: int, rows: NDArray[np.int64]) -> RowNumbers:
    return rows if ties is None else ties.keys(query, rows)


def _sorted(
    rows: NDArray[np.int64], scores: Doubles, keys: RowNumbers, depth: int
) -> tuple[NDArray[np.int64], Doubles]:
    order = np.lexsort((keys, -scores))[:depth]
    return rows[order], scores[order]


def _approximate(
    passages: Dense, queries: Dense, depth: int, index: Index, ties: TieOrder | None
) -> tuple[NDArray[np.int64], Doubles]:
    try:
        import faiss
    except ImportError as error:
        raise OptionError(f"index {index!r} needs faiss: pip install faiss-cpu") from error
    pool, columns = passages.shape
    if index == "hnsw":
        built = faiss.index_factory(columns, f"HNSW{_NEIGHBOURS},Flat", faiss.METRIC_INNER_PRODUCT)
        setting = "efSearch", max(2 * depth, 64)
    else:
        lists = max(1, min(int(4 * pool**0.5), pool // 64))
        codes = next(count for count in (48, 32, 16, 8, 4, 2, 1) if columns % count == 0)
        bits = min(_BITS, max(1, int(np.log2(max(pool // 64, 2)))))
        built = faiss.index_factory(columns, f"IVF{lists},PQ{codes}x{bits}", faiss.METRIC_INNER_PRODUCT)
        setting = "nprobe", _LISTS_PROBED
        built.train(np.ascontiguousarray(passages[:: max(1, pool // _TRAINING_PASSAGES)], dtype=np.float32))
    faiss.ParameterSpace().set_index_parameter(built, *setting)
    for begin in range(0, pool, 1 << 16):
        built.add(np.ascontiguousarray(passages[begin : begin + (1 << 16)], dtype=np.float32))
    _, found = built.search(np.ascontiguousarray(queries, dtype=np.float32), depth)
    exact = pair_scores(queries, np.repeat(np.arange(len(queries)), depth), passages, np.maximum(found, 0).ravel())
    scores = np.where(found < 0, -np.inf, exact.reshape(found.shape))
    pairs = [
        _sorted(row, score, _keys(ties, place, np.maximum(row, 0)), depth)
        for place, (row, score) in enumerate(zip(found, scores, strict=True))
    ]
    return np.array([row for row, _ in pairs]), np.array([score for _, score in pairs])
