"""What differs between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from robustbench_ir._base.text import Span

_PIECE = re.compile(r"\s+|\w+|[^\w\s]")


def changed_words(text: str, new: str) -> dict[Span, str]:
    """Return the changed stretches of a text and their replacements, whole words; an insertion takes its neighbour."""
    before, after = _PIECE.findall(text), _PIECE.findall(new)
    starts = [0]
    for piece in before:
        starts.append(starts[-1] + len(piece))
    changes: dict[Span, str] = {}
    for first, last, new_first, new_last in _with_neighbours(before, after):
        replaced, inserted = before[first:last], after[new_first:new_last]
        if len(replaced) == len(inserted):
            pairs = zip(range(first, last), inserted, strict=True)
            changes |= {(starts[place], starts[place + 1]): one for place, one in pairs if before[place] != one}
        else:
            changes[starts[first], starts[last]] = "".join(inserted)
    return changes


def _with_neighbours(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Return the differences, as pieces `first` to `last` of the one text and of the other, without overlap.

    An insertion includes the piece before it, or at the beginning the first piece after it.
    """
    found: list[tuple[int, int, int, int]] = []
    for kind, first, last, new_first, new_last in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        back = int(kind == "insert" and first > 0)
        more = int(kind == "insert" and first == 0 and bool(before))
        wider = (first - back, last + more, new_first - back, new_last + more)
        if found and wider[0] < found[-1][1]:  # two insertions around one piece
            wider = (found[-1][0], wider[1], found[-1][2], wider[3])
            del found[-1]
        found.append(wider)
    return found
