"""How an attack changes language bias, with intervals; formulas in `robustbench_ir.score.bias`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from robustbench_ir.retrieve import Ranks
from robustbench_ir.score.clusters import ClusterMeans, cluster_means
from robustbench_ir.score.findings import Attacked, RankedQueries, macro
from robustbench_ir.score.language_bias import BIAS_NAMES, bias_refusal, bias_values, unbiased_values
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import Layout, headline, nanmean
from robustbench_ir.score.statistics import (
    RESAMPLES,
    Estimate,
    Method,
    draws,
    holm,
    intervals,
    sign_flip_p,
    standard_error,
)

_QUANTILE = 1.959963984540054  # of the normal distribution at 0.975


@dataclass(frozen=True)
class BiasFinding:
    """One number of language bias under one recipe and severity, in the multilingual pool, with 95% intervals.

    Attributes
    ----------
    recipe, severity
        Of what.
    name : str
        One of `BIAS_NAMES`; see `Bias`.
    clean, attacked, change : Estimate
        Before, after, and attacked - clean; macro averages over query languages, means over seeds.
    unbiased : float
        What a ranking blind to language would have; NaN where that is not known.
    p, p_holm : float
        That the change is 0, by cluster sign flips; adjusted for the recipes and severities with the same name.
    refusal : str
        Why the number does not exist for this task; empty where it does.
    """

    recipe: str
    severity: int
    name: str
    clean: Estimate
    attacked: Estimate
    change: Estimate
    unbiased: float
    p: float
    p_holm: float
    refusal: str


def bias_findings(
    layout: Layout,
    clean: Ranks,
    attacked: Attacked,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: Method = "bca",
) -> list[BiasFinding]:
    """Return a finding for each recipe, severity and name; see `Result.bias_findings`."""
    before = bias_values(layout, clean)
    unbiased = {name: headline(layout, found) for name, found in unbiased_values(layout).items()}
    refusals = {name: bias_refusal(layout, name) for name in BIAS_NAMES}
    after = {key: _over_seeds(layout, cells) for key, cells in attacked.items()}
    places = [(key, name) for key in after for name in BIAS_NAMES]
    draw = draws(
        [macro(layout, before[name]) for name in BIAS_NAMES]
        + [macro(layout, after[key][name]) for key, name in places],
        random,
        resamples,
    )
    clean_draw = dict(zip(BIAS_NAMES, draw, strict=False))
    changes = [macro(layout, after[key][name] - before[name]) for key, name in places]
    p_values = sign_flip_p(changes, random, resamples) if changes else []

    def estimate(of: Floats) -> Estimate:
        return intervals(of, layout.questions, method)[0]

    rows = []
    for (key, name), found, p in zip(places, draw[len(BIAS_NAMES) :], p_values, strict=True):
        known = not np.isnan(found[0, 0])
        rows.append(
            BiasFinding(
                *key,
                name,
                estimate(clean_draw[name]),
                estimate(found),
                estimate(found - clean_draw[name]),
                unbiased.get(name, float("nan")),
                float(p[0]) if known else float("nan"),
                float("nan"),
                refusals[name],
            )
        )
    return _adjusted(rows)


def _over_seeds(layout: Layout, cells: Sequence[RankedQueries]) -> dict[str, Floats]:
    found = [bias_values(layout, cell.ranks) for cell in cells]
    return {name: nanmean(np.stack([one[name] for one in found]), axis=0) for name in BIAS_NAMES}


def _adjusted(rows: list[BiasFinding]) -> list[BiasFinding]:
    adjusted = {name: iter(holm(np.array([row.p for row in rows if row.name == name])).tolist()) for name in BIAS_NAMES}
    return [replace(row, p_holm=next(adjusted[row.name])) for row in rows]


@dataclass(frozen=True)
class MeanRanks:
    """Mean rank of relevant passages in the multilingual pool, by query language and passage language.

    Attributes
    ----------
    query_languages, passage_languages : tuple of str
        Rows and columns.
    clean, attacked, change : float64 arrays of shape (query languages, passage languages)
        Before, after (mean over seeds), attacked - clean: above 0 the passages sank. NaN where there are none.
    half_width : float64 array of that shape
        Half of the 95% interval of the change, 1.96 standard errors clustered by question.
    """

    query_languages: tuple[str, ...]
    passage_languages: tuple[str, ...]
    clean: Floats
    attacked: Floats
    change: Floats
    half_width: Floats


def mean_ranks(layout: Layout, clean: Ranks, cells: Sequence[RankedQueries]) -> MeanRanks:
    """Return the matrices under one recipe and severity; `cells` has one cell a seed."""
    shape = len(layout.query_languages), len(layout.pool)
    before, *attacked = (np.where(one.in_pool > 0, one.in_pool, np.nan) for one in (clean, *(c.ranks for c in cells)))
    after = np.mean(attacked, axis=0)
    tables = [_by_pair(layout, rank, shape) for rank in (before, after, after - before)]
    clean_mean, attacked_mean, change = (table.estimate().reshape(shape) for table in tables)
    return MeanRanks(
        query_languages=layout.query_languages,
        passage_languages=tuple(layout.pool),
        clean=clean_mean,
        attacked=attacked_mean,
        change=change,
        half_width=np.where(np.isnan(change), np.nan, _QUANTILE * standard_error(tables[2]).reshape(shape)),
    )


def _by_pair(layout: Layout, value: Floats, shape: tuple[int, int]) -> ClusterMeans:
    cell = layout.query_language[layout.query] * shape[1] + layout.passage_language
    each = np.eye(shape[0] * shape[1], dtype=bool)
    return cluster_means(value, layout.question[layout.query], cell, each, layout.questions)
