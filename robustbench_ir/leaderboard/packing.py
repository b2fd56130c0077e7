"""Whole numbers as compact text: little-endian 32-bit numbers, byte planes one after another, xz, base64.

What comes out has exactly the length that was asked for, so that a few bytes cannot ask for gigabytes. Numbers that are
small have planes of zeros, which take no space; repeated rows, such as the ranks of unchanged queries, take little.
"""

from __future__ import annotations

import lzma
from base64 import b64decode, b64encode
from binascii import Error
from functools import lru_cache

import numpy as np

from robustbench_ir.metrics.measures import Integers
from robustbench_ir.tasks.task import IntArray

_BYTES = 4
_MEMORY = 64 << 20


def packed(numbers: Integers) -> str:
    """Return numbers as text.

    Parameters
    ----------
    numbers : integer array of any shape
        0 to 2^31 - 1, in C order.
    """
    flat = np.ascontiguousarray(numbers, dtype="<u4").ravel()
    planes = flat.view(np.uint8).reshape(-1, _BYTES).T.tobytes()
    return b64encode(lzma.compress(planes, check=lzma.CHECK_CRC32)).decode()


@lru_cache(maxsize=8)  # what one entry has: each of its checks reads it
def unpacked(text: str, count: int) -> IntArray:
    """Return the numbers that `packed` has written.

    Parameters
    ----------
    text : str
        Text from an unknown author.
    count : int
        Number of numbers that there must be.

    Returns
    -------
    int32 array of shape (count,)
        It cannot be written to.

    Raises
    ------
    ValueError
        If the text is not such numbers, or if there are more or fewer of them.
    """
    reader = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
    try:
        planes = reader.decompress(b64decode(text, validate=True), max_length=_BYTES * count + 1)
    except (lzma.LZMAError, Error, EOFError) as error:
        raise ValueError(f"not packed numbers ({error})") from error
    if len(planes) != _BYTES * count or not reader.eof or reader.unused_data:
        raise ValueError(f"not {count} packed numbers")
    numbers: IntArray = np.frombuffer(planes, dtype=np.uint8).reshape(_BYTES, count).T.copy().view("<i4").ravel()
    if count and numbers.min() < 0:
        raise ValueError("a number of 2^31 or more")
    numbers.flags.writeable = False
    return numbers
