"""Ranks that claim no more than the questions show: rows that cannot be distinguished share a rank.

All rows of a task have the same questions, so that they are compared on the same resamples of these questions: a paired
bootstrap over clusters, as in `robustbench_ir.metrics.statistics`. The macro mean of a resample is the mean, over query
languages, of the sum of the drawn values divided by the number of drawn cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from robustbench_ir._base.parallel import divided, in_threads
from robustbench_ir.metrics.measures import Floats, Integers, sums

RANK_RESAMPLES = 1_000
_SEED = 0
_TAIL = 2.5
_LEVEL = 0.05
_ROUNDING = 1e-9

_Weights = NDArray[np.float32]


@dataclass(frozen=True)
class RankedRow:
    """Score and rank of a row.

    Attributes
    ----------
    score, low, high : float
        Macro mean, and the ends of its 95% percentile interval.
    rank : int
        1 for the best. Rows share the rank of the best row of their group if they cannot be distinguished from it; see
        `shared_ranks`.
    best, worst : int
        Ends of the 95% interval of the rank over resamples, in which no rank is shared.
    """

    score: float
    low: float
    high: float
    rank: int
    best: int
    worst: int


@dataclass(frozen=True)
class Contributions:
    """What the questions of one row contribute to each query language.

    Attributes
    ----------
    sums, counts : float64 array of shape (questions, languages)
        Sum and number of the values.
    """

    sums: Floats
    counts: Floats


def contributions(value: Floats, question: Integers, language: Integers) -> Contributions:
    """Sum up per-query values by question and language. A value of 0 means that the query has no case.

    Parameters
    ----------
    value : float64 array of shape (queries,)
        Such as the mean, over recipes, of the attacked AP.
    question, language : int array of shape (queries,)
        Number of the question and of the language of each query.
    """
    shape = (int(question.max()) + 1, int(language.max()) + 1)
    cell, size = question * shape[1] + language, shape[0] * shape[1]
    return Contributions(
        sums(cell, value, size).reshape(shape), sums(cell, (value > 0).astype(float), size).reshape(shape)
    )


def resampled(rows: Sequence[Contributions], random: Generator, resamples: int = RANK_RESAMPLES) -> Floats:
    """Return the macro means of each row over the data and over resamples of the questions.

    Parameters
    ----------
    rows : sequence of Contributions
        Rows that have the same questions.
    random : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples, 1 or more.

    Returns
    -------
    float64 array of shape (rows, 1 + resamples)
        Macro mean of the data first.
    """
    questions = len(rows[0].sums)
    drawn = random.integers(0, questions, size=(resamples, questions)) + questions * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * questions).reshape(resamples, questions)
    # Double precision, so that rounded numbers are the same with any number of threads and on any processor.
    weights: Floats = np.vstack([np.ones(questions), counts])
    groups: dict[bytes, list[int]] = {}
    for number, row in enumerate(rows):
        groups.setdefault(row.counts.astype(np.float32).tobytes(), []).append(number)
    found = np.empty((len(rows), 1 + resamples))
    for members in groups.values():
        found[members] = _macro_means([rows[number] for number in members], weights)
    return found


def _macro_means(rows: Sequence[Contributions], weights: Floats) -> Floats:
    """Return the macro means of rows that have the same cases, shape (rows, resamples).

    Languages with the same counts share a denominator, so that parallel questions need one matrix product in all, not
    one for each language.
    """
    counts = rows[0].counts
    columns: dict[bytes, list[int]] = {}
    for language in np.flatnonzero(counts.any(axis=0)):
        columns.setdefault(counts[:, language].tobytes(), []).append(int(language))
    total = np.zeros((len(rows), len(weights)))
    strata = np.zeros(len(weights))
    for languages in columns.values():
        count = weights @ counts[:, languages[0]]
        numerator = np.stack([row.sums[:, languages].sum(axis=1) for row in rows], axis=1)
        total += np.divide((weights @ numerator).T, count, out=np.zeros_like(total), where=count > 0)
        strata += (count > 0) * len(languages)
    return np.asarray(total / np.maximum(strata, 1))


def ranked(rows: Sequence[Contributions], resamples: int = RANK_RESAMPLES, seed: int = _SEED) -> list[RankedRow]:
    """Rank rows by their macro mean; larger is better.

    Parameters
    ----------
    rows : sequence of Contributions
        Rows that have the same questions.
    resamples : int
        Number of resamples, 1 or more.
    seed : int
        Seed of the resamples.

    Returns
    -------
    list of RankedRow
        In the order of `rows`.
    """
    return ranked_draws(resampled(rows, default_rng(seed), resamples), questions_of(rows)) if rows else []


def questions_of(rows: Sequence[Contributions]) -> int:
    """Return the number of questions that have a case."""
    return int(rows[0].counts.any(axis=1).sum())


def ranked_draws(draw: Floats, questions: int) -> list[RankedRow]:
    """Rank rows by their macro mean; larger is better.

    Parameters
    ----------
    draw : float64 array of shape (rows, 1 + resamples)
        Macro means of the data and of the resamples, as `resampled` gives them.
    questions : int
        Number of questions that were resampled.

    Returns
    -------
    list of RankedRow
        In the order of the rows.
    """
    score, drawn = draw[:, 0], draw[:, 1:]
    low, high = intervals(drawn)
    best, worst = intervals(places(drawn), method="nearest").astype(int)
    rank = shared_ranks(score, drawn, questions)
    columns = (score, low, high, rank, best, worst)
    return [RankedRow(*one) for one in zip(*(np.asarray(column).tolist() for column in columns), strict=True)]


def intervals(drawn: Floats | NDArray[np.float32], method: Literal["linear", "nearest"] = "linear") -> Floats:
    """Return the ends of each row's 95% percentile interval, shape (2, rows).

    Parameters
    ----------
    drawn : float array of shape (rows, resamples)
        Values of the resamples.
    method : {"linear", "nearest"}
        How `numpy.percentile` goes from one value to the next.
    """

    def of_rows(part: slice) -> Floats:
        return np.asarray(np.percentile(drawn[part], [_TAIL, 100 - _TAIL], axis=1, method=method))

    return np.concatenate(list(in_threads(of_rows, divided(len(drawn)))), axis=1)


def places(drawn: Floats) -> NDArray[np.float32]:
    """Return the rank of each row in each resample, 1 for the largest, shape (rows, resamples); no rank is shared.

    Parameters
    ----------
    drawn : float array of shape (rows, resamples)
        Values of the resamples.
    """
    rows, resamples = drawn.shape
    in_order = np.arange(1, rows + 1, dtype=np.float32)[None, :]

    def of_resamples(part: slice) -> _Weights:
        order = np.argsort(np.ascontiguousarray(-drawn[:, part].T, dtype=np.float32), axis=1, kind="stable")
        found = np.empty(order.shape, dtype=np.float32)
        np.put_along_axis(found, order, in_order, axis=1)
        return np.ascontiguousarray(found.T)

    return np.concatenate(list(in_threads(of_resamples, divided(resamples))), axis=1)


def shared_ranks(score: Floats, drawn: Floats, questions: int) -> list[int]:
    """Return ranks from 1: the best row and all rows that cannot be distinguished from it, then the next group.

    Any two rows may come to be compared, so the level of 5% is for all pairs together: with two rows of the same
    quality, or with fifty, a rank that should be shared is not in at most 5% of samples.

    Parameters
    ----------
    score : float64 array of shape (rows,)
        Macro means of the data.
    drawn : float64 array of shape (rows, resamples)
        Macro means of the resamples, the same ones for all rows.
    questions : int
        Number of questions that were resampled.
    """
    order = np.argsort(-score, kind="stable")
    ranks = [0] * len(score)
    leader, rank, deviations = int(order[0]), 1, reach(len(score), questions)
    for place, row in enumerate(order.tolist(), start=1):
        if place > 1 and score[leader] - score[row] > deviations * np.std(drawn[leader] - drawn[row]) + _ROUNDING:
            leader, rank = row, place
        ranks[row] = rank
    return ranks


def reach(rows: int, questions: int) -> float:
    """Return how many deviations of the resamples two rows must be apart, by Bonferroni's inequality for all pairs.

    Parameters
    ----------
    rows : int
        Number of rows that are compared, each with each.
    questions : int
        Number of questions that were resampled.
    """
    from scipy.special import stdtrit

    pairs = max(rows * (rows - 1) // 2, 1)
    freedom = max(questions - 1, 1)
    return float(-stdtrit(freedom, _LEVEL / 2 / pairs) * np.sqrt((freedom + 1) / freedom))
