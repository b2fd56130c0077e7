"""Suites: each query counts as under the worst of a fixed set of attacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import robustbench_ir as rb
from robustbench_ir.adversary.suite import random_part, run_suite_request
from robustbench_ir.cli import irbench
from robustbench_ir.errors import CardError, OptionError, ResultError, UnknownNameError
from robustbench_ir.evaluation.request import Request
from robustbench_ir.metrics.settings import by_language, nanmean, per_query_scores
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.results.result import Result
from robustbench_ir.results.suite import largest_suite_in, load_suite, suites
from tests.support.results import result_of_ranks

GREEDY = "greedy(typo@3)|goal=map|words=2|queries=50"
ranks = arrays(np.int32, (4, 2), elements=st.integers(1, 40))


def test_robust_scores_by_hand() -> None:
    """AP is 1 / rank. The worst of each query: 1/4, 1/2 (the clean one), 1/5 and 1/10."""
    found = result_of_ranks(
        np.array([[1], [2], [1], [10]]),
        {("typo@3", 3): np.array([[4], [1], [5], [5]]), ("synonym@2", 3): np.array([[2], [1], [1], [2]])},
    )
    (row,) = found.robust_scores("multilingual", resamples=200)
    assert row.clean.value == pytest.approx((1 + 1 / 2 + 1 + 1 / 10) / 4)
    assert row.robust.value == pytest.approx((1 / 4 + 1 / 2 + 1 / 5 + 1 / 10) / 4)
    assert row.average.value == pytest.approx(((1 / 4 + 1 / 2) / 2 + 1 + (1 / 5 + 1) / 2 + (1 / 5 + 1 / 2) / 2) / 4)
    assert row.kept.value == pytest.approx(row.robust.value / row.clean.value)
    assert row.robust.low < row.robust.value < row.robust.high
    # Both lower the first query, typo more; the third falls under typo alone; the others never fall.
    assert found.worst_shares("multilingual") == {("typo@3", 3): 0.5, ("synonym@2", 3): 0.0}


def test_kept_in_the_top_is_the_share_under_all_attacks() -> None:
    found = result_of_ranks(
        np.array([[1], [2], [11], [10]]),
        {("typo@3", 3): np.array([[10], [11], [1], [9]]), ("synonym@2", 3): np.array([[3], [1], [1], [2]])},
    )
    (row,) = found.robust_scores("multilingual", "Success@10", resamples=200)
    assert (row.clean.value, row.robust.value) == (0.75, 0.5)


def test_a_share_of_all_or_none_has_an_interval_with_a_width() -> None:
    """Clopper and Pearson: with no success in 20 trials, the upper end is 1 - 0.025 ** (1 / 20) = 16.8%."""
    ones = np.ones((20, 1), dtype=np.int32)
    (row,) = result_of_ranks(ones, {("typo@3", 3): 99 * ones}).robust_scores("multilingual", "Success@10")
    assert (row.robust.value, row.robust.low) == (0, 0)
    assert row.robust.high == pytest.approx(0.1684, abs=1e-4)
    assert row.clean.low == pytest.approx(1 - 0.1684, abs=1e-4)


@given(ranks, st.lists(ranks, min_size=1, max_size=4))
def test_robust_is_at_most_every_member(clean: np.ndarray, members: list[np.ndarray]) -> None:
    """Also by language, for two measures; and it equals a plain loop over queries."""
    attacks = {(f"a{number}@1", 3): one for number, one in enumerate(members)}
    found = result_of_ranks(clean, attacks, ("en", "sw"))
    for measure in ("AP", "Success@10"):
        for by in (None, "language"):
            rows = found.robust_scores("multilingual", measure, by, resamples=20)
            for cell in (found.clean, *found.attacked):
                scores = per_query_scores(found.judgements, cell.ranks, measure, "multilingual")
                each = by_language(found.judgements, scores)
                of = each if by else [nanmean(each, axis=0)]
                assert all(row.robust.value <= one + 1e-12 for row, one in zip(rows, of, strict=True))
        score = (lambda rank: 1 / rank) if measure == "AP" else (lambda rank: float(rank <= 10))
        worst = [
            sum(min(score(one[question, language]) for one in (clean, *members)) for question in range(4)) / 4
            for language in range(2)
        ]
        whole = found.robust_scores("multilingual", measure, resamples=20)[0]
        assert whole.robust.value == pytest.approx(sum(worst) / 2)


def test_a_language_that_an_attack_does_not_cover_has_its_clean_score() -> None:
    found = result_of_ranks(np.array([[1, 2], [1, 2]]), {("typo@3", 3): np.array([[4, 2], [4, 2]])}, ("en", "sw"))
    missed = replace(found, attacked=(replace(found.attacked[0], not_covered={"sw": "no table"}),))
    english, swahili = missed.robust_scores("multilingual", by="language", resamples=20)
    assert (english.robust.value, english.average.value) == (0.25, 0.25)
    assert swahili.robust.value == 0.5
    assert np.isnan(swahili.average.value)


@pytest.fixture(scope="module")
def small() -> Result:
    """The small suite, on ten questions in three scripts."""
    return rb.run_suite("char-ngram", "mini", "small", languages="en,sw,hi", questions=10)


@pytest.mark.parametrize("suite", suites(), ids=lambda suite: suite.identity)
def test_suites_name_the_recipes_in_their_versions(suite: rb.Suite) -> None:
    """A recipe with a new version makes a new version of the suite: their scores are not comparable."""
    assert random_part(Request(), suite).recipes
    assert len(set(suite.members)) == len(list(suite.members))


def test_the_larger_suite_has_all_of_the_smaller_one() -> None:
    members = [set(one.members) for one in suites()]
    assert members[0] < members[1]


def test_a_run_has_every_attack_of_the_suite(small: Result) -> None:
    suite = load_suite("small")
    assert [(str(one.attack.label), one.severity, one.seed) for one in suite.members] == [
        (cell.recipe.label, cell.severity, cell.seed) for cell in small.attacked
    ]
    assert largest_suite_in(small) == suite
    assert not small.adaptive
    assert suite.of(result_from_json(result_to_json(small))).robust_scores("multilingual") == small.robust_scores(
        "multilingual"
    )


def test_a_search_is_an_attack_that_saw_the_encoder(small: Result) -> None:
    suite = replace(load_suite("small"), searches=load_suite("standard").searches, name="with-search")
    request = Request("char-ngram", "mini", languages="en,sw,hi", questions=10)
    found, (searched,) = run_suite_request(request, suite)
    assert [str(cell.recipe) for cell in found.attacked[:-1]] == [str(cell.recipe) for cell in small.attacked]
    assert found.attacked[-1].recipe.search is not None
    assert len(searched.attacked[0].outcomes) == 30
    assert found.adaptive
    assert suite.is_in(found)
    assert found.robust_scores("multilingual")[0].robust.value <= small.robust_scores("multilingual")[0].robust.value


def test_a_result_without_an_attack_of_the_suite_says_which(small: Result) -> None:
    fewer = replace(small, attacked=small.attacked[1:])
    assert largest_suite_in(fewer) is None
    with pytest.raises(ResultError, match=r"lacks typo@\d+ at severity 3, seed 0 of the suite small@1; run `irbench"):
        load_suite("small").of(fewer)


def test_what_is_no_suite_is_told() -> None:
    for wrong in ("big", None, 3, ["small"]):
        with pytest.raises(UnknownNameError, match=r"unknown suite .*small"):
            rb.run_suite("./no-such-model", "mini", wrong)  # type: ignore[arg-type]


def test_unknown_suites_and_wrong_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="unknown suite 'smal': did you mean 'small'"):
        load_suite("smal")
    for row, said in (
        ({"version": 1, "recipes": ["typo"], "severities": [3], "seeds": 1}, "not the identity"),
        ({"version": 1, "recipes": [GREEDY], "severities": [3], "seeds": 1}, "belongs to searches"),
        ({"version": 1, "recipes": ["typo@3"], "severities": [6], "seeds": 1}, "severities"),
    ):
        monkeypatch.setattr(type(SHIPPED), "rows", lambda _self, _name, row=row: {"odd": row})
        with pytest.raises(CardError, match=said):
            load_suite("odd")


def test_a_shadowed_recipe_is_not_the_suite(tmp_path: Path) -> None:
    folder = tmp_path / "attacks"
    folder.mkdir()
    card = Path("attacks/homoglyph.toml").read_text(encoding="utf-8")
    (folder / "homoglyph.toml").write_text(card.replace("version = 3", "version = 99"), encoding="utf-8")
    with pytest.raises(OptionError, match=r"standard@1 has homoglyph@3, and homoglyph@99 is here"):
        random_part(Request(), load_suite("standard"), tmp_path)


def printed(*arguments: str) -> str:
    """Return what a command prints."""
    return CliRunner().invoke(irbench, arguments, catch_exceptions=False).output


def test_attack_and_show_print_the_suite(tmp_path: Path) -> None:
    target = str(tmp_path / "suite.json")
    asked = ("--model", "char-ngram", "--task", "mini", "--languages", "en,sw", "--questions", "10", "--out", target)
    for text in (printed("attack", *asked, "--suite", "small"), printed("show", target)):
        assert "suite small@1: 12 attacks; all fixed before the encoder was known" in text
        assert "robust" in text
        assert "transliteration" in text


def test_a_plan_has_the_limits_of_the_searches() -> None:
    output = printed("attack", "--model", "char-ngram", "--suite", "standard", "--questions", "5", "--plan")
    (line,) = [one for one in output.splitlines() if one.startswith("greedy(typo,code-switching,synonym)")]
    assert line.split()[-3:] == ["at", "most", "3,000"]  # 60 queries x 50


@pytest.mark.parametrize("more", [("--recipe", "typo"), ("--severity", "2"), ("--seeds", "2"), ("--search", "greedy")])
def test_what_a_suite_fixes_is_refused(more: tuple[str, ...]) -> None:
    with pytest.raises(OptionError, match=f"leave out {more[0]}"):
        printed("attack", "--suite", "small", *more)


def test_the_report_has_the_suite_and_injected_passages(small: Result, tmp_path: Path) -> None:
    result, injected = small.save(tmp_path / "small.json"), tmp_path / "poison.json"
    rb.save_poisoning(rb.poison("char-ngram", "mini", languages="en,sw", questions=10), injected)
    page = tmp_path / "page.html"
    printed("report", str(result), "--poison", str(injected), "--out", str(page))
    text = page.read_text(encoding="utf-8")
    assert "Suite small@1: 12 attacks, all fixed before the encoder was known" in text
    for part in ("Injected passages", "ASR@10 in percent", "Honest passages", "Detectors"):
        assert part in text
    with pytest.raises(OptionError, match="leave out --poison for latex"):
        printed("report", str(result), "--poison", str(injected), "--format", "latex")
