"""Romanised queries are whole: what each severity writes, in every language, and what people would never type."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
import regex

from robustbench_ir._base.text import nfc
from robustbench_ir.perturb import Perturbation, load_recipe, recipe_names
from robustbench_ir.perturb.randomness import generator, side_by_side
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Query, load_task
from tests.support.recipes import texts_of

ROMANISED = sorted(code for code in load_recipe("transliteration").card.languages if languages()[code].script != "Latn")


def made(recipe: str, language: str, text: str, severity: int, seed: int = 0) -> Perturbation:
    return load_recipe(recipe).perturb([Query("q", language, text, "q")], severity, seed)[0]


def native_left(text: str, language: str) -> str:
    """Return what no Latin keyboard types: letters and marks of the script, its digits, its signs, full-width forms."""
    names = "".join(rf"\p{{Script={code}}}" for code in languages()[language].scripts)
    signs = "؟،؛۔٪।॥。、「」『』《》・፡።፣፤፥፦፧։՝՜՛՞។៕៖ៗ၊။ๆฯໆ«»\u3000"
    found = regex.findall(rf"(?V1)[{names}{signs}\uFF01-\uFF5E[\p{{Nd}}--0-9]]", text)
    return "".join(found)


@pytest.mark.parametrize("language", ROMANISED)
@pytest.mark.parametrize("severity", [3, 4, 5])
def test_nothing_native_is_left_of_the_declaration(language: str, severity: int, shared_data: Path) -> None:
    queries = [Query(str(number), language, text, "q") for number, text in enumerate(texts_of(shared_data, language))]
    for one in load_recipe("transliteration").perturb(queries, severity, 0):
        assert not native_left(one.text, language), one.text


@pytest.mark.parametrize("language", ["ar", "el", "hi", "ru", "th", "zh"])
def test_nothing_native_is_left_of_questions(language: str, shared_data: Path) -> None:
    queries = load_task("xquad-r", [language]).queries
    for severity in (3, 5):
        for one in load_recipe("transliteration").perturb(queries, severity, 1):
            assert not native_left(one.text, language), one.text


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("hi", "ABC चैनल और DECnet कब बना", "ABC chainal aur DECnet kab bana"),
        ("hi", "मेरा phone charge नहीं हो रहा है", "mera phone charge nahi ho raha hai"),
        ("ru", "Что такое XXXIII съезд", "Chto takoye XXXIII syezd"),
        ("zh", "首都银行行长在重庆", "shoudu yinhang hangzhang zai chongqing"),
        ("hi", "क्या वह १९९८ में था।", "kya woh 1998 me tha."),
        ("bn", "২০২০", "2020"),
        ("am", "ሰላም፡ለዓለም።", "selam lealem."),
        ("my", "ရန်ကုန် မန္တလေး", "yangon mandalay"),
        ("hy", "Որտե՞ղ է ծնվել Չարենցը", "Vortegh e tsnvel Charentsy?"),
        ("uz", "O‘zbekiston tog‘ sentabr", "Ўзбекистон тоғ сентябрь"),
        ("uz", "oktabr aprel iyun iyul konsert sirk sement", "октябрь апрель июнь июль концерт цирк цемент"),
        ("uz", "kompyuter albom film rol sentabrda", "компьютер альбом фильм роль сентябрда"),
        ("ja", "彼は何を食べたか。", "kare wa nani o tabeta ka."),
        ("ja", "学校へ行って、切手を買った。", "gakkou e itte, kitte o katta."),
        ("ja", "上がらなかった", "agaranakatta"),
    ],
)  # fmt: skip
def test_what_people_would_write(language: str, text: str, expected: str) -> None:
    assert made("transliteration", language, text, 3).text == expected


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("language", "text", "kept"),
    [
        ("hi", "iPhone और YouTube कब बना", ("iPhone", "YouTube")),
        ("th", "iPhone กับ YouTube", ("iPhone", "YouTube")),
        ("zh", "BSkyB和DECnet是什么", ("BSkyB", "DECnet")),
        ("ar", "Energiprojekt شركة", ("Energiprojekt",)),
    ],
)
def test_latin_words_are_left_as_they_are(language: str, text: str, kept: tuple[str, ...], seed: int) -> None:
    for severity in (3, 4, 5):
        one = made("transliteration", language, text, severity, seed)
        assert set(kept) <= set(one.text.split())
        assert not any(word in edit.before for word in kept for edit in one.edits)


@pytest.mark.parametrize("seed", range(3))
def test_an_armenian_question_ends_in_a_question_mark(seed: int) -> None:
    for severity in (3, 4, 5):
        text = made("transliteration", "hy", "Որտե՞ղ է ծնվել Չարենցը", severity, seed).text
        assert text.endswith("?")
        assert "՞" not in text


def test_zawgyi_is_left_alone() -> None:
    one = made("transliteration", "my", "ျမန္မာႏိုင္ငံ", 5)
    assert (one.changed, one.eligible) == (False, 0)


def test_urdu_and_hindi_get_each_other_s_signs() -> None:
    assert made("script-swap", "ur", "پاکستان کا دارالحکومت کیا ہے؟", 5).text == "पाकिस्तान का दारुलहुकूमत क्या है?"
    assert made("script-swap", "hi", "क्या? हाँ।", 5).text == "کیا؟ ہاں۔"


def test_turkish_capitals_stay_letter_by_letter() -> None:
    assert made("diacritics", "tr", "İSTANBUL'a", 5).text == "ISTANBUL'a"


def test_the_value_of_numbers_stays(shared_data: Path) -> None:
    """Digits of the script become ASCII ones."""
    for one in load_recipe("transliteration").perturb(load_task("xquad-r", ["hi", "th"]).queries, 5, 0):
        before, after = (
            [unicodedata.digit(each) for each in text if each.isdecimal()] for text in (one.clean, one.text)
        )
        assert before == after


def test_the_ladder() -> None:
    """A third, two thirds and all, side by side; then other spellings; then as in chats."""
    text = nfc("आज रात का मौसम कैसा है और कल क्या होगा?")
    one, two, three, four, five = (made("hinglish", "hi", text, severity) for severity in range(1, 6))
    assert [len(each.edits) for each in (one, two, three)] == [3, 7, 10]
    for each in (one, two):
        gaps = [text[left.span[1] : right.span[0]] for left, right in zip(each.edits, each.edits[1:], strict=False)]
        assert set(gaps) == {" "}, "the words stand side by side"
    assert set(one.edits) < set(two.edits) < set(three.edits)
    assert three.text == "aaj raat ka mausam kaisa hai aur kal kya hoga?"
    assert {edit.span for edit in three.edits} == {edit.span for edit in four.edits}
    assert {edit.span for edit in four.edits} < {edit.span for edit in five.edits}
    assert not five.text.endswith("?")
    assert five.text == five.text.lower()
    fours = {made("hinglish", "hi", text, 4, seed).text for seed in range(20)}
    assert len({made("hinglish", "hi", text, 3, seed).text for seed in range(20)}) == 1 < len(fours)


def test_chats_have_english_words_and_short_forms() -> None:
    text = "मेरा फ़ोन नंबर क्या है?"
    assert {"phone", "number"} <= set(made("hinglish", "hi", text, 5).text.split())
    assert not {"phone", "number"} & set(made("hinglish", "hi", text, 3).text.split())
    cyrillic = made("translit-ru", "ru", "Москва и США", 5).text
    assert cyrillic == cyrillic.lower()


def test_spaces_in_a_script_without_them() -> None:
    text = "２００８年“iPhone”（中国），什么？"
    one = made("pinyin", "zh", text, 3)
    assert one.text.replace("zhongguo", "zhong guo").replace("shenme", "shen me") == (
        '2008 nian "iPhone" (zhong guo), shen me?'
    )
    assert "".join(one.clean[slice(*edit.span)] for edit in one.edits) == "".join(edit.before for edit in one.edits)


def test_aliases_are_recipes_of_one_language() -> None:
    for alias, language in {
        "arabizi": "ar", "finglish": "fa", "greeklish": "el", "hinglish": "hi", "pinyin": "zh", "translit-ru": "ru",
    }.items():  # fmt: skip
        recipe = load_recipe(alias)
        assert alias in recipe_names()
        assert list(recipe.card.languages) == [language]
        assert str(recipe.identity) == f"{alias}@{load_recipe('transliteration').card.version}"
        assert recipe.reason_not_covered("bn").startswith(f"{alias} is for {language}")
        assert not recipe.card.default
    assert made("arabizi", "ar", "صباح الخير", 3).text.startswith(("9ba7", "saba7"))


def test_no_row_of_transliteration_keeps_the_script() -> None:
    recipe = load_recipe("transliteration")
    assert {kind.name for kind in recipe.kinds(recipe.card.languages).values()} == {"romanised", "other-script"}
    marks = load_recipe("diacritics")
    assert marks.card.default
    assert {kind.name for kind in marks.kinds(marks.card.languages).values()} == {"diacritics"}


def test_chinese_questions_are_read_by_words(shared_data: Path) -> None:
    """Words that are read otherwise than their characters one by one; 谁 is read in two ways."""
    readings = {
        "地方": "difang", "音乐": "yinyue", "角色": "juese", "长江": "changjiang", "长城": "changcheng",
        "会计": "kuaiji", "了解": "liaojie", "便宜": "pianyi", "成都": "chengdu", "地球": "diqiu", "目的": "mudi",
        "西藏": "xizang", "曾经": "cengjing", "银行": "yinhang", "首都": "shoudu",
    }  # fmt: skip
    for word, reading in readings.items():
        assert made("pinyin", "zh", word, 3).text.replace(" ", "") == reading


def test_stretches_that_stand_side_by_side_grow_by_one() -> None:
    items = list(range(9))
    for seed in range(50):
        order = list(side_by_side(items, generator("side by side", seed)))
        assert sorted(order) == items
        for length in range(1, 10):
            part = sorted(order[:length])
            assert part == list(range(part[0], part[0] + length))


def test_the_budget_of_a_recipe_holds(tmp_path: Path, shared_data: Path) -> None:
    assert shared_data
    folder = tmp_path / "attacks"
    folder.mkdir()
    shipped = Path(__file__).parents[1] / "attacks" / "transliteration.toml"
    text = shipped.read_text(encoding="utf-8").replace('name = "transliteration"', 'name = "half"')
    text = regex.sub(r"(?s)\[aliases\].*?(?=\[languages\])", "", text)
    (folder / "half.toml").write_text(
        text.replace("[constraints]", "[constraints]\nmaximum_edit_rate = 0.5"), encoding="utf-8"
    )
    queries = load_task("xquad-r", ["hi"]).queries[:200]
    for one in load_recipe("half", tmp_path).perturb(queries, 5, 0):
        assert 0 < one.touched <= 0.5


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u061c"])
def test_a_mark_of_direction_is_left_out(mark: str) -> None:
    assert mark not in made("transliteration", "ar", f"{mark}ما اسم الملك؟", 3).text
