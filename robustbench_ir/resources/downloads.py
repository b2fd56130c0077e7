"""Downloaded data: from `ROBUSTBENCH_IR_DATA`, from the cache, or from the network unless that is forbidden."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath

import requests
from filelock import FileLock
from pydantic import Field, model_validator

from robustbench_ir._base.cache import CacheEntry, current_cache
from robustbench_ir._base.files import cannot_be_written, sha256_of
from robustbench_ir._base.retries import BUSY, FIRST_WAIT_SECONDS, asked_wait, session_with_retries
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.resources.cards import Card
from robustbench_ir.resources.hub import RepositoryKind, discard, download_from_hub, has_own_hash

# Download of one file: resumed after a break, checked against its hash, and visible only when it is complete.

_CHUNK_BYTES = 1 << 16  # largest loss when a connection breaks
_SHA256_DIGITS = 64
_TIMEOUT_SECONDS = 30
_TRIES = 4
"""Number of tries in a row without a new byte."""
_ACCOUNT = frozenset({401, 403})
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416

DownloadProgress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes so far and the size in bytes (None if it is unknown)."""


class _BrokenOffError(Exception):
    """The connection ended before the file was complete."""


def _record_of(target: Path) -> Path:
    """Return the file beside a download that holds its SHA-256, in the format of `sha256sum`."""
    return target.with_name(target.name + ".sha256")


def _is_whole(target: Path, sha256: str | None) -> bool:
    """Return True if a downloaded file exists and matches its hash: the given one, or the one recorded beside it."""
    expected = sha256 or _recorded(target)
    return expected is not None and target.is_file() and sha256_of(target) == expected


def _recorded(target: Path) -> str | None:
    record = _record_of(target)
    return record.read_text(encoding="utf-8")[:_SHA256_DIGITS] if record.is_file() else None


def download(url: str, target: Path, sha256: str | None, progress: DownloadProgress | None = None) -> Path:
    """Download `url` to `target`.

    Parameters
    ----------
    url : str
        http or https address.
    target : pathlib.Path
        File to write; it appears only when it is complete and correct. A partial download is kept beside it as
        ``.part``.
    sha256 : str or None
        Expected hash, 64 hexadecimal digits. If it is None, the address names a commit, which cannot change, and the
        hash of the first download is expected. The hash is stored beside the file as ``.sha256``.
    progress : callable, optional
        Called with the name, the bytes so far and the size in bytes.

    Raises
    ------
    DataUnavailableError
        If the server gives no answer, or an error.
    DataError
        If the file has another hash or the disk is full (the bytes are deleted), or if the folder cannot be written to.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(target.name + ".lock")):
            if not _is_whole(target, sha256):
                _complete(url, part, progress)
                _settle(url, part, target, sha256)
    except requests.RequestException as error:
        raise DataUnavailableError(f"{url}: {_reason(error)}") from error
    except _BrokenOffError as error:
        raise DataUnavailableError(
            f"{url}: the connection broke off after {_size(part):,} bytes; run the same command again to continue"
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            part.unlink(missing_ok=True)
        raise cannot_be_written(target, error) from error
    return target


def _settle(url: str, part: Path, target: Path, sha256: str | None) -> None:
    """Check the hash of a complete download and rename it."""
    found = sha256_of(part)
    expected = sha256 or _recorded(target) or found
    if found != expected:
        part.unlink()
        raise DataError(
            f"{url}: SHA-256 is {found}, expected {expected}; "
            f"the download was deleted, run the same command to try again"
        )
    _record_of(target).write_text(f"{found}  {target.name}\n", encoding="utf-8")
    part.replace(target)


def _complete(url: str, part: Path, progress: DownloadProgress | None) -> None:
    """Request until the whole file has arrived, continuing where the last try broke off."""
    tries = 0
    with session_with_retries(_TRIES) as session:
        while True:
            have = _size(part)
            try:
                _stream(session, url, part, progress)
                return
            except _BrokenOffError:
                tries = 1 if _size(part) > have else tries + 1
                if tries > _TRIES:
                    raise
            time.sleep(FIRST_WAIT_SECONDS * 2 ** (tries - 1))


def _stream(session: requests.Session, url: str, part: Path, progress: DownloadProgress | None) -> None:
    have = _size(part)
    range_header = {"Range": f"bytes={have}-"} if have else {}
    # "identity", since a range of a compressed answer would not be a range of the file.
    headers = {"Accept-Encoding": "identity", **range_header}
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
        span = answer.headers.get("Content-Range", "")
        if answer.status_code == _RANGE_NOT_SATISFIABLE and span == f"bytes */{have}":
            return
        answers_the_range = answer.status_code == _PARTIAL_CONTENT and span.startswith(f"bytes {have}-")
        if have and answer.status_code in {_RANGE_NOT_SATISFIABLE, _PARTIAL_CONTENT} and not answers_the_range:
            part.unlink()
            _stream(session, url, part, progress)
            return
        answer.raise_for_status()
        if not answers_the_range:
            have = 0
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with part.open("ab" if have else "wb") as stream:
            for chunk in _chunks(answer):
                stream.write(chunk)
                have += len(chunk)
                if progress:
                    progress(part.name.removesuffix(".part"), have, total)
        if total is not None and have != total:
            raise _BrokenOffError(f"{have} bytes of {total}")


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    try:
        yield from answer.iter_content(_CHUNK_BYTES)
    except requests.RequestException as error:
        raise _BrokenOffError from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: requests.RequestException) -> str:
    answer = error.response
    if answer is not None:
        wait = asked_wait(answer.headers.get("Retry-After", "")) if answer.status_code in BUSY else 0
        later = f" and asks to wait {wait:.0f} s" if wait else ""
        account = " (it may require an account)" if answer.status_code in _ACCOUNT else ""
        return f"the server answered {answer.status_code}{account}{later}"
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return "no connection to the server"
    return str(error).splitlines()[0]


DATA_VARIABLE = "ROBUSTBENCH_IR_DATA"
_OFFLINE_VARIABLE = "ROBUSTBENCH_IR_OFFLINE"
"""Environment variable; if it is not empty, nothing is downloaded."""

_offline: ContextVar[bool] = ContextVar("offline", default=False)
_SHA256 = r"^[0-9a-f]{64}$"
_REVISION = r"^[0-9a-f]{40}$"
_COMMIT_IN_URL = re.compile(r"/([0-9a-f]{40})/")
_SAFE = ("https://", "http://127.0.0.1:", "http://localhost:")


class DataFile(Card):
    """A file at an address, pinned by its hash or, if that is unknown, by its commit.

    Attributes
    ----------
    path : str
        Its path below `ROBUSTBENCH_IR_DATA` and below the cache.
    url : str
        Address; it contains the revision.
    sha256 : str, optional
        64 hexadecimal digits. It may be missing if `url` contains the full name of a git commit, 40 hexadecimal digits,
        since the content of a commit cannot change. Then only the server guarantees the content, so that the address
        must be https.
    """

    path: str = Field(pattern=r"^[\w\-]+(/[\w\-][\w\-.]*)+$")
    url: str = Field(pattern=r"^https?://")
    sha256: str | None = Field(default=None, pattern=_SHA256)

    @model_validator(mode="after")
    def _is_pinned(self) -> DataFile:
        if self.sha256 is None and self.revision is None:
            raise ValueError("sha256 is missing, and the url names no commit (.../<40 hexadecimal digits>/...)")
        if self.sha256 is None and not self.url.startswith(_SAFE):
            raise ValueError("sha256 is missing, and the url is not https, so the file cannot be verified")
        return self

    @property
    def revision(self) -> str | None:
        """The commit that the address names, or None."""
        found = _COMMIT_IN_URL.search(self.url)
        return found[1] if found else None


class HubFile(Card):
    """A file on the Hugging Face hub, pinned by its commit.

    Attributes
    ----------
    repository : str
        Name such as ``miracl/miracl``.
    revision : str
        The full name of the commit, 40 hexadecimal digits.
    file : str
        Its path in the repository.
    sha256 : str, optional
        64 hexadecimal digits. It may be missing, since the hub gives the hash of each file of a commit.
    kind : {"dataset", "model"}
        Kind of the repository.
    """

    repository: str = Field(pattern=r"^[\w\-]+/[\w\-.]+$")
    revision: str = Field(pattern=_REVISION)
    file: str = Field(pattern=r"^[\w\-][\w\-.]*(/[\w\-][\w\-.]*)*$")
    sha256: str | None = Field(default=None, pattern=_SHA256)
    kind: RepositoryKind = "dataset"

    @property
    def path(self) -> str:
        """Its path below `ROBUSTBENCH_IR_DATA`."""
        if self.kind == "model":
            return f"models/{self.repository}/{self.revision}/{self.file}"
        return f"{self.repository}/{self.file}"


def locate(file: DataFile | HubFile, progress: DownloadProgress | None = None) -> Path:
    """Return the path of a pinned file, after downloading it if necessary.

    Parameters
    ----------
    file : DataFile or HubFile
        The file.
    progress : callable, optional
        Called with the name, the bytes so far and the size in bytes.

    Raises
    ------
    DataError
        If the file in `ROBUSTBENCH_IR_DATA` has another hash.
    DataUnavailableError
        If it is missing and cannot be downloaded; the message names the file and the two ways to get it.
    """
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        mine = Path(folder).expanduser() / file.path
        if mine.is_file():
            # If the hash is unknown, the user's own copy is used as it is.
            if file.sha256 is not None and sha256_of(mine) != file.sha256:
                source = file.url if isinstance(file, DataFile) else f"{file.repository} on the hub"
                raise DataError(f"{mine}: SHA-256 is not {file.sha256}; put the file from {source} there")
            return mine
    try:
        return _from_hub(file, progress) if isinstance(file, HubFile) else _from_address(file, progress)
    except DataUnavailableError as error:
        raise DataUnavailableError(
            f"{file.path} is not on this machine ({error}); connect to the network, "
            f"or set {DATA_VARIABLE} to a folder that holds {file.path}"
        ) from error


def _from_address(file: DataFile, progress: DownloadProgress | None) -> Path:
    # Without a hash, each revision has a file of its own.
    cached = _downloads() / ("" if file.sha256 else file.revision or "") / file.path
    if _is_whole(cached, file.sha256):
        return cached
    if is_offline():
        raise DataUnavailableError("the network must not be used")
    return download(file.url, cached, file.sha256, progress)


def _from_hub(file: HubFile, progress: DownloadProgress | None) -> Path:
    name = PurePosixPath(file.file).name
    if progress:
        progress(name, 0, None)
    path = download_from_hub(
        file.repository,
        file.revision,
        file.file,
        kind=file.kind,
        sha256=file.sha256,
        folder=_downloads() / "hub",
        offline=is_offline(),
    )
    if progress:
        size = path.stat().st_size
        progress(name, size, size)
    return path


def is_offline() -> bool:
    """Return True if nothing may be downloaded: by `ROBUSTBENCH_IR_OFFLINE`, or within `without_network`."""
    return _offline.get() or bool(os.environ.get(_OFFLINE_VARIABLE))


@contextmanager
def without_network() -> Iterator[None]:
    """Download nothing inside the context, in this thread: neither data nor models of the hub."""
    token = _offline.set(True)
    try:
        yield
    finally:
        _offline.reset(token)


def damaged_file(path: Path, fault: str) -> DataError:
    """Return the error for a data file that cannot be read; a download is deleted, so that it is made again.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    fault : str
        Its fault.
    """
    if not path.is_relative_to(_downloads()):
        return DataError(f"{path}: {fault}; put a whole copy there")
    discard(path)
    _record_of(path).unlink(missing_ok=True)
    return DataError(f"{path}: {fault}; it was deleted, run the same command again to download it")


def damaged_downloads(listed: Iterable[CacheEntry]) -> list[CacheEntry]:
    """Return the downloads that do not match the hash that was stored with them."""
    return [entry for entry in listed if not _is_as_downloaded(entry.files[0])]


def _is_as_downloaded(path: Path) -> bool:
    return _is_whole(path, None) if _record_of(path).is_file() else has_own_hash(path)


def _downloads() -> Path:
    return current_cache().of("downloads")
