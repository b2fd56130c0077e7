"""MaxSim is ranked as its definition says, whatever the blocks, the threads and the ties."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from threadpoolctl import threadpool_limits

from robustbench_ir.encoders import EncoderDescription, TokenEmbeddings
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.encoder import stack
from robustbench_ir.encoders.store.store import EmbeddingStore
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.retrieval.max_sim import NO_TOKENS
from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.retrieval.similarity import pair_scores, product_with, rounding_error
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Task
from tests.support.tasks import random_task
from tests.support.ties import rows_by_score


def drawn(random: Generator, texts: int, columns: int = 8, most: int = 9, least: int = 1) -> list[np.ndarray]:
    counts = random.integers(least, most + 1, texts)
    return [random.normal(size=(count, columns)).astype(np.float32) for count in counts]


def by_definition(query: np.ndarray, passage: np.ndarray) -> float:
    """Another road: all products in double precision, one pair at a time, summed by Python."""
    if not len(passage):
        return NO_TOKENS
    products = (query[:, None].astype(float) * passage).sum(axis=2)
    return math.fsum(products.max(axis=1, initial=-np.inf).tolist())


def ranks_by_sorting(task: Task, queries: list[np.ndarray], passages: list[np.ndarray]) -> tuple[list[int], list[int]]:
    in_pool, in_language = [], []
    languages = np.array([passage.language for passage in task.passages])
    scores = np.array([[by_definition(query, passage) for passage in passages] for query in queries])
    for query, passage in zip(task.qrels.query, task.qrels.passage, strict=True):
        order = np.array(rows_by_score(task, query, scores[query]))
        in_pool.append(int(np.flatnonzero(order == passage)[0]) + 1)
        own = order[languages[order] == languages[passage]]
        in_language.append(int(np.flatnonzero(own == passage)[0]) + 1)
    return in_pool, in_language


@pytest.mark.parametrize("values", ["distinct", "tied", "all equal", "without tokens"])
def test_ranks_equal_those_of_sorting(values: str) -> None:
    task, random = random_task(3), default_rng(5)
    queries, passages = drawn(random, len(task.queries)), drawn(random, len(task.passages))
    if values == "tied":
        queries = [(one > 0).astype(np.float32) for one in queries]
        passages = [(one > 1).astype(np.float32) for one in passages]
    if values == "all equal":
        queries, passages = [np.ones_like(one) for one in queries], [np.ones_like(one) for one in passages]
    if values == "without tokens":
        queries[::3], passages[::4] = [queries[0][:0]] * len(queries[::3]), [passages[0][:0]] * len(passages[::4])
    found = rank_relevant(task, TokenEmbeddings.of(passages, 8), TokenEmbeddings.of(queries, 8), range(len(queries)))
    assert (found.in_pool.tolist(), found.in_language.tolist()) == ranks_by_sorting(task, queries, passages)


def test_blocks_tiles_and_threads_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    task, random = random_task(4), default_rng(6)
    queries, passages = drawn(random, len(task.queries), 96, 32, 20), drawn(random, len(task.passages), 96, 40, 5)
    passages = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in passages]
    for copy in random.integers(0, len(passages), len(passages) // 2).tolist():  # as pools have them
        passages[copy] = passages[3]
    asked, pool = TokenEmbeddings.of(queries, 96), TokenEmbeddings.of(passages, 96)
    expected = ranks_by_sorting(task, queries, passages)
    monkeypatch.setattr("robustbench_ir.retrieval.ranking._MAX_SIMS_A_THREAD", 1)
    for memory, tokens, threads in ((1 << 28, 2048, 1), (1 << 17, 2048, 3), (1 << 15, 64, 2), (1, 1, 3)):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        monkeypatch.setattr("robustbench_ir.retrieval.max_sim._QUERY_TOKENS", tokens // 8)
        monkeypatch.setattr("robustbench_ir.retrieval.max_sim._PASSAGE_TOKENS", tokens)
        with threadpool_limits(threads):
            found = rank_relevant(task, pool, asked, range(len(queries)), memory=memory)
        assert (found.in_pool.tolist(), found.in_language.tolist()) == expected


def test_scores_err_less_than_their_bound_and_pairs_not_at_all() -> None:
    random = default_rng(7)
    queries, passages = drawn(random, 20, 128, 32), drawn(random, 60, 128, 90)
    asked, pool = TokenEmbeddings.of(queries, 128), TokenEmbeddings.of(passages, 128)
    expected = np.array([[by_definition(query, passage) for passage in passages] for query in queries])
    error = np.abs(product_with(pool)(asked) - expected)
    assert (error <= rounding_error(asked, pool)[:, None]).all()
    assert rounding_error(asked, pool).max() < 1e-2
    query, passage = np.repeat(np.arange(20), 60), np.tile(np.arange(60), 20)
    exact = pair_scores(asked, query, pool, passage)
    np.testing.assert_allclose(exact, expected.ravel(), rtol=1e-13)
    alone = [pair_scores(asked, query[[one]], pool[[int(passage[one])]], np.array([0]))[0] for one in range(0, 1200, 7)]
    assert exact[::7].tolist() == alone


def test_a_search_gives_what_sorting_gives_and_takes_no_approximate_index() -> None:
    random = default_rng(8)
    queries, passages = drawn(random, 7), drawn(random, 50, least=0)
    passages[9] = passages[4]
    pool, asked = TokenEmbeddings.of(passages, 8), TokenEmbeddings.of(queries, 8)
    scores = np.array([[by_definition(query, passage) for passage in passages] for query in queries])
    for memory in (1 << 28, 1 << 12):
        best = best_passages(pool, asked, 10, memory=memory)
        assert best.rows.tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :10].tolist()
        np.testing.assert_allclose(best.scores, -np.sort(-scores, axis=1)[:, :10], rtol=1e-12)
    with pytest.raises(OptionError, match="index 'hnsw' takes dense embeddings only; use 'flat'"):
        best_passages(pool, asked, 10, "hnsw")


def test_memory_bounds_what_ranking_takes() -> None:
    task, random = random_task(5, queries=60, passages=700), default_rng(9)
    pool = TokenEmbeddings.of(drawn(random, len(task.passages), 64, 60, 40), 64)
    asked = TokenEmbeddings.of(drawn(random, len(task.queries), 64, 32, 30), 64)
    rank_relevant(task, pool, asked[:2], range(2))
    taken = {}
    for memory in (1 << 22, 1 << 25):
        tracemalloc.start()
        rank_relevant(task, pool, asked, range(len(task.queries)), memory=memory)
        taken[memory] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert taken[1 << 22] < 24 << 20
    assert taken[1 << 22] < pool.nbytes


def test_queries_and_passages_must_be_of_one_kind() -> None:
    tokens, rows = TokenEmbeddings.of([np.ones((2, 3))], 3), np.ones((1, 3), dtype=np.float32)
    for queries, passages in ((tokens, rows), (rows, tokens)):
        with pytest.raises(EncoderError, match="a row for each token on one side"):
            product_with(passages)(queries)
        with pytest.raises(EncoderError, match="a row for each token on one side"):
            best_passages(passages, queries, 1)


# Texts keep their tokens on all the ways that embeddings go.


def tokens_of(texts: list[str]) -> TokenEmbeddings:
    """As many rows as a text has letters."""
    return TokenEmbeddings.of([np.array([[ord(letter), len(text)] for letter in text]) / 4 for text in texts], 2)


def as_lists(embeddings: TokenEmbeddings) -> list[list[list[float]]]:
    return [embeddings[[place]].gathered().tolist() for place in range(embeddings.shape[0])]


TEXTS = ["one", "a", "", "thirteen", "a", "two"]


@pytest.mark.parametrize("mapped", [1 << 29, 16])
def test_repeated_texts_in_any_order_from_the_store_and_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: int
) -> None:
    monkeypatch.setattr("robustbench_ir.encoders.batches._MAPPED_BYTES", mapped)
    monkeypatch.setattr("robustbench_ir.encoders.batches._CHUNK_TEXTS", 2)
    expected = as_lists(tokens_of(TEXTS))
    store = EmbeddingStore(tmp_path / "a" / "b", EncoderDescription("tokens", "f", "maxsim", 2), "passage")
    asked: list[str] = []

    def encode(texts: list[str]) -> TokenEmbeddings:
        asked.extend(texts)
        return tokens_of(texts)

    assert as_lists(encode_texts(encode, TEXTS)) == expected
    asked.clear()
    assert as_lists(encode_texts(encode, TEXTS[:3], store=store)) == expected[:3]
    assert as_lists(encode_texts(encode, TEXTS, store=store)) == expected
    assert sorted(asked) == sorted(set(TEXTS))
    again = EmbeddingStore(tmp_path / "a" / "b", EncoderDescription("tokens", "f", "maxsim", 2), "passage")
    found, rows = again.read([*TEXTS, "absent"])
    assert found.tolist() == [True] * len(TEXTS) + [False]
    assert as_lists(rows) == expected


@pytest.mark.parametrize("value", [0.1, 0.5])  # the second is the same in float16
def test_what_is_kept_is_read_bit_for_bit_by_several_writers(tmp_path: Path, value: float) -> None:
    who = EncoderDescription("tokens", "f", "maxsim", 2)
    stores = [EmbeddingStore(tmp_path / "a" / "b", who, "passage") for _ in range(2)]
    embeddings = TokenEmbeddings.of([np.full((count, 2), value) for count in (3, 0, 2)], 2)
    stores[0].keep(["x", "y"], embeddings[:2])
    stores[1].keep(["z"], embeddings[2:])
    found, rows = EmbeddingStore(tmp_path / "a" / "b", who, "passage").read(["z", "y", "x"])
    assert found.all()
    assert as_lists(rows) == as_lists(embeddings[[2, 1, 0]])


def test_stacked_and_chosen_texts() -> None:
    together = stack([tokens_of(["ab", "c"]), tokens_of(["defg", "h"])[[1, 0]]])
    assert as_lists(together) == as_lists(tokens_of(["ab", "c", "h", "defg"]))
    assert as_lists(together[1:3][[1, 0, 1]]) == as_lists(tokens_of(["h", "c", "h"]))
    assert together[[3, 0]].nbytes == 6 * 2 * 4


def test_a_text_with_a_number_that_is_not_finite_is_named() -> None:
    def encode(texts: list[str]) -> TokenEmbeddings:
        embeddings = tokens_of(texts)
        embeddings.rows[embeddings.starts[texts.index("two")] + 1] = np.nan
        return embeddings

    with pytest.raises(EncoderError, match="infinite embeddings for 1 texts, such as 'two'"):
        encode_texts(encode, TEXTS)


def test_other_dimensions_than_before_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_ir.encoders.batches._CHUNK_TEXTS", 2)
    with pytest.raises(EncoderError, match="returned 4 dimensions, and 8 before"):
        encode_texts(
            lambda texts: TokenEmbeddings.of([np.ones((1, len(texts[0])))] * len(texts), len(texts[0])),
            ["a" * 8, "b" * 8, "a" * 4],
        )
