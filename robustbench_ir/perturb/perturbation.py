"""A query before and after, and sets of them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

from robustbench_ir._base.edit_distance import edit_rate
from robustbench_ir._base.text import Span, replace_spans
from robustbench_ir.errors import DataError

_BLANK = frozenset(["", " "])
_OPENING, _CLOSING = frozenset("([\"'"), frozenset(",.;:!?)]\"'")


class Edit(NamedTuple):
    """One change of a query.

    Attributes
    ----------
    span : (int, int)
        First and last + 1 code point in the clean query.
    before, after : str
        Text at that place before and after.
    operation : str
        Name of the operation.
    """

    span: Span
    before: str
    after: str
    operation: str


class Perturbation(NamedTuple):
    """A query before and after.

    Attributes
    ----------
    query_id : str
        Id of the query.
    clean, text : str
        The text before and after, NFC.
    edits : tuple of Edit
        The changes, in order.
    eligible : int
        Number of places that the recipe could have changed.
    """

    query_id: str
    clean: str
    text: str
    edits: tuple[Edit, ...]
    eligible: int

    @property
    def changed(self) -> bool:
        """Whether the text differs from the clean one."""
        return self.text != self.clean

    @property
    def touched(self) -> float:
        """Share of the clean query's code points that are in words, or other places, that were edited; 0 to 1."""
        return sum(len(edit.before) for edit in self.edits) / max(len(self.clean), 1)

    @property
    def edit_rate(self) -> float:
        """Edit distance to the clean query, divided by its length, both in graphemes; 0 to 1, or more if it grew."""
        return edit_rate(self.clean, self.text)


class QueryLike(Protocol):
    """What a recipe needs of a query."""

    @property
    def query_id(self) -> str:
        """Id of the query; the random choices depend on it."""

    @property
    def language(self) -> str:
        """Language code."""

    @property
    def text(self) -> str:
        """The query as typed."""


def unchanged(query_id: str, text: str) -> Perturbation:
    """Return the perturbation of a query that changes nothing.

    Parameters
    ----------
    query_id : str
        Id of the query.
    text : str
        The query, NFC.
    """
    return Perturbation(query_id, text, text, (), 0)


def digest(perturbations: Sequence[Perturbation]) -> str:
    """Return the SHA-256 of a perturbed query set as 64 hexadecimal digits, whatever the order of the queries.

    It is computed over the UTF-8 lines ``["query id", "text"]`` (JSON, not escaped), sorted by query id.

    Raises
    ------
    DataError
        If a text contains a lone surrogate, which has no UTF-8 form.
    """
    lines = sorted(json.dumps([one.query_id, one.text], ensure_ascii=False) for one in perturbations)
    try:
        return sha256("\n".join(lines).encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise DataError("a query holds a lone surrogate, which is not Unicode text; repair the query file") from error


def coverage(perturbations: Sequence[Perturbation]) -> float:
    """Return the share of queries that really changed, 0 to 1."""
    return sum(one.changed for one in perturbations) / max(len(perturbations), 1)


def mean_touched(perturbations: Sequence[Perturbation]) -> float:
    """Return the mean of `Perturbation.touched`."""
    return sum(one.touched for one in perturbations) / max(len(perturbations), 1)


def mean_edit_rate(perturbations: Sequence[Perturbation]) -> float:
    """Return the mean of `Perturbation.edit_rate`."""
    return sum(one.edit_rate for one in perturbations) / max(len(perturbations), 1)


def spaced(text: str, edits: Sequence[Edit]) -> list[Edit]:
    """Put spaces where Latin words and numbers come to touch each other in a script without spaces.

    Parameters
    ----------
    text : str
        The clean query.
    edits : sequence of Edit
        Edits in order.
    """
    made: list[Edit] = []
    reached, last = 0, ""
    for place, edit in enumerate(edits):
        (start, end), after = edit.span, edit.after
        if (not start or text[start - 1] == " ") and text[end : end + 1] in _BLANK:
            made.append(edit)  # most words stand between spaces
            reached, last = end, after[-1:] or last
            continue
        if start > reached:
            last = text[start - 1]
        touching = start == reached and bool(made)
        # Words that lost the space between them were joined on purpose.
        joined = touching and made[-1].before.endswith(" ") and not made[-1].after.endswith(" ")
        if after and not joined and (_come_to_touch(last, after[0], text[:start], edit, touching=touching)):
            after = f" {after}"
        last = after[-1:] or last
        alone = place + 1 == len(edits) or edits[place + 1].span[0] > end
        if alone and end < len(text) and after and _comes_before(edit, after[-1], text[end]):
            after = f"{after} "
        made.append(edit if after == edit.after else edit._replace(after=after))
        reached = end
    return made


def _come_to_touch(last: str, first: str, before: str, edit: Edit, *, touching: bool) -> bool:
    """Return True if a space is needed before an edit: Latin words, or what followed a sign of a script without."""
    if not _may_need_a_space(last, first):
        return False
    if touching and _are_latin(last, first):
        return True
    if f"{before[-1:]}{edit.before[:1]}".isascii():
        return False  # what people wrote on a Latin keyboard has the spaces that they want
    if _is_latin_or_digit(first) and _is_latin_or_digit(last):
        return not (first.isdigit() and last.isdigit()) and not _is_latin_or_digit(before[-1:] + edit.before[:1])
    if first in _OPENING and last.isalnum():
        return bool(edit.before) and unicodedata.category(edit.before[0]) in {"Ps", "Pi"} and first != edit.before[0]
    return first.isalnum() and last in _CLOSING and bool(before) and _closes(before[-1])


@lru_cache(maxsize=1 << 14)
def _may_need_a_space(last: str, first: str) -> bool:
    """Return False for two characters that need no space between them, whatever stood there before."""
    if not last or last.isspace():
        return False
    return _is_latin_or_digit(first) or first in _OPENING or (first.isalnum() and last in _CLOSING)


def _comes_before(edit: Edit, last: str, following: str) -> bool:
    """Return True if a space is needed after an edit, before text that stays."""
    if not _is_latin_or_digit(following) or edit.before[-1:].isascii():
        return False
    if _is_latin_or_digit(last):
        both_digits = last.isdigit() and following.isdigit()
        return not both_digits and not _is_latin_or_digit(edit.before[-1:] + following)
    return last in _CLOSING and bool(edit.before) and _closes(edit.before[-1])


def _closes(sign: str) -> bool:
    """Return True for a sign of another script that closes something; ASCII ones keep the space that they have."""
    return not sign.isascii() and unicodedata.category(sign) in {"Po", "Pe", "Pf"}


@lru_cache(maxsize=1 << 12)
def _is_latin_or_digit(characters: str) -> bool:
    return all(character.isdigit() or _are_latin(character) for character in characters)


def _are_latin(*characters: str) -> bool:
    """Return True if all of these are letters of the Latin script."""
    return all(character.isalpha() and character < "\u0250" for character in characters)


def with_edits(one: Perturbation, places: Collection[int]) -> Perturbation:
    """Return the perturbation with only some of its edits.

    Parameters
    ----------
    one : Perturbation
        Perturbation from a recipe.
    places : collection of int
        Places in `one.edits` of the edits to keep.
    """
    if spaced(one.clean, one.edits) != list(one.edits):  # parts of words, which were never spaced
        kept = [edit for place, edit in enumerate(one.edits) if place in places]
        text = replace_spans(one.clean, [(edit.span, edit.after) for edit in kept])
        return one._replace(text=text, edits=tuple(kept))
    # A space between two neighbours is removed if one of them is.
    kept = [edit for place, edit in enumerate(_unspaced(one.clean, one.edits)) if place in places]
    edits = spaced(one.clean, kept)
    text = replace_spans(one.clean, [(edit.span, edit.after) for edit in edits])
    return one._replace(text=text, edits=tuple(edits))


def _unspaced(text: str, edits: Sequence[Edit]) -> Iterator[Edit]:
    """Undo `spaced`: no rewriting begins or ends with a space, unless what it replaces does."""
    for edit in edits:
        (start, end), after = edit.span, edit.after
        if after[:1] == " " and edit.before[:1] != " " and text[:start][-1:] not in {"", " "}:
            after = after[1:]
        if after[-1:] == " " and edit.before[-1:] != " " and text[end : end + 1] not in {"", " "}:
            after = after[:-1]
        yield edit if after == edit.after else edit._replace(after=after)
