"""Whether the intervals and tests of the score sheet are what they say, and how long they take.

    python benchmarks/interval_coverage.py                        coverage of intervals and uniformity of p, simulated
    python benchmarks/interval_coverage.py results/e5.json        seconds for all intervals of a result
    python benchmarks/interval_coverage.py --real [A.json B.json] coverage, real queries of two encoders resampled

Simulated are skewed, clustered drops: a part that all languages of a question share, a part of each query, some queries
missing. The 95% interval must hold the truth in 93% to 97% of the simulations, p must be uniform where the drop is 0.
The worst language is tried where it is hardest: all languages lose the same, and chance alone says which is the worst.

Real are the queries of two results on one task, the same cells in both, with a single severity: drawn are questions,
and for every drawn query its seeds, each with replacement. The truth is the value over all questions and seeds of the
results. Without files they are two submissions of the leaderboard, which have one seed, so that questions vary alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from scipy.stats import kstest

from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.sheet import sheet_of
from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.findings import ratio
from robustbench_ir.metrics.settings import Setting, per_query_scores, rank_distances
from robustbench_ir.metrics.significance import sign_flip_p
from robustbench_ir.metrics.statistics import (
    IntervalMethod,
    bootstrap_intervals,
    draws,
    median_draws,
    simultaneous,
)
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.file import load_result
from robustbench_ir.results.result import Cell

LANGUAGES = 5
CLEAN = 0.6
DROPS = np.array([0.0, 0.02, 0.05, 0.1, 0.13])
NUMBERS = ("drop", "relative drop", "RD change", "difference of encoders' drops")
METHODS: tuple[IntervalMethod, ...] = ("percentile", "bca", "wider")
SETTING: Setting = "multilingual"
SUBMISSIONS = [
    Path("leaderboard/submissions/xquad-r", f"{name}.json") for name in ("char-ngram", "multilingual-e5-small-4bit")
]


def simulated(random: Generator, questions: int, drops: np.ndarray = DROPS) -> tuple[np.ndarray, np.ndarray]:
    """Return clean and attacked values, shape (questions, languages), NaN where a query is missing."""
    shared = random.exponential(size=(questions, 1)) - 1
    own = random.exponential(size=(questions, LANGUAGES)) - 1
    clean = CLEAN + 0.2 * random.standard_normal((questions, 1)) + 0.1 * random.standard_normal((questions, LANGUAGES))
    attacked = clean - (drops + 0.1 * shared + 0.1 * own)
    missing = random.random((questions, LANGUAGES)) < 0.2
    clean[missing] = attacked[missing] = np.nan
    return clean, attacked


def table(value: np.ndarray, by: str | None = None) -> ClusterMeans:
    """Return the macro mean of values of shape (questions, languages), or a mean for each language."""
    cluster, stratum = np.indices(value.shape)
    languages = value.shape[1]
    members = np.eye(languages, dtype=bool) if by == "language" else np.ones((languages, 1), dtype=bool)
    return cluster_means(value, cluster, stratum, members, len(value))


def coverage(questions: int, simulations: int, resamples: int, random: Generator) -> dict[str, float]:
    truth = {"clean": CLEAN, "drop": DROPS.mean(), "relative drop": DROPS.mean() / CLEAN}
    hits = {(name, method): 0 for name in truth for method in METHODS}
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
        (draw,) = draws([table(clean - attacked, "language")], random, resamples)
        worst = int(draw[:, 0].argmax())
        excess += draw[worst, 0] - truth
        one = bootstrap_intervals(draw[[worst]], questions, "bca")[0]
        other = simultaneous(draw, questions)[worst]
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


@dataclass(frozen=True)
class Population:
    """Values of parallel queries; attacked ones have shape (questions, languages, seeds), clean ones one seed."""

    clean: np.ndarray
    attacked: np.ndarray
    clean_distance: np.ndarray
    distance: np.ndarray

    def sample(self, questions: np.ndarray, seeds: np.ndarray) -> Population:
        """Return drawn questions, with the seeds (questions, languages, number) of each of their queries."""
        found = (
            np.take_along_axis(one[questions], seeds % one.shape[2], axis=2).mean(axis=2, keepdims=True)
            for one in (self.clean, self.attacked, self.clean_distance, self.distance)
        )
        return Population(*found)

    @property
    def mean_of_seeds(self) -> Population:
        """The population with the mean over seeds in place of each."""
        return Population(*(one.mean(axis=2, keepdims=True) for one in vars(self).values()))

    def means(self, by: str | None = None) -> tuple[ClusterMeans, ClusterMeans, ClusterMeans]:
        """Return clean, attacked, and the change of rank distance."""
        change = self.distance - self.clean_distance
        return table(self.clean[..., 0], by), table(self.attacked[..., 0], by), table(change[..., 0], by)


def of_result(path: Path) -> dict[str, Population]:
    result = load_result(path)
    layout = result.judgements

    def values(cells: Sequence[Cell], name: str) -> np.ndarray:
        grid = np.full((layout.questions, len(layout.query_languages), len(cells)), np.nan)
        for number, cell in enumerate(cells):
            distance = name == "distance"
            found = (
                rank_distances(layout, cell.ranks) if distance else per_query_scores(layout, cell.ranks, "AP", SETTING)
            )
            grid[layout.question, layout.query_language, number] = found
        return grid

    return {
        recipe.label: Population(
            *(values(some, name) for name in ("AP", "distance") for some in ([result.clean], cells))
        )
        for (recipe, _), cells in result.groups.items()
    }


def of_submission(path: Path) -> dict[str, Population]:
    entry = read_entry(path)
    sheet, question = sheet_of(entry), np.array(entry.task.question)
    language = np.repeat(np.arange(len(entry.task.queries)), list(entry.task.queries.values()))

    def values(rows: Sequence[int], found: np.ndarray) -> np.ndarray:
        grid = np.full((question.max() + 1, language.max() + 1, len(rows)), np.nan)
        grid[question, language] = found[rows].T
        return grid

    both = sheet.average_precision[SETTING], sheet.rank_distance
    return {
        AttackIdentity.parse(recipe).label: Population(*(values(some, one) for one in both for some in ([0], rows)))
        for (recipe, _), rows in sheet.groups.items()
        if rows != [0]
    }


def drawn(samples: Sequence[Population], random: Generator, resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the draws of `NUMBERS`, and those of the relative drop in each language, of the first encoder."""
    first, second = samples
    before, after, distance = first.means()
    lost = table((first.clean - first.attacked)[..., 0] - (second.clean - second.attacked)[..., 0])
    by_language = first.means("language")[:2]
    whole, attacked, change, difference, *each = draws([before, after, distance, lost, *by_language], random, resamples)
    fall = whole - attacked
    return np.concatenate([fall, ratio(fall, whole), change, difference]), ratio(each[0] - each[1], each[0])


def real_coverage(
    encoders: Sequence[Population], questions: int, seeds: int, simulations: int, resamples: int
) -> list[str]:
    """Return how often each interval holds the value over all questions and seeds of the results."""
    random, first = np.random.default_rng(questions), encoders[0]
    truth, truth_by_language = (one[:, 0] for one in drawn([one.mean_of_seeds for one in encoders], random, 1))
    hits: dict[IntervalMethod, np.ndarray] = {"wider": np.zeros(len(NUMBERS)), "bca": np.zeros(len(NUMBERS))}
    of_worst = 0
    for _ in range(simulations):
        rows = random.integers(0, len(first.clean), size=questions)
        of_seeds = random.integers(0, first.attacked.shape[2], size=(questions, first.clean.shape[1], seeds))
        found, by_language = drawn([one.sample(rows, of_seeds) for one in encoders], random, resamples)
        for method, count in hits.items():
            count += [
                one.low <= right <= one.high
                for one, right in zip(bootstrap_intervals(found, questions, method), truth, strict=True)
            ]
        worst = int(np.nanargmax(by_language[:, 0]))
        one = simultaneous(by_language, questions)[worst]
        of_worst += one.low <= truth_by_language[worst] <= one.high
    shares = zip(hits["wider"] / simulations, hits["bca"] / simulations, strict=True)
    return [*(f"{share:.1%} ({of_bca:.1%})" for share, of_bca in shares), f"{of_worst / simulations:.1%}"]


def print_real(paths: Sequence[Path], simulations: int, resamples: int) -> None:
    """Print a table in Markdown: rows are recipes, numbers of questions and of seeds."""
    read = of_result if paths else of_submission
    first, second = (read(path) for path in paths or SUBMISSIONS)
    names = " and ".join(path.stem for path in paths or SUBMISSIONS)
    print(f"{names}, {SETTING}, {simulations} samples; BCa alone in brackets\n")
    print(
        f"| recipe, questions, seeds | {' | '.join((*NUMBERS, 'worst language'))} |\n|---|{'--:|' * (len(NUMBERS) + 1)}"
    )
    for recipe, population in first.items():
        for questions in (60, 250):
            for seeds in (1, 3) if population.attacked.shape[2] > 1 else (1,):
                shares = real_coverage([population, second[recipe]], questions, seeds, simulations, resamples)
                print(f"| {recipe}, {questions}, {seeds} | {' | '.join(shares)} |", flush=True)


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
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=2000)
    arguments = parser.parse_args()
    if arguments.real:
        print_real(arguments.results, arguments.simulations, arguments.resamples)
        return
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
            f"  worst language: its drop is too large by {excess:.4f} on average; its BCa interval holds the truth in"
        )
        print(f"  {usual:.1%}, the one of all languages at once in {share:.1%}  {'ok' if share >= 0.93 else 'OFF'}")
        p = null_p(questions, arguments.simulations, arguments.resamples, random)
        test = kstest(p, "uniform")
        print(f"  p under the null: {np.mean(p <= 0.05):.1%} at or below 0.05; uniform? KS p = {test.pvalue:.2f}")


if __name__ == "__main__":
    main()
