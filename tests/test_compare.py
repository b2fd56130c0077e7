"""Encoders are compared on the same perturbed queries, or not at all."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from robustbench_ir import attack, save_result
from robustbench_ir.cli import irbench
from robustbench_ir.cli.compare import command
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb.identity import CLEAN
from robustbench_ir.reports.plots import write_comparison
from robustbench_ir.reports.winner import standing_sentence
from robustbench_ir.results.compare import compare, standing
from robustbench_ir.results.result import Result
from tests.support.results import result_of_ranks


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


FORMATS = ["csv", "markdown", "latex", "json"]


@pytest.mark.parametrize("form", FORMATS)
def test_the_formats_have_the_chosen_rows(form: str, pair: tuple[Result, Result], tmp_path: Path) -> None:
    files = [str(save_result(one, tmp_path / f"{one.encoder.name}.json")) for one in pair]
    chosen = ["--setting", "multilingual", "--severity", "3", "--format", form]
    text = CliRunner().invoke(irbench, ["compare", *files, *chosen], catch_exceptions=False).stdout
    (clean, score, drop) = compare(pair, setting="multilingual", severity=3)
    assert [row.quantity for row in (clean, score, drop)] == ["score", "score", "drop"]
    shown = f"{score.difference.value:.3f}"
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(row["recipe"], row["quantity"]) for row in rows] == [
            ("clean", "score"), ("typo@5", "score"), ("typo@5", "drop"),
        ]  # fmt: skip
        assert float(rows[1]["difference"]) == pytest.approx(score.difference.value, abs=1e-6)
    elif form == "json":
        assert [row["quantity"] for row in json.loads(text)] == ["score", "score", "drop"]
    elif form == "latex":
        assert shown.startswith("-")
        assert f"$-${shown[1:]}" in text
        assert sum(line.endswith(r"\\") for line in text.splitlines()) == 4
        assert r"\label{tab:comparison-multilingual-1}" in text
        assert "char-ngram is best" in text
    else:
        assert f"| typo | 3 | score | {score.of_first.value:.3f} | {score.of_second.value:.3f} | {shown} |" in text
    out = tmp_path / "numbers"
    CliRunner().invoke(irbench, ["compare", *files, *chosen, "--out", str(out)], catch_exceptions=False)
    assert out.read_text(encoding="utf-8") == text


def test_a_setting_or_severity_that_is_not_there_is_one_line(pair: tuple[Result, Result]) -> None:
    with pytest.raises(OptionError, match="char-ngram: severity 5 was not run; there are: 3"):
        compare(pair, severity=5)
    clean = [replace(one, attacked=()) for one in pair]
    assert {row.recipe for row in compare(clean, resamples=50)} == {CLEAN}


def fallen(share: float, name: str) -> Result:
    ranks = np.ones((100, 1), dtype=np.int32)
    attacked = np.where(np.arange(100)[:, None] < 100 * share, 2, ranks)
    return result_of_ranks(ranks, {("typo@1", 3): attacked}, name=name)


def test_the_last_line_says_who_wins() -> None:
    """AP under attack is 1 - share / 2; a difference of 20 questions is certain, one of a single question is not."""
    three = [fallen(0.2, "b"), fallen(0.0, "a"), fallen(0.4, "c")]
    found = standing(three)
    assert found.scores == (("a", 1.0), ("b", 0.9), ("c", 0.8))
    assert standing_sentence(found) == (
        "a is best: mean mAP under 1 attack, monolingual, 1.000; "
        "significantly above b (0.900, p < 0.001) and c (0.800, p < 0.001)."
    )
    near = standing_sentence(standing([fallen(0.0, "a"), fallen(0.01, "b"), fallen(0.5, "c")]))
    assert near == (
        "No single winner: a has the highest mean mAP under 1 attack, monolingual, 1.000, but cannot be distinguished "
        "from b (0.995, p = 1.000), and is significantly above c (0.750, p < 0.001)."
    )
    clean = [replace(one, attacked=()) for one in three]
    assert standing_sentence(standing(clean)).startswith("No single winner: b has the highest clean mAP, monolingual")


def test_the_differences_can_be_drawn(pair: tuple[Result, Result], tmp_path: Path) -> None:
    rows = compare(pair, resamples=50)
    write_comparison(rows, tmp_path / "differences.svg")
    text = (tmp_path / "differences.svg").read_text(encoding="utf-8")
    for part in (">monolingual<", ">multilingual<", ">clean, score<", ">typo 3, drop<", ">bm25<", "from char-ngram"):
        assert part in text, part
    with pytest.raises(OptionError, match=r"end in .png, .svg or .pdf"):
        write_comparison(rows, tmp_path / "differences.gif")
