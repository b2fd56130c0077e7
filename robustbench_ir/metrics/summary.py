"""Robustness against one recipe in a few numbers: curve over severities, its area, worst language, resource gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import Attacked, Group, macro, over_seeds, ratio
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Layout, Setting, nanmean, values
from robustbench_ir.metrics.statistics import RESAMPLES, Estimate, Method, draws_by_group, intervals, simultaneous
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.resources.languages import resource_groups
from robustbench_ir.retrieval.ranking import Ranks


@dataclass(frozen=True)
class WorstLanguage:
    """The query language that loses most.

    Attributes
    ----------
    language : str
        With the largest absolute drop at the highest severity.
    drop : Estimate
        That drop. It was chosen for being the largest, so it is on average too large; its interval knows that, because
        it holds for all query languages at once (`simultaneous`).
    share : float
        Share of the resamples in which this language is the worst; near 1 where there is no doubt about it.
    """

    language: str
    drop: Estimate
    share: float


@dataclass(frozen=True)
class ResourceGap:
    """How much better high-resource query languages do than low-resource ones, and what the attack does to that.

    Attributes
    ----------
    low, high : tuple of str
        Query languages of resource class 2 or below, and 4 or above (Joshi et al. 2020); class 3 is neither.
    clean, attacked, change : Estimate
        Mean over the high ones - mean over the low ones, before, after, and attacked - clean: above 0 the gap widens.
    """

    low: tuple[str, ...]
    high: tuple[str, ...]
    clean: Estimate
    attacked: Estimate
    change: Estimate


@dataclass(frozen=True)
class Robustness:
    """Robustness over the same queries, clean and attacked.

    Attributes
    ----------
    curve : tuple of Estimate
        Relative robustness, attacked / clean, at each severity; the severity curve begins with 1 at severity 0.
    area : Estimate
        Area under that curve by trapezoids from severity 0 to the highest, divided by the highest; 1 where nothing is
        lost.
    worst : WorstLanguage or None
        At the highest severity; None where no language has a query.
    gap : ResourceGap or None
        At the highest severity; None where the task lacks languages of either kind.
    """

    curve: tuple[Estimate, ...]
    area: Estimate
    worst: WorstLanguage | None
    gap: ResourceGap | None


@dataclass(frozen=True)
class Summary:
    """Robustness against one recipe in one setting, with 95% intervals.

    Attributes
    ----------
    recipe, setting, measure
        Of what.
    severities : tuple of int
        Ascending.
    all_queries : Robustness
        Over all queries.
    changed_only : Robustness
        Over those that a severity really changed, clean and attacked: other queries at each severity, and each over the
        seeds that changed it.
    """

    recipe: AttackIdentity
    setting: Setting
    measure: str
    severities: tuple[int, ...]
    all_queries: Robustness
    changed_only: Robustness


def summaries(
    layout: Layout,
    clean: Ranks,
    attacked: Attacked,
    setting: Setting,
    measure: str,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: Method = "bca",
) -> list[Summary]:
    """Return a summary for each recipe; see `Result.summaries`."""
    if not attacked:
        return []
    before = values(layout, clean, measure, setting)
    severities: dict[AttackIdentity, list[int]] = {}
    for recipe, severity in attacked:
        severities.setdefault(recipe, []).append(severity)
    highest = {(recipe, max(some)) for recipe, some in severities.items()}

    def tables(group: Group) -> list[ClusterMeans]:
        one = over_seeds(layout, before, attacked[group], setting, measure)
        same = np.where(np.isnan(one.changed_only), np.nan, before)
        found = one.value, same, one.changed_only
        return [macro(layout, value, by) for by in (None, "language")[: 1 + (group in highest)] for value in found]

    (whole, each), drawn = draws_by_group(
        [macro(layout, before), macro(layout, before, "language")],
        {group: tables(group) for group in attacked},
        random,
        resamples,
    )
    rows = []
    for recipe, some in severities.items():
        ordered = tuple(sorted(some))
        curves = [drawn[recipe, severity][:3] for severity in ordered]
        value, same, lost = drawn[recipe, ordered[-1]][3:]
        pairs = (
            _Draws(layout, ordered, [(whole, after) for after, *_ in curves], (each, value), method),
            _Draws(layout, ordered, [(old, old - fall) for _, old, fall in curves], (same, same - lost), method),
        )
        rows.append(Summary(recipe, setting, measure, ordered, *(one.robustness() for one in pairs)))
    return rows


@dataclass(frozen=True)
class _Draws:
    """Clean and attacked draws of one recipe: of the macro average at each severity, by language at the highest."""

    layout: Layout
    severities: tuple[int, ...]
    pairs: Sequence[tuple[Floats, Floats]]
    by_language: tuple[Floats, Floats]
    method: Method

    def robustness(self) -> Robustness:
        curve = np.concatenate([ratio(after, before) for before, after in self.pairs])
        area = self.estimates(_area(curve, self.severities))[0]
        return Robustness(tuple(self.estimates(curve)), area, self.worst(), self.gap())

    def estimates(self, of: Floats) -> list[Estimate]:
        return intervals(of, self.layout.questions, self.method)

    def worst(self) -> WorstLanguage | None:
        clean, attacked = self.by_language
        lost = clean - attacked
        if np.isnan(lost[:, 0]).all():
            return None
        # A language of which no question was drawn cannot be the worst.
        first = np.argmax(np.where(np.isnan(lost), -np.inf, lost), axis=0)
        worst = int(first[0])
        share = float(np.mean(first[1 + self.layout.questions :] == worst))
        drop = simultaneous(lost, self.layout.questions)[worst]
        return WorstLanguage(self.layout.query_languages[worst], drop, share)

    def gap(self) -> ResourceGap | None:
        low, high = resource_groups(self.layout.query_languages)
        if not low or not high:
            return None
        rows = {language: number for number, language in enumerate(self.layout.query_languages)}

        def difference(by_language: Floats) -> Floats:
            better, worse = (nanmean(by_language[[rows[one] for one in group]], axis=0) for group in (high, low))
            return (better - worse)[None]

        before, after = (difference(one) for one in self.by_language)
        return ResourceGap(low, high, *self.estimates(np.concatenate([before, after, after - before])))


def _area(curve: Floats, severities: Sequence[int]) -> Floats:
    """Return the area under a curve that begins with 1 at severity 0, divided by its width, shape (1, draws)."""
    whole = np.concatenate([np.ones((1, curve.shape[1])), curve])
    return np.asarray(np.trapezoid(whole, [0, *severities], axis=0))[None] / max(severities)
