"""Sizes and times in the form in which people write them."""

from __future__ import annotations

import re

from robustbench_ir.errors import OptionError

_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_size(text: str) -> int:
    """Return a number of bytes.

    Parameters
    ----------
    text : str
        Size such as ``5GB``, ``2TB``, ``500 MiB`` or ``1.5g``.

    Raises
    ------
    OptionError
        If the text is not a size.

    Examples
    --------
    >>> parse_size("512 MiB"), parse_size("1.5G")
    (536870912, 1500000000)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?|)b?\s*", text, re.IGNORECASE | re.ASCII)
    if match is None:
        raise OptionError(f"size {text!r} cannot be read; write it like 5GB or 512MiB")
    return int(float(match[1]) * _BYTES[match[2].lower()])


def parse_age(text: str) -> float:
    """Return a time in seconds.

    Parameters
    ----------
    text : str
        Time such as ``30d``, ``12h`` or ``2w``.

    Raises
    ------
    OptionError
        If the text is not a time.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d|w)\s*", text, re.ASCII)
    if match is None:
        raise OptionError(f"age {text!r} cannot be read; write it like 30d, 12h or 2w")
    return float(match[1]) * _SECONDS[match[2]]


def readable(size: int) -> str:
    """Return a number of bytes in readable form.

    Examples
    --------
    >>> readable(1_234_567)
    '1.2 MB'
    """
    for unit, width in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= width:
            return f"{size / width:.1f} {unit}"
    return f"{size} B"
