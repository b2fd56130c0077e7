"""The measure of how human mistakes are: by hand, and on pairs that nothing was fitted to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.reports.mistakes import (
    MistakeProfile,
    Operation,
    audit_mistakes,
    divergence,
    mistake_profile,
    operations,
    read_pairs,
    word_pairs,
)
from robustbench_ir.tasks import Query, load_task


@pytest.mark.parametrize(
    ("right", "written", "found"),
    [
        ("корова", "карова", [Operation("substitute", 1, "о", "а")]),
        ("which", "whihc", [Operation("transpose", 3, "ch", "hc")]),
        ("really", "realy", [Operation("delete", 3, "l", "")]),
        ("until", "untill", [Operation("insert", 4, "", "l")]),
        ("same", "same", []),
        ("ab", "ba", [Operation("transpose", 0, "ab", "ba")]),
    ],
)
def test_operations_between_two_words(right: str, written: str, found: list[Operation]) -> None:
    assert operations(right, written) == found


def test_a_profile_by_hand() -> None:
    """Two words of five letters: a doubled l at the end, an e for the a in the middle; a third word is too short."""
    profile = mistake_profile([("until", "untill"), ("grant", "grent"), ("the", "teh")])
    assert (profile.words, profile.operations) == (2, 2)
    assert profile.kinds == {"insert": 0.5, "substitute": 0.5}
    assert profile.fifths == (0, 0, 0.5, 0, 0.5)
    assert (profile.first, profile.doubled, profile.undoubled) == (0, 1, 0)
    assert profile.substitutions == (("a", "e"),)
    assert profile.cells == {("insert", 4, "consonant"): 0.5, ("substitute", 2, "vowel"): 0.5}


def test_words_count_where_as_many_stand_for_as_many() -> None:
    assert word_pairs([("Это моя корова", "это моя карова"), ("a lot of", "alot of")]) == [("корова", "карова")]


def test_the_divergence_is_one_bit_of_nothing_in_common() -> None:
    one, other = {("delete", 0, "vowel"): 1.0}, {("delete", 0, "consonant"): 1.0}
    assert divergence(one, one, by_class=True) == 0
    assert divergence(one, other, by_class=True) == pytest.approx(1)
    assert divergence(one, other, by_class=False) == 0


def test_files_that_are_not_pairs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("no tab\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pairs\.tsv: no line has a tab"):
        read_pairs(path)
    with pytest.raises(DataError, match="nowhere"):
        read_pairs(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no word of four letters"):
        audit_mistakes(load_recipe("slip"), "en", [("house", "house")], 5, 1)


def test_the_command_compares_with_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("моя корова идёт\tмоя карова идёт\nхорошая дорога\tхорошая дарога\n", encoding="utf-8")
    shown = CliRunner().invoke(
        irbench, ["audit", "misspelling", "--languages", "ru", "--pairs", str(path), "--seeds", "9"]
    )
    assert shown.exit_code == 0, shown.output
    assert "divergence " in shown.output
    assert "о→а" in shown.output
    words = ["audit", "misspelling", "--languages", "ru", "--pairs", str(path), "--format", "json"]
    found = json.loads(CliRunner().invoke(irbench, words).output)
    assert found["people"]["words"] == 2
    assert found["reached"] == 1, "a unstressed o is written a"
    for wrong, message in (
        (["audit", "typo", "--pairs", str(path)], "name it"),
        (["audit", "typo", "--languages", "ru", "--pairs", str(path), "--format", "csv"], "no form csv"),
        (["audit", "transliteration", "--languages", "en", "--pairs", str(path)], "covers no en"),
    ):
        assert message in str(CliRunner().invoke(irbench, wrong).exception)


def test_russian_mistakes_are_near_those_of_people_that_nothing_was_fitted_to(shared_data: Path) -> None:
    """The table was fitted to the lines of even number from 0; two halves of the people differ by .022 bits."""
    path = shared_data.parent / "realism" / "russian_pairs.tsv"
    if not path.is_file():
        pytest.skip("NOT CHECKED against people: no shared/realism")
    found = audit_mistakes(load_recipe("misspelling"), "ru", read_pairs(path)[1::2], 1, 4)
    assert found.divergence <= 0.035
    assert abs(found.ours.first - 0.051) <= 0.02
    assert found.reached > 0.5


def english(recipe: str) -> MistakeProfile:
    queries = load_task("xquad-r", ["en"]).queries[1::2]
    loaded = load_recipe(recipe)
    return mistake_profile(
        (edit.before.lower(), edit.after.lower())
        for seed in range(4)
        for one in loaded.perturb(queries, 3, seed)
        for edit in one.edits
    )


@pytest.mark.parametrize(
    ("recipe", "kinds", "fifths", "first"),
    [
        # Profiles of people in shared/realism: learners' essays, and web queries.
        ("misspelling", {"delete": 0.40, "insert": 0.26, "substitute": 0.29, "transpose": 0.04},
         (0.13, 0.25, 0.26, 0.20, 0.16), 0.02),
        ("typo", {"delete": 0.27, "insert": 0.21, "substitute": 0.25, "transpose": 0.27},
         (0.09, 0.29, 0.25, 0.25, 0.12), 0.04),
    ],
)  # fmt: skip
def test_english_mistakes_have_the_profile_of_people(
    recipe: str, kinds: dict[str, float], fifths: tuple[float, ...], first: float, shared_data: Path
) -> None:
    profile = english(recipe)
    assert profile.kinds == pytest.approx(kinds, abs=0.06)
    assert profile.fifths == pytest.approx(fifths, abs=0.06)
    assert abs(profile.first - first) <= 0.02
    assert {("a", "e"), ("e", "a"), ("e", "i"), ("i", "e")} <= set(profile.substitutions)


@pytest.mark.parametrize(
    ("language", "file"),
    [
        ("ckb", "ckb-Arab"),
        ("fa", "fas"),
        ("sd", "snd-Arab"),
        ("ja", "jpn"),
        ("ko", "kor"),
        ("ka", "kat"),
        ("ur", "urd"),
        ("wo", "wol"),
        ("ml", "mal"),
        ("vi", "vie"),
    ],
)
def test_first_letters_are_spared_as_people_spare_them(language: str, file: str, shared_data: Path) -> None:
    """No profile of people is known there: 3 to 6% of the operations, and what 250 sentences leave open."""
    text = (shared_data / "ntrex" / f"newstest2019-ref.{file}.txt").read_text(encoding="utf-8")
    queries = [Query(str(k), language, line, str(k)) for k, line in enumerate(text.splitlines()[:500:2])]
    recipe = load_recipe("typo")
    made = mistake_profile(
        (edit.before.lower(), edit.after.lower())
        for seed in range(4)
        for one in recipe.perturb(queries, 3, seed)
        for edit in one.edits
    )
    error = 2 * (0.05 * 0.95 / made.operations) ** 0.5
    assert 0.03 - error <= made.first <= 0.06 + error
