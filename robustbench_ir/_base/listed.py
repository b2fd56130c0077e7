"""A string where a list is meant: whoever asks for one recipe or one language should not have to write a list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

_Item = TypeVar("_Item")


def listed(given: str | Iterable[_Item]) -> tuple[_Item | str, ...]:
    """Return the items of a list, or those of a string, which are between commas.

    Parameters
    ----------
    given : str or iterable
        A list, or a string such as ``"en,sw"``.

    Examples
    --------
    >>> listed("en, sw"), listed(["typo"])
    (('en', 'sw'), ('typo',))
    """
    if isinstance(given, str):
        return tuple(part for one in given.split(",") if (part := one.strip()))
    return tuple(given)
