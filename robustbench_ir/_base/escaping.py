"""Percent-encoding, so that names can contain the signs that separate parts of an identity."""

from __future__ import annotations

import re
from functools import cache

_IDENTITY_SIGNS = "%|~(),+@=>"
"""Signs with a meaning in identities; they are escaped in the names of encoders, recipes and tasks."""

_ESCAPE = re.compile(r"%([0-9A-F]{2})")


def escaped(text: str, reserved: str = _IDENTITY_SIGNS) -> str:
    """Return text with reserved signs and control characters as ``%`` and their code in two hexadecimal digits.

    Parameters
    ----------
    text : str
        Any text.
    reserved : str
        ASCII characters to escape; ``%`` must be one of them.

    Examples
    --------
    >>> escaped("model(v2)")
    'model%28v2%29'
    """
    return _pattern(reserved).sub(lambda sign: f"%{ord(sign[0]):02X}", text)


def unescaped(text: str) -> str:
    """Return the text that was escaped, whatever the reserved signs were.

    >>> unescaped("model%28v2%29")
    'model(v2)'
    """
    return _ESCAPE.sub(lambda code: chr(int(code[1], 16)), text)


@cache
def _pattern(reserved: str) -> re.Pattern[str]:
    return re.compile(rf"[{re.escape(reserved)}\x00-\x1f\x7f]")
