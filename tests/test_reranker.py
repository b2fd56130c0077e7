"""Rerankers order the best passages of an encoder as sentence-transformers' own CrossEncoder does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import EncoderOptions, load_encoder, load_reranker, reranked
from robustbench_ir.encoders.encoder import EncoderDescription
from robustbench_ir.encoders.reranker import RerankedByPool, parse_reranked
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks import Task, load_task
from tests.support.models import reranker
from tests.support.ties import rows_by_score

sentence_transformers = pytest.importorskip("sentence_transformers", minversion="6")

TOP_K = 7
LANGUAGES = ("en", "sw", "yo")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reranker(tmp_path_factory.mktemp("reranker") / "model")


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("mini", LANGUAGES)


def expected_ranks(task: Task, folder: Path, encoder: str) -> Ranks:
    """Rank by hand: all passages of a pool by the first stage, then the first of them by the library's own model."""
    model = sentence_transformers.CrossEncoder(str(folder), device="cpu")
    runner = Runner(load_encoder(encoder), task)
    queries = runner.encode([query.text for query in task.queries])
    # In float64, in which products of float32 are exact; bm25's own product is the reference of its sums.
    if isinstance(queries, np.ndarray):
        scores = queries.astype(np.float64) @ runner.pool.T.astype(np.float64)
    else:
        scores = (queries @ runner.pool.T).toarray()
    orders = {}

    def order(query: int, part: slice) -> list[int]:
        if (query, part.start, part.stop) not in orders:
            rows = [row for row in rows_by_score(task, query, scores[query]) if part.start <= row < part.stop]
            if encoder == "bm25":  # a search engine does not return what shares no word with the query
                rows = [row for row in rows if scores[query, row] > 0]
            best = rows[:TOP_K]
            text = task.queries[query].text
            pairs = [(text, task.passages[row].text) for row in best]
            found = model.predict(pairs, activation_fn=torch.nn.Identity())
            again = [best[place] for place in np.argsort(-np.asarray(found), kind="stable")]
            orders[query, part.start, part.stop] = again + rows[TOP_K:]
        return orders[query, part.start, part.stop]

    whole = slice(0, len(task.passages))
    in_pool: list[int] = []
    in_language: list[int] = []
    for query, passage in zip(task.qrels.query, task.qrels.passage, strict=True):
        part = next(part for part in task.passage_slices.values() if part.start <= passage < part.stop)
        for ranks, rows in ((in_pool, order(query, whole)), (in_language, order(query, part))):
            ranks.append(rows.index(passage) + 1 if passage in rows else 0)
    return Ranks(np.array(in_pool), np.array(in_language))


@pytest.mark.parametrize("first", ["char-ngram", "bm25"])
def test_ranks_are_those_of_the_librarys_own_reranker(first: str, folder: Path, task: Task) -> None:
    result = rb.attack(f"reranked:{folder}@{TOP_K}:{first}", task=task, recipes=[])
    expected = expected_ranks(task, folder, first)
    assert result.clean.ranks.in_pool.tolist() == expected.in_pool.tolist()
    assert result.clean.ranks.in_language.tolist() == expected.in_language.tolist()
    alone = rb.attack(first, task=task, recipes=[])
    assert result.clean.ranks.in_pool.tolist() != alone.clean.ranks.in_pool.tolist()


@dataclass(frozen=True)
class Judge:
    """A reranker that is a function of query and passage."""

    score: Callable[[str, str], float]
    description: EncoderDescription = field(default_factory=partial(EncoderDescription, "judge", "", "", 1))

    def score_pairs(self, queries: Sequence[str], passages: Sequence[str]) -> np.ndarray:
        return np.array([self.score(*pair) for pair in zip(queries, passages, strict=True)])


def test_the_attacked_queries_are_what_the_reranker_reads(task: Task) -> None:
    seen: set[str] = set()

    def by_length(query: str, passage: str) -> float:
        seen.add(query)
        return len(passage)

    rb.attack(reranked(load_encoder("bm25"), Judge(by_length), 3), task=task, recipes=["typo"])
    perturbed = {one.text for one in rb.load_recipe("typo").perturb(task.queries, 3, 0)}
    assert seen == {query.text for query in task.queries} | perturbed


def test_a_reranker_of_equal_scores_changes_nothing(task: Task) -> None:
    alone = rb.attack("bm25", task=task, recipes=["typo"])
    same = rb.attack(reranked(load_encoder("bm25"), Judge(lambda *_: 0.0), 20), task=task, recipes=["typo"])
    for one, other in zip((alone.clean, *alone.attacked), (same.clean, *same.attacked), strict=True):
        assert one.ranks.in_pool.tolist() == other.ranks.in_pool.tolist()
        assert one.ranks.in_language.tolist() == other.ranks.in_language.tolist()


def test_a_reranker_that_knows_the_answer_puts_it_first(task: Task) -> None:
    relevant = {
        (task.queries[query].text, task.passages[passage].text)
        for query, passage in zip(task.qrels.query, task.qrels.passage, strict=True)
    }
    judge = Judge(lambda query, passage: float((query, passage) in relevant))
    result = rb.attack(reranked(load_encoder("char-ngram"), judge, len(task.passages)), task=task, recipes=[])
    assert set(result.clean.ranks.in_language.tolist()) == {1}
    assert max(result.clean.ranks.in_pool) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(lambda *_: float("nan"), "not all of it finite"), (lambda *_: [1.0, 2.0], r"shape \(\d+, 2\)")],
)
def test_what_is_no_score_is_refused(wrong: Callable[[str, str], float], message: str, task: Task) -> None:
    with pytest.raises(EncoderError, match=message):
        rb.attack(reranked(load_encoder("bm25"), Judge(wrong), 3), task=task, recipes=[])


def test_the_run_is_in_the_order_of_the_reranker(folder: Path, task: Task, tmp_path: Path) -> None:
    run = rb.RunOptions(runs=RunExport(tmp_path, top=20))
    result = rb.attack(f"reranked:{folder}@{TOP_K}:char-ngram", task=task, recipes=[], run=run)
    listed: dict[str, list[str]] = {}
    scores: dict[str, list[float]] = {}
    for line in (tmp_path / "clean.trec").read_text(encoding="utf-8").splitlines():
        query, _, passage, _, score, _ = line.split()
        listed.setdefault(query, []).append(passage)
        scores.setdefault(query, []).append(float(score))
    assert all(values == sorted(values, reverse=True) for values in scores.values())
    ranks = result.clean.ranks.in_pool
    checked = 0
    for query, passage, rank in zip(task.qrels.query, task.qrels.passage, ranks, strict=True):
        if rank <= 20:
            ids = listed[task.queries[query].query_id]
            assert ids[rank - 1] == task.passages[passage].passage_id
            checked += 1
    assert checked > 20


def test_the_command_reranks_and_tells_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    words = ["attack", "--model", "bm25", "--rerank", str(folder), "--top-k", "5", "--languages", "en,sw"]
    done = CliRunner().invoke(irbench, [*words, "--recipe", "typo", "--out", str(out)])
    assert done.exit_code == 0, done.output
    result = rb.load_result(out)
    assert result.encoder.name == f"reranked:{folder}@5:bm25"
    assert result.encoder.kind == "reranked"
    assert "orders the first 5 passages of each pool" in " ".join(done.output.split())
    assert "in the first stage; a hash of the ids orders them before they are reranked" in " ".join(done.output.split())
    none = CliRunner().invoke(irbench, ["attack", "--model", "bm25", "--rerank", str(folder), "--top-k", "0"])
    assert "top_k 0: at least 1" in str(none.exception)
    empty = CliRunner().invoke(irbench, ["attack", "--model", "bm25", "--rerank", " "])
    assert "--rerank is empty" in str(empty.exception)
    alone = CliRunner().invoke(irbench, ["attack", "--model", "bm25", "--top-k", "5"])
    assert "--top-k is for a reranker" in str(alone.exception)
    plan = CliRunner().invoke(irbench, [*words, "--recipe", "typo", "--plan"])
    assert plan.exit_code == 0, plan.output


def test_a_defence_repairs_what_both_stages_read(folder: Path, task: Task) -> None:
    words = f"reranked:{folder}@{TOP_K}"
    hidden = "a\u200bb"
    encoder = load_encoder(f"{words}:normalised:invisible:bm25")
    assert isinstance(encoder, RerankedByPool)
    fitted = encoder.fitted([passage.text for passage in task.passages])
    assert fitted.score_pairs([hidden], ["text"]).tolist() == fitted.score_pairs(["ab"], ["text"]).tolist()
    for outside in (f"normalised:nfkc:{words}:bm25", f"smoothed:{words}:bm25", f"{words}:{words}:bm25"):
        with pytest.raises(OptionError, match="cannot stand around a reranker"):
            load_encoder(outside)


def test_a_search_sees_ranks_and_no_scores(folder: Path, tmp_path: Path) -> None:
    words = ["attack", "--model", "char-ngram", "--rerank", str(folder), "--top-k", "3", "--languages", "en"]
    words += ["--recipe", "typo", "--out", str(tmp_path / "x.json")]
    refused = CliRunner().invoke(irbench, [*words, "--search", "greedy-score"])
    assert "gives rank access only" in str(refused.exception)
    done = CliRunner().invoke(irbench, [*words, "--search", "random"])
    assert done.exit_code == 0, done.output
    result = rb.load_result(tmp_path / "x.json")
    again = rb.attack(f"reranked:{folder}@3:char-ngram", "mini", [], languages=["en"])
    assert result.clean.ranks.in_pool.tolist() == again.clean.ranks.in_pool.tolist()


def test_the_fingerprint_names_both_stages_and_the_number(folder: Path, tmp_path: Path) -> None:
    other = reranker(tmp_path / "other", seed=1)
    names = [
        f"reranked:{folder}@5:bm25",
        f"reranked:{folder}@6:bm25",
        f"reranked:{folder}@5:char-ngram",
        f"reranked:{other}@5:bm25",
    ]
    assert len({load_encoder(name).description.fingerprint for name in names}) == len(names)
    config = json.loads((other / "config.json").read_text(encoding="utf-8"))
    before = load_reranker(str(other)).description.fingerprint
    (other / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.1}), encoding="utf-8")
    assert load_reranker(str(other)).description.fingerprint != before


def test_a_loaded_reranker_is_taken(folder: Path) -> None:
    model = sentence_transformers.CrossEncoder(str(folder), device="cpu")
    taken = load_reranker(model, EncoderOptions(batch_size=2))
    assert taken.batch_size == 2
    named = load_reranker(str(folder))
    assert taken.score_pairs(["a"], ["b"]).tolist() == pytest.approx(named.score_pairs(["a"], ["b"]).tolist())


def test_what_is_no_reranker_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="is no reranker"):
        load_reranker(str(tiny_model))
    with pytest.raises(EncoderError, match="3 scores for a pair, so it is a classifier"):
        load_reranker(str(reranker(tmp_path / "classes", classes=3)))
    with pytest.raises(OptionError, match=r"write it reranked:RERANKER@100:ENCODER"):
        parse_reranked("reranked:model:bm25")
    assert parse_reranked("reranked:a/b@7:openai:m@http://host/v1") == ("a/b", 7, "openai:m@http://host/v1")
