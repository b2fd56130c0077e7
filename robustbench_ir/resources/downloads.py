"""Where downloaded data lies: `ROBUSTBENCH_IR_DATA` first, then the cache, then the network unless it is forbidden."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import requests
from filelock import FileLock
from pydantic import Field, model_validator

from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.resources.cards import Card

# Download one file: resumed where it broke off, checked against its pin, never half there.

_CHUNK_BYTES = 1 << 16  # what is lost at most when a connection breaks
_SHA256_DIGITS = 64
_TIMEOUT_SECONDS = 30
_BACKOFF_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 120
_TRIES = 4
"""In a row without a new byte; a try that brought something starts the count again."""
_BUSY = frozenset({429, 500, 502, 503, 504})
_BROKEN = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
_ACCOUNT = frozenset({401, 403})
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416

DownloadProgress = Callable[[str, int, int | None], None]
"""Called with the file's name, bytes so far and bytes in all (None if the server does not say)."""


@dataclass(frozen=True)
class _Told:
    """What the Hugging Face hub says about a file; None where it, or another server, says nothing."""

    sha256: str | None = None
    git_blob: str | None = None
    commit: str | None = None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def record_of(target: Path) -> Path:
    """Return the file beside a download that holds its SHA-256, in the format of `sha256sum`."""
    return target.with_name(target.name + ".sha256")


def is_whole(target: Path, sha256: str | None) -> bool:
    """Say whether a downloaded file is there and what it was: by its pin, or else by the record beside it."""
    expected = sha256 or _recorded(target)
    return expected is not None and target.is_file() and sha256_of(target) == expected


def _recorded(target: Path) -> str | None:
    record = record_of(target)
    return record.read_text(encoding="utf-8")[:_SHA256_DIGITS] if record.is_file() else None


def download(
    url: str,
    target: Path,
    sha256: str | None,
    progress: DownloadProgress | None = None,
    revision: str | None = None,
) -> Path:
    """Download `url` to `target`.

    Parameters
    ----------
    url : str
        http or https address.
    target : pathlib.Path
        Where it goes; appears only when whole and right. What came before a break is kept beside it as ``.part``.
    sha256 : str or None
        Expected hash, 64 hexadecimal digits. None: the address is pinned by its revision; the file is then checked
        against what the hub says of it, and its hash is kept beside it as ``.sha256``: a later one must be the same.
    progress : callable, optional
        Told how far it is.
    revision : str, optional
        The commit that the address names, 40 hexadecimal digits.

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
            if not is_whole(target, sha256):
                told = _complete(url, part, progress)
                _settle(url, part, target, sha256, revision, told)
    except requests.RequestException as error:
        raise DataUnavailableError(f"{url}: {_reason(error, _size(part))}") from error
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            part.unlink(missing_ok=True)
        raise DataError(
            f"{target}: cannot be written ({error.strerror or error}); "
            f"free some space, or name another folder by ROBUSTBENCH_IR_CACHE"
        ) from error
    return target


def _settle(url: str, part: Path, target: Path, sha256: str | None, revision: str | None, told: _Told) -> None:
    """Check what came and put it in its place."""
    fault = None
    found = sha256_of(part)
    expected = sha256 or told.sha256 or _recorded(target)
    if expected is not None and found != expected:
        fault = f"SHA-256 is {found}, expected {expected}"
    elif revision and told.commit and told.commit != revision:
        fault = f"the server answered with revision {told.commit}, expected {revision}"
    elif expected is None and told.git_blob and _git_blob(part) != told.git_blob:
        fault = f"the git blob is not {told.git_blob}"
    if fault:
        part.unlink()
        raise DataError(f"{url}: {fault}; the download was thrown away, run the same command to try again")
    if sha256 is None:
        record_of(target).write_text(f"{found}  {target.name}\n", encoding="utf-8")
    part.replace(target)


def _complete(url: str, part: Path, progress: DownloadProgress | None) -> _Told:
    """Ask until the whole file is there, going on where the last try broke off."""
    tries = 0
    while True:
        have = _size(part)
        try:
            return _stream(url, part, progress)
        except requests.RequestException as error:
            tries = 1 if _size(part) > have else tries + 1
            wait = _pause(error, tries)
            if wait is None:
                raise
        time.sleep(wait)


def _pause(error: requests.RequestException, tries: int) -> float | None:
    """Return the seconds to wait before asking again; None if that has no sense."""
    if tries > _TRIES:
        return None
    backoff = _BACKOFF_SECONDS * 2.0 ** (tries - 1)
    if error.response is None:
        return backoff if isinstance(error, _BROKEN) else None
    if error.response.status_code not in _BUSY:
        return None
    wanted = _wait_asked_for(error.response)
    if wanted is None:
        return backoff
    return wanted if wanted <= _LONGEST_WAIT_SECONDS else None


def _wait_asked_for(answer: requests.Response) -> int | None:
    seconds = answer.headers.get("Retry-After", "")
    return int(seconds) if re.fullmatch(r"[0-9]{1,9}", seconds) else None


def _stream(url: str, part: Path, progress: DownloadProgress | None) -> _Told:
    have = _size(part)
    wanted_range = {"Range": f"bytes={have}-"} if have else {}
    # "identity": a range of a compressed answer would not be a range of the file.
    headers = {"Accept-Encoding": "identity", **wanted_range}
    with (
        requests.Session() as session,
        session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as answer,
    ):
        span = answer.headers.get("Content-Range", "")
        if answer.status_code == _RANGE_NOT_SATISFIABLE and span == f"bytes */{have}":
            return _told(answer)
        answers_the_range = answer.status_code == _PARTIAL_CONTENT and span.startswith(f"bytes {have}-")
        if have and answer.status_code in {_RANGE_NOT_SATISFIABLE, _PARTIAL_CONTENT} and not answers_the_range:
            part.unlink()
            return _stream(url, part, progress)
        answer.raise_for_status()
        if not answers_the_range:
            have = 0
        length = answer.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with part.open("ab" if have else "wb") as stream:
            for chunk in answer.iter_content(_CHUNK_BYTES):
                stream.write(chunk)
                have += len(chunk)
                if progress:
                    progress(part.name.removesuffix(".part"), have, total)
        if total is not None and have != total:
            raise requests.ConnectionError(f"{have} bytes of {total}")
        return _told(answer)


def _told(answer: requests.Response) -> _Told:
    """Gather what the hub says: on the file itself, or on the answer that leads to where it is stored."""
    for one in (*answer.history, answer):
        commit = one.headers.get("X-Repo-Commit")
        tag = one.headers.get("X-Linked-ETag") or (one.headers.get("ETag", "") if commit else "")
        digits = tag.removeprefix("W/").strip('"')
        if commit or digits:
            # For large files the tag is the SHA-256; for those that git itself holds, the name of the blob.
            return _Told(
                sha256=digits if re.fullmatch(r"[0-9a-f]{64}", digits) else None,
                git_blob=digits if re.fullmatch(r"[0-9a-f]{40}", digits) else None,
                commit=commit,
            )
    return _Told()


def _git_blob(path: Path) -> str:
    """Return the name that git gives to a file's content: SHA-1 over ``blob``, size, a zero byte, content."""
    hasher = hashlib.sha1(f"blob {_size(path)}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: requests.RequestException, have: int) -> str:
    answer = error.response
    if answer is not None:
        wait = _wait_asked_for(answer) if answer.status_code in _BUSY else None
        later = f" and asks to wait {wait} s" if wait else ""
        account = " (it may want an account)" if answer.status_code in _ACCOUNT else ""
        return f"the server answered {answer.status_code}{account}{later}"
    if have:
        return f"the connection broke off after {have:,} bytes; run the same command again, it goes on there"
    if isinstance(error, _BROKEN):
        return "no connection to the server"
    return str(error).splitlines()[0]


DATA_VARIABLE = "ROBUSTBENCH_IR_DATA"
CACHE_VARIABLE = "ROBUSTBENCH_IR_CACHE"
HUB_VARIABLE = "HF_ENDPOINT"
OFFLINE_VARIABLE = "ROBUSTBENCH_IR_OFFLINE"
"""Not empty: nothing is downloaded."""

_SHA256 = r"^[0-9a-f]{64}$"
_REVISION = r"^[0-9a-f]{40}$"
_COMMIT_IN_URL = re.compile(r"/([0-9a-f]{40})/")
_SAFE = ("https://", "http://127.0.0.1:", "http://localhost:")


class DataFile(Card):
    """One pinned file of somebody else's data: pinned by its hash or, where nobody has told it, by its revision.

    Attributes
    ----------
    path : str
        Its place below `ROBUSTBENCH_IR_DATA` and below the cache.
    url : str
        Where it is downloaded from; the revision is part of it.
    sha256 : str, optional
        64 hexadecimal digits. It may be missing where `url` holds the full name of a git commit, 40 hexadecimal digits:
        what a commit holds cannot change. What it is, the server says, so the address is then https.
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
    """One file of a data set on the Hugging Face hub.

    Attributes
    ----------
    repository : str
        Such as ``miracl/miracl``.
    revision : str
        The full name of the commit, 40 hexadecimal digits.
    file : str
        Its path in the repository.
    sha256 : str, optional
        64 hexadecimal digits, where known.
    """

    repository: str = Field(pattern=r"^[\w\-]+/[\w\-.]+$")
    revision: str = Field(pattern=_REVISION)
    file: str
    sha256: str | None = Field(default=None, pattern=_SHA256)

    def pinned(self) -> DataFile:
        """Return the file with its address: on the hub, or on the mirror that `HF_ENDPOINT` names."""
        hub = os.environ.get(HUB_VARIABLE, "").rstrip("/") or "https://huggingface.co"
        return DataFile(
            path=f"{self.repository}/{self.file}",
            url=f"{hub}/datasets/{self.repository}/resolve/{self.revision}/{self.file}",
            sha256=self.sha256,
        )


def cache_folder() -> Path:
    """Return the folder of everything that can be made again: `ROBUSTBENCH_IR_CACHE` or the system's own place."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("robustbench-ir"))


def locate(file: DataFile, progress: DownloadProgress | None = None) -> Path:
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
            # Where nobody has told the hash, the user's own copy is taken as it is.
            if file.sha256 is not None and sha256_of(mine) != file.sha256:
                raise DataError(f"{mine}: SHA-256 is not {file.sha256}; put the file from {file.url} there")
            return mine
    # Without a hash, another revision must be another file.
    cached = _downloads() / ("" if file.sha256 else file.revision or "") / file.path
    if is_whole(cached, file.sha256):
        return cached
    if os.environ.get(OFFLINE_VARIABLE):
        raise DataUnavailableError(f"{file.path} is wanted and not here, and the network is not to be asked")
    try:
        return download(file.url, cached, file.sha256, progress, file.revision)
    except DataUnavailableError as error:
        raise DataUnavailableError(
            f"{file.path} is wanted and not here ({error}); connect to the network, "
            f"or set {DATA_VARIABLE} to a folder that holds {file.path}"
        ) from error


@contextmanager
def without_network() -> Iterator[None]:
    """Ask the network for nothing while this lasts, in this process: neither for our data nor for models of the hub."""
    before = {name: os.environ.get(name) for name in (OFFLINE_VARIABLE, "HF_HUB_OFFLINE")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def damaged(path: Path, fault: str) -> DataError:
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
    path.unlink(missing_ok=True)
    record_of(path).unlink(missing_ok=True)
    return DataError(f"{path}: {fault}; it was thrown away, run the same command again to download it anew")


def _downloads() -> Path:
    return cache_folder() / "data"
