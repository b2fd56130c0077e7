"""Drops by relation: switching into the language of the passages or another, romanised words or lost diacritics."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from robustbench_ir import attack
from robustbench_ir.errors import DataError
from robustbench_ir.metrics.settings import per_query_scores
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.kinds import INTO_ANOTHER, INTO_SEVERAL, INTO_THE_PASSAGES, KindOfChange
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.exports import EXPORTS
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.results.file import load_result, save_result
from robustbench_ir.results.result import Result

LANGUAGES = ["am", "en", "es", "hi"]
INTO = {"am": "en", "en": "es", "es": "en", "hi": "en"}  # as tasks/mini.toml has it


@pytest.fixture(scope="module")
def result() -> Result:
    return attack("char-ngram", recipes=["code-switching", "transliteration", "typo"], languages=LANGUAGES)


def printed(result: Result) -> str:
    stream = io.StringIO()
    Console(width=80, file=stream).print(score_table(result))
    return stream.getvalue()


@pytest.mark.parametrize("text", ["embedded=en", "embedded=en,es", "romanised", "diacritics", "other-script"])
def test_a_kind_of_change_is_written_and_read(text: str) -> None:
    assert str(KindOfChange.parse(text)) == text


@pytest.mark.parametrize("text", ["", "embedded", "embedded=", "romanised=en", "unknown"])
def test_what_is_not_a_kind_of_change_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is not a kind of change"):
        KindOfChange.parse(text)


def test_a_recipe_tells_what_it_does_to_each_language() -> None:
    kinds = load_recipe("transliteration").kinds(["de", "hi", "en", "th", "uz", "vi", "yo", "zh"])
    assert {language: str(kind) for language, kind in kinds.items()} == {
        "hi": "romanised", "th": "romanised", "uz": "other-script", "zh": "romanised",
    }  # fmt: skip
    swapped = load_recipe("script-swap").kinds(["ha", "hi", "kk", "zh"])
    assert {language: str(kind) for language, kind in swapped.items()} == {
        "ha": "other-script", "hi": "other-script", "kk": "romanised", "zh": "other-script",
    }  # fmt: skip
    marks = load_recipe("diacritics").kinds(["ar", "ckb", "de", "el", "ru"])
    assert {str(kind) for kind in marks.values()} == {"diacritics"}
    assert load_recipe("combined").kinds(["en", "hi"]) == {"hi": KindOfChange("romanised")}
    assert load_recipe("typo").kinds(["en", "hi"]) == {}


def test_several_embedded_languages_are_partly_those_of_the_passages() -> None:
    kind = KindOfChange("embedded", ("en", "es"))
    found = [kind.relation(pool) for pool in (["en"], ["hi"], ["en", "es", "hi"])]
    assert found == [INTO_SEVERAL, INTO_ANOTHER, INTO_THE_PASSAGES]


def test_code_switching_is_reported_by_the_language_of_the_passages(result: Result) -> None:
    rows = result.findings("cross-lingual", by="relation", resamples=100)
    towards, elsewhere = [row for row in rows if row.recipe.label == "code-switching"]
    layout, (cell,) = result.judgements, next(iter(result.groups.values()))
    before, after = (
        per_query_scores(layout, ranks, "AP", "cross-lingual") for ranks in (result.clean.ranks, cell.ranks)
    )
    pool = list(layout.pool)
    drops: dict[bool, list[float]] = {True: [], False: []}
    for language in LANGUAGES:
        of = np.array(layout.languages) == language
        for passages in set(LANGUAGES) - {language}:
            drops[passages == INTO[language]].append((before - after)[of, pool.index(passages)].mean())
    assert (towards.relation, elsewhere.relation) == (INTO_THE_PASSAGES, INTO_ANOTHER)
    assert towards.drop.value == pytest.approx(np.mean(drops[True]))
    assert elsewhere.drop.value == pytest.approx(np.mean(drops[False]))
    assert towards.drop.high < elsewhere.drop.low, "it is a translation in part"
    assert towards.language == elsewhere.language == "am,en,es,hi"
    alike = {row.recipe.label for row in result.findings("monolingual", by="relation", resamples=50)}
    assert "code-switching" not in alike, "no query is switched into its own language"


def test_summaries_leave_out_what_is_switched_towards_the_passages(result: Result) -> None:
    """Robustness is attacked / clean over the other pairs alone."""
    found = {one.recipe.label: one for one in result.summaries("cross-lingual", resamples=50)}
    (row,) = [
        one
        for one in result.findings("cross-lingual", by="relation", resamples=50)
        if one.relation == INTO_ANOTHER and one.recipe.label == "code-switching"
    ]
    switching = found["code-switching"]
    assert switching.towards_passages == "left out"
    assert switching.all_queries.curve[-1].value == pytest.approx(1 - row.drop.value / row.clean.value)
    assert found["transliteration"].towards_passages == "none"
    whole = {one.recipe.label: one for one in result.summaries("multilingual", resamples=50)}
    assert whole["code-switching"].towards_passages == "all", "the pool has every language that is mixed in"


def test_transliteration_is_reported_by_what_it_does_to_the_language(result: Result) -> None:
    """All that it covers is romanised: languages whose diacritics are dropped have a recipe of their own."""
    assert result.findings("monolingual", by="relation", resamples=100) == []
    (cell,) = [one for one in result.attacked if one.recipe.label == "transliteration"]
    assert {language: str(kind) for language, kind in cell.kinds.items()} == {"am": "romanised", "hi": "romanised"}
    assert {"en", "es"} <= set(cell.not_covered)


def test_a_file_alone_can_print_the_relations_and_one_without_them_prints_none(result: Result, tmp_path: Path) -> None:
    again = load_result(save_result(result, tmp_path / "result.json"))
    both = [one.findings("cross-lingual", by="relation", resamples=50) for one in (result, again)]
    assert both[0] == both[1] != []
    shown = printed(again)
    assert f"  {INTO_THE_PASSAGES} " in shown
    assert f"  {INTO_ANOTHER} " in shown
    assert "…" not in shown, "a column was cut off"
    old = replace(result, attacked=tuple(replace(cell, kinds={}) for cell in result.attacked))
    assert old.findings("cross-lingual", by="relation") == []
    assert INTO_ANOTHER not in printed(old)


def test_frame_and_exports_have_a_column_for_the_relation(result: Result) -> None:
    frame = result.to_frame(resamples=50)
    apart = set(frame[(frame.setting == "cross-lingual") & (frame.relation != "")].relation)
    assert apart == {INTO_THE_PASSAGES, INTO_ANOTHER}
    assert set(frame[frame.language == "all"].relation) == {""}, "a row over all pairs is one row"
    sheets = prepare_sheets([("x.json", result)], resamples=50)
    rows = list(csv.DictReader(io.StringIO(EXPORTS["csv"](sheets))))
    (row,) = [one for one in rows if (one["relation"], one["setting"]) == (INTO_THE_PASSAGES, "cross-lingual")]
    assert row["language"] == "am,en,es,hi"
    assert f"code-switching, {INTO_THE_PASSAGES}" in EXPORTS["markdown"](sheets)
