"""A result file is overwritten by the same run only, and its name tells encoder, task and languages apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from robustbench_ir.cli import irbench
from robustbench_ir.results.file import load_result
from robustbench_ir.results.naming import usual_name

QUICK = ("attack", "--model", "char-ngram", "--languages", "en")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(irbench, arguments)


def done(*arguments: str) -> str:
    answer = call(*arguments)
    assert answer.exit_code == 0, answer.exception
    return " ".join(answer.output.split())


def recipes_of(path: str) -> set[str]:
    return {cell.recipe.label for cell in load_result(path).attacked}


def test_another_run_of_the_same_name_gets_a_new_name_which_is_said() -> None:  # M7
    done(*QUICK, "--recipe", "typo")
    said = done(*QUICK, "--recipe", "diacritics")
    assert "results/char-ngram-mini-en.json has the result of another run and was kept" in said
    assert "results/char-ngram-mini-en-2.json has all results" in said
    assert recipes_of("results/char-ngram-mini-en.json") == {"typo"}
    assert recipes_of("results/char-ngram-mini-en-2.json") == {"diacritics"}


def test_the_same_run_replaces_its_file_and_says_so() -> None:
    assert "replaced" not in done(*QUICK, "--recipe", "typo")
    assert "replaced the earlier result of the same run" in done(*QUICK, "--recipe", "typo")
    done(*QUICK, "--recipe", "diacritics")
    assert "replaced the earlier result of the same run" in done(*QUICK, "--recipe", "diacritics")
    assert len(list(Path("results").iterdir())) == 2


@pytest.mark.parametrize("more", [("--severity", "5"), ("--seeds", "2"), ("--recipe", "diacritics")])
def test_a_named_file_of_another_run_is_refused_before_the_run(more: tuple[str, ...]) -> None:
    run = (*QUICK, "--recipe", "typo", "--out", "mine.json")
    done(*run)
    before = Path("mine.json").read_bytes()
    refused = call(*run, *more)
    assert "mine.json: is there already and has the result of another run" in str(refused.exception)
    assert Path("mine.json").read_bytes() == before
    assert "replaced what was there" in done(*run, *more, "--force")
    assert Path("mine.json").read_bytes() != before


def test_a_file_that_is_no_result_is_never_lost() -> None:
    Path("results").mkdir()
    Path("results/char-ngram-mini-en.json").write_text("notes of mine")
    assert "char-ngram-mini-en.json is no result and was kept" in done(*QUICK, "--recipe", "typo")
    assert Path("results/char-ngram-mini-en.json").read_text() == "notes of mine"


def test_repaired_queries_have_a_name_of_their_own() -> None:
    done(*QUICK, "--recipe", "typo", "--normalise", "nfkc")
    assert sorted(path.name for path in Path("results").iterdir()) == [
        "char-ngram-nfkc-mini-en-without.json",
        "char-ngram-nfkc-mini-en.json",
    ]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("owner/model", "xquad-r", None), "model-xquad-r.json"),
        (("./my folder/", "./shop", ["sw", "en"]), "my-folder-shop-en-sw.json"),
        (("bm25", "mteb:NFCorpus", None), "bm25-mteb-NFCorpus.json"),
        (("bm25", "mini", ["en", "hi", "th", "tr", "sw", "ar"]), "bm25-mini-6-languages.json"),
        (("bm25", "mini", ["en"], "runs"), "bm25-mini-en-runs.json"),
    ],
)
def test_names_tell_encoder_task_and_languages_apart(arguments: tuple[str, ...], name: str) -> None:
    assert usual_name(*arguments) == name
