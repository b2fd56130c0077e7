"""Text as people see it: normal form, graphemes, words.

Characters are extended grapheme clusters and words are those of UAX #29 with ICU's dictionaries, so that Thai, Khmer,
Lao, Burmese, Chinese and Japanese have words too.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import regex

if TYPE_CHECKING:
    import icu

# `\X` of the regex library ends a cluster inside a conjunct: in Sinhala at the zero-width joiner, in Khmer at the coeng
# and in Burmese at the virama that stack the next letter below.
_GRAPHEME = regex.compile(r"(?:\X(?:(?<=\u200D)(?=[\u0D80-\u0DFF])|(?<=[\u17D2\u1039])(?=\p{L})))*\X")
_LONGEST_WORD = 32  # code points
_LAST_BASIC_CODE_POINT = "\uffff"
_FIRST_WORD_STATUS = 100  # ICU: rule status 0..99 is white space and punctuation


class Span(NamedTuple):
    """A stretch of a text: code points `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


def nfc(text: str) -> str:
    """Return `text` in Unicode normalisation form C, the form of all text in this package."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def graphemes(text: str) -> list[str]:
    r"""Split `text` into extended grapheme clusters (UAX #29), Sinhala conjuncts whole.

    >>> graphemes("नमस्ते")
    ['न', 'म', 'स्ते']
    """
    if text.isascii() and "\r" not in text:
        return list(text)
    if len(text) <= _LONGEST_WORD:
        return list(_word_graphemes(text))
    return _GRAPHEME.findall(text)


def count_graphemes(text: str) -> int:
    """Return the number of extended grapheme clusters of `text`."""
    if text.isascii() and "\r" not in text:
        return len(text)
    return len(_word_graphemes(text) if len(text) <= _LONGEST_WORD else _GRAPHEME.findall(text))


@lru_cache(maxsize=1 << 16)
def _word_graphemes(word: str) -> tuple[str, ...]:
    """Remember the graphemes of words: a few thousand of them make up most of any text."""
    return tuple(_GRAPHEME.findall(word))


@lru_cache(maxsize=128)
def _word_breaker(language: str) -> icu.BreakIterator:
    import icu

    return icu.BreakIterator.createWordInstance(icu.Locale(language))


def word_spans(text: str, language: str) -> list[Span]:
    """Find the words of `text`.

    Parameters
    ----------
    text : str
        Any text.
    language : str
        BCP 47 code; it chooses ICU's tailoring.

    Returns
    -------
    list of Span
        Words and numbers in order, without white space and punctuation.
    """
    breaker = _word_breaker(language)
    breaker.setText(text)
    spans = []
    start = 0
    for end in breaker:
        if breaker.getRuleStatus() >= _FIRST_WORD_STATUS:
            spans.append(Span(start, end))
        start = end
    if spans and max(text) > _LAST_BASIC_CODE_POINT:
        return _from_utf16(text, spans)
    return spans


def _from_utf16(text: str, spans: list[Span]) -> list[Span]:
    """Turn ICU's UTF-16 offsets into code point offsets."""
    code_point_at = {}
    offset = 0
    for index, character in enumerate(text):
        code_point_at[offset] = index
        offset += 2 if character > _LAST_BASIC_CODE_POINT else 1
    code_point_at[offset] = len(text)
    return [Span(code_point_at[start], code_point_at[end]) for start, end in spans]


def replace_spans(text: str, replacements: list[tuple[Span, str]]) -> str:
    """Replace stretches of `text`, given in order and without overlap, and return NFC."""
    if not replacements:
        return nfc(text)
    bounds = [Span(0, 0), *(span for span, _ in replacements), Span(len(text), len(text))]
    kept = [text[left.end : right.start] for left, right in pairwise(bounds)]
    pieces = [kept[0]]
    for (_, new), after in zip(replacements, kept[1:], strict=True):
        pieces += (new, after)
    return nfc("".join(pieces))


def script(text: str) -> str:
    """Return the ISO 15924 code of the script of the first letter, ``Zyyy`` if there is none."""
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text)) else "Zyyy"
    import icu

    for character in text:
        if character.isalpha():
            return str(icu.Script.getScript(character).getShortName())
    return "Zyyy"
