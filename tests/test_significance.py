"""Tests equal scipy's on plain samples and MNE's max-T where there are several; error rate and power are simulated."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator, default_rng
from scipy import stats

from robustbench_ir import attack
from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.significance import (
    effect_size,
    exchange_tests,
    holm,
    minimum_detectable,
    sign_flip_p,
    sign_flip_tests,
    standard_error,
    step_down,
)
from robustbench_ir.metrics.statistics import draws
from robustbench_ir.results.result import Result
from tests.support.results import result_of_ranks

GOLDEN = Path(__file__).parent / "golden"


def plain(sample: np.ndarray) -> ClusterMeans:
    """Return a sample of which each number is a cluster of its own, in one stratum."""
    return columns(sample[:, None])


def columns(sample: np.ndarray) -> ClusterMeans:
    """Return the mean of each column of a sample of shape (clusters, statistics), NaN for no case."""
    cluster, stratum = np.indices(sample.shape)
    return cluster_means(sample, cluster, stratum, np.eye(sample.shape[1], dtype=bool), len(sample))


def grid(value: np.ndarray) -> ClusterMeans:
    """Return the macro mean of values of shape (clusters, strata), NaN for no case."""
    cluster, stratum = np.indices(value.shape)
    return cluster_means(value, cluster, stratum, np.ones((value.shape[1], 1), dtype=bool), len(value))


def all_signs(clusters: int) -> np.ndarray:
    """Return all flips but the one that changes nothing, which the p values count by themselves."""
    return np.array(list(product([1.0, -1.0], repeat=clusters)))[1:]


def student(sample: np.ndarray) -> float:
    return abs(float(stats.ttest_1samp(sample, 0).statistic))


def by_enumeration(sample: np.ndarray) -> tuple[list[float], list[float]]:
    """Return p and p_adjusted over all flips: Westfall and Young's definition, with t statistics and plain loops."""
    tests = range(sample.shape[1])
    observed = [student(sample[:, one]) for one in tests]
    flipped = [[student(signs * sample[:, one]) for one in tests] for signs in (*all_signs(len(sample)), 1.0)]
    p = [sum(row[one] >= observed[one] - 1e-9 for row in flipped) / len(flipped) for one in tests]
    adjusted, largest_yet = [0.0] * len(observed), 0.0
    remaining = sorted(tests, key=lambda one: -observed[one])
    while remaining:
        one = remaining[0]
        share = sum(max(row[other] for other in remaining) >= observed[one] - 1e-9 for row in flipped) / len(flipped)
        adjusted[one] = largest_yet = max(largest_yet, share)
        remaining.pop(0)
    return p, adjusted


@pytest.mark.parametrize("case", json.loads((GOLDEN / "max_t.json").read_text(encoding="utf-8"))["cases"])
def test_adjusted_p_are_those_of_mne_over_all_flips(case: dict[str, list[float]]) -> None:
    """MNE leaves out one of the distinct flips; so counts are compared, and ours may have that one more."""
    sample = np.array(case["sample"])
    deviation = np.sqrt((sample**2).sum(axis=0))
    family = step_down(abs(sample.sum(axis=0)) / deviation, [abs(all_signs(len(sample)) @ sample) / deviation])
    distinct = 2 ** (len(sample) - 1)
    for ours, theirs in ((family.p, case["p"]), (family.p_adjusted, case["p_adjusted"])):
        more = ours * distinct - np.array(theirs) * (distinct - 1)
        np.testing.assert_allclose(more * (more - 1), 0, atol=1e-6)


def test_adjusted_p_are_near_those_of_all_flips_counted_by_hand() -> None:
    """Five rows that depend on each other, one of them twice, with two families that must not touch each other."""
    random = default_rng(4)
    sample = 0.6 * random.normal(size=(8, 1)) + random.exponential(size=(8, 5)) - np.array([0.2, 0.5, 0.7, 0.9, 1.0])
    sample[:, 3] = sample[:, 1]
    wanted, wanted_adjusted = by_enumeration(sample)
    alone, wanted_alone = by_enumeration(sample[:, 2:3])
    family, other = sign_flip_tests(
        [[columns(sample[:, :2]), columns(sample[:, 2:])], [columns(sample[:, 2:3])]], default_rng(1)
    )
    assert max(np.subtract(wanted_adjusted, wanted)) > 0.1, "the adjustment must matter"
    np.testing.assert_allclose(family.p, wanted, atol=0.015)
    np.testing.assert_allclose(family.p_adjusted, wanted_adjusted, atol=0.015)
    assert other.p_adjusted == pytest.approx(wanted_alone, abs=0.015)
    assert other.p_adjusted == pytest.approx(alone, abs=0.015)


def test_rows_that_are_the_same_cost_nothing() -> None:
    sample = default_rng(5).normal(0.3, 1, size=(60, 4))
    once, twice = (sign_flip_tests([[columns(some)]], default_rng(2), 2000)[0] for some in (sample, np.tile(sample, 3)))
    np.testing.assert_array_equal(twice.p_adjusted, np.tile(once.p_adjusted, 3))
    assert twice.critical == pytest.approx(once.critical)
    assert once.p_adjusted.min() < 1, "or nothing was compared"


def test_rows_that_cannot_change_cost_nothing() -> None:
    sample = default_rng(5).normal(0.3, 1, size=(60, 4))
    once, more = (
        sign_flip_tests([[columns(some)]], default_rng(2), 2000)[0]
        for some in (sample, np.hstack([sample, np.zeros((60, 9)), np.full((60, 2), np.nan)]))
    )
    np.testing.assert_array_equal(more.p_adjusted[:4], once.p_adjusted)
    np.testing.assert_array_equal(more.p_adjusted[4:], 1)


def test_the_smallest_adjusted_p_does_not_depend_on_the_number_of_tests() -> None:
    random = default_rng(6)
    sample = random.normal(size=(60, 700))
    sample[:, 0] += 3
    (family,) = sign_flip_tests([[columns(sample)]], default_rng(0), 999)
    assert family.p_adjusted[0] == 1 / 1000
    assert holm(family.p)[0] == pytest.approx(0.7), "which finds nothing, whatever the data"


def test_a_row_of_a_large_table_is_found() -> None:
    """615 tests by language, of 51 attacks that change little; Bengali falls to rank 30 in each question under one."""
    random, languages = default_rng(0), ("bn", *(f"x{number}" for number in range(11)))
    ranks = {(f"typo@{number}", 3): random.integers(1, 3, size=(60, 12)) for number in range(51)}
    ranks["transliteration@5", 5] = np.ones((60, 12), dtype=int)
    ranks["transliteration@5", 5][:, 0] = 30
    result = result_of_ranks(np.ones((60, 12), dtype=np.int32), ranks, languages)
    rows = [row for row in result.findings("multilingual", by="language") if not np.isnan(row.p)]
    assert len(rows) > 500
    (bengali,) = [row for row in rows if (row.recipe.label, row.severity, row.language) == ("transliteration", 5, "bn")]
    assert bengali.drop.value > 0.9
    assert bengali.p_adjusted == 1 / 10_001


def correlated(random: Generator, shift: float = 0.0) -> ClusterMeans:
    """Return skewed drops of 60 questions in 24 rows that share a part, exchangeable where there is no shift."""
    drop = random.exponential(size=(60, 1)) + 0.5 * random.exponential(size=(60, 24))
    return columns(np.where(random.random((60, 1)) < 0.5, drop, -drop) + shift * (np.arange(24) < 6))


def test_one_family_in_twenty_has_a_false_alarm_and_more_is_found_than_by_holm() -> None:
    """`benchmarks/family_error.py` does the same with many simulations. 0.018 is 2.6 standard errors of 1,000."""
    random = default_rng(7)
    alarms = [sign_flip_tests([[correlated(random)]], random, 199)[0].p_adjusted.min() <= 0.05 for _ in range(1000)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.018)
    found = [sign_flip_tests([[correlated(random, 0.7)]], random, 999)[0] for _ in range(50)]
    by_max_t = np.mean([(one.p_adjusted[:6] <= 0.05).mean() for one in found])
    by_holm = np.mean([(holm(one.p)[:6] <= 0.05).mean() for one in found])
    assert by_max_t > by_holm + 0.1


def test_the_exchange_of_medians_is_near_that_of_scipy() -> None:
    random = default_rng(5)
    before = random.normal(size=15)
    after = before + random.normal(0.5, 0.6, size=15)
    theirs = stats.permutation_test(
        (before, after), lambda a, b, axis: np.median(b, axis) - np.median(a, axis), permutation_type="samples",
        n_resamples=np.inf, vectorized=True,
    ).pvalue  # fmt: skip
    ours = exchange_tests([(before, after)], np.arange(15), 15, default_rng(1))
    assert ours.p[0] == pytest.approx(theirs, abs=0.015)
    assert ours.p_adjusted[0] == ours.p[0]


def test_medians_are_adjusted_with_the_same_exchanges() -> None:
    """Two pairs, over all 2^8 exchanges; the distances are in root mean squares of the exchanges, the data included."""
    random = default_rng(8)
    before = random.normal(size=(2, 8))
    after = before + random.normal(0.7, 0.8, size=(2, 8))
    apart = []
    for signs in (*all_signs(8), np.ones(8)):
        first, second = np.where(signs > 0, before, after), np.where(signs > 0, after, before)
        apart.append(abs(np.median(second, axis=1) - np.median(first, axis=1)))
    distance = np.array(apart) / np.sqrt(np.mean(np.square(apart), axis=0))
    one = int(distance[-1].argmax())
    ours = exchange_tests([*zip(before, after, strict=True)], np.arange(8), 8, default_rng(1))
    wanted = np.mean(distance.max(axis=1) >= distance[-1, one] - 1e-6)
    assert ours.p_adjusted[one] == pytest.approx(wanted, abs=0.015)
    assert wanted > ours.p[one] + 0.02, "the adjustment must matter"
    assert ours.p_adjusted[1 - one] == pytest.approx(max(wanted, ours.p[1 - one]), abs=0.015)


def test_p_is_near_that_of_scipy_and_of_all_flips() -> None:
    sample = default_rng(2).normal(0.35, 1, size=12)
    exact = stats.permutation_test((sample,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip_p([plain(sample)], default_rng(3))[0][0] == pytest.approx(exact, abs=0.01)


def test_p_can_never_be_zero_and_is_one_without_differences() -> None:
    assert sign_flip_p([plain(np.full(50, 0.2))], default_rng(0), 999)[0][0] == 1 / 1000
    assert sign_flip_p([plain(np.zeros(50))], default_rng(0), 999)[0][0] == 1


def test_effect_size_and_standard_error_of_a_plain_sample() -> None:
    sample = default_rng(10).normal(0.5, 2, size=40)
    spread = sample.std(ddof=1)
    assert effect_size(plain(sample))[0] == pytest.approx(sample.mean() / spread)
    assert standard_error(plain(sample))[0] == pytest.approx(stats.sem(sample))


def test_a_language_with_few_questions_has_the_effect_size_and_error_of_these() -> None:
    """Twelve of sixty questions: the other 48 say nothing about this language."""
    sample = default_rng(10).normal(0.5, 2, size=(60, 2))
    sample[12:, 1] = np.nan
    few = sample[:12, 1]
    assert effect_size(columns(sample))[1] == pytest.approx(few.mean() / few.std(ddof=1))
    assert standard_error(columns(sample))[1] == pytest.approx(stats.sem(few))


@pytest.mark.parametrize(("rows", "questions"), [(1, 40), (8, 60)])
def test_the_smallest_detectable_drop_is_found_in_four_of_five_samples(rows: int, questions: int) -> None:
    """One row: 2.80 standard errors for many questions. Eight independent rows: 3.57 by Bonferroni's method."""
    random = default_rng(2)
    sample = random.normal(size=(questions, rows))
    critical = sign_flip_tests([[columns(sample)]], random)[0].critical
    assert critical == pytest.approx(stats.norm.ppf(1 - 0.025 / rows), abs=0.12)
    detectable = minimum_detectable(columns(sample), critical)[0]
    found = []
    for _ in range(400):
        drawn = random.normal(size=(questions, rows))
        drawn[:, 0] += detectable / sample[:, 0].std(ddof=1)
        found.append(sign_flip_tests([[columns(drawn)]], random, 500)[0].p_adjusted[0] <= 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)


def test_where_no_difference_can_be_found_the_smallest_detectable_is_infinite() -> None:
    """Of four questions, the smallest p is 2 / 16."""
    sample = default_rng(3).normal(size=(4, 1))
    assert minimum_detectable(plain(sample[:, 0]), 2.0)[0] == np.inf
    assert minimum_detectable(plain(np.zeros(9)), 2.0)[0] == 0
    assert np.isnan(minimum_detectable(plain(np.array([0.3])), 2.0)[0]), "a single question has no standard error"


def test_the_standard_error_of_a_macro_mean_is_near_the_spread_of_its_resamples() -> None:
    value = default_rng(11).random((200, 4))
    value[default_rng(12).random((200, 4)) < 0.3] = np.nan
    (draw,) = draws([grid(value)], default_rng(13), 4000)
    assert standard_error(grid(value))[0] == pytest.approx(draw[0, 201:].std(), rel=0.05)


def test_holm_by_hand() -> None:
    """0.005 x 4, 0.01 x 3, 0.03 x 2; 0.04 x 1 would be below the one before it. A test not made does not count."""
    found = holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    np.testing.assert_allclose(found, [0.03, 0.06, np.nan, 0.06, 0.02])


@pytest.fixture(scope="module")
def small() -> Result:
    return attack("char-ngram", recipes=["typo", "transliteration"], languages=["en", "hi", "sw"], severities=[1, 5])


def test_the_rows_of_a_table_are_adjusted_together(small: Result) -> None:
    """p of a drop, not of a recipe that is not run, and not with the tests of rank distance."""
    rows = small.findings("multilingual", by="language", resamples=500)
    alone = [row.p for row in rows if not np.isnan(row.p)]
    assert len(alone) == 8, "only Hindi is transliterated"
    for row in rows:
        assert np.isnan(row.p) == np.isnan(row.p_adjusted)
        assert np.isnan(row.p) or row.p <= row.p_adjusted <= 1
    few = small.findings("multilingual", resamples=500)
    # In standard deviations over questions: minimum_detectable / (drop / effect_size).
    wide, narrow = (some[0].minimum_detectable * some[0].effect_size / some[0].drop.value for some in (rows, few))
    assert wide > narrow > 2.8 / np.sqrt(60), "eight tests need more than four, and four more than one"
