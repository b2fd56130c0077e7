"""Case, spaces and repetition as people have them (cases D1, D2 and D4)."""

from __future__ import annotations

import pytest
import regex

from robustbench_ir._base.text import upper
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.mechanisms.repetition import drawn_out
from robustbench_ir.tasks import Query


def texts(name: str, language: str, text: str, severity: int = 5, seeds: int = 60) -> set[str]:
    recipe = load_recipe(name)
    return {recipe.perturb([Query("q", language, text, "q")], severity, seed)[0].text for seed in range(seeds)}


@pytest.mark.parametrize("name", ["casing-spacing", "combined"])
@pytest.mark.parametrize(
    ("language", "text"), [("ka", "საქართველოს დედაქალაქი"), ("ru", "столица საქართველო"), ("en", "What is საქართველო")]
)
def test_georgian_has_no_capitals(name: str, language: str, text: str) -> None:
    found = texts(name, language, text)
    assert len(found) > 5
    assert not any(regex.search(r"[\u1c90-\u1cbf\u10a0-\u10cf]", one) for one in found)


def test_upper_case_leaves_georgian_as_it_is() -> None:
    assert upper("iOS საქართველო straße", "ka") == "IOS საქართველო STRASSE"


def test_georgian_words_are_joined_and_split_only() -> None:
    assert texts("casing-spacing", "ka", "ერთი ორი") <= {
        f"{one}{gap}{two}"
        for one in ("ერთი", "ე რთი", "ერ თი", "ერთ ი")
        for gap in ("", " ")
        for two in ("ორი", "ო რი", "ორ ი")
    }


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_the_case_is_that_of_the_whole_query(severity: int) -> None:
    text = "Who Won The Cup in France?"
    found = texts("casing-spacing", "en", text, severity)
    assert {text.lower(), text.upper()} <= found
    for one in found - {text.lower(), text.upper()}:
        assert one.replace(" ", "") == text.replace(" ", "")


def test_numbers_stand_between_stretches_of_one_case() -> None:
    assert "who won in 1998 THE CUP" not in texts("casing-spacing", "en", "Who won in 1998 The Cup")
    assert "who won in 1998 the cup" in texts("casing-spacing", "en", "Who won in 1998 The Cup")


@pytest.mark.parametrize("text", ["#BlackLivesMatter", "@userName", "#one-two", "＠userName"])
def test_hashtags_and_names_stay_whole(text: str) -> None:
    assert texts("casing-spacing", "en", text) == {text}
    assert all(text in one for one in texts("casing-spacing", "en", f"{text} C++ what now"))


def test_turkish_and_greek_capitals_are_those_of_the_language() -> None:
    assert "IŞIK İLE" in texts("casing-spacing", "tr", "ışık ile")
    assert "ΠΟΤΕ" in texts("casing-spacing", "el", "πότε")


@pytest.mark.parametrize(
    ("language", "text", "doubled"),
    [
        ("en", "restaurant", "restaurant restaurant"),
        ("ar", "من", "من من"),
        ("ko", "맛집", "맛집 맛집"),
        ("hi", "क्या", "क्या क्या"),
        ("am", "ሰላም", "ሰላም ሰላም"),
        ("vi", "phở", "phở phở"),
        ("th", "ทีม", "ทีมทีม"),
        ("zh", "天气", "天气天气"),
        ("ja", "天気", "天気天気"),
    ],
)
def test_a_repeated_word_has_the_space_of_its_script(language: str, text: str, doubled: str) -> None:
    found = texts("repeat", language, text)
    assert doubled in found
    assert not any(one.replace(" ", "") == text * 2 for one in found - {doubled})


@pytest.mark.parametrize(
    ("word", "long"),
    [
        ("क्या", "क्याा"),
        ("है", "हैै"),
        ("हूँ", "हूूँ"),
        ("नमस्ते", "नमस्तेे"),
        ("नाम", "नााम"),
        ("বাংলা", "বাংলাা"),
        ("தமிழே", "தமிழேே"),
        ("ดี", "ดีี"),
        ("เธอ", "เธออ"),
        ("ทีม", "ทีมม"),
        ("ด้วย", "ด้วยย"),
        ("ល្អា", "ល្អាា"),
        ("의", "의이"),
        ("네", "네에"),
        ("정말", "정마알"),
        ("كبير", "كبيير"),
        ("خوب", "خووب"),
        ("cool", "cooll"),
        ("да", "даа"),
        ("好", "好好"),
    ],
)
def test_words_are_drawn_out_as_people_do_it(word: str, long: str) -> None:
    assert drawn_out(word, 1) == long


@pytest.mark.parametrize("word", ["مدرسة", "من", "ومن"])
def test_a_word_that_nobody_draws_out_is_left(word: str) -> None:
    assert drawn_out(word, 2) == word


def test_a_dead_syllable_is_not_repeated() -> None:
    for language, text, wrong in (
        ("hi", "क्या", "क्याक्या"),
        ("ar", "كبيرة", "ةة"),
        ("ko", "의", "의의"),
        ("te", "ఏమిటి", "టిటి"),
    ):
        assert not any(wrong in one for one in texts("repeat", language, text))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("fa", "می‌خواهم", {"میخواهم", "می خواهم"}),
        ("fa", "کتاب‌ها", {"کتابها", "کتاب ها"}),
        ("de", "Hauptstadt", {"Haupt Stadt", "Haupt-Stadt"}),
        ("de", "Regierungschef", {"Regierungs Chef", "Regierungs-Chef"}),
        ("de", "U-Bahn", {"UBahn", "U Bahn"}),
        ("de", "Stadt", {"Stadt"}),
        ("fi", "pääkaupunki", {"pää kaupunki", "pää-kaupunki"}),
        ("ko", "할 수 있다", {"할수있다"}),
        ("vi", "Việt Nam", {"ViệtNam"}),
        ("zh", "中国的首都", {"中国 的 首都"}),
        ("th", "เมืองหลวงของไทย", {"เมือง หลวง ของ ไทย"}),
        ("am", "ዋና፡ከተማ", {"ዋናከተማ", "ዋና ከተማ"}),
        ("en", "in 1998", {"in 1998"}),
        ("en", "#one two-three", {"#one twothree", "#one two three"}),
        ("en", "#one-two", {"#one-two"}),
    ],
)
def test_gaps_between_words_are_written_in_another_way(language: str, text: str, expected: set[str]) -> None:
    assert texts("spacing", language, text, seeds=20) == expected
