"""Which words of a query a recipe may touch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Literal

import regex
from pydantic import Field

from robustbench_ir._base.text import LONGEST_CHUNK, Span, chunk_spans, scripts, word_graphemes
from robustbench_ir.errors import CardError
from robustbench_ir.resources.cards import SHIPPED, Card, Tables
from robustbench_ir.resources.languages import languages

_DIGIT = regex.compile(r"\p{N}")
_ADDRESS = regex.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+|\b[\w-]+(?:\.[\w-]+)+/\S*", regex.IGNORECASE)
LONGEST_WORD = 256  # code points; what is longer was not typed, and a romanisation of megabytes never ends
_CHUNKS_REMEMBERED = 1 << 15
_WORDS_REMEMBERED = 1 << 15
_TEXTS_REMEMBERED = 1 << 12  # the same queries come again with another severity and another seed


class Constraints(Card):
    """The card's `[constraints]`. Words of more than 256 code points are left alone, too.

    Attributes
    ----------
    minimum_graphemes : int
        Shorter words are left alone.
    protect : list of {"numbers", "addresses", "capitalised", "stop-words"}
        Words with a digit; URLs and e-mail addresses; words with a capital that do not begin the query (names;
        not in languages that write all nouns so); words of `attacks/_stop_words.toml`.
    maximum_edit_rate : float
        Share of a query's code points that may be replaced at most, in (0, 1]; edits that go beyond are not made.
    keep_script : bool
        Whether edits that bring in a script which the word did not have are not made.
    """

    minimum_graphemes: int = Field(default=1, ge=1)
    protect: list[Literal["numbers", "addresses", "capitalised", "stop-words"]] = []
    maximum_edit_rate: float = Field(default=1.0, gt=0, le=1)
    keep_script: bool = False

    def forbid(self, before: str, after: str) -> bool:
        """Say whether an edit must not be made, however many others are."""
        return self.keep_script and not scripts(after) <= scripts(before)


@cache
def stop_words(language: str, tables: Tables = SHIPPED) -> frozenset[str]:
    """Return the closed-class words of a language, lower case; none where the table has no row.

    Raises
    ------
    CardError
        A row of the table is not a string.
    """
    row = tables.rows("_stop_words.toml").get(language, "")
    if not isinstance(row, str):
        raise CardError(f"attacks/_stop_words.toml: key {language!r}: one string with spaces between the words")
    return frozenset(row.split())


WordFinder = Callable[[str], Sequence[Span]]
"""Finds the words of a text that may be changed, in order."""


def word_finder(language: str, constraints: Constraints, tables: Tables = SHIPPED) -> WordFinder:
    """Return what finds the words of a query that the constraints leave open.

    Parameters
    ----------
    language : str
        Code of the query language; it chooses the word segmentation and the stop words.
    constraints : Constraints
        What is left alone.
    tables : Tables
        Where the stop words are found.
    """
    open_word = _word_test(language, constraints, tables)
    spare_addresses = "addresses" in constraints.protect

    def find_in(chunk: str) -> tuple[Span, ...]:
        may_hold_address = spare_addresses and ("." in chunk or "/" in chunk)
        taken = [match.span() for match in _ADDRESS.finditer(chunk)] if may_hold_address else []
        return tuple(
            (start, end)
            for start, end in chunk_spans(chunk, language)
            if end - start <= LONGEST_WORD
            and open_word(chunk[start:end])
            and not any(left < end and start < right for left, right in taken)
        )

    # All but the capitals is decided by what stands between two spaces, and few such chunks make up most of any text.
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

    facts = languages().get(language)
    names_only = "capitalised" in constraints.protect and not (facts and facts.capitalised_nouns)
    return _without_capitalised(find) if names_only else find


def _word_test(language: str, constraints: Constraints, tables: Tables) -> Callable[[str], bool]:
    """Return what says of a word whether it may be changed, whatever stands around it."""
    tests: list[Callable[[str], bool]] = []
    if "numbers" in constraints.protect:
        tests.append(lambda word: not _DIGIT.search(word))
    if constraints.minimum_graphemes > 1:
        tests.append(lambda word: len(word_graphemes(word)) >= constraints.minimum_graphemes)
    if "stop-words" in constraints.protect:
        stops = stop_words(language, tables)
        tests.append(lambda word: word.lower() not in stops)
    return lru_cache(maxsize=_WORDS_REMEMBERED)(lambda word: all(test(word) for test in tests))


def _without_capitalised(find: WordFinder) -> WordFinder:
    def found(text: str) -> list[Span]:
        first = next((place for place, character in enumerate(text) if character.isalnum()), 0)
        return [(start, end) for start, end in find(text) if start == first or not text[start].isupper()]

    return found
