"""Findings: drops with interval, test and effect size; see `robustbench_ir.metrics.statistics`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import (
    Judgements,
    Setting,
    by_language,
    macro_average,
    nanmean,
    per_query_scores,
    rank_distances,
)
from robustbench_ir.metrics.statistics import (
    RESAMPLES,
    Estimate,
    IntervalMethod,
    bootstrap_intervals,
    draws_by_group,
    effect_size,
    holm,
    minimum_detectable,
    sign_flip_p,
)
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.retrieval.ranking import Ranks


class RankedQueries(Protocol):
    """The parts of an attacked cell that are needed here; a `robustbench_ir.Cell` has them."""

    @property
    def ranks(self) -> Ranks:
        """Ranks of the relevant passages."""

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Whether each query's text changed."""

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Whether each query's change reached the encoder."""

    @property
    def touched(self) -> Floats:
        """Share of each query's code points that are in edited words."""

    @property
    def edit_rate(self) -> Floats:
        """Edit distance of each query to the clean one, divided by its length, in graphemes; NaN if it is not known."""

    @property
    def not_covered(self) -> Mapping[str, str]:
        """Query languages that the recipe does not cover, with the reason."""


AttackGroup = tuple[AttackIdentity, int]
"""Identity of an attack, and its severity."""

AttackedCells = Mapping[AttackGroup, Sequence[RankedQueries]]
"""Attack and severity to their cells, one for each seed."""


@dataclass(frozen=True)
class Finding:
    """How far a measure falls under one recipe and severity in one setting, with 95% intervals.

    Values equal those of `Drop`. Intervals are by a cluster bootstrap over questions, p values by sign flips of
    clusters.

    Attributes
    ----------
    recipe, severity, setting, measure : AttackIdentity, int, str, str
        Attack, setting and measure.
    language : str
        Query language, or ``"all"`` for the macro average.
    clean, attacked : Estimate
        The measure before and after.
    drop, relative_drop : Estimate
        Clean - attacked, and the same divided by clean; NaN if clean is 0.
    changed_only : Estimate
        The absolute drop over the queries that `coverage` counts.
    clean_rank_distance, rank_distance_change : Estimate
        Rank distance in the multilingual pool, and its change, attacked - clean. NaN if queries have one relevant
        passage.
    p, p_holm : float
        p value of the hypothesis that the drop is 0; NaN if no change reached the encoder. `p_holm` is adjusted for
        all rows of the same setting and kind (recipes x severities, or recipes x severities x languages).
    p_rank_distance, p_rank_distance_holm : float
        p values of the hypothesis that the change of rank distance is 0.
    effect_size : float
        Standardised mean difference of the drop over questions (Cohen's d_z).
    minimum_detectable : float
        Smallest drop that a test at 5% would find in 80% of samples with as many questions.
    coverage : float
        Share of queries whose change reached the encoder: what it reads of them differs, such as the token ids after
        the cut. Where the encoder cannot say what it reads, the same as `text_coverage`.
    text_coverage : float
        Share of queries whose text changed.
    touched : float
        Share of the code points that are in edited words.
    edit_rate : float
        Edit distance to the clean query, divided by its length, both in graphemes: 0 to 1, or more where the attack
        adds text. NaN in results of versions that did not measure it.
    questions : int
        Number of clusters.
    """

    recipe: AttackIdentity
    severity: int
    setting: Setting
    measure: str
    language: str
    clean: Estimate
    attacked: Estimate
    drop: Estimate
    relative_drop: Estimate
    changed_only: Estimate
    clean_rank_distance: Estimate
    rank_distance_change: Estimate
    p: float
    p_holm: float
    p_rank_distance: float
    p_rank_distance_holm: float
    effect_size: float
    minimum_detectable: float
    coverage: float
    text_coverage: float
    touched: float
    edit_rate: float
    questions: int

    @property
    def robustness(self) -> Estimate:
        """Relative robustness, attacked / clean: 1 - relative drop."""
        lost = self.relative_drop
        return Estimate(1 - lost.value, 1 - lost.high, 1 - lost.low)


@dataclass(frozen=True)
class OverSeeds:
    """One recipe and severity per query, as means over seeds, which are nested in queries.

    All values are NaN for queries in languages that the recipe does not cover: a language that was not attacked has no
    drop, rather than a drop of 0.

    Attributes
    ----------
    covered : bool array of shape (queries,)
        Whether the recipe covers the query's language.
    clean, value : float64 arrays of shape (queries,) or (queries, passage languages)
        The measure before and after.
    changed_only : float64 array of that shape
        Clean - attacked over the seeds whose change reached the encoder; NaN if none did.
    coverage, text_coverage, touched, edit_rate : float64 arrays of that shape
        Means over seeds; coverage is the share of seeds whose change reached the encoder, text coverage that of the
        seeds that changed the text. NaN where `value` is, so that they are over the queries that the setting scores.
    rank_distance : float64 array of shape (queries,)
        Rank distance in the multilingual pool, mean over seeds.
    """

    covered: NDArray[np.bool_]
    clean: Floats
    value: Floats
    changed_only: Floats
    coverage: Floats
    text_coverage: Floats
    touched: Floats
    edit_rate: Floats
    rank_distance: Floats


def over_seeds(
    judgements: Judgements, clean: Floats, cells: Sequence[RankedQueries], setting: Setting, measure: str
) -> OverSeeds:
    """Return means over seeds for each query.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : float64 array
        The measure of the clean queries, from `per_query_scores`.
    cells : sequence of RankedQueries
        The attacked cells, one for each seed.
    setting, measure : str
        Setting and measure.
    """
    covered = covered_queries(judgements, cells)
    found = np.stack([per_query_scores(judgements, cell.ranks, measure, setting) for cell in cells])
    found = np.stack([only(covered, one) for one in found])
    reached = np.stack([cell.reached for cell in cells])
    mask = reached.reshape(reached.shape + (1,) * (found.ndim - 2))
    value = found.mean(axis=0)

    def scored(by_seed: Sequence[NDArray[np.bool_] | Floats]) -> Floats:
        mean = np.mean(by_seed, axis=0, dtype=float)
        return np.where(np.isnan(value), np.nan, mean.reshape(mean.shape + (1,) * (value.ndim - 1)))

    return OverSeeds(
        covered=covered,
        clean=only(covered, clean),
        value=value,
        changed_only=nanmean(np.where(mask, clean - found, np.nan), axis=0),
        coverage=scored([cell.reached for cell in cells]),
        text_coverage=scored([cell.changed for cell in cells]),
        touched=scored([cell.touched for cell in cells]),
        edit_rate=scored([cell.edit_rate for cell in cells]),
        rank_distance=only(covered, np.mean([rank_distances(judgements, cell.ranks) for cell in cells], axis=0)),
    )


def covered_queries(judgements: Judgements, cells: Sequence[RankedQueries]) -> NDArray[np.bool_]:
    """Return whether the recipe of some cells covers the language of each query, shape (queries,).

    Parameters
    ----------
    judgements : Judgements
        Queries and languages.
    cells : sequence of RankedQueries
        Cells of one recipe, one for each seed.
    """
    missed = cells[0].not_covered
    return np.array([language not in missed for language in judgements.query_languages])[judgements.query_language]


def only(queries: NDArray[np.bool_], found: Floats) -> Floats:
    """Return values with NaN for all other queries.

    Parameters
    ----------
    queries : bool array of shape (queries,)
        Queries whose values are kept.
    found : float64 array of shape (queries,) or (queries, passage languages)
        Values.
    """
    return np.where(queries.reshape(queries.shape + (1,) * (found.ndim - 1)), found, np.nan)


def macro_means(judgements: Judgements, found: Floats, by: str | None = None) -> ClusterMeans:
    """Return values as macro means that can be resampled: one, or one for each query language.

    Parameters
    ----------
    judgements : Judgements
        Queries and languages of the values.
    found : float64 array of shape (queries,) or (queries, passage languages)
        Values; the estimates equal those of `macro_average` and `by_language`.
    by : {"language"}, optional
        Return one macro mean for each query language.
    """
    wide = found.reshape(len(found), -1)
    columns, languages = wide.shape[1], len(judgements.query_languages)
    cluster = np.broadcast_to(judgements.question[:, None], wide.shape)
    stratum = judgements.query_language[:, None] * columns + np.arange(columns)
    one = np.eye(languages, dtype=bool) if by == "language" else np.ones((languages, 1), dtype=bool)
    return cluster_means(wide, cluster, stratum, np.repeat(one, columns, axis=0), judgements.questions)


def findings(
    judgements: Judgements,
    clean: Ranks,
    attacked: AttackedCells,
    setting: Setting,
    measure: str,
    by: str | None,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "bca",
) -> list[Finding]:
    """Return a finding for each recipe and severity, or each query language of these, in the order of `Result.drops`.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    attacked : mapping
        Recipe and severity to their cells, one for each seed.
    setting, measure, by
        See `Result.drops`.
    random : numpy.random.Generator
        Source of the resamples and sign flips.
    resamples : int
        Number of each.
    method : {"bca", "percentile"}
        Kind of interval.
    """
    if not attacked:
        return []
    before, distance = per_query_scores(judgements, clean, measure, setting), rank_distances(judgements, clean)
    after = [over_seeds(judgements, before, cells, setting, measure) for cells in attacked.values()]
    # Recipes that cover the same languages share their clean numbers.
    bases = {one.covered.tobytes(): one.covered for one in after}
    # Changes of rank distance are paired, since a run may lack a passage for the attacked query only.
    clean_draws, draw = draws_by_group(
        [macro_means(judgements, only(base, found), by) for base in bases.values() for found in (before, distance)],
        {
            group: [
                macro_means(judgements, found, by)
                for found in (one.value, one.changed_only, one.rank_distance - distance)
            ]
            for group, one in zip(attacked, after, strict=True)
        },
        random,
        resamples,
    )

    def estimates(of: Floats) -> list[Estimate]:
        return bootstrap_intervals(of, judgements.questions, method)

    names = judgements.query_languages if by == "language" else ("all",)
    clean_of = dict(zip(bases, zip(clean_draws[::2], clean_draws[1::2], strict=True), strict=True))
    clean_estimates = {base: tuple(map(estimates, drawn)) for base, drawn in clean_of.items()}
    columns: dict[str, Sequence[object]] = {
        "language": names,
        "setting": [setting] * len(names),
        "measure": [measure] * len(names),
        "questions": [judgements.questions] * len(names),
    }
    tests = _tests(judgements, before, distance, after, by, random, resamples)
    rows: list[Finding] = []
    for (recipe, severity), one, tested in zip(attacked, after, tests, strict=True):
        base, (after_draw, changed_draw, distance_change) = one.covered.tobytes(), draw[recipe, severity]
        clean_draw, _ = clean_of[base]
        columns |= {
            "recipe": [recipe] * len(names),
            "severity": [severity] * len(names),
            "clean": clean_estimates[base][0],
            "clean_rank_distance": clean_estimates[base][1],
            "attacked": estimates(after_draw),
            "drop": estimates(clean_draw - after_draw),
            "relative_drop": estimates(ratio(clean_draw - after_draw, clean_draw)),
            "changed_only": estimates(changed_draw),
            "rank_distance_change": estimates(distance_change),
            "coverage": _means(judgements, one.coverage, by),
            "text_coverage": _means(judgements, one.text_coverage, by),
            "touched": _means(judgements, one.touched, by),
            "edit_rate": _means(judgements, one.edit_rate, by),
            **tested,
        }
        rows += [Finding(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    return _adjusted(rows)


def ratio(above: Floats, below: Floats) -> Floats:
    """Return the quotient of two arrays; NaN if the divisor is 0.

    Parameters
    ----------
    above, below : float64 arrays of the same shape
        Dividend and divisor.
    """
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)


def _means(judgements: Judgements, found: Floats, by: str | None) -> list[float]:
    return by_language(judgements, found).tolist() if by == "language" else [macro_average(judgements, found)]


def _tests(
    judgements: Judgements,
    clean: Floats,
    distance: Floats,
    after: Sequence[OverSeeds],
    by: str | None,
    random: Generator,
    resamples: int,
) -> list[dict[str, list[float]]]:
    """Return the columns of `Finding` that concern tests, for each of `after`, before Holm's adjustment."""
    drops = [macro_means(judgements, clean - one.value, by) for one in after]
    changes = [macro_means(judgements, one.rank_distance - distance, by) for one in after]
    p_values = sign_flip_p([*drops, *changes], random, resamples)
    columns = []
    for one, drop, change, *p_of in zip(
        after, drops, changes, p_values[: len(after)], p_values[len(after) :], strict=True
    ):
        touched = np.array(_means(judgements, one.coverage, by)) > 0
        p, p_distance = (
            np.where(touched & ~np.isnan(means.estimate()), found, np.nan).tolist()
            for means, found in zip((drop, change), p_of, strict=True)
        )
        columns.append(
            {
                "p": p,
                "p_holm": p,
                "p_rank_distance": p_distance,
                "p_rank_distance_holm": p_distance,
                "effect_size": effect_size(drop).tolist(),
                "minimum_detectable": minimum_detectable(drop).tolist(),
            }
        )
    return columns


def _adjusted(rows: list[Finding]) -> list[Finding]:
    drop, distance = (holm(np.array(p)) for p in ([row.p for row in rows], [row.p_rank_distance for row in rows]))
    return [
        replace(row, p_holm=float(one), p_rank_distance_holm=float(other))
        for row, one, other in zip(rows, drop, distance, strict=True)
    ]
