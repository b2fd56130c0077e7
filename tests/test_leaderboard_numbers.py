"""The numbers of the board against a naive computation, for every choice of threat model, severity and languages."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import pytest

from robustbench_ir.leaderboard.numbers import as_json, by_group, choices, view_numbers

KEYS = [("clean", 0), ("synonym@3", 3), ("typo@3", 1), ("typo@3", 3), ("greedy(typo@3)", 3)]
THREATS = ["average case", "average case", "average case", "average case", "worst case"]
HEADLINE = {("synonym@3", 3), ("typo@3", 3)}
CODES = ["en", "sw", "el", "hi", "xx"]
CLASSES = {"en": 5, "sw": 2, "el": 3, "hi": 4}
MEMBERS = {
    "": CODES,
    "low": ["sw"],
    "high": ["en", "hi"],
    **{f"class {level}": [code for code, of in CLASSES.items() if of == level] for level in (2, 3, 4, 5)},
    **{code: [code] for code in CODES},
}
ASKED = choices(KEYS, THREATS, HEADLINE, CODES)


def table(seed: int, cells: int = len(KEYS)) -> np.ndarray:
    """Twenty rows, some without a cell, some without a language."""
    random = np.random.default_rng(seed)
    found = random.uniform(0, 1, (20, cells, len(CODES))).round(5)
    found[3, 2] = found[4, 4] = found[5, 3] = np.nan
    found[6, :, 1] = np.nan
    return found


def mean(values: list[float]) -> float:
    """Return the mean of what is known; NaN where nothing is."""
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def strict_mean(values: list[float]) -> float:
    return math.nan if any(map(math.isnan, values)) else fmean(values)


def test_equal_choices_are_kept_once_and_all_can_be_chosen() -> None:
    assert set(ASKED.group_of) == set(MEMBERS)
    assert ASKED.group_of["low"] == ASKED.group_of["class 2"] == ASKED.group_of["sw"]
    assert set(ASKED.view_of) == {
        ("", 1), ("", 3), ("average case", 1), ("average case", 3), ("worst case", 3),
    }  # fmt: skip
    assert ASKED.view_of["", 1] == ASKED.view_of["average case", 1]


@pytest.mark.parametrize("languages", MEMBERS)
@pytest.mark.parametrize(("threat", "severity"), ASKED.view_of)
def test_numbers_are_those_of_a_naive_computation(languages: str, threat: str, severity: int) -> None:
    precision, distance = table(1), 300 * table(2)
    view, group = ASKED.view_of[threat, severity], ASKED.group_of[languages]
    found = view_numbers(by_group(precision, ASKED), by_group(distance, ASKED), ASKED)[view]
    shown = [n for n, key in enumerate(KEYS) if n and key[1] == severity and threat in {"", THREATS[n]}]
    head = [n for n in shown if KEYS[n][0] in {"typo@3", "synonym@3"}] or shown
    for row in range(20):

        def over(of: np.ndarray, cell: int, members: list[str], row: int = row) -> float:
            return mean([float(of[row, cell, CODES.index(code)]) for code in members])

        members = MEMBERS[languages]
        robust = strict_mean([over(precision, cell, members) for cell in head])
        sides = [strict_mean([over(precision, cell, MEMBERS[one]) for cell in head]) for one in ("high", "low")]
        change = strict_mean([over(distance, cell, members) for cell in head]) - over(distance, 0, members)
        known = [value for cell in shown if not math.isnan(value := over(precision, cell, members))]
        expected = {
            "robust": robust,
            "drop": over(precision, 0, members) - robust,
            "worst": min(known, default=math.nan),
            "change": change,
        }
        for name, value in expected.items():
            assert found[name][row, group] == pytest.approx(value, abs=1e-5, nan_ok=True), name
        assert found["gap"][row] == pytest.approx(sides[0] - sides[1], abs=1e-5, nan_ok=True)


def test_what_is_unknown_is_null() -> None:
    assert as_json(np.array([[0.123456789, np.nan], [1, 0]])) == [[0.1234568, None], [1.0, 0.0]]
