"""Text: normal form, graphemes, words.

Characters are extended grapheme clusters and words are those of UAX #29 with ICU's dictionaries, so that Thai, Khmer,
Lao, Burmese, Chinese and Japanese have words too.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    import icu

# `\X` of the regex library ends a cluster inside a conjunct: in Sinhala at the zero-width joiner, in Khmer at the coeng
# and in Burmese at the virama that stack the next letter below.
_GRAPHEME = regex.compile(r"(?:\X(?:(?<=\u200D)(?=[\u0D80-\u0DFF])|(?<=[\u17D2\u1039])(?=\p{L})))*\X")
# Letters without marks or joiners, each a cluster by itself. Letters of the Latin, Greek, Cyrillic,
# Armenian, Hebrew, Arabic, Georgian, Ethiopic, Kana, Han and Hangul (composed) blocks, without their marks.
_EACH_ITS_OWN = re.compile(
    "[ -\u02ff\u0370-\u0482\u048a-\u058f\u05d0-\u05ea\u0620-\u064a\u0671-\u06d5\u10a0-\u10ff\u1200-\u135a"
    "\u1e00-\u1fff\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]*"
)
# Letters and marks of scripts that have spaces between words: UAX #29 has no boundary among them.
_ONE_WORD = regex.compile(
    r"(?V1)(?=\p{L})[[\p{L}\p{M}]&&[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Arabic}\p{Ethiopic}"
    r"\p{Devanagari}\p{Bengali}\p{Telugu}\p{Tamil}\p{Sinhala}\p{Gujarati}\p{Gurmukhi}\p{Kannada}\p{Malayalam}]]+"
)
_GEORGIAN = re.compile("([\u10d0-\u10ff]+)")
_VISIBLE = regex.compile(r"[\p{L}\p{N}\p{S}\p{P}]")
_OPENING, _CLOSING = '("\u00bf\u00a1\u00ab\u201e\u201c', '?!,.;:)"\u00bb\u201d\u061f\u060c\u0964'
LONGEST_CHUNK = 256  # code points; longer chunks are not remembered
_LAST_BASIC_CODE_POINT = "\uffff"
_FIRST_WORD_STATUS = 100  # ICU: rule status 0..99 is white space and punctuation


Span = tuple[int, int]
"""A stretch of a text: code points from the first number (inclusive) to the second (exclusive)."""


def nfc(text: str) -> str:
    """Return `text` in Unicode normalisation form C, the form of all text in this package."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def is_visible(text: str) -> bool:
    """Return whether anything is left of a text without blanks, controls and invisible characters."""
    return bool(_VISIBLE.search(text))


def each_its_own(text: str) -> bool:
    """Return True if each character is certainly a grapheme cluster by itself: a quick test, since most words pass."""
    return _EACH_ITS_OWN.fullmatch(text) is not None


def graphemes(text: str) -> list[str]:
    r"""Split `text` into extended grapheme clusters (UAX #29), Sinhala conjuncts whole.

    >>> graphemes("नमस्ते")
    ['न', 'म', 'स्ते']
    """
    return list(text) if _EACH_ITS_OWN.fullmatch(text) else _GRAPHEME.findall(text)


@lru_cache(maxsize=1 << 16)
def word_graphemes(word: str) -> tuple[str, ...]:
    """Return the grapheme clusters of a word from a memory, since a few thousand words make up most of any text."""
    return tuple(graphemes(word))


def has_graphemes(word: str, number: int) -> bool:
    """Return True if a word has at least a number of grapheme clusters.

    Parameters
    ----------
    word : str
        The word.
    number : int
        The number.
    """
    if _EACH_ITS_OWN.fullmatch(word):
        return len(word) >= number
    return len(word_graphemes(word)) >= number


@lru_cache(maxsize=1 << 16)
def stay_apart(left: str, right: str) -> bool:
    """Return True if the grapheme clusters of two texts are unchanged when the texts are joined.

    Parameters
    ----------
    left, right : str
        Texts that stand side by side.
    """
    return _GRAPHEME.findall(left + right) == _GRAPHEME.findall(left) + _GRAPHEME.findall(right)


@lru_cache(maxsize=128)
def word_breaker(language: str) -> icu.BreakIterator:
    """Return ICU's iterator over the words of a language; the first call loads ICU and its dictionary.

    Parameters
    ----------
    language : str
        BCP 47 code of the language.
    """
    import icu

    return icu.BreakIterator.createWordInstance(icu.Locale(language))


def word_spans(text: str, language: str) -> list[Span]:
    """Return the spans of the words of `text`.

    Parameters
    ----------
    text : str
        Any text.
    language : str
        BCP 47 code of the language, which chooses ICU's rules.

    Returns
    -------
    list of (int, int)
        Words and numbers in order, without white space and punctuation.
    """
    spans = []
    offset = 0
    # UAX #29 has a boundary on either side of a space, so the words between spaces can be found, and remembered, alone.
    for chunk in text.split(" "):
        for start, end in chunk_spans(chunk, language):
            spans.append((offset + start, offset + end))
        offset += len(chunk) + 1
    return spans


def chunk_spans(chunk: str, language: str) -> tuple[Span, ...]:
    """Return the spans of the words between two spaces; see `word_spans`.

    Parameters
    ----------
    chunk : str
        Text without spaces.
    language : str
        BCP 47 code of the language.
    """
    # Punctuation at the ends of a word of these scripts is never a part of it.
    start = len(chunk) - len(chunk.lstrip(_OPENING))
    word = chunk[start:].rstrip(_CLOSING)
    if _ONE_WORD.fullmatch(word):
        return ((start, start + len(word)),)
    return _remembered_spans(chunk, language) if len(chunk) <= LONGEST_CHUNK else _spans(chunk, language)


def _spans(chunk: str, language: str) -> tuple[Span, ...]:
    breaker = word_breaker(language)
    breaker.setText(chunk)
    spans = []
    start = 0
    for end in breaker:
        if breaker.getRuleStatus() >= _FIRST_WORD_STATUS:
            spans.append((start, end))
        start = end
    if spans and spans[0][0] == 0 and not stay_apart(" ", chunk[0]):
        del spans[0]  # a mark without a letter belongs to the space before the chunk
    if spans and max(chunk) > _LAST_BASIC_CODE_POINT:
        return _from_utf16(chunk, spans)
    return tuple(spans)


_remembered_spans = lru_cache(maxsize=1 << 16)(_spans)


def _from_utf16(text: str, spans: list[Span]) -> tuple[Span, ...]:
    """Return spans in code points for ICU's spans in UTF-16 units."""
    code_point_at = {}
    offset = 0
    for index, character in enumerate(text):
        code_point_at[offset] = index
        offset += 2 if character > _LAST_BASIC_CODE_POINT else 1
    code_point_at[offset] = len(text)
    return tuple((code_point_at[start], code_point_at[end]) for start, end in spans)


def replace_spans(text: str, replacements: list[tuple[Span, str]]) -> str:
    """Return `text` with spans replaced, in NFC.

    Parameters
    ----------
    text : str
        Any text.
    replacements : list of (span, str)
        Spans with their new texts, in order and without overlap.
    """
    pieces: list[str] = []
    position = 0
    for (start, end), new in replacements:
        pieces += (text[position:start], new)
        position = end
    return nfc("".join([*pieces, text[position:]]))


def upper(text: str, language: str) -> str:
    """Return `text` in upper case by the rules of the language: Turkish "i" becomes "İ".

    Georgian letters stay: Unicode has capitals for them (Mtavruli), but no keyboard types them.

    Parameters
    ----------
    text : str
        Any text.
    language : str
        BCP 47 code of the language.
    """
    import icu

    locale = icu.Locale(language)
    pieces = _GEORGIAN.split(text)
    pieces[::2] = [str(icu.UnicodeString(piece).toUpper(locale)) for piece in pieces[::2]]
    return "".join(pieces)


def lower(text: str, language: str) -> str:
    """Return `text` in lower case by the rules of the language: Turkish "I" becomes "ı".

    Parameters
    ----------
    text : str
        Any text.
    language : str
        BCP 47 code of the language.
    """
    import icu

    return str(icu.UnicodeString(text).toLower(icu.Locale(language)))


@lru_cache(maxsize=1 << 14)
def scripts(text: str) -> frozenset[str]:
    """Return the ISO 15924 codes of all scripts in a short text, without the common ones (Zyyy, Zinh)."""
    import icu

    return frozenset(str(icu.Script.getScript(one).getShortName()) for one in set(text)) - {"Zyyy", "Zinh"}


def script(text: str) -> str:
    """Return the ISO 15924 code of the script of the first letter, ``Zyyy`` if there is none."""
    if text.isascii():
        return "Latn" if any(map(str.isalpha, text)) else "Zyyy"
    import icu

    for character in text:
        if character.isalpha():
            return str(icu.Script.getScript(character).getShortName())
    return "Zyyy"
