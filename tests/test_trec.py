"""Runs of other engines: read, checked, and scored as trec_eval scores them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from click.testing import CliRunner

from robustbench_ir import attack, load_result
from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataError, OptionError, UnknownNameError
from robustbench_ir.evaluation.query_sets import export_query_set
from robustbench_ir.evaluation.score_runs import score_runs
from robustbench_ir.metrics.settings import mean_over_passage_languages, per_query_scores
from robustbench_ir.perturb import load_recipe
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.retrieval.trec_runs import read_run
from robustbench_ir.tasks import Task, load_task
from tests.support.tasks import full_run, random_task, written

TREC_NAMES = {"AP": "map", "nDCG@10": "ndcg_cut_10", "R@10": "recall_10"}


def random_run(task: Task, seed: int, depth: int, *, tied: bool) -> dict[str, dict[str, float]]:
    """Some queries missing, scores with ties, or that differ only beyond float32."""
    random = np.random.default_rng(seed)
    ids = [passage.passage_id for passage in task.passages]
    run = {}
    for query in task.queries[::2]:
        chosen = random.choice(len(ids), size=int(random.integers(1, depth)), replace=False)
        scores = random.integers(0, 4, len(chosen)) if tied else 1 + random.random(len(chosen)) * 1e-6
        run[query.query_id] = {ids[row]: float(score) for row, score in zip(chosen, scores, strict=True)}
    return run


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_measures_of_a_run_are_those_of_trec_eval(seed: int, tied: bool, tmp_path: Path) -> None:
    task = random_task(seed, queries=60, passages=30)
    run = random_run(task, seed, 50, tied=tied)
    result = score_runs(task, written(tmp_path / "run.trec", run))
    qrels: dict[str, dict[str, int]] = {}
    for query, passage, grade in zip(task.qrels.query, task.qrels.passage, task.qrels.grade, strict=True):
        qrels.setdefault(task.queries[query].query_id, {})[task.passages[passage].passage_id] = int(grade)
    expected = pytrec_eval.RelevanceEvaluator(qrels, set(TREC_NAMES.values()) | {"recip_rank"}).evaluate(run)
    for ours, theirs in (*TREC_NAMES.items(), ("RR@1000", "recip_rank")):
        found = mean_over_passage_languages(
            per_query_scores(result.judgements, result.clean.ranks, ours, "multilingual")
        )
        wanted = [expected.get(query.query_id, {}).get(theirs, 0.0) for query in task.queries]
        assert found == pytest.approx(wanted, abs=1e-9), ours


def test_a_language_pool_has_only_its_own_passages(tmp_path: Path) -> None:
    """The monolingual ranks are those of a run whose lines of other languages are struck out."""
    task = random_task(3, queries=30, passages=30)
    run = random_run(task, 3, 60, tied=False)
    whole = score_runs(task, written(tmp_path / "run.trec", run))
    alone = score_runs(task, written(tmp_path / "run.trec", run), languages=["bb"])
    kept = {query: {one: score for one, score in found.items() if one.startswith("bb")} for query, found in run.items()}
    struck = score_runs(task, written(tmp_path / "struck.trec", kept), languages=["bb"])
    assert alone.score(alone.clean, "monolingual") == struck.score(struck.clean, "monolingual")
    of_bb = whole.per_query()["monolingual"][whole.per_query()["language"] == "bb"].dropna()
    assert alone.score(alone.clean, "monolingual") == pytest.approx(np.mean(of_bb))


def test_full_runs_give_the_result_of_the_attack(tmp_path: Path) -> None:
    """An encoder attacked, and the same encoder as an engine that writes runs: the same cells."""
    languages = ["en", "sw"]
    task = load_task("mini", languages)
    export_query_set(task, load_recipe("typo"), 3, 1, tmp_path / "frozen")
    asked = load_recipe("typo").perturb(task.queries, 3, 1)
    clean = written(tmp_path / "clean.trec", full_run(task, [query.text for query in task.queries]))
    typo = written(tmp_path / "typo.trec", full_run(task, [one.text for one in asked]))
    expected = attack("char-ngram", languages=languages, recipes=["typo"], seeds=2)
    for label in ("typo@3:1", str(tmp_path / "frozen")):
        found = score_runs(task, clean, [(label, typo)])
        assert found.clean.ranks.in_pool.tolist() == expected.clean.ranks.in_pool.tolist()
        cell, wanted = found.attacked[0], expected.attacked[1]
        assert (cell.recipe, cell.severity, cell.seed, cell.digest) == (
            wanted.recipe,
            wanted.severity,
            wanted.seed,
            wanted.digest,
        )
        assert cell.changed.tolist() == wanted.changed.tolist()
        assert cell.touched.tolist() == wanted.touched.tolist()
        assert cell.edit_rate.tolist() == wanted.edit_rate.tolist()
        assert cell.ranks.in_language.tolist() == wanted.ranks.in_language.tolist()


def test_what_is_not_retrieved_survives_the_file_and_leaves_rank_distance_unknown(tmp_path: Path) -> None:
    task = random_task(5, queries=40, passages=30)
    result = score_runs(task, written(tmp_path / "run.trec", random_run(task, 5, 40, tied=False)))
    missing = result.clean.ranks.in_pool == 0
    assert 0 < missing.sum() < len(missing)
    languages = len(result.judgements.pool)
    cell = result.judgements.query * languages + result.judgements.passage_language
    found = np.bincount(cell, ~missing, 40 * languages).reshape(40, languages)
    judged = np.bincount(cell, minlength=40 * languages).reshape(40, languages)
    known = ((judged == 0) | (found > 0)).all(axis=1) & ((judged > 0).sum(axis=1) > 1)
    distance = result.per_query()["rank_distance"].to_numpy()
    assert (np.isnan(distance) == ~known).all(), "known where the best passage of each language is"
    again = result_from_json(result_to_json(result))
    assert again.clean.ranks.in_pool.tolist() == result.clean.ranks.in_pool.tolist()


GOOD = "q0 Q0 aa0 1 2.5 engine\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "q0 Q0 aa1 2 2.0\n", r"run\.trec:2: 5 columns; six are needed"),
        ("q99 Q0 aa0 1 2.5 engine\n", r"run\.trec:1: random has no query 'q99': did you mean 'q9'"),
        ("q0 Q0 zz 1 2.5 engine\n", r"run\.trec:1: random has no passage 'zz': its ids are like 'aa0'"),
        (GOOD + GOOD, r"run\.trec:2: passage 'aa0' appears twice for query 'q0'"),
        ("q0 Q0 aa0 1 nan engine\n", r"run\.trec:1: the score 'nan' is not a finite number"),
        ("q0 Q0 aa0 1 inf engine\n", "the score 'inf'"),
        ("q0 Q0 aa0 1 high engine\n", "the score 'high'"),
        ("", "the run is empty"),
        ("q0 Q0 \udcff 1 1 engine\n", r"run\.trec:1: not UTF-8 \(byte 7\)"),
        ("x" * 70_000, r"run\.trec:1: a line of more than 65,536 bytes"),
    ],
)
def test_a_bad_run_is_refused_by_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=message):
        read_run(path, random_task(1))


def test_a_gzipped_run_is_read_and_half_of_one_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress((GOOD + "q0 Q0 bb1 2 2.5 engine\n").encode())
    (tmp_path / "run.trec.gz").write_bytes(packed)
    assert read_run(tmp_path / "run.trec.gz", random_task(1)).ranked["q0"] == ["bb1", "aa0"], "equal: id descending"
    (tmp_path / "half.gz").write_bytes(packed[:-12])
    with pytest.raises(DataError, match=r"half\.gz: cannot be read"):
        read_run(tmp_path / "half.gz", random_task(1))
    with pytest.raises(DataError, match="cannot be read"):
        read_run(tmp_path / "none.trec", random_task(1))


@pytest.mark.parametrize(
    ("label", "error", "message"),
    [
        ("typo", OptionError, "write recipe@severity"),
        ("typo@9", OptionError, "write recipe@severity"),
        ("tipo@3", UnknownNameError, "did you mean 'typo'"),
    ],
)
def test_a_label_that_says_no_query_set_is_refused(
    label: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.trec"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(error, match=message):
        score_runs(random_task(1), path, [(label, path)])


def test_a_folder_of_another_task_or_changed_by_hand_is_refused(tmp_path: Path) -> None:
    export_query_set(load_task("mini", ["en", "sw"]), load_recipe("typo"), 3, 0, tmp_path / "frozen")
    path = tmp_path / "run.trec"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(DataError, match="has no query 'q0' of random@1; it belongs to mini@1"):
        score_runs(random_task(1), path, [(str(tmp_path / "frozen"), path)])
    lines = (tmp_path / "frozen" / "queries.jsonl").read_text(encoding="utf-8")
    (tmp_path / "frozen" / "queries.jsonl").write_text(lines.partition("\n")[2], encoding="utf-8")
    with pytest.raises(DataError, match=r"does not match manifest\.json"):
        score_runs(random_task(1), path, [(str(tmp_path / "frozen"), path)])


def test_the_command_scores_runs_and_says_what_they_lack(tmp_path: Path) -> None:
    task = load_task("mini", ["en", "sw"])
    clean = written(tmp_path / "clean.trec", random_run(task, 1, 30, tied=False))
    typo = written(tmp_path / "typo.trec", random_run(task, 2, 30, tied=False))
    arguments = ["score", "--task", "mini", "--run", str(clean), "--run", f"typo@3={typo}", "--languages", "en,sw"]
    done = CliRunner().invoke(irbench, [*arguments, "--out", str(tmp_path / "out.json")])
    assert done.exit_code == 0, done.output
    assert "engine on mini@1: 120 queries in 2 languages" in done.output
    assert "are not retrieved: they add nothing to the measures" in " ".join(done.output.split())
    assert list(load_result(tmp_path / "out.json").groups) == [("typo@5", 3)]
    nobody = CliRunner().invoke(irbench, ["score", "--task", "mini", "--run", f"typo@3={typo}"])
    assert isinstance(nobody.exception, OptionError)
