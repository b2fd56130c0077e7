"""Files that are whole or not there: written beside and renamed, with a checksum where they are read again unseen."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from robustbench_ir.errors import DataError, ResultError

_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")  # as `opened_whole` has them named
_WRITING_SECONDS = 3600
_CHECKSUM_BYTES = 65  # 64 hexadecimal digits and a line feed


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once; see `opened_whole`."""
    with opened_whole(path) as stream:
        stream.write(content)


@contextmanager
def opened_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write: readers see the old one or the new one, never half of it.

    Raises
    ------
    ResultError
        The disk is full, or the folder cannot be written to; nothing is left behind.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ResultError(
            f"{path}: cannot be written ({error.strerror or error}); free some space or name another place, "
            f"then run the same command again: finished work is kept"
        ) from error
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


def abandoned(folder: Path) -> Iterator[Path]:
    """Find what processes that were killed had begun to write: files that no process has touched for an hour.

    A process that lives writes on: it renames what it has finished within moments.
    """
    for path in folder.rglob(".*"):
        with suppress(FileNotFoundError):  # finished just now
            if _TEMPORARY.fullmatch(path.name) and time.time() - path.stat().st_mtime > _WRITING_SECONDS:
                yield path


def check_writable(path: Path) -> None:
    """See to it before hours of work that a file can be written there.

    Raises
    ------
    ResultError
        It is a folder, or its folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ResultError(f"{path}: cannot be written ({error.strerror or error}); name another place") from error
    if path.is_dir():
        raise ResultError(f"{path}: is a folder; name a file")


def write_checked(path: Path, content: bytes) -> None:
    """Write a file with its checksum in front; see `write_whole`."""
    write_whole(path, sha256(content).hexdigest().encode() + b"\n" + content)


def read_checked(path: Path) -> bytes | None:
    """Read a file written by `write_checked`; None if it is not there or not what was written."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    checksum, content = raw[: _CHECKSUM_BYTES - 1], raw[_CHECKSUM_BYTES:]
    return content if sha256(content).hexdigest().encode() == checksum else None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cannot_be_written(path: Path, error: OSError) -> DataError:
    """Return the error for a download that has no room, or no permission, to be kept."""
    return DataError(
        f"{path}: cannot be written ({error.strerror or error}); "
        f"free some space, or name another folder by ROBUSTBENCH_IR_CACHE"
    )
