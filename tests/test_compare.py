"""Encoders are compared on the same perturbed queries, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from robustbench_ir import attack, save_result
from robustbench_ir.cli.compare import command
from robustbench_ir.errors import OptionError
from robustbench_ir.reports.plots import write_comparison
from robustbench_ir.results.compare import compare
from robustbench_ir.results.result import Result


@pytest.fixture(scope="module")
def pair() -> tuple[Result, Result]:
    first, second = (attack(name, recipes=["typo"], languages=["en", "sw"]) for name in ("char-ngram", "bm25"))
    return first, second


def test_differences_are_those_of_the_scores(pair: tuple[Result, Result]) -> None:
    rows = compare(pair, resamples=500)
    assert [(row.setting, row.recipe, row.quantity) for row in rows[:3]] == [
        ("monolingual", "clean", "score"),
        ("monolingual", "typo@5", "score"),
        ("monolingual", "typo@5", "drop"),
    ]
    for row in rows:
        drops = [one.drops(row.setting)[0] for one in pair]
        wanted = [
            drop.absolute if row.quantity == "drop" else drop.clean if row.recipe == "clean" else drop.attacked
            for drop in drops
        ]
        assert row.difference.value == pytest.approx(wanted[1] - wanted[0])
        assert row.difference.low <= row.difference.value <= row.difference.high
        assert row.p <= row.p_adjusted <= 1


def test_the_test_is_paired_by_question(pair: tuple[Result, Result]) -> None:
    """Scipy's permutation test on the mean difference of each question, which here has both languages."""
    row = compare(pair)[1]
    frames = [one.per_query().query("recipe == 'typo@5'").groupby("parallel_id")["monolingual"].mean() for one in pair]
    difference = (frames[1] - frames[0]).to_numpy()
    theirs = stats.permutation_test((difference,), np.mean, permutation_type="samples", rng=1)
    assert row.p == pytest.approx(theirs.pvalue, abs=0.01)
    assert row.effect_size == pytest.approx(difference.mean() / difference.std(ddof=1))


def test_a_result_does_not_differ_from_itself(pair: tuple[Result, Result]) -> None:
    for row in compare([pair[0], pair[0]], resamples=100):
        assert (row.difference.value, row.difference.low, row.difference.high, row.p) == (0, 0, 0, 1)


def test_what_is_not_paired_is_refused(pair: tuple[Result, Result]) -> None:
    first, second = pair
    (cell,) = second.attacked
    others = {
        "name two or more": [first],
        "task other@1, not mini@1": [first, replace(second, task="other@1")],
        "other queries, passages or languages": [first, replace(second, task_digest="0" * 64)],
        "no recipe and severity in common": [first, replace(second, attacked=(replace(cell, severity=5),))],
        "not the same seeds": [first, replace(second, attacked=(cell, replace(cell, seed=1)))],
        "digests differ": [first, replace(second, attacked=(replace(cell, digest="0" * 64),))],
    }
    for message, results in others.items():
        with pytest.raises(OptionError, match=message) as refused:
            compare(results, resamples=10)
        assert "\n" not in str(refused.value)


def test_the_command_prints_and_writes(
    pair: tuple[Result, Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the table is held to a width, and the last line names the file
    files = [str(save_result(one, Path(f"{one.encoder.name}.json"))) for one in pair]
    out = Path("comparison.json")
    answer = CliRunner().invoke(command, [*files, "--out", str(out)], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "monolingual: char-ngram (first) and bm25 (second), mAP" in answer.output
    assert max(map(len, answer.output.splitlines())) <= 100
    rows = json.loads(out.read_text(encoding="utf-8"))
    assert len(rows) == 3 * 3
    assert {"first", "second", "difference", "p_adjusted"} <= set(rows[0])


def test_the_differences_can_be_drawn(pair: tuple[Result, Result], tmp_path: Path) -> None:
    rows = compare(pair, resamples=50)
    write_comparison(rows, tmp_path / "differences.svg")
    text = (tmp_path / "differences.svg").read_text(encoding="utf-8")
    for part in (">monolingual<", ">multilingual<", ">clean, score<", ">typo 3, drop<", ">bm25<", "from char-ngram"):
        assert part in text, part
    with pytest.raises(OptionError, match=r"end in .png or .svg"):
        write_comparison(rows, tmp_path / "differences.gif")
