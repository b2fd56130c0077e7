"""Robust scores: each query counts as it does under the worst of several attacks.

The mean over queries of the lowest score is what RobustBench (arXiv 2010.09670) calls robust accuracy for images: an
adversary may choose the attack for each query, and may leave the query as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from robustbench_ir.metrics.findings import (
    AttackGroup,
    CoveringRanks,
    covered_queries,
    macro_means,
    only,
    ratio,
)
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Judgements, Setting, macro_average, nanmean, per_query_scores
from robustbench_ir.metrics.statistics import (
    RESAMPLES,
    Estimate,
    IntervalMethod,
    bootstrap_intervals,
    draws,
    share_interval,
)
from robustbench_ir.retrieval.ranking import Ranks

CoveringCells = Mapping[AttackGroup, Sequence[CoveringRanks]]
"""Attack and severity to their cells, one for each seed."""


class RobustQueries(NamedTuple):
    """A measure of each query, or of each query in each pool; NaN where there is no case.

    Attributes
    ----------
    clean, average, robust : float64 arrays of shape (queries,) or (queries, passage languages)
        See `RobustScore`.
    """

    clean: Floats
    average: Floats
    robust: Floats


@dataclass(frozen=True)
class RobustScore:
    """A measure of the clean queries, on average over the attacks, and under the worst of them for each query.

    Attributes
    ----------
    setting, measure : str
        Setting and measure.
    language : str
        Query language, or ``"all"`` for the macro average.
    clean, average, robust : Estimate
        The measure of the clean queries; its mean over the attacks that cover the query's language, seeds first; and
        with the lowest value of each query, the clean one included. With 95% intervals by a bootstrap over questions.
    kept : Estimate
        `robust` / `clean`: share of the clean value that no attack takes away; NaN if the clean value is 0.
    questions : int
        Number of questions.
    """

    setting: Setting
    measure: str
    language: str
    clean: Estimate
    average: Estimate
    robust: Estimate
    kept: Estimate
    questions: int


def robust_queries(
    judgements: Judgements, clean: Ranks, attacked: CoveringCells, setting: Setting, measure: str
) -> RobustQueries:
    """Return what `robust_scores` gives the means of, for each query.

    Parameters
    ----------
    judgements, clean, attacked, setting, measure
        See `robust_scores`.
    """
    before = per_query_scores(judgements, clean, measure, setting)
    by_attack = [_mean_and_lowest(judgements, cells, setting, measure) for cells in attacked.values()]
    average = nanmean(np.stack([mean for mean, _ in by_attack]), axis=0) if by_attack else before
    return RobustQueries(before, average, np.fmin.reduce([before, *(lowest for _, lowest in by_attack)]))


def robust_scores(
    judgements: Judgements,
    clean: Ranks,
    attacked: CoveringCells,
    setting: Setting,
    measure: str,
    by: str | None = None,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
) -> list[RobustScore]:
    """Return the robust scores under some attacks, one row or one for each query language.

    Where a setting has several pools for a query, as the cross-lingual one has, each query in each pool is a case of
    its own, as it is in the scores of that setting.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    attacked : mapping
        Attack and severity to their cells, one for each seed.
    setting, measure : str
        Setting and measure.
    by : {"language"}, optional
        Return a row for each query language.
    random : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples.
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    """
    found = robust_queries(judgements, clean, attacked, setting, measure)
    tables = [macro_means(judgements, one, by) for one in found]
    drawn = draws(tables, random, resamples)
    having = tables[0].clusters
    columns = [
        bootstrap_intervals(one, judgements.questions, method, having) for one in (*drawn, ratio(drawn[2], drawn[0]))
    ]
    if measure.startswith("Success@"):
        columns = [list(map(share_interval, one, having.tolist())) for one in columns]
    clean_value, of_average, of_worst, kept = columns
    names = judgements.query_languages if by == "language" else ("all",)
    return [
        RobustScore(
            setting, measure, name, clean_value[row], of_average[row], of_worst[row], kept[row], int(having[row])
        )
        for row, name in enumerate(names)
    ]


def worst_shares(
    judgements: Judgements, clean: Ranks, attacked: CoveringCells, setting: Setting, measure: str
) -> Mapping[AttackGroup, float]:
    """Return the share of the queries whose lowest score, below the clean one, each attack reaches; 0 to 1.

    Several attacks may reach the same lowest score, so that the shares may add up to more than that of the queries that
    fall at all.

    Parameters
    ----------
    judgements, clean, attacked, setting, measure
        See `robust_scores`.
    """
    before = per_query_scores(judgements, clean, measure, setting)
    lows = {group: _mean_and_lowest(judgements, cells, setting, measure)[1] for group, cells in attacked.items()}
    lowest = np.fmin.reduce([before, *lows.values()])

    def share(low: Floats) -> float:
        reached = (low == lowest) & (low < before)
        return macro_average(judgements, np.where(np.isnan(before), np.nan, reached))

    return {group: share(low) for group, low in lows.items()}


def _mean_and_lowest(
    judgements: Judgements, cells: Sequence[CoveringRanks], setting: Setting, measure: str
) -> tuple[Floats, Floats]:
    """Return the mean and the lowest score of each case over seeds; NaN where the attack covers no such language."""
    covered = covered_queries(judgements, cells)
    found = np.stack([per_query_scores(judgements, cell.ranks, measure, setting) for cell in cells])
    return only(covered, found.mean(axis=0)), only(covered, found.min(axis=0))
