"""The command line: help, one line for what went wrong, the README's commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.results.naming import file_name_part

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "attack",
    "cache",
    "check",
    "compare",
    "encoders",
    "languages",
    "leaderboard",
    "lexicon",
    "perturb",
    "poison",
    "trigger",
    "preview",
    "recipes",
    "report",
    "review",
    "score",
    "show",
    "submit",
    "tasks",
    "transfer",
)
PROGRAM = [sys.executable, "-c", "from robustbench_ir.cli import main; main()"]


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment}
    return subprocess.run(
        [*PROGRAM, *arguments], env=variables, cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def test_help_lists_the_commands() -> None:
    answer = CliRunner().invoke(irbench, ["--help"])
    assert answer.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", answer.output, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    answer = CliRunner().invoke(irbench, [command, "--help"])
    assert answer.exit_code == 0
    assert answer.output.startswith("Usage: ")
    assert "\\b" not in answer.output  # click's mark for lines to be left as they are, in a raw docstring


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["recipes"], r"^typo +Typing mistakes +\d+ languages$"),
        (["recipes", "show", "typo"], r"^  covers +\d+ languages: af am ar as ay az [^:]* zh zu *$"),
        (["tasks"], r"^xquad-r +XQuAD-R +11 languages$"),
        (["tasks", "show", "xquad-r"], r"^  languages +11 languages: ar de el en es hi ru th tr vi zh *$"),
        (["encoders"], r"^bm25 +BM25"),
        (
            ["recipes", "show", "typo"],
            r"share of the eligible words that change, 1: 10%, 2: 20%, 3: 35%, 4: 50%, 5: 100%",
        ),
        (["tasks", "show", "mini"], r"never for publication"),
        (["languages"], r"^am +Amharic +Ethi 2 +\d+ of \d+ recipes$"),
        (["languages", "show", "urd_Arab"], r"^  script +Arab, right to left"),
        (["languages", "show", "th"], r"^  words +not set apart"),
        (["languages", "show", "en"], r"^  not diacritics +English is written without"),
        (["encoders", "show", "char-ngram"], r"similarity +cosine"),
        (["preview", "typo", "--language", "hi", "जोश नॉर्मन ने कितने बॉल को इंटरसेप्ट किया?"], r"^5     "),
        (["preview", "transliteration", "--language", "en", "hello"], r"transliteration does not touch en"),
    ],
)
def test_catalogue_and_preview(arguments: list[str], line: str) -> None:
    answer = run(*arguments, COLUMNS="300")
    assert answer.returncode == 0, answer.stderr
    assert re.search(line, answer.stdout, re.MULTILINE), answer.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["atack"], r"unknown command 'atack': did you mean 'attack'\?"),
        (["attack", "--out", "/proc/nothing/x.json"], r"cannot be written"),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_status_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    answer = run(*arguments, cwd=tmp_path)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    last = answer.stderr.strip().splitlines()[-1]
    assert last.startswith("irbench: ")
    assert re.search(message, last), last
    assert not list(tmp_path.rglob("*.json")), "nothing is written"


def test_attack_writes_a_result_and_show_prints_the_same_table(tmp_path: Path) -> None:
    attacked = run("attack", "--model", "char-ngram", "--languages", "en,hi", "--recipe", "typo", cwd=tmp_path)
    assert attacked.returncode == 0, attacked.stderr
    path = tmp_path / "results" / "char-ngram-mini-en-hi.json"
    assert "results/char-ngram-mini-en-hi.json has all results" in attacked.stdout
    assert json.loads(path.read_text(encoding="utf-8"))["task"] == "mini@1"
    for stage in ("load", "encode passages", "typo severity 3 seed 0: perturb", "encode queries", "rank"):
        assert stage in attacked.stderr
    shown = run("show", str(path))
    assert attacked.stdout.startswith(shown.stdout.rstrip())
    for setting in ("monolingual", "cross-lingual", "multilingual"):
        assert re.search(rf"^{setting} ", shown.stdout, re.MULTILINE)
    by_language = run("show", str(path), "--by", "language", "--measure", "nDCG@10")
    assert re.search(r"typo +Hindi +0", by_language.stdout)


def test_the_table_fits_a_terminal_of_80_columns(tmp_path: Path) -> None:
    answer = run("attack", "--model", "char-ngram", "--languages", "en,hi", cwd=tmp_path, COLUMNS="80")
    assert answer.returncode == 0, answer.stderr
    assert "…" not in answer.stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    [("intfloat/multilingual-e5-small", "multilingual-e5-small"), ("../x y/", "x-y"), ("..", "result"), ("a:b", "a-b")],
)
def test_names_become_harmless_file_names(name: str, expected: str) -> None:
    assert file_name_part(name) == expected


def readme_commands() -> list[str]:
    """Return the commands of the README and of the page that it leads to."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/commands.md"))
    blocks = re.findall(r"```(?:bash|sh|console)\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(("irbench ", "python -c "))]
    return list(dict.fromkeys(lines))


def test_the_readme_has_the_commands_of_every_day() -> None:
    commands = " ".join(readme_commands())
    for part in ("irbench attack", "irbench preview", "irbench recipes", "irbench show", "--task xquad-r"):
        assert part in commands


@pytest.fixture(scope="module")
def some_result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a result of the default recipes, which several commands read."""
    return rb.save_result(rb.attack("char-ngram"), tmp_path_factory.mktemp("results") / "char-ngram-mini.json")


@pytest.mark.slow
@pytest.mark.parametrize("command", [line for line in readme_commands() if "xquad-r" not in line and "e5" not in line])
def test_the_commands_of_the_readme_work(command: str, some_result: Path, tmp_path: Path) -> None:
    """Those that need no download, as they stand, in a shell."""
    shim = tmp_path / "irbench"
    shim.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from robustbench_ir.cli import main; main()" "$@"\n', encoding="utf-8"
    )
    shim.chmod(0o755)
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    if command.startswith(("irbench show", "irbench report", "irbench check", "irbench view")):
        named = Path(command.split()[2])
        result = tmp_path / (named if named.suffix else "results/a.json")
        result.parent.mkdir(exist_ok=True)
        shutil.copy(some_result, result)
    answer = subprocess.run(
        ["sh", "-c", command], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()


def test_the_python_of_the_readme_works(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "relative_drop" in answer.stdout
