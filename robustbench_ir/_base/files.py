"""Files that are complete or absent: written under a temporary name, then renamed; some have a checksum.

A temporary file is locked while it is written, and the lock ends with the process, so that what a killed process has
left can be distinguished from what another one is writing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from robustbench_ir.errors import DataError, ResultError

_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")  # the names that `opened_whole` uses
_WRITING_SECONDS = 60
_CHECKSUM_BYTES = 65  # 64 hexadecimal digits and a line feed


_ALIKE = 0.75


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


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files, of which a failure changes none; see `opened_whole`.

    All are written to the disk under temporary names before the first is renamed. So a full disk changes nothing; only
    a process that is killed between two renames leaves some files old and some new, all of them whole.

    Parameters
    ----------
    contents : mapping of pathlib.Path to bytes
        Each file with its content.

    Raises
    ------
    ResultError
        If one of them cannot be written.
    """
    with ExitStack() as drafts:
        for path, content in contents.items():
            stream = drafts.enter_context(opened_whole(path))
            try:
                stream.write(content)
                _settle(stream)
            except OSError as error:  # the contexts of the files before this one would name those instead
                raise _not_written(path, error) from error


@contextmanager
def opened_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file for atomic writing: readers see the old content or the new one, never a part of it.

    A symbolic link stays, and the file that it names is written. A device, a pipe and the output of this process are
    written straight. A file keeps its permissions; a new one has those of the umask. What killed processes have left of
    earlier tries to write this file is removed.

    Parameters
    ----------
    path : pathlib.Path
        File to write.

    Yields
    ------
    binary stream
        What is written to it becomes the content.

    Raises
    ------
    ResultError
        If the disk is full, or the folder cannot be written to; no file is left behind.
    """
    try:
        with _opened_stream(path) if is_stream(path) else _opened_draft(Path(os.path.realpath(path))) as stream:
            yield stream
    except OSError as error:
        raise _not_written(path, error) from error


def folder_like(name: str) -> str | None:
    """Return the folder of the working directory that a name may mean, as it must be written: ``./shop``.

    Parameters
    ----------
    name : str
        What was given where a folder needs a slash; the folder of this name is meant, or else the nearest one.
    """
    if not name or name.startswith(".") or "/" in name or "\\" in name:
        return None
    try:
        there = [one.name for one in Path().iterdir() if one.is_dir() and not one.name.startswith(".")]
    except OSError:
        return None
    found = [name] if name in there else get_close_matches(name, there, n=1, cutoff=_ALIKE)
    return f"./{found[0]}" if found else None


def is_stream(path: Path) -> bool:
    """Return True if a path names a device, a pipe or the output of this process, which have no content to replace."""
    try:
        there = path.stat()
    except OSError:
        return False
    return not (stat.S_ISREG(there.st_mode) or stat.S_ISDIR(there.st_mode)) or _own_output(there) is not None


def _own_output(there: os.stat_result) -> int | None:
    """Return the descriptor of standard output or standard error, if a file is one of them."""
    for descriptor in (1, 2):
        with suppress(OSError):  # it is closed
            if os.path.samestat(there, os.fstat(descriptor)):
                return descriptor
    return None


@contextmanager
def _opened_stream(path: Path) -> Iterator[BinaryIO]:
    own = _own_output(path.stat())
    if own is not None:  # opened by its name, a file would be written from its beginning
        sys.stdout.flush()
        sys.stderr.flush()
    with path.open("wb") if own is None else os.fdopen(os.dup(own), "wb") as stream:
        yield stream


@contextmanager
def _opened_draft(target: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside the target, and rename it at the end if there was no error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    before = _state(target)
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    _sweep_drafts_of(target)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(draft, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            _lock(descriptor)
            yield stream
            _settle(stream)
        if before is not None:
            draft.chmod(stat.S_IMODE(before.st_mode))
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _state(path: Path) -> os.stat_result | None:
    """Return what a path names; None if that does not exist. Links that lead in a circle are an OSError."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _settle(stream: BinaryIO) -> None:
    """Have the disk take all that was written; pipes and terminals know no such thing."""
    stream.flush()
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        os.fsync(stream.fileno())


def _lock(descriptor: int) -> bool:
    """Lock a file until it is closed; return False if another process has locked it, or the disk has no locks."""
    try:
        import fcntl
    except ImportError:  # Windows, where an open file cannot be removed in any case
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _not_written(path: Path, error: OSError) -> ResultError:
    return ResultError(
        f"{path}: cannot be written ({error.strerror or error}); free some space or name another path, "
        f"then run the same command again: finished work is kept"
    )


def is_draft(path: Path) -> bool:
    """Return True if a file has the name of a temporary file, so that it has no content that counts."""
    return bool(_TEMPORARY.fullmatch(path.name))


def abandoned(folder: Path) -> Iterator[Path]:
    """Yield temporary files of killed processes: those that no process has locked and that are older than a minute.

    Parameters
    ----------
    folder : pathlib.Path
        A folder of this package's own files; it is searched with all folders in it.
    """
    for path in folder.rglob(".*"):
        if is_draft(path) and _is_abandoned(path):
            yield path


def sweep(folder: Path) -> None:
    """Remove what killed processes have left in a folder of this package's own files; see `abandoned`."""
    for path in abandoned(folder):
        with suppress(OSError):  # another process removes it too, or the folder is read-only
            path.unlink()


def _sweep_drafts_of(target: Path) -> None:
    """Remove what killed processes have left of one file, in a folder that may have files of others."""
    before = f".{target.name}."
    for one in os.scandir(target.parent):
        path = Path(one.path)
        if one.name.startswith(before) and is_draft(path) and _is_abandoned(path):
            with suppress(OSError):
                path.unlink()


def _is_abandoned(path: Path) -> bool:
    try:
        there = path.lstat()
        if not stat.S_ISREG(there.st_mode) or time.time() - there.st_mtime < _WRITING_SECONDS:
            return False
        with path.open("rb") as stream:
            return _lock(stream.fileno())
    except OSError:  # it has just been finished
        return False


def refuse_links(path: Path, folder: Path) -> None:
    """Refuse to write through a link in a folder that unknown authors add files to.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    folder : pathlib.Path
        The folder; it may be a link itself, but nothing from it to the file may.

    Raises
    ------
    ResultError
        If the file, or a folder on the way to it, is a symbolic link or no regular file.
    """
    for one in (path, *path.parents):
        if one == folder:
            break
        if one.is_symlink() or (one.exists() and not (one.is_dir() or one.is_file())):
            raise ResultError(f"{one}: is a link or a device, which may lead out of {folder}; remove it")


def check_writable(path: Path) -> None:
    """Check, before hours of work, that a file can be written.

    Parameters
    ----------
    path : pathlib.Path
        File that will be written.

    Raises
    ------
    ResultError
        If the path is a folder, or if its folder cannot be created or written to.
    """
    try:
        if is_stream(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
        there = _state(path)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written ({error.strerror or error}); name another path") from error
    if there is not None and stat.S_ISDIR(there.st_mode):
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
