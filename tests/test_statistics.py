"""Intervals equal scipy's on plain samples, and are right where scipy has nothing: clusters, macro means."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from rich.console import Console
from scipy import stats

from robustbench_ir import attack
from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.statistics import (
    Estimate,
    bootstrap_intervals,
    draws,
    median_draws,
    simultaneous,
    tail,
)
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.results.result import Result


def plain(sample: np.ndarray) -> ClusterMeans:
    """Return a sample of which each number is a cluster of its own, in one stratum."""
    one = np.ones((1, 1), dtype=bool)
    return cluster_means(sample, np.arange(len(sample)), np.zeros(len(sample), dtype=int), one, len(sample))


def grid(value: np.ndarray) -> ClusterMeans:
    """Return the macro mean of values of shape (clusters, strata), NaN for no case."""
    cluster, stratum = np.indices(value.shape)
    return cluster_means(value, cluster, stratum, np.ones((value.shape[1], 1), dtype=bool), len(value))


def macro_mean(value: np.ndarray) -> float:
    return float(np.nanmean(np.nanmean(value, axis=0)))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_are_those_of_scipy_with_the_same_resamples(method: str) -> None:
    sample = default_rng(1).exponential(size=60)
    (draw,) = draws([plain(sample)], default_rng(5), 9999)
    theirs = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=9999,
        confidence_level=1 - 2 * tail(60),
        method="BCa" if method == "bca" else method,
        rng=default_rng(5),
    ).confidence_interval
    ours = bootstrap_intervals(draw, len(sample), method)[0]
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=1e-12)
    assert ours.value == pytest.approx(sample.mean())


def test_ties_are_half_below_in_bca_as_scipy_counts_them() -> None:
    """Of a share of 20 questions every fifth resample is the estimate itself."""
    sample = (default_rng(1).random(20) < 0.3).astype(float)
    (draw,) = draws([plain(sample)], default_rng(5), 9999)
    assert np.mean(draw[0, 21:] == draw[0, 0]) > 0.1
    theirs = stats.bootstrap(
        (sample,), np.mean, n_resamples=9999, confidence_level=1 - 2 * tail(20), method="BCa", rng=default_rng(5)
    ).confidence_interval
    ours = bootstrap_intervals(draw, 20, "bca")[0]
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=1e-12)


def test_ties_are_ties_up_to_rounding() -> None:
    """The drop as a difference of two means, and as the mean of differences: equal but for the last bits."""
    random = default_rng(2)
    clean = 1 / random.integers(1, 4, size=25)
    attacked = np.where(random.random(25) < 0.3, clean / 3, clean)
    before, after, drop = draws([plain(clean), plain(attacked), plain(clean - attacked)], default_rng(3), 4000)
    assert (before - after != drop).any()
    one, other = (bootstrap_intervals(found, 25, "bca")[0] for found in (before - after, drop))
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-12)


def test_the_wider_interval_is_students_where_that_is_farther_and_bca_elsewhere() -> None:
    """A sample with one far value: BCa is shifted towards it, and falls short of Student's on the other side."""
    sample = np.append(default_rng(1).normal(size=59), 12.0)
    (draw,) = draws([plain(sample)], default_rng(5), 9999)
    bca, wider = (bootstrap_intervals(draw, 60, method)[0] for method in ("bca", "wider"))
    student = stats.ttest_1samp(sample, 0).confidence_interval()
    assert bca.low > student.low
    assert bca.high > student.high
    assert (wider.low, wider.high) == pytest.approx((student.low, bca.high), abs=1e-12)


def test_the_wider_interval_of_a_share_stays_one() -> None:
    sample = (np.arange(30) < 1).astype(float)
    (draw,) = draws([plain(sample)], default_rng(5), 999)
    found = bootstrap_intervals(draw, 30)[0]
    assert stats.ttest_1samp(sample, 0).confidence_interval().low < 0 <= found.low
    assert found.high <= 1


def test_a_language_with_few_questions_has_the_level_of_these() -> None:
    """Eight of forty questions: Student's t has seven degrees of freedom, not thirty-nine."""
    value = default_rng(1).exponential(size=(40, 2))
    value[8:, 1] = np.nan
    means = languages_of(value)
    (draw,) = draws([means], default_rng(2), 20_000)
    whole, few = bootstrap_intervals(draw, 40, "percentile", means.clusters)
    assert (whole, few) != tuple(bootstrap_intervals(draw, 40, "percentile"))
    assert whole == bootstrap_intervals(draw, 40, "percentile")[0]
    level = stats.norm.cdf(stats.t.ppf(0.025, 7) * np.sqrt(8 / 7))
    resampled = draw[1, 41:][~np.isnan(draw[1, 41:])]
    assert (few.low, few.high) == pytest.approx(tuple(np.quantile(resampled, [level, 1 - level])))
    every, of_few = simultaneous(draw, 40, means.clusters)
    assert every.half_width == pytest.approx(simultaneous(draw, 40)[0].half_width)
    assert of_few.half_width == pytest.approx(
        simultaneous(draw, 40)[1].half_width
        * (stats.t.ppf(0.975, 7) * np.sqrt(8 / 7)) / (stats.t.ppf(0.975, 39) * np.sqrt(40 / 39))
    )  # fmt: skip


def languages_of(value: np.ndarray) -> ClusterMeans:
    """Return the mean of each column of values of shape (clusters, strata)."""
    cluster, stratum = np.indices(value.shape)
    return cluster_means(value, cluster, stratum, np.eye(value.shape[1], dtype=bool), len(value))


def test_simultaneous_intervals_reach_as_far_as_sidaks_for_independent_means() -> None:
    value = default_rng(1).normal(size=(500, 6))
    value[:, 5] = 0.25
    (draw,) = draws([languages_of(value)], default_rng(2), 20_000)
    *found, constant = simultaneous(draw, 500)
    low, high = (stats.norm.ppf((1 - error) ** (1 / 5)) for error in (0.045, 0.005))
    for one, column in zip(found, value.T, strict=False):
        assert one.value == pytest.approx(column.mean())
        assert one.value - one.low == pytest.approx(low * stats.sem(column), rel=0.03)
        assert one.high - one.value == pytest.approx(high * stats.sem(column), rel=0.03)
    assert constant == Estimate(0.25, 0.25, 0.25), "a language that is not covered widens nothing"


def test_of_one_mean_a_simultaneous_interval_is_students_with_more_error_below() -> None:
    value = default_rng(1).normal(size=(300, 1))
    (draw,) = draws([languages_of(value)], default_rng(2), 20_000)
    one = simultaneous(draw, 300)[0]
    sem = float(stats.sem(value[:, 0]))
    assert one.value - one.low == pytest.approx(stats.t.ppf(0.955, 299) * sem, rel=0.02)
    assert one.high - one.value == pytest.approx(stats.t.ppf(0.995, 299) * sem, rel=0.03)


def test_simultaneous_intervals_of_nothing_and_of_one_question_are_none() -> None:
    (draw,) = draws([languages_of(np.full((5, 2), np.nan))], default_rng(0), 10)
    assert np.isnan([[one.value, one.low, one.high] for one in simultaneous(draw, 5)]).all()
    (draw,) = draws([languages_of(np.array([[0.1, 0.2]]))], default_rng(0), 10)
    assert np.isnan([one.low for one in simultaneous(draw, 1)]).all()


def test_medians_are_drawn_as_numpys() -> None:
    """Some queries missing, ties, an even and an odd number of values, more values than stretches."""
    random = default_rng(4)
    for queries in (7, 400):
        value = random.integers(0, 60, size=queries).astype(float)
        value[random.random(queries) < 0.2] = np.nan
        cluster = random.integers(0, 30, size=queries)
        (draw,) = median_draws([value], cluster, 30, default_rng(6), 200)
        chosen = default_rng(6).integers(0, 30, size=(200, 30))
        wanted = [np.concatenate([value[cluster == one] for one in rows]) for rows in chosen]
        wanted = [np.nan if np.isnan(one).all() else np.nanmedian(one) for one in wanted]
        np.testing.assert_array_equal(draw[0, 31:], wanted)
        np.testing.assert_array_equal(draw[0, 1:31], [np.nanmedian(value[cluster != one]) for one in range(30)])
        assert draw[0, 0] == np.nanmedian(value)


def test_the_level_makes_up_for_few_clusters() -> None:
    """Resamples spread by the standard error x root((n - 1) / n): the interval reaches as far as Student's."""
    for clusters in (5, 60, 1190):
        reach = -stats.norm.ppf(tail(clusters)) * np.sqrt((clusters - 1) / clusters)
        assert reach == pytest.approx(stats.t.ppf(0.975, clusters - 1))


def test_macro_means_are_drawn_as_such() -> None:
    """A loop that draws questions and averages anew gives the same draws, with queries missing here and there."""
    value = default_rng(4).random((30, 3))
    value[default_rng(5).random((30, 3)) < 0.4] = np.nan
    table = grid(value)
    (draw,) = draws([table], default_rng(6), 200)
    chosen = default_rng(6).integers(0, 30, size=(200, 30))
    np.testing.assert_allclose(draw[0, 31:], [macro_mean(value[rows]) for rows in chosen], atol=1e-12)
    np.testing.assert_allclose(draw[0, 1:31], [macro_mean(np.delete(value, one, axis=0)) for one in range(30)])
    assert draw[0, 0] == pytest.approx(macro_mean(value))
    assert table.estimate()[0] == pytest.approx(macro_mean(value))
    assert table.contributions().sum() == pytest.approx(macro_mean(value))


def test_a_language_that_is_not_in_a_resample_is_left_out_of_its_macro_mean() -> None:
    value = np.array([[1.0, np.nan], [0.5, np.nan], [0.0, 0.2]])
    (draw,) = draws([grid(value)], default_rng(0), 50)
    assert draw[0, 3] == pytest.approx(0.75), "without the third question there is one language"
    assert not np.isnan(draw).any()


def test_blocks_of_resamples_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    value = default_rng(7).random((20, 2))
    (whole,) = draws([grid(value)], default_rng(8), 100)
    monkeypatch.setattr("robustbench_ir.metrics.statistics.WEIGHTS_AT_ONCE", 60)
    (small,) = draws([grid(value)], default_rng(8), 100)
    np.testing.assert_allclose(small, whole, rtol=0, atol=1e-12)


def test_parallel_queries_are_one_cluster() -> None:
    """Eleven copies of a question say no more than one; as independent ones they would narrow it 3.3 times."""
    question = default_rng(9).random((80, 1))
    one, eleven = (
        bootstrap_intervals(draws([grid(value)], default_rng(1), 2000)[0], 80)[0]
        for value in (question, np.tile(question, 11))
    )
    assert eleven.half_width == pytest.approx(one.half_width, rel=1e-9)


def test_one_question_has_no_interval_and_equal_ones_an_empty_one() -> None:
    alone = bootstrap_intervals(draws([plain(np.array([0.3]))], default_rng(0), 10)[0], 1)[0]
    assert alone.value == 0.3
    assert np.isnan([alone.low, alone.high]).all()
    same = bootstrap_intervals(draws([plain(np.full(9, 0.25))], default_rng(0), 10)[0], 9)[0]
    assert same == Estimate(0.25, 0.25, 0.25)


def test_nothing_at_all_is_nan() -> None:
    empty = bootstrap_intervals(draws([plain(np.full(5, np.nan))], default_rng(0), 10)[0], 5)[0]
    assert np.isnan([empty.value, empty.low, empty.high]).all()


@pytest.fixture(scope="module")
def small() -> Result:
    return attack("char-ngram", recipes=["typo", "transliteration"], languages=["en", "hi", "sw"], severities=[1, 5])


def test_findings_are_the_drops_with_intervals(small: Result) -> None:
    without = {("transliteration", "en"), ("transliteration", "sw")}
    for setting in small.settings:
        for by in (None, "language"):
            rows = small.findings(setting, by=by, resamples=200)
            for row, drop in zip(rows, small.drops(setting, by=by), strict=True):
                assert (row.recipe, row.severity, row.language) == (drop.recipe, drop.severity, drop.language)
                for ours, theirs in (
                    (row.clean, drop.clean),
                    (row.attacked, drop.attacked),
                    (row.drop, drop.absolute),
                    (row.relative_drop, drop.relative),
                    (row.changed_only, drop.changed_only),
                    (row.rank_distance_change, drop.rank_distance_change),
                ):
                    assert ours.value == pytest.approx(theirs, nan_ok=True, abs=1e-12)
                assert np.isnan(drop.absolute) == ((row.recipe.label, row.language) in without)
                assert np.isnan(drop.absolute) or row.drop.low <= row.drop.value <= row.drop.high
                assert row.robustness.value == pytest.approx(1 - row.relative_drop.value, nan_ok=True)
                assert np.isnan(row.p) == (not drop.coverage > 0), "where nothing changed there is nothing to test"


def test_findings_are_the_same_every_time_and_the_sixty_questions_are_the_clusters(small: Result) -> None:
    one, again = (small.findings("cross-lingual", resamples=100) for _ in range(2))
    assert one == again
    assert {row.questions for row in one} == {60}


def test_a_language_that_is_not_covered_has_no_drop(small: Result) -> None:
    rows = small.findings("monolingual", by="language", resamples=100)
    (row,) = [one for one in rows if (one.recipe, one.severity, one.language) == ("transliteration@5", 5, "en")]
    assert np.isnan([row.clean.value, row.drop.value, row.drop.low, row.drop.high, row.changed_only.value]).all()


def test_a_result_without_attacks_has_clean_rows_only(small: Result) -> None:
    clean = replace(small, attacked=())
    assert clean.findings("monolingual", by="relation") == clean.bias_findings() == clean.summaries("monolingual") == []
    (row,) = clean.findings("monolingual", resamples=100)
    attacked = small.findings("monolingual", resamples=100)[0]
    assert (row.recipe, row.severity, row.clean.value) == ("clean", 0, attacked.clean.value)
    assert np.isnan([row.attacked.value, row.drop.value, row.drop.low, row.p, row.coverage]).all()
    assert set(clean.to_frame(resamples=100)["recipe"]) == {"clean"}


def test_a_language_without_any_case_has_no_number(small: Result) -> None:
    """Swahili queries whose passages are in no language of their own: monolingual is not defined for them."""
    pool = {"qq" if language == "sw" else language: size for language, size in small.judgements.pool.items()}
    result = replace(small, judgements=replace(small.judgements, pool=pool))
    rows = {row.language: row for row in result.findings("monolingual", by="language", resamples=50)}
    assert np.isnan([rows["sw"].drop.value, rows["sw"].drop.low, rows["sw"].p]).all()
    assert rows["hi"].drop.low <= rows["hi"].drop.value


def test_the_frame_has_the_ends_of_each_interval(small: Result) -> None:
    frame = small.to_frame(resamples=100)
    rows = frame.query("setting == 'multilingual' and language == 'all'")
    for name in ("clean", "attacked", "drop", "relative_drop", "changed_only", "rank_distance_change"):
        assert (rows[f"{name}_low"] <= rows[name]).all()
        assert (rows[name] <= rows[f"{name}_high"]).all()
    assert not frame.duplicated(["setting", "language", "recipe", "severity", "measure"]).any()


def test_frames_survive_parquet(small: Result, tmp_path: Path) -> None:
    import pandas as pd

    for frame in (small.to_frame(resamples=50), small.per_query()):
        frame.to_parquet(tmp_path / "frame.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "frame.parquet"), frame, check_dtype=False)


def test_the_printed_table_has_intervals_and_fits(small: Result) -> None:
    stream = StringIO()
    Console(width=100, file=stream).print(score_table(small, "language"))
    text = stream.getvalue()
    assert re.search(r"transliteration +Hindi +5 .*\+0\.\d{3}\* ±0\.\d{3}", text)
    assert "…" not in text, "a column was cut off"
