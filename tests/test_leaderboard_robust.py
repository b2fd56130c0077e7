"""Robust scores and injected passages in entries: from results to a checked board, refusals, and what follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays

from robustbench_ir import Result, attack, poison, run_suite, save_result
from robustbench_ir.adversary.poison_file import save_poisoning
from robustbench_ir.adversary.poisoning import Poisoning
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError, ResultError
from robustbench_ir.leaderboard.board import board
from robustbench_ir.leaderboard.building import build_board
from robustbench_ir.leaderboard.entry import Declaration, entry_of, entry_to_json
from robustbench_ir.leaderboard.export import model_index, mteb_result
from robustbench_ir.leaderboard.faults import entry_faults
from robustbench_ir.leaderboard.folder import FiledEntry, submit
from robustbench_ir.leaderboard.marks import entry_digest
from robustbench_ir.leaderboard.packing import packed
from robustbench_ir.leaderboard.poisoned import places_of, poison_derived
from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.schema import RanksEntry
from robustbench_ir.leaderboard.verifying import verify
from robustbench_ir.results.suite import load_suite
from tests.support.boards import QUESTIONS, derived, entry, poisoned
from tests.support.entries import DAY, Table, read, table_of, with_places

ROOT = Path(__file__).parents[1]
LANGUAGES = ["en", "sw", "hi"]
SAID = Declaration("char-ngram", "https://example.org/char", saw_task="no")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield attack("char-ngram", "mini", ["typo", "word-order"], languages=LANGUAGES)


@pytest.fixture(scope="module")
def suite(result: Result) -> Result:
    return run_suite("char-ngram", "mini", "small", languages=LANGUAGES)


@pytest.fixture(scope="module")
def found(result: Result) -> Poisoning:
    return poison("char-ngram", "mini", languages=LANGUAGES, budget=2)


@pytest.fixture(scope="module")
def full(result: Result, suite: Result, found: Poisoning) -> RanksEntry:
    return entry_of(result, SAID, DAY, suite, [found])


def run(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(irbench, arguments)
    return answer.exit_code, f"{answer.stdout}{answer.exception or ''}"


def average_precision(ranks: list[int]) -> float:
    return sum(place / rank for place, rank in enumerate(sorted(ranks), 1)) / len(ranks)


def plain_robust_map(result: Result) -> tuple[float, float]:
    """Return robust mAP and robust@10 of the multilingual setting by a loop over queries."""
    lows: dict[str, list[tuple[float, bool]]] = {}
    layout = result.judgements
    for row, language in enumerate(layout.languages):
        judged = np.flatnonzero(layout.query == row)
        ranks = [cell.ranks.in_pool[judged].tolist() for cell in (result.clean, *result.attacked)]
        kept = all(min(one) <= 10 for one in ranks)
        lows.setdefault(language, []).append((min(map(average_precision, ranks)), kept))
    means = [np.mean(values, axis=0) for values in lows.values()]
    robust, top = np.mean(means, axis=0)
    return float(robust), float(top)


def test_from_results_to_a_checked_board_by_commands(
    result: Result, suite: Result, found: Poisoning, tmp_path: Path
) -> None:
    files = [str(tmp_path / name) for name in ("plain.json", "suite.json", "poison.json")]
    save_result(result, files[0])
    save_result(suite, files[1])
    save_poisoning(found, files[2])
    folder = ("--folder", str(tmp_path / "board"))
    named = ("--name", "char-ngram", "--link", SAID.link, "--saw-task", "no", *folder)
    plain = run("submit", files[0], *named)[1].split(" is your entry")[0]
    status, said = run("submit", files[0], "--suite", files[1], "--poison", files[2], *named)
    assert status == 0, said
    assert "without a rank" not in said, "the suite has what the result lacks"
    path = said.split(" is your entry")[0]
    assert run("leaderboard", "check", path, *folder, "--record")[1] == f"{path}: checked, and recorded for the board\n"
    status, said = run("leaderboard", "verify", path, "--by", "me")
    assert status == 0, said
    assert run("leaderboard", "build", *folder)[0] == 0
    table = json.loads((tmp_path / "board" / "leaderboard.json").read_text(encoding="utf-8"))
    (made,) = table["boards"]
    before, after = (
        next(row for row in made["rows"] if row["file"] == f"mini/{Path(one).name}") for one in (plain, path)
    )
    assert (before["superseded"], "suites" in before, "poison" in before) == (Path(path).name, False, False)
    assert (after["superseded"], after["digests"], after["verified"]["by"]) == ("", "checked", "me")
    everything = made["group_of"][""]
    for setting in suite.settings:
        (scores,), (top,) = suite.robust_scores(setting), suite.robust_scores(setting, "Success@10")
        shown = after["suites"]["small@1"]["scores"][setting]
        assert shown["robust"][everything] == pytest.approx(scores.robust.value, abs=1e-5)
        assert (shown["kept"], shown["robust_at_10"]) == pytest.approx((scores.kept.value, top.robust.value), abs=1e-6)
        assert shown["questions"] == scores.questions
        low, high = shown["intervals"]["robust"]
        assert (low, high) == pytest.approx((scores.robust.low, scores.robust.high), abs=0.01), "other resamples"
    multilingual = after["suites"]["small@1"]["scores"]["multilingual"]
    assert (multilingual["robust"][everything], multilingual["robust_at_10"]) == pytest.approx(
        plain_robust_map(load_suite("small").of(suite)), abs=1e-5
    )
    for depth in (1, 10):
        matrix = {(one.source, one.language): one for one in found.matrix(depth, resamples=1000)}
        whole, shown = matrix["all", "all"], after["poison"]["copy, budget 2"]
        assert shown["overall"][f"asr_at_{depth}"] == pytest.approx(whole.share.value)
        assert shown["intervals"][f"asr_at_{depth}"] == pytest.approx([whole.share.low, whole.share.high], abs=1e-6)
        for language in LANGUAGES if depth == 10 else []:
            group = made["group_of"][language]
            assert shown["asr_at_10"][group] == pytest.approx(matrix["all", language].share.value, abs=1e-5)


def test_a_result_that_has_a_suite_needs_no_second_file(suite: Result, full: RanksEntry) -> None:
    alone = entry_of(suite, SAID, DAY)
    assert [one.suite for one in alone.suites] == ["small@1"]
    assert alone.suites[0].scores == full.suites[0].scores
    assert full.poison[0].asr_at_10 > full.poison[0].asr_at_1
    assert entry_of(replace(suite, attacked=suite.attacked[1:]), SAID, DAY).suites == []


def test_what_is_written_is_what_is_read(full: RanksEntry) -> None:
    assert entry_faults(full) == []
    assert read(table_of(full)) == full


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("afriqa/bm25", "ff676ff7b8a42119645c828b5e529a0d4e563f5111dde9bfc289c2bd3c305d73"),
        ("xquad-r/char-ngram", "5687c1acef53378279a3852f28eaaea80063d27936fabbf322b209ef0ca5c7b2"),
    ],
)
def test_entries_without_them_have_the_digest_that_they_had(name: str, digest: str) -> None:
    """The digests were computed by the version before there were suites in entries: marks stay valid."""
    before = read_entry(ROOT / "leaderboard" / "submissions" / f"{name}.json")
    assert entry_digest(before) == digest
    assert not {"suites", "poison"} & json.loads(entry_to_json(before)).keys()


# What is not of the same run.


def _with_encoder(one: Result | Poisoning, **change: object) -> Result | Poisoning:
    return replace(one, encoder=replace(one.encoder, **change))  # type: ignore[arg-type]


def _other_queries(suite: Result) -> Result:
    (cell,) = [one for one in suite.attacked if (one.recipe.label, one.seed) == ("typo", 0)]
    return replace(suite, attacked=[replace(one, digest="0" * 64) if one is cell else one for one in suite.attacked])


def _other_clean_ranks(suite: Result) -> Result:
    ranks = replace(suite.clean.ranks, in_pool=suite.clean.ranks.in_pool + 1)
    return replace(suite, clean=replace(suite.clean, ranks=ranks))


SUITE_REFUSALS: dict[str, tuple[Callable[[Result], Result], str]] = {
    "questions": (
        lambda one: replace(one, task=f"{one.task}-20-questions"),
        "20 questions were drawn of this task, for a quick look; attack without --questions",
    ),
    "task": (lambda one: replace(one, task="mini@2"), "its task is 'mini@2', that of the result is 'mini@1'; run both"),
    "texts": (lambda one: replace(one, task_digest="0" * 64), "its digest of the task's texts is '000"),
    "scoring": (lambda one: replace(one, scoring=1), "its version of the scoring is 1, that of the result is"),
    "fingerprint": (lambda one: _with_encoder(one, fingerprint="x"), "its fingerprint is 'x', that of the result is"),  # type: ignore[dict-item,return-value]
    "prompt": (lambda one: _with_encoder(one, query_prompt="q: "), "its query prompt is 'q: ', that of the result"),  # type: ignore[dict-item,return-value]
    "options": (lambda one: replace(one, options={"max_length": 7}), "its options of the encoder is {'max_length': 7}"),
    "attacks": (lambda one: replace(one, attacked=one.attacked[1:]), "no whole suite; run `irbench attack --suite`"),
    "queries": (_other_queries, "its queries of typo@"),
    "ranks": (_other_clean_ranks, "its clean ranks are not those of the result; run both on the same machine"),
}


@pytest.mark.parametrize("name", SUITE_REFUSALS)
def test_a_suite_of_another_run_is_refused(name: str, result: Result, suite: Result) -> None:
    change, said = SUITE_REFUSALS[name]
    with pytest.raises(OptionError) as caught:
        entry_of(result, SAID, DAY, change(suite))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


POISON_REFUSALS: dict[str, tuple[Callable[[Poisoning], Poisoning], str]] = {
    "questions": (
        lambda one: replace(one, task=f"{one.task}-20-questions"),
        "20 questions were drawn of this task, for a quick look; run `irbench poison` without --questions",
    ),
    "unseen": (lambda one: replace(one, unseen=0.5), "run `irbench poison` without --unseen"),
    "task": (lambda one: replace(one, task="mini@2"), "its task is 'mini@2'"),
    "texts": (lambda one: replace(one, task_digest="0" * 64), "its digest of the task's texts is '000"),
    "fingerprint": (lambda one: _with_encoder(one, fingerprint="x"), "its fingerprint is 'x'"),  # type: ignore[dict-item,return-value]
    "sources": (
        lambda one: replace(one, place={"en": one.place["en"]}),
        "passages were injected in en, and the board compares all languages of the queries",
    ),
    "queries": (
        lambda one: replace(one, judgements=replace(one.judgements, query_ids=one.judgements.query_ids[::-1])),
        "its queries are not those of the result; run both in the same languages",
    ),
}


@pytest.mark.parametrize("name", POISON_REFUSALS)
def test_injected_passages_of_another_run_are_refused(name: str, result: Result, found: Poisoning) -> None:
    change, said = POISON_REFUSALS[name]
    with pytest.raises(OptionError) as caught:
        entry_of(result, SAID, DAY, poisonings=[change(found)])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_language_and_the_same_attack_twice_are_refused(result: Result, found: Poisoning, tmp_path: Path) -> None:
    alone = attack("char-ngram", "mini", ["typo"], languages=["sw"])
    with pytest.raises(OptionError, match="the queries are in one language"):
        entry_of(alone, SAID, DAY, poisonings=[poison("char-ngram", "mini", languages=["sw"])])
    with pytest.raises(ResultError, match="the same attack occurs twice"):
        submit(entry_of(result, SAID, DAY, poisonings=[found, found]), tmp_path)


# What no run gives, and what is no number.


def put(*place: str | int, value: object) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        inner = table
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value

    return change


def dropped(*place: str | int) -> Callable[[Table], None]:
    def change(table: Table) -> None:
        inner = table
        for key in place[:-1]:
            inner = inner[key]
        del inner[place[-1]]

    return change


def placed(change: Callable[[np.ndarray], object]) -> Callable[[Table], None]:
    """Return a change of the places, shape (sources, queries)."""
    return lambda table: table.update(with_places(table, change))


HTML = "<img src=x onerror=alert(1)>"
SCORES = ("suites", 0, "scores", "multilingual")
HOSTILE: dict[str, tuple[Callable[[Table], None], str]] = {
    "NaN": (put(*SCORES, "robust", value=float("nan")), "NaN is not a number of JSON"),
    "infinity": (put("poison", 0, "asr_at_10", value=float("inf")), "Infinity is not a number of JSON"),
    "more than all": (put(*SCORES, "robust_at_10", value=1.5), "robust_at_10"),
    "less than none": (put("poison", 0, "asr_at_1", value=-0.1), "asr_at_1"),
    "a text for a number": (put(*SCORES, "average", value="0.5"), "average"),
    "markup for a number": (put("poison", 0, "budget", value=HTML), "budget"),
    "a huge number": (put("poison", 0, "encodings", value=10**30), "encodings"),
    "no questions": (put("poison", 0, "questions", value=0), "questions"),
    "markup for a suite": (put("suites", 0, "suite", value=HTML), "suites.0.suite"),
    "markup for a craft": (put("poison", 0, "craft", value=HTML), "poison.0.craft"),
    "an unknown craft": (put("poison", 0, "craft", value="copied"), "unknown craft"),
    "a craft in other words": (put("poison", 0, "craft", value="beam"), "is written"),
    "no part of the scores": (dropped(*SCORES, "kept"), "kept"),
    "no places": (dropped("poison", 0, "place"), "place"),
    "one more key": (put("suites", 0, "rank", value=1), "rank"),
    "a list for a record": (put("poison", value=[[]]), "poison.0"),
    "a robust score that does not follow": (put(*SCORES, "robust", value=0.9), "robust is 0.9, the queries give"),
    "a kept share of nothing": (put(*SCORES, "kept", value=None), "kept is None, the queries give"),
    "other questions of a suite": (put(*SCORES, "questions", value=59), "questions is 59, the queries give 60"),
    "a setting less": (dropped(*SCORES), "must have each setting"),
    "a share that does not follow": (put("poison", 0, "asr_at_10", value=0.01), "the places give"),
    "other questions": (put("poison", 0, "questions", value=1), "questions is 1, the places give 60"),
    "a better cell": (lambda table: table["suites"][0]["cells"].pop(), "are not those of the attacks of small@1"),
    "a cell that is not there": (put("suites", 0, "cells", value=[1, 900]), "numbers of attacked cells"),
    "cells twice": (put("suites", 0, "cells", value=[1, 1]), "numbers of attacked cells, ascending"),
    "an attack that saw nothing": (
        put("suites", 0, "adaptive", value=True),
        "must be true if one of its attacks was searched",
    ),
    "many suites": (lambda table: table["suites"].extend(table["suites"] * 5), "at most 5 items"),
    "a suite twice": (lambda table: table["suites"].append(table["suites"][0]), "the same suite occurs twice"),
    "an attack twice": (lambda table: table["poison"].append(table["poison"][0]), "the same attack occurs twice"),
    "fewer sources": (put("poison", 0, "sources", value=["en", "sw"]), "must be the languages of the queries"),
    "sources in another order": (put("poison", 0, "sources", value=["sw", "en", "hi"]), "in their order"),
    "a budget beyond the texts": (put("poison", 0, "budget", value=4), "4 passages, and a question has a text in"),
    "a search without encodings": (put("poison", 0, "craft", value="greedy"), "0 of craft greedy; a search has some"),
    "encodings without a search": (put("poison", 0, "encodings", value=50), "50 of craft copy; a search has some"),
    "an encoder that nobody asked": (put("poison", 0, "crafted_on", value=HTML), "craft copy asks no encoder"),
    "too few places": (put("poison", 0, "place", value=packed(np.zeros(5))), "not 540 packed numbers"),
    "no packed numbers": (put("poison", 0, "place", value="AAAA"), "poison.0.place: not "),
    "a place beyond ten": (placed(lambda place: place.put(0, 12)), "a place is 1 to 10"),
    "a passage that is not there": (placed(lambda place: place.put(0, 11)), "a query has no passage in en"),
    "passages of a run": (put("model", "kind", value="run"), "injected for an encoder"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_refused_in_one_line(name: str, full: RanksEntry) -> None:
    change, said = HOSTILE[name]
    table = table_of(full)
    change(table)
    assert table != table_of(full)
    try:
        faults = entry_faults(read(table))
    except ResultError as error:
        faults = [str(error)]
    assert said in faults[0]
    assert "\n" not in faults[0]
    assert len(faults[0]) < 400


def test_a_suite_of_another_version_is_shown_as_not_checked(full: RanksEntry) -> None:
    """Its cells are those that the entry says, and its scores follow from them all the same."""
    table = table_of(full)
    table["suites"][0]["suite"] = "small@99"
    later = read(table)
    assert entry_faults(later) == []
    (made,) = board([FiledEntry(Path("mini") / "x.json", later)], {}, resamples=10)["boards"]  # type: ignore[misc]
    assert made["rows"][0]["suites"]["small@99"]["known"] is False


def test_flattered_places_do_not_hold(full: RanksEntry) -> None:
    assert verify(full, 40, seed=3).holds

    def hidden(place: np.ndarray) -> None:
        place[:, ::4] = 0

    flattered = read(with_places(table_of(full), hidden))
    assert isinstance(flattered, RanksEntry)
    found = verify(flattered, 60, seed=3)
    assert not found.holds
    assert "injected copy, budget 2: " in found.faults[0]
    assert "of the places of injected passages differ" in found.faults[0]


def test_what_a_search_wrote_is_not_injected_again_and_the_board_says_so(result: Result, found: Poisoning) -> None:
    searched = replace(found, craft="greedy", encodings=50, crafter=replace(found.encoder, name="bm25", given=""))
    made = entry_of(result, SAID, DAY, poisonings=[found, searched])
    again = verify(made, 20, seed=1)
    assert again.holds
    assert ([one.attack for one in again.poison], again.searched) == (["copy, budget 2"], 1)
    (table,) = board([FiledEntry(Path("mini") / "x.json", made)], {}, resamples=10)["boards"]  # type: ignore[misc]
    shown = table["rows"][0]["poison"]
    assert {attack: one["searched"] for attack, one in shown.items()} == {
        "copy, budget 2": False,
        "greedy, budget 2, 50 encodings, crafted on bm25": True,
    }


def test_exports_have_them(full: RanksEntry) -> None:
    from huggingface_hub import ModelCard

    scores = json.loads(mteb_result(full))["scores"]
    robust = [row["map"] for row in scores["worst of small@1"] if row["hf_subset"].endswith("multilingual")]
    assert np.mean(robust) == pytest.approx(full.suites[0].scores["multilingual"].robust, abs=1e-6)
    shares = [row["asr_at_10"] for row in scores["injected copy, budget 2"]]
    assert np.mean(shares) == pytest.approx(full.poison[0].asr_at_10, abs=1e-6)
    card = ModelCard(f"---\n{model_index(full)}\n---\n")
    found = {one.dataset_config: one.metric_value for one in card.data.eval_results or []}
    assert found["multilingual, injected copy, budget 2"] == pytest.approx(full.poison[0].asr_at_10, abs=1e-6)
    for setting, one in full.suites[0].scores.items():
        assert found[f"{setting}, worst of small@1"] == pytest.approx(one.robust, abs=1e-6)


MADE = entry(1)


@given(arrays(np.int32, (2, 2 * QUESTIONS), elements=some.integers(0, 10)))
def test_shares_of_injected_passages_are_those_of_a_plain_loop(place: np.ndarray) -> None:
    """Forty questions in English and Swahili: of each query, only passages in the other language count."""
    assert isinstance(MADE, RanksEntry)
    record = derived(MADE, poisoned("copy", 1).model_copy(update={"place": packed(place)}))
    for depth, value in ((1, record.asr_at_1), (10, record.asr_at_10)):
        first = [0 < int(one) <= depth for one in place[1, :QUESTIONS]]
        second = [0 < int(one) <= depth for one in place[0, QUESTIONS:]]
        assert value == pytest.approx((sum(first) / QUESTIONS + sum(second) / QUESTIONS) / 2)
    assert poison_derived(MADE, record)["questions"] == QUESTIONS
    assert np.array_equal(np.stack(list(places_of(MADE, record).values())), place)


def test_the_later_entry_must_have_all_that_was_injected(full: RanksEntry, result: Result, tmp_path: Path) -> None:
    first = submit(full, tmp_path)
    bare = entry_of(result, SAID, "2026-11-27")
    again = submit(bare.model_copy(update={"cells": full.cells, "ranks": full.ranks, "scores": full.scores}), tmp_path)
    with pytest.raises(ResultError, match="is an entry of the same run"):
        submit(full, tmp_path)
    build_board(tmp_path, today="2026-11-28")
    rows = json.loads((tmp_path / "leaderboard.json").read_text(encoding="utf-8"))["boards"][0]["rows"]
    assert {row["file"]: row["superseded"] for row in rows} == {
        f"mini/{first.name}": "",
        f"mini/{again.name}": first.name,
    }
