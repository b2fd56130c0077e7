"""A query before and after, and sets of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol

from robustbench_ir._base.text import Span, replace_spans
from robustbench_ir.errors import DataError


class Edit(NamedTuple):
    """One change: code points `span` of the clean query, what stood there, what stands there now, and how."""

    span: Span
    before: str
    after: str
    operation: str


class Perturbation(NamedTuple):
    """A query before and after.

    Attributes
    ----------
    query_id : str
        Which query.
    clean, text : str
        Before and after, NFC.
    edits : tuple of Edit
        What was changed, in order.
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
    def edit_rate(self) -> float:
        """Share of the clean query's code points that were replaced, 0 to 1."""
        return sum(len(edit.before) for edit in self.edits) / max(len(self.clean), 1)


class QueryLike(Protocol):
    """What a recipe needs of a query."""

    @property
    def query_id(self) -> str:
        """Identity; the random choices depend on it."""

    @property
    def language(self) -> str:
        """Language code."""

    @property
    def text(self) -> str:
        """The query as typed."""


def unchanged(query_id: str, text: str) -> Perturbation:
    """Return a query as its own perturbation, without edits."""
    return Perturbation(query_id, text, text, (), 0)


def digest(perturbations: Sequence[Perturbation]) -> str:
    """Return the SHA-256 of a perturbed query set, whatever its order: 64 hexadecimal digits.

    Computed over the UTF-8 lines ``["query id", "text"]`` (JSON, not escaped), sorted by query id.

    Raises
    ------
    DataError
        A text with a lone surrogate, which has no UTF-8 form.
    """
    lines = sorted(json.dumps([one.query_id, one.text], ensure_ascii=False) for one in perturbations)
    try:
        return sha256("\n".join(lines).encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise DataError("a query holds a lone surrogate, which is not Unicode text; repair the query file") from error


def coverage(perturbations: Sequence[Perturbation]) -> float:
    """Return the share of queries that really changed, 0 to 1."""
    return sum(one.changed for one in perturbations) / max(len(perturbations), 1)


def mean_edit_rate(perturbations: Sequence[Perturbation]) -> float:
    """Return the mean share of a query's code points that were replaced, 0 to 1."""
    return sum(one.edit_rate for one in perturbations) / max(len(perturbations), 1)


def spaced(edits: list[Edit]) -> list[Edit]:
    """Put a space between Latin words that come to stand side by side in a script without spaces."""
    reached = -1
    for place, edit in enumerate(edits):
        if edit.span[0] == reached and _are_latin(edits[place - 1].after[-1:], edit.after[:1]):
            edits[place] = edit._replace(after=f" {edit.after}")
        reached = edit.span[1]
    return edits


def _are_latin(*characters: str) -> bool:
    """Say whether all of these are letters of the Latin script."""
    return all(character.isalpha() and character < "\u0250" for character in characters)


def with_edits(one: Perturbation, places: Collection[int]) -> Perturbation:
    """Return the perturbation with only some of its edits; the edits alone give the text.

    Parameters
    ----------
    one : Perturbation
        As a recipe gives it.
    places : collection of int
        Which of `one.edits` stay.
    """
    # A space that was put between two neighbours goes with one of them.
    edits = spaced([edit for place, edit in enumerate(_unspaced(one.edits)) if place in places])
    text = replace_spans(one.clean, [(edit.span, edit.after) for edit in edits])
    return one._replace(text=text, edits=tuple(edits))


def _unspaced(edits: Sequence[Edit]) -> Iterator[Edit]:
    """Undo `spaced`."""
    before = Edit((-1, -1), "", "", "")
    for edit in edits:
        touch = edit.span[0] == before.span[1] and _are_latin(before.after[-1:], edit.after[1:2])
        yield edit._replace(after=edit.after.removeprefix(" ")) if touch else edit
        before = edit
