"""What is crafted on one encoder and asked of others; and the command line of adversaries."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from robustbench_ir.adversary.candidates import Budget
from robustbench_ir.adversary.search import SearchOptions, search
from robustbench_ir.adversary.transfer import transfer, universal_substitutions
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError, RobustBenchError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.metrics.worst_case import average_case_of
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.file import load_result, result_to_json
from robustbench_ir.tasks import Task, load_task
from robustbench_ir.tasks.task import first_questions


@pytest.fixture(scope="module")
def few() -> Task:
    return first_questions(load_task("mini", ["en", "hi"]), 10)


def test_each_target_is_asked_what_was_crafted_on_the_source(few: Task) -> None:
    found = transfer(["char-ngram"], ["bm25"], few, search=SearchOptions(budget=Budget(2, 60)))
    assert found.targets == ("char-ngram", "bm25")
    own, other = (found.results["char-ngram", target] for target in found.targets)
    searched = search("char-ngram", few, ["typo"], SearchOptions(budget=Budget(2, 60))).result
    assert result_to_json(replace(own, timings={})) == result_to_json(replace(searched, timings={}))
    (crafted,), (asked,) = own.attacked, other.attacked
    assert asked.digest == crafted.digest
    assert asked.recipe == f"{crafted.recipe}|crafted-on=char-ngram"
    assert np.array_equal(other.clean.ranks.in_pool, attack("bm25", few, []).clean.ranks.in_pool)
    unchanged = np.isin(few.qrels.query, np.flatnonzero(~asked.changed))
    assert np.array_equal(asked.ranks.in_pool[unchanged], other.clean.ranks.in_pool[unchanged])
    drop = found.drop("char-ngram", "char-ngram", "multilingual").absolute
    assert drop > found.drop("char-ngram", "bm25", "multilingual").absolute - 0.2
    assert drop > 0


def test_every_drop_of_the_matrix_has_a_paired_interval(few: Task) -> None:
    found = transfer(["char-ngram", "bm25"], [], few, recipe="slip", search=SearchOptions(budget=Budget(2, 40)))
    matrix = found.matrix("monolingual", resamples=500)
    assert matrix.keys() == found.results.keys()
    for (source, target), one in matrix.items():
        assert one.drop.value == pytest.approx(found.drop(source, target, "monolingual").absolute)
        assert one.drop.low <= one.drop.value <= one.drop.high
        alone = found.results[source, target].findings("monolingual", resamples=500)[0]
        assert (one.drop, one.p) == (alone.drop, alone.p)
        assert one.p <= one.p_adjusted <= 1
        assert one.minimum_detectable >= alone.minimum_detectable, "four tests need no less than one"
    own = matrix["char-ngram", "char-ngram"]
    assert own.drop.low >= 0, "the search never makes a query better for the goal it has"


def test_p_of_a_matrix_are_adjusted_over_all_its_cells(few: Task) -> None:
    """By hand: of all flips of ten questions, those where one of the cells that are left is at least as far from 0."""
    found = transfer(["char-ngram", "bm25"], [], few, recipe="slip", search=SearchOptions(budget=Budget(2, 40)))
    matrix = found.matrix("multilingual", resamples=20_000)
    drops = []
    for result in found.results.values():
        table = result.per_query().groupby(["recipe", "parallel_id"])["multilingual"].mean().unstack("recipe")
        drops.append((table["clean"] - table.drop(columns="clean").squeeze(axis=1)).to_numpy())
    unit = np.stack(drops, axis=1) / np.linalg.norm(drops, axis=1)
    flipped = np.abs(np.array(list(product([1, -1], repeat=len(unit)))) @ unit)
    observed, wanted = np.abs(unit.sum(axis=0)), np.zeros(len(drops))
    order = np.argsort(-observed)
    for place, cell in enumerate(order):
        share = np.mean(flipped[:, order[place:]].max(axis=1) >= observed[cell] - 1e-9)
        wanted[cell] = max(share, *wanted)
    alone = (flipped >= observed - 1e-9).mean(axis=0)
    assert wanted[0] > alone[0] + 0.003, "the adjustment must matter"
    assert matrix["char-ngram", "char-ngram"].p_adjusted == pytest.approx(wanted[0], abs=0.002)
    np.testing.assert_allclose([one.p_adjusted for one in matrix.values()], wanted, atol=0.012)


def test_worst_and_average_case_of_one_result(few: Task) -> None:
    """The gap is that of the drops; without random perturbations the recipe alone is the average case."""
    found = search("char-ngram", few, ["typo"], SearchOptions(["greedy", "random"], budget=Budget(2, 40))).result
    greedy, chance = (cell.recipe for cell in found.attacked)
    (row,) = found.worst_cases("multilingual", resamples=500)
    assert (row.average, row.worst) == (chance, greedy)
    worst, average = (one.absolute for one in found.drops("multilingual"))
    assert row.gap.value == pytest.approx(worst - average)
    assert 0 < row.gap.low < row.gap.value < row.gap.high
    assert (row.worst_drop.value, row.average_drop.value) == pytest.approx((worst, average))
    clean = found.score(found.clean, "multilingual")
    shares = row.worst_relative_drop.value, row.average_relative_drop.value, row.relative_gap.value
    assert shares == pytest.approx((worst / clean, average / clean, (worst - average) / clean))
    plain = attack("char-ngram", few, ["typo"]).attacked
    both = replace(found, attacked=(found.attacked[0], *plain))
    assert both.worst_cases("monolingual", resamples=100)[0].average == "typo@5"
    assert replace(found, attacked=found.attacked[:1]).worst_cases("monolingual") == []


def test_what_the_average_case_of_a_search_is() -> None:
    rest = "|goal=map|words=2|queries=500"
    others = [f"random(typo@5,synonym@3){rest}|starts=5", "random(typo@5)|goal=map|words=1|queries=500", "typo@5"]

    def average_of(worst: str) -> AttackIdentity | None:
        return average_case_of(AttackIdentity.parse(worst), [AttackIdentity.parse(one) for one in others])

    assert average_of(f"greedy(typo@5,synonym@3){rest}|starts=0") == others[0]
    assert average_of(f"beam-4(typo@5){rest}") == "typo@5", "not another budget"
    assert average_of(f"greedy(synonym@3){rest}") is None
    assert average_of(f"random(typo@5){rest}") is None
    assert average_of("typo@5") is None
    others.append("typo@5~char-ngram>=0.8")
    assert average_of(f"greedy(typo@5~char-ngram>=0.8){rest}") == others[-1], "with the same floor"


def test_substitutions_are_those_of_the_attacked_queries(few: Task) -> None:
    found = search("char-ngram", few, ["typo"], SearchOptions(budget=Budget(2, 60)))
    rows = universal_substitutions(found, most=5)
    assert len(rows) == 5
    assert [row.queries * row.gain for row in rows] == sorted((row.queries * row.gain for row in rows), reverse=True)
    for row in rows:
        hurt = [
            one
            for query, one in zip(few.queries, found.attacked[0].outcomes, strict=True)
            if query.language == row.language
            and (row.before, row.after) in {(edit.before.lower(), edit.after.lower()) for edit in one.edits}
        ]
        assert len(hurt) == row.queries
        assert row.gain == pytest.approx(np.mean([one.clean.value - one.best.value for one in hurt]))


def test_transfer_without_a_source_or_with_a_goal_that_cannot_be(few: Task) -> None:
    with pytest.raises(OptionError, match="no source"):
        transfer([], ["bm25"], few)
    with pytest.raises(RobustBenchError, match="needs parallel passages"):
        transfer(["char-ngram"], [], few.select(["en"]), search=SearchOptions(goal="rank-distance"))


def irb(*arguments: str) -> Result:
    return CliRunner().invoke(irbench, arguments, env={"COLUMNS": "100"})


def test_attack_with_a_search_writes_result_and_queries(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    budget = ("--budget-words", "1", "--budget-queries", "30")
    answer = irb(
        "attack", "--model", "char-ngram", "--languages", "sw", "--recipe", "typo",
        "--search", "greedy", "--search", "random", *budget, "--out", str(out),
    )  # fmt: skip
    assert answer.exit_code == 0, answer.output
    assert re.search(r"^greedy\(typo\) +0\.\d+", answer.output, re.MULTILINE)
    assert re.search(r"^ random\(typo\) .* 1\.0 ", answer.output, re.MULTILINE)
    row = r"^greedy\(typo\) +monolingual +3( +[+-]\d+\.\d%){3} +±\d+\.\d%( +\+0\.\d{3}){3} +±0\.\d{3}"
    assert re.search(row, answer.output, re.MULTILINE)
    assert [cell.recipe for cell in load_result(out).attacked] == [
        f"{name}(typo@5)|goal=map|words=1|queries=30" for name in ("greedy", "random")
    ]
    lines = (tmp_path / "result-queries" / "greedy-typo-severity3-seed0.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    assert set(first) == {"_id", "text", "metadata"}
    assert len(lines) == 60


def test_transfer_prints_a_matrix_and_substitutions(tmp_path: Path) -> None:
    answer = irb(
        "transfer", "--source", "char-ngram,bm25", "--languages", "sw", "--budget-queries", "20", "--budget-words", "1",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert answer.exit_code == 0, answer.output
    assert re.search(
        r"^ char-ngram +[+-]\d\.\d{3}[* ] ±\d\.\d{3} [+-]\d+% ◆ +[+-]\d\.\d{3}[* ] ±\d\.\d{3} [+-]\d+% *$",
        answer.output,
        re.MULTILINE,
    )
    assert "most harmful changes for bm25" in answer.output
    assert len(list(tmp_path.glob("*-to-*.json"))) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--search", "gredy"], "unknown search method 'gredy': did you mean 'greedy'"),
        (["--search", "greedy", "--goal", "mop"], "unknown goal 'mop'"),
        (["--search", "greedy", "--budget-words", "0"], "a budget of 0 words"),
        (["--search", "greedy", "--budget-queries", "0"], "a budget of 0 encoder queries"),
        (["--goal", "map"], "add --search greedy"),
        (["--search", "greedy", "--jobs", "2"], "a search runs in one process"),
        (["--search", "greedy", "--run-out", "runs"], "writes no TREC runs"),
        (["--search", "greedy", "--plan"], "--plan cannot plan searches"),
        (["--search", "greedy", "--semantic-floor", "2"], "semantic floor 2 is out of range"),
        (["--search", "greedy", "--goal", "beyond@10+beyond@20"], "of the same kind"),
        (["--search", "greedy", "--goal", "language=en", "--languages", "en"], "needs parallel passages"),
        (["--until-reached"], "add --search greedy"),
        (["--search", "greedy", "--severity", "9"], "severity 9 is out of range"),
        (["--search", "greedy", "--recipe", "typo+tipo"], "unknown recipe 'tipo'"),
        (["--search", "greedy", "--recipe", "transliteration", "--languages", "en"], "has no candidates"),
    ],
)
def test_what_the_user_got_wrong_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    answer = irb("attack", "--model", "char-ngram", "--out", str(tmp_path / "x.json"), *arguments)
    assert isinstance(answer.exception, RobustBenchError)
    assert message in str(answer.exception)
    assert "\n" not in str(answer.exception)
    assert not list(tmp_path.iterdir())
