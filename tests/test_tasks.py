"""Tasks: the real files read right, the cards are strict, bad data is named."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from robustbench_ir import attack
from robustbench_ir._base.text import nfc
from robustbench_ir.errors import CardError, DataError, DataUnavailableError, OptionError, UnknownNameError
from robustbench_ir.tasks import Passage, Query, build_task, load_task, task_card, task_names
from robustbench_ir.tasks.formats.readers import AfriqaContext, json_lines

POOL_SIZES = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244,
    "ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196,
}  # fmt: skip
"""Design section 6, from LAReQA's files."""


def test_xquad_r_has_the_published_sizes(shared_data: Path) -> None:
    task = load_task("xquad-r")
    assert {one: part.stop - part.start for one, part in task.passage_slices.items()} == POOL_SIZES
    assert len(task.passages) == 13_014
    assert len(task.queries) == 11 * 1190
    parallel = {one: {q.parallel_id for q in task.queries if q.language == one} for one in task.query_languages}
    assert all(ids == parallel["en"] and len(ids) == 1190 for ids in parallel.values())
    # Exactly one relevant sentence per language: 11 for each question.
    assert len(task.qrels.query) == 11 * 1190 * 11
    pairs = {(int(q), task.passages[p].language) for q, p in zip(task.qrels.query, task.qrels.passage, strict=True)}
    assert len(pairs) == 11 * 1190 * 11
    strings: dict[str, set[str]] = {}
    for passage in task.passages:
        strings.setdefault(passage.text, set()).add(passage.language)
    assert sum(len(languages) > 1 for languages in strings.values()) == 3
    assert all(nfc(passage.text) == passage.text for passage in task.passages)


def test_the_gold_sentence_holds_the_answer(shared_data: Path) -> None:
    task = load_task("xquad-r", ["en"])
    raw = json.loads((shared_data / "xquad-r" / "en.json").read_text(encoding="utf-8"))
    answers = {qa["id"]: qa["answers"][0]["text"] for a in raw["data"] for p in a["paragraphs"] for qa in p["qas"]}
    held = [
        answers[task.queries[q].parallel_id].split()[0] in task.passages[p].text
        for q, p in zip(task.qrels.query, task.qrels.passage, strict=True)
    ]
    assert all(held)


def test_languages_restrict_queries_and_pool(shared_data: Path) -> None:
    task = load_task("xquad-r", ["tr", "en"])
    assert task.query_languages == task.passage_languages == ("en", "tr")
    assert len(task.qrels.query) == 2 * 1190 * 2


def test_mini_is_what_its_card_says() -> None:
    task = load_task("mini")
    assert len(task.query_languages) == 12
    assert {"sw", "ha", "yo", "bn", "te", "am"} <= set(task.query_languages)
    for one, part in task.passage_slices.items():
        assert part.stop - part.start >= 150
        assert sum(query.language == one for query in task.queries) == 60
    assert len(task.qrels.query) == 12 * 60 * 12
    card = task_card("mini")
    assert card.synthetic
    assert "never for publication" in card.notes[0]


def test_afriqa_asks_in_african_languages_and_answers_in_english_and_french(shared_data: Path) -> None:
    task = load_task("afriqa")
    asked = Counter(query.language for query in task.queries)
    expected = {"bem": 308, "fon": 386, "ha": 300, "ig": 409, "rw": 345, "sw": 295, "tw": 486, "yo": 253, "zu": 325}
    assert asked == {**expected, "fr": expected["fon"], "en": sum(expected.values()) - expected["fon"]}
    assert set(task.passage_languages) == {"en", "fr"}
    texts = [passage.text for passage in task.passages]
    assert len(texts) == len(set(texts)), "identical contexts are one passage"
    answer = dict(zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True))
    of_query = {query.query_id: task.passages[answer[row]] for row, query in enumerate(task.queries)}
    translated = next(query for query in task.queries if query.query_id == "en:ha:0")
    assert (translated.text, translated.parallel_id) == ("What region is Anambra State in Nigeria?", "ha:0")
    assert of_query["en:ha:0"] == of_query["ha:0"]
    assert of_query["ha:0"].text.startswith("Anambra State")


def test_a_language_without_passages_keeps_the_pool_that_answers_it(shared_data: Path) -> None:
    task = load_task("afriqa", ["ha"])
    assert (task.query_languages, task.passage_languages) == (("ha",), ("en",))
    assert load_task("afriqa", ["fon", "en"]).select(["fon"]).passage_languages == ("fr",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"context": 3}', "key 'context': Input should be a valid string"),
        (b'{"context": "caf\xe9"}', "Invalid JSON: invalid unicode"),
        (b" " * ((1 << 24) + 1), "a line of over 16 MiB"),
    ],
    ids=["no text", "not UTF-8", "long"],
)
def test_a_bad_line_of_json_is_named(line: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "lines.json").write_bytes(b'{"context": "x"}\n' + line + b"\n")
    with pytest.raises(DataError, match=rf"lines\.json:2: {message}"):
        list(json_lines(tmp_path / "lines.json", AfriqaContext))


@pytest.mark.parametrize("name", task_names())
def test_every_task_card_is_whole(name: str) -> None:
    card = task_card(name)
    assert card.description.endswith(".")
    assert card.licence
    assert card.citation


def test_unknown_names_show_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown task 'xquad': did you mean 'xquad-r'\?"):
        load_task("xquad")
    with pytest.raises(UnknownNameError, match="unknown language 'eng-US-x'"):
        load_task("mini", ["eng-US-x"])
    for task in ("mini", load_task("mini")):
        with pytest.raises(OptionError, match="no language is given; name one or more of am, "):
            attack("char-ngram", task, languages=[])


def test_language_tags_of_other_standards_are_understood() -> None:
    assert load_task("mini", ["swh_Latn", "hau"]).query_languages == ("ha", "sw")


def test_without_network_or_data_the_file_and_the_way_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import requests

    def no_network(*_: object, **__: object) -> None:
        raise requests.ConnectionError("no route")

    monkeypatch.setattr("requests.Session.send", no_network)
    with pytest.raises(
        DataUnavailableError,
        match=r"xquad-r/en\.json is not on this machine .*no connection to the server.*ROBUSTBENCH_IR_DATA",
    ):
        load_task("xquad-r", ["en"])


def test_a_changed_file_is_refused(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "xquad-r").mkdir()
    whole = (shared_data / "xquad-r" / "en.json").read_bytes()
    (tmp_path / "xquad-r" / "en.json").write_bytes(whole[:-1])
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"en\.json: SHA-256 is not 7b0954f"):
        load_task("xquad-r", ["en"])


GOOD_CARD = """
name = "own"
version = 1
title = "Own"
description = "A task of my own."
format = "parallel-tsv"
licence = "CC0"
citation = "me"
homepage = "https://example.org"
[languages]
en = { queries = "own/q.tsv", passages = "own/p.tsv" }
"""


def own_cards(folder: Path, card: str = GOOD_CARD, queries: str = "a\tWho?\n", passages: str = "a\tMe.\n") -> Path:
    (folder / "tasks" / "own").mkdir(parents=True)
    (folder / "tasks" / "own.toml").write_text(card, encoding="utf-8")
    (folder / "tasks" / "own" / "q.tsv").write_text(queries, encoding="utf-8")
    (folder / "tasks" / "own" / "p.tsv").write_text(passages, encoding="utf-8")
    return folder


def test_a_task_of_ones_own_needs_a_card_and_no_python(tmp_path: Path) -> None:
    task = load_task("own", cards=own_cards(tmp_path))
    assert [query.text for query in task.queries] == ["Who?"]


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (GOOD_CARD.replace("version", "versoin"), r"own\.toml: key 'versoin' is unknown: did you mean 'version'"),
        (GOOD_CARD.replace('licence = "CC0"\n', ""), r"own\.toml: key 'licence' is missing"),
        (GOOD_CARD.replace("version = 1", 'version = "one"'), r"own\.toml: key 'version': .*integer"),
        (GOOD_CARD.replace('"own"', '"other"'), r"own\.toml: key 'name' is 'other'"),
        (GOOD_CARD.replace("parallel-tsv", "parallel-csv"), r"no reader 'parallel-csv': did you mean 'parallel-tsv'"),
        (GOOD_CARD.replace("own/q.tsv", "../q.tsv"), r"'\.\./q\.tsv' is not a path inside"),
        (GOOD_CARD.replace("own/q.tsv", "own/none.tsv"), r"own/none\.tsv: no such file"),
        ("name = ", r"own\.toml: not a TOML file"),
    ],
)
def test_a_malformed_card_names_file_and_key(tmp_path: Path, card: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        load_task("own", cards=own_cards(tmp_path, card))


@pytest.mark.parametrize(
    ("queries", "passages", "message"),
    [
        ("a\t \n", "a\tMe.\n", "query 'en:a' is empty"),
        ("a\tWho?\n", "a\t\n", "passage 'en:a' is empty"),
        ("b\tWho?\n", "a\tMe.\n", "query 'en:b' has no relevant passage"),
        ("a\tWho?\n", "a\tMe.\na\tYou.\n", "passage id 'en:a' occurs 2 times"),
        ("a Who?\n", "a\tMe.\n", r"q\.tsv:1: 1 columns"),
        ("", "a\tMe.\n", "no query at all"),
    ],
)
def test_bad_data_is_named(tmp_path: Path, queries: str, passages: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_task("own", cards=own_cards(tmp_path, queries=queries, passages=passages))


def test_judgements_of_what_does_not_exist() -> None:
    queries, passages = [Query("q", "en", "Who?", "q")], [Passage("p", "en", "Me.")]
    with pytest.raises(DataError, match="query 'q' is judged on passage 'x', which does not exist"):
        build_task("own", 1, queries, passages, {"q": {"x": 1}})
    with pytest.raises(DataError, match="name query 'y', which does not exist"):
        build_task("own", 1, queries, passages, {"y": {"p": 1}})
