"""Perturbed query sets as files: what is in them, the same bytes each time, and what is refused."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from robustbench_ir._base.text import replace_spans
from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataError, ResultError
from robustbench_ir.evaluation.query_sets import Manifest, check_target, export_query_set
from robustbench_ir.perturb import coverage, digest, load_recipe
from robustbench_ir.tasks import Passage, Query, Task, build_task, load_task


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def task_of(queries: list[Query]) -> Task:
    passages = [Passage("p", "en", "a passage")]
    return build_task("own", 1, queries, passages, {query.query_id: {"p": 1} for query in queries})


def test_a_frozen_set_holds_all_that_was_done(tmp_path: Path) -> None:
    task = load_task("mini", ["ar", "zh"])
    recipe = load_recipe("typo")
    manifest = export_query_set(task, recipe, 3, 1, tmp_path, {"licence": "Apache-2.0"})
    perturbed = recipe.perturb(task.queries, 3, 1)
    rows = [json.loads(line) for line in (tmp_path / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    for query, one, row in zip(task.queries, perturbed, rows, strict=True):
        assert (row["_id"], row["text"]) == (query.query_id, one.text)
        facts = row["metadata"]
        assert (facts["language"], facts["parallel_id"]) == (query.language, query.parallel_id)
        edits = [(tuple(edit["span"]), edit["after"]) for edit in facts["edits"]]
        assert replace_spans(facts["clean"], edits) == row["text"], "the edits alone give the text"
        assert all(facts["clean"][slice(*edit["span"])] == edit["before"] for edit in facts["edits"])
    written = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert Manifest.model_validate(written) == manifest
    assert manifest.digest == digest(perturbed), "the digest that results carry"
    assert manifest.coverage == coverage(perturbed)
    assert (manifest.recipe, manifest.task, manifest.severity, manifest.seed) == (str(recipe.identity), "mini@1", 3, 1)
    assert {language: part.queries for language, part in manifest.languages.items()} == {"ar": 60, "zh": 60}
    for name, checksum in manifest.files.items():
        assert sha256((tmp_path / name).read_bytes()).hexdigest() == checksum


def test_a_task_with_its_own_lexicons_is_perturbed_as_in_an_attack(tmp_path: Path) -> None:
    manifest = export_query_set(load_task("mini", ["en"]), load_recipe("synonym"), 3, 0, tmp_path)
    assert manifest.recipe.endswith("+mini")


def test_tabs_and_line_breaks_do_not_break_the_table(tmp_path: Path) -> None:
    text = "one\ttwo\r\nthree\u2028four\x85five"
    queries = [Query("q\t1", "en", text, "1"), Query("q2", "en", "plain", "2")]
    export_query_set(task_of(queries), load_recipe("typo"), 0, 0, tmp_path)
    with (tmp_path / "queries.tsv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows == [["q 1", "one two three four five"], ["q2", "plain"]]
    first = json.loads((tmp_path / "queries.jsonl").read_bytes().split(b"\n")[0])
    assert (first["_id"], first["text"]) == ("q\t1", text), "JSON keeps them"


def test_a_task_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(DataError, match=r"own: query 'q' holds a lone surrogate.*repair it"):
        task_of([Query("q", "en", "a \ud800 b", "1")])


def test_a_folder_with_something_in_it_is_taken_only_by_force(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("old", encoding="utf-8")
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ResultError, match=r"is not empty; name another folder, or give --force"):
        check_target(tmp_path, force=False)
    assert (tmp_path / "manifest.json").exists()
    check_target(tmp_path, force=True)
    assert contents(tmp_path) == {"mine.txt": b"mine"}, "the manifest of a set that is about to change goes first"


def perturb(*arguments: str | Path) -> tuple[int, str]:
    answer = CliRunner().invoke(irbench, ["perturb", *map(str, arguments)])
    return answer.exit_code, answer.output if answer.exception is None else str(answer.exception)


def test_the_command_writes_the_same_bytes_each_time(tmp_path: Path) -> None:
    arguments = ("--recipe", "typo", "--recipe", "diacritics", "--seed", "0", "--seed", "1", "--languages", "en,yo")
    for name in ("one", "two"):
        status, output = perturb(*arguments, "--out", tmp_path / name)
        assert status == 0
        assert "en unchanged: English is written without diacritics" in output
    one = contents(tmp_path / "one")
    assert one == contents(tmp_path / "two")
    assert len(one) == 4 * 3
    assert {str(Path(path).parent) for path in one} == {
        f"{recipe}-severity3-seed{seed}" for recipe in ("typo", "diacritics") for seed in (0, 1)
    }


def test_one_set_lies_in_the_folder_itself_and_force_replaces_it(tmp_path: Path) -> None:
    assert perturb("--recipe", "typo", "--language", "en", "--out", tmp_path)[0] == 0
    before = contents(tmp_path)
    assert set(before) == {"manifest.json", "queries.jsonl", "queries.tsv"}
    status, message = perturb("--recipe", "typo", "--language", "en", "--out", tmp_path)
    assert status != 0
    assert "is not empty" in message
    assert perturb("--recipe", "typo", "--language", "en", "--seed", "7", "--out", tmp_path, "--force")[0] == 0
    assert contents(tmp_path) != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "tipo"], "unknown recipe 'tipo': did you mean 'typo'?"),
        (["--task", "minni"], "unknown task 'minni': did you mean 'mini'?"),
        (["--language", "tlh"], "unknown language 'tlh'"),
        (["--severity", "6"], "severity 6 is out of range"),
        (["--out", "/proc/nowhere"], "cannot be written"),
    ],
)
def test_what_the_user_got_wrong(arguments: list[str], message: str, tmp_path: Path) -> None:
    status, told = perturb("--out", tmp_path / "set", *arguments)
    assert status != 0
    assert message in told
    assert not (tmp_path / "set" / "manifest.json").exists()
