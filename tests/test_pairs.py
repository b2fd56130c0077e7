"""Every two models of a board, against a bootstrap that is written out, and against the ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustbench_ir.leaderboard import pairs
from robustbench_ir.leaderboard.board import board
from robustbench_ir.leaderboard.folder import FiledEntry
from tests.support.boards import entry

NUMBERS = (246, 104, 247, 35)
RESAMPLES = 60
SETTING = "multilingual"


@pytest.fixture(scope="module")
def filed() -> list[FiledEntry]:
    return [FiledEntry(Path("small") / f"model-{number}.json", entry(number)) for number in NUMBERS]


@pytest.fixture(scope="module")
def made(filed: list[FiledEntry]) -> Any:
    return board(filed, {}, resamples=RESAMPLES)["boards"][0]  # type: ignore[index]


def by_hand(one: FiledEntry, keys: list[tuple[str, int]]) -> list[float]:
    """Return the macro mean of the data and of each resample: questions drawn one by one, languages one by one."""
    values = np.mean([one.sheet.average_precision[SETTING][one.sheet.groups[key]].mean(axis=0) for key in keys], axis=0)
    questions = np.array(one.entry.task.question)
    count, random = questions.max() + 1, np.random.default_rng(0)
    draws = [np.arange(count), *random.integers(0, count, size=(RESAMPLES, count))]
    halves = (slice(0, len(values) // 2), slice(len(values) // 2, None))
    means = []
    for drawn in draws:
        of_question = [dict(zip(questions[half], values[half], strict=True)) for half in halves]
        means.append(np.mean([np.mean([table[number] for number in drawn]) for table in of_question]))
    return means


def test_scores_intervals_and_deviations_are_those_of_a_bootstrap_by_hand(filed: list[FiledEntry], made: Any) -> None:
    robust = np.array([by_hand(one, [("typo@3", 3), ("synonym@3", 3)]) for one in filed])
    clean = np.array([by_hand(one, [("clean", 0)]) for one in filed])
    expected = {"clean": clean, "robust": robust, "drop": clean - robust, "kept": robust / clean}
    found = made["pairs"][SETTING]
    assert [made["rows"][row]["file"] for row in found["rows"]] == sorted(f"small/model-{one}.json" for one in NUMBERS)
    order = [NUMBERS.index(int(made["rows"][row]["file"].split("-")[1].split(".")[0])) for row in found["rows"]]
    for name, values in expected.items():
        values = values[order]  # noqa: PLW2901 - in the board's order
        measure = found["measures"][name]
        assert measure["score"] == pytest.approx(values[:, 0], abs=1e-6), name
        assert np.array(measure["interval"]) == pytest.approx(
            np.percentile(values[:, 1:], [2.5, 97.5], axis=1).T, abs=1e-6
        )
        deviations = [
            np.std(values[first, 1:] - values[second, 1:])
            for first in range(len(values))
            for second in range(first + 1, len(values))
        ]
        assert measure["deviation"] == pytest.approx(deviations, abs=1e-6), name
        assert min(deviations) > 1e-5, "there is something to measure"


def test_models_are_told_apart_as_in_the_ranking(made: Any) -> None:
    found = made["pairs"][SETTING]
    score, deviation = (found["measures"]["robust"][key] for key in ("score", "deviation"))
    places = [made["rows"][row]["ranks"][SETTING][3] for row in found["rows"]]
    reach = found["reach"][len(places) - 2]
    leader = int(np.argmax(score))
    pairs_of = [(first, second) for first in range(len(score)) for second in range(first + 1, len(score))]
    apart = {
        second if first == leader else first: abs(score[first] - score[second]) > reach * one
        for (first, second), one in zip(pairs_of, deviation, strict=True)
        if leader in {first, second}
    }
    assert apart == {number: place > 1 for number, place in enumerate(places) if number != leader}
    assert set(apart.values()) == {True, False}


def test_a_large_board_compares_its_best(filed: list[FiledEntry], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MOST_PAIRED", 2)
    (made,) = board(filed, {}, resamples=RESAMPLES)["boards"]  # type: ignore[misc]
    found = made["pairs"][SETTING]
    assert [made["rows"][row]["model"]["name"] for row in found["rows"]] == ["owner/model-246", "owner/model-247"]
    assert (len(found["reach"]), len(found["measures"]["kept"]["deviation"])) == (1, 1)


def test_one_model_has_no_pair(filed: list[FiledEntry]) -> None:
    (made,) = board(filed[:1], {}, resamples=2)["boards"]  # type: ignore[misc]
    assert made["pairs"][SETTING] is None
