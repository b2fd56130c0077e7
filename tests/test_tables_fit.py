"""Tables on a terminal: no number is cut, one table where several would be equal, signs that need no colour."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

import robustbench_ir as rb
from robustbench_ir.cli.output import Terminal
from robustbench_ir.perturb.identity import Signature
from robustbench_ir.reports.terminal import (
    comparison_table,
    damage_table,
    formatted_p,
    plan_table,
    score_table,
    with_and_without,
)

NUMBER = re.compile(r"(?<![\w.@=,])[+-]\d\.\d{3}(?!\d)")


def printed(what: RenderableType, width: int, **settings: bool) -> str:
    console = Console(width=width, color_system="standard", **settings) if settings else Terminal(width=width)
    with console.capture() as found:
        console.print(what)
    return found.get()


@pytest.fixture(scope="module")
def wide() -> rb.Result:
    return rb.attack(
        "char-ngram", recipes="typo,code-switching,transliteration", languages="en,hi,sw", severities=(1, 3, 5)
    )


@pytest.fixture(scope="module")
def repaired() -> rb.Result:
    return rb.attack("normalised:nfkc:char-ngram", recipes="typo,homoglyph", languages="en,sw")


def tables(wide: rb.Result, repaired: rb.Result) -> Iterator[RenderableType]:
    plain = rb.attack("char-ngram", recipes="typo,homoglyph", languages="en,sw")
    yield from (score_table(wide), score_table(wide, "language"), damage_table(wide, 0.05, "language"))
    yield from (with_and_without(plain, repaired), comparison_table(rb.compare([plain, repaired], resamples=100)))
    searched = rb.search("char-ngram", recipes="typo", search=rb.SearchOptions("greedy,random"), questions=4)
    yield score_table(searched.result)
    yield plan_table(rb.plan("char-ngram", recipes="typo", languages="en"))


def test_no_number_is_cut_at_80_columns(wide: rb.Result, repaired: rb.Result) -> None:  # M6
    for table in tables(wide, repaired):
        narrow, broad = printed(table, 80), printed(table, 200)
        assert "…" not in narrow
        assert max(map(len, narrow.splitlines())) <= 80
        assert sorted(NUMBER.findall(narrow)) == sorted(NUMBER.findall(broad))


def test_a_table_that_fits_is_one(wide: rb.Result) -> None:
    assert "continued" not in printed(score_table(wide), 120)
    assert printed(score_table(wide), 80).count("multilingual, continued") == 1


def test_one_language_has_one_table_and_no_dashes_for_rank_distance() -> None:
    said = printed(score_table(rb.attack("char-ngram", recipes="typo", languages="hi")), 80)
    assert said.count("(pool:") == 1
    assert "RD" not in said
    assert "in 1 language," in said


def test_the_signature_names_all_severities_and_can_be_copied(wide: rb.Result) -> None:  # M5
    for width in (60, 80, 300):
        said = printed(score_table(wide), width)
        lines = said[said.rindex("task=mini@1") :].splitlines()
        assert all(line.endswith("|") for line in lines[:-1])
        signature = Signature.parse("".join(lines))
        assert (signature.severity, *signature.further_severities) == (1, 3, 5)
        assert str(signature) == "".join(lines)


def test_harm_and_gain_are_told_with_and_without_colour(wide: rb.Result) -> None:
    coloured = printed(score_table(wide), 120, force_terminal=True)
    plain = printed(score_table(wide), 120, force_terminal=True, no_color=True)
    harm, gain = re.compile(r"\x1b\[31m\+\d\.\d{3}\*"), re.compile(r"\x1b\[32m-\d\.\d{3}\*")
    assert harm.search(coloured)
    assert gain.search(coloured)
    assert not re.search(r"\x1b\[3[12]m", plain)
    assert re.search(r"\+\d\.\d{3}\*", plain)
    assert re.search(r"-\d\.\d{3}\*", plain)


def test_p_is_shown(wide: rb.Result) -> None:
    assert formatted_p(0.0004) == "<0.001"
    assert formatted_p(0.0123) == "0.012"
    assert formatted_p(float("nan")) == "-"
    (row, *_) = wide.findings("monolingual")
    first = next(line for line in printed(score_table(wide), 120).splitlines() if line.startswith("typo"))
    assert formatted_p(row.p_adjusted) in first.split()


def test_lists_of_recipes_and_tasks_are_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from robustbench_ir.cli import irbench

    monkeypatch.chdir(tmp_path)
    for name in ("recipes", "tasks"):
        lines = CliRunner().invoke(irbench, [name]).stdout.splitlines()
        assert max(map(len, lines)) <= 80
        assert not any(" 1 languages" in line for line in lines)
    assert "language: ar" in CliRunner().invoke(irbench, ["recipes", "show", "arabizi"]).output
