"""How far reviewers agree: Krippendorff's alpha, and intervals of shares.

Alpha compares the disagreement of people who judged the same item with that of judgements drawn at random from all of
them: 1 is perfect agreement, 0 is that of chance. Items with one judgement are left out, and reviewers need not judge
every item. The formulae are those of Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011),
https://repository.upenn.edu/asc_papers/43.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from robustbench_ir.metrics.measures import Floats, Integers
from robustbench_ir.metrics.statistics import Estimate

Level = Literal["nominal", "ordinal"]

_Z = 1.959963984540054  # of a two-sided 95% interval


def krippendorff_alpha(items: Sequence[Sequence[int]], level: Level) -> float:
    """Return Krippendorff's alpha; NaN if no item has two judgements, or if all judgements are the same.

    Parameters
    ----------
    items : sequence of sequence of int
        Judgements of each item, as places on a scale that begins with 0.
    level : {"nominal", "ordinal"}
        Whether two judgements only are the same or not, or whether it counts how far apart they are.
    """
    coincidences = _coincidences(items)
    of_value = coincidences.sum(axis=1)
    number = of_value.sum()
    distances = _distances(of_value, level)
    expected = of_value @ distances @ of_value
    if not expected > 0:
        return math.nan
    return float(1 - (number - 1) * (coincidences * distances).sum() / expected)


def pairwise_agreement(items: Sequence[Sequence[int]]) -> float:
    """Return the share of pairs of judgements of one item that are the same; NaN if there is no such pair.

    Parameters
    ----------
    items : sequence of sequence of int
        Judgements of each item.
    """
    counts = [np.bincount(item) for item in items if len(item) > 1]
    same = sum(int((count * (count - 1)).sum()) for count in counts)
    pairs = sum(int(count.sum() * (count.sum() - 1)) for count in counts)
    return same / pairs if pairs else math.nan


def _coincidences(items: Sequence[Sequence[int]]) -> Floats:
    """Count the pairs of values within items; an item of m judgements counts m times, whatever its number of pairs."""
    judged = [item for item in items if len(item) > 1]
    size = 1 + max((max(item) for item in judged), default=0)
    table = np.zeros((size, size))
    for item in judged:
        count: Integers = np.bincount(item, minlength=size)
        table += (np.outer(count, count) - np.diag(count)) / (len(item) - 1)
    return table


def _distances(of_value: Floats, level: Level) -> Floats:
    """Return the squared distance of each pair of values."""
    if level == "nominal":
        return 1.0 - np.eye(len(of_value))
    # Places on the scale are as far apart as there are judgements from the middle of one to the middle of the other.
    middle = np.cumsum(of_value) - of_value / 2
    squares: Floats = (middle[:, None] - middle[None, :]) ** 2
    return squares


def share_with_interval(count: int, number: int, independent: int) -> Estimate:
    """Return a share with Wilson's 95% interval; NaN if there is nothing that it is a share of.

    Parameters
    ----------
    count, number : int
        Number of judgements that are such, and of all judgements.
    independent : int
        Number of judgements that count as independent of each other: those of one item do not.
    """
    if not number or not independent:
        return Estimate(math.nan, math.nan, math.nan)
    share, weight = count / number, _Z**2 / independent
    middle = (share + weight / 2) / (1 + weight)
    half = _Z / (1 + weight) * math.sqrt(share * (1 - share) / independent + weight / (4 * independent))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))
