"""Uncertainty of macro means over questions: bootstrap intervals. Tests are in `robustbench_ir.metrics.significance`.

Questions are resampled, with all their parallel queries, clean and attacked (see `robustbench_ir.metrics.clusters`).

Every reported mean is a macro mean: a mean over strata (query languages, or ordered pairs) of the means within them. It
is computed again from the sums and counts of each resample, so that a language with few questions, or with none in some
resample, is treated as it is in the estimate itself.

Arrays of draws have the draws on their last axis: the estimate, then the estimate without each cluster (jackknife),
then the resamples. A function of several means, such as a ratio, is computed from their draws, element by element.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from robustbench_ir._base.numbers import whole_number
from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.clusters import ClusterMeans, Columns
from robustbench_ir.metrics.measures import Floats, Integers

IntervalMethod = Literal["wider", "bca", "percentile"]
_Group = TypeVar("_Group", bound=Hashable)

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 0
WEIGHTS_AT_ONCE = 1 << 20  # 8 MiB of float64
_ROUNDING = 1e-9  # as a share of the spread of the draws: values that differ by less count as equal
_ENDS = 0.045, 0.005  # error of the lower and of the upper end of a simultaneous interval


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval.

    Attributes
    ----------
    value : float
        Estimate from the data; NaN if there are no values.
    low, high : float
        Ends of the interval; NaN if there are fewer than two clusters.
    """

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width, which is printed after ±; the interval itself need not be symmetric."""
        return (self.high - self.low) / 2


def draws(tables: Sequence[ClusterMeans], random: Generator, resamples: int = RESAMPLES) -> list[Floats]:
    """Resample clusters with replacement, the same ones for all tables.

    Parameters
    ----------
    tables : sequence of ClusterMeans
        Macro means over the same clusters.
    random : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples.

    Returns
    -------
    list of float64 array of shape (statistics, 1 + clusters + resamples)
        For each table: the estimate, the estimates without each cluster, and those of the resamples. NaN if no stratum
        is left.
    """
    clusters = len(tables[0].sums)
    columns = [Columns.of(table) for table in tables]
    stacked = np.hstack([one.stacked for one in columns])
    ends = np.cumsum([one.stacked.shape[1] for one in columns])[:-1]
    total = stacked.sum(axis=0, keepdims=True)
    if whole_number(resamples, "number of resamples") < 1:
        raise OptionError(f"{resamples} resamples: an interval needs many; give 1,000 or more")
    resampled = (weights @ stacked for weights in _resample_weights(clusters, random, resamples))
    found = [np.empty((table.members.shape[1], 1 + clusters + resamples)) for table in tables]
    start = 0
    for totals in chain((total, total - stacked), resampled):
        for one, part, draw in zip(columns, np.split(totals, ends, axis=1), found, strict=True):
            draw[:, start : start + len(totals)] = one.means_of(part).T
        start += len(totals)
    return found


def draws_by_group(
    before: Sequence[ClusterMeans],
    after: Mapping[_Group, Sequence[ClusterMeans]],
    random: Generator,
    resamples: int = RESAMPLES,
) -> tuple[list[Floats], dict[_Group, list[Floats]]]:
    """Resample once for the clean queries and for each group of attacked cells; see `draws`.

    Parameters
    ----------
    before : sequence of ClusterMeans
        Tables of the clean queries.
    after : mapping
        Group to its tables.
    random : numpy.random.Generator
        Source of the resamples.
    resamples : int
        Number of resamples.

    Returns
    -------
    list of float64 array, dict
        The draws of the clean queries, and those of each group.
    """
    found = iter(draws([*before, *chain.from_iterable(after.values())], random, resamples))
    clean = [next(found) for _ in before]
    return clean, {group: [next(found) for _ in tables] for group, tables in after.items()}


def _resample_weights(clusters: int, random: Generator, resamples: int) -> Iterator[Floats]:
    """Yield blocks of shape (resamples, clusters): how often each cluster was drawn."""
    block = max(1, WEIGHTS_AT_ONCE // clusters)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = random.integers(0, clusters, size=(rows, clusters))
        drawn += np.arange(rows)[:, None] * clusters
        yield np.bincount(drawn.ravel(), minlength=rows * clusters).astype(np.float64).reshape(rows, clusters)


def bootstrap_intervals(
    draw: Floats, clusters: int, method: IntervalMethod = "wider", having: Integers | None = None
) -> list[Estimate]:
    """Return an estimate with its 95% interval for each row of draws.

    Parameters
    ----------
    draw : float64 array of shape (statistics, 1 + clusters + resamples)
        From `draws`, or computed from its results.
    clusters : int
        Number of clusters, including those without values.
    method : {"wider", "bca", "percentile"}
        Bias-corrected and accelerated (Efron 1987, https://doi.org/10.1080/01621459.1987.10478410), with the jackknife
        over clusters; or the plain quantiles of the resamples. Both are at the level of `tail`. ``"wider"`` is BCa,
        with each end moved out to that of Student's interval with the standard error of the jackknife, if that is
        farther (but not beyond all resamples): with heavy tails BCa alone is too narrow. It is for smooth functions of
        means, not for medians.
    having : integer array of shape (statistics,), optional
        Number of clusters that have values for each row, if they are fewer.
    """
    value, left_out, resampled = draw[:, 0], draw[:, 1 : 1 + clusters], np.sort(draw[:, 1 + clusters :], axis=1)
    number = np.full(len(draw), clusters) if having is None else having
    valid = np.count_nonzero(~np.isnan(resampled), axis=1)
    levels = np.stack([tail(number), 1 - tail(number)], axis=1)
    if method != "percentile":
        levels = _corrected(levels, value, left_out, resampled, valid)
    ends = _quantiles(resampled, valid, levels)
    if method == "wider":
        # No farther than any resample, so that a share stays between 0 and 1.
        lowest, highest = _quantiles(resampled, valid, np.tile([0.0, 1.0], (len(draw), 1))).T
        reach = _student(left_out, number)
        low, high = np.maximum(value - reach, lowest), np.minimum(value + reach, highest)
        ends = np.stack([np.fmin(ends[:, 0], low), np.fmax(ends[:, 1], high)], axis=1)
    ends[np.isnan(value) | (number < 2)] = np.nan
    return [
        Estimate(float(one), float(low), float(high)) for one, (low, high) in zip(value, ends.tolist(), strict=True)
    ]


def share_interval(share: Estimate, clusters: int) -> Estimate:
    """Return a share with an interval that has a width where all clusters have one outcome, and resamples none.

    It is then that of Clopper and Pearson (1934, https://doi.org/10.1093/biomet/26.4.404).

    Parameters
    ----------
    share : Estimate
        Share, 0 to 1, with its bootstrap interval.
    clusters : int
        Number of clusters.
    """
    if not share.low == share.value == share.high or share.value not in {0.0, 1.0}:
        return share
    width = 1 - ((1 - CONFIDENCE) / 2) ** (1 / clusters)
    return replace(share, high=width) if share.value == 0 else replace(share, low=1 - width)


def _student(left_out: Floats, number: Integers) -> Floats:
    """Return half of the width of Student's interval, with the standard error of the jackknife, shape (statistics,)."""
    from scipy.special import stdtrit

    there = ~np.isnan(left_out)
    mean = np.where(there, left_out, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    squares = (np.where(there, left_out - mean[:, None], 0.0) ** 2).sum(axis=1)
    freedom = np.maximum(number - 1, 1)
    return np.asarray(stdtrit(freedom, (1 + CONFIDENCE) / 2) * np.sqrt(squares * freedom / np.maximum(number, 1)))


def simultaneous(
    draw: Floats, clusters: int, having: Integers | None = None, ends: tuple[float, float] = _ENDS
) -> list[Estimate]:
    """Return estimates with intervals that contain the truth in all rows at once, in 95% of samples.

    So the interval of a row holds in as many samples even if the row was chosen for being the largest (Berk et al.
    2013, https://doi.org/10.1214/12-AOS1077). Each interval is the estimate plus and minus a number of bootstrap
    standard errors: a quantile of the largest deviation of any row in a resample, in standard errors (Mandel and
    Betensky 2008, https://doi.org/10.1016/j.csda.2007.07.005), widened for the number of clusters as `tail` does. A row
    that was chosen for being the largest is rarely estimated too low, so that most of the 5% are spent on the lower
    end: 4.5%, and 0.5% on the upper one.

    Parameters
    ----------
    draw : float64 array of shape (statistics, 1 + clusters + resamples)
        From `draws`, or computed from its results.
    clusters : int
        Number of clusters, including those without values.
    having : integer array of shape (statistics,), optional
        Number of clusters that have values for each row, if they are fewer.
    ends : (float, float)
        Share of the samples in which some lower end is above the truth, and in which some upper end is below it.
    """
    from scipy.special import ndtri

    value, resampled = draw[:, 0], draw[:, 1 + clusters :]
    there = ~np.isnan(resampled)
    deviation = np.where(there, resampled - value[:, None], 0.0)
    count = np.maximum(there.sum(axis=1), 1)
    error = np.sqrt((deviation**2).sum(axis=1) / count - (deviation.sum(axis=1) / count) ** 2)
    # A language that nothing changed has a drop of 0 in every resample, up to rounding; one not covered has none.
    varies = error > _ROUNDING * error.max()
    reach = np.full(2, np.nan)
    if clusters > 1 and varies.any():
        relative = deviation[varies] / error[varies, None]
        reach = np.array(
            [np.quantile(side.max(axis=0), 1 - share) for side, share in zip((relative, -relative), ends, strict=True)]
        )
    number = np.full(len(draw), clusters) if having is None else having
    widened = np.multiply.outer(reach, error * ndtri(tail(number)) / ndtri((1 - CONFIDENCE) / 2))
    below, above = np.where(varies, widened, 0.0 if clusters > 1 else np.nan)
    return [
        Estimate(float(one), float(one - low), float(one + high))
        for one, low, high in zip(value, below, above, strict=True)
    ]


def tail(clusters: int | Integers) -> Floats:
    """Return the share of resamples beyond each end of the interval: 0.025, or a little less if there are few clusters.

    Resamples of n clusters vary less than samples do, by (n - 1) / n, and do not allow for Student's t. Hesterberg 2015
    (https://doi.org/10.1080/00031305.2015.1089789) widens the interval accordingly: 0.0218 for 60 clusters.
    """
    from scipy.special import ndtr, stdtrit

    number = np.maximum(np.asarray(clusters, dtype=np.float64), 2)
    quantile = stdtrit(number - 1, (1 - CONFIDENCE) / 2)
    # With two clusters the level would be too small for float64; no resample is that far out.
    level = np.maximum(ndtr(np.sqrt(number / (number - 1)) * quantile), 1e-12)
    return np.where(np.asarray(clusters) < 2, (1 - CONFIDENCE) / 2, level)


def _corrected(levels: Floats, value: Floats, left_out: Floats, resampled: Floats, valid: NDArray[np.intp]) -> Floats:
    """Return the levels of the quantiles that BCa uses, shape (statistics, 2)."""
    from scipy.special import ndtr, ndtri

    size = np.maximum(valid, 1)
    # Half of the resamples that equal the estimate count as below it. They are many if few values are possible (AP of
    # easy queries, shares), and sums in another order equal it only up to rounding.
    slack = _ROUNDING * (np.take_along_axis(resampled, size[:, None] - 1, axis=1) - resampled[:, :1])
    apart = resampled - value[:, None]
    below = (apart < -slack).sum(axis=1) + 0.5 * (np.abs(apart) <= slack).sum(axis=1)
    bias = ndtri(np.clip(below / size, 0.5 / size, 1 - 0.5 / size))[:, None]
    there = ~np.isnan(left_out)
    mean = np.where(there, left_out, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    skew = np.where(there, mean[:, None] - left_out, 0.0)
    cubes, squares = (skew**3).sum(axis=1), (skew**2).sum(axis=1) ** 1.5
    acceleration = np.divide(cubes, 6 * squares, out=np.zeros_like(cubes), where=squares > 0)[:, None]
    shifted = bias + ndtri(levels)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)))


def _quantiles(ordered: Floats, valid: NDArray[np.intp], levels: Floats) -> Floats:
    """Return quantiles of each row's first `valid` numbers, interpolated as by `numpy.quantile`."""
    place = levels * np.maximum(valid - 1, 0)[:, None]
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(valid - 1, 0)[:, None])
    low, high = (np.take_along_axis(ordered, one, axis=1) for one in (below, above))
    return np.asarray(low + (high - low) * (place - below))


# Medians over all queries, with resampled questions.

_BINS = 128
_AT_ONCE = 256


@dataclass(frozen=True)
class Ordered:
    """A sorted sample, divided into stretches so that the median of a resample is searched in one of them only.

    Attributes
    ----------
    value : float64 array of shape (stretches, size)
        Ascending values; the last stretch is padded.
    cluster : integer array of that shape
        Cluster of each value; the number of clusters for padding.
    counts : float64 array of shape (clusters, stretches)
        Number of values of a cluster in a stretch.
    """

    value: Floats
    cluster: Integers
    counts: Floats

    @staticmethod
    def of(sample: Floats, cluster: Integers, clusters: int) -> Ordered:
        """Return a sample in order.

        Parameters
        ----------
        sample : float64 array of shape (queries,)
            Values; NaN is left out.
        cluster : integer array of shape (queries,)
            Cluster of each value.
        clusters : int
            Number of clusters.
        """
        known = np.flatnonzero(~np.isnan(sample))
        order = known[np.argsort(sample[known], kind="stable")]
        size = max(1, -(-len(order) // _BINS))
        stretches = max(1, -(-len(order) // size))
        value, group = np.full(stretches * size, np.nan), np.full(stretches * size, clusters)
        value[: len(order)], group[: len(order)] = sample[order], cluster[order]
        cell = group[: len(order)] * stretches + np.arange(len(order)) // size
        counts = np.bincount(cell, minlength=clusters * stretches).astype(np.float64)
        shape = stretches, size
        return Ordered(value.reshape(shape), group.reshape(shape), counts.reshape(clusters, stretches))

    def medians(self, weights: Floats) -> Floats:
        """Return the median of each resample, as `numpy.median`; each value counts as often as its cluster was drawn.

        It is NaN for a resample without values.

        Parameters
        ----------
        weights : float64 array of shape (resamples, clusters)
            Whole numbers: how often each cluster was drawn.
        """
        upto = np.cumsum(weights @ self.counts, axis=1)
        total = upto[:, -1]
        padded = np.hstack([weights, np.zeros((len(weights), 1))])
        lower, upper = (self._at(padded, upto, np.floor(np.maximum(place, 0) / 2)) for place in (total - 1, total))
        return np.where(total > 0, (lower + upper) / 2, np.nan)

    def _at(self, weights: Floats, upto: Floats, place: Floats) -> Floats:
        """Return the value at a 0-based place among the resampled values."""
        rows = np.arange(len(weights))
        stretch = np.minimum((upto <= place[:, None]).sum(axis=1), len(self.value) - 1)
        before = np.where(stretch > 0, upto[rows, stretch - 1], 0)
        within = np.cumsum(weights[rows[:, None], self.cluster[stretch]], axis=1)
        column = np.minimum((within <= (place - before)[:, None]).sum(axis=1), self.value.shape[1] - 1)
        return np.asarray(self.value[stretch, column])


def median_draws(
    samples: Sequence[Floats], cluster: Integers, clusters: int, random: Generator, resamples: int = RESAMPLES
) -> list[Floats]:
    """Resample clusters with replacement, the same ones for all samples.

    Parameters
    ----------
    samples : sequence of float64 array of shape (queries,)
        Values; NaN is left out.
    cluster : integer array of shape (queries,)
        Cluster of each query.
    clusters, random, resamples
        See `draws`; equal generators give the same clusters.

    Returns
    -------
    list of float64 array of shape (1, 1 + clusters + resamples)
        For each sample: the median, the medians without each cluster, and those of the resamples.
    """
    ordered = [Ordered.of(sample, cluster, clusters) for sample in samples]
    blocks = chain([np.ones((1, clusters))], _without_each(clusters), _resample_weights(clusters, random, resamples))
    found: list[list[Floats]] = [[] for _ in samples]
    for weights in blocks:
        for medians, one in zip(found, ordered, strict=True):
            medians.append(one.medians(weights))
    return [np.concatenate(medians)[None] for medians in found]


def _without_each(clusters: int) -> Iterator[Floats]:
    for start in range(0, clusters, _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, clusters))
        yield (rows[:, None] != np.arange(clusters)).astype(np.float64)
