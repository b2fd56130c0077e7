"""A list of models run for the board: resumed, told where it fails, and the list that ships."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from robustbench_ir.cli import irbench
from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.errors import CardError, OptionError, ResultError
from robustbench_ir.leaderboard.board_run import load_models, run_board
from robustbench_ir.leaderboard.names import without_folders
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.task_lists import load_task_lists
from robustbench_ir.tasks import task_names
from tests.support.command_line import ROOT

LIST = """
[[models]]
model = "./no-such-folder"
name = "missing"
link = "https://example.org/missing"

[[models]]
model = "char-ngram"
link = "https://example.org/char-ngram"
licence = "MIT"
"""


@pytest.fixture
def own_list(tmp_path: Path) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(LIST, encoding="utf-8")
    return path


def test_what_fails_is_told_and_what_is_there_is_not_made_again(own_list: Path, tmp_path: Path) -> None:
    models = load_models(own_list).models
    places = tmp_path / "results", tmp_path / "board"
    first = run_board(models, ["mini"], *places, date="2026-11-29")
    assert [(one.model, one.state) for one in first] == [("missing", "failed"), ("char-ngram", "made")]
    assert "no-such-folder" in first[0].reason
    entry = tmp_path / "board" / "submissions" / "mini" / "char-ngram.json"
    written = entry.stat().st_mtime_ns
    again = run_board(models, ["mini"], *places, date="2026-11-29")
    assert [one.state for one in again] == ["failed", "before"]
    assert entry.stat().st_mtime_ns == written
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["char-ngram-mini.json"]


def test_an_entry_that_cannot_be_written_is_no_earlier_one(
    own_list: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [one for one in load_models(own_list).models if one.model == "char-ngram"]
    places = tmp_path / "results", tmp_path / "board"
    run_board(models, ["mini"], *places, date="2026-11-29")

    def full(*_: object) -> None:
        raise ResultError("the disk is full")

    monkeypatch.setattr("robustbench_ir.leaderboard.board_run.submit", full)
    (outcome,) = run_board(models, ["mini"], *places, date="2026-11-29")
    assert (outcome.state, outcome.reason) == ("failed", "the disk is full")


def test_the_list_says_which_tasks_a_model_has_not_seen(own_list: Path, tmp_path: Path) -> None:
    (model,) = [one for one in load_models(own_list).models if one.model == "char-ngram"]
    for number, (seen, said) in enumerate(
        (({"unseen": ("mini",)}, "no"), ({"seen": ("mini",)}, "yes"), ({}, "unknown"))
    ):
        folder = tmp_path / str(number)
        run_board([model.model_copy(update=seen)], ["mini"], tmp_path / "results", folder, date="2026-11-29")
        (path,) = folder.rglob("*.json")
        assert read_entry(path).training.saw_task == said


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/home/me/models/mine", "mine"),
        ("./mine/", "mine"),
        ("../theirs", "theirs"),
        ("~/a/b", "b"),
        ("C:\\Users\\me\\mine", "mine"),
        ("normalised:nfkc+spelling:/home/me/mine", "normalised:nfkc+spelling:mine"),
        ("smoothed-8:char-ngram", "smoothed-8:char-ngram"),
        ("intfloat/multilingual-e5-small", "intfloat/multilingual-e5-small"),
        ("openai:model@http://localhost/v1", "openai:model@http://localhost/v1"),
    ],
)
def test_entries_name_no_folder_of_the_machine(given: str, shown: str) -> None:
    assert without_folders(given) == shown


def test_the_command_has_status_1_where_a_model_failed(
    own_list: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustbench_ir.leaderboard.task_lists.load_task_lists", lambda: {"small": ("mini",)})
    command = ["board", "run", "--models", str(own_list), "--results", str(tmp_path / "r"), "--folder", str(tmp_path)]
    done = CliRunner().invoke(irbench, command)
    assert done.exit_code == 1
    assert "failed  missing on mini" in done.output
    assert "1 of 2 results are there" in done.output
    alone = CliRunner().invoke(irbench, [*command, "--only", "char-ngram"])
    assert alone.exit_code == 0, alone.output


def test_the_bare_command_starts_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_ir.leaderboard.board_run.run_board", lambda *_, **__: pytest.fail("it runs"))
    done = CliRunner().invoke(irbench, ["board", "run"])
    assert done.exit_code == 0
    assert done.output.count("\n") > 10
    assert done.output.splitlines()[-1] == "add --tasks small to attack them all, or --only NAME"


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        (LIST.replace('"missing"', '"char-ngram"'), OptionError, "char-ngram stands there twice"),
        (LIST.replace("licence", "license"), CardError, "license"),
        (LIST.replace("https://example.org/char", "ftp://example.org/char"), CardError, "link"),
        ("models = []", CardError, "models"),
    ],
)
def test_faults_of_a_list_are_one_line(text: str, error: type[Exception], told: str, own_list: Path) -> None:
    own_list.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=told) as caught:
        load_models(own_list)
    assert "\n" not in str(caught.value)


def test_an_unknown_option_of_a_model_is_told_with_the_known_ones(own_list: Path, tmp_path: Path) -> None:
    own_list.write_text(LIST + "options = { promt = 'x' }\n", encoding="utf-8")
    found = run_board(load_models(own_list).models[1:], ["mini"], tmp_path / "r", tmp_path, date="2026-11-29")
    assert found[0].state == "failed"
    assert "promt" in found[0].reason
    assert "query_prompt" in found[0].reason


def test_the_script_for_a_gpu_gives_options_that_exist(tmp_path: Path) -> None:
    """It is run with a stand-in for the installed command, which shows what it was given."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "run_board.sh", tmp_path / "tools")
    command = tmp_path / ".board" / "bin" / "irbench"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    command.chmod(0o755)
    for words, tasks in (([], "standard"), (["small", "--only", "x"], "small")):
        done = subprocess.run([tmp_path / "tools" / "run_board.sh", *words], capture_output=True, text=True, check=True)
        given = done.stdout.split()
        assert given[:4] == ["board", "run", "--tasks", tasks]
        assert given[8:] == words[1:]
        known = CliRunner().invoke(irbench, ["board", "run", "--help"]).output
        assert all(word in known for word in given if word.startswith("--"))


def test_the_list_that_ships_names_options_and_tasks_that_exist() -> None:
    models = load_models(None).models
    assert len(models) >= 20
    known = {one.name for one in fields(EncoderOptions)}
    for model in models:
        assert set(model.options) <= known, model.model
        assert set(model.seen) <= set(task_names()), model.model
        assert "trust_remote_code" not in model.options, "a user decides about foreign code"
    assert all(set(tasks) <= set(task_names()) for tasks in load_task_lists().values())
    for words in (["--tasks", "large"], ["--only", "bge"]):
        assert isinstance(CliRunner().invoke(irbench, ["board", "run", *words]).exception, OptionError)
