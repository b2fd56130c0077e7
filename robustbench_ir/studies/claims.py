"""The claim table: each claim as comparisons with a sign, and one rule that turns them into a verdict.

Claims are rows of `studies/_claims.toml`. A claim can need several comparisons, such as hybrid against two baselines in
three settings. The claims of a family on one task from one base are adjusted for each other by the method of Holm. The
families are written in the table, before a study is run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from robustbench_ir.metrics.settings import Setting
from robustbench_ir.metrics.significance import holm
from robustbench_ir.metrics.statistics import CONFIDENCE, SEED
from robustbench_ir.resources.cards import Card, card_folders, read_card
from robustbench_ir.resources.languages import resource_groups
from robustbench_ir.studies.config import Margins
from robustbench_ir.studies.measured import (
    RANK_DISTANCE,
    ArmScores,
    Interval,
    Quantity,
    SeedResamples,
    arm_intervals,
    clean_for,
    mean_of,
    seed_spread,
)
from robustbench_ir.training.record import SamplerName

Verdict = Literal["supported", "refuted", "equivalent", "unresolved", "no case"]
Measure = Literal["mAP", "rank distance", "growth of rank distance", "relative drop", "gap of relative drop"]
_ZERO = "zero"


class Claim(Card):
    """One row of the claim table.

    Attributes
    ----------
    id, sentence : str
        Short name, and the claim in words.
    family : str
        Claims of one family are adjusted for each other; families are named before a study is run.
    measure : str
        What is measured. The growth of the rank distance is that under attack; the gap of relative drops is that
        between languages of low and of high resource class.
    settings : tuple of str
        Settings in which it is measured.
    arm : str
        Sampler that the claim is about.
    against : tuple of str
        Samplers that it is compared with; ``"zero"`` means that it is compared with 0.
    direction : {"higher", "lower"}
        The claimed sign of the arm's number - the other's.
    languages : {"all", "not trained"}
        Query languages that count.
    recipes : tuple of str
        Attacks that each get a verdict; empty for a claim about clean queries.
    every_base : bool
        Whether the verdict needs every base of the study.
    """

    id: str
    sentence: str
    family: str
    measure: Measure
    settings: tuple[Setting, ...]
    arm: SamplerName = "hybrid"
    against: tuple[SamplerName | Literal["zero"], ...]
    direction: Literal["higher", "lower"]
    languages: Literal["all", "not trained"] = "all"
    recipes: tuple[str, ...] = ()
    every_base: bool = False

    def recipes_among(self, tested: Sequence[str]) -> tuple[str, ...]:
        """Return the attacks of a study that the claim is about; an empty name stands for clean queries."""
        return tuple(one for one in tested if one in self.recipes) if self.recipes else ("",)


class _ClaimTable(Card):
    claims: tuple[Claim, ...]


def load_claims() -> tuple[Claim, ...]:
    """Return the claims that ship with the package."""
    (folder,) = card_folders("studies")
    return read_card(_ClaimTable, folder / "_claims.toml").claims


@dataclass(frozen=True)
class ArmComparison:
    """One arm against another, in one number.

    Attributes
    ----------
    claim, measure : str
        Short name of the claim, and its measure.
    setting, recipe : str
        Setting and recipe; the recipe of clean numbers is empty.
    arm, against : str
        The arm that the claim is about, and the other one; ``"zero"`` for none.
    value, other : float
        The two numbers, means over seeds.
    difference : Interval
        The arm's number - the other's.
    margin : float
        Largest difference that counts as equal; NaN where there is no number.
    p_equivalent : float
        P value of two one-sided tests that the true difference is within the margin.
    detectable : float
        Smallest true difference that would have been found with a probability of 80%.
    direction : {"higher", "lower"}
        The claimed sign of the difference.
    """

    claim: str
    measure: str
    setting: str
    recipe: str
    arm: str
    against: str
    value: float
    other: float
    difference: Interval
    margin: float
    p_equivalent: float
    detectable: float
    direction: Literal["higher", "lower"]

    @property
    def as_claimed(self) -> bool:
        """Whether the difference has the claimed sign."""
        return self.difference.value > 0 if self.direction == "higher" else self.difference.value < 0


class ClaimTests(NamedTuple):
    """P values of a claim as a whole: that it holds, that it does not, and that the arms are equal; NaN for no case."""

    supported: float
    refuted: float
    equivalent: float


def claim_tests(comparisons: Sequence[ArmComparison]) -> ClaimTests:
    """Test a claim that needs all of its comparisons.

    It holds if each comparison shows the claimed sign, and the arms are equal if each comparison shows that: two
    intersection-union tests, whose p is the largest of the comparisons' (Berger 1982). It does not hold if any
    comparison shows the other sign, whose p is adjusted for their number (Bonferroni).
    """
    found = [one for one in comparisons if not math.isnan(one.difference.value)]
    if not found:
        return ClaimTests(math.nan, math.nan, math.nan)
    return ClaimTests(
        supported=max(one.difference.p if one.as_claimed else 1.0 for one in found),
        refuted=min(1.0, len(found) * min(1.0 if one.as_claimed else one.difference.p for one in found)),
        equivalent=max(one.p_equivalent for one in found),
    )


def adjusted(tests: Sequence[ClaimTests]) -> list[ClaimTests]:
    """Adjust the p values of a family of claims by the method of Holm: all that say "holds" or "does not" together.

    That a claim holds and that it does not are two sides of one test, so that each claim counts once. Equality is
    another question, with an adjustment of its own.
    """
    sides = holm(np.array([min(one.supported, one.refuted) for one in tests]))
    equal = holm(np.array([one.equivalent for one in tests]))
    return [
        one._replace(equivalent=float(p), **{"supported" if one.supported <= one.refuted else "refuted": float(side)})
        for one, side, p in zip(tests, sides, equal, strict=True)
    ]


def verdict_of(tests: ClaimTests) -> Verdict:
    """Judge a claim by its adjusted p values.

    Returns
    -------
    str
        ``"supported"`` or ``"refuted"`` where a difference is shown, else ``"equivalent"`` where all differences are
        shown to be within their margins, else ``"unresolved"``; ``"no case"`` where there is no number.
    """
    if math.isnan(tests.supported):
        return "no case"
    level = 1 - CONFIDENCE
    if tests.supported < level:
        return "supported"
    if tests.refuted < level:
        return "refuted"
    return "equivalent" if tests.equivalent < level else "unresolved"


class _Asked(NamedTuple):
    claim: Claim
    setting: Setting
    recipe: str
    against: str


def comparisons(
    claims: Sequence[Claim], arms: Mapping[str, ArmScores], trained: Sequence[str], flips: int, margins: Margins
) -> list[ArmComparison]:
    """Make every comparison of every claim on one task from one base.

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
    margins : Margins
        Largest differences that count as equal.
    """
    asked = [
        _Asked(claim, setting, recipe, against)
        for claim in claims
        if claim.arm in arms
        for recipe in claim.recipes_among(arms[claim.arm].recipes)
        for setting in claim.settings
        for against in claim.against
        if against == _ZERO or against in arms
    ]
    numbers = [
        {name: _number(one.claim, arm, one.setting, one.recipe, trained) for name, arm in arms.items()} for one in asked
    ]
    pairs = [_pair(one, each) for one, each in zip(asked, numbers, strict=True)]
    spreads = [
        seed_spread([one for one in pair if one], [one for one in each.values() if one]) if pair[0] else None
        for pair, each in zip(pairs, numbers, strict=True)
    ]
    differences = [one and (one - two if two else one) for one, two in pairs]
    found = arm_intervals(differences, np.random.default_rng(SEED), flips, spreads)
    return [
        _comparison(one, pair, difference, _margin(one, arms, margins))
        for one, pair, difference in zip(asked, pairs, found, strict=True)
    ]


_Pair = tuple[SeedResamples | None, SeedResamples | None]


def _pair(asked: _Asked, numbers: Mapping[str, SeedResamples | None]) -> _Pair:
    return numbers[asked.claim.arm], None if asked.against == _ZERO else numbers[asked.against]


def _comparison(asked: _Asked, pair: _Pair, difference: Interval, margin: float) -> ArmComparison:
    return ArmComparison(
        claim=asked.claim.id,
        measure=asked.claim.measure,
        setting=asked.setting,
        recipe=asked.recipe,
        arm=asked.claim.arm,
        against=asked.against,
        value=_mean(pair[0]),
        other=0.0 if asked.against == _ZERO else _mean(pair[1]),
        difference=difference,
        margin=margin,
        p_equivalent=difference.p_equivalent(margin),
        detectable=difference.detectable,
        direction=asked.claim.direction,
    )


def _margin(asked: _Asked, arms: Mapping[str, ArmScores], margins: Margins) -> float:
    """Return the margin of a comparison; that of rank distances is a share of the other arm's clean rank distance."""
    if asked.claim.measure == "mAP":
        return margins.mean_average_precision
    if "rank distance" not in asked.claim.measure:
        return margins.relative_drop
    other = arms[asked.claim.arm if asked.against == _ZERO else asked.against]
    return margins.rank_distance * _mean(other.number(RANK_DISTANCE))


def _mean(number: SeedResamples | None) -> float:
    return float(np.mean(number.by_seed)) if number else float("nan")


def _number(
    claim: Claim, arm: ArmScores, setting: Setting, recipe: str, trained: Sequence[str]
) -> SeedResamples | None:
    """Return the number that a claim is about; None where the task has no such languages."""
    quantity: Quantity = RANK_DISTANCE if claim.measure == "rank distance" else setting
    if claim.measure == "growth of rank distance":
        return arm.number(RANK_DISTANCE, recipe) - arm.number(RANK_DISTANCE, clean_for(recipe))
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
