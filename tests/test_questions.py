"""`--questions`: a quick look at whole questions, which says what it is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.tasks.questions import Questions, draw_questions, questions_of
from tests.test_task_pools import shaped


def drawn(task: rb.Task) -> set[str]:
    return {query.parallel_id for query in task.queries}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(irbench, arguments)


def test_questions_are_whole_and_a_larger_draw_has_the_smaller() -> None:  # M9
    task = rb.load_task("mini")
    ten, twenty = draw_questions(task, 10), draw_questions(task, 20)
    assert len(drawn(ten)) == 10
    assert len(ten.queries) == 10 * len(task.query_languages), "all translations of a question stay together"
    assert drawn(ten) < drawn(twenty)
    assert ten.passages == task.passages
    assert drawn(draw_questions(task.select(["sw"]), 10)) == drawn(ten), "the languages make no difference"
    assert drawn(draw_questions(task, Questions(10, seed=1))) != drawn(ten)
    kept = {(query.query_id, query.language) for query in ten.queries}
    judged = {
        (task.queries[row].query_id, task.passages[passage].passage_id)
        for row, passage in zip(task.qrels.query, task.qrels.passage, strict=True)
        if (task.queries[row].query_id, task.queries[row].language) in kept
    }
    assert judged == {
        (ten.queries[row].query_id, ten.passages[passage].passage_id)
        for row, passage in zip(ten.qrels.query, ten.qrels.passage, strict=True)
    }


def test_languages_with_questions_of_their_own_are_drawn_in_proportion() -> None:
    task = rb.load_task("mini", ["en", "sw"])
    apart = replace(task, queries=tuple(replace(one, parallel_id=one.query_id) for one in task.queries))
    found = draw_questions(apart, 20)
    assert [query.language for query in found.queries].count("en") == 10
    with pytest.raises(rb.RobustBenchError, match=r"1 questions leave none in (en|sw); draw more"):
        draw_questions(apart, 1)


@pytest.mark.parametrize("number", [60, 61, 10_000])
def test_all_questions_are_the_task_itself(number: int) -> None:
    task = rb.load_task("mini", "en")
    assert draw_questions(task, number) is task


@pytest.mark.parametrize("wrong", [0, -3, True, 1.5, "many"])
def test_a_wrong_number_is_one_line(wrong: int) -> None:
    with pytest.raises(rb.RobustBenchError, match="give a whole number, 1 or more"):
        rb.attack("char-ngram", questions=wrong)


def test_signature_and_identity_name_the_draw_and_the_board_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = ("attack", "--model", "char-ngram", "--languages", "en,sw", "--recipe", "typo")
    assert call(*run, "--questions", "10:1").exit_code == 0
    path = "results/char-ngram-mini-en-sw-10-questions-seed-1.json"
    result = rb.load_result(path)
    assert questions_of(result.task) == Questions(10, seed=1)
    assert result.signature("multilingual", "typo@5", 3).startswith("task=mini@1-10-questions-seed-1|")
    refused = call("submit", path, "--name", "a/b", "--link", "https://example.org")
    assert "10 questions were drawn of this task" in str(refused.exception)
    page = result.report().read_text()
    assert any("--questions 10:1" in one for one in re.findall(r"irbench attack[^<]*", page))
    assert "The texts are not" not in page
    with pytest.raises(rb.RobustBenchError, match="attack without --questions"):
        entry_of(result, Declaration("a/b", "https://example.org"), "2026-11-01")
    for wrong in ("0", "x", "5:y", "-1"):
        answer = call(*run, "--questions", wrong)
        assert "questions" in answer.output + str(answer.exception)


def test_a_whole_run_keeps_its_identity() -> None:
    asked = {"recipes": "typo", "languages": "en"}
    whole, all_drawn = (rb.attack("char-ngram", **asked, questions=number) for number in (None, 60))  # type: ignore[arg-type]
    assert whole.task == all_drawn.task == "mini@1"
    assert whole.task_digest == all_drawn.task_digest


def test_questions_of_your_own_folder(tmp_path: Path) -> None:
    shaped("mt-rag", tmp_path / "own")
    result = rb.attack("char-ngram", f"{tmp_path}/own", recipes="typo", questions=2)
    assert questions_of(result.task) == Questions(2)
    assert len(set(result.judgements.parallel_ids)) == 2
