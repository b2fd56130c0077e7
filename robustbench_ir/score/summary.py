"""Robustness of one recipe in a few numbers: curve over severities, area, worst language, gap between languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from robustbench_ir.languages import languages
from robustbench_ir.retrieve import Ranks
from robustbench_ir.score.findings import Attacked, macro, over_seeds
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import Layout, Setting, nanmean, values
from robustbench_ir.score.statistics import RESAMPLES, Estimate, Method, draws, intervals

LOW_RESOURCE, HIGH_RESOURCE = 2, 4


class ResourceGap(NamedTuple):
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
class Summary:
    """Robustness against one recipe in one setting, with 95% intervals.

    Attributes
    ----------
    recipe, setting, measure
        Of what.
    severities : tuple of int
        Ascending.
    robustness : tuple of Estimate
        Relative robustness attacked / clean at each severity: the severity curve, which begins with 1 at severity 0.
    robustness_changed_only : tuple of Estimate
        The same over the queries that really changed, attacked and clean.
    area : Estimate
        Area under that curve by trapezoids from severity 0 to the highest, divided by the highest; 1 where nothing is
        lost.
    worst_language : str
        Query language with the largest absolute drop at the highest severity.
    worst_drop : Estimate
        That drop. The largest of several noisy numbers is on average too large.
    gap : ResourceGap or None
        At the highest severity; None where the task lacks languages of either kind.
    """

    recipe: str
    setting: Setting
    measure: str
    severities: tuple[int, ...]
    robustness: tuple[Estimate, ...]
    robustness_changed_only: tuple[Estimate, ...]
    area: Estimate
    worst_language: str
    worst_drop: Estimate
    gap: ResourceGap | None


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
    before = values(layout, clean, measure, setting)
    recipes: dict[str, list[int]] = {}
    for recipe, severity in attacked:
        recipes.setdefault(recipe, []).append(severity)
    tables = [macro(layout, before), macro(layout, before, "language")]
    for recipe, severities in recipes.items():
        for severity in sorted(severities):
            one = over_seeds(layout, before, attacked[recipe, severity], setting, measure)
            same = np.where(np.isnan(one.changed_only), np.nan, before)
            found = (one.value, None), (one.value, "language"), (same, None), (one.changed_only, None)
            tables += [macro(layout, value, by) for value, by in found]
    whole, each, *rest = draws(tables, random, resamples)
    summarised = []
    for recipe, severities in recipes.items():
        own, rest = rest[: 4 * len(severities)], rest[4 * len(severities) :]
        of = _Recipe(layout, whole, each, own, tuple(sorted(severities)), method)
        summarised.append(Summary(recipe, setting, measure, *of.numbers()))
    return summarised


class _Recipe(NamedTuple):
    """Draws of one recipe; attacked has four a severity: whole, by language, clean and drop of the changed only."""

    layout: Layout
    clean: Floats
    clean_by_language: Floats
    attacked: list[Floats]
    severities: tuple[int, ...]
    method: Method

    def numbers(
        self,
    ) -> tuple[
        tuple[int, ...],
        tuple[Estimate, ...],
        tuple[Estimate, ...],
        Estimate,
        str,
        Estimate,
        ResourceGap | None,
    ]:
        """Return the fields of `Summary` from `severities` on."""
        curve = np.concatenate([_ratio(one, self.clean) for one in self.attacked[::4]])
        changed = [
            _ratio(same - lost, same) for same, lost in zip(self.attacked[2::4], self.attacked[3::4], strict=True)
        ]
        lost = self.clean_by_language - self.attacked[-3]
        worst = int(np.nanargmax(lost[:, 0]))
        return (
            self.severities,
            tuple(self.estimates(curve)),
            tuple(self.estimates(np.concatenate(changed))),
            self.estimates(_area(curve, self.severities))[0],
            self.layout.query_languages[worst],
            self.estimates(lost[[worst]])[0],
            self.gap(),
        )

    def estimates(self, of: Floats) -> list[Estimate]:
        """Return estimates with intervals for rows of draws."""
        return intervals(of, self.layout.questions, self.method)

    def gap(self) -> ResourceGap | None:
        """Return the gap between high- and low-resource languages at the highest severity."""
        low, high = resource_groups(self.layout.query_languages)
        if not low or not high:
            return None
        rows = {language: number for number, language in enumerate(self.layout.query_languages)}

        def difference(by_language: Floats) -> Floats:
            better, worse = (nanmean(by_language[[rows[one] for one in group]], axis=0) for group in (high, low))
            return (better - worse)[None]

        before, after = difference(self.clean_by_language), difference(self.attacked[-3])
        return ResourceGap(low, high, *self.estimates(np.concatenate([before, after, after - before])))


def resource_groups(codes: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return those of low resource class (2 or below) and those of high (4 or above); others are in neither.

    >>> resource_groups(["en", "el", "sw"])
    (('sw',), ('en',))
    """
    known = {code: languages()[code].resource_class for code in codes if code in languages()}
    low = tuple(code for code, of in known.items() if of <= LOW_RESOURCE)
    return low, tuple(code for code, of in known.items() if of >= HIGH_RESOURCE)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)


def _area(curve: Floats, severities: Sequence[int]) -> Floats:
    """Return the area under a curve that begins with 1 at severity 0, divided by its width, shape (1, draws)."""
    whole = np.concatenate([np.ones((1, curve.shape[1])), curve])
    return np.asarray(np.trapezoid(whole, [0, *severities], axis=0))[None] / max(severities)
