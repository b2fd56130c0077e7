"""The claim table: each claim as comparisons with a sign, and one rule that turns them into a verdict.

Claims are rows of `studies/_claims.toml`. A claim can need several comparisons, such as hybrid against two baselines in
three settings. All comparisons of all claims on one task from one base are one family, whose p values are adjusted by
the method of Holm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from robustbench_ir.metrics.settings import Setting
from robustbench_ir.metrics.significance import holm
from robustbench_ir.metrics.statistics import CONFIDENCE, SEED
from robustbench_ir.resources.cards import Card, card_folders, read_card
from robustbench_ir.resources.languages import resource_groups
from robustbench_ir.studies.measured import (
    RANK_DISTANCE,
    ArmScores,
    Interval,
    Quantity,
    SeedResamples,
    arm_intervals,
    mean_of,
)
from robustbench_ir.training.record import SamplerName

Verdict = Literal["supported", "refuted", "inconclusive", "no case"]
_ZERO = "zero"


class Claim(Card):
    """One row of the claim table.

    Attributes
    ----------
    id, sentence : str
        Short name, and the claim in words.
    measure : str
        What is measured: ``"mAP"``, ``"rank distance"``, ``"relative drop"`` or ``"gap of relative drop"``.
    settings : tuple of str
        Settings in which it is measured.
    against : tuple of str
        Samplers that hybrid is compared with; ``"zero"`` means that hybrid is compared with 0.
    direction : {"higher", "lower"}
        The claimed sign of hybrid - other.
    languages : {"all", "not trained"}
        Query languages that count.
    each_recipe : bool
        Whether each attack gets its own verdict.
    every_base : bool
        Whether the verdict needs every base of the study.
    """

    id: str
    sentence: str
    measure: Literal["mAP", "rank distance", "relative drop", "gap of relative drop"]
    settings: tuple[Setting, ...]
    against: tuple[SamplerName | Literal["zero"], ...]
    direction: Literal["higher", "lower"]
    languages: Literal["all", "not trained"] = "all"
    each_recipe: bool = False
    every_base: bool = False


class _ClaimTable(Card):
    claims: tuple[Claim, ...]


def load_claims() -> tuple[Claim, ...]:
    """Return the claims that ship with the package."""
    (folder,) = card_folders("studies")
    return read_card(_ClaimTable, folder / "_claims.toml").claims


@dataclass(frozen=True)
class ArmComparison:
    """Hybrid against one other sampler, in one number.

    Attributes
    ----------
    claim, measure : str
        Short name of the claim, and its measure.
    setting, recipe, against : str
        Setting, recipe and other sampler; the recipe of clean numbers is empty.
    hybrid, other : float
        The two numbers, means over seeds.
    difference : Interval
        Hybrid - other.
    p_adjusted : float
        The p value of the interval, adjusted for all comparisons on one task from one base.
    direction : {"higher", "lower"}
        The claimed sign of the difference.
    """

    claim: str
    measure: str
    setting: str
    recipe: str
    against: str
    hybrid: float
    other: float
    difference: Interval
    p_adjusted: float
    direction: Literal["higher", "lower"]

    @property
    def verdict(self) -> Verdict:
        """What the comparison says about the claim; see `verdict_of`."""
        return verdict_of(self.difference, self.p_adjusted, self.direction)


def verdict_of(difference: Interval, p_adjusted: float, direction: Literal["higher", "lower"]) -> Verdict:
    """Judge one comparison: the interval must exclude 0, and p must be below 0.05 after Holm.

    Parameters
    ----------
    difference : Interval
        Hybrid - other.
    p_adjusted : float
        Its p value, adjusted for the family.
    direction : {"higher", "lower"}
        The claimed sign.

    Returns
    -------
    str
        ``"supported"`` or ``"refuted"`` by the sign, else ``"inconclusive"``; ``"no case"`` where there is no number.
    """
    if np.isnan(difference.value):
        return "no case"
    excluded = difference.low > 0 or difference.high < 0
    if not (excluded and p_adjusted < 1 - CONFIDENCE):
        return "inconclusive"
    return "supported" if (difference.value > 0) == (direction == "higher") else "refuted"


def joint_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Judge a claim that needs several comparisons: it is supported if all are, and refuted if one is."""
    found = [one for one in verdicts if one != "no case"]
    if not found:
        return "no case"
    if "refuted" in found:
        return "refuted"
    return "supported" if set(found) == {"supported"} else "inconclusive"


def comparisons(
    claims: Sequence[Claim], arms: Mapping[str, ArmScores], trained: Sequence[str], flips: int
) -> list[ArmComparison]:
    """Make every comparison of every claim on one task from one base, and adjust their p values together.

    Parameters
    ----------
    claims : sequence of Claim
        From `load_claims`.
    arms : mapping of str to ArmScores
        Sampler to its scores on the task. Comparisons with a missing sampler are left out.
    trained : sequence of str
        Languages of the training data.
    flips : int
        Number of sign flips of each test.
    """
    if "hybrid" not in arms:
        return []
    asked = [
        (claim, setting, recipe, against)
        for claim in claims
        for recipe in (arms["hybrid"].recipes if claim.each_recipe else ("",))
        for setting in claim.settings
        for against in claim.against
        if against == _ZERO or against in arms
    ]
    hybrid = [_number(claim, arms["hybrid"], setting, recipe, trained) for claim, setting, recipe, _ in asked]
    other = [
        None if against == _ZERO else _number(claim, arms[against], setting, recipe, trained)
        for claim, setting, recipe, against in asked
    ]
    numbers = [one and (one - two if two else one) for one, two in zip(hybrid, other, strict=True)]
    found = arm_intervals(numbers, np.random.default_rng(SEED), flips)
    adjusted = holm(np.array([one.p for one in found]))
    return [
        ArmComparison(
            claim=claim.id,
            measure=claim.measure,
            setting=setting,
            recipe=recipe,
            against=against,
            hybrid=_mean(one),
            other=0.0 if against == _ZERO else _mean(two),
            difference=difference,
            p_adjusted=float(p),
            direction=claim.direction,
        )
        for (claim, setting, recipe, against), one, two, difference, p in zip(
            asked, hybrid, other, found, adjusted, strict=True
        )
    ]


def _mean(number: SeedResamples | None) -> float:
    return float(np.mean(number.by_seed)) if number else float("nan")


def _number(
    claim: Claim, arm: ArmScores, setting: Setting, recipe: str, trained: Sequence[str]
) -> SeedResamples | None:
    """Return the number that a claim is about; None where the task has no such languages."""
    quantity: Quantity = RANK_DISTANCE if claim.measure == "rank distance" else setting
    if claim.measure == "gap of relative drop":
        low, high = resource_groups(one for one in arm.languages if one not in arm.not_covered[recipe])
        if not low or not high:
            return None
        lower, higher = (mean_of([arm.relative_drop(quantity, recipe, [one]) for one in each]) for each in (low, high))
        return lower - higher
    chosen = None if claim.languages == "all" else [one for one in arm.languages if one not in trained]
    if chosen is not None and not chosen:
        return None
    return arm.relative_drop(quantity, recipe, chosen) if recipe else arm.number(quantity, languages=chosen)
