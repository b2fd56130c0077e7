"""Function words are known, in every language that a recipe covers, and content words are not among them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from robustbench_ir._base.text import lower, nfc, word_spans
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.constraints import stop_word_test, stop_words
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Query
from tools.stop_word_candidates import NTREX, afriqa_questions, ntrex_lines

ROWS = SHIPPED.rows("_stop_words.toml")
COVERED = load_recipe("code-switching").card.languages


# What a reader found switched, or missing, in each language.
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("hi", "मेरा मुझे तुम हम हमारा आप वाला वाले वाली कि सकता है"),
        ("ur", "میرا ہم تم والا والے ہمارا مجھے کہ"),
        ("es", "hay también ya después"),
        ("fr", "c'est c’est depuis qu’il été"),
        ("yo", "kini ni ati àwọn"),
        ("de", "kann muss ich wir"),
        ("fon", "tɔn tɔ̀n tɔ́n"),
        ("ha", "wani wata wasu menene"),
        ("kk", "және үшін қашан"),
        ("ja", "どこ いつ だれ"),
        ("ko", "누구 언제 어디"),
        ("hy", "որտեղ երբ ով"),
        ("ka", "როდის სად ვინ"),
        ("my", "ဘယ်သူ ဘယ်မှာ"),
        ("bem", "bushe nani lilali"),
        ("rw", "ryari nde he"),
        ("zu", "nini ubani kuphi"),
        ("ig", "kedụ onye ebee"),
        ("sw", "upi nani wapi"),
        ("so", "kuma goorma maxay"),
    ],
)
def test_function_words_are_known(language: str, words: str) -> None:
    is_stop_word = stop_word_test(language)
    assert [word for word in words.split() if not is_stop_word(nfc(word))] == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", "tambien TAMBIÉN despues"),
        ("ru", "ещё еще ЕЩЁ"),
        ("tr", "için İÇİN icin"),
        ("el", "ποιος ΠΟΙΟΣ πως"),
        ("ar", "إلى الى"),
        ("fa", "برای براى"),
        ("hi", "नहीं नहीँ"),
        ("de", "über ueber"),
    ],
)
def test_function_words_are_known_in_every_spelling(language: str, words: str) -> None:
    is_stop_word = stop_word_test(language)
    assert [word for word in words.split() if not is_stop_word(word)] == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "king country river people year capital city born"),
        ("es", "té rey país río año ciudad"),  # té (tea) is not te
        ("de", "könig land fluss stadt jahr"),
        ("fr", "roi pays fleuve ville année"),
        ("ru", "король страна река город год"),
        ("hi", "राजा देश नदी शहर साल"),
        ("ur", "بادشاہ ملک دریا شہر سال"),
        ("ar", "ملك بلد نهر مدينة سنة"),
        ("sw", "mfalme nchi mto mji mwaka"),
        ("yo", "ọba ìlú odò ọdún orúkọ"),
        ("ha", "sarki ƙasa kogi gari shekara"),
        ("zu", "inkosi izwe umfula idolobha unyaka"),
        ("ig", "eze obodo osimiri afọ"),
        ("tr", "kral ülke nehir şehir yıl"),
        ("vi", "vua nước sông thành năm"),
        ("zh", "国王 国家 河 城市 年"),
        ("ja", "王 国 川 都市 年"),
        ("ko", "왕 나라 강 도시 년"),
    ],
)
def test_content_words_are_not_among_them(language: str, words: str) -> None:
    is_stop_word = stop_word_test(language)
    assert [word for word in words.split() if is_stop_word(word)] == []


def test_rows_are_clean() -> None:
    for language, row in ROWS.items():
        words = str(row).split()
        assert len(words) == len(set(words)), f"{language} has a word twice"
        assert [word for word in words if word != nfc(word) or word != word.lower()] == [], language


def test_every_language_has_a_row() -> None:
    assert languages().keys() <= ROWS.keys()
    assert all(stop_words(language) for language in languages())


@pytest.mark.parametrize("language", sorted(set(NTREX) & set(ROWS) - {"my"}))  # NTREX has Burmese for Zawgyi fonts
def test_the_most_frequent_words_of_real_text_are_function_words(language: str, shared_data: Path) -> None:
    is_stop_word = stop_word_test(language)
    counts = Counter(
        lower(line[start:end], language)
        for line in map(nfc, ntrex_lines(shared_data, language))
        for start, end in word_spans(line, language)
        if line[start:end].isalpha() or not line[start:end].isascii()
    )
    assert sum(is_stop_word(word) for word, _ in counts.most_common(20)) >= 12


@pytest.mark.parametrize("language", ["bem", "ha", "ig", "rw", "sw", "tw", "yo", "zu"])
def test_most_questions_begin_or_end_with_a_known_word(language: str, shared_data: Path) -> None:
    is_stop_word = stop_word_test(language)
    questions = list(map(nfc, afriqa_questions(shared_data, language)))
    assert len(questions) > 500
    known = 0
    for question in questions:
        spans = word_spans(question, language)
        known += any(is_stop_word(question[start:end]) for start, end in (*spans[:3], *spans[-3:]))
    assert known > 0.85 * len(questions)


@pytest.mark.parametrize(
    ("language", "text", "kept"),
    [
        ("hi", "मेरा फ़ोन कहाँ है", "मेरा"),
        ("es", "¿Qué hay en la ciudad?", "hay"),
        ("fr", "Depuis quand c'est une ville?", "c'est"),
        ("yo", "kini orúkọ ìlú náà", "kini"),
        ("ha", "wani gari", "wani"),
    ],
)
def test_function_words_are_not_switched(language: str, text: str, kept: str, shared_data: Path) -> None:
    for seed in range(4):
        (found,) = load_recipe("code-switching").perturb([Query("q", language, text, "q")], 5, seed)
        assert kept in found.text.split()
