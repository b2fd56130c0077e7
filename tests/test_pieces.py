"""Passages in pieces: how they are cut, and their ranks against a naive ranking by the best piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import robustbench_ir as rb
from robustbench_ir._base.text import word_spans
from robustbench_ir.encoders import Embeddings, TokenEmbeddings, load_encoder
from robustbench_ir.encoders.piece_embeddings import PieceEmbeddings
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.retrieval.similarity import pair_scores, product_with, rounding_error
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import load_task
from robustbench_ir.tasks.pieces import pieces
from robustbench_ir.tasks.task import Passage, Query, Task, build_task

COUNTS = [3, 1, 4, 2, 1, 5]
PIECES, DIMENSIONS = sum(COUNTS), 8


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=200), st.integers(1, 9))
def test_pieces_lose_white_space_only_and_have_so_many_words(text: str, words: int) -> None:
    cut = pieces(text, "en", words)
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert all(len(word_spans(piece, "en")) == words for piece in cut[:-1])
    assert len(word_spans(cut[-1], "en")) <= words


def test_pieces_of_thai_end_between_words() -> None:
    assert pieces("ประเทศไทยสวยงาม", "th", 1) == ("ประเทศไทย", "สวยงาม")


def dense(random: np.random.Generator, rows: int) -> Embeddings:
    return random.normal(size=(rows, DIMENSIONS)).astype(np.float32)


def sparse(random: np.random.Generator, rows: int) -> Embeddings:
    return sp.csr_array(random.integers(0, 3, (rows, DIMENSIONS)).astype(np.float32))


def tokens(random: np.random.Generator, rows: int) -> Embeddings:
    return TokenEmbeddings.of([random.normal(size=(2, DIMENSIONS)) for _ in range(rows)], DIMENSIONS)


def task_with(queries: int) -> Task:
    passages = [Passage(f"p{n}", "en" if n < 4 else "sw", f"passage {n}") for n in range(len(COUNTS))]
    asked = [Query(f"q{n}", "en", f"query {n}", f"q{n}") for n in range(queries)]
    return build_task(
        "small", 1, asked, passages, {f"q{n}": {f"p{n % 6}": 1, f"p{(n + 2) % 6}": 1} for n in range(queries)}
    )


@pytest.mark.parametrize("kind", [dense, sparse, tokens])
@pytest.mark.parametrize("memory", [1, 1 << 20])
def test_ranks_are_those_of_the_best_pieces(kind: Callable[..., Embeddings], memory: int) -> None:
    random = np.random.default_rng(0)
    queries, rows = kind(random, 20), kind(random, PIECES)
    whole = product_with(rows)(queries).astype(np.float64)
    ends = np.cumsum(COUNTS)
    best = np.stack([part.max(axis=1) for part in np.split(whole, ends[:-1], axis=1)], axis=1)
    pool = PieceEmbeddings.in_order(rows, COUNTS)
    assert np.allclose(product_with(pool)(queries), best)
    task = task_with(20)
    ranks = rank_relevant(task, pool, queries, range(20), memory=memory)
    # Ties (whole numbers in the sparse case) are ordered by ids: a rank lies between those of the naive ranking.
    for query, passage, found in zip(task.qrels.query, task.qrels.passage, ranks.in_pool, strict=True):
        above = int((best[query] > best[query, passage] + 1e-5).sum())
        alike = int((np.abs(best[query] - best[query, passage]) <= 1e-5).sum())
        assert above + 1 <= found <= above + alike
    for query in range(20):
        own = ranks.in_pool[task.qrels.query == query]
        assert len(set(own.tolist())) == len(own)
    top = best_passages(pool, queries, 3, memory=memory)
    assert np.allclose(top.scores, -np.sort(-best, axis=1)[:, :3], atol=1e-5)


def test_choosing_passages_moves_no_piece() -> None:
    random = np.random.default_rng(1)
    rows, queries = dense(random, PIECES), dense(random, 4)
    pool = PieceEmbeddings.in_order(rows, COUNTS)
    some = pool[np.array([4, 0, 2])]
    assert some.shape == (3, DIMENSIONS)
    everything = product_with(pool)(queries)
    assert np.allclose(product_with(some)(queries), everything[:, [4, 0, 2]])
    assert pool[1:3].gathered().base is not None
    query, passage = np.array([0, 1, 1, 3]), np.array([5, 0, 2, 4])
    exact = pair_scores(queries, query, pool, passage)
    assert np.allclose(exact, everything[query, passage], atol=float(rounding_error(queries, pool).max()))
    assert pair_scores(queries, query[:0], pool, passage[:0]).shape == (0,)


def test_the_digest_says_that_passages_are_read_in_pieces() -> None:
    task = task_with(3)
    cut = replace(task, words_a_piece=1)
    assert cut.digest != task.digest
    assert cut.encoded_texts[:2] == ["passage", "0"]
    assert task.encoded_texts == [passage.text for passage in task.passages]


def test_a_folder_of_your_own_may_be_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    texts = {"d1": "far " * 30 + "needle", "d2": "needles and hay"}
    rows = [f'{{"_id": "{name}", "text": "{text}", "language": "en"}}' for name, text in texts.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "needle", "language": "en"}\n')
    (tmp_path / "qrels" / "test.tsv").write_text("q1\td1\t1\n")
    whole = load_task(f"{tmp_path}")
    (tmp_path / "task.toml").write_text("words_a_piece = 1\n")
    cut = load_task(f"{tmp_path}")
    assert whole.identity != cut.identity
    assert cut.notes[-1].startswith("passages are read in pieces (words_a_piece = 1)")
    results = [rb.attack("char-ngram", task=task, recipes=[]) for task in (whole, cut)]
    assert [result.score(result.clean, "multilingual") for result in results] == [0.5, 1.0]


@pytest.mark.parametrize("name", ["bm25", "char-ngram"])
def test_masakhanews_in_passages_ranks_articles(name: str, shared_data: Path) -> None:
    del shared_data
    task, whole = load_task("masakhanews-passages", ["yo"]), load_task("masakhanews", ["yo"])
    assert (len(task.queries), len(task.passages)) == (len(whole.queries), len(whole.passages))
    assert len(task.encoded_texts) > 2 * len(task.passages)
    runner = Runner(load_encoder(name), task, keeps_embeddings=False)
    queries = runner.encode([query.text for query in task.queries])
    ranks = runner.rank(range(len(task.queries)), [], queries)
    scores = product_with(runner.fitted.encode_passages(task.encoded_texts))(queries)
    ends = np.cumsum([len(own) for own in task.pieces])
    best = np.stack([part.max(axis=1) for part in np.split(scores, ends[:-1], axis=1)], axis=1)
    own = best[task.qrels.query, task.qrels.passage]
    above = (best[task.qrels.query] > own[:, None]).sum(axis=1)
    alike = (best[task.qrels.query] == own[:, None]).sum(axis=1)
    retrieved = ranks.in_pool > 0
    assert retrieved.mean() > 0.95
    assert ((ranks.in_pool > above) & (ranks.in_pool <= above + alike))[retrieved].all()
