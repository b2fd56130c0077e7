"""Perturbed passages: the pool after a recipe is a pool like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.errors import OptionError, ResultError
from robustbench_ir.evaluation.plan import plan
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.leaderboard.entry import Declaration, entry_of
from robustbench_ir.reports.content import command_of
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.tasks import Passage, Query, Task, build_task, load_task
from tests.support.encoders import rows_of

LANGUAGES = ("en", "ru", "yo")


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("mini", LANGUAGES)


def noisy(task: Task, recipe: str, severity: int, seed: int) -> Task:
    """Return the task with other passages, by nothing but `rb.perturb`."""
    found = rb.load_recipe(recipe).for_task(task)
    passages = [
        replace(
            one,
            text=rb.perturb([Query(one.passage_id, one.language, one.text, "")], found, severity=severity, seed=seed)[
                0
            ].text,
        )
        for one in task.passages
    ]
    return replace(task, passages=tuple(passages))


@pytest.mark.parametrize("encoder", ["char-ngram", "bm25"])
@pytest.mark.parametrize("on", ["passages", "both"])
def test_ranks_are_those_of_a_task_with_these_passages(task: Task, encoder: str, on: str) -> None:
    (cell,) = rb.attack(encoder, task, f"transliteration on {on}", severities=5, seeds=1).attacked
    other = noisy(task, "transliteration", 5, 0)
    if on == "passages":
        expected = rb.attack(encoder, other, "clean").clean
    else:
        (expected,) = rb.attack(encoder, other, "transliteration", severities=5).attacked
    np.testing.assert_array_equal(cell.ranks.in_pool, expected.ranks.in_pool)
    np.testing.assert_array_equal(cell.ranks.in_language, expected.ranks.in_language)


def test_what_is_told_of_a_query_is_the_mean_over_its_passages(task: Task) -> None:
    (cell,) = rb.attack("char-ngram", task, "typo on passages").attacked
    (both,) = rb.attack("char-ngram", task, "typo on both").attacked
    recipe = rb.load_recipe("typo").for_task(task)
    for row in (0, len(task.queries) // 2, len(task.queries) - 1):
        passages = [task.passages[one] for one in task.qrels.passage[task.qrels.query == row]]
        texts = [Query(one.passage_id, one.language, one.text, "") for one in passages]
        changes = [one.edit_rate for one in recipe.perturb(texts, 3, 0)]
        own = recipe.perturb([task.queries[row]], 3, 0)[0].edit_rate
        assert cell.edit_rate[row] == pytest.approx(np.mean(changes))
        assert both.edit_rate[row] == pytest.approx(np.mean([*changes, own]))
    assert cell.changed.all()
    assert cell.digest != both.digest


def test_passages_that_a_recipe_does_not_cover_stay_and_coverage_says_so(task: Task) -> None:
    result = rb.attack("char-ngram", task, "transliteration on passages", severities=5)
    (cell,) = result.attacked
    assert set(cell.not_covered) == {"en", "yo"}
    (drop,) = result.drops("monolingual")
    (alone,) = rb.attack("char-ngram", task, "transliteration on passages", languages="ru", severities=5).drops(
        "monolingual"
    )
    assert drop.clean == pytest.approx(alone.clean)
    assert drop.attacked == pytest.approx(alone.attacked)
    assert drop.attacked < drop.clean


def test_a_language_without_passages_has_the_coverage_of_what_answers_it() -> None:
    queries = [Query("q1", "yo", "Kí ni odò?", "q1"), Query("q2", "ru", "Какая река длинная?", "q2")]
    passages = [Passage("d1", "en", "A long river."), Passage("d2", "ru", "Нил длинный.")]
    task = build_task("tiny", 1, queries, passages, {"q1": {"d1": 1}, "q2": {"d2": 1}})
    (cell,) = rb.attack("char-ngram", task, "transliteration on passages", severities=5).attacked
    assert cell.not_covered == {"yo": "its passages are in en: English is written in Latin script"}
    assert cell.changed.tolist() == [False, True]


def test_the_same_bits_again_from_the_cache_from_another_process_and_from_a_file(task: Task, tmp_path: Path) -> None:
    first = rb.attack("char-ngram", "mini", "typo on passages", languages="en,ru", severities=(1, 3))
    again = rb.attack(
        "char-ngram",
        "mini",
        "typo on passages",
        languages="en,ru",
        severities=(1, 3),
        run=RunOptions(jobs=2, cache=tmp_path),
    )
    read = result_from_json(result_to_json(first))
    for one in (again, read):
        assert [str(cell.recipe) for cell in one.attacked] == ["typo@5|on=passages"] * 2
        for cell, other in zip(first.attacked, one.attacked, strict=True):
            assert cell.digest == other.digest
            np.testing.assert_array_equal(cell.ranks.in_pool, other.ranks.in_pool)


class Counting:
    """Keeps the passages that it is asked to encode."""

    description = EncoderDescription("counting", "counting@1", "cosine", 0)

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> np.ndarray:
        return rows_of(texts)

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += texts
        return rows_of(texts)


def test_only_passages_that_changed_are_encoded_again_and_the_plan_knows_how_many(task: Task) -> None:
    encoder = Counting()
    recipes = {"recipes": "transliteration on passages", "severities": 5}
    planned = plan(encoder, task, **recipes)
    encoder.encoded.clear()  # a plan measures how long a few texts take
    rb.attack(encoder, task, **recipes)
    clean = {one.text for one in task.passages}
    changed = {one.text for one in noisy(task, "transliteration", 5, 0).passages} - clean
    assert sorted(encoder.encoded) == sorted([*clean, *changed])
    assert planned.passages == len(clean) + len(changed)
    assert planned.cells[1].passages == len(changed)
    assert plan(encoder, task, **recipes).cells[1].finished


def test_the_signature_the_command_and_the_notes_say_which_side(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    arguments = ["attack", "--model", "char-ngram", "--task", "mini", "--languages", "en", "--recipe", "typo"]
    told = CliRunner().invoke(
        irbench, [*arguments, "--on", "passages", "--out", f"{out}", "--run-out", f"{tmp_path}/runs"]
    )
    assert told.exit_code == 0, told.output
    assert "typo on passages" in told.output
    assert "the queries are clean; coverage and edits are of the passages" in " ".join(told.output.split())
    result = rb.load_result(out)
    assert command_of(result).endswith("--recipe typo --severity 3 --seeds 1 --on passages")
    assert "recipe=typo@5%7Con=passages" in result.signature("monolingual", "typo@5|on=passages", 3)
    assert (tmp_path / "runs" / "typo-on-passages-severity3-seed0.trec").is_file()
    with pytest.raises(ResultError, match="has the result of another run"):
        CliRunner().invoke(irbench, [*arguments, "--out", f"{out}"], catch_exceptions=False)


def test_what_passages_cannot_have_is_refused_in_one_line(task: Task) -> None:
    with pytest.raises(OptionError, match="a semantic floor judges queries"):
        rb.attack("char-ngram", task, "typo on passages", semantic_floor=0.8)
    with pytest.raises(OptionError, match="there are queries, passages, both"):
        rb.attack("char-ngram", task, "typo on pool")
    with pytest.raises(OptionError, match="variants of queries, not of passages"):
        rb.attack("char-ngram", task, "variants:ocr on both")
    with pytest.raises(OptionError, match="a search perturbs queries"):
        CliRunner().invoke(irbench, ["attack", "--search", "greedy", "--on", "passages"], catch_exceptions=False)
    result = rb.attack("char-ngram", task, "typo on passages")
    with pytest.raises(OptionError, match="the leaderboard is for attacks on queries"):
        entry_of(result, Declaration("x", "https://example.org/x"), "2026-11-30")
