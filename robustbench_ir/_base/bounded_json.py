r"""JSON of unknown authors: read only if it can be read in little memory, and only if it says one thing.

A text of 64 MiB can hold five million keys, which take gigabytes once they are read. How many keys, lists, texts and
numbers a text has at most, the number of its colons, brackets, quotation marks and commas tells in a tenth of a second.
"""

from __future__ import annotations

import codecs
import gc
import json
import re

# Bytes that Python takes for each; measured with 64 MiB of nothing else.
_COST = {b":": 160, b"[": 72, b"{": 240, b'"': 36, b",": 44}
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_MOST_BEYOND_ASCII = 1 << 20
_MOST_KEYS = 10_000
_LARGEST_BEYOND_ASCII = 32 << 20
_ESCAPES = "robustbench_ir.escapes_of_json"


def bounded_json(content: bytes, memory: int) -> object:
    """Read JSON in which no key occurs twice and every number is finite.

    Parameters
    ----------
    content : bytes
        JSON text in UTF-8.
    memory : int
        Bytes that its keys, lists, texts and numbers may take, beside the text itself.

    Raises
    ------
    ValueError
        If the text is not such JSON, or too much of it.
    """
    check_cost(content, memory)
    was_on = gc.isenabled()
    gc.disable()  # it would look for garbage among a million new lists, again and again
    try:
        return json.loads(_as_ascii(content), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    finally:
        if was_on:
            gc.enable()


def check_cost(content: bytes, memory: int, *, numbers: bool = True) -> None:
    """Refuse a text that would take more memory than this.

    Parameters
    ----------
    content, memory
        See `bounded_json`.
    numbers : bool
        Whether what stands between commas is counted.

    Raises
    ------
    ValueError
        If it would.
    """
    needed = sum(cost * content.count(sign) for sign, cost in _COST.items() if numbers or sign != b",")
    if needed > memory:
        raise ValueError(
            f"too many keys, lists, texts or numbers: they would take {needed >> 20} MiB of memory, and at most "
            f"{memory >> 20} MiB are allowed"
        )


def _as_ascii(content: bytes) -> str:
    """Return the same JSON in ASCII: one letter of another script makes Python take four bytes for every character."""
    if not content.isascii() and len(content) > _LARGEST_BEYOND_ASCII:
        raise ValueError(f"letters that are not ASCII in a text of {len(content) >> 20} MiB; write them as \\u escapes")
    if not content.isascii() and len(content.translate(None, bytes(range(128)))) > _MOST_BEYOND_ASCII:
        raise ValueError("more than a million bytes of letters that are not ASCII")
    return content.decode("ascii", errors=_ESCAPES)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Return escapes of JSON for letters that are not ASCII, and where they end."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    found = _BEYOND_ASCII.match(error.object, error.start)
    if found is None:
        raise error
    return json.dumps(found[0].decode("utf-8"))[1:-1], found.end()


codecs.register_error(_ESCAPES, _escaped)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(pairs) > _MOST_KEYS:
        raise ValueError(f"an object of {len(pairs):,} keys, and at most {_MOST_KEYS:,} are allowed")
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {twice!r} occurs twice")
    return table


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number of JSON")
