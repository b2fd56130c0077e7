"""Entries of systems that are no encoders, of searches, and checks without a network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_ir import Result, attack, load_recipe, load_result, load_task
from robustbench_ir.adversary.candidates import Budget
from robustbench_ir.adversary.search import SearchOptions
from robustbench_ir.adversary.transfer import transfer
from robustbench_ir.cli import irbench
from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard.building import check_submissions
from robustbench_ir.leaderboard.canonical import threat_model, write_canonical
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.folder import submit
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.rescoring import rescore
from robustbench_ir.leaderboard.schema import NOT_RETRIEVED
from robustbench_ir.leaderboard.sheet import sheet_of
from robustbench_ir.leaderboard.verifying import verify
from robustbench_ir.resources.downloads import is_offline
from tests.support.entries import read, table_of, with_ranks
from tests.support.tasks import full_run, written

DAY = "2026-11-26"
SAID = Declaration("an-engine", "https://example.org/engine")
DEPTH = 60


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The first passages that an engine gives for each query: some have none that is relevant among them."""
    task, folder = load_task("mini", ["en", "sw"]), tmp_path_factory.mktemp("runs")
    typo = load_recipe("typo").perturb(task.queries, 3, 0)
    paths = []
    for name, texts in (("clean", [one.text for one in task.queries]), ("typo", [one.text for one in typo])):
        whole = full_run(task, texts)
        first = {query: dict(sorted(found.items(), key=lambda one: -one[1])[:DEPTH]) for query, found in whole.items()}
        paths.append(written(folder / f"{name}.trec", first))
    return paths[0], paths[1]


def run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(irbench, arguments)
    said = f"{answer.stdout}{answer.exception or ''}"
    return answer.exit_code, said


def test_the_scores_of_runs_become_an_entry_and_can_be_scored_again(runs: tuple[Path, Path], tmp_path: Path) -> None:
    clean, typo = map(str, runs)
    again = ("--run", clean, "--run", f"typo@3={typo}")
    result_file, folder = tmp_path / "engine.json", str(tmp_path / "board")
    scored = run("score", "--task", "mini", *again, "--languages", "en,sw", "--out", str(result_file))
    assert scored[0] == 0, scored[1]
    status, said = run("submit", str(result_file), "--name", "an-engine", "--link", SAID.link, "--folder", folder)
    assert status == 0, said
    path = said.split(" is your entry")[0]
    check = ("leaderboard", "check", path, "--folder", folder)
    unrecorded = f"{path}: checked; not recorded: the board says 'not checked' until a maintainer runs "
    assert run(*check) == (0, unrecorded + "`irbench leaderboard check --record`\n")
    assert run(*check, "--record") == (0, f"{path}: checked, and recorded for the board\n")
    assert run(*check) == (0, f"{path}: checked\n")
    entry, result = read_entry(Path(path)), load_result(result_file)
    assert (entry.model.kind, entry.model.encoder, entry.model.similarity) == ("run", "engine", f"run of depth {DEPTH}")
    for setting in result.settings:
        for score, cell in zip(entry.scores, (result.clean, *result.attacked), strict=True):
            assert score.average_precision[setting] == pytest.approx(result.score(cell, setting), abs=1e-6)
    sheet = sheet_of(entry)
    assert NOT_RETRIEVED in sheet.average_precision["cross-lingual"][1], "there must be such a query"
    assert 0 in sheet.rank_distance[0], "and one whose rank distance nobody knows"
    status, said = run("leaderboard", "verify", path)
    assert status != 0
    assert "cannot be run again" in said
    assert "holds" in run("leaderboard", "verify", path, *again, "--by", "tester")[1]
    assert read_entry(Path(path)).verified is not None
    assert "shows 1 entry" in run("leaderboard", "build", "--folder", folder)[1]
    (board,) = json.loads((tmp_path / "board" / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert board["rows"][0]["model"]["kind"] == "run"


def test_rescoring_finds_a_changed_value_and_other_files(runs: tuple[Path, Path], tmp_path: Path) -> None:
    from robustbench_ir.evaluation.score_runs import score_runs

    clean, typo = runs
    result = score_runs(load_task("mini"), clean, [("typo@3", typo)], ["en", "sw"])
    entry = entry_of(result, SAID, DAY)
    assert rescore(entry, clean, [("typo@3", typo)]).holds

    def change(pool: np.ndarray, _: np.ndarray) -> None:
        pool[1, 0] += 1

    assert not rescore(read(with_ranks(table_of(entry), change)), clean, [("typo@3", typo)]).holds, "one is enough"
    with pytest.raises(ResultError, match="no run of the entry's queries of typo@5"):
        rescore(entry, clean, [])
    with pytest.raises(ResultError, match="is not the run"):
        rescore(entry, typo, [("typo@3", clean)])
    with pytest.raises(ResultError, match="is an encoder"):
        rescore(entry_of(attack("char-ngram", languages=["en"], recipes=["typo"]), SAID, DAY), clean, [])


def test_rank_distance_is_a_mean_over_the_queries_that_know_it(runs: tuple[Path, Path]) -> None:
    from robustbench_ir.evaluation.score_runs import score_runs
    from robustbench_ir.metrics.settings import rank_distances

    clean, typo = runs
    result = score_runs(load_task("mini"), clean, [("typo@3", typo)], ["en", "sw"])
    entry = entry_of(result, SAID, DAY)
    language = np.array(result.judgements.languages)
    for score, cell in zip(entry.scores, (result.clean, *result.attacked), strict=True):
        found = rank_distances(result.judgements, cell.ranks)
        each = [np.nanmean(found[language == code]) for code in result.judgements.query_languages]
        assert score.rank_distance == pytest.approx(np.mean(each))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path_factory.mktemp("cache")))
        found = transfer(
            ["char-ngram"],
            ["bm25"],
            "mini",
            "typo",
            SearchOptions(budget=Budget(words=1, queries=6)),
            languages=["en", "sw"],
        )
        average = attack("bm25", "mini", ["typo"], languages=["en", "sw"])
        theirs = found.results["char-ngram", "bm25"].attacked
        search = replace(theirs[0].recipe.search, crafted_on="")
        own = tuple(replace(one, recipe=replace(one.recipe, search=search)) for one in theirs)
        return replace(average, attacked=(*average.attacked, *own, *theirs))


def test_searches_are_taken_and_their_queries_are_the_models_own(searched: Result, tmp_path: Path) -> None:
    entry = entry_of(searched, replace(SAID, name="bm25"), DAY)
    assert entry_faults(entry) == []
    assert [threat_model(cell.recipe) for cell in entry.cells[1:]] == ["average case", "worst case", "transfer"]
    path = submit(entry, tmp_path)
    assert check_submissions([path], tmp_path, today=DAY)[0].remark == "checked"
    found = verify(entry, 10, seed=0)
    assert found.holds
    assert found.searched == 2


def test_offline_says_what_was_not_made_anew(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no data here is told from what has; with kept digests it is checked all the same."""
    path = submit(entry_of(attack("char-ngram", "afriqa", ["typo"], languages=["fon"]), SAID, DAY), tmp_path)
    made = check_submissions([path], tmp_path, today=DAY)[0].digests
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("robustbench_ir.resources.downloads.download", lambda *_: pytest.fail("the network was asked"))
    ask = ("leaderboard", "check", str(path), "--folder", str(tmp_path), "--offline")
    status, said = run(*ask)
    assert status == 0
    assert "not checked: " in said
    assert "the network must not be used" in said
    write_canonical(tmp_path, made or {})
    assert "checked by canonical.json; not computed again: " in run(*ask)[1]
    assert not is_offline()
