"""Submissions that mean harm: refused, or harmless, in one line each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard import reading
from robustbench_ir.leaderboard.board import board, board_to_json
from robustbench_ir.leaderboard.building import build_board, check_submissions
from robustbench_ir.leaderboard.canonical import write_canonical
from robustbench_ir.leaderboard.entry import entry_to_json
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.folder import FiledEntry, submit
from robustbench_ir.leaderboard.names import skeleton, slug
from robustbench_ir.leaderboard.packing import packed
from robustbench_ir.leaderboard.page import page
from robustbench_ir.leaderboard.published import read_published
from robustbench_ir.leaderboard.reading import entry_from_json, read_entry
from robustbench_ir.leaderboard.schema import Entry
from tests.support.entries import DAY, small_table, small_values

MARKUP = "<script>alert(1)</script>"


def entry(**model: object) -> Entry:
    table = small_table()
    table["model"].update(model)
    return entry_from_json(json.dumps(table).encode(), "x.json")


def refused(content: bytes | str) -> str:
    with pytest.raises(ResultError) as caught:
        entry_from_json(content.encode() if isinstance(content, str) else content, "x.json")
    said = str(caught.value)
    assert said.startswith("x.json: ")
    assert said.isascii()
    assert "\n" not in said
    assert len(said) < 400
    return said


def test_the_smallest_entry_is_taken(tmp_path: Path) -> None:
    assert submit(entry(), tmp_path).name == "honest--model.json"


def string_places(value: object, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [one for key, inner in value.items() for one in string_places(inner, (*place, key))]
    if isinstance(value, list):
        return [one for key, inner in enumerate(value) for one in string_places(inner, (*place, key))]
    return [place] if isinstance(value, str) else []


FULL = small_table()
FULL["environment"] = {"torch": "2"}
FULL["training"]["datasets"] = ["MS MARCO"]
FULL["suites"] = [
    {
        "suite": "small@1",
        "cells": [1],
        "adaptive": False,
        "scores": {
            setting: {"average": 0.625, "robust": 0.625, "kept": 0.833333333, "robust_at_10": 1.0, "questions": 2}
            for setting in ("monolingual", "multilingual")
        },
    }
]
FULL["poison"] = [
    {
        "craft": "copy",
        "budget": 1,
        "encodings": 0,
        "crafted_on": "honest/other",
        "sources": ["en"],
        "place": packed(np.array([1, 0])),
        "asr_at_1": 0.5,
        "asr_at_10": 0.5,
        "questions": 2,
    }
]
FULL["verified"] = {
    "by": "x",
    "date": DAY,
    "sample": 1,
    "seed": 0,
    "irbench": "0.2.0",
    "entry_sha256": "c" * 64,
    "largest_mean_difference": 0.0,
    "rank_agreement": 1.0,
    "searched": 0,
}


@pytest.mark.parametrize("place", string_places(FULL), ids=lambda place: ".".join(map(str, place)))
def test_markup_in_any_string_is_refused_or_inert(place: tuple[Any, ...]) -> None:
    table = json.loads(json.dumps(FULL))
    inner = table
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = MARKUP
    try:
        taken = entry_from_json(json.dumps(table).encode(), "x.json")
    except ResultError:
        return
    made = page(board_to_json(board([FiledEntry(Path("small") / "x.json", taken)], {}, resamples=10)))
    assert MARKUP not in made
    assert made.count("<script") == 2


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "..",
        ".",
        "",
        "a//b",
        "a\\b",
        "C:\\x",
        "a/",
        "a\x00b",
        "a\nb",
        "~x",
    ],
)
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    table = small_table()
    table["model"]["name"] = name
    assert "model.name" in refused(json.dumps(table))


@given(some.text(max_size=120))
def test_a_slug_is_one_plain_file_name(name: str) -> None:
    made = slug(name)
    assert made
    assert not made.startswith((".", "-"))
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert ".." not in made.split("--")
    assert slug("CON") == "_con"


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "http://example.org", "https://a b", "data:text/html,x", "//x.org"]
)
def test_a_link_is_an_https_address(link: str) -> None:
    table = small_table()
    table["model"]["paper"] = link
    assert "model.paper" in refused(json.dumps(table))


@pytest.mark.parametrize(
    "name", ["hоnest/model", "honest／model", "honest/mοdel", "ｈonest/model", "honest/model\u200b"]
)
def test_letters_of_other_scripts_are_no_names(name: str) -> None:
    table = small_table()
    table["model"]["name"] = name
    assert "model.name" in refused(json.dumps(table))


@pytest.mark.parametrize("name", ["honest/rnodel", "Honest/Model", "h0nest/model", "honest_model", "honest--model"])
def test_a_name_that_looks_like_another_is_refused(name: str, tmp_path: Path) -> None:
    submit(entry(), tmp_path)
    with pytest.raises(ResultError, match="looks like"):
        submit(entry(name=name, fingerprint="other"), tmp_path)
    assert skeleton(name) == skeleton("honest/model")


@pytest.mark.parametrize("mark", ["\u202e", "\u2066", "\u200b", "\ufeff", "\x1b", "\x07", "\u2028", "e\u0301"])
def test_marks_of_direction_and_unseen_characters_are_refused(mark: str) -> None:
    table = small_table()
    table["model"]["contact"] = f"a{mark}b"
    assert "model.contact" in refused(json.dumps(table))


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "1e308", "-0.5", "1.5", '"0.5"', "true", "null"]
)
def test_numbers_are_numbers_in_their_range(number: str) -> None:
    refused(json.dumps(small_values()).replace("0.25", number))
    refused(json.dumps(small_table()).replace("0.625", number))


def test_a_number_of_a_million_digits_is_refused() -> None:
    refused(json.dumps(small_table()).replace('"dimensions": 8', f'"dimensions": {"9" * 1_000_000}'))


@pytest.mark.parametrize("content", ["[" * 1_000_000, '{"a":' * 1_000_000, "[" * 900 + "]" * 900])
def test_deep_nesting_is_refused(content: str) -> None:
    refused(content)


def test_a_key_that_is_there_twice_is_refused() -> None:
    assert "'date' occurs twice" in refused(json.dumps(small_table()).replace('"date"', '"date": "2026-01-01", "date"'))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"\x00" * 100, b"null", b"[]", b"{}", b'"x"', b'{"\\ud800": 1}', b"\xef\xbb\xbf{}"]
)
def test_what_is_no_entry_is_refused(content: bytes) -> None:
    refused(content)


def test_a_lone_surrogate_is_refused() -> None:
    refused(json.dumps(small_table()).replace('"contact": ""', '"contact": "\\ud800"'))


def test_an_unknown_key_is_refused_without_its_bytes_in_the_terminal() -> None:
    table = small_table() | {"\x1b[31m" + "x" * 10_000: 1}
    refused(json.dumps(table))


def test_a_gigabyte_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
    monkeypatch.setattr(reading, "entry_from_json", lambda *_: pytest.fail("it was parsed"))
    with pytest.raises(ResultError, match="1024 MiB; a submission has at most 64 MiB"):
        read_entry(path)


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(entry_to_json(entry()), encoding="utf-8")
    (tmp_path / "link.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    expected = {"link": "plain file", "pipe": "plain file", "folder": "plain file", "absent": "look at its path"}
    for name, said in expected.items():
        with pytest.raises(ResultError, match=said):
            read_entry(tmp_path / f"{name}.json")


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    outside, board_folder = tmp_path / "outside", tmp_path / "board"
    submit(entry(), outside)
    (board_folder / "submissions").mkdir(parents=True)
    (board_folder / "submissions" / "small").symlink_to(outside / "submissions" / "small")
    assert check_submissions([], board_folder) == []


def test_a_file_in_anothers_place_and_a_copy_are_left_out(tmp_path: Path) -> None:
    path = submit(entry(), tmp_path)
    (path.parent / "other.json").write_bytes(path.read_bytes())
    (path.parent / "honest--model+2.json").write_bytes(path.read_bytes())
    said = {one.path.name: one.faults for one in check_submissions([], tmp_path, today=DAY)}
    assert said["honest--model.json"] == ()
    assert said["honest--model+2.json"] == (f"the same run as {path}",)
    assert said["other.json"] == ("belongs in submissions/small/honest--model.json",)
    _, refused_files, entries = build_board(tmp_path)
    assert (len(refused_files), entries) == (2, 1)


def test_an_entry_on_other_texts_never_ranks_among_others(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b", "c")):
        table = small_table()
        table["model"].update(name=name)
        table["task"]["sha256"] = ("b" if number < 2 else "c") * 64
        submit(entry_from_json(json.dumps(table).encode(), name), tmp_path)
    build_board(tmp_path)
    rows = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"][0]["rows"]
    assert [row["digests"] for row in rows] == ["not checked", "not checked", "non-comparable"]


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(), inner, max_size=4),
    max_leaves=10,
)


PLACES = [*string_places(FULL), ("cells",), ("scores",), ("task", "pool"), ("task", "queries"), ("task", "question")]
PLACES += [("judged", "count"), ("judged", "relevant_from"), ("cells", 1, "severity"), ("cells", 1, "seed"), ("model",)]
PACKED = some.lists(some.integers(0, 12), min_size=1, max_size=6).map(lambda numbers: packed(np.array(numbers)))
VALUES = JSON | PACKED | some.integers(0, 5) | some.lists(some.integers(0, 3), max_size=3)


@settings(max_examples=300, deadline=None)
@given(some.sampled_from(PLACES), VALUES)
def test_any_value_in_any_place_is_taken_or_refused_in_one_line(place: tuple[Any, ...], value: object) -> None:
    table = json.loads(json.dumps(FULL))
    inner = table
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    try:
        taken = entry_from_json(json.dumps(table).encode(), "x.json")
    except ResultError as error:
        assert "\n" not in str(error)  # noqa: PT017  it may as well be taken
        return
    assert entry_from_json(entry_to_json(taken).encode(), "x.json") == taken
    faults = entry_faults(taken)
    assert all(one.isprintable() for one in faults)
    if not faults:
        board_to_json(board([FiledEntry(Path("small") / "x.json", taken)], {}, resamples=2))


@settings(max_examples=150, deadline=None)
@given(some.binary(max_size=300))
def test_any_bytes_are_refused_in_one_line(content: bytes) -> None:
    refused(content)


def test_a_question_far_away_asks_for_no_memory() -> None:
    table = small_table()
    table["task"]["question"] = [0, 2_000_000_000]
    assert entry_faults(entry_from_json(json.dumps(table).encode(), "x.json"))[0].startswith(
        "task.question: numbers must"
    )


def test_a_mean_that_is_no_share_is_a_fault_and_no_error() -> None:
    """Found by benchmarks/fuzz_submissions.py: a case that is there only under attack made a mean above 1."""
    table = small_values()
    table["cells"][0]["average_precision"]["multilingual"] = [1.0, 0.0]
    table["cells"][1]["average_precision"]["multilingual"] = [1.0, 1.0]
    assert entry_faults(entry_from_json(json.dumps(table).encode(), "x.json")) == [
        "multilingual: a query has a case under one recipe and none under another"
    ]


def test_a_recipe_that_nobody_can_make_takes_no_ranks_away(tmp_path: Path) -> None:
    """Its version is the newest there is, so that without the canonical ones the ranking would be over it alone."""
    write_canonical(tmp_path, {f"small@1 en{rest}": digest for rest, digest in CANONICAL.items()})
    honest = submit(entry(), tmp_path)
    table = json.loads(json.dumps(small_table()).replace("typo@3", "typo@999"))
    table["model"].update(name="other/one", fingerprint="other")
    submit(entry_from_json(json.dumps(table).encode(), "x.json"), tmp_path)
    table["model"].update(name="honest/model", fingerprint="more")
    submit(entry_from_json(json.dumps(table).encode(), "x.json"), tmp_path)
    build_board(tmp_path)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert made["headline"] == [["typo@3", 3]]
    ranked = {row["file"]: (bool(row["ranks"]), row["superseded"]) for row in made["rows"]}
    assert ranked.pop(f"small/{honest.name}") == (True, "")
    assert set(ranked.values()) == {(False, "")}


CANONICAL = {"": "b" * 64, " clean 0 0": "a" * 64, " typo@3 3 0": "a" * 64}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "javascript:alert(1)"}, "source"),
        ({"model": "a\u202eb"}, "model"),
        ({"rank": 1}, "rank"),
        ({"average_precision": {"multilingual": 1.2}}, "average_precision"),
        ({"table": ""}, "table"),
    ],
)
def test_a_reported_row_has_a_source_and_nothing_else(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    row = {"task": "small", "languages": ["en"], "model": "x", "average_precision": {"multilingual": 0.5}}
    row |= {"rank_distance": None, "source": "https://example.org/", "table": "Table 1", "note": ""}
    (tmp_path / "reported.json").write_text(json.dumps([row]), encoding="utf-8")
    assert len(read_published(tmp_path)) == 1
    (tmp_path / "reported.json").write_text(json.dumps([row | change]), encoding="utf-8")
    with pytest.raises(ResultError, match=f"0.*{said}"):
        read_published(tmp_path)


def test_the_fuzzer_finds_nothing_in_a_few_seconds(tmp_path: Path) -> None:
    """`python benchmarks/fuzz_submissions.py -max_total_time=300` looks longer."""
    pytest.importorskip("atheris", reason="ATHERIS ABSENT: pip install atheris")
    fuzzer = Path(__file__).parents[1] / "benchmarks" / "fuzz_submissions.py"
    command = [sys.executable, str(fuzzer), "-runs=1000", "-max_len=20000", "-rss_limit_mb=3000"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]


def with_recipe(recipe: str) -> bytes:
    return json.dumps(small_table()).replace("typo@3", recipe).encode()


@pytest.mark.parametrize(
    "recipe",
    [
        "typo@3~model%28v2%29>=0.8",
        "greedy(typo@3)|goal=map|words=2|queries=500|until-reached",
        "greedy(typo@3)|goal=map+language=en|words=2|queries=500|edit-rate=0.3|starts=0|crafted-on=intfloat/e5",
    ],
)
def test_every_attack_that_can_be_run_can_be_submitted(recipe: str, tmp_path: Path) -> None:
    path = submit(entry_from_json(with_recipe(recipe), "x.json"), tmp_path)
    assert read_entry(path).cells[1].recipe == recipe


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("typo", "is not the identity of an attack"),
        ("greedy(typo@3)", "is not the identity of an attack"),
        ("greedy(typo@3)|goal=map|words=2", "is not the identity of an attack"),
        ("greedy(typo@3)|goal=map|words=02|queries=500", "is written 'greedy(typo@3)|goal=map|words=2|queries=500'"),
        ("typo@3~model(v2)>=0.8", "is written 'typo@3~model%28v2%29>=0.8'"),
        ("t%79po@3", "is written 'typo@3'"),
        ("typo@3~x>=0.80", "is written 'typo@3~x>=0.8'"),
        ("typo@3 ", "String should match pattern"),
        ("typo@" + "3" * 1000, "String should match pattern"),
    ],
)
def test_an_attack_has_one_spelling(recipe: str, said: str) -> None:
    answer = refused(with_recipe(recipe))
    assert answer.startswith(("x.json: cells.1.recipe: ", "x.json: scores.1.recipe: "))
    assert said in answer


def test_a_task_has_one_spelling() -> None:
    for identity in ("small", "sm%61ll@1", "small@1@2"):
        table = small_table()
        table["task"]["identity"] = identity
        assert refused(json.dumps(table)).startswith("x.json: task.identity: ")


def test_another_goal_is_no_newer_version(tmp_path: Path) -> None:
    """`beyond@20` was taken for a later version of `beyond@10`, and took its place on the board."""
    for number, depth in enumerate((10, 20)):
        table = json.loads(with_recipe(f"greedy(typo@3)|goal=beyond@{depth}|words=2|queries=500"))
        table["cells"][1]["queries_sha256"] = f"{number}" * 64
        submit(entry_from_json(json.dumps(table).encode(), "x.json"), tmp_path)
    build_board(tmp_path)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert [row["superseded"] for row in made["rows"]] == ["", ""]


def test_the_board_says_what_attacks_are_called(tmp_path: Path) -> None:
    """The page takes no identity apart; a name that two attacks would share is the whole identity."""
    search = "greedy(typo@3)|goal=map|words={}|queries=500"
    recipes = ["typo@3~x>=0.8", search.format(1), search.format(2), search.format(1) + "|crafted-on=a%7Cb"]
    table = small_table()
    cell, score = table["cells"].pop(), table["scores"].pop()
    table["cells"] += [{**cell, "recipe": recipe} for recipe in recipes]
    table["scores"] += [{**score, "recipe": recipe} for recipe in recipes]
    ranks = packed(np.array([1, 2] + [1, 4] * len(recipes)))
    table["ranks"] = {"in_pool": ranks, "in_language": ranks}
    submit(entry_from_json(json.dumps(table).encode(), "x.json"), tmp_path)
    build_board(tmp_path)
    (made,) = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert made["task_name"] == "small"
    assert made["names"] == {
        "clean": "clean",
        recipes[0]: recipes[0],
        recipes[1]: recipes[1],
        recipes[2]: recipes[2],
        recipes[3]: "greedy(typo@3) crafted on a%7Cb",
    }
    threats = dict(zip([recipe for recipe, _ in made["cells"]], made["threats"], strict=True))
    assert [threats[recipe] for recipe in recipes] == ["average case", "worst case", "worst case", "transfer"]
