"""Medians over all queries, with the questions drawn anew; `robustbench_ir.score.statistics` has the means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.random import Generator

from robustbench_ir.score.measures import Floats, Integers
from robustbench_ir.score.statistics import RESAMPLES, coin_flips, resample_weights

_BINS = 128
_AT_ONCE = 256


@dataclass(frozen=True)
class Ordered:
    """A sample in order, cut into stretches so that the median of a resample is looked for in one of them.

    Attributes
    ----------
    value : float64 array of shape (stretches, size)
        Ascending; the last stretch is filled up.
    cluster : integer array of that shape
        To which each value belongs; the number of clusters where it is filled up.
    counts : float64 array of shape (clusters, stretches)
        Values of a cluster in a stretch.
    """

    value: Floats
    cluster: Integers
    counts: Floats

    @staticmethod
    def of(sample: Floats, cluster: Integers, clusters: int) -> Ordered:
        """Sort; NaN is no value."""
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
        """Return the median where each value counts as often as its cluster, as `numpy.median`; NaN for no value.

        Parameters
        ----------
        weights : float64 array of shape (resamples, clusters)
            Whole numbers.
        """
        upto = np.cumsum(weights @ self.counts, axis=1)
        total = upto[:, -1]
        padded = np.hstack([weights, np.zeros((len(weights), 1))])
        lower, upper = (self._at(padded, upto, np.floor(np.maximum(place, 0) / 2)) for place in (total - 1, total))
        return np.where(total > 0, (lower + upper) / 2, np.nan)

    def _at(self, weights: Floats, upto: Floats, place: Floats) -> Floats:
        """Return the value at a place, 0-based, among those that are drawn."""
        rows = np.arange(len(weights))
        stretch = np.minimum((upto <= place[:, None]).sum(axis=1), len(self.value) - 1)
        before = np.where(stretch > 0, upto[rows, stretch - 1], 0)
        within = np.cumsum(weights[rows[:, None], self.cluster[stretch]], axis=1)
        column = np.minimum((within <= (place - before)[:, None]).sum(axis=1), self.value.shape[1] - 1)
        return np.asarray(self.value[stretch, column])


def median_draws(
    samples: Sequence[Floats], cluster: Integers, clusters: int, random: Generator, resamples: int = RESAMPLES
) -> list[Floats]:
    """Draw clusters with replacement, the same ones for all samples.

    Parameters
    ----------
    samples : sequence of float64 array of shape (queries,)
        NaN is no value.
    cluster : integer array of shape (queries,)
        To which each query belongs.
    clusters, random, resamples
        As for `robustbench_ir.score.statistics.draws`, whose clusters are the same with an equal generator.

    Returns
    -------
    list of float64 array of shape (1, 1 + clusters + resamples)
        For each sample: the median, those without each cluster, those of the resamples.
    """
    ordered = [Ordered.of(sample, cluster, clusters) for sample in samples]
    blocks = chain([np.ones((1, clusters))], _without_each(clusters), resample_weights(clusters, random, resamples))
    found: list[list[Floats]] = [[] for _ in samples]
    for weights in blocks:
        for medians, one in zip(found, ordered, strict=True):
            medians.append(one.medians(weights))
    return [np.concatenate(medians)[None] for medians in found]


def _without_each(clusters: int) -> Iterator[Floats]:
    for start in range(0, clusters, _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, clusters))
        yield (rows[:, None] != np.arange(clusters)).astype(np.float64)


def exchange_p(
    pairs: Sequence[tuple[Floats, Floats]],
    cluster: Integers,
    clusters: int,
    random: Generator,
    resamples: int = RESAMPLES,
) -> list[float]:
    """Test that medians are the same: exchange clean and attacked of whole clusters at random.

    What `sign_flip_p` does for means: there an exchange is a change of sign.

    Parameters
    ----------
    pairs : sequence of (float64 array, float64 array) of shape (queries,)
        Before and after.
    cluster, clusters
        As for `median_draws`.
    random : numpy.random.Generator
        Whence the exchanges.
    resamples : int
        Number of exchanges.

    Returns
    -------
    list of float
        Two-sided p, (1 + exchanges that set the medians at least as far apart) / (1 + exchanges).
    """
    both = [
        Ordered.of(np.concatenate(pair), np.concatenate([cluster, cluster + clusters]), 2 * clusters) for pair in pairs
    ]

    def apart(one: Ordered, exchanged: Floats) -> Floats:
        before, after = np.hstack([1 - exchanged, exchanged]), np.hstack([exchanged, 1 - exchanged])
        return np.abs(one.medians(after) - one.medians(before))

    at_least = np.ones(len(both))
    observed = [apart(one, np.zeros((1, clusters)))[0] for one in both]
    for flips in coin_flips(clusters, random, resamples):
        at_least += [np.count_nonzero(apart(one, flips) >= far - 1e-9) for one, far in zip(both, observed, strict=True)]
    return [float(one) for one in at_least / (1 + resamples)]
