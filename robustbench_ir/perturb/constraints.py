"""Which words of a query a recipe may touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Literal

import regex
from pydantic import Field

from robustbench_ir.cards import SHIPPED, Card, Tables
from robustbench_ir.errors import CardError
from robustbench_ir.text import Span, count_graphemes

_DIGIT = regex.compile(r"\p{N}")
_ADDRESS = regex.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+|\b[\w-]+(?:\.[\w-]+)+/\S*", regex.IGNORECASE)


class Constraints(Card):
    """The card's `[constraints]`.

    Attributes
    ----------
    minimum_graphemes : int
        Shorter words are left alone.
    protect : list of {"numbers", "addresses", "capitalised", "stop-words"}
        Words with a digit; URLs and e-mail addresses; words with a capital that do not begin the query (names, in
        scripts that have capitals and languages that do not capitalise nouns); words of `attacks/_stop_words.toml`.
    """

    minimum_graphemes: int = Field(default=1, ge=1)
    protect: list[Literal["numbers", "addresses", "capitalised", "stop-words"]] = []


def _without_numbers(text: str, words: Sequence[Span], *_: object) -> list[Span]:
    if not _DIGIT.search(text):
        return list(words)
    return [span for span in words if not _DIGIT.search(text, span.start, span.end)]


def _without_addresses(text: str, words: Sequence[Span], *_: object) -> list[Span]:
    if not any(mark in text for mark in ("/", "@", "www.", "WWW.")):
        return list(words)
    taken = [match.span() for match in _ADDRESS.finditer(text)]
    return [span for span in words if not any(start < span.end and span.start < end for start, end in taken)]


def _without_capitalised(text: str, words: Sequence[Span], *_: object) -> list[Span]:
    return [span for place, span in enumerate(words) if place == 0 or not text[span.start].isupper()]


def _without_stop_words(text: str, words: Sequence[Span], language: str, tables: Tables) -> list[Span]:
    stops = stop_words(language, tables)
    return [span for span in words if text[span.start : span.end].lower() not in stops]


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


_PROTECT: Mapping[str, Callable[[str, Sequence[Span], str, Tables], list[Span]]] = {
    "numbers": _without_numbers,
    "addresses": _without_addresses,
    "capitalised": _without_capitalised,
    "stop-words": _without_stop_words,
}


def eligible_words(
    text: str, words: Sequence[Span], language: str, constraints: Constraints, tables: Tables = SHIPPED
) -> list[Span]:
    """Return the words of `text` that the constraints leave open, in order."""
    left = list(words)
    for name in constraints.protect:
        left = _PROTECT[name](text, left, language, tables)
    if constraints.minimum_graphemes > 1:
        left = [span for span in left if _is_long(text[span.start : span.end], constraints.minimum_graphemes)]
    return left


def _is_long(word: str, minimum: int) -> bool:
    return len(word) >= minimum and count_graphemes(word) >= minimum
