"""`irbench attack --for leaderboard`, and what is said after a run that the board cannot compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from robustbench_ir.cli import irbench
from robustbench_ir.evaluation.attack import run_request
from robustbench_ir.evaluation.request import Request, RunOptions
from robustbench_ir.perturb import default_recipe_names
from robustbench_ir.results.result import Result


def said_by(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(irbench, ["attack", "--model", "char-ngram", *arguments])
    return answer.exit_code, str(answer.exception if answer.exit_code == 1 else "") + answer.output


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--languages", "en"), "--languages"),
        (("--recipe", "typo"), "--recipe"),
        (("--severity", "3"), "--severity"),
        (("--seeds", "2"), "--seeds"),
        (("--questions", "5"), "--questions"),
        (("--search", "greedy"), "--search"),
    ],
    ids=lambda one: str(one[0]) if isinstance(one, tuple) else "",
)
def test_what_the_board_fixes_is_refused(options: tuple[str, ...], name: str) -> None:
    status, said = said_by("--for", "leaderboard", *options)
    assert status != 0
    assert f"leave out {name}" in said


def test_a_file_cannot_choose_either(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('languages = ["en"]\n', encoding="utf-8")
    status, said = said_by("--for", "leaderboard", "--config", str(tmp_path / "run.toml"))
    assert status != 0
    assert "leave out --languages" in said


def test_a_run_for_the_board_is_whole_and_names_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for is looked at, and a smaller run is made in its place."""
    asked: list[Request] = []
    small = Request("char-ngram", languages=["en"], recipes=["typo"])

    def in_its_place(request: Request, run: RunOptions) -> Result:
        asked.append(request)
        return run_request(small, run)

    monkeypatch.setattr("robustbench_ir.cli.attack.run_request", in_its_place)
    out = tmp_path / "made.json"
    status, said = said_by("--for", "leaderboard", "--out", str(out))
    assert status == 0, said
    assert f"`irbench submit {out} --name NAME --link ADDRESS` makes its entry" in said
    (request,) = asked
    assert (request.languages, request.questions, request.semantic_floor) == (None, None, None)
    cells = request.cells(request.load_recipes(None))
    assert {(one.recipe, one.severity, one.seed) for one in cells} == {(name, 3, 0) for name in default_recipe_names()}


def test_another_run_says_why_it_is_none_for_the_board(shared_data: Path, tmp_path: Path) -> None:
    task = ("--task", "afriqa", "--languages", "fon", "--recipe", "typo", "--severity", "1")
    status, said = said_by(*task, "--out", str(tmp_path / "made.json"))
    assert status == 0, said
    reasons = "1 of 11 languages, without some default recipe, without severity 3; "
    command = "`irbench attack --model char-ngram --task afriqa --for leaderboard` makes one"
    assert f"not for the leaderboard, which compares whole runs: {reasons}{command}" in said


def test_a_quick_look_at_the_small_task_says_nothing_of_the_board(tmp_path: Path) -> None:
    look = ("--languages", "en", "--recipe", "typo", "--questions", "5", "--out", str(tmp_path / "made.json"))
    status, said = said_by(*look)
    assert status == 0
    assert "leaderboard" not in said
