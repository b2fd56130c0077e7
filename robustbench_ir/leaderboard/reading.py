"""Read files from unknown authors safely: of limited size, plain files only, JSON without repeated keys."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pydantic import ValidationError

from robustbench_ir._base.bounded_json import bounded_json
from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard.schema import FORMATS, Entry, RanksEntry

_MAX_BYTES = 64 << 20
_MEMORY = 256 << 20
"""Of keys, lists, texts and numbers: 6 million numbers, fifteen times those of the largest entry so far."""

_SHOWN = 80


def read_entry(path: Path) -> Entry:
    """Read a submission.

    Raises
    ------
    ResultError
        If the file is not a plain file, is larger than 64 MiB, is not JSON, repeats a key, contains NaN or Infinity, or
        does not fit the schema.
    """
    return entry_from_json(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    try:
        # A link could lead out of the folder, and a pipe would never end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror}); name a plain file, not a link") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise ResultError(f"{path}: is not a plain file")
    with os.fdopen(descriptor, "rb") as stream:
        if found.st_size > _MAX_BYTES:
            raise ResultError(f"{path}: {found.st_size >> 20} MiB; a submission has at most {_MAX_BYTES >> 20} MiB")
        content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ResultError(f"{path}: grew beyond {_MAX_BYTES >> 20} MiB while it was read")
    return content


def entry_from_json(content: bytes, where: str) -> Entry:
    """Read a submission from its bytes; see `read_entry` for the errors.

    Parameters
    ----------
    content : bytes
        JSON text in UTF-8.
    where : str
        Name of the source, for messages.
    """
    try:
        table = json_of(content)
        version = table.get("schema_version") if isinstance(table, dict) else None
        return FORMATS.get(version if isinstance(version, int) else None, RanksEntry).model_validate(table)
    except ValidationError as error:
        raise ResultError(f"{where}: {_explained(error)}") from error
    except RecursionError as error:
        raise ResultError(f"{where}: nested too deep to be a submission") from error
    except ValueError as error:
        raise ResultError(f"{where}: not a submission: {_shown(str(error))}") from error


def json_of(content: bytes) -> object:
    """Read JSON of an unknown author; see `robustbench_ir._base.bounded_json` for what is refused.

    Raises
    ------
    ValueError
        If the text is not such JSON.
    """
    return bounded_json(content, _MEMORY)


def _explained(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(map(str, first["loc"]))
    return f"{_shown(key) or 'file'}: {_shown(first['msg'])}"


def _shown(text: str) -> str:
    """Return a text from an unknown author so that it is safe in one line of a terminal."""
    return ascii(text)[1:-1][: 2 * _SHOWN]
