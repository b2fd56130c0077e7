"""Tests of macro means over questions: sign flips adjusted for the number of tests, effect size, power.

The questions are those of `robustbench_ir.metrics.clusters`. If clean and attacked could be exchanged for each
question, then every exchange is as likely as the data; for a mean of differences, an exchange is a change of sign.

All tests of a family get the same exchanges, so that the p values can be adjusted for their number by step-down max-T
(Westfall and Young 1993; Ge, Dudoit and Speed 2003, https://doi.org/10.1007/BF02595811). The adjustment knows how the
tests depend on each other: a row that says the same as another one costs nothing. The smallest adjusted p value is
1 / (1 + exchanges), however many tests there are, where Holm's method multiplies that floor by their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.measures import Floats, Integers
from robustbench_ir.metrics.statistics import CONFIDENCE, RESAMPLES, WEIGHTS_AT_ONCE, Ordered

_POWER = 0.8
_SLACK = 1e-9  # in standard deviations: exchanges that are nearer count as equally far


@dataclass(frozen=True)
class AdjustedTests:
    """p values of a family of tests.

    Attributes
    ----------
    p, p_adjusted : float64 array of shape (tests,)
        Two-sided p value of each test, and the one that is adjusted for all tests of the family.
    critical : float
        Number of standard deviations that no test of the family exceeds in 95% of the exchanges.
    """

    p: Floats
    p_adjusted: Floats
    critical: float


def step_down(observed: Floats, exchanged: Iterable[Floats]) -> AdjustedTests:
    """Adjust tests for their number by step-down max-T.

    The test that is farthest from 0 is compared with the farthest of all tests in each exchange, the next one with the
    farthest of all tests but the first, and so on.

    Parameters
    ----------
    observed : float64 array of shape (tests,)
        Distance from 0 in standard deviations, so that no test dominates the others.
    exchanged : iterable of float64 arrays of shape (exchanges, tests)
        Blocks of the distances under exchanges, the same exchanges for all tests.
    """
    nearest_first = np.argsort(observed, kind="stable")
    back, threshold = np.argsort(nearest_first), observed - _SLACK
    alone, together = (np.ones(len(observed)) for _ in range(2))
    farthest: list[Floats] = []
    for block in exchanged:
        alone += (block >= threshold).sum(axis=0)
        largest = np.maximum.accumulate(block[:, nearest_first], axis=1)
        together += (largest >= threshold[nearest_first]).sum(axis=0)
        farthest.append(block.max(axis=1, initial=0.0))
    every = np.concatenate(farthest)
    # Never smaller than that of a test which is farther from 0.
    adjusted = np.maximum.accumulate(together[::-1])[::-1][back]
    return AdjustedTests(
        alone / (1 + len(every)), adjusted / (1 + len(every)), float(np.quantile(every, CONFIDENCE, method="higher"))
    )


def sign_flip_tests(
    families: Sequence[Sequence[ClusterMeans]], random: Generator, resamples: int = RESAMPLES
) -> list[AdjustedTests]:
    """Test that macro means of paired differences are 0, by flipping the signs of whole clusters at random.

    A flip leaves all counts unchanged, so that the macro mean is a signed sum of `ClusterMeans.contributions`. No flip
    changes the sum of their squares either, whose root is the standard deviation of the macro mean over flips.

    Parameters
    ----------
    families : sequence of sequence of ClusterMeans
        Differences over the same clusters; all tables of all families get the same flips, and p values are adjusted
        within each family.
    random : numpy.random.Generator
        Source of the signs. They come from a child of it, so that they are the same whatever was drawn before.
    resamples : int
        Number of flips.

    Returns
    -------
    list of AdjustedTests
        For each family the tests of all its tables, one after the other. p is (1 + flips at least as far from 0) /
        (1 + flips); 1 if all differences are 0.
    """
    clusters = next((len(table.sums) for tables in families for table in tables), 0)
    heads = _coin_flips(clusters, random.spawn(1)[0], resamples)
    found = []
    for tables in families:
        part = np.hstack([table.contributions() for table in tables]) if tables else np.zeros((clusters, 0))
        deviation = np.sqrt((part**2).sum(axis=0))
        unit = np.divide(part, deviation, out=np.zeros_like(part), where=deviation > 0)
        total = unit.sum(axis=0)
        found.append(
            step_down(np.abs(total), (np.abs(2 * (block @ unit) - total) for block in _blocks(heads, clusters)))
        )
    return found


def sign_flip_p(tables: Sequence[ClusterMeans], random: Generator, resamples: int = RESAMPLES) -> list[Floats]:
    """Return the unadjusted p values of each table; see `sign_flip_tests`.

    Parameters
    ----------
    tables : sequence of ClusterMeans
        Differences over the same clusters; all tables get the same flips.
    random : numpy.random.Generator
        Source of the signs.
    resamples : int
        Number of flips.

    Returns
    -------
    list of float64 array of shape (statistics,)
        One array for each table.
    """
    (family,) = sign_flip_tests([tables], random, resamples)
    ends = np.cumsum([table.members.shape[1] for table in tables])
    return np.split(family.p, ends[:-1])


def exchange_tests(
    pairs: Sequence[tuple[Floats, Floats]],
    cluster: Integers,
    clusters: int,
    random: Generator,
    resamples: int = RESAMPLES,
) -> AdjustedTests:
    """Test that medians are equal, by exchanging clean and attacked values of whole clusters at random.

    For means, `sign_flip_tests` does the same: there, an exchange is a change of sign.

    Parameters
    ----------
    pairs : sequence of (float64 array, float64 array) of shape (queries,)
        Values before and after; each pair is a test of the family.
    cluster, clusters
        See `median_draws`.
    random : numpy.random.Generator
        Source of the exchanges.
    resamples : int
        Number of exchanges.

    Returns
    -------
    AdjustedTests
        One test for each pair; p is (1 + exchanges with medians at least as far apart) / (1 + exchanges).
    """
    both = [
        Ordered.of(np.concatenate(pair), np.concatenate([cluster, cluster + clusters]), 2 * clusters) for pair in pairs
    ]

    def apart(exchanged: Floats) -> Floats:
        before, after = np.hstack([1 - exchanged, exchanged]), np.hstack([exchanged, 1 - exchanged])
        return np.stack([np.abs(one.medians(after) - one.medians(before)) for one in both], axis=1)

    if not pairs:
        return step_down(np.zeros(0), [np.zeros((resamples, 0))])
    (observed,) = apart(np.zeros((1, clusters)))
    found = np.concatenate([apart(block) for block in _blocks(_coin_flips(clusters, random, resamples), clusters)])
    deviation = np.sqrt((np.sum(found**2, axis=0) + observed**2) / (1 + len(found)))
    # A pair without any values has a median of NaN, and nothing to test.
    unit = np.where(deviation > 0, deviation, 1.0)
    return step_down(np.nan_to_num(observed / unit), [np.nan_to_num(found / unit)])


def _coin_flips(clusters: int, random: Generator, flips: int) -> NDArray[np.uint8]:
    """Return flips with equal probability, eight clusters in a byte, shape (flips, bytes)."""
    return np.frombuffer(random.bytes(flips * -(-clusters // 8)), dtype=np.uint8).reshape(flips, -1)


def _blocks(flips: NDArray[np.uint8], clusters: int) -> Iterator[Floats]:
    """Yield blocks of shape (flips, clusters) of zeros and ones."""
    block = max(1, WEIGHTS_AT_ONCE // max(clusters, 1))
    for start in range(0, len(flips), block):
        yield np.unpackbits(flips[start : start + block], axis=1, count=clusters).astype(np.float64)


def holm(p: Floats) -> Floats:
    """Return p values adjusted for their number, whatever the tests are; NaN is not counted as a test.

    For tests with the same sign flips, `sign_flip_tests` finds more. See Holm 1979, https://www.jstor.org/stable/4615733.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    tests = np.flatnonzero(~np.isnan(p))
    order = tests[np.argsort(p[tests], kind="stable")]
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted


def effect_size(means: ClusterMeans) -> Floats:
    """Return the standardised mean difference over clusters (Cohen's d_z), shape (statistics,).

    The macro mean of the differences divided by the standard deviation of the clusters' contributions; NaN if that is
    0. 0.2 is called small, 0.5 medium, 0.8 large.
    """
    spread = _spread(means)
    return np.asarray(np.divide(means.estimate(), spread, out=np.full(len(spread), np.nan), where=spread > 0))


def standard_error(means: ClusterMeans) -> Floats:
    """Return the standard error of each macro mean, clustered and linearised, shape (statistics,)."""
    return np.asarray(_spread(means) / np.sqrt(np.maximum(means.clusters, 1)))


def minimum_detectable(means: ClusterMeans, critical: float) -> Floats:
    """Return the smallest difference that the adjusted test at 5% finds in 80% of such samples, shape (statistics,).

    This is (critical + z of 0.8) standard errors, with the standard deviation of these data: 2.80 for a single test,
    more in a family of many. It describes the sample size; it is not a threshold for the observed difference. It is
    infinite if there are too few questions for any difference to be found.

    Parameters
    ----------
    means : ClusterMeans
        Paired differences.
    critical : float
        Critical value of the family; see `AdjustedTests`.
    """
    from scipy.special import ndtri

    count = means.clusters.astype(np.float64)
    # A flip leaves the sum of squares unchanged, while the standard error is that of the deviations from the mean.
    left = 1 - critical**2 / np.maximum(count, 1)
    quantile = np.divide(
        critical * np.sqrt(np.maximum(count - 1, 0) / np.maximum(count, 1)),
        np.sqrt(np.maximum(left, 0)),
        out=np.full(len(count), np.inf),
        where=left > 0,
    )
    error = standard_error(means)
    return np.where(np.isnan(error), np.nan, np.where(error > 0, (quantile + ndtri(_POWER)) * error, 0.0))


def _spread(means: ClusterMeans) -> Floats:
    """Return the standard deviation of the influence of a cluster, over the clusters that a macro mean has."""
    freedom = means.clusters - 1
    squares = (means.influence() ** 2).sum(axis=0)
    return np.asarray(np.sqrt(np.divide(squares, freedom, out=np.full(len(squares), np.nan), where=freedom > 0)))
