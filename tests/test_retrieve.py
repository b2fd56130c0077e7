"""Counting gives the ranks that sorting gives."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.random import default_rng
from threadpoolctl import threadpool_limits

from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.tasks import Task
from tests.support.tasks import random_task


def ranks_by_sorting(task: Task, scores: np.ndarray) -> tuple[list[int], list[int]]:
    in_pool, in_language = [], []
    languages = np.array([passage.language for passage in task.passages])
    for query, passage in zip(task.qrels.query, task.qrels.passage, strict=True):
        order = np.argsort(-scores[query], kind="stable")
        in_pool.append(int(np.flatnonzero(order == passage)[0]) + 1)
        own = order[languages[order] == languages[passage]]
        in_language.append(int(np.flatnonzero(own == passage)[0]) + 1)
    return in_pool, in_language


@pytest.mark.parametrize("values", ["distinct", "tied", "all equal"])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_ranks_equal_those_of_a_stable_sort(values: str, kind: str) -> None:
    task = random_task(3)
    random = default_rng(5)
    shape = {"distinct": 10, "tied": 2, "all equal": 1}[values]
    queries = random.integers(0, 2 if values != "distinct" else 1000, (len(task.queries), shape)).astype(np.float32)
    passages = random.integers(0, 2 if values != "distinct" else 1000, (len(task.passages), shape)).astype(np.float32)
    if values == "all equal":
        queries[:], passages[:] = 1, 1
    expected = ranks_by_sorting(task, queries @ passages.T)
    if kind == "sparse":
        found = rank_relevant(task, sp.csr_array(passages), sp.csr_array(queries), range(len(queries)))
    else:
        found = rank_relevant(task, passages, queries, range(len(queries)))
    assert found.in_pool.tolist() == expected[0]
    assert found.in_language.tolist() == expected[1]


def test_some_rows_only_and_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    task = random_task(4)
    random = default_rng(6)
    queries = random.normal(size=(len(task.queries), 8)).astype(np.float32)
    passages = random.normal(size=(len(task.passages), 8)).astype(np.float32)
    whole = rank_relevant(task, passages, queries, range(len(queries)))
    rows = [1, 5, 6, 30]
    done: list[int] = []
    monkeypatch.setattr("robustbench_ir.retrieval.ranking._SCORES_AT_ONCE", len(passages) * 3)
    monkeypatch.setattr("robustbench_ir.retrieval.ranking._passages_at_once", lambda pool, _: len(pool))
    part = rank_relevant(task, passages, queries[rows], rows, done.append)
    picked = np.isin(task.qrels.query, rows)
    assert part.in_pool.tolist() == whole.in_pool[picked].tolist()
    assert done == [3, 1]


def real_looking(task: Task, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows with many copies among the passages, as pools have them."""
    random = default_rng(seed)
    passages = random.normal(size=(len(task.passages), 384)).astype(np.float32)
    passages[random.integers(0, len(passages), len(passages) // 2)] = passages[3]
    passages /= np.linalg.norm(passages, axis=1, keepdims=True)
    queries = random.normal(size=(len(task.queries), 384)).astype(np.float32) + passages[task.qrels.passage[0]]
    return passages, queries


def ranks_in_double_precision(task: Task, passages: np.ndarray, queries: np.ndarray) -> list[int]:
    """Another road: each score by Python's exactly rounded sum, then a stable sort."""
    scores = [[math.fsum((query.astype(float) * one).tolist()) for one in passages] for query in queries]
    return ranks_by_sorting(task, np.array(scores))[0]


def test_copies_of_a_passage_are_ordered_by_row_on_any_number_of_threads_and_in_blocks_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """numpy's product alone gives copies different last bits, and others with each number of threads."""
    task = random_task(7, queries=20, passages=67)
    passages, queries = real_looking(task, 8)
    expected = ranks_in_double_precision(task, passages, queries)
    monkeypatch.setattr("robustbench_ir.retrieval.ranking._SCORES_A_THREAD", 1)
    for threads in (1, 2, 3):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        for width in (1, 7, 64, 201):
            monkeypatch.setattr("robustbench_ir.retrieval.ranking._passages_at_once", lambda _, __, width=width: width)
            with threadpool_limits(threads):
                found = rank_relevant(task, passages, queries, range(len(queries)))
            assert found.in_pool.tolist() == expected, (threads, width)


def test_torch_and_numpy_give_the_same_ranks() -> None:
    """The road that a GPU takes, on torch's CPU."""
    task = random_task(9, queries=20, passages=67)
    passages, queries = real_looking(task, 10)
    by_numpy = rank_relevant(task, passages, queries, range(len(queries)))
    by_torch = rank_relevant(task, passages, queries, range(len(queries)), device="cpu:0")
    assert by_torch.in_pool.tolist() == by_numpy.in_pool.tolist()
    assert by_torch.in_language.tolist() == by_numpy.in_language.tolist()


def test_a_pool_mapped_from_a_file_is_ranked_in_bounded_memory(tmp_path: Path) -> None:
    """60,000 passages and 200 queries: the whole score matrix would be 48 MB, the pool in float32 46 MB."""
    random = default_rng(11)
    np.save(tmp_path / "pool.npy", random.normal(size=(60_000, 192)).astype(np.float16))
    pool = np.load(tmp_path / "pool.npy", mmap_mode="r")
    task = random_task(12, queries=200, passages=20_000)
    queries = random.normal(size=(200, 192)).astype(np.float32)
    whole = rank_relevant(task, np.asarray(pool, dtype=np.float32), queries, range(200))
    tracemalloc.start()
    found = rank_relevant(task, pool, queries, range(200), memory=8 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.in_pool.tolist() == whole.in_pool.tolist()
    assert found.in_language.tolist() == whole.in_language.tolist()
    assert peak < 24 << 20
