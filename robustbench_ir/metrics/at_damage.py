"""The drop at a common edit distance, since one severity damages some languages more than others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.findings import AttackedCells, macro_means, over_seeds, ratio
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Judgements, Setting, per_query_scores
from robustbench_ir.metrics.statistics import RESAMPLES, Estimate, IntervalMethod, bootstrap_intervals, draws_by_group
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.retrieval.ranking import Ranks


@dataclass(frozen=True)
class DropAtDamage:
    """The drop under one recipe where the queries are a given edit distance from the clean ones, with 95% intervals.

    Attributes
    ----------
    recipe, setting, measure : AttackIdentity, str, str
        Attack, setting and measure.
    language : str
        Query language, or ``"all"`` for the macro average.
    edit_rate : float
        The mean edit rate at which the drop is given; see `Finding.edit_rate`.
    drop, relative_drop : Estimate
        Clean - attacked, and the same divided by clean; interpolated linearly between the severities that were run,
        with a drop of 0 at an edit rate of 0. NaN if `edit_rate` is beyond the highest of them. In resamples that do
        not reach it, the drop is that of the highest.
    highest : float
        Mean edit rate at the severity that has the largest one; NaN if it is not known.
    """

    recipe: AttackIdentity
    setting: Setting
    measure: str
    language: str
    edit_rate: float
    drop: Estimate
    relative_drop: Estimate
    highest: float

    @property
    def remark(self) -> str:
        """Why there is no drop, in a few words; empty if there is one."""
        if np.isnan(self.highest):
            return "edit distance not known"
        return "" if self.edit_rate <= self.highest else f"not reached; at most {self.highest:.1%}"


def drops_at_damage(
    judgements: Judgements,
    clean: Ranks,
    attacked: AttackedCells,
    edit_rate: float,
    setting: Setting,
    measure: str,
    by: str | None,
    *,
    random: Generator,
    resamples: int = RESAMPLES,
    method: IntervalMethod = "bca",
) -> list[DropAtDamage]:
    """Return a row for each recipe, or each query language that it covers; see `Result.at_damage`.

    Parameters
    ----------
    judgements : Judgements
        Queries, languages and judgements.
    clean : Ranks
        Ranks of the clean queries.
    attacked : mapping
        Recipe and severity to their cells, one for each seed.
    edit_rate : float
        Mean edit rate at which the drops are compared, above 0.
    setting, measure, by
        See `Result.drops`.
    random : numpy.random.Generator
        Source of the resamples. Both the drops and the edit rates of the severities are drawn.
    resamples : int
        Number of resamples.
    method : {"wider", "bca", "percentile"}
        Kind of interval.

    Raises
    ------
    OptionError
        If `edit_rate` is not above 0, or not finite.
    """
    if not 0 < edit_rate < math.inf:
        raise OptionError(f"an edit distance of {edit_rate:g} is not a share above 0; give one, such as 0.05")
    before = per_query_scores(judgements, clean, measure, setting)
    after = {group: over_seeds(judgements, before, cells, setting, measure) for group, cells in attacked.items()}
    if not after:
        return []
    tables = {
        group: [macro_means(judgements, found, by) for found in (one.clean, one.value, one.edit_rate)]
        for group, one in after.items()
    }
    _, drawn = draws_by_group([], tables, random, resamples)
    names = judgements.query_languages if by == "language" else ("all",)
    rows = []
    for recipe in dict.fromkeys(recipe for recipe, _ in attacked):
        ladder = [drawn[group] for group in sorted(drawn, key=lambda one: one[1]) if group[0] == recipe]
        damage = np.stack([one for *_, one in ladder])
        drop = interpolated(damage, np.stack([whole - value for whole, value, _ in ladder]), edit_rate)
        highest = damage[:, :, 0].max(axis=0)
        drop[~(highest >= edit_rate)] = np.nan
        drops, relative = (
            bootstrap_intervals(one, judgements.questions, method) for one in (drop, ratio(drop, ladder[0][0]))
        )
        scored = ~np.isnan(ladder[0][0][:, 0])
        rows += [
            DropAtDamage(recipe, setting, measure, name, edit_rate, *one)
            for there, name, *one in zip(scored, names, drops, relative, highest.tolist(), strict=True)
            if there
        ]
    return rows


def interpolated(damage: Floats, drop: Floats, wanted: float) -> Floats:
    """Return the drop at a damage, on the broken line through no drop at no damage and the points of a ladder.

    Parameters
    ----------
    damage, drop : float64 arrays of shape (severities, ...)
        The points, in the order of the severities.
    wanted : float
        The damage, above 0. Beyond the last point, the line is level.

    Examples
    --------
    >>> interpolated(np.array([[0.04], [0.08]]), np.array([[0.1], [0.3]]), 0.05)
    array([0.15])
    """
    damage, drop = (np.concatenate([np.zeros_like(one[:1]), one]) for one in (damage, drop))
    beyond = damage >= wanted
    upper = np.where(beyond.any(axis=0), beyond.argmax(axis=0), len(damage) - 1)[None]
    (right, high), (left, low) = (
        [np.take_along_axis(one, place, axis=0)[0] for one in (damage, drop)] for place in (upper, upper - 1)
    )
    share = np.minimum(ratio(wanted - left, right - left), 1)
    return np.asarray(np.where(right >= wanted, low + (high - low) * share, high))
