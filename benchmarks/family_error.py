"""How often a table without any effect has a star, and how many real effects have one; and how long the tests take.

    python benchmarks/family_error.py [SIMULATIONS]               default 4,000; a minute or two

Simulated are skewed drops of 60 questions in 24 rows that share a part, as recipes and languages do. Without an effect,
clean and attacked are exchanged at random, question by question; or, harder, the drops are skewed with a mean of 0,
where the test is right only for many questions. The share of tables with a star should be 5%.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from numpy.random import Generator, default_rng

from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.significance import holm, sign_flip_tests

QUESTIONS, ROWS, REAL = 60, 24, 6


def columns(sample: np.ndarray) -> ClusterMeans:
    cluster, stratum = np.indices(sample.shape)
    return cluster_means(sample, cluster, stratum, np.eye(sample.shape[1], dtype=bool), len(sample))


def drops(random: Generator, shared: float, exchanged: bool, shift: float = 0.0) -> ClusterMeans:
    """Return drops of which a part is shared by all rows; the first `REAL` rows have a mean of `shift`."""
    drop = shared * random.exponential(size=(QUESTIONS, 1)) + (1 - shared) * random.exponential(size=(QUESTIONS, ROWS))
    drop = np.where(random.random((QUESTIONS, 1)) < 0.5, drop, -drop) if exchanged else drop - 1
    return columns(drop + shift * (np.arange(ROWS) < REAL))


def main() -> None:
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    random = default_rng(0)
    error = np.sqrt(0.05 * 0.95 / simulations)
    print(f"{QUESTIONS} questions, {ROWS} rows, {simulations} tables; standard error of a share {error:.1%}")
    for exchanged in (True, False):
        for shared in (0.0, 0.5, 0.9):
            found = [sign_flip_tests([[drops(random, shared, exchanged)]], random, 499)[0] for _ in range(simulations)]
            alarm = np.mean([one.p_adjusted.min() <= 0.05 for one in found])
            by_holm = np.mean([np.nanmin(holm(one.p)) <= 0.05 for one in found])
            kind = "exchanged" if exchanged else "skewed"
            print(f"  {kind}, {shared:.0%} shared: a star in {alarm:.1%} of the tables; by Holm's method {by_holm:.1%}")
    for shared, shift in ((0.0, 0.55), (0.5, 0.5), (0.9, 0.7)):
        found = [
            sign_flip_tests([[drops(random, shared, True, shift)]], random, 1999)[0] for _ in range(simulations // 8)
        ]
        stars, of_holm = (
            np.mean([(p[:REAL] <= 0.05).mean() for p in adjusted])
            for adjusted in ([one.p_adjusted for one in found], [holm(one.p) for one in found])
        )
        print(f"  {shared:.0%} shared, {REAL} real drops: found {stars:.1%}; by Holm's method {of_holm:.1%}")
    table = columns(random.normal(size=(1190, 720)))
    contributions = table.contributions()
    for _ in range(2):
        start = time.perf_counter()
        sign_flip_tests([[table]], random)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        random.integers(0, 2, size=(10_000, 1190)).astype(float) @ contributions
        product = time.perf_counter() - start
    print(f"720 rows x 1,190 questions, 10,000 flips: {seconds:.2f} s, {seconds / product:.2f} x the product of flips")


if __name__ == "__main__":
    main()
