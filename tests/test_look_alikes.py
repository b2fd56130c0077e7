"""What looks the same and is not: letters of other alphabets, and other encodings."""

from __future__ import annotations

import runpy
import unicodedata
from pathlib import Path

import pytest

from robustbench_ir._base.text import script
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.joining import forms, joining_type
from robustbench_ir.perturb.mechanisms.homoglyph import homoglyph_table
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.tasks import Query

TOOL = Path(__file__).parents[1] / "tools" / "homoglyph_pairs.py"
ALPHABETS = {
    "ar": "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءآأؤإئ",
    "ckb": "ابپتجچحخدرڕزژسشعغفڤقکگلڵمنوۆەهھیێ",
    "fa": "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهیءآأؤئ",
    "ps": "ابپتټثجځچڅحخدډذرړزژږسشښصضطظعغفقکګلمنڼوهیيېۍئ",
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "sd": "ابٻڀتٿٽٺثپجڄجهڃچڇحخدڌڏڊڍذرڙزسشصضطظعغفڦقڪکگڳڱلمنڻوهھءي",
    "tr": "abcçdefgğhıijklmnoöprsştuüvyzIİ",
    "ug": "ائەبپتجچخدرزژسشغفقكگڭلمنھوۇۆۈۋېىي",
    "ur": "ابپتٹثجچحخدڈذرڑزژسشصضطظعغفقکگلمنںوہھءیےۃؤئ",
    "vi": "aăâbcdđeêghiklmnoôơpqrstuưvxy",
}
"""Letters of languages that share a script with others; from the alphabets that their schools teach."""


def texts(name: str, language: str, text: str, seeds: int = 20) -> set[str]:
    recipe = load_recipe(name)
    return {recipe.perturb([Query("q", language, text, "q")], 5, seed)[0].text for seed in range(seeds)}


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ar", "هي مدينة كبيرة"),  # barree, noon ghunna and dotless letters were put in its place
        ("ar", "على مستشفى الكويت"),
        ("ps", "د کابل ښي کې یم"),
        ("ur", "کی یہ ہاتھ بے ھندی"),
        ("sd", "ڪتاب جي کٽ هڪ گھر"),
        ("ug", "كىتاب بولغان ھازىر يىل"),
        ("ckb", "کوردستان ھەولێر هەیە"),
        ("fa", "یک کتاب مهم بی‌نظیر"),
    ],
)
def test_arabic_look_alikes_keep_the_joins_and_are_no_letter_of_the_language(language: str, text: str) -> None:
    for found in texts("homoglyph", language, text):
        for letter, twin in zip(text, found, strict=True):
            assert joining_type(letter) == joining_type(twin)
            assert twin == letter or twin not in ALPHABETS[language]
        assert [form for _, form in forms(text)] == [form for _, form in forms(found)]


@pytest.mark.parametrize("language", ["tr", "vi", "ru"])
def test_a_look_alike_is_of_another_alphabet(language: str) -> None:
    alphabet = ALPHABETS[language]
    for found in texts("homoglyph", language, alphabet, seeds=40):
        changed = [twin for letter, twin in zip(alphabet, found, strict=True) if letter != twin]
        assert changed
        assert not {script(twin) for twin in changed} & {script(alphabet[0])}
        assert not set(changed) & set("ƽᴦҽհͷᴙr")  # from case D3


def test_turkish_keeps_its_dotless_letter() -> None:
    assert texts("homoglyph", "tr", "ılı") == {"ılı"}
    assert texts("homoglyph", "tr", "ısı") == {"ıѕı"}  # s has a twin in Cyrillic, dotless i has none


def test_the_forms_of_a_word_are_those_that_a_reader_sees() -> None:
    assert [form for _, form in forms("كِتاب")][2:] == ["medial", "final", "isolated"]
    assert [form for _, form in forms("می‌روم")] == ["initial", "final", "isolated", "isolated", "isolated", "isolated"]


def test_every_pair_of_the_table_looks_the_same_when_it_is_rendered() -> None:
    pytest.importorskip("PIL", reason="NOT MEASURED: Pillow is not installed")
    tool = runpy.run_path(str(TOOL))
    if not tool["FONTS"].is_dir():
        pytest.skip("NOT MEASURED: the Noto fonts are not installed (Debian: fonts-noto-core)")
    table, shapes = homoglyph_table(SHIPPED), tool["presentation_forms"]()
    assert len(table.pairs) > 60
    assert table.bound <= 0.05
    for left, right, _ in table.pairs:
        assert tool["difference"](left, right) <= table.bound, f"{left} {right}"
    for left, right, form, _ in table.forms:
        assert tool["difference"](shapes[left, form], shapes[right, form]) <= table.bound, f"{left} {right} {form}"
    assert tool["difference"]("r", "г") > table.bound
    assert tool["difference"](shapes["ی", "final"], shapes["ي", "final"]) > table.bound  # dots


def test_a_pair_of_the_table_has_equal_joins_and_alphabets_that_differ() -> None:
    table = homoglyph_table(SHIPPED)
    assert all(script(left) != script(right) for left, right, _ in table.pairs)
    assert all(joining_type(left) == joining_type(right) for left, right, _, _ in table.forms)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ar", "كتاب", {"کتاب", "\ufedb\ufe98\ufe8e\ufe8f"}),  # presentation forms: initial, medial, final, isolated
        ("ar", "السلام", {"\ufe8d\ufedf\ufeb4\ufefc\ufee1"}),  # lam and alef are one shape
        ("fa", "یک", {"يک", "\ufbfe\ufb8f"}),  # final kaf has another look, and stays
        ("fa", "پی", {"پى", "\ufb58\ufbfd"}),  # final yeh has no dots
        ("my", "မြန်မာ", {"ျမန္မာ"}),
        ("my", "ရန်ကုန်", {"ရန္ကုန္"}),
        ("th", "น้ำ", {"น\u0e4d\u0e49า"}),  # PyThaiNLP PR#363
        ("th", "แมว", {"เเมว"}),
        ("hi", "आज", {"अ\u093eज"}),
        ("ml", "അവൻ", {"അവന\u0d4d\u200d"}),
        ("ja", "ガム", {"ｶﾞﾑ"}),
        ("ja", "人", {"⼈"}),
        ("zh", "ABC", {"ＡＢＣ"}),
        ("en", "Hello", {"Ｈｅｌｌｏ"}),
    ],
)
def test_the_same_look_in_other_bytes(language: str, text: str, expected: set[str]) -> None:
    assert texts("encoding", language, text) == expected
    if language not in {"my", "th", "hi", "ml"}:
        folded = {unicodedata.normalize("NFKC", one) for one in expected}
        assert text in folded


def test_zawgyi_is_read_back() -> None:
    import icu

    (found,) = texts("encoding", "my", "မြန်မာနိုင်ငံ")
    assert icu.Transliterator.createInstance("Zawgyi-my").transliterate(found) == "မြန်မာနိုင်ငံ"


@pytest.mark.parametrize("language", ["ko", "ta", "ru", "el"])
def test_what_normal_form_c_unites_is_not_covered(language: str) -> None:
    assert load_recipe("encoding").reason_not_covered(language)
