"""Lexical encoders give most passages the score 0: no order of these may look like a turn to one language."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import load_encoder
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.sheet import sheet_of
from robustbench_ir.reports.notes import rank_notes
from robustbench_ir.tasks import Task, load_task

ROOT = Path(__file__).parents[1]
LANGUAGES = ("en", "ru", "th", "tr")


def scores_of(encoder: str, task: Task, texts: list[str]) -> np.ndarray:
    runner = Runner(load_encoder(encoder), task)
    rows = runner.encode(texts)
    assert isinstance(rows, sp.csr_array)
    scores: np.ndarray = (rows @ runner.pool.T).toarray()
    return scores


def english_first(task: Task, scores: np.ndarray, *, zero: bool, seed: int) -> float:
    """Return how often the best relevant passage of a query in another language is English, ties in a drawn order.

    Without `zero`, passages of score 0 are not retrieved, and queries that retrieve nothing do not count. It is the
    mean over query languages.
    """
    random, languages = np.random.default_rng(seed), [one.language for one in task.passages]
    found: dict[str, list[bool]] = {}
    for row, query in enumerate(task.queries):
        judged = task.qrels.passage[task.qrels.query == row]
        mine = scores[row, judged]
        if query.language != "en" and (zero or mine.max() > 0):
            best = judged[np.lexsort((random.random(len(judged)), -mine))[0]]
            found.setdefault(query.language, []).append(languages[best] == "en")
    return float(np.mean([np.mean(each) for each in found.values()]))


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "zero"), [("bm25", False), ("char-ngram", True)])
def test_english_is_first_no_more_often_than_by_random_ties(encoder: str, zero: bool, shared_data: Path) -> None:
    result = rb.attack(encoder, "xquad-r", ["transliteration"], languages=LANGUAGES, severities=[5])
    task = load_task("xquad-r", LANGUAGES)
    perturbed = rb.load_recipe("transliteration").perturb(task.queries, 5, 0)
    for cell, texts in (
        (result.clean, [one.text for one in task.queries]),
        (result.attacked[0], [one.text for one in perturbed]),
    ):
        scores = scores_of(encoder, task, texts)
        drawn = [english_first(task, scores, zero=zero, seed=seed) for seed in range(5)]
        spread = max(np.std(drawn, ddof=1), 0.002)
        assert result.bias(cell).english_first == pytest.approx(np.mean(drawn), abs=5 * spread)
    if encoder == "bm25":
        # In the order of the pool English was first for 64 in 100 queries; blind to language it would be for 25.
        assert result.bias(result.attacked[0]).english_first < 0.25


def test_the_table_says_what_ties_and_what_is_not_retrieved(tmp_path: Path) -> None:
    found = CliRunner().invoke(
        irbench,
        ["attack", "--model", "bm25", "--languages", "en,sw", "--recipe", "typo", "--out", str(tmp_path / "x.json")],
    )
    assert found.exit_code == 0, found.output
    said = " ".join(found.output.split())
    assert "of the judged passages" in said
    assert "are not retrieved: they add nothing to the measures" in said
    result = rb.load_result(tmp_path / "x.json")
    task = load_task("mini", ["en", "sw"])
    scores = scores_of("bm25", task, [one.text for one in task.queries])
    missing = scores[task.qrels.query, task.qrels.passage] == 0
    assert result.clean.missing_share == pytest.approx(missing.mean())
    assert (result.clean.ranks.in_pool == 0).tolist() == missing.tolist()


def test_a_dense_encoder_has_nothing_to_say_of_ties() -> None:
    def distinct(texts: list[str]) -> np.ndarray:
        return np.array([np.random.default_rng(list(text.encode())).normal(size=16) for text in texts])

    result = rb.attack(distinct, "mini", ["typo"], languages=["en", "sw"])
    assert result.clean.ranks.tied is not None
    assert not any("score as another" in note or "not retrieved" in note for note in rank_notes(result))


def test_a_rank_distance_of_few_queries_is_not_compared_on_the_board() -> None:
    """bm25 finds all languages for few queries, whose rank distance is small: it would seem the fairest."""
    folder = ROOT / "leaderboard" / "submissions" / "xquad-r"
    sheets = {name: sheet_of(read_entry(folder / f"{name}.json")) for name in ("bm25", "char-ngram")}
    assert (sheets["bm25"].rank_distance[0] > 0).mean() < 0.1
    assert np.isnan(sheets["bm25"].distance_on_board).all()
    other = sheets["char-ngram"]
    assert other.distance_on_board.tolist() == other.distance_by_language.tolist()
