"""Uncertainty over questions and training seeds: what is drawn anew, and what a few seeds can show.

A number of an arm (a way to train) varies for two reasons: other questions could have been asked, and another seed
would have trained another model. Questions are resampled (cluster bootstrap, all arms and seeds with the same
questions: the arms are paired). Seeds are too few for that: a bootstrap of three values never leaves their range, and
covers the truth in three cases of four at best. Their part is Student's: the variance between the seeds' own numbers,
divided by their number. Both are added, with the degrees of freedom of Satterthwaite 1946
(https://doi.org/10.2307/3002019). What question and seed do together is in both parts, so that the interval is a little
too wide rather than too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from robustbench_ir.score.clusters import ClusterMeans
from robustbench_ir.score.findings import ratio
from robustbench_ir.score.measures import Floats
from robustbench_ir.score.settings import nanmean
from robustbench_ir.score.statistics import CONFIDENCE, sign_flip_p


@dataclass(frozen=True)
class Drawn:
    """A number of each seed, with its resamples and what each question adds to it.

    Attributes
    ----------
    draw : float64 array of shape (seeds, 1 + resamples)
        The number, then those of the resampled questions; every `Drawn` of one analysis has the same questions drawn.
    part : float64 array of shape (seeds, questions)
        What each question adds; the sum is the number.
    """

    draw: Floats
    part: Floats

    def __sub__(self, other: Drawn) -> Drawn:
        """Return the difference, paired by question and seed."""
        return Drawn(self.draw - other.draw, self.part - other.part)

    def __truediv__(self, other: Drawn) -> Drawn:
        """Return the ratio; NaN where the other is 0. Its parts are those at the other's value."""
        return Drawn(ratio(self.draw, other.draw), ratio(self.part, other.draw[:, :1]))

    @property
    def exists(self) -> bool:
        """Whether there is a number at all."""
        return not bool(np.isnan(self.draw[:, 0]).any())

    @property
    def by_seed(self) -> tuple[float, ...]:
        """The number of each seed."""
        return tuple(map(float, self.draw[:, 0]))


def mean_of(numbers: Sequence[Drawn]) -> Drawn:
    """Return the mean of several numbers, such as those of several languages."""
    return Drawn(
        nanmean(np.stack([one.draw for one in numbers]), axis=0),
        nanmean(np.stack([one.part for one in numbers]), axis=0),
    )


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95% interval over questions and seeds.

    Attributes
    ----------
    value, low, high : float
        NaN where there is no case.
    p : float
        Two-sided, that it is 0, of the same standard error; 1 where there is no variation and the value is 0.
    p_questions : float
        The same for these very models: sign flips of whole questions, seeds as they are.
    by_seed : tuple of float
        The number of each seed.
    spread_of_seeds : float
        Standard deviation of these; NaN with one.
    freedom : float
        Degrees of freedom of the interval.
    """

    value: float
    low: float
    high: float
    p: float
    p_questions: float
    by_seed: tuple[float, ...]
    spread_of_seeds: float
    freedom: float


_NAN = float("nan")
NO_INTERVAL = Interval(_NAN, _NAN, _NAN, _NAN, _NAN, (), _NAN, _NAN)


def intervals(numbers: Sequence[Drawn | None], random: Generator, flips: int = 10_000) -> list[Interval]:
    """Return for each number its mean over seeds with interval and tests; with one seed it is over questions only.

    Parameters
    ----------
    numbers : sequence of Drawn
        Of one task; they get the same sign flips. None is no number, and has no interval.
    random : numpy.random.Generator
        Whence the sign flips.
    flips : int
        How many.
    """
    there = [one for one in numbers if one is not None and one.exists]
    if not there:
        return [NO_INTERVAL for _ in numbers]
    parts = np.stack([nanmean(one.part, axis=0) for one in there], axis=1)
    table = ClusterMeans(len(parts) * parts, np.ones_like(parts), np.eye(len(there), dtype=bool))
    flipped = iter(sign_flip_p([table], random, flips)[0].tolist())
    return [_interval(one, next(flipped)) if one is not None and one.exists else NO_INTERVAL for one in numbers]


def _interval(number: Drawn, p_questions: float) -> Interval:
    from scipy.special import stdtr, stdtrit

    seeds, questions = number.part.shape
    whole = number.draw.mean(axis=0)
    value, resampled = float(whole[0]), whole[1:][~np.isnan(whole[1:])]
    if questions < 2 or len(resampled) < 2:
        return replace(NO_INTERVAL, value=value, by_seed=number.by_seed)
    # A resample of n clusters varies less than a sample does, by (n - 1) / n.
    of_questions = float(np.var(resampled)) * questions / (questions - 1)
    spread = float(np.std(number.draw[:, 0], ddof=1)) if seeds > 1 else float("nan")
    of_seeds = spread**2 / seeds if seeds > 1 else 0.0
    error = float(np.sqrt(of_questions + of_seeds))
    below = of_questions**2 / (questions - 1) + (of_seeds**2 / (seeds - 1) if seeds > 1 else 0.0)
    freedom = error**4 / below if below > 0 else float(questions - 1)
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float(value == 0)
    return Interval(value, value - reach, value + reach, p, p_questions, number.by_seed, spread, freedom)
