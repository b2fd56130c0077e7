"""Findings: drops with interval, test and effect size; see `robustbench_ir.metrics.statistics`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    reference_rank_distances,
)
from robustbench_ir.metrics.significance import effect_size, minimum_detectable, sign_flip_tests
from robustbench_ir.metrics.statistics import RESAMPLES, Estimate, IntervalMethod, bootstrap_intervals, draws_by_group
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.retrieval.ranking import Ranks


class CoveringRanks(Protocol):
    """Ranks under an attack, and the languages that it does not cover."""

    @property
    def ranks(self) -> Ranks:
        """Ranks of the relevant passages."""

    @property
    def not_covered(self) -> Mapping[str, str]:
        """Query languages that the recipe does not cover, with the reason."""


class RankedQueries(CoveringRanks, Protocol):
    """The parts of an attacked cell that are needed here; a `robustbench_ir.Cell` has them."""

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
    def kinds(self) -> Mapping[str, KindOfChange]:
        """What the recipe does to each query language, where that is not the same in all."""


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
        Query language, or ``"all"`` for the macro average; in a row by relation, its query languages with commas.
    clean, attacked : Estimate
        The measure before and after.
    drop, relative_drop : Estimate
        Clean - attacked, and the same divided by clean; NaN if clean is 0.
    changed_only : Estimate
        The absolute drop over the queries that `coverage` counts.
    clean_rank_distance, rank_distance_change : Estimate
        Rank distance in the multilingual pool, whatever the setting, and its change, attacked - clean. NaN if no query
        has relevant passages in two languages.
    random_rank_distance, unbiased_rank_distance : float
        Expected rank distance of a random ranking, and of a perfect ranking that is blind to language; see `Bias`.
    p, p_adjusted : float
        p value of the hypothesis that the drop is 0; NaN if no change reached the encoder. `p_adjusted` is adjusted for
        all rows of the same setting, measure and kind (recipes x severities, the same x languages, or the same x
        relations) by step-down max-T.
    p_rank_distance, p_rank_distance_adjusted : float
        p values of the hypothesis that the change of rank distance is 0.
    effect_size : float
        Standardised mean difference of the drop over questions (Cohen's d_z).
    minimum_detectable : float
        Smallest drop that the adjusted test at 5% would find in 80% of samples with as many questions.
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
        Number of clusters: questions that have a value in this row.
    relation : str
        How the change is related to the passages or to the script, such as ``"into the passages' language"``; empty
        for a row over all of them. See `robustbench_ir.metrics.relations`.
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
    random_rank_distance: float
    unbiased_rank_distance: float
    p: float
    p_adjusted: float
    p_rank_distance: float
    p_rank_distance_adjusted: float
    effect_size: float
    minimum_detectable: float
    coverage: float
    text_coverage: float
    touched: float
    edit_rate: float
    questions: int
    relation: str = ""

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

    def within(self, mask: NDArray[np.bool_]) -> OverSeeds:
        """Return the values with NaN outside a mask of shape (queries, passage languages)."""
        return OverSeeds(
            self.covered, *(within(mask, value) for name, value in vars(self).items() if name != "covered")
        )


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


def covered_queries(judgements: Judgements, cells: Sequence[CoveringRanks]) -> NDArray[np.bool_]:
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
    method: IntervalMethod = "wider",
    pairs: NDArray[np.bool_] | None = None,
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
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    pairs : bool array of shape (query languages, passage languages), optional
        The only pairs of languages that count; one column in the multilingual setting.
    """
    if not attacked:
        return []
    before, distance = per_query_scores(judgements, clean, measure, setting), rank_distances(judgements, clean)
    after = [over_seeds(judgements, before, cells, setting, measure) for cells in attacked.values()]
    references = reference_rank_distances(judgements)
    if pairs is not None:
        mask = pairs[judgements.query_language]
        before, distance = within(mask, before), within(mask, distance)
        references = within(mask, references[0]), within(mask, references[1])
        after = [one.within(mask) for one in after]
    # Recipes that cover the same languages share their clean numbers.
    bases = {one.covered.tobytes(): one.covered for one in after}
    of_clean = {
        base: [macro_means(judgements, only(covered, found), by) for found in (before, distance)]
        for base, covered in bases.items()
    }
    # Changes of rank distance are paired, since a run may lack a passage for the attacked query only.
    of_attacked = {
        group: [
            macro_means(judgements, found, by) for found in (one.value, one.changed_only, one.rank_distance - distance)
        ]
        for group, one in zip(attacked, after, strict=True)
    }
    clean_draws, draw = draws_by_group(
        [table for tables in of_clean.values() for table in tables], of_attacked, random, resamples
    )

    def estimates(of: Floats, means: ClusterMeans) -> list[Estimate]:
        return bootstrap_intervals(of, judgements.questions, method, means.clusters)

    names = judgements.query_languages if by == "language" else ("all",)
    drawn = dict(zip(bases, zip(clean_draws[::2], clean_draws[1::2], strict=True), strict=True))
    of_base: dict[bytes, dict[str, Sequence[object]]] = {
        base: {
            "clean": estimates(drawn[base][0], of_clean[base][0]),
            "clean_rank_distance": estimates(drawn[base][1], of_clean[base][1]),
            "random_rank_distance": _means(judgements, only(covered, references[0]), by),
            "unbiased_rank_distance": _means(judgements, only(covered, references[1]), by),
            "questions": of_clean[base][0].clusters.tolist(),
        }
        for base, covered in bases.items()
    }
    columns: dict[str, Sequence[object]] = {
        "language": names,
        "setting": [setting] * len(names),
        "measure": [measure] * len(names),
    }
    tests = _tests(judgements, before, distance, after, by, random, resamples)
    rows: list[Finding] = []
    for (recipe, severity), one, tested in zip(attacked, after, tests, strict=True):
        base, (after_draw, changed_draw, distance_change) = one.covered.tobytes(), draw[recipe, severity]
        clean_draw, _ = drawn[base]
        value, changed, distances = of_attacked[recipe, severity]
        columns |= {
            **of_base[base],
            "recipe": [recipe] * len(names),
            "severity": [severity] * len(names),
            "attacked": estimates(after_draw, value),
            "drop": estimates(clean_draw - after_draw, value),
            "relative_drop": estimates(ratio(clean_draw - after_draw, clean_draw), value),
            "changed_only": estimates(changed_draw, changed),
            "rank_distance_change": estimates(distance_change, distances),
            "coverage": _means(judgements, one.coverage, by),
            "text_coverage": _means(judgements, one.text_coverage, by),
            "touched": _means(judgements, one.touched, by),
            "edit_rate": _means(judgements, one.edit_rate, by),
            **tested,
        }
        rows += [Finding(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    return rows


def clean_findings(found: Sequence[Finding]) -> list[Finding]:
    """Return rows of the clean scores alone, in which whatever an attack would change is NaN.

    Parameters
    ----------
    found : sequence of Finding
        Findings of the clean queries, treated as an attack that changes nothing.
    """
    nothing, none = Estimate(math.nan, math.nan, math.nan), math.nan
    estimates = ("attacked", "drop", "relative_drop", "changed_only", "rank_distance_change")
    numbers = ("p", "p_adjusted", "p_rank_distance", "p_rank_distance_adjusted", "effect_size", "minimum_detectable",
               "coverage", "text_coverage", "touched", "edit_rate")  # fmt: skip
    changes = {**dict.fromkeys(estimates, nothing), **dict.fromkeys(numbers, none)}
    return [Finding(**{**vars(row), **changes}) for row in found]


def within(mask: NDArray[np.bool_], found: Floats) -> Floats:
    """Return values with NaN outside a mask of shape (queries, passage languages)."""
    return np.where(mask.any(axis=1) if found.ndim == 1 else mask, found, np.nan)


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
    """Return the columns of `Finding` that concern tests, for each of `after`."""
    tables = {
        "p": [macro_means(judgements, clean - one.value, by) for one in after],
        "p_rank_distance": [macro_means(judgements, one.rank_distance - distance, by) for one in after],
    }
    families = dict(zip(tables, sign_flip_tests(list(tables.values()), random, resamples), strict=True))
    columns: list[dict[str, list[float]]] = []
    for row, one in enumerate(after):
        touched = np.array(_means(judgements, one.coverage, by)) > 0
        found: dict[str, list[float]] = {}
        for name, family in families.items():
            there = touched & ~np.isnan(tables[name][row].estimate())
            rows = slice(row * len(there), (row + 1) * len(there))
            found[name] = np.where(there, family.p[rows], np.nan).tolist()
            found[f"{name}_adjusted"] = np.where(there, family.p_adjusted[rows], np.nan).tolist()
        drop = tables["p"][row]
        found["effect_size"] = effect_size(drop).tolist()
        found["minimum_detectable"] = minimum_detectable(drop, families["p"].critical).tolist()
        columns.append(found)
    return columns
