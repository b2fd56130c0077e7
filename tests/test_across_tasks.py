"""The comparison across tasks against places that are counted by hand and by scipy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import rankdata

from robustbench_ir.leaderboard.across import OnTask, across_tasks
from robustbench_ir.leaderboard.ranking import contributions

QUESTIONS = 40


def on_task(name: str, means: dict[str, float], low: float = 0.2, high: float = 0.5, seed: int = 0) -> OnTask:
    """Return a task whose queries of each model are near its mean."""
    random = np.random.default_rng(seed)
    question, language = np.arange(QUESTIONS), np.zeros(QUESTIONS, dtype=int)
    noise = random.uniform(-0.05, 0.05, QUESTIONS)
    cases = tuple(contributions(mean + noise, question, language) for mean in means.values())
    rows = len(means)
    return OnTask(
        name, "multilingual", 2, tuple(means), cases,
        np.array(list(means.values())), np.full(rows, low), np.full(rows, high),
    )  # fmt: skip


FIRST = {"a": 0.9, "b": 0.7, "c": 0.5, "only here": 0.99}
SECOND = {"b": 0.6, "a": 0.4, "c": 0.5}


def test_places_count_the_models_that_are_on_all_tasks() -> None:
    found = across_tasks([on_task("one", FIRST), on_task("two", SECOND)], 200)
    assert found is not None
    rows = {row["name"]: row for row in found["rows"]}
    names = ["a", "b", "c"]
    expected = [rankdata([-table[name] for name in names]) for table in (FIRST, SECOND)]
    for number, name in enumerate(names):
        assert rows[name]["places"] == [places[number] for places in expected]
        assert rows[name]["place"][0] == pytest.approx(np.mean([places[number] for places in expected]))
        assert rows[name]["robust"] == [FIRST[name], SECOND[name]]
    assert [row["name"] for row in found["rows"]] == ["b", "a", "c"]
    assert found["missing"] == ["only here"]
    json.dumps(found, allow_nan=False)


def test_the_same_noise_in_all_models_leaves_no_doubt_and_other_noise_does() -> None:
    sure = across_tasks([on_task("one", FIRST), on_task("two", SECOND)], 200)
    assert sure is not None
    assert all(row["place"][1] == row["place"][0] == row["place"][2] for row in sure["rows"])
    random = np.random.default_rng(1)
    question, language = np.arange(QUESTIONS), np.zeros(QUESTIONS, dtype=int)
    alike = [contributions(random.uniform(0.1, 0.9, QUESTIONS), question, language) for _ in "ab"]
    task = OnTask("one", "multilingual", 1, ("a", "b"), tuple(alike), np.ones(2), np.ones(2), np.ones(2))
    doubtful = across_tasks([task, task], 200)
    assert doubtful is not None
    assert all(row["place"][1] < row["place"][2] for row in doubtful["rows"])


def test_models_that_are_exactly_equal_share_a_place() -> None:
    """A copy under another name ranks as its model, in the data and in each resample."""
    random = np.random.default_rng(2)
    question, language = np.arange(QUESTIONS), np.zeros(QUESTIONS, dtype=int)
    values = {name: random.uniform(0.2, 0.8, QUESTIONS) for name in "abc"}
    values["copy of b"] = values["b"]
    cases = tuple(contributions(one, question, language) for one in values.values())
    means = np.array([one.mean() for one in values.values()])
    task = OnTask("one", "multilingual", 1, tuple(values), cases, means, means, means)
    found = across_tasks([task, task], 100)
    assert found is not None
    rows = {row["name"]: row for row in found["rows"]}
    expected = dict(zip(values, rankdata(-means, method="min").tolist(), strict=True))
    assert {name: row["places"] for name, row in rows.items()} == {name: [one, one] for name, one in expected.items()}
    assert rows["b"]["place"] == rows["copy of b"]["place"]
    assert rows["b"]["place"][1] < rows["b"]["place"][2], "the resamples differ"


def test_groups_are_over_the_tasks_that_have_both() -> None:
    tasks = [on_task("one", SECOND, low=float("nan")), on_task("two", SECOND), on_task("three", SECOND, 0.3, 0.8)]
    found = across_tasks(tasks, 50)
    assert found is not None
    assert found["with_both"] == [False, True, True]
    for row in found["rows"]:
        assert (row["low"], row["high"], row["gap"]) == pytest.approx((0.25, 0.65, 0.4))
    without = across_tasks([tasks[0], tasks[0]], 50)
    assert without is not None
    assert all(row["low"] is row["high"] is row["gap"] is None for row in without["rows"])


@pytest.mark.parametrize("tasks", [[], [on_task("one", FIRST)], [on_task("one", FIRST), on_task("two", {"a": 0.5})]])
def test_one_task_or_one_model_is_no_comparison(tasks: list[OnTask]) -> None:
    assert across_tasks(tasks, 50) is None
