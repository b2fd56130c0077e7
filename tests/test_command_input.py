"""What is typed: lists with commas, names of languages and measures, near matches, a run as a file, completion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click import shell_completion
from click.testing import CliRunner, Result

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.cli.attack import command as attack
from robustbench_ir.cli.config import EXAMPLE, read_config

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(irbench, arguments)


def attacked(*arguments: str) -> rb.Result:
    answer = call("attack", "--model", "char-ngram", "--out", "made.json", "--force", *arguments)
    assert answer.exit_code == 0, answer.exception
    return rb.load_result("made.json")


def groups(result: rb.Result) -> set[tuple[str, int]]:
    return {(recipe.label, severity) for recipe, severity in result.groups}


@pytest.mark.parametrize(
    "typed",
    [
        ("--recipe", "typo,synonym", "--severity", "1,3", "--languages", "en,hi"),
        ("--recipes", "typo, synonym", "--severities", "1,3,3", "--languages", "English,hindi"),
        ("--recipe", "typo", "--recipe", "synonym", "--severity", "1", "--severity", "3", "--language", "en,HINDI"),
    ],
)
def test_lists_have_commas_everywhere(typed: tuple[str, ...]) -> None:
    found = attacked(*typed)
    assert groups(found) == {(recipe, severity) for recipe in ("typo", "synonym") for severity in (1, 3)}
    assert found.judgements.query_languages == ("en", "hi")


def test_language_names_make_the_same_file_name() -> None:
    for name in ("hindi", "hi"):
        answer = call("attack", "--model", "char-ngram", "--languages", name, "--recipe", "typo")
        assert answer.exit_code == 0
    assert [path.name for path in Path("results").iterdir()] == ["char-ngram-mini-hi.json"]


def test_clean_scores_alone_can_be_asked_for() -> None:
    assert not attacked("--recipe", "clean", "--languages", "en").attacked
    assert "every result has the clean scores; leave out clean" in str(
        call("attack", "--model", "char-ngram", "--recipe", "typo,clean", "--languages", "en").exception
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("attack", "--recipe", "typo,,synonym"), "empty part"),
        (("attack", "--severity", "1,x"), "'x' is not a valid integer"),
        (("attack", "--recipe", "typo,synonim"), "did you mean 'synonym'?"),
        (("attack", "--languages", "en,hindu"), "did you mean 'hi' (Hindi)?"),
        (("attack", "--languages", "englisch"), "did you mean 'en' (English)?"),
        (("languages", "show", "swahilli"), "did you mean 'sw' (Swahili)?"),
        (("attack", "--measure", "ndgc@10"), "with any whole number k"),
        (("attack", "--task", "shop"), "is a folder here; write ./shop"),
        (("attack", "--task", "shpo"), "did you mean ./shop?"),
        (("attack", "--model", "me5-smal"), "did you mean ./me5-small?"),
        (("attack", "--model", "bm52"), "did you mean 'bm25'?"),
        (("attack", "--model", "gte-large"), "or a folder such as ./my-model, or owner/model on the hub"),
        (("atack",), "did you mean 'attack'?"),
    ],
)
def test_a_mistake_is_one_line_with_the_nearest_name(typed: tuple[str, ...], said: str) -> None:
    Path("shop").mkdir()
    Path("me5-small").mkdir()
    answer = call(*typed)
    told = str(answer.exception) if answer.exception and not isinstance(answer.exception, SystemExit) else answer.output
    assert answer.exit_code != 0
    assert said in told


def test_the_bare_command_prints_help_with_status_0() -> None:
    for bare in ((), ("--help",)):
        answer = call(*bare)
        assert answer.exit_code == 0
        assert "Commands:" in answer.output


def test_the_help_of_attack_has_sections_and_an_example() -> None:
    said = call("attack", "--help").output
    titles = ("What is attacked:", "How the queries are perturbed:", "How the encoder is loaded:", "How it runs:")
    places = [said.index(title) for title in titles]
    assert said.index("What is attacked:") == min(places)
    assert "irbench attack --model bm25 --task mini" in said
    others = said.partition("Other options:")[2]
    assert [line.split()[0] for line in others.splitlines() if line.startswith("  -")] == ["-h,"]


def test_a_run_as_a_file() -> None:
    Path("run.toml").write_text(
        """
encoder = "char-ngram"
recipes = ["typo", "diacritics"]
languages = ["en", "swahili"]
severities = [1, 5]
seeds = 2
questions = {number = 10, seed = 1}
out = "made.json"
[options]
batch_size = 8
[run]
memory = 67108864
resume = false
"""
    )
    assert call("run", "run.toml").exit_code == 0
    made = rb.load_result("made.json")
    same = rb.attack(
        "char-ngram",
        recipes=["typo", "diacritics"],
        languages="en,sw",
        severities=[1, 5],
        seeds=2,
        questions=rb.Questions(10, seed=1),
    )
    assert made.task_digest == same.task_digest
    assert [cell.digest for cell in made.attacked] == [cell.digest for cell in same.attacked]
    assert call("run", "run.toml", "--recipe", "typo", "--severity", "3", "--out", "other.json").exit_code == 0
    assert groups(rb.load_result("other.json")) == {("typo", 3)}, "what is typed wins"
    assert call("attack", "--config", "run.toml", "--force").exit_code == 0


def test_a_file_may_have_a_search_and_a_floor() -> None:
    Path("run.toml").write_text(
        """
semantic_floor = 0.8
[search]
methods = ["greedy", "random"]
until_reached = true
budget = {words = 1, queries = 20}
[run]
runs = {folder = "runs", top = 10}
[options]
model_kwargs = {a = 1, b = "x"}
devices = ["cpu", "cuda:0"]
"""
    )
    found = read_config(Path("run.toml"))
    with attack.make_context("attack", ["--config", "run.toml"]) as context:
        values = context.params
    assert found["model_kwargs"] == ["a=1", "b=x"]
    assert values["methods"] == ("greedy", "random")
    assert (values["budget_words"], values["budget_queries"], values["until_reached"]) == (1, 20, True)
    assert (values["semantic_floor"], values["run_out"], values["top"]) == (0.8, Path("runs"), 10)
    assert values["model_kwargs"] == {"a": 1, "b": "x"}
    assert values["devices"] == ("cpu", "cuda:0")


def test_the_example_of_a_file_is_one() -> None:
    Path("run.toml").write_text(EXAMPLE.replace("\b\n", ""))
    assert {"model", "dtype", "jobs", "questions"} <= read_config(Path("run.toml")).keys()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tsk = 'mini'", "there is no 'tsk'; did you mean 'task'?"),
        ("[options]\ndtyp = 'x'", "key 'options': there is no 'dtyp'; did you mean 'dtype'?"),
        ("[run]\njob = 2", "key 'run': there is no 'job'; did you mean 'jobs'?"),
        ("task = ", "not a TOML file"),
        ("severities = ['hard']", "'hard' is not a valid integer"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(content: str, said: str) -> None:
    Path("run.toml").write_text(content)
    answer = call("run", "run.toml")
    told = str(answer.exception) if not isinstance(answer.exception, SystemExit) else answer.output
    assert said in told
    assert "cannot be read" in str(call("run", "none.toml").exception)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("irbench attack --recipe ty", {"typo"}),
        ("irbench attack --recipe typo,diac", {"typo,diacritics"}),
        ("irbench attack --task xq", {"xquad-r"}),
        ("irbench attack --languages en,s", {"en,sw", "en,so"}),
        ("irbench attack --model bm", {"bm25"}),
        ("irbench attack --measure ndcg", {"nDCG@10"}),
        ("irbench recipes show tran", {"transliteration"}),
        ("irbench preview typ", {"typo"}),
        ("irbench tasks show belebe", {"belebele"}),
    ],
)
def test_the_shell_completes_names(typed: str, offered: set[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", "from robustbench_ir.cli import main; import sys; sys.argv[0] = 'irbench'; main()"],
        env={**os.environ, **words, "_IRBENCH_COMPLETE": "bash_complete", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = {line.partition(",")[2] for line in done.stdout.splitlines()}
    assert offered <= found, done.stderr
    assert all(one.lower().startswith(typed.rsplit(maxsplit=1)[-1].lower()) for one in found)


def test_completion_is_documented() -> None:
    page = (ROOT / "docs" / "completion.md").read_text()
    for shell in shell_completion._available_shells:
        assert f"{shell}_source" in page
