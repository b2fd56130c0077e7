"""Human variants: texts of a folder that are attacked like a recipe."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataError, OptionError, UnknownNameError
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.tasks import Task, load_task
from robustbench_ir.tasks.repair import write_repaired
from tests.test_tasks_folder import faults_of, make

OCR = (
    {"query_id": "q2", "text": "Wliich river is 1ong?", "source": "our scanner"},
    {"query_id": "q1", "text": "Mto upi ni mrefu?"},
)


def folder_with(folder: Path, lines: str, name: str = "ocr.jsonl") -> Path:
    make(folder)
    (folder / "variants").mkdir()
    content = lines.encode()
    (folder / "variants" / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder


def as_lines(*rows: dict[str, str]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return load_task(f"{folder_with(tmp_path / 'mine', as_lines(*OCR))}")


def test_the_texts_of_the_file_are_ranked_once_and_an_equal_one_is_no_change(task: Task) -> None:
    result = rb.attack("char-ngram", task, ["variants:ocr"], severities=(1, 3, 5), seeds=3)
    (cell,) = result.attacked
    assert (cell.severity, cell.seed) == (3, 0)
    assert cell.changed.tolist() == [False, True]
    texts = {"q1": "Mto upi ni mrefu?", "q2": "Wliich river is 1ong?"}
    lines = "\n".join(sorted(json.dumps([one, text]) for one, text in texts.items()))
    assert cell.digest == sha256(lines.encode()).hexdigest()
    # By hand: h for l, an i more, l for 1, among 20 characters.
    assert cell.edit_rate[1] == pytest.approx(3 / 20)
    assert str(cell.recipe).startswith("variants:ocr@")
    assert str(cell.recipe).endswith("+mine")


def test_a_language_without_variants_is_not_covered(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", as_lines(OCR[0]), "ocr.jsonl.gz")
    (cell,) = rb.attack("char-ngram", folder, "variants:ocr").attacked
    assert cell.not_covered == {"sw": "variants:ocr has none of its queries"}


def test_the_identity_follows_the_texts_and_not_their_order(tmp_path: Path) -> None:
    identities = []
    for number, rows in enumerate((OCR, OCR[::-1], (OCR[0], {**OCR[1], "text": "Mto gani?"}))):
        task = load_task(f"{folder_with(tmp_path / str(number) / 'mine', as_lines(*rows))}")
        identities.append(str(rb.load_recipe("variants:ocr").for_task(task).identity))
    assert identities[0] == identities[1] != identities[2]


@pytest.mark.parametrize(
    ("lines", "name", "expected"),
    [
        ('{"query_id": "q11", "text": "x"}', "ocr.jsonl", "ocr.jsonl:1: there is no query 'q11'; did you mean"),
        ('{"query_id": "other", "text": "x"}', "ocr.jsonl", "ocr.jsonl:1: there is no query 'other'; correct the id"),
        ('{"query_id": "q1"}', "ocr.jsonl", 'ocr.jsonl:1: key "text" is missing; a line is such as {"query_id"'),
        (
            '{"query_id": "q1", "text": "\\u200b\\u202e"}',
            "ocr.jsonl",
            'ocr.jsonl:1: key "text" has only invisible characters',
        ),
        ('{"query_id": "q1", "text": " "}', "ocr.jsonl", 'ocr.jsonl:1: key "text" is empty; write it, or remove'),
        ('{"query_id": 1, "text": "x"}', "ocr.jsonl", 'ocr.jsonl:1: key "query_id" must be a string'),
        ('{"query_id": "q1", "text": "\\ud800"}', "ocr.jsonl", 'ocr.jsonl:1: key "text" holds a lone surrogate'),
        (as_lines(OCR[0], OCR[0]), "ocr.jsonl", "ocr.jsonl:2: query 'q2' has a variant already, on line 1; remove"),
        ("[]", "ocr.jsonl", "ocr.jsonl:1: a line must be an object"),
        ("", "ocr.jsonl", "ocr.jsonl: no variant could be read; write lines such as"),
        (as_lines(*OCR), "o,c r.jsonl", "o,c r.jsonl: 'o,c r' cannot name a recipe; rename the file with letters"),
    ],
)
def test_bad_files_are_told_by_file_and_line(tmp_path: Path, lines: str, name: str, expected: str) -> None:
    folder = folder_with(tmp_path / "mine", lines, name)
    assert str(faults_of(folder)[0]).startswith(f"{folder}/variants/{expected}")
    with pytest.raises(DataError, match=r"variants/") as raised:
        load_task(f"{folder}")
    assert "\n" not in str(raised.value)


def test_a_set_that_is_not_there_is_named(task: Task) -> None:
    with pytest.raises(UnknownNameError, match=r"'variants:ocx': did you mean 'variants:ocr'\?"):
        rb.attack("char-ngram", task, "variants:ocx")
    with pytest.raises(UnknownNameError, match=r"mini has none; write variants/ocr\.jsonl"):
        rb.attack("char-ngram", "mini", "variants:ocr")
    with pytest.raises(OptionError, match="name the set of variants"):
        rb.load_recipe("variants:")


def _never(texts: Sequence[str]) -> np.ndarray:
    raise AssertionError(f"{len(texts)} texts are encoded for nothing")


def test_what_has_no_task_and_what_cannot_be_made_again_is_refused(task: Task) -> None:
    with pytest.raises(OptionError, match="attack the task"):
        rb.perturb("Which river is long?", "variants:ocr", language="en")
    with pytest.raises(OptionError, match="leave out --search"):
        rb.search(_never, task, "variants:ocr")
    declared = Declaration("x", "https://example.org/x")
    with pytest.raises(OptionError, match="variants:ocr are texts of one folder"):
        entry_of(rb.attack("char-ngram", task, "variants:ocr"), declared, "2026-11-30")


def test_runs_of_another_engine_are_scored_over_variants(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "mine", as_lines(*OCR))
    arguments = ["attack", "--model", "char-ngram", "--task", f"{folder}", "--recipe", "variants:ocr"]
    told = CliRunner().invoke(
        irbench, [*arguments, "--run-out", f"{tmp_path}/runs", "--out", f"{tmp_path}/a.json"], catch_exceptions=False
    )
    assert told.exit_code == 0, told.output
    run = f"variants:ocr={tmp_path}/runs/variants-ocr-severity3-seed0.trec"
    arguments = ["score", "--task", f"{folder}", "--run", f"{tmp_path}/runs/clean.trec", "--run", run]
    told = CliRunner().invoke(irbench, [*arguments, "--out", f"{tmp_path}/b.json"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    attacked, scored = (rb.load_result(tmp_path / name).attacked[0] for name in ("a.json", "b.json"))
    assert (attacked.recipe, attacked.digest) == (scored.recipe, scored.digest)
    assert attacked.ranks.in_pool.tolist() == scored.ranks.in_pool.tolist()


def test_the_folder_lists_them_and_a_repaired_copy_keeps_them(tmp_path: Path, task: Task) -> None:
    told = CliRunner().invoke(irbench, ["tasks", "show", f"{tmp_path}/mine"]).output
    assert "variants:ocr" in told
    told = CliRunner().invoke(irbench, ["tasks", "check", f"{tmp_path}/mine"]).output
    assert "2 variants of queries, from our scanner" in " ".join(told.split())
    write_repaired(task, tmp_path / "copy", {})
    assert dict(load_task(f"{tmp_path}/copy").variants) == dict(task.variants)
