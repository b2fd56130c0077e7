"""Names and texts of strangers: what a submission may call itself, and the file it lies in.

Model names are ASCII, as on model hubs, so that no letter of another script can stand for a Latin one, no mark can
turn the direction of a line, and no name is a path. What still looks alike in ASCII (``l1I``, ``O0``, ``rn`` and
``m``) falls together in the skeleton, after the idea of Unicode TR39, and is refused where another name has it already.
"""

from __future__ import annotations

import re
import unicodedata

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._/+:@()-]{0,99}$"
LINK = r"^(https://[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?(/[A-Za-z0-9._~%/?#@!&+,;=:-]{0,300})?)?$"

_UNPRINTABLE = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
_ALIKE = str.maketrans({"1": "l", "i": "l", "0": "o", "5": "s"})
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # files of these names cannot be made on Windows


def printable_text(text: str) -> str:
    """Return a text as it is.

    Raises
    ------
    ValueError
        It is not NFC, or holds control characters, marks of direction or others that cannot be seen.
    """
    if unicodedata.normalize("NFC", text) != text:
        raise ValueError("text must be in Unicode's form NFC")
    for character in text:
        if unicodedata.category(character) in _UNPRINTABLE:
            raise ValueError(f"U+{ord(character):04X} cannot be seen and is not allowed")
    return text


def safe_model_name(name: str) -> str:
    """Return a model's name as it is.

    Raises
    ------
    ValueError
        It could be read as a path.
    """
    if ".." in name or "//" in name or name.endswith(("/", ".", " ")) or "  " in name:
        raise ValueError("a name has no '..', '//' or two spaces, and ends with none of '/', '.' and a space")
    return name


def slug(name: str) -> str:
    """Return a model's or task's name as a file name: lower case, ``/`` as ``--``.

    >>> slug("intfloat/multilingual-e5-small")
    'intfloat--multilingual-e5-small'
    """
    parts = (re.sub(r"[^a-z0-9._]+", "-", part.lower()).strip("-.") for part in name.split("/"))
    found = "--".join(part for part in parts if part) or "unnamed"
    return f"_{found}" if _RESERVED.match(found) else found


def skeleton(name: str) -> str:
    """Return what is left of a name when characters that look alike are one, and signs between letters are none.

    >>> skeleton("intfloat/e5-small") == skeleton("lntf1oat_E5.smaII")
    True
    """
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return letters.translate(_ALIKE).replace("rn", "m").replace("vv", "w").replace("cl", "d")
