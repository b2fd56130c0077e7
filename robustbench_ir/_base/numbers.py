"""Numbers that a caller gives: whole ones and shares, checked before anything is spent on them."""

from __future__ import annotations

import math
from numbers import Real
from operator import index
from typing import SupportsIndex

from robustbench_ir.errors import OptionError


def whole_number(given: object, what: str) -> int:
    """Return a whole number.

    Parameters
    ----------
    given : object
        What the caller gave.
    what : str
        Its name in the message.

    Raises
    ------
    OptionError
        If it is none.

    Examples
    --------
    >>> whole_number(3, "budget")
    3
    """
    if isinstance(given, bool) or not isinstance(given, SupportsIndex):
        raise OptionError(f"{what} {given!r} is not a whole number; give one such as 2")
    return index(given)


def share_between(given: object, what: str) -> float:
    """Return a share that is neither nothing nor all.

    Parameters
    ----------
    given : object
        What the caller gave.
    what : str
        What it is a share of, for the message.

    Raises
    ------
    OptionError
        If it is no number, or not between 0 and 1.

    Examples
    --------
    >>> share_between(0.5, "of the questions unseen")
    0.5
    """
    share = math.nan if isinstance(given, bool) or not isinstance(given, Real) else float(given)
    if not 0 < share < 1:
        raise OptionError(f"{given!r} {what}: give a share between 0 and 1, such as 0.5")
    return share
