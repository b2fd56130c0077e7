"""Graphemes, words and replacement."""

from __future__ import annotations

import pytest

from robustbench_ir._base.text import graphemes, nfc, replace_spans, script, word_spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("नमस्ते", ["न", "म", "स्ते"]),
        ("क्षत्रिय", ["क्ष", "त्रि", "य"]),
        ("ක්‍රිකට්", ["ක්‍රි", "ක", "ට්"]),
        ("ที่", ["ที่"]),
        ("ភ្នំពេញ", ["ភ្នំ", "ពេ", "ញ"]),
        ("ဗုဒ္ဓ", ["ဗု", "ဒ္ဓ"]),
        ("👩‍👩‍👧!", ["👩‍👩‍👧", "!"]),
        ("ọ̀rọ̀", ["ọ̀", "r", "ọ̀"]),
        ("", []),
    ],
)
def test_a_grapheme_is_what_a_reader_calls_one_character(text: str, expected: list[str]) -> None:
    assert graphemes(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Don't stop: 3.5 km!", ["Don't", "stop", "3.5", "km"]),
        ("th", "ความดันคำนวณ", ["ความ", "ดัน", "คำนวณ"]),
        ("zh", "谁得了最多分？", ["谁", "得了", "最多", "分"]),
        ("hi", "क्या है?", ["क्या", "है"]),
        ("en", "😀 hello 😀 you", ["hello", "you"]),
        ("en", "?!", []),
    ],
)
def test_words_are_found_in_every_script(language: str, text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in word_spans(text, language)] == expected


def test_replacement_keeps_the_rest_and_returns_nfc() -> None:
    assert replace_spans("one two three", [((4, 7), "zwei")]) == "one zwei three"
    assert replace_spans("ab", [((1, 2), "e\N{COMBINING ACUTE ACCENT}")]) == nfc("aé")
    assert replace_spans("e\N{COMBINING ACUTE ACCENT}", []) == "é"


@pytest.mark.parametrize(
    ("text", "code"), [("abc", "Latn"), ("42", "Zyyy"), ("人民", "Hani"), ("ờ", "Latn"), ("ჯ", "Geor"), ("¿?", "Zyyy")]
)
def test_script_of_the_first_letter(text: str, code: str) -> None:
    assert script(text) == code


def test_a_mark_without_a_letter_is_no_word() -> None:
    """It belongs to the space before it: an edit there would take half of a grapheme."""
    assert word_spans("A ำ b", "th") == [(0, 1), (4, 5)]
    assert word_spans("a \u0301b c", "en") == [(0, 1), (3, 4), (5, 6)]
