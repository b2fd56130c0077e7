"""Slips on keys: what two keys in the other order make, what is spared, and what nobody can read."""

from __future__ import annotations

from pathlib import Path

import pytest
import regex

from robustbench_ir._base.text import graphemes
from robustbench_ir.errors import CardError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.constraints import Constraints, word_finder
from robustbench_ir.perturb.keyboards.orthography import is_readable, may_part
from robustbench_ir.perturb.keyboards.profiles import OperationWeights, WordProfile, typing_profile
from robustbench_ir.perturb.keyboards.typist import keyboard_model
from robustbench_ir.resources.cards import SHIPPED, Tables
from robustbench_ir.tasks import Query
from tests.support.recipes import queries_of

CONSONANT = {"th": "[ก-ฮ]", "lo": "[ກ-ຮໜໝ]"}
LEFT_VOWEL = {"th": "[เ-ไ]", "lo": "[ເ-ໄ]"}
RIGHT_VOWEL = {"th": "[ะาำ]", "lo": "[ະາຳ]"}


def texts(recipe: str, language: str, text: str, draws: int = 300) -> set[str]:
    loaded = load_recipe(recipe)
    return {loaded.perturb([Query(str(one), language, text, "q")], 5, 0)[0].text for one in range(draws)}


@pytest.mark.parametrize(
    ("layout", "left", "right", "made"),
    [
        ("us", "t", "h", [("h", "t")]),
        ("us", "l", "l", []),
        ("fr", "é", "t", [("t", "é")]),  # one key on AZERTY
        ("fr", "ê", "t", []),  # dead key and e: the circumflex would stand on the t
        ("ru", "к", "о", [("о", "к")]),
        ("ar", "ل", "م", [("م", "ل")]),
        ("hi", "क", "म", [("म", "क")]),
        ("hi", "कि", "या", []),  # k i y a: neither "i k" nor "y i a" can be read
        ("hi", "म", "स्ते", [("स", "म्ते")]),  # m s virama t e, the s before the m
        ("th", "ก", "า", [("า", "ก")]),  # whether it can be read depends on the letter before
        ("ko", "한", "글", [("학", "늘")]),  # h a n g u l: n and g
        ("ko", "가", "격", []),  # g a g yeo g: no syllable begins with two consonants
        ("am", "ስ", "ላ", [("ል", "ሳ")]),  # s l a: l s a
        ("am", "ላ", "ም", [("ል", "ማ")]),  # l a m: l m a
        ("am", "ሰ", "ላ", []),  # s e l a: s l e a has a vowel too many
        ("vi-telex", "n", "g", [("g", "n")]),
        ("vi-telex", "ờ", "i", []),
        ("zh-pinyin", "是", "的", []),  # hsi is no syllable
    ],
)
def test_two_keys_in_the_other_order(layout: str, left: str, right: str, made: list[tuple[str, ...]]) -> None:
    assert keyboard_model(layout).exchanged(left, right) == made


def test_pinyin_keys_in_the_other_order_are_another_syllable() -> None:
    assert ("安", "个") in keyboard_model("zh-pinyin").exchanged("那", "个")  # na, an


@pytest.mark.parametrize(
    ("layout", "grapheme", "left"),
    [
        ("us", "a", [""]),
        ("hi", "कि", ["क"]),
        ("ko", "한", ["하"]),  # neither "a n" nor "h n" is a syllable
        ("am", "ላ", ["ል"]),  # without its vowel key
        ("am", "ል", [""]),
        ("vi-telex", "ô", ["o"]),
        ("ar", "\u200f", []),  # a mark of direction is no letter
    ],
)
def test_a_missed_key(layout: str, grapheme: str, left: list[str]) -> None:
    assert list(keyboard_model(layout).without(grapheme)) == left


@pytest.mark.parametrize("recipe", ["slip", "misspelling", "typo"])
@pytest.mark.parametrize("language", ["hi", "th", "zh"])
def test_no_word_of_two_clusters_is_halved_or_turned_round(recipe: str, language: str, shared_data: Path) -> None:
    queries = queries_of(shared_data, language)
    edits = [edit for seed in range(4) for one in load_recipe(recipe).perturb(queries, 5, seed) for edit in one.edits]
    short = [(graphemes(edit.before), graphemes(edit.after)) for edit in edits]
    short = [(before, after) for before, after in short if len(before) == 2]
    assert len(short) > 50
    assert [(before, after) for before, after in short if after in (before[:1], before[1:], before[::-1])] == []


def test_nothing_is_deleted_from_two_letters() -> None:
    assert all(len(text) >= 2 for text in texts("slip", "en", "of"))


@pytest.mark.parametrize("recipe", ["slip", "misspelling", "typo"])
@pytest.mark.parametrize("language", ["th", "lo", "km", "my"])
def test_every_sign_keeps_its_letter(recipe: str, language: str, shared_data: Path) -> None:
    """Checked on the whole text, with patterns that are not those of the package."""
    marks = regex.compile(r"(?:^|[^\p{L}\p{M}\u200c\u200d])\p{M}|[\u17d2\u1039](?!\p{L})|(\p{M})\1")
    patterns = [marks]
    if language in CONSONANT:
        consonant, left, right = CONSONANT[language], LEFT_VOWEL[language], RIGHT_VOWEL[language]
        e = left[1]  # two of them look like ae, and people type them so
        patterns += [regex.compile(rf"{left}(?!{e}?{consonant})"), regex.compile(rf"(?:^|\s|{left}){right}")]
    loaded = load_recipe(recipe)
    queries = [one for one in queries_of(shared_data, language) if not any(bad.search(one.text) for bad in patterns)]
    assert len(queries) > 20
    made = [one for seed in range(6) for one in loaded.perturb(queries, 5, seed)]
    assert [one.text for one in made if any(bad.search(one.text) for bad in patterns)] == []


@pytest.mark.parametrize(
    "word", ["नमस्ते", "किया", "แม่น้ำ", "เกาะ", "เเม่", "น้อย", "ໂດຍສະເພາະ", "မြန်မာ", "ស្ត្រី", "অ্যাপ", "క్షమ", "Übung"]
)
def test_what_can_be_read(word: str) -> None:
    assert is_readable(word)


@pytest.mark.parametrize(
    "word",
    ["ाक", "कााम", "क्ाम", "किाँ्", "าก", "กเ", "เาก", "กาา", "ก่ิน", "မ္", "ាក", "အ\u1039", "ກະາ", "अ्त"],
)
def test_what_cannot_be_read(word: str) -> None:
    assert not is_readable(word)


def test_where_words_of_unspaced_scripts_may_part() -> None:
    assert may_part("น", "เ")
    assert may_part("", "ก")
    assert not may_part("เ", "ก"), "the vowel belongs to the next letter"
    assert not may_part("ก", "า")
    assert not may_part("က", "ိ")


def test_invisible_characters_are_no_letters() -> None:
    word = "مدر\u200fسة"
    found = texts("slip", "ar", word)
    assert len(found) > 20
    assert {text.count("\u200f") for text in found} == {1}


def test_latin_words_are_typed_on_the_latin_layout() -> None:
    found = texts("slip", "hi", "google") - {"google"}
    assert {"foogle", "goohle"} & found, "f and h lie beside g"
    assert all(text.isascii() for text in found)


@pytest.mark.parametrize(
    "text",
    ["google.com", "node.js", "президент.рф", "report.pdf", "www.a.de", "Google.COM", "中国.中国", "my-site.co.uk"],
)
def test_addresses_are_left_alone(text: str) -> None:
    find = word_finder("en", Constraints(protect=["addresses"]))
    assert not find(text)
    query = f"{text} login"
    assert [query[start:end] for start, end in find(query)] == ["login"]


@pytest.mark.parametrize("text", ["ends.Beginning", "ดร.สมชาย", "z.B.", "конец.Начало", "a.b"])
def test_what_only_looks_like_an_address_is_not(text: str) -> None:
    assert word_finder("th" if "ด" in text else "en", Constraints(protect=["addresses"]))(text)


def test_weights_of_places_by_hand() -> None:
    even = WordProfile(fifths=[1, 1, 1, 1, 1], first=0.5)
    assert even.weights(5) == pytest.approx((0.5, 1, 1, 1, 1))
    assert even.places(2) == pytest.approx((0.5, 1.5))
    steep = WordProfile(fifths=[0, 0, 0, 0, 5], first=1)
    assert steep.weights(2) == pytest.approx((1e-9, 2)), "all of the weight lies in the second half"


def test_the_first_letter_is_spared_and_the_middle_likely() -> None:
    loaded = load_recipe("slip")
    queries = [Query(str(one), "en", "question", "q") for one in range(4000)]
    edits = [edit for one in loaded.perturb(queries, 5, 0) for edit in one.edits if edit.operation == "substitute"]
    places = [
        next(k for k, pair in enumerate(zip(e.before, e.after, strict=False)) if pair[0] != pair[1]) for e in edits
    ]
    assert len(places) > 500
    assert places.count(0) / len(places) < 0.07 < 1 / 8
    assert places.count(3) > 2 * places.count(0)


@pytest.mark.parametrize(("language", "word"), [("en", "What"), ("de", "Wie"), ("el", "Ποια"), ("en", "WHAT")])
def test_an_extra_key_after_a_capital_has_the_case_of_the_next_letter(language: str, word: str) -> None:
    """The shift key is held for the first letter alone: "Wehat", never "WEhat"."""
    queries = [Query(str(one), language, word, "q") for one in range(4000)]
    made = [e.after for one in load_recipe("slip").perturb(queries, 5, 0) for e in one.edits if e.operation == "insert"]
    extra = [one for one in made if one[0] == word[0] and one[2:] == word[1:]]
    assert len(extra) > 3
    assert all(one[1].isupper() == word.isupper() for one in extra)


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"_typing\.toml: no row 'alphabt': did you mean 'alphabet'"):
        typing_profile("alphabt", SHIPPED)
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks" / "_typing.toml").write_text(
        '[mine]\ntitle = "x"\nsource = "y"\nfirst = 1\n', encoding="utf-8"
    )
    with pytest.raises(CardError, match=r"row 'mine': key '(operations|fifths)' is missing"):
        typing_profile("mine", Tables(tmp_path))
    with pytest.raises(ValueError, match="at least one operation"):
        OperationWeights(transpose=0, substitute=0, insert=0, repeat=0, undouble=0, delete=0)
