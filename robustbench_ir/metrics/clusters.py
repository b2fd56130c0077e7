"""Macro means over questions, stored as the contribution of each question, so that questions can be resampled.

A cluster is a question: parallel queries (the same question in eleven languages) are one cluster, not eleven
independent samples. A stratum is a query language, or an ordered pair of languages: values are averaged within each
stratum, then over strata.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.metrics.measures import Floats, Integers, sums


@dataclass(frozen=True)
class ClusterMeans:
    """Macro means, as the sums and counts of each cluster in each stratum.

    Attributes
    ----------
    sums, counts : float64 arrays of shape (clusters, strata)
        Sum and number of the values of a cluster in a stratum.
    members : bool array of shape (strata, statistics)
        Strata that each macro mean averages over.
    """

    sums: Floats
    counts: Floats
    members: NDArray[np.bool_]

    def estimate(self) -> Floats:
        """Return the macro means of the data, shape (statistics,)."""
        columns = Columns.of(self)
        return np.asarray(columns.means_of(columns.stacked.sum(axis=0, keepdims=True))[0])

    def contributions(self) -> Floats:
        """Return each cluster's contribution to the macro means, shape (clusters, statistics); they sum to the mean."""
        return self._weighted(self.sums)

    def influence(self) -> Floats:
        """Return the influence of each cluster on the macro means, shape (clusters, statistics).

        This is the number of clusters that a macro mean has times the linearised effect of each; its mean is 0, and
        its standard deviation over these, divided by the root of their number, is the standard error.
        """
        total, count = self.sums.sum(axis=0), self.counts.sum(axis=0)
        mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
        return self.clusters * self._weighted(self.sums - self.counts * mean)

    @property
    def clusters(self) -> Integers:
        """Number of clusters that have values for each macro mean, shape (statistics,)."""
        return np.asarray((((self.counts > 0) @ self.members.astype(np.float64)) > 0).sum(axis=0))

    def _weighted(self, by_stratum: Floats) -> Floats:
        count = self.counts.sum(axis=0)
        members = self.members & (count > 0)[:, None]
        weight = members / np.maximum(count, 1)[:, None] / np.maximum(members.sum(axis=0), 1)
        return np.asarray(by_stratum @ weight)


def cluster_means(
    value: Floats, cluster: Integers, stratum: Integers, members: NDArray[np.bool_], clusters: int
) -> ClusterMeans:
    """Return the sums and counts of values by cluster and stratum.

    Parameters
    ----------
    value : float64 array, any shape
        Values; NaN is left out.
    cluster, stratum : integer arrays of the same shape
        Cluster and stratum of each value.
    members : bool array of shape (strata, statistics)
        Strata that each macro mean averages over.
    clusters : int
        Number of clusters.

    Examples
    --------
    >>> two_languages = np.ones((2, 1), dtype=bool)
    >>> means = cluster_means(np.array([1.0, 0.0, 0.5]), np.array([0, 1, 0]), np.array([0, 0, 1]), two_languages, 2)
    >>> means.estimate()
    array([0.5])
    """
    case = ~np.isnan(value)
    shape = (clusters, len(members))
    cell = cluster[case] * shape[1] + stratum[case]
    size = shape[0] * shape[1]
    return ClusterMeans(
        sums=sums(cell, value[case], size).reshape(shape),
        counts=np.bincount(cell, minlength=size).astype(np.float64).reshape(shape),
        members=members,
    )


@dataclass(frozen=True)
class Columns:
    """Strata that are combined where this is exact: strata with the same counts share a denominator.

    For eleven parallel languages, only one column remains for each macro mean.

    Attributes
    ----------
    numerators : float64 array of shape (clusters, columns)
        Sums of the values, over the strata of a column.
    denominators : float64 array of shape (clusters, denominators)
        The distinct columns of counts.
    denominator : integer array of shape (columns,)
        Index of the denominator of each column.
    strata : float64 array of shape (columns, statistics)
        Number of strata of each macro mean in a column.
    """

    numerators: Floats
    denominators: Floats
    denominator: Integers
    strata: Floats

    @staticmethod
    def of(means: ClusterMeans) -> Columns:
        """Return the combined strata of macro means."""
        used = np.flatnonzero(means.counts.any(axis=0) & means.members.any(axis=1))
        numbers: dict[bytes, int] = {}
        group = np.array([numbers.setdefault(means.counts[:, one].tobytes(), len(numbers)) for one in used], dtype=int)
        found = [
            (distinct, statistic, used[(group == distinct) & means.members[used, statistic]])
            for statistic in range(means.members.shape[1])
            for distinct in range(len(numbers))
        ]
        columns = [one for one in found if len(one[2])]
        strata = np.zeros((len(columns), means.members.shape[1]))
        for column, (_, statistic, together) in enumerate(columns):
            strata[column, statistic] = len(together)
        parts = [means.sums[:, together].sum(axis=1) for *_, together in columns]
        numerators = np.stack(parts, axis=1) if parts else np.zeros((len(means.sums), 0))
        counts = [np.frombuffer(one) for one in numbers]
        denominators = np.stack(counts, axis=1) if counts else np.zeros((len(means.sums), 0))
        return Columns(numerators, denominators, np.array([one[0] for one in columns], dtype=int), strata)

    @property
    def stacked(self) -> Floats:
        """Numerators and denominators side by side, shape (clusters, columns + denominators)."""
        return np.hstack([self.numerators, self.denominators])

    def means_of(self, totals: Floats) -> Floats:
        """Return the macro means of weighted sums of the rows of `stacked`, shape (resamples, statistics)."""
        numerators, denominators = np.split(totals, [self.numerators.shape[1]], axis=1)
        by = denominators[:, self.denominator]
        there = by > 0.5
        quotient = np.divide(numerators, by, out=np.zeros_like(numerators), where=there)
        total, strata = quotient @ (self.strata > 0), there @ self.strata
        return np.asarray(np.divide(total, strata, out=np.full_like(total, np.nan), where=strata > 0))
