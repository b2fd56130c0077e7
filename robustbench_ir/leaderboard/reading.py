"""Read files from unknown authors safely: of limited size, plain files only, JSON without repeated keys."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from robustbench_ir._base.bounded_json import bounded_json
from robustbench_ir._base.plain_files import plain_bytes
from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard.schema import FORMATS, Entry, RanksEntry
from robustbench_ir.resources.cards import brief, first_fault

_MAX_BYTES = 64 << 20
_MEMORY = 256 << 20
"""Of keys, lists, texts and numbers: 6 million numbers, fifteen times those of the largest entry so far."""


def read_entry(path: Path) -> Entry:
    """Read a submission.

    Raises
    ------
    ResultError
        If the file is not a plain file, is larger than 64 MiB, is not JSON, repeats a key, contains NaN or Infinity, or
        does not fit the schema.
    """
    return entry_from_json(plain_bytes(path, _MAX_BYTES, "a submission"), str(path))


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
        raise ResultError(f"{where}: {first_fault(error)}") from error
    except RecursionError as error:
        raise ResultError(f"{where}: nested too deep to be a submission") from error
    except ValueError as error:
        raise ResultError(f"{where}: not a submission: {brief(str(error))}") from error


def json_of(content: bytes) -> object:
    """Read JSON of an unknown author; see `robustbench_ir._base.bounded_json` for what is refused.

    Raises
    ------
    ValueError
        If the text is not such JSON.
    """
    return bounded_json(content, _MEMORY)
