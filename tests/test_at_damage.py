"""Drops at a common edit distance, with arithmetic by hand."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_ir import attack
from robustbench_ir.cli import irbench
from robustbench_ir.errors import OptionError
from robustbench_ir.metrics.at_damage import interpolated
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.exports import EXPORTS
from robustbench_ir.reports.page import report_page
from robustbench_ir.reports.worst import find_examples
from robustbench_ir.results.file import save_result
from robustbench_ir.results.result import Result


def test_the_line_goes_through_no_damage_and_the_rungs() -> None:
    damage, drop = np.array([0.04, 0.04, 0.08])[:, None], np.array([0.1, 0.1, 0.3])[:, None]
    for wanted, expected in ((0.02, 0.05), (0.04, 0.1), (0.05, 0.15), (0.08, 0.3), (0.2, 0.3)):
        assert interpolated(damage, drop, wanted) == pytest.approx([expected])


@pytest.fixture
def ladder(small: Result) -> Result:
    """The edit rates are replaced: 2% at severity 1, 6% at severity 3, 10% at severity 5, for every query."""
    rates = {1: 0.02, 3: 0.06, 5: 0.10}
    cells = (replace(one, edit_rate=np.full(len(one.changed), rates[one.severity])) for one in small.attacked)
    return replace(small, attacked=tuple(cells))


@pytest.fixture(scope="module")
def small() -> Result:
    return attack("char-ngram", recipes=["typo", "transliteration"], languages=["en", "hi"], severities=[1, 3, 5])


@pytest.mark.parametrize("by", [None, "language"])
def test_a_drop_lies_between_those_of_the_neighbouring_rungs(ladder: Result, by: str | None) -> None:
    drops = {(one.setting, one.recipe, one.language, one.severity): one for setting in ladder.settings
             for one in ladder.drops(setting, by=by)}  # fmt: skip
    rows = ladder.at_damage(0.05, by=by, resamples=200)
    assert len(rows) == 3 * (3 if by else 2), "transliteration does not cover English"
    for row in rows:
        low, high = (drops[row.setting, row.recipe, row.language, severity] for severity in (1, 3))
        expected = low.absolute + 0.75 * (high.absolute - low.absolute)
        assert row.drop.value == pytest.approx(expected)
        assert row.relative_drop.value == pytest.approx(expected / low.clean)
        assert row.drop.low <= row.drop.value <= row.drop.high


def test_at_a_rung_it_is_the_finding(ladder: Result) -> None:
    """Here every resample has the same damage, so that interval and drop are those of the severity."""
    found = {(one.recipe, one.severity): one.drop for one in ladder.findings("multilingual", resamples=500)}
    for row in ladder.at_damage(0.06, settings=["multilingual"], resamples=500):
        assert row.drop.value == pytest.approx(found[row.recipe, 3].value)
        assert (row.drop.low, row.drop.high) == pytest.approx(
            (found[row.recipe, 3].low, found[row.recipe, 3].high), abs=2e-4
        )


def test_what_no_severity_reaches_has_no_drop_and_says_so(ladder: Result) -> None:
    for row in ladder.at_damage(0.2, resamples=100):
        assert np.isnan([row.drop.value, row.drop.low, row.relative_drop.value]).all()
        assert row.remark == "not reached; at most 10.0%"
    unknown = tuple(replace(one, edit_rate=np.full(len(one.changed), np.nan)) for one in ladder.attacked)
    assert {row.remark for row in replace(ladder, attacked=unknown).at_damage(0.05, resamples=100)} == {
        "edit distance not known"
    }
    for damage in (0, float("nan"), float("inf")):
        with pytest.raises(OptionError, match="above 0"):
            ladder.at_damage(damage)
    assert replace(ladder, attacked=()).at_damage(0.05) == []


def test_show_and_report_have_it(ladder: Result, tmp_path: Path) -> None:
    path = save_result(ladder, str(tmp_path / "result.json"))
    assert path == tmp_path / "result.json"
    run: Callable[..., str] = lambda *words: CliRunner().invoke(irbench, words, catch_exceptions=False).output  # noqa: E731
    shown = run("show", str(path), "--at-damage", "0.05", "--by", "language")
    assert "drop in mAP at an edit distance of 5.0% of a query" in shown
    assert "not reached" not in shown
    assert "not reached; at most 10.0%" in run("show", str(path), "--at-damage", "0.3")
    assert "at an edit distance" not in run("show", str(path))
    (sheet,) = prepare_sheets([("x.json", ladder)], resamples=100, damage=0.05)
    assert "The same damage everywhere" in report_page([sheet], find_examples([sheet], 1))
    (content,) = json.loads(EXPORTS["json"]([sheet]))
    assert {(one["language"], one["edit_rate"]) for one in content["at_damage"]} == {
        ("all", 0.05), ("en", 0.05), ("hi", 0.05),
    }  # fmt: skip
    assert "drop at an edit distance of 5.0% of a query" in EXPORTS["markdown"]([sheet])


@pytest.mark.parametrize("damage", ["0", "-1", "nan", "inf", "much"])
@pytest.mark.parametrize("command", ["show", "report"])
def test_what_is_no_edit_distance_is_refused_before_anything_is_printed(
    command: str, damage: str, ladder: Result, tmp_path: Path
) -> None:
    path = save_result(ladder, tmp_path / "result.json")
    done = CliRunner().invoke(irbench, [command, str(path), "--at-damage", damage])
    assert done.exit_code == 2
    assert "is not a share above 0; give one, such as 0.05" in done.output
    assert "mAP" not in done.output
