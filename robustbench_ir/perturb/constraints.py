"""Which words of a query a recipe may touch."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Literal

import regex
from pydantic import Field

from robustbench_ir._base.text import (
    LONGEST_CHUNK,
    Span,
    chunk_spans,
    has_graphemes,
    scripts,
    word_breaker,
    word_spans,
)
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.names import name_finder
from robustbench_ir.perturb.spelling import spelling
from robustbench_ir.resources.cards import SHIPPED, Card, Tables

_ACCENT = regex.compile(r"[\u0300-\u036F]")
_DIGIT = regex.compile(r"\p{N}")
# Domains of countries in their own scripts (IANA's list of internationalised top-level domains), and ends of domains
# and file names that have more than four Latin letters.
_OWN_DOMAINS = "|".join(
    (
        *("рф", "рус", "сайт", "онлайн", "бел", "укр", "қаз", "мон", "срб", "бг", "ею", "հայ", "გე", "ελ", "ευ"),
        *("السعودية", "امارات", "مصر", "المغرب", "الجزائر", "تونس", "عمان", "قطر", "سورية", "فلسطين", "الاردن"),
        *("ایران", "پاکستان", "भारत", "ভারত", "বাংলা", "భారత్", "ભારત", "ਭਾਰਤ", "இந்தியா", "இலங்கை", "ලංකා", "ไทย", "ລາວ"),
        *("中国", "中國", "香港", "台灣", "台湾", "한국", "みんな"),
    )
)
_LONG_ENDINGS = "|".join(
    (
        *("travel", "museum", "online", "store", "world", "media", "cloud", "email", "space", "agency", "academy"),
        *("torrent", "xhtml", "ipynb", "parquet", "jsonl", "sqlite", "properties", "gitignore", "class"),
    )
)
_ADDRESS = regex.compile(
    rf"(?:https?://|www\.)\S+|\S+@\S+\.\S+|\b[\w-]+(?:\.[\w-]+)+/\S*"
    rf"|\b[\w-]{{2,}}(?:\.[\w-]+)*\.(?:{_OWN_DOMAINS})\b"
    rf"|\b[a-z0-9][a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.(?:[a-z][a-z0-9]{{1,3}}|{_LONG_ENDINGS})\b",
    regex.IGNORECASE,
)
LONGEST_WORD = 256  # code points; no one types longer words, and a romanisation of megabytes never ends
_CHUNKS_REMEMBERED = 1 << 15
_WORDS_REMEMBERED = 1 << 15
_TEXTS_REMEMBERED = 1 << 12  # the same queries occur again with another severity and another seed


class Constraints(Card):
    """The card's `[constraints]`. Words of more than 256 code points are not changed either.

    Attributes
    ----------
    minimum_graphemes : int
        Shorter words are not changed.
    protect : list of {"numbers", "addresses", "capitalised", "stop-words"}
        Words that are not changed: words with a digit; URLs and e-mail addresses; names, found by their capitals
        (`robustbench_ir.perturb.names`); words of `attacks/_stop_words.toml`, in every spelling of theirs.
    maximum_edit_rate : float
        Largest share of a query's code points that may be in edited words (`Perturbation.touched`), in (0, 1]; further
        edits are not made.
    keep_script : bool
        Whether edits are forbidden that add a script which the word did not have.
    """

    minimum_graphemes: int = Field(default=1, ge=1)
    protect: list[Literal["numbers", "addresses", "capitalised", "stop-words"]] = []
    maximum_edit_rate: float = Field(default=1.0, gt=0, le=1)
    keep_script: bool = False

    def forbid(self, before: str, after: str) -> bool:
        """Return True if an edit must not be made, whatever the other edits are.

        Parameters
        ----------
        before, after : str
            The text before and after the edit.
        """
        return self.keep_script and not scripts(after) <= scripts(before)


@cache
def stop_words(language: str, tables: Tables = SHIPPED) -> frozenset[str]:
    """Return the closed-class words of a language, lower case; none if the table has no row.

    Parameters
    ----------
    language : str
        Code of the language.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If a row of the table is not a string.
    """
    row = tables.rows("_stop_words.toml").get(language, "")
    if not isinstance(row, str):
        raise CardError(f"attacks/_stop_words.toml: key {language!r}: one string with spaces between the words")
    return frozenset(row.split())


@cache
def stop_word_test(language: str, tables: Tables = SHIPPED) -> Callable[[str], bool]:
    """Return a function that returns True for a closed-class word of a language, whatever its case and spelling.

    Parameters
    ----------
    language : str
        Code of the language.
    tables : Tables
        Where the tables of words and of spellings are found.
    """
    spelt = spelling(language, tables)
    exact = frozenset(map(spelt.same, stop_words(language, tables)))
    loose = frozenset(map(spelt.loosened, exact)) - {""}

    def test(word: str) -> bool:
        same = spelt.same(word)
        if same in exact:
            return True
        # "tambien" is "también", but "té" (tea) is not "te".
        return spelt.loosened(same) in loose and not _ACCENT.search(unicodedata.normalize("NFD", same))

    return lru_cache(maxsize=_WORDS_REMEMBERED)(test)


WordFinder = Callable[[str], Sequence[Span]]
"""Finds the words of a text that may be changed, in order."""


def word_finder(language: str, constraints: Constraints, tables: Tables = SHIPPED) -> WordFinder:
    """Return a function that finds those words of a query that the constraints allow to change.

    Parameters
    ----------
    language : str
        Code of the query language; it decides word segmentation and stop words.
    constraints : Constraints
        Which words are not changed.
    tables : Tables
        Where the stop words are found.
    """
    word_breaker(language)  # loaded with the tables, and not in the first query
    open_word = _word_test(language, constraints, tables)
    spare_addresses = "addresses" in constraints.protect

    def find_in(chunk: str) -> tuple[Span, ...]:
        found = [
            (start, end)
            for start, end in chunk_spans(chunk, language)
            if end - start <= LONGEST_WORD and open_word(chunk[start:end])
        ]
        if found and spare_addresses and ("." in chunk or "/" in chunk):
            taken = [match.span() for match in _ADDRESS.finditer(chunk)]
            found = [span for span in found if not any(left < span[1] and span[0] < right for left, right in taken)]
        return tuple(found)

    # Except for capitals, the text between two spaces decides, and few such chunks make up most of any text.
    remembered = lru_cache(maxsize=_CHUNKS_REMEMBERED)(find_in)

    @lru_cache(maxsize=_TEXTS_REMEMBERED)
    def find(text: str) -> tuple[Span, ...]:
        found: list[Span] = []
        offset = 0
        for chunk in text.split(" "):
            for start, end in remembered(chunk) if len(chunk) <= LONGEST_CHUNK else find_in(chunk):
                found.append((offset + start, offset + end))
            offset += len(chunk) + 1
        return tuple(found)

    return _without_names(find, language, tables) if "capitalised" in constraints.protect else find


def _word_test(language: str, constraints: Constraints, tables: Tables) -> Callable[[str], bool]:
    """Return a function that returns True if a word may be changed, whatever its context."""
    tests: list[Callable[[str], bool]] = []
    if "numbers" in constraints.protect:
        tests.append(lambda word: word.isalpha() or not _DIGIT.search(word))
    if constraints.minimum_graphemes > 1:
        tests.append(lambda word: has_graphemes(word, constraints.minimum_graphemes))
    if "stop-words" in constraints.protect:
        is_stop_word = stop_word_test(language, tables)
        tests.append(lambda word: not is_stop_word(word))

    def is_open(word: str) -> bool:
        for test in tests:  # noqa: SIM110 (all() with a generator takes twice as long, and this is asked of every word)
            if not test(word):
                return False
        return True

    return lru_cache(maxsize=_WORDS_REMEMBERED)(is_open)


def _without_names(find: WordFinder, language: str, tables: Tables) -> WordFinder:
    find_names = name_finder(language, stop_word_test(language, tables), tables)

    @lru_cache(maxsize=_TEXTS_REMEMBERED)
    def found(text: str) -> Sequence[Span]:
        if text == text.lower():
            return find(text)
        names = find_names(text, word_spans(text, language))
        return tuple(span for span in find(text) if span[0] not in names)

    return found
