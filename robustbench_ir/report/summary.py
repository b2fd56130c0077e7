"""A result in two plain sentences."""

from __future__ import annotations

import math

from robustbench_ir.report.content import LanguageDrop, Sheet
from robustbench_ir.report.estimates import Score
from robustbench_ir.score.settings import Setting
from robustbench_ir.score.statistics import Estimate

POOLS: dict[Setting, str] = {
    "monolingual": "with the passages of the query's own language as the pool",
    "cross-lingual": "with the passages of one other language as the pool",
    "multilingual": "with the passages of all languages in one pool",
}


def summary(sheet: Sheet) -> list[str]:
    """Say which recipe costs most, and which query languages lose most, each with its interval."""
    if not sheet.at_severity:
        return [f"{sheet.name} was not attacked; there are clean scores only."]
    return [_recipes(sheet, sheet.at_severity), *_languages(sheet)]


def _recipes(sheet: Sheet, found: list[Score]) -> str:
    worst, *others = found
    drop, name = worst.drop, sheet.recipe_names[worst.recipe]
    when = f"At severity {sheet.severity}, {POOLS[sheet.setting]},"
    if drop.value <= 0:
        return f"{when} no recipe lowers the {sheet.measure_name} of {sheet.name}, which is {worst.clean:.3f}."
    most = " most" if others else ""
    share = "" if math.isnan(worst.relative) else f" or {worst.relative:.0%}"
    sentence = (
        f"{when} {name} costs {sheet.name}{most}: {sheet.measure_name} falls from {worst.clean:.3f} to "
        f"{worst.attacked:.3f}, by {_shown(drop)}{share}"
    )
    near = [sheet.recipe_names[one.recipe] for one in others if one.drop.value >= drop.low]
    if near:
        return f"{sentence}; {_listed(near)} cost{'s' if len(near) == 1 else ''} about as much."
    return f"{sentence}."


def _languages(sheet: Sheet) -> list[str]:
    drops = [one for one in next(iter(sheet.by_language.values())) if not math.isnan(one.estimate.value)]
    if len(drops) < 2:
        return []
    *most, least = drops
    several = "Averaged over the recipes that cover them, queries" if "" in sheet.by_language else "Queries"
    first, *then = most[: 3 if len(most) > 3 else 1]
    after = f", then {_listed([_named(one) for one in then])}" if then else ""
    return [f"{several} in {_named(first)} lose most{after}; those in {_named(least)} lose least."]


def _named(one: LanguageDrop) -> str:
    return f"{one.name} ({_shown(one.estimate, brief=True)})"


def _shown(estimate: Estimate, brief: bool = False) -> str:
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    ends = f"{estimate.low:.3f} to {estimate.high:.3f}"
    return f"{estimate.value:.3f}, {ends}" if brief else f"{estimate.value:.3f} (95% interval {ends})"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
