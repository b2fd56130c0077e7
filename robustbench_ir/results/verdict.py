"""Whether an encoder is steady, shaken or broken under each attack, as far as the questions can tell.

The number is the relative drop over the queries whose change reached the encoder, without the pairs of languages that
are switched towards the language of the passages: an attack that changes few queries, or translates them, shows no
robustness. It is held against two limits by `robustbench_ir.results.gate.judge`, as a gate would be: the end of its
interval decides, and where the questions do not suffice, no verdict is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import AttackGroup, macro_means, over_seeds, ratio
from robustbench_ir.metrics.relations import TowardsPassages, not_towards_passages
from robustbench_ir.metrics.settings import Setting, macro_average, per_query_scores
from robustbench_ir.metrics.statistics import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    Estimate,
    bootstrap_intervals,
    draws,
    simultaneous,
)
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.gate import LITTLE, judge
from robustbench_ir.results.result import Result
from robustbench_ir.results.rules import Rule

SHAKEN_FROM = 0.05
"""An encoder that certainly loses more than this share of its score is shaken; one that certainly does not, steady."""
BROKEN_FROM = 0.25
"""An encoder that certainly loses more than this share of its score is broken."""

Word = Literal["steady", "shaken", "broken", "undecided"]

_SHAKEN, _BROKEN = (Rule("max-drop", limit, relative=True) for limit in (SHAKEN_FROM, BROKEN_FROM))
_ENDS = (1 - CONFIDENCE) / 2, (1 - CONFIDENCE) / 2


@dataclass(frozen=True)
class AttackVerdict:
    """How an encoder stands one attack at one severity.

    Attributes
    ----------
    recipe, severity, setting, measure : AttackIdentity, int, str, str
        Attack, setting and measure.
    word : {"steady", "shaken", "broken", "undecided"}
        The verdict.
    loss : Estimate
        Drop / clean over the queries whose change reached the encoder. Each end of the interval holds for all attacks
        of the severity at once.
    clean : float
        Clean score of the same queries.
    questions : int
        Number of questions that have a value.
    needed : int or None
        Where it is undecided: about how many questions would decide; None if that is not known.
    coverage : float
        Share of the queries whose change reached the encoder.
    towards_passages : {"none", "left out", "all"}
        Language pairs that are switched towards the language of the passages; see `Summary.towards_passages`.
    """

    recipe: AttackIdentity
    severity: int
    setting: Setting
    measure: str
    word: Word
    loss: Estimate
    clean: float
    questions: int
    needed: int | None
    coverage: float
    towards_passages: TowardsPassages

    @property
    def reason(self) -> str:
        """Why there is no verdict; empty if there is one."""
        if self.word != "undecided":
            return ""
        if math.isnan(self.loss.value):
            return "no change reached the encoder" if not self.coverage > 0 else "there is nothing to lose"
        if self.needed is not None:
            return f"too few questions: {self.questions:,}; about {self.needed:,} would tell"
        if self.towards_passages == "all":
            return "every query is switched towards the passages' language, which translates it in part"
        if self.clean < LITTLE:
            return "the encoder finds too little when the queries are clean to lose much"
        return f"too few questions: {self.questions:,}; the loss is too near a limit"

    @property
    def not_broken(self) -> bool:
        """Whether it is undecided between steady and shaken only."""
        told = (judge(rule, self.loss, self.questions)[0] for rule in (_SHAKEN, _BROKEN))
        return self.word == "undecided" and not math.isnan(self.loss.value) and tuple(told) == ("undecided", "passed")

    @property
    def perhaps_broken(self) -> bool:
        """Whether a shaken encoder may well be a broken one."""
        return self.word == "shaken" and self.loss.high > BROKEN_FROM

    @property
    def gains(self) -> bool:
        """Whether the encoder certainly finds more under this attack."""
        return self.loss.high < 0


def attack_verdicts(
    result: Result, setting: Setting, severity: int, measure: str = "AP", resamples: int = RESAMPLES
) -> list[AttackVerdict]:
    """Return the verdict on each attack that was run at one severity, in the order of the run.

    Parameters
    ----------
    result : Result
        Result of an attack.
    setting : str
        The setting.
    severity : int
        Severity of the attacks.
    measure : str
        Such as ``"AP"``.
    resamples : int
        Number of resamples of the intervals.
    """
    losses = [_Loss.of(result, group, setting, measure) for group in result.groups if group[1] == severity]
    if not losses:
        return []
    layout = result.judgements
    drawn = draws([table for one in losses for table in (one.lost, one.clean)], np.random.default_rng(SEED), resamples)
    draw = np.concatenate([ratio(lost, clean) for lost, clean in zip(drawn[::2], drawn[1::2], strict=True)])
    having = np.concatenate([one.lost.clusters for one in losses])
    alone = bootstrap_intervals(draw, layout.questions, having=having)
    together = simultaneous(draw, layout.questions, having, _ENDS) if len(losses) > 1 else alone
    return [
        one.judged(setting, measure, _wider(own, other), int(questions))
        for one, own, other, questions in zip(losses, alone, together, having, strict=True)
    ]


def _wider(one: Estimate, other: Estimate) -> Estimate:
    return Estimate(one.value, float(np.fmin(one.low, other.low)), float(np.fmax(one.high, other.high)))


@dataclass(frozen=True)
class _Loss:
    """What one attack costs, as means that can be resampled."""

    group: AttackGroup
    lost: ClusterMeans
    clean: ClusterMeans
    coverage: float
    towards_passages: TowardsPassages

    @classmethod
    def of(cls, result: Result, group: AttackGroup, setting: Setting, measure: str) -> _Loss:
        layout, cells = result.judgements, result.groups[group]
        before = per_query_scores(layout, result.clean.ranks, measure, setting)
        over = over_seeds(layout, before, cells, setting, measure)
        towards, kept = not_towards_passages(layout, cells[0].kinds, setting, before)
        if towards == "left out":
            over = over.within(kept)
        lost = over.changed_only
        clean = np.where(np.isnan(lost), np.nan, over.clean)
        coverage = macro_average(layout, over.coverage)
        return cls(group, macro_means(layout, lost), macro_means(layout, clean), coverage, towards)

    def judged(self, setting: Setting, measure: str, loss: Estimate, questions: int) -> AttackVerdict:
        word, needed = _word(loss, questions)
        clean = float(self.clean.estimate()[0])
        if word == "steady" and (self.towards_passages == "all" or clean < LITTLE):
            word = "undecided"
        return AttackVerdict(
            *self.group, setting, measure, word, loss, clean, questions, needed, self.coverage, self.towards_passages
        )


def _word(loss: Estimate, questions: int) -> tuple[Word, int | None]:
    if math.isnan(loss.value):
        return "undecided", None
    if judge(_BROKEN, loss, questions)[0] == "failed":
        return "broken", None
    verdict, needed = judge(_SHAKEN, loss, questions)
    words: dict[str, Word] = {"failed": "shaken", "passed": "steady"}
    return words.get(verdict, "undecided"), needed


def worst_of(verdicts: Sequence[AttackVerdict]) -> AttackVerdict | None:
    """Return the attack that certainly costs most, among those that shake or break the encoder; None without one."""
    harmful = [one for one in verdicts if one.word in {"shaken", "broken"}]
    return max(harmful, key=lambda one: one.loss.low, default=None)


def overall(verdicts: Sequence[AttackVerdict]) -> Word:
    """Return the worst word that is certain; ``steady`` only if every attack says so.

    Parameters
    ----------
    verdicts : sequence of AttackVerdict
        The verdicts.
    """
    words = {one.word for one in verdicts}
    worst: Sequence[Word] = ("broken", "shaken", "undecided")
    return next((word for word in worst if word in words), "steady" if words else "undecided")
