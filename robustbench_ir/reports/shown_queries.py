"""How pages show a query: cut at its edits, in its own direction, with code points for what has no glyph."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from robustbench_ir.perturb import Edit, Perturbation
from robustbench_ir.resources.languages import languages

_WORD_OR_SPACE = re.compile(r"\s+|\S+")
_TWO_WORDS = 3  # and the space between them
_MOST_PAIRS = 10_000


@dataclass(frozen=True)
class TextPiece:
    """A stretch of a query.

    Attributes
    ----------
    text : str
        The stretch.
    operation : str
        What an edit did there; empty between edits.
    """

    text: str
    operation: str = ""


def cut_at_edits(one: Perturbation) -> tuple[tuple[TextPiece, ...], tuple[TextPiece, ...]]:
    """Cut the clean and the perturbed query at the edits; of an edit of several words, at those that differ."""
    before, after = list[TextPiece](), list[TextPiece]()
    position = 0
    for edit in one.edits:
        between = TextPiece(one.clean[position : edit.span[0]])
        old, new = _cut_at_words(edit)
        before += (between, *old)
        after += (between, *new)
        position = edit.span[1]
    rest = TextPiece(one.clean[position:])
    return tuple(_full([*before, rest])), tuple(_full([*after, rest]))


def _cut_at_words(edit: Edit) -> tuple[list[TextPiece], list[TextPiece]]:
    words, others = _WORD_OR_SPACE.findall(edit.before), _WORD_OR_SPACE.findall(edit.after)
    if len(words) < _TWO_WORDS or len(words) * len(others) > _MOST_PAIRS:
        return [TextPiece(edit.before, edit.operation)], [TextPiece(edit.after, edit.operation)]
    old, new = list[TextPiece](), list[TextPiece]()
    for kind, start, end, other_start, other_end in SequenceMatcher(None, words, others, autojunk=False).get_opcodes():
        operation = "" if kind == "equal" else edit.operation
        old.append(TextPiece("".join(words[start:end]), operation))
        new.append(TextPiece("".join(others[other_start:other_end]), operation))
    return old, new


def _full(found: list[TextPiece]) -> Iterator[TextPiece]:
    return (piece for piece in found if piece.text)


def with_visible_code_points(text: str) -> str:
    """Return a text in which characters without a glyph are shown by their code points: ``pass⟨U+200B⟩age``."""
    hidden = {"Cf", "Cc", "Zl", "Zp"}
    return "".join(f"⟨U+{ord(one):04X}⟩" if unicodedata.category(one) in hidden else one for one in text)


def text_direction(language: str, text: str) -> str:
    """Return the value of HTML's `dir` for a text.

    A query of a right-to-left language that still has a letter of its own script is laid out from the right, whatever
    comes first in it. A query that is wholly in a script of the other direction is laid out as its letters are.

    Parameters
    ----------
    language : str
        Code of the language of the query.
    text : str
        The text.
    """
    if language not in languages():
        return "auto"
    usual = languages()[language].direction
    strong = {"R", "AL"} if usual == "rtl" else {"L"}
    return usual if any(unicodedata.bidirectional(one) in strong for one in text) else "auto"
