"""The shape of a result file: all of it but its long lists of numbers, which is checked before they are read.

A file of an unknown author can have millions of numbers where none belong. Its shape is small, and tells in a moment
whether the file is a result: the fields are there, no other ones, and lists that belong together are equally long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from robustbench_ir._base.bounded_json import bounded_json, check_cost

_MEMORY = 256 << 20
_LONGEST_TEXT = 100_000
# Texts are passed over as a whole, because "[1]" in a name is no list.
_LIST = re.compile(rb'"(?:[^"\\]++|\\.)*+"|\[[-+0-9.eE\s,truefalsn]++\]')
_ONE = b"[1]"
_OF_QUERIES = ("changed", "input_changed", "touched", "edit_rate", "rank_distance")
_OF_JUDGEMENTS = ("query", "passage_language", "grade", "rank_in_pool", "rank_in_language")


def shape_of(content: bytes) -> object:
    """Return the JSON value of a result in which each list of numbers, truth values and nulls has one element, 1.

    Parameters
    ----------
    content : bytes
        Text of the file.

    Raises
    ------
    ValueError
        If the text is not JSON, would take more memory than honest results of this size, or has lists whose lengths
        contradict each other.
    """
    memory = max(_MEMORY, 4 * len(content))
    check_cost(content, memory, numbers=False)
    lengths: list[int] = []

    def squeezed(found: re.Match[bytes]) -> bytes:
        part = found[0]
        if part.startswith(b'"'):
            if len(part) > _LONGEST_TEXT:
                raise ValueError(f"a text of {len(part):,} bytes, and at most {_LONGEST_TEXT:,} are allowed")
            return part
        lengths.append(part.count(b",") + 1)
        return _ONE

    shape = bounded_json(_LIST.sub(squeezed, content), memory)
    _check_lengths(shape, lengths)
    return shape


def _check_lengths(shape: object, lengths: list[int]) -> None:
    numbers = count()
    seen: dict[str, int] = {}
    for name, one in _lists(shape, ""):
        if one != [1]:
            continue
        length = lengths[next(numbers)]
        kind = "queries" if name in _OF_QUERIES else "judgements" if name in _OF_JUDGEMENTS else ""
        if kind and seen.setdefault(kind, length) != length:
            raise ValueError(f"{name}: {length:,} values, and {seen[kind]:,} {kind} elsewhere in the file")


def _lists(value: object, name: str) -> Iterator[tuple[str, list[object]]]:
    """Yield the lists in a value, each with its key, in the order of the text."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _lists(one, key)
    elif isinstance(value, list):
        yield name, value
        for one in value:
            yield from _lists(one, name)
