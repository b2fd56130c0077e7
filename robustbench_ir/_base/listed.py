"""Lists: a string where one is meant, since whoever asks for one recipe should not write a list; and one in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from robustbench_ir.errors import OptionError

_Item = TypeVar("_Item")


def listed(given: str | Iterable[_Item]) -> tuple[_Item | str, ...]:
    """Return the items of a list, or those of a string, which are between commas.

    Parameters
    ----------
    given : str or iterable
        A list, or a string such as ``"en,sw"``.

    Raises
    ------
    OptionError
        If it is neither.

    Examples
    --------
    >>> listed("en, sw"), listed(["typo"])
    (('en', 'sw'), ('typo',))
    """
    if isinstance(given, str):
        return tuple(part for one in given.split(",") if (part := one.strip()))
    if not isinstance(given, Iterable):
        raise OptionError(f"{given!r} is no list; give names, such as ['en', 'sw'] or 'en,sw'")
    return tuple(given)


def in_words(names: Sequence[str]) -> str:
    """Return names as a sentence has them; empty for none.

    Parameters
    ----------
    names : sequence of str
        The names.

    Examples
    --------
    >>> in_words(["typo"]), in_words(["typo", "synonym", "slip"])
    ('typo', 'typo, synonym and slip')
    """
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
