"""A perturbation with some of its edits taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from robustbench_ir.perturb.recipe import Edit, Perturbation, are_latin, spaced
from robustbench_ir.text import replace_spans


def only(one: Perturbation, places: Collection[int]) -> Perturbation:
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
        touch = edit.span[0] == before.span[1] and are_latin(before.after[-1:], edit.after[1:2])
        yield edit._replace(after=edit.after.removeprefix(" ")) if touch else edit
        before = edit
