"""Language bias of a set of ranks: each number per query, and its means.

`robustbench_ir.score.bias` has the formulas; here they meet the languages of a task.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.retrieve import Ranks
from robustbench_ir.score.bias import (
    first_among,
    mean_rank_by_language,
    own_language_first,
    peer,
    rank_correlation,
    share_among,
)
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import Layout, headline, rank_distances

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
    if name == "peer":
        if not ((count > 0).sum(axis=1) > 1).any():
            return "no query has relevant passages in two languages"
        if not ((count > 1).any(axis=1) & ((count > 0).sum(axis=1) > 1)).any():
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
