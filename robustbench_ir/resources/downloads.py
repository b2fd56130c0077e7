"""Where downloaded data lies: `ROBUSTBENCH_IR_DATA` first, then the cache, then the network unless it is forbidden."""

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

# Download one file: resumed where it broke off, checked against its pin, never half there.

_CHUNK_BYTES = 1 << 16  # what is lost at most when a connection breaks
_SHA256_DIGITS = 64
_TIMEOUT_SECONDS = 30
_TRIES = 4
"""In a row without a new byte; a try that brought something starts the count again."""
_ACCOUNT = frozenset({401, 403})
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416

DownloadProgress = Callable[[str, int, int | None], None]
"""Called with the file's name, bytes so far and bytes in all (None if the server does not say)."""


class _BrokenOffError(Exception):
    """A connection that ended within the file."""


def _record_of(target: Path) -> Path:
    """Return the file beside a download that holds its SHA-256, in the format of `sha256sum`."""
    return target.with_name(target.name + ".sha256")


def _is_whole(target: Path, sha256: str | None) -> bool:
    """Return True if a downloaded file is there and what it was: by its pin, or else by the record beside it."""
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
        Where it goes; appears only when whole and right. What came before a break is kept beside it as ``.part``.
    sha256 : str or None
        Expected hash, 64 hexadecimal digits. None: the address names a commit, which cannot change; then it is that of
        the first download. The hash is kept beside the file as ``.sha256``.
    progress : callable, optional
        Called with the name, the bytes so far and the bytes in all.

    Raises
    ------
    DataUnavailableError
        No answer, or an error answer, from the server.
    DataError
        The bytes that came have another hash (they are thrown away), the disk is full (likewise), or the folder
        cannot be written to.
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
            f"{url}: the connection broke off after {_size(part):,} bytes; run the same command again, it goes on there"
        ) from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            part.unlink(missing_ok=True)
        raise cannot_be_written(target, error) from error
    return target


def _settle(url: str, part: Path, target: Path, sha256: str | None) -> None:
    """Check what came and put it in its place."""
    found = sha256_of(part)
    expected = sha256 or _recorded(target) or found
    if found != expected:
        part.unlink()
        raise DataError(
            f"{url}: SHA-256 is {found}, expected {expected}; "
            f"the download was thrown away, run the same command to try again"
        )
    _record_of(target).write_text(f"{found}  {target.name}\n", encoding="utf-8")
    part.replace(target)


def _complete(url: str, part: Path, progress: DownloadProgress | None) -> None:
    """Ask until the whole file is there, going on where the last try broke off."""
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
    wanted_range = {"Range": f"bytes={have}-"} if have else {}
    # "identity": a range of a compressed answer would not be a range of the file.
    headers = {"Accept-Encoding": "identity", **wanted_range}
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
        account = " (it may want an account)" if answer.status_code in _ACCOUNT else ""
        return f"the server answered {answer.status_code}{account}{later}"
    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return "no connection to the server"
    return str(error).splitlines()[0]


DATA_VARIABLE = "ROBUSTBENCH_IR_DATA"
_OFFLINE_VARIABLE = "ROBUSTBENCH_IR_OFFLINE"
"""Not empty: nothing is downloaded."""

_offline: ContextVar[bool] = ContextVar("offline", default=False)
_SHA256 = r"^[0-9a-f]{64}$"
_REVISION = r"^[0-9a-f]{40}$"
_COMMIT_IN_URL = re.compile(r"/([0-9a-f]{40})/")
_SAFE = ("https://", "http://127.0.0.1:", "http://localhost:")


class DataFile(Card):
    """One file of other people's data at an address: pinned by its hash or, where that is unknown, by its commit.

    Attributes
    ----------
    path : str
        Its place below `ROBUSTBENCH_IR_DATA` and below the cache.
    url : str
        Where it is downloaded from; the revision is part of it.
    sha256 : str, optional
        64 hexadecimal digits. It may be missing where `url` holds the full name of a git commit, 40 hexadecimal digits:
        what a commit holds cannot change. Only the server vouches for it then, so that the address is https.
    """

    path: str = Field(pattern=r"^[\w\-]+(/[\w\-][\w\-.]*)+$")
    url: str = Field(pattern=r"^https?://")
    sha256: str | None = Field(default=None, pattern=_SHA256)

    @model_validator(mode="after")
    def _is_pinned(self) -> DataFile:
        if self.sha256 is None and self.revision is None:
            raise ValueError("sha256 is missing, and the url names no commit (.../<40 hexadecimal digits>/...)")
        if self.sha256 is None and not self.url.startswith(_SAFE):
            raise ValueError("sha256 is missing, and the url is not https, so nothing would vouch for the file")
        return self

    @property
    def revision(self) -> str | None:
        """The commit that the address names, if it does."""
        found = _COMMIT_IN_URL.search(self.url)
        return found[1] if found else None


class HubFile(Card):
    """One file on the Hugging Face hub, pinned by its commit.

    Attributes
    ----------
    repository : str
        Such as ``miracl/miracl``.
    revision : str
        The full name of the commit, 40 hexadecimal digits.
    file : str
        Its path in the repository.
    sha256 : str, optional
        64 hexadecimal digits. It may be missing: the hub says the hash of each file of a commit.
    kind : {"dataset", "model"}
        What the repository holds.
    """

    repository: str = Field(pattern=r"^[\w\-]+/[\w\-.]+$")
    revision: str = Field(pattern=_REVISION)
    file: str = Field(pattern=r"^[\w\-][\w\-.]*(/[\w\-][\w\-.]*)*$")
    sha256: str | None = Field(default=None, pattern=_SHA256)
    kind: RepositoryKind = "dataset"

    @property
    def path(self) -> str:
        """Its place below `ROBUSTBENCH_IR_DATA`."""
        if self.kind == "model":
            return f"models/{self.repository}/{self.revision}/{self.file}"
        return f"{self.repository}/{self.file}"


def locate(file: DataFile | HubFile, progress: DownloadProgress | None = None) -> Path:
    """Return the path of a pinned file, downloading it if it is nowhere.

    Raises
    ------
    DataError
        The file in `ROBUSTBENCH_IR_DATA` has another hash.
    DataUnavailableError
        It is nowhere and cannot be downloaded; the message says which file and the two ways out.
    """
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        mine = Path(folder).expanduser() / file.path
        if mine.is_file():
            # Where the hash is unknown, the user's own copy is taken as it is.
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
    # Without a hash, another revision must be another file.
    cached = _downloads() / ("" if file.sha256 else file.revision or "") / file.path
    if _is_whole(cached, file.sha256):
        return cached
    if is_offline():
        raise DataUnavailableError("the network is not to be asked")
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
    """Download nothing while this lasts, in this thread: neither data nor models of the hub."""
    token = _offline.set(True)
    try:
        yield
    finally:
        _offline.reset(token)


def damaged_file(path: Path, fault: str) -> DataError:
    """Return the error for a data file that cannot be read; a download of ours is thrown away, so that it comes anew.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    fault : str
        What is wrong with it.
    """
    if not path.is_relative_to(_downloads()):
        return DataError(f"{path}: {fault}; put a whole copy there")
    discard(path)
    _record_of(path).unlink(missing_ok=True)
    return DataError(f"{path}: {fault}; it was thrown away, run the same command again to download it anew")


def damaged_downloads(listed: Iterable[CacheEntry]) -> list[CacheEntry]:
    """Return the downloads that have another hash than the one that was kept with them."""
    return [entry for entry in listed if not _is_as_downloaded(entry.files[0])]


def _is_as_downloaded(path: Path) -> bool:
    return _is_whole(path, None) if _record_of(path).is_file() else has_own_hash(path)


def _downloads() -> Path:
    return current_cache().of("downloads")
