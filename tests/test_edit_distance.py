"""Optimal string alignment distance, against arithmetic by hand and against the table of Levenshtein."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from robustbench_ir._base.edit_distance import edit_distance, edit_rate
from robustbench_ir.perturb.perturbation import Perturbation


@pytest.mark.parametrize(
    ("before", "after", "distance"),
    [
        ("", "", 0),
        ("abc", "", 3),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
        ("teh", "the", 1),
        # An element that was swapped is not edited again: unrestricted Damerau-Levenshtein would be 2.
        ("ca", "abc", 3),
        ("abcd", "badc", 2),
        ("points", "poiknts", 1),
        ("saturday", "sunday", 3),
        ("a" * 200, "b" + "a" * 199, 1),  # more elements than a machine word has bits
        ("ab" * 100, "ba" * 100, 2),
    ],
)
def test_known_pairs(before: str, after: str, distance: int) -> None:
    assert edit_distance(before, after) == distance


def by_table(before: str, after: str) -> int:
    """The textbook recurrence."""
    table = {(row, -1): row + 1 for row in range(-1, len(before))} | {(-1, col): col + 1 for col in range(len(after))}
    for row, one in enumerate(before):
        for column, other in enumerate(after):
            costs = [table[row - 1, column] + 1, table[row, column - 1] + 1]
            costs.append(table[row - 1, column - 1] + (one != other))
            if row and column and one == after[column - 1] and before[row - 1] == other:
                costs.append(table[row - 2, column - 2] + 1)
            table[row, column] = min(costs)
    return table[len(before) - 1, len(after) - 1]


@given(some.text("abc", max_size=12), some.text("abc", max_size=12))
def test_it_equals_the_table(before: str, after: str) -> None:
    assert edit_distance(before, after) == by_table(before, after) == edit_distance(after, before)


@pytest.mark.parametrize(
    ("before", "after", "rate"),
    [
        ("the", "the", 0),
        ("points", "poiknts", 1 / 6),
        ("क्षा", "क", 1),  # one cluster of four code points, replaced
        ("क्षा में", "क्षा मे", 1 / 3),  # clusters: क्षा, a space, में
        ("e\u0331a", "ea", 1 / 2),  # a combining mark is part of its letter
        ("ไทย", "ไทยย", 1 / 3),
        ("", "ab", 2),
        ("ab", "abcdefg", 2.5),  # above 1: more was added than there was
    ],
)
def test_the_rate_counts_grapheme_clusters(before: str, after: str, rate: float) -> None:
    assert edit_rate(before, after) == pytest.approx(rate)
    assert Perturbation("q", before, after, (), 1).edit_rate == pytest.approx(rate)
