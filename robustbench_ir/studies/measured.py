"""The numbers of one arm on one task, ready to be subtracted from those of another arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import macro_means, only, over_seeds, ratio
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import SETTINGS, Setting, nanmean, per_query_scores, rank_distances
from robustbench_ir.metrics.significance import sign_flip_p
from robustbench_ir.metrics.statistics import CONFIDENCE, SEED, draws
from robustbench_ir.results.result import Result

# Uncertainty over questions and training seeds: what is resampled, and what a few seeds can show.
#
# A number of an arm (a way to train) varies for two reasons: other questions could have been asked, and another seed
# would have trained another model. Questions are resampled (cluster bootstrap, all arms and seeds with the same
# questions: the arms are paired). Seeds are too few for that: a bootstrap of three values never leaves their range,
# and covers the truth in three cases of four at best. Their part follows Student: the variance between the numbers of
# the seeds, divided by the number of seeds. Both are added, with the degrees of freedom of Satterthwaite 1946
# (https://doi.org/10.2307/3002019). Where several arms have several seeds, and the test of Brown and Forsythe 1974
# (https://doi.org/10.2307/2285659) finds no difference between their variances, one variance is estimated from all of
# them: three arms of six seeds give 15 degrees of freedom instead of 5. What question and seed do together is in both
# parts, so that the interval is a little too wide rather than too narrow.


@dataclass(frozen=True)
class SeedResamples:
    """A number for each training seed, with its resamples and the contribution of each question.

    Attributes
    ----------
    draw : float64 array of shape (seeds, 1 + resamples)
        The number, then that of each resample of the questions. All `SeedResamples` of one analysis have the same
        resamples.
    part : float64 array of shape (seeds, questions)
        Contribution of each question; their sum is the number.
    """

    draw: Floats
    part: Floats

    def __sub__(self, other: SeedResamples) -> SeedResamples:
        """Return the difference, paired by question, and by seed where both have as many seeds."""
        if len(self.draw) != len(other.draw):
            return self._mean_of_seeds() - other._mean_of_seeds()
        return SeedResamples(self.draw - other.draw, self.part - other.part)

    def _mean_of_seeds(self) -> SeedResamples:
        return SeedResamples(self.draw.mean(axis=0, keepdims=True), self.part.mean(axis=0, keepdims=True))

    def __truediv__(self, other: SeedResamples) -> SeedResamples:
        """Return the ratio; NaN where the other is 0. Its parts are those at the other's value."""
        return SeedResamples(ratio(self.draw, other.draw), ratio(self.part, other.draw[:, :1]))

    @property
    def exists(self) -> bool:
        """Whether the number exists for every seed."""
        return not bool(np.isnan(self.draw[:, 0]).any())

    @property
    def by_seed(self) -> tuple[float, ...]:
        """The number of each seed."""
        return tuple(map(float, self.draw[:, 0]))


def mean_of(numbers: Sequence[SeedResamples]) -> SeedResamples:
    """Return the mean of several numbers, such as those of several languages."""
    return SeedResamples(
        nanmean(np.stack([one.draw for one in numbers]), axis=0),
        nanmean(np.stack([one.part for one in numbers]), axis=0),
    )


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95% interval over questions and seeds.

    Attributes
    ----------
    value, low, high : float
        Mean and ends of the interval; NaN where there is no case.
    p : float
        Two-sided p value for a value of 0, from the same standard error; 1 if there is no variation and the value is 0.
    p_questions : float
        The same for these very models: by sign flips of whole questions, with the seeds fixed.
    by_seed : tuple of float
        The number of each seed.
    spread_of_seeds : float
        Standard deviation of these numbers; NaN for one seed.
    freedom : float
        Degrees of freedom of the interval.
    error : float
        Standard error of the value, over questions and seeds.
    """

    value: float
    low: float
    high: float
    p: float
    p_questions: float
    by_seed: tuple[float, ...]
    spread_of_seeds: float
    freedom: float
    error: float = float("nan")

    def p_equivalent(self, margin: float) -> float:
        """Return p of two one-sided tests that the true value lies between -margin and margin (Schuirmann 1987).

        Parameters
        ----------
        margin : float
            Above 0.
        """
        from scipy.special import stdtr

        if math.isnan(self.value) or math.isnan(margin):
            return _NAN
        room = margin - abs(self.value)
        if not self.error > 0:
            return float(room <= 0)
        return float(stdtr(self.freedom, -room / self.error))

    @property
    def detectable(self) -> float:
        """Smallest true difference that a two-sided test of 5% finds with a probability of 80%."""
        from scipy.special import stdtrit

        return float((stdtrit(self.freedom, (1 + CONFIDENCE) / 2) + stdtrit(self.freedom, _POWER)) * self.error)


_POWER = 0.8
_FEWEST_TO_TEST = 3


@dataclass(frozen=True)
class SeedSpread:
    """How much seeds add to the variance of a mean over seeds, or of a difference of two such means.

    Attributes
    ----------
    variance : float
        The variance.
    freedom : float
        Its degrees of freedom.
    """

    variance: float
    freedom: float


def seed_spread(pair: Sequence[SeedResamples], arms: Sequence[SeedResamples]) -> SeedSpread | None:
    """Estimate what seeds add to the variance of a difference of two arms, or of one arm's mean.

    One variance is estimated from all arms where Brown and Forsythe's test allows it at 5%, for which three seeds an
    arm are needed; else one for each arm of the pair (Welch 1947).

    Parameters
    ----------
    pair : sequence of SeedResamples
        The same number of one arm or of the two that are compared.
    arms : sequence of SeedResamples
        The same number of all arms of the design.

    Returns
    -------
    SeedSpread or None
        None if no arm of the pair has several seeds.
    """
    own = [np.array(one.by_seed) for one in pair if len(one.by_seed) > 1]
    if not own:
        return None
    every = [np.array(one.by_seed) for one in arms if len(one.by_seed) > 1] or own
    if len(every) > 1 and _are_alike(every):
        freedom = sum(len(one) - 1 for one in every)
        variance = sum(float(np.var(one, ddof=1)) * (len(one) - 1) for one in every) / freedom
        return SeedSpread(sum(variance / len(one) for one in own), freedom)
    parts = [(float(np.var(one, ddof=1)) / len(one), len(one) - 1) for one in own]
    whole = sum(part for part, _ in parts)
    below = sum(part**2 / freedom for part, freedom in parts)
    return SeedSpread(whole, whole**2 / below if below > 0 else sum(freedom for _, freedom in parts))


def _are_alike(arms: Sequence[Floats]) -> bool:
    from scipy.stats import levene

    if min(map(len, arms)) < _FEWEST_TO_TEST:
        return False
    with np.errstate(divide="ignore", invalid="ignore"):  # seeds that all agree
        return not levene(*arms, center="median").pvalue < 1 - CONFIDENCE


_NAN = float("nan")
NOT_ESTIMATED = Interval(_NAN, _NAN, _NAN, _NAN, _NAN, (), _NAN, _NAN)


def arm_intervals(
    numbers: Sequence[SeedResamples | None],
    random: Generator,
    flips: int = 10_000,
    spreads: Sequence[SeedSpread | None] | None = None,
) -> list[Interval]:
    """Return the mean over seeds of each number, with interval and tests. With one seed they are over questions only.

    Parameters
    ----------
    numbers : sequence of SeedResamples or None
        Numbers of one task; all get the same sign flips. None has no interval.
    random : numpy.random.Generator
        Source of the sign flips.
    flips : int
        Number of sign flips, 1 or more.
    spreads : sequence of SeedSpread or None, optional
        What seeds add to the variance of each number; by default it is estimated from the number's own seeds.
    """
    there = [one for one in numbers if one is not None and one.exists]
    if not there:
        return [NOT_ESTIMATED for _ in numbers]
    parts = np.stack([nanmean(one.part, axis=0) for one in there], axis=1)
    table = ClusterMeans(len(parts) * parts, np.ones_like(parts), np.eye(len(there), dtype=bool))
    flipped = iter(sign_flip_p([table], random, flips)[0].tolist())
    return [
        _interval(one, next(flipped), spread) if one is not None and one.exists else NOT_ESTIMATED
        for one, spread in zip(numbers, spreads or [None] * len(numbers), strict=True)
    ]


def _interval(number: SeedResamples, p_questions: float, given: SeedSpread | None) -> Interval:
    from scipy.special import stdtr, stdtrit

    seeds, questions = number.part.shape
    whole = number.draw.mean(axis=0)
    value, resampled = float(whole[0]), whole[1:][~np.isnan(whole[1:])]
    if questions < 2 or len(resampled) < 2:
        return replace(NOT_ESTIMATED, value=value, by_seed=number.by_seed)
    # A resample of n clusters varies less than a sample does, by (n - 1) / n.
    of_questions = float(np.var(resampled)) * questions / (questions - 1)
    spread = float(np.std(number.draw[:, 0], ddof=1)) if seeds > 1 else float("nan")
    seen = given or SeedSpread(spread**2 / seeds if seeds > 1 else 0.0, max(seeds - 1, 1))
    error = float(np.sqrt(of_questions + seen.variance))
    below = of_questions**2 / (questions - 1) + seen.variance**2 / seen.freedom
    freedom = error**4 / below if below > 0 else float(questions - 1)
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p = float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float(value == 0)
    return Interval(value, value - reach, value + reach, p, p_questions, number.by_seed, spread, freedom, error)


_CLEAN = "clean"
RANK_DISTANCE = "rank distance"
Quantity = Setting | str


@dataclass(frozen=True)
class ArmScores:
    """Scores of one arm, over several seeds, on one task.

    Attributes
    ----------
    languages : tuple of str
        Query languages, in the order of the task.
    recipes : tuple of str
        Name of each recipe.
    not_covered : mapping of str to tuple of str
        Name of each recipe to the query languages that it cannot change.
    numbers : mapping
        Quantity (a setting, for its mAP, or ``"rank distance"``) and recipe (or ``"clean"``) to the macro average,
        followed by the mean of each query language. Numbers of a recipe are over the languages that it covers; the
        clean numbers over the same languages have the key `clean_for`.
    """

    languages: tuple[str, ...]
    recipes: tuple[str, ...]
    not_covered: Mapping[str, tuple[str, ...]]
    numbers: Mapping[tuple[Quantity, str], tuple[SeedResamples, ...]]

    def number(self, quantity: Quantity, recipe: str = _CLEAN, languages: Sequence[str] | None = None) -> SeedResamples:
        """Return a macro average, over all query languages or over those that are named.

        Parameters
        ----------
        quantity : str
            A setting, for its mAP, or ``"rank distance"``.
        recipe : str
            Name of a recipe, or ``"clean"``.
        languages : sequence of str, optional
            Query languages; all by default.
        """
        whole, *each = self.numbers[quantity, recipe]
        if languages is None:
            return whole
        return mean_of([each[self.languages.index(one)] for one in languages])

    def drop(self, quantity: Quantity, recipe: str, languages: Sequence[str] | None = None) -> SeedResamples:
        """Return clean - attacked; see `number` for the parameters."""
        return self.number(quantity, clean_for(recipe), languages) - self.number(quantity, recipe, languages)

    def relative_drop(self, quantity: Quantity, recipe: str, languages: Sequence[str] | None = None) -> SeedResamples:
        """Return the drop divided by the clean number; see `number` for the parameters."""
        return self.drop(quantity, recipe, languages) / self.number(quantity, clean_for(recipe), languages)


def clean_for(recipe: str) -> str:
    """Return the key of the clean numbers over the languages that a recipe covers."""
    return f"{_CLEAN} for {recipe}"


def attack_label(recipe: str, severity: int, main: int) -> str:
    """Return the name of an attack in the numbers of a study: the recipe, with its severity if it is a further one."""
    return recipe if severity == main else f"{recipe} {severity}"


def score_arm(results: Sequence[Sequence[Result]], resamples: int, severity: int = 3, measure: str = "AP") -> ArmScores:
    """Compute the scores of an arm, with resamples of the questions. Every call draws the same resamples.

    Parameters
    ----------
    results : sequence of sequence of Result
        For each seed, in their order, the results of each fold; all with the same cells. A number of a seed is the
        mean of its folds, whose questions are resampled apart.
    resamples : int
        Number of resamples, 1 or more.
    severity : int
        Severity of the attacks that are named by their recipe alone; see `attack_label`.
    measure : str
        Such as ``"AP"``.
    """
    # Folds that ask the same questions get the same resamples.
    same = len({one.judgements.query_ids for folds in results for one in folds}) == 1
    by_seed = [
        _mean_of_folds(
            [_of_one(one, 0 if same else place, resamples, severity, measure) for place, one in enumerate(folds)],
            same_questions=same,
        )
        for folds in results
    ]
    numbers = {
        key: tuple(
            SeedResamples(np.stack([draw for draw, _ in seeds]), np.stack([part for _, part in seeds]))
            for seeds in zip(*(one[key] for one in by_seed), strict=True)
        )
        for key in by_seed[0]
    }
    first = results[0][0]
    missed = {
        attack_label(identity.label, dose, severity): tuple(cells[0].not_covered)
        for (identity, dose), cells in first.groups.items()
    }
    return ArmScores(first.judgements.query_languages, tuple(missed), missed, numbers)


_Numbers = dict[tuple[Quantity, str], list[tuple[Floats, Floats]]]


def _mean_of_folds(folds: Sequence[_Numbers], *, same_questions: bool) -> _Numbers:
    def joined(parts: Sequence[Floats]) -> Floats:
        return np.mean(parts, axis=0) if same_questions else np.concatenate(parts) / len(folds)

    return {
        key: [
            (np.mean([draw for draw, _ in each], axis=0), joined([part for _, part in each]))
            for each in zip(*(fold[key] for fold in folds), strict=True)
        ]
        for key in folds[0]
    }


def _of_one(result: Result, fold: int, resamples: int, severity: int, measure: str) -> _Numbers:
    """Return draws and parts of each number of a fold: the macro average, then each language's."""
    layout = result.judgements
    distance = rank_distances(layout, result.clean.ranks)
    found: dict[tuple[Quantity, str], Floats] = {(RANK_DISTANCE, _CLEAN): distance}
    for setting in SETTINGS:
        clean = per_query_scores(layout, result.clean.ranks, measure, setting)
        found[setting, _CLEAN] = clean
        for (identity, dose), cells in result.groups.items():
            name = attack_label(identity.label, dose, severity)
            attacked = over_seeds(layout, clean, cells, setting, measure)
            found[setting, name] = attacked.value
            found[setting, clean_for(name)] = attacked.clean
            found[RANK_DISTANCE, name] = attacked.rank_distance
            found[RANK_DISTANCE, clean_for(name)] = only(attacked.covered, distance)
    tables = [macro_means(layout, value, by) for value in found.values() for by in (None, "language")]
    drawn = iter(draws(tables, np.random.default_rng((SEED, fold) if fold else SEED), resamples))
    parts = iter(tables)
    kept = np.r_[0, 1 + layout.questions : 1 + layout.questions + resamples]
    numbers = {}
    for key in found:
        whole = [(next(drawn)[:, kept], next(parts).contributions()) for _ in (None, "language")]
        numbers[key] = [(row, column) for draw, part in whole for row, column in zip(draw, part.T, strict=True)]
    return numbers
