"""A query before and after, and sets of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple, Protocol

from robustbench_ir._base.edit_distance import edit_rate
from robustbench_ir._base.text import Span, replace_spans
from robustbench_ir.errors import DataError


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


def spaced(edits: list[Edit]) -> list[Edit]:
    """Put a space between Latin words that become neighbours in a script without spaces."""
    for place, (before, edit) in enumerate(pairwise(edits), 1):
        if _touch(before, edit) and _are_latin(before.after[-1:], edit.after[:1]):
            edits[place] = edit._replace(after=f" {edit.after}")
    return edits


def _touch(before: Edit, edit: Edit) -> bool:
    """Return True if two edits are neighbours; words that lost the space between them were joined on purpose."""
    return edit.span[0] == before.span[1] and not before.before.endswith(" ")


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
    # A space between two neighbours is removed if one of them is.
    edits = spaced([edit for place, edit in enumerate(_unspaced(one.edits)) if place in places])
    text = replace_spans(one.clean, [(edit.span, edit.after) for edit in edits])
    return one._replace(text=text, edits=tuple(edits))


def _unspaced(edits: Sequence[Edit]) -> Iterator[Edit]:
    """Undo `spaced`."""
    before = Edit((-1, -1), "", "", "")
    for edit in edits:
        touch = _touch(before, edit) and _are_latin(before.after[-1:], edit.after[1:2])
        yield edit._replace(after=edit.after.removeprefix(" ")) if touch else edit
        before = edit
