"""Low- and high-resource query languages under one attack: the difference of their relative drops, like with like."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from robustbench_ir.metrics.findings import ratio
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.metrics.statistics import Estimate, bootstrap_intervals
from robustbench_ir.perturb.kinds import KindName, KindOfChange
from robustbench_ir.resources.languages import resource_groups

LEAST_LANGUAGES = 5
"""Languages that each group needs. With fewer, one language that differs for another reason makes the difference."""
_UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class ResourceGap:
    """How much more low-resource query languages lose than high-resource ones, to one kind of change.

    Intervals are of 95% and hold for other languages too: languages are resampled within each group, and questions.

    Attributes
    ----------
    kind : str
        What the attack does to all of these languages, such as ``"romanised"``; empty if it does the same to all.
    low, high : tuple of str
        Query languages of resource class 2 or below, and 4 or above (Joshi et al. 2020), that the attack covers.
    low_drop, high_drop : Estimate
        Relative drop of each group: the drop of its mean over languages, divided by the clean mean.
    relative : Estimate
        Low - high; above 0 low-resource languages lose the larger share.
    absolute : Estimate
        The same difference of drops that are not divided by the clean score. All four are NaN where a group has fewer
        than five languages; `refusal` says so.
    """

    kind: KindName | Literal[""]
    low: tuple[str, ...]
    high: tuple[str, ...]
    low_drop: Estimate = _UNKNOWN
    high_drop: Estimate = _UNKNOWN
    relative: Estimate = _UNKNOWN
    absolute: Estimate = _UNKNOWN

    @property
    def refusal(self) -> str:
        """Why the numbers are NaN; empty if they are not."""
        for name, group in (("low", self.low), ("high", self.high)):
            if len(group) < LEAST_LANGUAGES:
                return f"the data cannot tell: {len(group)} {name}-resource language{'s' if len(group) != 1 else ''}"
        return ""


def resource_gaps(
    judgements: Judgements,
    clean: Floats,
    attacked: Floats,
    kinds: Mapping[str, KindOfChange],
    not_covered: Collection[str],
    random: Generator,
) -> tuple[ResourceGap, ...]:
    """Return a gap for each kind of change that an attack makes to low- or high-resource languages.

    Parameters
    ----------
    judgements : Judgements
        Queries and languages.
    clean, attacked : float64 arrays of shape (query languages, 1 + questions + resamples)
        Draws of the mean of each query language.
    kinds : mapping of str to KindOfChange
        Query language to what the attack does to it; languages without one are together.
    not_covered : collection of str
        Query languages that the attack cannot change; they are in no group.
    random : numpy.random.Generator
        Source of the resamples of languages.
    """
    rows = {language: number for number, language in enumerate(judgements.query_languages)}
    of_kind: dict[KindName | Literal[""], list[str]] = {}
    for language, row in rows.items():
        if language not in not_covered and not np.isnan(clean[row, 0] + attacked[row, 0]):
            of_kind.setdefault(kinds[language].name if language in kinds else "", []).append(language)
    gaps = []
    for kind, languages in of_kind.items():
        low, high = resource_groups(languages)
        gap = ResourceGap(kind, low, high)
        if not gap.refusal:
            groups = [[rows[language] for language in group] for group in (low, high)]
            pairs = [(clean[group], attacked[group]) for group in groups]
            gap = ResourceGap(kind, low, high, *_estimates(pairs, judgements.questions, random))
        gaps += [gap] if low or high else []
    return tuple(gaps)


def _estimates(pairs: list[tuple[Floats, Floats]], questions: int, random: Generator) -> list[Estimate]:
    """Return relative drop of the low and of the high group, and the differences of relative and absolute drops."""
    sides = []
    for clean, attacked in pairs:
        before, after = _over_languages(clean, attacked, questions, random)
        sides.append((ratio(before - after, before), before - after))
    (low, low_lost), (high, high_lost) = sides
    found = np.stack([low, high, low - high, low_lost - high_lost])
    fewest = min(len(clean) for clean, _ in pairs)
    # There is no jackknife over both questions and languages: plain quantiles, at the level for so few languages.
    without = np.full((len(found), fewest), np.nan)
    return bootstrap_intervals(np.hstack([found[:, :1], without, found[:, 1:]]), fewest, "percentile")


def _over_languages(clean: Floats, attacked: Floats, questions: int, random: Generator) -> tuple[Floats, Floats]:
    """Return means over languages, shape (1 + resamples,): of all, and of languages drawn for each resample."""
    before, after = (np.hstack([one[:, :1], one[:, 1 + questions :]]) for one in (clean, attacked))
    size = len(before)
    drawn = random.multinomial(size, np.full(size, 1 / size), before.shape[1] - 1).T
    weight = np.hstack([np.ones((size, 1)), drawn]) * ~np.isnan(before + after)
    total = weight.sum(axis=0)
    sums = ((weight * np.nan_to_num(one)).sum(axis=0) for one in (before, after))
    first, second = (ratio(one, total) for one in sums)
    return first, second
