"""Files that are complete or absent: written under a temporary name, then renamed; some have a checksum."""

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

_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")  # the names that `opened_whole` uses
_WRITING_SECONDS = 3600
_CHECKSUM_BYTES = 65  # 64 hexadecimal digits and a line feed


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically; see `opened_whole`.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    content : bytes
        Its content.
    """
    with opened_whole(path) as stream:
        stream.write(content)


@contextmanager
def opened_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file for atomic writing: readers see the old content or the new one, never a part of it.

    Raises
    ------
    ResultError
        If the disk is full, or the folder cannot be written to; no file is left behind.
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
            f"{path}: cannot be written ({error.strerror or error}); free some space or name another path, "
            f"then run the same command again: finished work is kept"
        ) from error
    except BaseException:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise


def abandoned(folder: Path) -> Iterator[Path]:
    """Yield temporary files of killed processes: those that were not changed for an hour.

    A running process renames its temporary files within moments.
    """
    for path in folder.rglob(".*"):
        with suppress(FileNotFoundError):  # it has just been finished
            if _TEMPORARY.fullmatch(path.name) and time.time() - path.stat().st_mtime > _WRITING_SECONDS:
                yield path


def check_writable(path: Path) -> None:
    """Check, before hours of work, that a file can be written.

    Raises
    ------
    ResultError
        If the path is a folder, or if its folder cannot be created or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ResultError(f"{path}: cannot be written ({error.strerror or error}); name another path") from error
    if path.is_dir():
        raise ResultError(f"{path}: is a folder; name a file")


def write_checked(path: Path, content: bytes) -> None:
    """Write a file with its checksum in front; see `write_whole`.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    content : bytes
        Its content, without the checksum.
    """
    write_whole(path, sha256(content).hexdigest().encode() + b"\n" + content)


def read_checked(path: Path) -> bytes | None:
    """Return the content of a file of `write_checked`; None if it is missing or does not match its checksum."""
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
    """Return the error for a download that cannot be stored.

    Parameters
    ----------
    path : pathlib.Path
        File that was to be written.
    error : OSError
        The reason.
    """
    return DataError(
        f"{path}: cannot be written ({error.strerror or error}); "
        f"free some space, or name another folder by ROBUSTBENCH_IR_CACHE"
    )
