"""How an attack changes language bias, with intervals; formulas in `robustbench_ir.metrics.bias_measures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from robustbench_ir.metrics.bias_measures import (
    first_among,
    mean_rank_by_language,
    own_language_first,
    peer,
    rank_correlation,
    share_among,
)
from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.findings import Attacked, Group, RankedQueries, macro
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Layout, headline, nanmean, rank_distances, relevant_only
from robustbench_ir.metrics.statistics import (
    RESAMPLES,
    SEED,
    Estimate,
    Method,
    draws,
    draws_by_group,
    exchange_p,
    holm,
    intervals,
    median_draws,
    sign_flip_p,
)
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.retrieval.ranking import Ranks

# Language bias of a set of ranks: each number per query, and its means.
#
# `robustbench_ir.metrics.bias_measures` has the formulas; here they meet the languages of a task.

BIAS_NAMES = (
    "rank_distance",
    "rank_distance_share",
    "own_language_first",
    "english_first",
    "rank_correlation",
    "peer",
)
_ENGLISH = "en"


@dataclass(frozen=True)
class Bias:
    """Language bias of one set of ranks in the multilingual pool: means over queries, then over query languages.

    NaN where a number does not exist for the task; `bias_refusal` says why.

    Attributes
    ----------
    rank_distance : float
        Mean of largest minus smallest rank of the parallel relevant passages; lower is fairer.
    rank_distance_share : float
        The same divided by (pool - 1), 0 to 1.
    rank_distance_median : float
        Median over all queries.
    own_language_first : float
        Share of queries whose best-ranked relevant passage is in their language.
    own_language_unbiased : float
        What that would be if languages made no difference: 1/L with one relevant passage in each of L languages.
    english_first, english_unbiased : float
        The same for English passages, over the queries that are not in English.
    rank_correlation : float
        Mean rank correlation between parallel queries (MRC), -1 to 1; higher is fairer.
    peer : float
        Probability of equal expected rank, 0 to 1; higher is fairer.
    mean_rank : float64 array of shape (query languages, passage languages)
        Mean rank of relevant passages in the multilingual pool.
    """

    rank_distance: float
    rank_distance_share: float
    rank_distance_median: float
    own_language_first: float
    own_language_unbiased: float
    english_first: float
    english_unbiased: float
    rank_correlation: float
    peer: float
    mean_rank: Floats


def language_bias(layout: Layout, ranks: Ranks) -> Bias:
    """Measure language bias in the multilingual pool; NaN where queries have fewer than two relevant passages."""
    layout, ranks = relevant_only(layout, ranks)
    found = bias_values(layout, ranks)
    unbiased = unbiased_values(layout)
    distance = found["rank_distance"]
    known = distance[~np.isnan(distance)]
    return Bias(
        **{name: headline(layout, found[name]) for name in BIAS_NAMES},
        rank_distance_median=float(np.median(known)) if len(known) else float("nan"),
        own_language_unbiased=headline(layout, unbiased["own_language_first"]),
        english_unbiased=headline(layout, unbiased["english_first"]),
        mean_rank=mean_rank_by_language(
            ranks.in_pool,
            layout.query,
            layout.passage_language,
            layout.query_language,
            (len(layout.query_languages), len(layout.pool)),
        ),
    )


def bias_values(layout: Layout, ranks: Ranks) -> dict[str, Floats]:
    """Return each of `BIAS_NAMES` for each query, float64 arrays of shape (queries,); NaN is no case."""
    layout, ranks = relevant_only(layout, ranks)
    rank, query, language = ranks.in_pool, layout.query, layout.passage_language
    queries = len(layout.query_ids)
    distance = rank_distances(layout, ranks)
    return {
        "rank_distance": distance,
        "rank_distance_share": distance / max(layout.pool_size - 1, 1),
        "own_language_first": own_language_first(rank, query, language, layout.own_pool),
        "english_first": _not_english(layout, first_among(rank, query, _in_english(layout), queries)),
        "rank_correlation": rank_correlation(rank, query, language, layout.question),
        "peer": peer(rank, query, language, queries),
    }


def unbiased_values(layout: Layout) -> dict[str, Floats]:
    """Return for each query what a ranking blind to language would have, for those `BIAS_NAMES` where it is known."""
    queries = len(layout.query_ids)
    own = layout.passage_language == layout.own_pool[layout.query]
    return {
        "own_language_first": share_among(layout.query, own, queries),
        "english_first": _not_english(layout, share_among(layout.query, _in_english(layout), queries)),
    }


def _in_english(layout: Layout) -> NDArray[np.bool_]:
    english = list(layout.pool).index(_ENGLISH) if _ENGLISH in layout.pool else -1
    return np.asarray(layout.passage_language == english)


def _not_english(layout: Layout, value: Floats) -> Floats:
    return np.where(np.array(layout.languages) == _ENGLISH, np.nan, value)


def bias_refusal(layout: Layout, name: str) -> str:
    """Say why one of `BIAS_NAMES` does not exist for a task; empty where it does."""
    languages = len(layout.pool)
    cell = layout.query * languages + layout.passage_language
    count = np.bincount(cell, minlength=len(layout.query_ids) * languages).reshape(-1, languages)
    several = count.sum(axis=1) > 1
    if not several.any():
        return "no query has two relevant passages"
    if name in {"peer", "rank_distance", "rank_distance_share"} and not ((count > 0).sum(axis=1) > 1).any():
        return "no query has relevant passages in two languages"
    if name == "peer" and not ((count > 1).any(axis=1) & ((count > 0).sum(axis=1) > 1)).any():
        return (
            "every query has at most one relevant passage in a language, so that the Kruskal-Wallis statistic is "
            "the same whatever the ranking"
        )
    if name == "rank_correlation" and len(set(layout.parallel_ids)) == len(layout.parallel_ids):
        return "no query has a parallel one in another language"
    if name in {"own_language_first", "english_first"} and np.isnan(unbiased_values(layout)[name]).all():
        kind = "its own language" if name == "own_language_first" else "English, asked in another language,"
        return f"no query has relevant passages both in {kind} and in others"
    return ""


MEDIAN = "rank_distance_median"
FINDING_NAMES = (*BIAS_NAMES[:2], MEDIAN, *BIAS_NAMES[2:])
_MEANS_AT_ONCE = 1024  # 90 MB of draws


@dataclass(frozen=True)
class BiasFinding:
    """One number of language bias under one recipe and severity, in the multilingual pool, with 95% intervals.

    Attributes
    ----------
    recipe, severity
        Of what.
    name : str
        One of `FINDING_NAMES`; see `Bias`.
    clean, attacked, change : Estimate
        Before, after, and attacked - clean, paired; macro averages over query languages, means over seeds. The median
        rank distance is over all queries, of the mean over seeds.
    unbiased : float
        What a ranking blind to language would have; NaN where that is not known.
    p, p_holm : float
        That the change is 0, by exchanging clean and attacked of whole questions; adjusted for the recipes and
        severities with the same name.
    refusal : str
        Why the number does not exist for this task; empty where it does.
    """

    recipe: AttackIdentity
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
    if not attacked:
        return []
    before = bias_values(layout, clean)
    after = {key: _over_seeds(layout, cells) for key, cells in attacked.items()}
    medians = _medians(layout, before, after, random, resamples)
    changes = {key: [macro(layout, found[name] - before[name]) for name in BIAS_NAMES] for key, found in after.items()}
    clean_draw, drawn = draws_by_group(
        [macro(layout, before[name]) for name in BIAS_NAMES],
        {key: [*(macro(layout, found[name]) for name in BIAS_NAMES), *changes[key]] for key, found in after.items()},
        random,
        resamples,
    )
    every = [one for found in changes.values() for one in found]
    p_values = iter(sign_flip_p(every, random, resamples))
    blind = {name: headline(layout, found) for name, found in unbiased_values(layout).items()}
    refusals = {name: bias_refusal(layout, name) for name in BIAS_NAMES}
    refusals[MEDIAN] = refusals["rank_distance"]
    rows = []
    for key, of_key in drawn.items():
        three = zip(clean_draw, of_key[: len(BIAS_NAMES)], of_key[len(BIAS_NAMES) :], strict=True)
        each = {name: _Drawn(*one, float(next(p_values)[0])) for name, one in zip(BIAS_NAMES, three, strict=True)}
        each[MEDIAN] = medians[key]
        rows += [
            BiasFinding(
                *key,
                name,
                *each[name].estimates(layout.questions, method),
                blind.get(name, float("nan")),
                float("nan") if np.isnan(each[name].change[0, 0]) else each[name].p,
                float("nan"),
                refusals[name],
            )
            for name in FINDING_NAMES
        ]
    return _adjusted(rows)


class _Drawn(NamedTuple):
    """Draws of one number, and the p of its change."""

    clean: Floats
    attacked: Floats
    change: Floats
    p: float

    def estimates(self, questions: int, method: Method) -> tuple[Estimate, Estimate, Estimate]:
        clean, attacked, change = (
            intervals(of, questions, method)[0] for of in (self.clean, self.attacked, self.change)
        )
        return clean, attacked, change


def _medians(
    layout: Layout,
    before: Mapping[str, Floats],
    after: Mapping[Group, Mapping[str, Floats]],
    random: Generator,
    resamples: int,
) -> dict[Group, _Drawn]:
    """Return the median rank distance; its change is that of the queries that have one clean and attacked."""
    clean = before["rank_distance"]
    attacked = [found["rank_distance"] for found in after.values()]
    known = [~np.isnan(clean + one) for one in attacked]
    pairs = [
        (np.where(both, clean, np.nan), np.where(both, one, np.nan)) for both, one in zip(known, attacked, strict=True)
    ]
    cluster, clusters = layout.question, layout.questions
    # Where a result has all ranks, as an encoder's has, the pairs are the samples themselves.
    distinct = {one.tobytes(): one for one in [clean, *attacked, *chain.from_iterable(pairs)]}
    found = median_draws(list(distinct.values()), cluster, clusters, random, resamples)
    draw_of = dict(zip(distinct, found, strict=True))
    p_values = exchange_p(pairs, cluster, clusters, random, resamples)
    return {
        key: _Drawn(
            draw_of[clean.tobytes()],
            draw_of[one.tobytes()],
            draw_of[late.tobytes()] - draw_of[early.tobytes()],
            p,
        )
        for key, one, (early, late), p in zip(after, attacked, pairs, p_values, strict=True)
    }


def _over_seeds(layout: Layout, cells: Sequence[RankedQueries]) -> dict[str, Floats]:
    found = [bias_values(layout, cell.ranks) for cell in cells]
    return {name: nanmean(np.stack([one[name] for one in found]), axis=0) for name in BIAS_NAMES}


def _adjusted(rows: list[BiasFinding]) -> list[BiasFinding]:
    adjusted = {
        name: iter(holm(np.array([row.p for row in rows if row.name == name])).tolist()) for name in FINDING_NAMES
    }
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
    low, high : float64 arrays of that shape
        Ends of the 95% interval of the change.
    """

    query_languages: tuple[str, ...]
    passage_languages: tuple[str, ...]
    clean: Floats
    attacked: Floats
    change: Floats
    low: Floats
    high: Floats


def mean_ranks(
    layout: Layout,
    clean: Ranks,
    cells: Sequence[RankedQueries],
    *,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    method: Method = "bca",
) -> MeanRanks:
    """Return the matrices under one recipe and severity; `cells` has one cell a seed."""
    shape = len(layout.query_languages), len(layout.pool)
    before, *attacked = (np.where(one.in_pool > 0, one.in_pool, np.nan) for one in (clean, *(c.ranks for c in cells)))
    after = np.mean(attacked, axis=0)
    # A matrix of a hundred languages is drawn some rows at a time, all with the same resamples.
    together = max(1, _MEANS_AT_ONCE // shape[1])
    found = [
        one
        for start in range(0, shape[0], together)
        for draw in draws(
            [_by_pair(layout, after - before, range(start, min(start + together, shape[0])))],
            np.random.default_rng(seed),
            resamples,
        )
        for one in intervals(draw, layout.questions, method)
    ]
    every = range(shape[0])
    return MeanRanks(
        layout.query_languages,
        tuple(layout.pool),
        *(_by_pair(layout, rank, every).estimate().reshape(shape) for rank in (before, after)),
        *(np.array([getattr(one, name) for one in found]).reshape(shape) for name in ("value", "low", "high")),
    )


def _by_pair(layout: Layout, value: Floats, rows: range) -> ClusterMeans:
    """Return a mean for each query language of `rows` and each passage language."""
    columns = len(layout.pool)
    row = layout.query_language[layout.query] - rows.start
    here = (row >= 0) & (row < len(rows))
    cell = row[here] * columns + layout.passage_language[here]
    each = np.eye(len(rows) * columns, dtype=bool)
    return cluster_means(value[here], layout.question[layout.query][here], cell, each, layout.questions)
