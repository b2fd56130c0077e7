"""Numbers of language bias: by hand, by scipy, and by the published implementation of PEER."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from scipy import stats

from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.metrics.bias_findings import (
    BIAS_NAMES,
    FINDING_NAMES,
    bias_findings,
    bias_refusal,
    language_bias,
    mean_ranks,
)
from robustbench_ir.metrics.bias_measures import (
    first_among,
    peer,
    random_rank_distance,
    rank_correlation,
    rank_distance,
    share_among,
)
from robustbench_ir.metrics.resource_gap import resource_gaps
from robustbench_ir.metrics.settings import Judgements, by_language, per_query_scores
from robustbench_ir.metrics.statistics import Estimate, tail
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.reports.notes import rank_notes
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import Ranks

GOLDEN = Path(__file__).parent / "golden"
RANKS = ("in_pool", "in_language")


def parallel(questions: int = 12, languages: tuple[str, ...] = ("en", "hi", "sw"), relevant: int = 1) -> Judgements:
    """Return a task of parallel questions with so many relevant passages in each language, pools of 20."""
    number = len(languages)
    each = number * relevant
    return Judgements(
        query_ids=tuple(f"{one}:{question}" for question in range(questions) for one in languages),
        parallel_ids=tuple(f"{question}" for question in range(questions) for _ in languages),
        languages=languages * questions,
        pool=dict.fromkeys(languages, 20),
        query=np.repeat(np.arange(questions * number, dtype=np.int32), each),
        passage_language=np.tile(np.repeat(np.arange(number, dtype=np.int32), relevant), questions * number),
        grade=np.ones(questions * number * each, dtype=np.int32),
    )


def ranked(layout: Judgements, rows: list[list[int]] | np.ndarray) -> Ranks:
    """Return ranks in the pool, a row a query; ranks in the language are of no matter here."""
    in_pool = np.asarray(rows, dtype=np.int32).ravel()
    return Ranks(in_pool, np.ones_like(in_pool))


def random_ranks(layout: Judgements, seed: int) -> Ranks:
    random = default_rng(seed)
    size = len(layout.query) // len(layout.query_ids)
    return ranked(layout, np.array([random.permutation(layout.pool_size)[:size] + 1 for _ in layout.query_ids]))


@pytest.mark.parametrize("language", [[0, 1], [0, 1, 2], [0, 0, 1], [0, 0, 0, 1, 2], [3, 3, 3, 3, 0, 0]])
def test_the_rank_distance_of_a_random_ranking_is_the_mean_over_all_rankings(language: list[int]) -> None:
    number, query = np.array(language), np.zeros(len(language), dtype=int)

    def mean(pool: int) -> float:
        rankings = permutations(range(1, pool + 1), len(language))
        distances = [rank_distance(np.array(one), query, 1, number)[0] for one in rankings]
        return float(np.mean(distances))

    assert random_rank_distance(query, number, 1, pool=7)[0] == pytest.approx(mean(7))
    assert random_rank_distance(query, number, 1)[0] == pytest.approx(mean(len(language)))


def test_the_references_of_rank_distance_on_parallel_tasks() -> None:
    # XQuAD-R: one sentence in each of 11 languages, 13,014 in the pool: 10 / 12 x 13,015.
    query, language = np.zeros(11, dtype=int), np.arange(11)
    assert random_rank_distance(query, language, 1, pool=13_014)[0] == pytest.approx(10_845.8333333)
    assert random_rank_distance(query, language, 1)[0] == pytest.approx(10)
    many = random_rank_distance(np.zeros(122, dtype=int), np.arange(122), 1, pool=59_535)
    assert many[0] == pytest.approx(121 / 123 * 59_536)
    one = random_rank_distance(np.array([0, 0, 2, 2]), np.array([1, 1, 0, 1]), 3, pool=20)
    np.testing.assert_allclose(one, [np.nan, np.nan, 7], err_msg="one language only, nothing, two languages")


def test_references_stand_beside_every_rank_distance() -> None:
    layout = parallel()
    bias = language_bias(layout, random_ranks(layout, 1))
    assert (bias.random_rank_distance, bias.unbiased_rank_distance) == pytest.approx((2 / 4 * 61, 2))
    result = result_of(layout, random_ranks(layout, 1), random_ranks(layout, 2))
    (drop,), (finding,) = result.drops("multilingual"), result.findings("multilingual", resamples=50)
    for row in (drop, finding):
        assert (row.random_rank_distance, row.unbiased_rank_distance) == pytest.approx((30.5, 2))
    found = {one.name: one for one in result.bias_findings(resamples=50)}
    assert (found["rank_distance"].random, found["rank_distance"].unbiased) == pytest.approx((30.5, 2))
    assert found["rank_distance_share"].random == pytest.approx(30.5 / 59)
    assert found["own_language_first"].random == found["own_language_first"].unbiased == pytest.approx(1 / 3)


def test_a_rank_distance_as_of_chance_is_named() -> None:
    layout = parallel(questions=60)
    random, perfect = random_ranks(layout, 1), ranked(layout, [[1, 2, 3]] * 180)
    (note,) = rank_notes(result_of(layout, random, random))
    assert "its rank distance is that of chance" in note
    assert "a random ranking has 30)" in note
    (note,) = rank_notes(result_of(layout, ranked(layout, [[1, 30, 60]] * 180), random))
    assert "its rank distance is larger than that of chance" in note
    assert rank_notes(result_of(layout, perfect, random)) == []


def cell(layout: Judgements, ranks: Ranks) -> Cell:
    changed = np.ones(len(layout.query_ids), dtype=bool)
    return Cell(
        AttackIdentity.parse("typo@1"), 3, 0, "0" * 64, changed, changed.astype(float), changed.astype(float), {}, ranks
    )


def result_of(layout: Judgements, clean: Ranks, attacked: Ranks) -> Result:
    who = EncoderDescription("made up", "", "dot", 8)
    return Result("0", "mini@1", "0" * 64, who, layout, cell(layout, clean), (cell(layout, attacked),))


def test_bias_by_hand() -> None:
    """One question in English and Hindi, a passage in each: en finds en first, hi finds en first."""
    layout = parallel(1, ("en", "hi"))
    bias = language_bias(layout, ranked(layout, [[1, 9], [2, 4]]))
    assert bias.rank_distance == (8 + 2) / 2
    assert bias.rank_distance_share == 5 / 39
    assert bias.rank_distance_median == 5
    assert bias.own_language_first == 0.5
    assert bias.own_language_unbiased == 0.5
    assert bias.english_first == 1, "only the Hindi query counts"
    assert bias.rank_correlation == pytest.approx(1), "both rank English before Hindi"
    np.testing.assert_array_equal(bias.mean_rank, [[1, 9], [2, 4]])


def test_the_worked_example_of_the_design() -> None:
    layout = parallel(1, ("en", "hi", "sw"))
    layout = Judgements(**{**vars_of(layout), "pool": {"en": 7, "hi": 7, "sw": 6}})
    bias = language_bias(layout, ranked(layout, [[2, 5, 7]] * 3))
    assert bias.rank_distance == 5
    assert bias.rank_distance_share == pytest.approx(0.263158, abs=1e-6)


def vars_of(layout: Judgements) -> dict[str, object]:
    return {name: getattr(layout, name) for name in Judgements.__dataclass_fields__}


def test_a_ranking_blind_to_language_has_the_unbiased_values() -> None:
    layout = parallel(4000)
    bias = language_bias(layout, random_ranks(layout, 1))
    assert bias.own_language_unbiased == pytest.approx(1 / 3)
    assert bias.own_language_first == pytest.approx(1 / 3, abs=0.02)
    assert bias.english_first == pytest.approx(bias.english_unbiased, abs=0.02)
    assert bias.rank_correlation == pytest.approx(0, abs=0.02)


def test_first_among_knows_no_case_where_none_or_all_are_wanted() -> None:
    rank, query = np.array([3, 1, 2, 5, 4]), np.array([0, 0, 1, 2, 2])
    wanted = np.array([True, False, True, False, False])
    np.testing.assert_array_equal(first_among(rank, query, wanted, 3), [0, np.nan, np.nan])
    np.testing.assert_array_equal(share_among(query, wanted, 3), [0.5, np.nan, np.nan])


def test_rank_correlation_is_scipys_spearman_between_parallel_queries() -> None:
    """Three queries of one question, five languages; the first lacks one, so that its pairs have four in common."""
    random = default_rng(2)
    table = np.array([random.permutation(50)[:5] + 1 for _ in range(3)])
    there = np.ones((3, 5), dtype=bool)
    there[0, 3] = False
    query, language = np.nonzero(there)
    found = rank_correlation(table[there], query, language, np.zeros(3, dtype=int))
    for one in range(3):
        others = [other for other in range(3) if other != one]
        both = [there[one] & there[other] for other in others]
        wanted = [
            stats.spearmanr(table[one][mask], table[other][mask])[0] for other, mask in zip(others, both, strict=True)
        ]
        assert found[one] == pytest.approx(np.mean(wanted))


def test_rank_correlation_needs_a_parallel_query_and_one_passage_a_language() -> None:
    rank, language = np.array([1, 2, 3, 4]), np.array([0, 1, 0, 1])
    assert np.isnan(rank_correlation(rank, np.array([0, 0, 1, 1]), language, np.array([0, 1]))).all()
    twice = np.array([0, 0, 0, 0])
    assert np.isnan(rank_correlation(rank, np.array([0, 0, 1, 1]), twice, np.array([0, 0]))).all()


def test_peer_equals_the_published_implementation() -> None:
    cases = json.loads((GOLDEN / "peer.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) > 30
    query = np.repeat(np.arange(len(cases)), [len(case["rank"]) for case in cases])
    rank, language = (np.concatenate([case[name] for case in cases]) for name in ("rank", "language"))
    found = peer(rank, query, language, len(cases))
    np.testing.assert_allclose(found, [case["peer"] for case in cases], rtol=0, atol=1e-9)


def test_peer_is_scipys_kruskal_where_the_relevant_passages_come_first() -> None:
    rank = default_rng(3).permutation(8) + 1
    language = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    wanted = stats.kruskal(rank[:3], rank[3:5], rank[5:]).pvalue
    assert peer(rank, np.zeros(8, dtype=int), language, 1)[0] == pytest.approx(wanted)


def test_peer_is_refused_where_it_is_constant() -> None:
    layout = parallel()
    assert np.isnan(language_bias(layout, random_ranks(layout, 1)).peer)
    assert "same whatever the ranking" in bias_refusal(layout, "peer")
    several = parallel(relevant=2)
    assert 0 < language_bias(several, random_ranks(several, 1)).peer < 1
    assert bias_refusal(several, "peer") == ""


def test_every_number_that_is_missing_has_a_reason() -> None:
    """And every one that is there has none."""
    layouts = [parallel(), parallel(relevant=2), parallel(languages=("en",)), parallel(languages=("hi", "sw"))]
    for layout in layouts:
        bias = language_bias(layout, random_ranks(layout, 4))
        for name in BIAS_NAMES:
            if name == "rank_correlation" and layout is layouts[1]:
                continue
            assert bool(bias_refusal(layout, name)) == bool(np.isnan(getattr(bias, name))), name


def test_the_change_of_bias_has_an_interval_and_a_test() -> None:
    layout = parallel(80)
    clean, attacked = random_ranks(layout, 1), random_ranks(layout, 2)
    own = attacked.in_pool.copy()
    own[layout.passage_language == layout.query_language[layout.query]] = 1
    biased = Ranks(own, own)
    rows = bias_findings(layout, clean, {("typo@1", 3): [cell(layout, biased)]}, random=default_rng(0), resamples=2000)
    found = {row.name: row for row in rows}
    change = found["own_language_first"].change
    assert change.value == pytest.approx(
        language_bias(layout, biased).own_language_first - language_bias(layout, clean).own_language_first
    )
    assert 0 < change.low < change.value < change.high
    assert found["own_language_first"].p_adjusted < 0.01
    assert found["own_language_first"].unbiased == pytest.approx(1 / 3)
    assert np.isnan(found["peer"].change.value)
    assert found["peer"].refusal


def test_one_question_that_has_a_number_gives_no_interval() -> None:
    layout = parallel(questions=4, languages=("en", "hi"))
    ranks = random_ranks(layout, 1)
    first = layout.question[layout.query] == 0
    result = result_of(layout, ranks, Ranks(np.where(first, ranks.in_pool, 0), np.where(first, ranks.in_language, 0)))
    for name in ("rank_distance", "rank_distance_median"):
        (found,) = (one for one in result.bias_findings() if one.name == name)
        assert np.isnan([found.attacked.low, found.attacked.high, found.change.low, found.change.high]).all()
        assert np.isfinite([found.clean.low, found.clean.high, found.change.value]).all()


def test_mean_ranks_say_which_languages_sink() -> None:
    layout = parallel(50)
    clean = random_ranks(layout, 1)
    sunk = clean.in_pool + np.where(layout.passage_language == 2, 10, 0).astype(np.int32)
    found = mean_ranks(layout, clean, [cell(layout, Ranks(sunk, sunk))])
    np.testing.assert_allclose(found.change[:, 2], 10)
    np.testing.assert_allclose(found.change[:, :2], 0)
    np.testing.assert_allclose(found.high - found.low, 0, atol=1e-9)
    np.testing.assert_allclose(found.clean, language_bias(layout, clean).mean_rank)


def test_a_result_has_them(tmp_path: Path) -> None:
    from robustbench_ir import attack

    result: Result = attack("char-ngram", recipes=["typo"], languages=["en", "sw"], severities=[1, 5])
    rows = result.bias_findings(resamples=200)
    assert [(row.severity, row.name) for row in rows] == [(one, name) for one in (1, 5) for name in FINDING_NAMES]
    assert result.mean_ranks("typo@5", 5).change.shape == (2, 2)
    (summary,) = result.summaries("monolingual", resamples=200)
    clean = result.score(result.clean, "monolingual")
    curve = [1, *(row.attacked / clean for row in result.drops("monolingual"))]
    found = summary.all_queries
    assert [one.value for one in found.curve] == pytest.approx(curve[1:])
    assert found.area.value == pytest.approx(((curve[0] + curve[1]) / 2 + 4 * (curve[1] + curve[2]) / 2) / 5)
    by_language = {row.language: row for row in result.drops("monolingual", by="language") if row.severity == 5}
    assert found.worst is not None
    assert found.worst.relative_drop.value == pytest.approx(max(row.relative for row in by_language.values()))
    assert found.worst.drop.value == by_language[found.worst.language].absolute
    (gap,) = found.gaps
    assert (gap.kind, gap.low, gap.high) == ("", ("sw",), ("en",))
    assert gap.refusal == "the data cannot tell: 1 low-resource language"
    assert np.isnan(gap.relative.value)


def low_against_high() -> tuple[Judgements, np.ndarray, np.ndarray]:
    """Return five low- and five high-resource languages of 40 questions; clean 0.5 and 0.8, the low ones lose more."""
    layout = parallel(40, ("am", "ha", "sw", "te", "yo", "ar", "en", "es", "hi", "zh"))
    clean = np.repeat([[0.5], [0.8]], 5, axis=0) * np.ones((10, 1 + 40 + 500))
    share = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    return layout, clean, clean * (1 - share[:, None])


def test_resource_classes_are_compared_by_relative_drops_and_over_other_languages() -> None:
    layout, clean, attacked = low_against_high()
    (gap,) = resource_gaps(layout, clean, attacked, {}, (), default_rng(0))
    assert (gap.low_drop.value, gap.high_drop.value) == pytest.approx((0.3, 0.1))
    assert gap.relative.value == pytest.approx(0.2)
    assert gap.absolute.value == pytest.approx(0.5 * 0.3 - 0.8 * 0.1)
    assert (gap.high_drop.low, gap.high_drop.high) == pytest.approx((0.1, 0.1)), (
        "neither questions nor languages differ"
    )
    # Five draws of 0.1 to 0.5: a standard deviation of sqrt(0.02 / 5) = 0.063, and Student's quantile of 4 degrees.
    assert gap.low_drop.low < 0.3 - 1.96 * 0.063
    assert gap.low_drop.high > 0.3 + 1.96 * 0.063


def test_resource_classes_are_compared_within_one_kind_of_change_that_covers_them() -> None:
    layout, clean, attacked = low_against_high()
    romanised = {one: KindOfChange("romanised") for one in ("am", "te", "ar", "hi", "zh")}
    kinds = {**dict.fromkeys(layout.query_languages, KindOfChange("diacritics")), **romanised}
    gaps = resource_gaps(layout, clean, attacked, kinds, ("en", "sw"), default_rng(0))
    assert [(one.kind, one.low, one.high) for one in gaps] == [
        ("romanised", ("am", "te"), ("ar", "hi", "zh")),
        ("diacritics", ("ha", "yo"), ("es",)),
    ]
    assert {one.refusal for one in gaps} == {"the data cannot tell: 2 low-resource languages"}
    layout = replace(layout, languages=tuple({"am": "it", "es": "fr"}.get(one, one) for one in layout.languages))
    (gap,) = resource_gaps(layout, clean, attacked, {}, ("fr",), default_rng(0))
    assert gap.refusal == "the data cannot tell: 4 low-resource languages"


def test_the_summary_of_changed_queries_is_that_of_a_result_that_has_no_others() -> None:
    """Half of the questions are changed in Swahili, a third in English: over these alone the numbers are the same."""
    from robustbench_ir import attack

    result: Result = attack("char-ngram", recipes=["typo"], languages=["en", "sw"], severities=[1, 5])
    layout = result.judgements
    touched = (layout.question % np.where(layout.query_language == 0, 3, 2)) == 0
    clean, cells = result.clean.ranks, []
    for one in result.attacked:
        mask = touched[layout.query]
        ranks = Ranks(*(np.where(mask, getattr(one.ranks, name), getattr(clean, name)) for name in RANKS))
        cells.append(replace(one, changed=touched, input_changed=None, ranks=ranks))
    (summary,) = replace(result, attacked=tuple(cells)).summaries("multilingual", resamples=300)
    found = summary.changed_only
    before, (after,) = (
        per_query_scores(layout, clean, "AP", "multilingual"),
        [per_query_scores(layout, one.ranks, "AP", "multilingual") for one in cells if one.severity == 5],
    )
    old, new = (by_language(layout, one, touched) for one in (before, after))
    assert found.curve[-1].value == pytest.approx(new.mean() / old.mean())
    assert found.worst is not None
    assert found.worst.relative_drop.value == pytest.approx((1 - new / old).max())
    assert found.worst.drop.value == pytest.approx((old - new)[(1 - new / old).argmax()])
    assert found.area.value < summary.all_queries.area.value, "queries that did not change have lost nothing"


def test_nothing_that_changed_has_no_worst_language() -> None:
    from robustbench_ir import attack

    result: Result = attack("char-ngram", recipes=["transliteration"], languages=["en"], severities=[1])
    (summary,) = result.summaries("monolingual", resamples=100)
    assert summary.changed_only.worst is None
    assert np.isnan([summary.changed_only.area.value, summary.changed_only.curve[0].low]).all()
    assert summary.all_queries.worst is None, "transliteration does not cover English"


def test_the_median_rank_distance_has_an_interval_and_a_test() -> None:
    layout = parallel(80)
    clean, attacked = random_ranks(layout, 1), random_ranks(layout, 2)
    attacked = Ranks(np.where(layout.passage_language == 2, attacked.in_pool + 30, attacked.in_pool), attacked.in_pool)
    cells = {("typo@1", 3): [cell(layout, attacked)], ("none@1", 3): [cell(layout, clean)]}
    rows = bias_findings(layout, clean, cells, random=default_rng(0), resamples=2000)
    found, none = [row for row in rows if row.name == "rank_distance_median"]
    before, after = (language_bias(layout, one).rank_distance_median for one in (clean, attacked))
    assert (found.clean.value, found.attacked.value, found.change.value) == (before, after, after - before)
    assert 0 < found.change.low < found.change.value < found.change.high
    assert found.p_adjusted < 0.01
    assert none.change == Estimate(0, 0, 0)
    assert none.p == 1


def test_mean_ranks_have_the_intervals_of_a_cluster_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    layout = parallel(40)
    clean, attacked = random_ranks(layout, 1), random_ranks(layout, 2)
    found = mean_ranks(layout, clean, [cell(layout, attacked)], resamples=4000, method="bca")
    for row in range(3):
        for column in range(3):
            here = (layout.query_language[layout.query] == row) & (layout.passage_language == column)
            change = (attacked.in_pool - clean.in_pool)[here].astype(float)
            theirs = stats.bootstrap(
                (change,),
                np.mean,
                n_resamples=4000,
                confidence_level=1 - 2 * tail(40),
                method="BCa",
                rng=default_rng(0),
            ).confidence_interval
            assert (found.low[row, column], found.high[row, column]) == pytest.approx(tuple(theirs), abs=1e-9)
    monkeypatch.setattr("robustbench_ir.metrics.bias_findings._MEANS_AT_ONCE", 1)
    again = mean_ranks(layout, clean, [cell(layout, attacked)], resamples=4000, method="bca")
    np.testing.assert_allclose([again.low, again.high], [found.low, found.high], atol=1e-9)
