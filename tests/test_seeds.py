"""How much seeds matter: the parts of the variance, the number of seeds that is enough, and runs that choose it."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from robustbench_ir import RunOptions, attack
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.seeds import SeedEffect
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.results.result import Result

TYPO = AttackIdentity.parse("typo@5")


def effect(share: float) -> SeedEffect:
    return SeedEffect(TYPO, 3, "monolingual", "AP", 3, share, 0.01)


@pytest.fixture(scope="module")
def three_seeds() -> Result:
    return attack("char-ngram", recipes=["typo"], languages=["en", "hi", "sw"], seeds=3)


def drops(result: Result, setting: str) -> np.ndarray:
    """Return what each question contributes to the drop of each seed, shape (questions, seeds)."""
    frame = result.per_query()
    value = frame.pivot_table(setting, "parallel_id", ["recipe", "seed"], aggfunc="mean")
    return (value["clean"].to_numpy() - value["typo@5"].to_numpy()) / len(value)


def test_the_deviation_is_that_of_a_sum_over_questions(three_seeds: Result) -> None:
    """In the data frame every language has all questions, so that a question's part is the mean of its languages."""
    for setting in three_seeds.settings:
        (found,) = three_seeds.seed_effects(setting)
        parts = drops(three_seeds, setting)
        assert found.seeds == 3
        assert found.deviation == pytest.approx(np.sqrt(parts.var(axis=1, ddof=1).sum()))
        questions = len(parts)
        of_mean = parts.mean(axis=1).var(ddof=1) * questions
        of_seeds = parts.var(axis=1, ddof=1).sum()
        assert found.share == pytest.approx(of_seeds / (of_mean + of_seeds * 2 / 3))


def test_the_interval_with_more_seeds_is_as_wide_as_foreseen(three_seeds: Result) -> None:
    """Width with S seeds over that with one: the root of 1 - r + r / S."""
    (found,) = three_seeds.seed_effects("monolingual")
    widths = [
        replace(three_seeds, attacked=cells).findings("monolingual", method="percentile")[0].drop.half_width
        for cells in (three_seeds.attacked, *((cell,) for cell in three_seeds.attacked))
    ]
    assert widths[0] / np.sqrt(np.mean(np.square(widths[1:]))) == pytest.approx(found.width(3), rel=0.06)
    assert found.width(1) == 1


@pytest.mark.parametrize(("share", "enough"), [(0.0, 1), (0.1, 2), (0.2, 3), (0.35, 5), (0.5, 10), (0.9, 20)])
def test_enough_seeds_are_those_after_which_none_narrow_by_a_twentieth(share: float, enough: int) -> None:
    """With r = 0.5: root(0.5 / (0.5 + 0.5 / 9)) = 0.9487, and of 10 seeds 0.9535. 20 is the most."""
    assert effect(share).enough == enough


def test_one_seed_says_nothing_about_seeds(three_seeds: Result) -> None:
    (found,) = replace(three_seeds, attacked=three_seeds.attacked[:1]).seed_effects("monolingual")
    assert np.isnan([found.share, found.deviation]).all()


def test_an_attack_that_changes_nothing_needs_one_seed() -> None:
    result = attack("char-ngram", recipes=["transliteration"], languages=["en"], seeds=2)
    (found,) = result.seed_effects("monolingual")
    assert (found.share, found.deviation, found.enough) == (0, 0, 1)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_adds_seeds_until_they_are_enough(jobs: int) -> None:
    result = attack("char-ngram", recipes=["typo"], languages=["en", "hi"], seeds="auto", run=RunOptions(jobs=jobs))
    ((cells),) = result.groups.values()
    enough = max(one.enough for setting in result.settings for one in result.seed_effects(setting))
    assert len(cells) > 3, "typos need more than the first three seeds"
    assert enough <= len(cells) == len({cell.seed for cell in cells})
    same = attack("char-ngram", recipes=["typo"], languages=["en", "hi"], seeds=len(cells))
    assert [cell.digest for cell in result.attacked] == [cell.digest for cell in same.attacked]
    assert result.signature("monolingual", "typo@5", 3) == same.signature("monolingual", "typo@5", 3)


def test_the_printed_table_says_what_seeds_do(three_seeds: Result) -> None:
    stream = StringIO()
    Console(width=200, file=stream).print(score_table(three_seeds))
    (found,) = three_seeds.seed_effects("multilingual")
    assert f"multilingual: typo@3 {found.share:.0%}, ±{found.deviation:.4f}" in stream.getvalue()
    stream = StringIO()
    Console(width=200, file=stream).print(score_table(replace(three_seeds, attacked=three_seeds.attacked[:1])))
    assert "another seed" not in stream.getvalue()


def test_seeds_are_a_number_or_auto() -> None:
    answer = CliRunner().invoke(irbench, ["attack", "--model", "char-ngram", "--seeds", "many"])
    assert answer.exit_code == 2
    assert "'many' is not a number of seeds; give one, such as 3, or auto" in answer.output
    with pytest.raises(OptionError, match="0 seeds"):
        attack("char-ngram", seeds=0)


def test_a_search_wants_a_number_of_seeds() -> None:
    answer = CliRunner().invoke(irbench, ["attack", "--model", "char-ngram", "--search", "greedy", "--seeds", "auto"])
    assert isinstance(answer.exception, OptionError)
    assert str(answer.exception) == "a search does not choose its number of seeds; give one, such as 1"
