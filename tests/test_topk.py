"""The best passages: exact by blocks, approximate by faiss with the recall beside it, exported as runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.random import default_rng

from robustbench_ir import attack
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.retrieval.trec_runs import read_run, write_run
from robustbench_ir.tasks import Passage, Query, load_task


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clustered(count: int, seed: int) -> np.ndarray:
    """Rows around a hundred centres, as texts lie around topics; an index finds nothing in pure noise."""
    random = default_rng(seed)
    centres = default_rng(0).normal(size=(100, 48))
    return unit(centres[random.integers(0, 100, count)] + 0.4 * random.normal(size=(count, 48)))


@pytest.mark.parametrize("memory", [1 << 24, 40_000])
def test_the_exact_search_is_that_of_faiss(memory: int) -> None:
    faiss = pytest.importorskip("faiss")
    pool, queries = clustered(3000, 1), clustered(150, 2)
    flat = faiss.IndexFlatIP(48)
    flat.add(pool)
    scores, rows = flat.search(queries, 20)
    found = best_passages(pool, queries, 20, memory=memory)
    assert found.recall == 1
    assert found.scores == pytest.approx(scores, abs=1e-6)
    assert (found.rows == rows).mean() > 0.999, "all but what float32 cannot tell apart"


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("width", [1, 7, 100])
def test_equal_scores_are_in_the_order_of_the_pool(kind: str, width: int) -> None:
    random = default_rng(3)
    pool = random.integers(0, 3, (100, 4)).astype(np.float32)
    queries = random.integers(0, 3, (70, 4)).astype(np.float32)
    expected = np.argsort(-(queries @ pool.T), axis=1, kind="stable")[:, :10]
    memory = width * 4 * 4 + width * 512
    if kind == "sparse":
        found = best_passages(sp.csr_array(pool), sp.csr_array(queries), 10, memory=memory)
    else:
        found = best_passages(pool, queries, 10, memory=memory)
    assert found.rows.tolist() == expected.tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("index", "least"), [("ivf-pq", 0.5), ("hnsw", 0.95)])
def test_an_approximate_index_says_how_much_it_finds(index: str, least: float) -> None:
    pytest.importorskip("faiss")
    pool, queries = clustered(4000, 4), clustered(60, 5)
    exact, found = best_passages(pool, queries, 50), best_passages(pool, queries, 50, index)  # type: ignore[arg-type]
    recall = np.mean([np.isin(true, row).mean() for true, row in zip(exact.rows, found.rows, strict=True)])
    assert found.recall == pytest.approx(recall)
    assert least < found.recall < 1.0001
    agreed = exact.rows == found.rows
    assert found.scores[agreed] == pytest.approx(exact.scores[agreed], abs=0), "scored exactly"


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(OptionError, match="top 0"):
        best_passages(clustered(10, 1), clustered(2, 1), 0)
    with pytest.raises(OptionError, match="dense embeddings only"):
        best_passages(sp.csr_array(clustered(10, 1)), sp.csr_array(clustered(2, 1)), 3, "hnsw")
    assert best_passages(clustered(10, 1), clustered(2, 1), 99).rows.shape == (2, 10)


def test_runs_hold_the_ranks_of_the_result(tmp_path: Path) -> None:
    """With two jobs as with one; what a rank says is where the passage stands in the file."""
    task = load_task("mini", ["en", "sw"])
    asked = {"languages": ["en", "sw"], "recipes": ["typo"], "severities": [1]}
    result = attack("char-ngram", **asked, run=RunOptions(resume=False, runs=RunExport(tmp_path / "one", top=40)))
    attack("char-ngram", **asked, run=RunOptions(resume=False, runs=RunExport(tmp_path / "two", top=40), jobs=2))
    for name, cell in (("clean", result.clean), ("typo-severity1-seed0", result.attacked[0])):
        lines = (tmp_path / "one" / f"{name}.trec").read_text(encoding="utf-8").splitlines()
        assert len(lines) == 40 * len(task.queries)
        place = {(one.split()[0], one.split()[2]): int(one.split()[3]) for one in lines}
        judged = [
            (task.queries[query].query_id, task.passages[passage].passage_id)
            for query, passage in zip(task.qrels.query, task.qrels.passage, strict=True)
        ]
        assert [place.get(one, 0) for one in judged] == np.where(
            cell.ranks.in_pool <= 40, cell.ranks.in_pool, 0
        ).tolist()
        about = json.loads((tmp_path / "one" / f"{name}.json").read_text(encoding="utf-8"))
        assert (about["queries_sha256"], about["recall_at_100_of_exact"]) == (cell.digest, 1)
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


def test_a_run_that_is_written_is_read_again(tmp_path: Path) -> None:
    task = load_task("mini", ["en", "sw"])
    rows = np.tile(np.arange(5), (len(task.queries), 1))
    rows[0, 4] = -1
    scores = np.tile(np.linspace(1, 0, 5), (len(task.queries), 1))
    for name in ("run.trec", "run.trec.gz"):
        run = read_run(write_run(tmp_path / name, task.queries, task.passages, rows, scores, "my engine"), task)
        assert run.tag == "my-engine"
        assert run.ranked[task.queries[0].query_id] == [one.passage_id for one in task.passages[:4]]
        assert run.depth == 5
    with pytest.raises(DataError, match="contains white space"):
        write_run(
            tmp_path / "x", [Query("a b", "en", "?", "a")], [Passage("p", "en", ".")], rows[:1, :1], scores[:1, :1], "x"
        )
