"""What a severity did to the queries, and that a result says it."""

import json
from pathlib import Path

import numpy as np
import pytest

from robustbench_ir import attack
from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation import runner
from robustbench_ir.evaluation.query_sets import export_query_set
from robustbench_ir.perturb import load_recipe
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.notes import ladder_notes, left_out
from robustbench_ir.reports.tables import robustness_table
from robustbench_ir.results.file import load_result, result_from_json, result_to_json, save_result
from robustbench_ir.results.result import Result
from robustbench_ir.retrieval.ranking import Ranks, rank_relevant
from robustbench_ir.tasks import load_task


@pytest.fixture(scope="module")
def small() -> Result:
    recipes = ["typo", "synonym", "transliteration"]
    return attack("char-ngram", recipes=recipes, languages=["en", "hi"], severities=[1, 3, 5])


def as_schema_1(result: Result) -> str:
    """Write a file as versions up to 0.2.0 did: `edit_rate` has the share of touched code points."""
    content = json.loads(result_to_json(result))
    content["schema_version"] = 1
    for cell in (content["clean"], *content["attacked"]):
        cell["edit_rate"] = cell.pop("touched")
        del cell["places"]
    for row in content["scores"]:
        row["edit_rate"] = row.pop("touched")
    return json.dumps(content)


def test_a_file_of_schema_1_knows_what_was_touched_and_not_how_far_it_was_edited(small: Result, tmp_path: Path) -> None:
    old = result_from_json(as_schema_1(small))
    for one, other in zip(old.attacked, small.attacked, strict=True):
        assert one.touched.tolist() == other.touched.tolist()
        assert np.isnan(one.edit_rate).all()
    assert np.isnan(old.drops("multilingual")[0].edit_rate)
    assert {row.remark for row in old.at_damage(0.05, resamples=100)} == {"edit distance not known"}
    again = load_result(save_result(old, tmp_path / "again.json"))
    assert np.isnan(again.attacked[0].edit_rate).all()
    assert again.attacked[0].touched.tolist() == small.attacked[0].touched.tolist()


def test_a_file_whose_schema_does_not_fit_is_refused(small: Result) -> None:
    content = json.loads(as_schema_1(small))
    with pytest.raises(ResultError, match="'touched' does not fit schema version 2"):
        result_from_json(json.dumps(content | {"schema_version": 2}))
    with pytest.raises(ResultError, match="this irbench reads 1 to 2"):
        result_from_json(json.dumps(content | {"schema_version": 3}))


def test_a_typo_touches_a_word_and_edits_a_character_or_two(small: Result) -> None:
    (row,) = (row for row in small.drops("multilingual") if (row.recipe.label, row.severity) == ("typo", 5))
    assert row.touched > 0.6, "severity 5 changes every word that may change"
    assert row.edit_rate < 0.3


def test_notes_name_the_languages_left_out_and_the_equal_severities(small: Result) -> None:
    assert left_out(small) == ["transliteration: without en, which it does not cover"]
    told = ladder_notes(small)
    same = [one for one in told if one.startswith("synonym: severity 1 = 3")]
    digests = [cell.digest for cell in small.attacked if cell.recipe.label == "synonym"]
    assert digests[0] == digests[1]
    assert len(same) == 1
    assert not any(one.startswith("typo") for one in told)


@pytest.mark.parametrize(("name", "language", "few"), [("typo", "en", False), ("synonym", "hi", True)])
def test_severities_with_few_places_are_told(name: str, language: str, few: bool) -> None:
    task = load_task("mini", [language])
    result = attack("char-ngram", recipes=[name], languages=[language], severities=[3])
    (cell,) = result.attacked
    made = load_recipe(name).for_task(task).perturb(task.queries, 3, 0)
    assert cell.places == np.median([one.eligible for one in made if one.changed])
    assert (cell.places <= 2) == few
    told = f"{name}: half of the queries that it changes have {cell.places:g} or fewer places that it can change, so "
    assert [one.startswith(told) for one in ladder_notes(result)] == ([True] if few else [])


def test_equal_queries_are_ranked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    ranked: list[str] = []

    def counted(*arguments: object, **options: object) -> Ranks:
        ranked.append("once")
        return rank_relevant(*arguments, **options)

    monkeypatch.setattr(runner, "rank_relevant", counted)
    found = attack("char-ngram", recipes=["synonym"], languages=["en", "hi"], severities=[1, 2, 3, 5])
    digests = [cell.digest for cell in found.attacked]
    assert len(set(digests)) < len(digests)
    assert len(ranked) == 1 + len(set(digests)), "the clean queries, and each query set once"
    assert [cell.severity for cell in found.attacked] == [1, 2, 3, 5]
    assert found.attacked[0].ranks.in_pool.tolist() == found.attacked[1].ranks.in_pool.tolist()


def test_the_summary_says_how_far_the_queries_of_each_language_were_edited(small: Result) -> None:
    """A comparison between languages compares damages, too."""
    typo, _, transliteration = small.summaries("multilingual", resamples=100)
    rows = {row.language: row for row in small.drops("multilingual", by="language")
            if (row.recipe.label, row.severity) == ("typo", 5)}  # fmt: skip
    assert typo.all_queries.edit_rates == pytest.approx({name: row.edit_rate for name, row in rows.items()})
    assert typo.all_queries.edit_rate(["en", "hi"]) == pytest.approx((rows["en"].edit_rate + rows["hi"].edit_rate) / 2)
    assert set(transliteration.all_queries.edit_rates) == {"hi"}
    (sheet,) = prepare_sheets([("x.json", small)], resamples=100)
    table = robustness_table(sheet)
    worst = typo.all_queries.worst
    assert worst is not None
    (other,) = {"en", "hi"} - {worst.language}
    shown = table.rows[0][table.columns.index("edits in it / in the others")].text
    assert shown == f"{rows[worst.language].edit_rate:.1%} / {rows[other].edit_rate:.1%}"


def test_the_manifest_has_both_numbers(tmp_path: Path) -> None:
    task = load_task("mini", ["en", "hi"])
    manifest = export_query_set(task, load_recipe("typo"), 3, 0, tmp_path)
    made = load_recipe("typo").perturb(task.queries, 3, 0)
    assert manifest.touched == pytest.approx(np.mean([one.touched for one in made]))
    assert manifest.edit_rate == pytest.approx(np.mean([one.edit_rate for one in made]))
    assert manifest.edit_rate < manifest.touched
    assert json.loads((tmp_path / "manifest.json").read_text())["languages"]["hi"]["touched"] > 0
