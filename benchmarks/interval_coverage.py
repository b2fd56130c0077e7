"""Whether the intervals and tests of the score sheet are what they say, and how long they take.

    python benchmarks/interval_coverage.py                        coverage of intervals and uniformity of p, simulated
    python benchmarks/interval_coverage.py results/e5.json        seconds for all intervals of a result

Simulated are skewed, clustered drops: a part that all languages of a question share, a part of each query, some queries
missing. The 95% interval must hold the truth in 93% to 97% of the simulations, p must be uniform where the drop is 0.
The worst language is tried where it is hardest: all languages lose the same, and chance alone says which is the worst.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.random import Generator
from scipy.stats import kstest

from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.statistics import (
    IntervalMethod,
    bootstrap_intervals,
    draws,
    median_draws,
    sign_flip_p,
    simultaneous,
)
from robustbench_ir.results.file import load_result

LANGUAGES = 5
CLEAN = 0.6
DROPS = np.array([0.0, 0.02, 0.05, 0.1, 0.13])


def simulated(random: Generator, questions: int, drops: np.ndarray = DROPS) -> tuple[np.ndarray, np.ndarray]:
    """Return clean and attacked values, shape (questions, languages), NaN where a query is missing."""
    shared = random.exponential(size=(questions, 1)) - 1
    own = random.exponential(size=(questions, LANGUAGES)) - 1
    clean = CLEAN + 0.2 * random.standard_normal((questions, 1)) + 0.1 * random.standard_normal((questions, LANGUAGES))
    attacked = clean - (drops + 0.1 * shared + 0.1 * own)
    missing = random.random((questions, LANGUAGES)) < 0.2
    clean[missing] = attacked[missing] = np.nan
    return clean, attacked


def table(value: np.ndarray) -> ClusterMeans:
    cluster, stratum = np.indices(value.shape)
    return cluster_means(value, cluster, stratum, np.ones((LANGUAGES, 1), dtype=bool), len(value))


def coverage(questions: int, simulations: int, resamples: int, random: Generator) -> dict[str, float]:
    truth = {"clean": CLEAN, "drop": DROPS.mean(), "relative drop": DROPS.mean() / CLEAN}
    hits = {(name, method): 0 for name in truth for method in ("percentile", "bca")}
    for _ in range(simulations):
        clean, attacked = simulated(random, questions)
        before, after = draws([table(clean), table(attacked)], random, resamples)
        found = {"clean": before, "drop": before - after, "relative drop": (before - after) / before}
        for name, method in hits:
            one = bootstrap_intervals(found[name], questions, method)[0]
            hits[name, method] += one.low <= truth[name] <= one.high
    return {f"{name}, {method}": hit / simulations for (name, method), hit in hits.items()}


def median_coverage(questions: int, simulations: int, resamples: int, random: Generator) -> dict[IntervalMethod, float]:
    """Return how often the interval of the median over all queries holds the truth, which is that of a normal."""
    hits: dict[IntervalMethod, int] = {"percentile": 0, "bca": 0}
    for _ in range(simulations):
        clean, _ = simulated(random, questions)
        (draw,) = median_draws(
            [clean.ravel()], np.repeat(np.arange(questions), LANGUAGES), questions, random, resamples
        )
        for method in hits:
            one = bootstrap_intervals(draw, questions, method)[0]
            hits[method] += one.low <= CLEAN <= one.high
    return {method: hit / simulations for method, hit in hits.items()}


def worst_coverage(questions: int, simulations: int, resamples: int, random: Generator) -> tuple[float, float, float]:
    """Return how often the usual and the simultaneous interval hold the worst language's drop, and its mean excess."""
    truth, usual, together, excess = 0.06, 0, 0, 0.0
    for _ in range(simulations):
        clean, attacked = simulated(random, questions, np.full(LANGUAGES, truth))
        cluster, stratum = np.indices(clean.shape)
        means = cluster_means(clean - attacked, cluster, stratum, np.eye(LANGUAGES, dtype=bool), questions)
        (draw,) = draws([means], random, resamples)
        worst = int(draw[:, 0].argmax())
        excess += draw[worst, 0] - truth
        one, other = bootstrap_intervals(draw[[worst]], questions)[0], simultaneous(draw, questions)[worst]
        usual += one.low <= truth <= one.high
        together += other.low <= truth <= other.high
    return usual / simulations, together / simulations, excess / simulations


def null_p(questions: int, simulations: int, resamples: int, random: Generator) -> np.ndarray:
    """Return p values where clean and attacked could be exchanged, question by question."""
    found = []
    for _ in range(simulations):
        clean, attacked = simulated(random, questions)
        exchanged = np.where(random.random((questions, 1)) < 0.5, clean - attacked, attacked - clean)
        found.append(sign_flip_p([table(exchanged)], random, resamples)[0][0])
    return np.array(found)


def timed(path: Path) -> None:
    result = load_result(path)
    start, used = time.perf_counter(), time.process_time()
    for setting in result.settings:
        result.findings(setting, by="language")
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    cells = len(result.groups) * len(result.judgements.query_languages) * len(result.settings)
    print(f"{path}: 8 numbers of {cells} rows, 10,000 resamples and sign flips: {wall:.2f} s, {cpu:.2f} s of processor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=Path)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=2000)
    arguments = parser.parse_args()
    for path in arguments.results:
        timed(path)
    if arguments.results:
        return
    for questions in (60, 300):
        random = np.random.default_rng(questions)
        print(f"{questions} questions, {LANGUAGES} languages, {arguments.simulations} simulations")
        for name, share in coverage(questions, arguments.simulations, arguments.resamples, random).items():
            print(
                f"  95% interval of {name}: holds the truth in {share:.1%}  {'ok' if 0.93 <= share <= 0.97 else 'OFF'}"
            )
        for method, share in median_coverage(questions, arguments.simulations, arguments.resamples, random).items():
            verdict = "ok" if 0.93 <= share <= 0.97 else "OFF"
            print(f"  95% interval of a median, {method}: holds the truth in {share:.1%}  {verdict}")
        usual, share, excess = worst_coverage(questions, arguments.simulations, arguments.resamples, random)
        print(
            f"  worst language: its drop is too large by {excess:.4f} on average; its usual interval holds the truth in"
        )
        print(f"  {usual:.1%}, the one of all languages at once in {share:.1%}  {'ok' if share >= 0.93 else 'OFF'}")
        p = null_p(questions, arguments.simulations, arguments.resamples, random)
        test = kstest(p, "uniform")
        print(f"  p under the null: {np.mean(p <= 0.05):.1%} at or below 0.05; uniform? KS p = {test.pvalue:.2f}")


if __name__ == "__main__":
    main()
