"""Language bias of ranks, and how an attack changes it, with intervals; see `robustbench_ir.metrics.bias_measures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from robustbench_ir.metrics.findings import (
    AttackedCells,
    AttackGroup,
    RankedQueries,
    covered_queries,
    macro_means,
    only,
)
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import (
    Judgements,
    macro_average,
    nanmean,
    rank_distances,
    reference_rank_distances,
    relevant_only,
)
from robustbench_ir.metrics.significance import exchange_tests, sign_flip_tests
from robustbench_ir.metrics.statistics import (
    RESAMPLES,
    SEED,
    Estimate,
    IntervalMethod,
    bootstrap_intervals,
    draws,
    draws_by_group,
    median_draws,
)
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.retrieval.ranking import Ranks

# Language bias of a set of ranks: the numbers per query, and their means.

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

    A number that does not exist for the task is NaN; `bias_refusal` gives the reason.

    Attributes
    ----------
    rank_distance : float
        Mean of largest minus smallest rank of the relevant parallel passages; lower is fairer.
    rank_distance_share : float
        Rank distance divided by (pool - 1), 0 to 1.
    rank_distance_median : float
        Median rank distance over all queries.
    random_rank_distance, unbiased_rank_distance : float
        Expected rank distance of a random ranking, and of a perfect ranking that is blind to language:
        (L - 1) / (L + 1) x (pool + 1) and L - 1 with one relevant passage in each of L languages.
    own_language_first : float
        Share of queries whose best-ranked relevant passage is in their language.
    own_language_unbiased : float
        Expected share if languages made no difference: 1/L with one relevant passage in each of L languages.
    english_first, english_unbiased : float
        The same shares for English passages, over the queries that are not in English.
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
    random_rank_distance: float
    unbiased_rank_distance: float
    own_language_first: float
    own_language_unbiased: float
    english_first: float
    english_unbiased: float
    rank_correlation: float
    peer: float
    mean_rank: Floats


def language_bias(judgements: Judgements, ranks: Ranks) -> Bias:
    """Return language bias in the multilingual pool; NaN for a number that the task does not have, see `bias_refusal`.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    ranks : Ranks
        Ranks of the judged passages.
    """
    judgements, ranks = relevant_only(judgements, ranks)
    found = _bias_values(judgements, ranks)
    unbiased, random = _unbiased_values(judgements), _random_values(judgements)
    distance = found["rank_distance"]
    known = distance[~np.isnan(distance)]
    return Bias(
        **{name: macro_average(judgements, found[name]) for name in BIAS_NAMES},
        rank_distance_median=float(np.median(known)) if len(known) else float("nan"),
        random_rank_distance=macro_average(judgements, random["rank_distance"]),
        unbiased_rank_distance=macro_average(judgements, unbiased["rank_distance"]),
        own_language_unbiased=macro_average(judgements, unbiased["own_language_first"]),
        english_unbiased=macro_average(judgements, unbiased["english_first"]),
        mean_rank=mean_rank_by_language(
            ranks.in_pool,
            judgements.query,
            judgements.passage_language,
            judgements.query_language,
            (len(judgements.query_languages), len(judgements.pool)),
        ),
    )


def rank_distance_estimate(
    judgements: Judgements,
    ranks: Ranks,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
) -> Estimate:
    """Return the mean rank distance of one set of ranks with its 95% interval; NaN if it is not defined.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    ranks : Ranks
        Ranks of the judged passages.
    random : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples.
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    """
    (drawn,) = draws([macro_means(judgements, rank_distances(judgements, ranks))], random, resamples)
    return bootstrap_intervals(drawn, judgements.questions, method)[0]


def _bias_values(judgements: Judgements, ranks: Ranks) -> dict[str, Floats]:
    """Return each of `BIAS_NAMES` for each query, float64 arrays of shape (queries,); NaN if it is undefined."""
    judgements, ranks = relevant_only(judgements, ranks)
    rank, query, language = ranks.in_pool, judgements.query, judgements.passage_language
    queries = len(judgements.query_ids)
    distance = rank_distances(judgements, ranks)
    return {
        "rank_distance": distance,
        "rank_distance_share": distance / max(judgements.pool_size - 1, 1),
        "own_language_first": own_language_first(rank, query, language, judgements.own_pool),
        "english_first": _not_english(judgements, first_among(rank, query, _in_english(judgements), queries)),
        "rank_correlation": rank_correlation(rank, query, language, judgements.question),
        "peer": peer(rank, query, language, queries),
    }


def _unbiased_values(judgements: Judgements) -> dict[str, Floats]:
    """Return for each query the expectation without language bias, for those `BIAS_NAMES` where it is known.

    Rank distance is that of a perfect ranking; shares of passages that come first are the same in every ranking.
    """
    queries = len(judgements.query_ids)
    _, distance = reference_rank_distances(judgements)
    own = judgements.passage_language == judgements.own_pool[judgements.query]
    return {
        "rank_distance": distance,
        "rank_distance_share": distance / max(judgements.pool_size - 1, 1),
        "own_language_first": share_among(judgements.query, own, queries),
        "english_first": _not_english(judgements, share_among(judgements.query, _in_english(judgements), queries)),
    }


def _random_values(judgements: Judgements) -> dict[str, Floats]:
    """Return for each query the expectation in a random ranking, for those `BIAS_NAMES` where it is known."""
    distance, _ = reference_rank_distances(judgements)
    share = distance / max(judgements.pool_size - 1, 1)
    return {**_unbiased_values(judgements), "rank_distance": distance, "rank_distance_share": share}


def _in_english(judgements: Judgements) -> NDArray[np.bool_]:
    english = list(judgements.pool).index(_ENGLISH) if _ENGLISH in judgements.pool else -1
    return np.asarray(judgements.passage_language == english)


def _not_english(judgements: Judgements, value: Floats) -> Floats:
    return np.where(np.array(judgements.languages) == _ENGLISH, np.nan, value)


def bias_refusal(judgements: Judgements, name: str) -> str:
    """Return why one of `BIAS_NAMES` does not exist for a task; an empty string if it exists.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    name : str
        One of `BIAS_NAMES`.
    """
    languages = len(judgements.pool)
    cell = judgements.query * languages + judgements.passage_language
    count = np.bincount(cell, minlength=len(judgements.query_ids) * languages).reshape(-1, languages)
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
    if name == "rank_correlation" and len(set(judgements.parallel_ids)) == len(judgements.parallel_ids):
        return "no query has a parallel one in another language"
    if name in {"own_language_first", "english_first"} and np.isnan(_unbiased_values(judgements)[name]).all():
        kind = "its own language" if name == "own_language_first" else "English, asked in another language,"
        return f"no query has relevant passages both in {kind} and in others"
    return ""


_MEDIAN = "rank_distance_median"
FINDING_NAMES = (*BIAS_NAMES[:2], _MEDIAN, *BIAS_NAMES[2:])
_MEANS_AT_ONCE = 1024  # 90 MB of draws


@dataclass(frozen=True)
class BiasFinding:
    """One number of language bias under one recipe and severity, in the multilingual pool, with 95% intervals.

    Attributes
    ----------
    recipe : AttackIdentity
        Identity of the attack.
    severity : int
        Severity of the attack.
    name : str
        One of `FINDING_NAMES`; see `Bias`.
    clean, attacked, change : Estimate
        The number before and after, and attacked - clean, paired; macro averages over query languages, as means over
        seeds. The median rank distance is taken over all queries, of the mean over seeds.
    unbiased : float
        Expectation for a ranking without language bias; NaN if it is not known. For rank distance the ranking
        is perfect.
    random : float
        Expectation for a random ranking; NaN if it is not known. A rank distance near it says that
        the worst language is ranked as deep as by chance.
    p, p_adjusted : float
        p value of the hypothesis that the change is 0, by exchanging clean and attacked ranks of whole questions;
        `p_adjusted` is adjusted for the recipes and severities with the same name.
    refusal : str
        Reason why the number does not exist for this task; empty if it exists.
    """

    recipe: AttackIdentity
    severity: int
    name: str
    clean: Estimate
    attacked: Estimate
    change: Estimate
    unbiased: float
    random: float
    p: float
    p_adjusted: float
    refusal: str


def bias_findings(
    judgements: Judgements,
    clean: Ranks,
    attacked: AttackedCells,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
) -> list[BiasFinding]:
    """Return a finding for each recipe, severity and name; see `Result.bias_findings`.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    attacked : mapping
        Recipe and severity to their cells, one for each seed.
    random : numpy.random.Generator
        Source of the resamples and exchanges.
    resamples : int
        Number of each.
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    """
    if not attacked:
        return []
    of_clean = _bias_values(judgements, clean)
    covered = {key: covered_queries(judgements, cells) for key, cells in attacked.items()}
    before = {key: {name: only(here, of_clean[name]) for name in BIAS_NAMES} for key, here in covered.items()}
    after = {
        key: {name: only(covered[key], found) for name, found in _over_seeds(judgements, cells).items()}
        for key, cells in attacked.items()
    }
    medians = _medians(judgements, before, after, random, resamples)
    changes = {
        key: [macro_means(judgements, found[name] - before[key][name]) for name in BIAS_NAMES]
        for key, found in after.items()
    }
    tables = {
        key: [
            *(macro_means(judgements, of[name]) for of in (before[key], after[key]) for name in BIAS_NAMES),
            *changes[key],
        ]
        for key in attacked
    }
    _, drawn = draws_by_group([], tables, random, resamples)
    families = sign_flip_tests([*zip(*changes.values(), strict=True)], random, resamples)
    references = _unbiased_values(judgements), _random_values(judgements)
    refusals = {name: bias_refusal(judgements, name) for name in BIAS_NAMES}
    refusals[_MEDIAN] = refusals["rank_distance"]
    rows, count = [], len(BIAS_NAMES)
    for row, (key, of_key) in enumerate(drawn.items()):
        blind, chance = (
            {name: macro_average(judgements, only(covered[key], found)) for name, found in values.items()}
            for values in references
        )
        three = zip(of_key[:count], of_key[count : 2 * count], of_key[2 * count :], strict=True)
        known = [int(of.clusters[0]) for of in tables[key]]
        having = zip(known[:count], known[count : 2 * count], known[2 * count :], strict=True)
        each = {
            name: _Drawn(*one, float(family.p[row]), float(family.p_adjusted[row]), of_name)
            for name, one, family, of_name in zip(BIAS_NAMES, three, families, having, strict=True)
        }
        each[_MEDIAN] = medians[key]
        rows += [
            BiasFinding(
                *key,
                name,
                *each[name].estimates(judgements.questions, "bca" if name == _MEDIAN and method == "wider" else method),
                blind.get(name, float("nan")),
                chance.get(name, float("nan")),
                *each[name].tested,
                refusals[name],
            )
            for name in FINDING_NAMES
        ]
    return rows


class _Drawn(NamedTuple):
    """Draws of one number, the p values of its change, and how many questions have it: clean, attacked, and both."""

    clean: Floats
    attacked: Floats
    change: Floats
    p: float
    p_adjusted: float
    known: tuple[int, int, int]

    @property
    def tested(self) -> tuple[float, float]:
        """Both p values; NaN if there is no change to test."""
        return (float("nan"), float("nan")) if np.isnan(self.change[0, 0]) else (self.p, self.p_adjusted)

    def estimates(self, questions: int, method: IntervalMethod) -> tuple[Estimate, Estimate, Estimate]:
        clean, attacked, change = (
            bootstrap_intervals(of, questions, method, np.array([known]))[0]
            for of, known in zip((self.clean, self.attacked, self.change), self.known, strict=True)
        )
        return clean, attacked, change


def _medians(
    judgements: Judgements,
    before: Mapping[AttackGroup, Mapping[str, Floats]],
    after: Mapping[AttackGroup, Mapping[str, Floats]],
    random: Generator,
    resamples: int,
) -> dict[AttackGroup, _Drawn]:
    """Return the median rank distance; its change is over the queries whose rank distance is known before and after."""
    clean, attacked = ([found["rank_distance"] for found in of.values()] for of in (before, after))
    pairs = [
        (only(~np.isnan(late), early), only(~np.isnan(early), late))
        for early, late in zip(clean, attacked, strict=True)
    ]
    cluster, clusters = judgements.question, judgements.questions
    # If a result has all ranks, as that of an encoder does, the pairs are the samples themselves.
    distinct = {one.tobytes(): one for one in [*clean, *attacked, *chain.from_iterable(pairs)]}
    found = median_draws(list(distinct.values()), cluster, clusters, random, resamples)
    draw_of = dict(zip(distinct, found, strict=True))
    tested = exchange_tests(pairs, cluster, clusters, random, resamples)
    return {
        key: _Drawn(
            draw_of[whole.tobytes()],
            draw_of[one.tobytes()],
            draw_of[late.tobytes()] - draw_of[early.tobytes()],
            float(p),
            float(adjusted),
            (_questions_with(judgements, whole), _questions_with(judgements, one), _questions_with(judgements, early)),
        )
        for key, whole, one, (early, late), p, adjusted in zip(
            after, clean, attacked, pairs, tested.p, tested.p_adjusted, strict=True
        )
    }


def _questions_with(judgements: Judgements, value: Floats) -> int:
    return len(np.unique(judgements.question[~np.isnan(value)]))


def _over_seeds(judgements: Judgements, cells: Sequence[RankedQueries]) -> dict[str, Floats]:
    found = [_bias_values(judgements, cell.ranks) for cell in cells]
    return {name: nanmean(np.stack([one[name] for one in found]), axis=0) for name in BIAS_NAMES}


@dataclass(frozen=True)
class MeanRanks:
    """Mean rank of relevant passages in the multilingual pool, by query language and passage language.

    Query languages that the recipe does not cover have a row, too, with a change of 0.

    Attributes
    ----------
    query_languages, passage_languages : tuple of str
        Languages of the rows and columns.
    clean, attacked, change : float64 arrays of shape (query languages, passage languages)
        Mean rank before and after (mean over seeds), and attacked - clean; above 0 the passages moved down. NaN if
        there are no passages.
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
    judgements: Judgements,
    clean: Ranks,
    cells: Sequence[RankedQueries],
    *,
    seed: int = SEED,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
) -> MeanRanks:
    """Return the mean ranks under one recipe and severity.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    cells : sequence of RankedQueries
        The attacked cells, one for each seed.
    seed : int
        Seed of the resamples.
    resamples : int
        Number of bootstrap resamples.
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    """
    shape = len(judgements.query_languages), len(judgements.pool)
    before, *attacked = (np.where(one.in_pool > 0, one.in_pool, np.nan) for one in (clean, *(c.ranks for c in cells)))
    after = np.mean(attacked, axis=0)
    # To save memory, a large matrix is drawn a few rows at a time, always with the same resamples.
    together = max(1, _MEANS_AT_ONCE // shape[1])
    found: list[Estimate] = []
    for start in range(0, shape[0], together):
        means = _by_pair(judgements, after - before, range(start, min(start + together, shape[0])))
        (draw,) = draws([means], np.random.default_rng(seed), resamples)
        found += bootstrap_intervals(draw, judgements.questions, method, means.clusters)
    every = range(shape[0])
    return MeanRanks(
        judgements.query_languages,
        tuple(judgements.pool),
        *(_by_pair(judgements, rank, every).estimate().reshape(shape) for rank in (before, after)),
        *(np.array([getattr(one, name) for one in found]).reshape(shape) for name in ("value", "low", "high")),
    )


def _by_pair(judgements: Judgements, value: Floats, rows: range) -> ClusterMeans:
    """Return a mean for each query language of `rows` and each passage language."""
    columns = len(judgements.pool)
    row = judgements.query_language[judgements.query] - rows.start
    here = (row >= 0) & (row < len(rows))
    cell = row[here] * columns + judgements.passage_language[here]
    each = np.eye(len(rows) * columns, dtype=bool)
    return cluster_means(value[here], judgements.question[judgements.query][here], cell, each, judgements.questions)
