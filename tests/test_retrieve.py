"""Counting gives the ranks that sorting gives."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.random import default_rng
from threadpoolctl import threadpool_limits

from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Passage, Query, Task, build_task
from tests.support.tasks import random_task
from tests.support.ties import rows_by_score, tie_key


def ranks_by_sorting(task: Task, scores: np.ndarray) -> tuple[list[int], list[int]]:
    in_pool, in_language = [], []
    languages = np.array([passage.language for passage in task.passages])
    for query, passage in zip(task.qrels.query, task.qrels.passage, strict=True):
        order = np.array(rows_by_score(task, query, scores[query]))
        in_pool.append(int(np.flatnonzero(order == passage)[0]) + 1)
        own = order[languages[order] == languages[passage]]
        in_language.append(int(np.flatnonzero(own == passage)[0]) + 1)
    return in_pool, in_language


@pytest.mark.parametrize("values", ["distinct", "tied", "all equal"])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_ranks_equal_those_of_sorting(values: str, kind: str) -> None:
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
    """Another road: each score by Python's exactly rounded sum, then sorting."""
    scores = [[math.fsum((query.astype(float) * one).tolist()) for one in passages] for query in queries]
    return ranks_by_sorting(task, np.array(scores))[0]


def test_copies_of_a_passage_are_ordered_alike_on_any_number_of_threads_and_in_blocks_of_any_size(
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


def test_equal_scores_are_ordered_by_a_hash_of_both_ids() -> None:
    task = random_task(3)
    order = TieOrder.of(task)
    queries, passages = np.arange(len(task.queries))[:, None], np.arange(len(task.passages))
    keys = order.keys(queries, passages)
    expected = [[tie_key(one.query_id, other.passage_id) for other in task.passages] for one in task.queries]
    assert keys.tolist() == expected
    part = order.for_queries([4, 2, 2]).for_passages(slice(10, 20))
    assert part.keys(np.arange(3)[:, None], np.arange(10)).tolist() == [expected[row][10:20] for row in (4, 2, 2)]


def test_among_equal_scores_no_language_is_preferred() -> None:
    task = random_task(5, queries=300, passages=40)
    same = np.ones((len(task.passages), 1), dtype=np.float32), np.ones((len(task.queries), 1), dtype=np.float32)
    found = rank_relevant(task, *same, range(len(task.queries)))
    assert found.tied is not None
    assert found.tied.all()
    languages = np.array([task.passages[row].language for row in task.qrels.passage])
    middle = (len(task.passages) + 1) / 2
    for language in task.passage_languages:
        ranks = found.in_pool[languages == language]
        # The mean of so many random ranks: 119.5 / sqrt(12) is the spread of one of them.
        assert abs(ranks.mean() - middle) < 4 * 119.5 / np.sqrt(12 * len(ranks)), language


def test_a_passage_with_the_id_of_the_query_is_not_preferred() -> None:
    names = [f"same{number}" for number in range(200)]
    queries = [Query(name, "aa", "text", name) for name in names]
    passages = [Passage(name, "aa", "text") for name in names]
    task = build_task("same", 1, queries, passages, {name: {name: 1} for name in names}, own={})
    ones = np.ones((200, 1), dtype=np.float32)
    ranks = rank_relevant(task, ones, ones, range(200)).in_pool
    assert abs(ranks.mean() - 100.5) < 4 * 200 / np.sqrt(12 * 200)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_what_ties_is_known_and_what_scores_zero_may_have_no_rank(kind: str) -> None:
    task = random_task(6)
    random = default_rng(7)
    queries = random.integers(0, 2, (len(task.queries), 3)).astype(np.float32)
    passages = random.integers(0, 2, (len(task.passages), 3)).astype(np.float32)
    scores = queries @ passages.T
    pair = scores[task.qrels.query, task.qrels.passage]
    several = np.array([(scores[query] == one).sum() > 1 for query, one in zip(task.qrels.query, pair, strict=True)])
    given = (passages, queries) if kind == "dense" else (sp.csr_array(passages), sp.csr_array(queries))
    rows = range(len(queries))
    everything = rank_relevant(task, *given, rows)
    assert everything.tied is not None
    assert everything.tied.tolist() == several.tolist()
    found = rank_relevant(task, *given, rows, ties=replace(TieOrder.of(task), retrieves_zero=False))
    assert found.tied is not None
    assert found.tied.tolist() == (several & (pair > 0)).tolist()
    assert found.in_pool.tolist() == np.where(pair > 0, everything.in_pool, 0).tolist()
    assert found.in_language.tolist() == np.where(pair > 0, everything.in_language, 0).tolist()
    best = best_passages(*given, 30, ties=replace(TieOrder.of(task), retrieves_zero=False))
    for query in rows:
        expected = [row for row in rows_by_score(task, query, scores[query]) if scores[query, row] > 0][:30]
        assert best.rows[query].tolist() == expected + [-1] * (30 - len(expected))


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
