"""A gate fails on what is certain, says so for each rule, and refuses what it cannot check in one line."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator

from robustbench_ir import Rule, attack, check, load_task, save_result
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError, RobustBenchError
from robustbench_ir.metrics.statistics import Estimate
from robustbench_ir.reports.gate import GATE_FORMATS, explanation
from robustbench_ir.results.gate import FEWEST_QUESTIONS, judge, supported_rule
from robustbench_ir.results.result import Result
from robustbench_ir.results.rules import Gate, read_rules
from tests.support.results import result_of_ranks

TYPO = ("typo@5", 3)


def fallen(questions: int, lost: float, rank: int = 2, name: str = "made") -> Result:
    """Return a result in which a share of the questions falls from rank 1 to another one, in two languages alike."""
    clean = np.ones((questions, 2), dtype=np.int32)
    attacked = clean.copy()
    attacked[: round(questions * lost)] = rank
    return result_of_ranks(clean, {TYPO: attacked}, ("en", "hi"), name=name)


# Rules as text.


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("max-drop typo=10%", Rule("max-drop", 0.1, True, "typo")),
        ("max-drop typo@3/hi=0.05", Rule("max-drop", 0.05, False, "typo", 3, "hi")),
        ("max-drop 10%", Rule("max-drop", 0.1, True)),
        ("max-drop greedy(typo,synonym)=.5", Rule("max-drop", 0.5, False, "greedy(typo,synonym)")),
        ("max-drop textattack:WordSwapQWERTY=50%", Rule("max-drop", 0.5, True, "textattack:WordSwapQWERTY")),
        ("min nDCG@10=0.6", Rule("min", 0.6, False, "clean", None, "all", "nDCG@10")),
        ("min nDCG@10=60%", Rule("min", 0.6, False, "clean", None, "all", "nDCG@10")),
        ("min typo@3:AP/each = 0.4", Rule("min", 0.4, False, "typo", 3, "each", "AP")),
        ("no-worse 2%", Rule("no-worse", 0.02, True)),
        ("no-worse clean=0.02", Rule("no-worse", 0.02, False, "clean")),
    ],
)
def test_rules_are_read(text: str, rule: Rule) -> None:
    assert Rule.parse(text) == rule
    assert Rule.parse(str(rule)) == rule


@given(
    st.builds(
        Rule,
        kind=st.sampled_from(["max-drop", "no-worse"]),
        limit=st.integers(1, 10_000).map(lambda number: number / 10_000),
        relative=st.booleans(),
        recipe=st.from_regex(r"[a-z][a-z-]{0,9}", fullmatch=True).filter(lambda name: name != "clean"),
        severity=st.none() | st.integers(1, 5),
        language=st.sampled_from(["all", "each", "hi", "zh-Hant"]),
    )
)
def test_writing_and_reading_a_rule_are_inverse(rule: Rule) -> None:
    found = Rule.parse(str(rule))
    assert replace(found, limit=rule.limit) == rule
    assert found.limit == pytest.approx(rule.limit)


def test_commas_stand_between_rules_but_not_within_a_search() -> None:
    assert [str(rule) for rule in read_rules("max-drop", "greedy(typo,synonym)=10%, slip@1=5%")] == [
        "max-drop greedy(typo,synonym)=10%",
        "max-drop slip@1=5%",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max-dorp typo=10%", "did you mean 'max-drop'?"),
        ("max-drop typo", "has no limit; write such as max-drop typo=10%"),
        ("min hinglish/hi:nDCG@10=0.6", "write min hinglish:nDCG@10/hi=0.6"),
        ("min nDCG@10:hinglish/hi=0.6", "write min hinglish:nDCG@10/hi=0.6"),
        ("min nDCG@10", "has no limit; write such as min nDCG@10=0.6"),
        ("min nDCG@10=60", "write 60% or a number such as 0.6"),
        ("max-drop typo=", "'' is not a limit"),
        ("max-drop =10%", "names nothing to check"),
        ("max-drop typo=nan", "'nan' is not a limit"),
        ("max-drop typo=inf", "'inf' is not a limit"),
        ("max-drop typo=-5%", "'-5%' is not a limit"),
        ("max-drop typo=10", "write 10% or a number such as 0.1"),
        ("max-drop typo=101%", "a limit is at most 1"),
        ("max-drop typo=0%", "can never be shown to hold"),
        ("max-drop clean=5%", "the clean queries have no drop"),
        ("max-drop typo/=5%", "no language after the slash"),
        ("min 0.6", "write such as min nDCG@10=0.6"),
        ("min nDCG@10=0", "every score is at least 0"),
        ("min ndcg=0.6", "unknown measure 'ndcg'"),
        ("min clean@3:AP=0.6", "no severity"),
        ("no-worse", "'' is not a limit"),
        ("", "there are: max-drop, min, no-worse"),
    ],
)
def test_what_is_no_rule_is_one_line(text: str, said: str) -> None:
    with pytest.raises(RobustBenchError, match=re.escape(said)) as refused:
        Rule.parse(text)
    assert "\n" not in str(refused.value)


# Verdicts.


@pytest.mark.parametrize(
    ("lost", "verdict", "status"), [(0.0, "passed", 0), (0.1, "passed", 0), (0.2, "undecided", 3), (0.6, "failed", 1)]
)
def test_a_drop_is_judged_by_its_interval(lost: float, verdict: str, status: int) -> None:
    """AP falls from 1 to 1/2 where a question is lost: by 5%, 10% and 30% on average."""
    checked = check(fallen(200, lost), "max-drop typo=10%")
    (one,) = checked.outcomes
    assert (one.verdict, checked.status, checked.verdict) == (verdict, status, verdict)
    assert one.estimate.value == pytest.approx(lost / 2)
    assert one.questions == 200


def test_the_interval_is_that_of_the_findings() -> None:
    result = fallen(100, 0.3)
    (one,) = check(result, "max-drop typo=10%").outcomes
    assert vars(one.estimate) == pytest.approx(vars(result.findings("multilingual")[0].relative_drop))
    (absolute,) = check(result, "max-drop typo=0.1").outcomes
    assert vars(absolute.estimate) == pytest.approx(vars(result.findings("multilingual")[0].drop))


def test_too_few_questions_decide_nothing_and_say_how_many_would() -> None:
    """The rule of three: a tenth of the questions may be lost where 29 show nothing, and hardly where 30 do."""
    for questions in (2, 5, 29):
        (one,) = check(fallen(questions, 0), "max-drop typo=10%").outcomes
        assert (one.verdict, one.needed) == ("undecided", 30)
    assert check(fallen(30, 0), "max-drop typo=10%").passed
    for questions in (1, 2, 9):  # all of them are lost
        assert check(fallen(questions, 1), "max-drop typo=10%").status == 3
    assert check(fallen(10, 1), "max-drop typo=10%").status == 1


def test_the_number_of_questions_that_is_named_decides() -> None:
    """With the same shares and as many questions as were said to be needed, the rule is decided."""
    (few,) = check(fallen(60, 0.4), "max-drop typo=10%").outcomes
    assert few.verdict == "failed" or few.needed
    (few,) = check(fallen(20, 0.4), "max-drop typo=10%").outcomes
    assert few.verdict == "undecided"
    assert few.needed is not None
    assert check(fallen(round(few.needed * 1.2), 0.4), "max-drop typo=10%").status == 1
    assert check(fallen(round(few.needed * 0.7), 0.4), "max-drop typo=10%").status == 3


def test_a_number_at_the_limit_names_no_number_of_questions() -> None:
    (one,) = check(fallen(200, 0.2), "max-drop typo=10%").outcomes
    assert (one.verdict, one.needed) == ("undecided", None)


def test_a_score_has_a_lowest_value() -> None:
    result = fallen(200, 0.5)
    assert check(result, ["min AP=0.9", "min typo:AP=0.7"]).passed
    assert check(result, "min typo:AP=0.85").status == 1
    assert check(result, "min typo:AP=0.76").status == 3
    everything = check(result, "min all:AP=0.85").outcomes
    assert [(one.recipe, one.verdict) for one in everything] == [("clean", "passed"), ("typo", "failed")]


def test_each_language_is_a_check_of_its_own() -> None:
    clean = np.ones((200, 2), dtype=np.int32)
    worse = clean.copy()
    worse[:, 1] = 2
    result = result_of_ranks(clean, {TYPO: worse}, ("en", "hi"))
    found = check(result, "max-drop typo/each=10%")
    assert [(one.language, one.verdict) for one in found.outcomes] == [("en", "passed"), ("hi", "failed")]
    assert check(result, "max-drop typo/en=10%").passed
    assert check(result, "max-drop typo/eng_Latn=10%").passed


def test_every_severity_that_was_run_must_hold() -> None:
    clean = np.ones((200, 1), dtype=np.int32)
    result = result_of_ranks(clean, {("typo@5", 1): clean, ("typo@5", 5): clean * 2})
    found = check(result, "max-drop typo=10%").outcomes
    assert [(one.severity, one.verdict) for one in found] == [(1, "passed"), (5, "failed")]
    assert check(result, "max-drop typo@1=10%").passed


def test_a_baseline_is_compared_question_by_question() -> None:
    """Both results vary far more over questions than the limit; the difference does not vary at all."""
    ranks = np.resize(np.array([1, 2, 10, 100], dtype=np.int32), (200, 1))
    main = result_of_ranks(ranks, {TYPO: ranks}, name="main")
    same = result_of_ranks(ranks, {TYPO: ranks}, name="same")
    worse = result_of_ranks(ranks * 2, {TYPO: ranks}, name="worse")
    assert check(same, "no-worse 2%", main).passed
    found = check(worse, "no-worse 2%", main)
    assert [(one.recipe, one.verdict) for one in found.outcomes] == [("clean", "failed"), ("typo", "passed")]
    assert found.outcomes[0].estimate.value == pytest.approx(0.5)  # 1 / rank is halved
    assert check(worse, "no-worse typo=2%", main).passed
    assert check(main, "no-worse 2%", worse).passed  # a gain


# The chance of failing for no reason.


def at_the_limit(random: Generator, questions: int, languages: int, share: float, rank: int) -> Result:
    """Return a sample whose true drop in AP is share * (1 - 1/rank); all queries of a question fall together."""
    clean = np.ones((questions, languages), dtype=np.int32)
    lost = random.random((questions, 1)) < share
    return result_of_ranks(clean, {TYPO: np.where(lost, rank, clean)}, ("en", "hi", "sw", "zh")[:languages])


@pytest.mark.parametrize(
    ("questions", "languages", "share", "rank"), [(40, 1, 0.2, 2), (200, 4, 0.2, 2), (200, 4, 0.1, 1000)]
)
def test_a_drop_at_the_limit_rarely_fails(questions: int, languages: int, share: float, rank: int) -> None:
    """A true drop of 10% fails in at most 5% of samples; 400 of them show at most 28 then, in 97.5% of cases."""
    random = np.random.default_rng(1)
    limit = f"max-drop typo={share * (1 - 1 / rank)!r}"
    failed = sum(
        check(at_the_limit(random, questions, languages, share, rank), limit, resamples=400).status == 1
        for _ in range(400)
    )
    assert failed <= 28


def test_a_gate_of_many_rules_rarely_fails_either() -> None:
    """Five recipes that are independent and all at the limit: with 2.5% each, 12% of the samples would fail."""
    random = np.random.default_rng(2)
    clean = np.ones((150, 1), dtype=np.int32)
    failed = 0
    for _ in range(400):
        attacks = {(f"r{number}@1", 3): np.where(random.random((150, 1)) < 0.2, 2, clean) for number in range(5)}
        failed += check(result_of_ranks(clean, attacks), "max-drop 10%", resamples=400).status == 1
    assert failed <= 28


def test_a_score_and_a_loss_at_the_limit_rarely_fail() -> None:
    random = np.random.default_rng(3)
    ones = np.ones((150, 1), dtype=np.int32)

    def failures(gate: Callable[[Result, Result], int]) -> int:
        found = 0
        for _ in range(300):
            ranks = np.where(random.random((150, 1)) < 0.2, 2, ones)
            found += gate(result_of_ranks(ranks, {}), result_of_ranks(ones, {}, name="main")) == 1
        return found

    assert failures(lambda result, _: check(result, "min AP=0.9", resamples=400).status) <= 22
    assert failures(lambda result, main: check(result, "no-worse 10%", main, resamples=400).status) <= 22


def test_a_drop_far_beyond_the_limit_fails() -> None:
    random = np.random.default_rng(4)
    found = [check(at_the_limit(random, 100, 2, 0.5, 2), "max-drop typo=10%", resamples=400).status for _ in range(50)]
    assert found.count(1) >= 48


@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(1, 5000))
def test_a_verdict_never_contradicts_the_interval(value: float, below: float, above: float, questions: int) -> None:
    estimate = Estimate(value, value - below, value + above)
    for rule in (Rule("max-drop", 0.3, True), Rule("min", 0.3, measure="AP"), Rule("no-worse", 0.3, True)):
        verdict, needed = judge(rule, estimate, questions)
        harm = (-estimate.high, -estimate.low, -0.3) if rule.kind == "min" else (estimate.low, estimate.high, 0.3)
        assert verdict != "failed" or harm[0] > harm[2]
        assert verdict != "passed" or harm[1] <= harm[2]
        assert (needed is None) or (verdict == "undecided" and needed > min(questions, 9))


@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(2, 5000))
def test_the_supported_limit_holds_and_no_nearer_one_does(value: float, below: float, above: float, few: int) -> None:
    estimate = Estimate(value, value - below, value + above)
    for rule in (Rule("max-drop", 0.3, True), Rule("min", 0.3, measure="AP"), Rule("no-worse", 0.3, True)):
        found = supported_rule(rule, estimate, few)
        stricter = 0.002 if rule.kind == "min" else -0.002
        if found is not None:
            assert judge(found, estimate, few)[0] == "passed"
            nearer = replace(found, limit=found.limit + stricter)
            assert not 0 < nearer.limit <= 1 or judge(nearer, estimate, few)[0] != "passed"
        elif few >= FEWEST_QUESTIONS:
            assert estimate.low < 0.001 or estimate.high > 0.999 or few < 4


def test_an_undecided_rule_names_the_limit_that_the_questions_support() -> None:
    """The next result of the same questions passes with it, and its line says it."""
    (one,) = check(fallen(200, 0.2), "max-drop typo=10%").outcomes
    assert one.verdict == "undecided"
    assert one.supported is not None
    assert one.estimate.high <= one.supported.limit < one.estimate.high + 0.001
    assert explanation(one).endswith(f"; a limit of {one.supported.shown_limit} would hold")
    assert check(fallen(200, 0.2), [one.supported]).passed
    assert check(fallen(5, 0.2), "max-drop typo=10%").outcomes[0].supported is None


# What cannot be checked.


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([], "there is no rule to check"),
        ("max-drop tpyo=10%", "the result has no recipe 'tpyo'; did you mean 'typo'?"),
        ("max-drop typo@4=10%", "severity 4 was not run; there are: 3"),
        ("max-drop typo/sw=10%", "the result has no queries in 'sw'; there are: en, hi, each"),
        ("no-worse 2%", "name its result file"),
        ("min R@0=0.2", "unknown measure 'R@0'"),
    ],
)
def test_what_the_result_does_not_have_is_one_line(rules: str | list[str], said: str) -> None:
    with pytest.raises(RobustBenchError, match=re.escape(said)) as refused:
        check(fallen(20, 0.1), rules)
    assert "\n" not in str(refused.value)


def test_settings_are_chosen_by_name() -> None:
    result = fallen(100, 0.05)
    assert {one.setting for one in check(result, "max-drop typo=20%", settings="all").outcomes} == set(result.settings)
    (one,) = check(result, "max-drop typo=20%", settings=["monolingual"]).outcomes
    assert one.setting == "monolingual"
    with pytest.raises(OptionError, match="did you mean 'monolingual'"):
        check(result, "max-drop typo=20%", settings="monolingal")


def test_clean_results_have_scores_and_no_drops() -> None:
    clean = result_of_ranks(np.ones((50, 1), dtype=np.int32), {})
    assert check(clean, "min AP=0.8").passed
    for rule in ("max-drop typo=10%", "max-drop 10%", "min typo:AP=0.5"):
        with pytest.raises(OptionError, match="clean scores only"):
            check(clean, rule)
    assert check(clean, "no-worse 2%", replace(clean)).passed


def test_a_drop_of_nothing_in_percent_is_one_line() -> None:
    nothing = np.full((50, 1), 0, dtype=np.int32)  # no relevant passage is retrieved: AP is 0
    result = result_of_ranks(nothing, {TYPO: nothing})
    with pytest.raises(OptionError, match="nothing to lose; set a lowest score instead"):
        check(result, "max-drop typo=10%")
    with pytest.raises(OptionError, match=r"no drop can exceed 0\.05, since the clean score is only 0\.000"):
        check(result, "max-drop typo=0.05")


def test_an_attack_that_changed_nothing_is_no_pass() -> None:
    result = fallen(50, 0)
    (cell,) = result.attacked
    unchanged = replace(cell, changed=np.zeros_like(cell.changed))
    with pytest.raises(OptionError, match="changed no query"):
        check(replace(result, attacked=(unchanged,)), "max-drop typo=10%")


def test_a_language_that_a_recipe_does_not_touch() -> None:
    result = fallen(50, 0)
    (cell,) = result.attacked
    partial = replace(result, attacked=(replace(cell, not_covered={"hi": "no table"}),))
    with pytest.raises(OptionError, match="typo does not touch hi: no table"):
        check(partial, "max-drop typo/hi=10%")
    nowhere = replace(result, attacked=(replace(cell, not_covered={"en": "no row", "hi": "no table"}),))
    with pytest.raises(OptionError, match="typo does not touch en: no row"):
        check(nowhere, "max-drop 10%")
    found = check(partial, "max-drop typo/each=10%")
    assert [one.language for one in found.outcomes] == ["en"]
    assert found.notes == ("typo does not touch Hindi (no table); its numbers are those of the other languages",)


def test_a_baseline_that_cannot_be_compared_is_one_line() -> None:
    result = fallen(50, 0)
    (cell,) = result.attacked
    others = {
        "other queries, passages or languages": replace(result, task_digest="0" * 64),
        "task other@1, not hand@1": replace(result, task="other@1"),
        "digests differ": replace(result, attacked=(replace(cell, digest="0" * 64),)),
        "not the same seeds": replace(result, attacked=(cell, replace(cell, seed=1))),
        "the baseline does not have typo@5 at severity 3, but clean scores only": replace(result, attacked=()),
    }
    for message, other in others.items():
        with pytest.raises(OptionError, match=message) as refused:
            check(result, "no-worse 2%", other)
        assert "\n" not in str(refused.value)
    with pytest.raises(OptionError, match="a baseline is for no-worse"):
        check(result, "max-drop typo=10%", result)


# Files.


def test_a_gate_is_read_from_a_file(tmp_path: Path) -> None:
    save_result(fallen(200, 0.1, name="main"), tmp_path / "main.json")
    (tmp_path / "gate.toml").write_text(
        'baseline = "main.json"\nno-worse = "2%"\nmeasure = "RR@10"\nsetting = "multilingual"\n'
        'max-drop = { typo = "10%", "typo@3/hi" = 0.2 }\nmin = { "nDCG@10" = 0.6 }\n',
        encoding="utf-8",
    )
    gate = Gate.read(tmp_path / "gate.toml")
    assert [str(rule) for rule in gate.rules] == [
        "max-drop typo=10%",
        "max-drop typo@3/hi=0.2",
        "min nDCG@10=0.6",
        "no-worse all=2%",
    ]
    found = check(fallen(200, 0.1), tmp_path / "gate.toml")
    assert [one.measure for one in found.outcomes] == ["RR@10", "RR@10", "nDCG@10", "RR@10", "RR@10"]
    assert found.passed
    assert found.baseline == "main"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max-dorp = {}", "unknown key 'max-dorp'; did you mean 'max-drop'?"),
        ("max-drop = { typo = true }", "True is not a limit"),
        ("max-drop = { typo = 10 }", "a limit is at most 1"),
        ("max-drop = { typo = nan }", "'nan' is not a limit"),
        ("min = 0.6", "names nothing to check"),
        ("setting = 'monolingal'", "did you mean 'monolingual'?"),
        ("setting = 3", "setting is 3"),
        ("measure = 3", "measure is 3"),
        ("baseline = 3", "baseline is 3"),
        ("= 3", "docs/ci.md shows a file with rules"),
        ("[min]\nnDCG@10 = 0.6", 'write quotation marks around it: "nDCG@10"'),
        ("[max-drop]\ntypo/hi = 10%", 'write quotation marks around it: "typo/hi" = "10%"'),
        ("max-drop = { typo@3 = 0.1 }", 'write quotation marks around it: "typo@3"'),
        ("no-worse = 2%", 'write quotation marks around it: "2%"'),
    ],
)
def test_a_file_that_is_no_gate_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=re.escape(said)) as refused:
        Gate.read(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


# The command, and its formats.


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    made = {"good": 0.05, "bad": 0.6, "near": 0.2}
    return {name: str(save_result(fallen(200, lost), tmp_path / f"{name}.json")) for name, lost in made.items()}


def status(*arguments: str) -> tuple[int, str]:
    answer = CliRunner().invoke(irbench, ["check", *arguments])
    assert answer.exception is None or isinstance(answer.exception, SystemExit | RobustBenchError)
    return answer.exit_code, answer.output


@pytest.mark.parametrize(("name", "wanted"), [("good", 0), ("bad", 1), ("near", 3)])
def test_the_status_says_what_became_of_the_gate(files: dict[str, str], name: str, wanted: int) -> None:
    found, output = status(files[name], "--max-drop", "typo=10%", "--min", "AP=0.5")
    assert found == wanted
    lines = output.splitlines()
    assert len(lines) == 4  # what was checked, a line for each rule, the whole
    assert [line.split()[0] for line in lines[1:3]] == [{0: "passed", 1: "FAILED", 3: "cannot"}[wanted], "passed"]
    assert status(files[name], "--max-drop", "typo=10%", "--allow-undecided")[0] == {0: 0, 1: 1, 3: 0}[wanted]


def test_json_has_every_number(files: dict[str, str]) -> None:
    _, output = status(files["bad"], "--max-drop", "typo=10%", "--format", "json")
    found = json.loads(output)
    assert (found["verdict"], found["status"], found["encoder"]) == ("failed", 1, "made")
    (one,) = found["outcomes"]
    assert (one["rule"], one["verdict"], one["value"], one["limit"]) == ("max-drop typo=10%", "failed", 0.3, 0.1)
    assert one["low"] > 0.1
    assert "recipe=typo@5|severity=3" in one["signature"]


def test_junit_counts_failures_and_errors(files: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "gate.xml"
    rules = ["--max-drop", "typo=10%,typo=0.31", "--min", "AP=0.5", "--format", "junit"]
    found, output = status(files["bad"], *rules, "--out", str(out))
    assert found == 1
    assert "FAILED" in output  # the text is printed too
    root = fromstring(out.read_text(encoding="utf-8"))
    (suite,) = root
    assert {name: suite.attrib[name] for name in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1",
    }  # fmt: skip
    assert [[child.tag for child in case] for case in suite] == [["failure"], ["error"], ["system-out"]]
    assert suite[0].attrib["classname"] == "max-drop typo=10%"


def test_github_annotations_are_escaped(files: dict[str, str]) -> None:
    """The escapes are those of actions/toolkit, packages/core/src/command.ts."""
    _, output = status(files["bad"], "--max-drop", "typo=10%", "--format", "github")
    first, last = output.splitlines()
    assert first.startswith(
        "::error title=irbench max-drop typo=10%25::drop in mAP, typo at severity 3, multilingual: 30.0%25 ("
    )
    assert last == "The gate failed: 1 of 1 check failed for certain."
    _, output = status(files["near"], "--max-drop", "typo=10%", "--format", "github")
    assert output.startswith("::warning ")


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    result = fallen(200, 0.6, name='x\n::error::owned\x1b[31m\x00<&"')
    checked = check(result, "max-drop typo=10%")
    for form, write in GATE_FORMATS.items():
        text = write(checked)
        assert "\x1b" not in text
        assert "\x00" not in text
        assert not [line for line in text.splitlines() if line.startswith("::error::")], form
    assert fromstring(GATE_FORMATS["junit"](checked))[0].attrib["tests"] == "1"


def test_attack_ends_with_the_status_of_its_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gate = Path("gate.toml")
    run = ["attack", "--model", "bm25", "--languages", "en", "--recipe", "typo", "--severity", "5"]
    gate.write_text('max-drop = { typo = "10%" }\n', encoding="utf-8")
    answer = CliRunner().invoke(irbench, [*run, "--gate", str(gate), "--out", "result.json"])
    assert answer.exit_code == 1, answer.output
    assert "FAILED" in answer.output
    assert Path("result.json").exists()
    gate.write_text('max-drop = { tpyo = "10%" }\n', encoding="utf-8")
    with pytest.raises(OptionError, match="did you mean 'typo'"):
        CliRunner().invoke(irbench, [*run, "--gate", str(gate)], catch_exceptions=False)


# docs/ci.md.


PAGE = (Path(__file__).parents[1] / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a folder with the page's test set, Hindi questions in BEIR's layout, and its gate."""
    task = load_task("mini", ["hi"])
    folder = tmp_path / "shop"
    (folder / "qrels").mkdir(parents=True)
    for name, rows in (
        ("corpus", [(one.passage_id, one.text) for one in task.passages]),
        ("queries", [(one.query_id, one.text) for one in task.queries]),
    ):
        lines = [json.dumps({"_id": name_of, "text": text, "language": "hi"}) for name_of, text in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    pairs = zip(task.qrels.query, task.qrels.passage, strict=True)
    judged = [f"{task.queries[query].query_id}\t{task.passages[passage].passage_id}\t1" for query, passage in pairs]
    (folder / "qrels" / "test.tsv").write_text("\n".join(judged), encoding="utf-8")
    (tmp_path / "gate.toml").write_text(blocks("toml")[0], encoding="utf-8")
    return tmp_path


def typed(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the page in a shell, with this checkout as `irbench`."""
    program = folder / "irbench"
    call = f"exec {shlex.quote(sys.executable)} -c 'from robustbench_ir.cli import main; main()' \"$@\""
    program.write_text(f"#!/bin/sh\n{call}\n", encoding="utf-8")
    program.chmod(0o755)
    root = str(Path(__file__).parents[1])
    variables = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": root, **environment}
    return subprocess.run(
        ["bash", "-e", "-c", line], cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=200
    )


def test_the_gate_of_the_page_fails_and_passes_with_a_defence(shop: Path) -> None:
    first, defended, again = blocks("bash")
    bare = typed(first, shop)
    assert bare.returncode == 1, bare.stderr
    (shown,) = blocks("text")
    assert shown.splitlines()[1:] == bare.stdout.splitlines()[-3:]
    assert typed(defended, shop).returncode == 0
    assert typed(again, shop).returncode == 0
    assert typed("irbench check result.json --max-drop hinglish=99%", shop).returncode == 0  # a lower threshold


def test_the_workflow_of_the_page_runs(shop: Path) -> None:
    """Its own commands run here; what installs packages and what GitHub provides does not."""
    (text,) = blocks("yaml")
    workflow = yaml.safe_load(text)
    assert set(workflow) == {"name", True, "permissions", "jobs"}  # YAML 1.1 reads the key `on` as true
    (job,) = workflow["jobs"].values()
    steps = job["steps"]
    assert all(("run" in step) != ("uses" in step) for step in steps)
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d", step["uses"]) for step in steps if "uses" in step)
    ran = {step["name"]: typed(step["run"], shop, **job["env"]) for step in steps if "irbench " in step.get("run", "")}
    assert {name: one.returncode for name, one in ran.items()} == {"Attack": 0, "Check": 1, "Write JUnit": 0}
    assert ran["Check"].stdout.startswith("::error title=irbench max-drop hinglish=10%25::")
    assert fromstring((shop / "gate.xml").read_text(encoding="utf-8")).attrib["failures"] == "1"
    assert all((shop / name).exists() for name in steps[-1]["with"]["path"].split())


def test_the_python_of_the_page_runs(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)
    save_result(attack("char-ngram", "./shop", ["hinglish"]), Path("result.json"))
    (code,) = blocks("python")
    with pytest.raises(AssertionError):
        exec(compile(code, "ci.md", "exec"), {})  # noqa: S102


def test_the_smallest_numbers_of_questions_of_the_page() -> None:
    found = dict(re.findall(r"(\d+)% needs (?:at least )?(\d+)", " ".join(PAGE.split())))
    assert set(found) >= {"10", "5", "2", "1"}
    for limit, questions in found.items():
        rule = f"max-drop typo={limit}%"
        assert check(fallen(int(questions), 0), rule).passed
        assert not check(fallen(int(questions) - 1, 0), rule).passed


def test_a_real_result_is_checked_as_its_file(tmp_path: Path) -> None:
    result = attack("char-ngram", recipes=["typo"], languages=["en", "sw"])
    path = save_result(result, tmp_path / "result.json")
    rules = ["max-drop typo=0.2", "min nDCG@10=0.1"]
    assert check(path, rules) == check(result, rules) == check(str(path), rules)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (
            "1",
            r"no drop can exceed 1, since the clean score is only 1\.000; give a lower limit, such as 10%; 1 is 100%",
        ),
        ("100%", "no drop can exceed 100%, since the clean score is lost at 100%; give a lower limit, such as 10%"),
    ],
)
def test_a_limit_that_no_drop_can_exceed_is_refused(limit: str, said: str) -> None:
    """`--max-drop hinglish=0.3` passed for certain where 83% of a clean score of 0.095 was lost."""
    with pytest.raises(OptionError, match=said):
        check(fallen(200, 0.9), f"max-drop typo={limit}")


def test_a_score_that_has_little_to_lose_is_noted() -> None:
    low = np.full((200, 1), 100, dtype=np.int32)
    found = check(result_of_ranks(low, {TYPO: low}, ("en",)), "max-drop typo=10%")
    assert found.notes == (
        "typo: the clean AP in the monolingual setting is 0.010, so that there is little to lose, and a small drop "
        "says nothing",
    )
