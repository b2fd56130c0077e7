"""Names and texts in submissions: which model names are allowed, and the file name that a model gets.

Model names are ASCII, as on model hubs. So no letter of another script can look like a Latin one, no control character
can turn the direction of a line, and no name is a path. Characters that look alike even in ASCII (``l1I``, ``O0``,
``rn`` and ``m``) become equal in the skeleton of a name, after the idea of Unicode TR39. A name is refused if another
model has the same skeleton.
"""

from __future__ import annotations

import re
import unicodedata

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._/+:@()-]{0,99}$"
LINK = r"^(https://[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?(/[A-Za-z0-9._~%/?#@!&+,;=:-]{0,300})?)?$"

_UNPRINTABLE = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}
_ALIKE = str.maketrans({"1": "l", "i": "l", "0": "o", "5": "s"})
# Of a path that begins with a slash, a dot, a tilde or a drive, behind the names of defences; never of an address.
_FOLDERS = re.compile(
    r"(?:[\w+-]{2,}:)*(?P<folders>(?:[A-Za-z]:)?(?:[~.]{0,2}[/\\](?![/\\]))(?:[^/\\]*[/\\])*)(?=[^/\\])"
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)")  # files of these names cannot be made on Windows


def printable_text(text: str) -> str:
    """Return a text unchanged.

    Raises
    ------
    ValueError
        If it is not NFC, or contains control characters, direction marks or other invisible characters.
    """
    if unicodedata.normalize("NFC", text) != text:
        raise ValueError("text must be in Unicode normalisation form C")
    for character in text:
        if unicodedata.category(character) in _UNPRINTABLE:
            raise ValueError(f"U+{ord(character):04X} is invisible and not allowed")
    return text


def safe_model_name(name: str) -> str:
    """Return the name of a model unchanged.

    Raises
    ------
    ValueError
        If it could be read as a path.
    """
    if ".." in name or "//" in name or name.endswith(("/", ".", " ")) or "  " in name:
        raise ValueError("a name must not contain '..', '//' or two spaces, nor end with '/', '.' or a space")
    return name


def without_folders(encoder: str) -> str:
    """Return the name of an encoder without the folders of the machine where it was run.

    Parameters
    ----------
    encoder : str
        What `--model` was given, with the defences before it.

    Examples
    --------
    >>> without_folders("normalised:spelling:/home/me/models/mine")
    'normalised:spelling:mine'
    >>> without_folders("intfloat/multilingual-e5-small")
    'intfloat/multilingual-e5-small'
    """
    found = _FOLDERS.match(encoder)
    return (
        encoder if found is None else encoder[: found.start("folders")] + encoder[found.end("folders") :].rstrip("/\\")
    )


def slug(name: str) -> str:
    """Return the file name for a model or task: lower case, ``/`` as ``--``.

    >>> slug("intfloat/multilingual-e5-small")
    'intfloat--multilingual-e5-small'
    """
    parts = (re.sub(r"[^a-z0-9._]+", "-", part.lower()).strip("-.") for part in name.split("/"))
    found = "--".join(part for part in parts if part) or "unnamed"
    return f"_{found}" if _RESERVED.match(found) else found


def skeleton(name: str) -> str:
    """Return a name in which characters that look alike are equal and signs between letters are missing.

    >>> skeleton("intfloat/e5-small") == skeleton("lntf1oat_E5.smaII")
    True
    """
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return letters.translate(_ALIKE).replace("rn", "m").replace("vv", "w").replace("cl", "d")
