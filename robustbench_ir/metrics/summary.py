"""Summary of the robustness against one recipe: curve over severities, its area, worst language, resource gap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.random import Generator

from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import AttackedCells, AttackGroup, OverSeeds, macro_means, over_seeds, ratio
from robustbench_ir.metrics.measures import Floats, Integers
from robustbench_ir.metrics.relations import TowardsPassages, not_towards_passages
from robustbench_ir.metrics.resource_gap import ResourceGap, resource_gaps
from robustbench_ir.metrics.settings import Judgements, Setting, by_language, per_query_scores
from robustbench_ir.metrics.statistics import (
    RESAMPLES,
    Estimate,
    IntervalMethod,
    bootstrap_intervals,
    draws_by_group,
    simultaneous,
)
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.retrieval.ranking import Ranks


@dataclass(frozen=True)
class WorstLanguage:
    """The query language that loses the largest share of its score.

    Attributes
    ----------
    language : str
        Language with the largest relative drop at the highest severity.
    relative_drop, drop : Estimate
        Its relative and its absolute drop. Since it was chosen for being the largest, the relative drop is too large on
        average; the intervals allow for this, because they hold for all query languages at once (`simultaneous`).
    share : float
        Share of the resamples in which this language is the worst; near 1 if it is clearly the worst.
    """

    language: str
    relative_drop: Estimate
    drop: Estimate
    share: float


@dataclass(frozen=True)
class Robustness:
    """Robustness over the same queries, clean and attacked.

    Attributes
    ----------
    curve : tuple of Estimate
        Relative robustness, attacked / clean, at each severity; the severity curve begins with 1 at severity 0.
    area : Estimate
        Area under that curve by trapezoids from severity 0 to the highest, divided by the highest; 1 without any loss.
    worst : WorstLanguage or None
        Worst language at the highest severity; None if no language has a query.
    gaps : tuple of ResourceGap
        How much more low-resource languages lose than high-resource ones at the highest severity, for each kind of
        change; empty if the task has neither.
    edit_rates : mapping of str to float
        Mean edit rate of all queries of each covered language at the highest severity, also where the rest is over
        changed queries. One severity damages languages differently, so that a comparison between languages is also one
        between damages.
    """

    curve: tuple[Estimate, ...]
    area: Estimate
    worst: WorstLanguage | None
    gaps: tuple[ResourceGap, ...]
    edit_rates: Mapping[str, float] = field(default_factory=dict)

    def edit_rate(self, languages: Collection[str]) -> float:
        """Return the mean edit rate of some languages; NaN for none."""
        found = [self.edit_rates[one] for one in languages if one in self.edit_rates]
        return sum(found) / len(found) if found else float("nan")


@dataclass(frozen=True)
class Summary:
    """Robustness against one recipe in one setting, with 95% intervals.

    Attributes
    ----------
    recipe, setting, measure : AttackIdentity, str, str
        Attack, setting and measure.
    severities : tuple of int
        Severities, ascending.
    all_queries : Robustness
        Robustness over all queries.
    towards_passages : {"none", "left out", "all"}
        Language pairs whose queries are switched towards the language of the passages, where a gain is translation and
        no robustness: they are left out, unless all pairs are such.
    changed_only : Robustness
        Robustness over the queries whose change reached the encoder, clean and attacked: these differ by severity, and
        each is a mean over the seeds whose change did.
    """

    recipe: AttackIdentity
    setting: Setting
    measure: str
    severities: tuple[int, ...]
    all_queries: Robustness
    changed_only: Robustness
    towards_passages: TowardsPassages = "none"


def summaries(
    judgements: Judgements,
    clean: Ranks,
    attacked: AttackedCells,
    setting: Setting,
    measure: str,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "wider",
) -> list[Summary]:
    """Return a summary for each recipe; see `Result.summaries`.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    attacked : mapping
        Recipe and severity to their cells, one for each seed.
    setting, measure : str
        Setting and measure.
    random : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples.
    method : {"wider", "bca", "percentile"}
        Kind of interval.
    """
    if not attacked:
        return []
    before = per_query_scores(judgements, clean, measure, setting)
    severities: dict[AttackIdentity, list[int]] = {}
    for recipe, severity in attacked:
        severities.setdefault(recipe, []).append(severity)
    highest = {(recipe, max(some)) for recipe, some in severities.items()}

    over = {group: over_seeds(judgements, before, cells, setting, measure) for group, cells in attacked.items()}
    towards: dict[AttackIdentity, TowardsPassages] = {}
    for recipe, severity in attacked:
        kinds = attacked[recipe, severity][0].kinds
        towards[recipe], kept = not_towards_passages(judgements, kinds, setting, before)
        if towards[recipe] == "left out":
            over[recipe, severity] = over[recipe, severity].within(kept)

    def tables(group: AttackGroup) -> list[ClusterMeans]:
        one = over[group]
        same = np.where(np.isnan(one.changed_only), np.nan, before)
        found = one.clean, one.value, same, one.changed_only
        return [
            macro_means(judgements, value, by) for by in (None, "language")[: 1 + (group in highest)] for value in found
        ]

    of_attacked = {group: tables(group) for group in attacked}
    _, drawn = draws_by_group([], of_attacked, random, resamples)
    rows = []
    for recipe, some in severities.items():
        ordered = tuple(sorted(some))
        rates = _edit_rates(judgements, over[recipe, ordered[-1]])
        curves = [drawn[recipe, severity][:4] for severity in ordered]
        whole, value, same, lost = drawn[recipe, ordered[-1]][4:]
        _, of_value, of_same, _ = (means.clusters for means in of_attacked[recipe, ordered[-1]][4:])
        every = [(of_clean, of_attack) for of_clean, of_attack, *_ in curves]
        changed = [(old, old - fall) for *_, old, fall in curves]
        cell = attacked[recipe, ordered[-1]][0]
        by_kind = partial(resource_gaps, judgements, kinds=cell.kinds, not_covered=cell.not_covered, random=random)
        pairs = (
            _Draws(judgements, ordered, every, (whole, value), of_value, rates, method),
            _Draws(judgements, ordered, changed, (same, same - lost), of_same, rates, method),
        )
        every_query, changed_only = (one.robustness(by_kind) for one in pairs)
        rows.append(Summary(recipe, setting, measure, ordered, every_query, changed_only, towards[recipe]))
    return rows


def _edit_rates(judgements: Judgements, one: OverSeeds) -> dict[str, float]:
    rates = by_language(judgements, one.edit_rate).tolist()
    return {name: rate for name, rate in zip(judgements.query_languages, rates, strict=True) if not np.isnan(rate)}


@dataclass(frozen=True)
class _Draws:
    """Clean and attacked draws of one recipe: of the macro average at each severity, by language at the highest."""

    judgements: Judgements
    severities: tuple[int, ...]
    pairs: Sequence[tuple[Floats, Floats]]
    by_language: tuple[Floats, Floats]
    questions_of_languages: Integers
    edit_rates: Mapping[str, float]
    method: IntervalMethod

    def robustness(self, gaps: Callable[[Floats, Floats], tuple[ResourceGap, ...]]) -> Robustness:
        curve = np.concatenate([ratio(after, before) for before, after in self.pairs])
        area = self.estimates(_area(curve, self.severities))[0]
        return Robustness(tuple(self.estimates(curve)), area, self.worst(), gaps(*self.by_language), self.edit_rates)

    def estimates(self, of: Floats) -> list[Estimate]:
        return bootstrap_intervals(of, self.judgements.questions, self.method)

    def worst(self) -> WorstLanguage | None:
        clean, attacked = self.by_language
        lost = clean - attacked
        relative = ratio(lost, clean)
        if np.isnan(relative[:, 0]).all():
            return None
        # A language without a resampled question cannot be the worst, nor one that had nothing to lose.
        first = np.argmax(np.where(np.isnan(relative), -np.inf, relative), axis=0)
        worst = int(first[0])
        share = float(np.mean(first[1 + self.judgements.questions :] == worst))
        of_relative, of_lost = (
            simultaneous(one, self.judgements.questions, self.questions_of_languages)[worst] for one in (relative, lost)
        )
        return WorstLanguage(self.judgements.query_languages[worst], of_relative, of_lost, share)


def _area(curve: Floats, severities: Sequence[int]) -> Floats:
    """Return the area under a curve that begins with 1 at severity 0, divided by its width, shape (1, draws)."""
    whole = np.concatenate([np.ones((1, curve.shape[1])), curve])
    return np.asarray(np.trapezoid(whole, [0, *severities], axis=0))[None] / max(severities)
