"""Counting gives the ranks that sorting gives."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.random import default_rng

from robustbench_ir.retrieve import rank_relevant
from robustbench_ir.tasks import Passage, Query, Task, build_task

LANGUAGES = ("aa", "bb", "cc")


def random_task(seed: int, queries: int = 40, passages: int = 30) -> Task:
    random = default_rng(seed)
    pool = [Passage(f"{one}{number}", one, "text") for one in LANGUAGES for number in range(passages)]
    asked = [Query(f"q{number}", LANGUAGES[number % 3], "text", f"q{number}") for number in range(queries)]
    chosen = {
        query.query_id: random.choice(len(pool), size=int(random.integers(1, 6)), replace=False) for query in asked
    }
    relevant = {query_id: {pool[row].passage_id: 1 for row in rows} for query_id, rows in chosen.items()}
    return build_task("random", 1, asked, pool, relevant)


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
    monkeypatch.setattr("robustbench_ir.retrieve._SCORES_AT_ONCE", len(passages) * 3)
    part = rank_relevant(task, passages, queries[rows], rows, done.append)
    picked = np.isin(task.qrels.query, rows)
    assert part.in_pool.tolist() == whole.in_pool[picked].tolist()
    assert done == [3, 1]
