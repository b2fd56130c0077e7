"""The download of one file: resumed after a break, bounded in size and time, checked, and visible only when complete.

What a server may do wrong is decided here. A file whose hash is known may come from anyone. One that is pinned by a
commit alone must come over https, from a server that names the version it sends and how long it is.
"""

from __future__ import annotations

import errno
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock
from urllib3.exceptions import HTTPError

from robustbench_ir._base.files import cannot_be_written, sha256_of
from robustbench_ir._base.retries import BUSY, FIRST_WAIT_SECONDS, asked_wait, session_with_retries
from robustbench_ir.errors import DataError, DataUnavailableError

LARGEST_BYTES = 1 << 28
"""Largest size of a file whose size is not pinned."""

SAFE = ("https://", "http://127.0.0.1:", "http://localhost:")
"""Beginnings of addresses where no machine on the way can change what is sent."""

_CHUNK_BYTES = 1 << 16
_SHA256_DIGITS = 64
_TIMEOUT_SECONDS = 30
_TRIES = 4
"""Number of tries in a row without a new byte."""
_GRACE_SECONDS = 60
_SLOWEST_BYTES_A_SECOND = 1000
_LEAST_SECONDS_A_TRY = 1.0
_ACCOUNT = frozenset({401, 403})
_OK = 200
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)
_GZIP_WINDOW = 31  # zlib's number for a gzip header and a window of 32 KiB

DownloadProgress = Callable[[str, int, int | None], None]
"""Called with the file's name, the bytes so far and the size in bytes (None if it is unknown)."""


class _BrokenOffError(Exception):
    """The connection ended before the file was complete."""


@dataclass(frozen=True)
class Pin:
    """What a file must be.

    Attributes
    ----------
    sha256 : str or None
        64 hexadecimal digits. If it is None, the address names a commit, which cannot change, and the hash of the first
        download is expected from then on.
    revision : str or None
        The commit that the address names.
    size : int or None
        Size in bytes; if it is None, `LARGEST_BYTES` is the limit.
    """

    sha256: str | None = None
    revision: str | None = None
    size: int | None = None


def record_of(target: Path) -> Path:
    """Return the file beside a download that holds its SHA-256, in the format of `sha256sum`."""
    return target.with_name(target.name + ".sha256")


def is_whole(target: Path, sha256: str | None) -> bool:
    """Return True if a downloaded file exists and matches its hash: the given one, or the one recorded beside it."""
    expected = sha256 or _recorded(target)
    return expected is not None and target.is_file() and sha256_of(target) == expected


def _recorded(target: Path) -> str | None:
    record = record_of(target)
    return record.read_bytes()[:_SHA256_DIGITS].decode(errors="replace") if record.is_file() else None


def download(url: str, target: Path, pin: Pin, progress: DownloadProgress | None = None) -> Path:
    """Download `url` to `target`.

    Parameters
    ----------
    url : str
        http or https address.
    target : pathlib.Path
        File to write; it appears only when it is complete and correct. A partial download is kept beside it as
        ``.part``, and the hash as ``.sha256``.
    pin : Pin
        What the file must be.
    progress : callable, optional
        Called with the name, the bytes so far and the size in bytes.

    Raises
    ------
    DataUnavailableError
        If the server gives no answer or an error, is too slow, or does not prove that it sends what the pin names.
    DataError
        If the file has another hash or is too large, or the disk is full (the bytes are deleted), or if the folder
        cannot be written to.
    """
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(target.name + ".lock")):
            if not is_whole(target, pin.sha256):
                _Transfer(url, part, pin, progress).complete()
                _settle(url, part, target, pin.sha256)
    except requests.RequestException as error:
        raise DataUnavailableError(f"{url}: {_reason(error)}") from None
    except _BrokenOffError:
        raise DataUnavailableError(
            f"{url}: the connection broke off after {_size(part):,} bytes; run the same command again to continue"
        ) from None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            part.unlink(missing_ok=True)
        raise cannot_be_written(target, error) from error
    return target


def _settle(url: str, part: Path, target: Path, sha256: str | None) -> None:
    """Check the hash of a complete download and rename it.

    A recorded hash that neither this download nor the file from before has was itself damaged if those two agree.
    """
    found = sha256_of(part)
    expected = sha256 or _recorded(target) or found
    agrees = sha256 is None and target.is_file() and sha256_of(target) == found
    if found != expected and not agrees:
        part.unlink()
        raise DataError(
            f"{url}: SHA-256 is {found}, expected {expected}; "
            f"the download was deleted, run the same command to try again"
        )
    record_of(target).write_text(f"{found}  {target.name}\n", encoding="utf-8")
    part.replace(target)


@dataclass
class _Transfer:
    """One file on its way, over as many connections as it takes.

    Attributes
    ----------
    url, part, pin, progress
        Address, file of the bytes so far, what they must become, and who receives the progress.
    etag : str
        Name that the server gave to the version of which `part` has the beginning; empty if it is not known.
    received : int
        Bytes that came over all connections.
    spent : float
        Seconds that this took.
    """

    url: str
    part: Path
    pin: Pin
    progress: DownloadProgress | None
    etag: str = ""
    received: int = 0
    spent: float = 0.0

    def complete(self) -> None:
        """Request until the whole file has arrived, continuing where the last try broke off."""
        tries = 0
        if self.pin.sha256 is None:  # what an earlier process has left may be of another version
            self.part.unlink(missing_ok=True)
        with session_with_retries(_TRIES, answer_within=_GRACE_SECONDS) as session:
            while True:
                have = _size(self.part)
                try:
                    self._request(session)
                    return
                except _BrokenOffError:
                    tries = 1 if _size(self.part) > have else tries + 1
                    if tries > _TRIES:
                        raise
                time.sleep(FIRST_WAIT_SECONDS * 2 ** (tries - 1))

    def _request(self, session: requests.Session) -> None:
        have = _size(self.part)
        # "identity", since a range of a compressed answer would not be a range of the file.
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-", **({"If-Range": self.etag} if self.etag else {})}
        with session.get(self.url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
            if have and answer.status_code in {_RANGE_NOT_SATISFIABLE, _PARTIAL_CONTENT}:
                if self.pin.sha256 and answer.headers.get("Content-Range") == f"bytes */{have}":
                    return
                if not self._continues(answer, have):
                    self._begin_again()
                    self._request(session)
                    return
            else:
                answer.raise_for_status()
                have = 0
            self._check(answer, have)
            self._receive(answer, have)

    def _begin_again(self) -> None:
        self.part.unlink()
        self.etag = ""

    def _continues(self, answer: requests.Response, have: int) -> bool:
        """Return whether an answer is the rest of the bytes that are there."""
        span = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status_code != _PARTIAL_CONTENT or span is None or _is_encoded(answer, self.part):
            return False
        first, last, total = map(int, span.groups())
        fits = first == have and last + 1 == total and _length(answer) in {None, total - first}
        return fits and answer.headers.get("ETag", "") == (self.etag or answer.headers.get("ETag", ""))

    def _check(self, answer: requests.Response, have: int) -> None:
        """Refuse an answer that cannot be what was asked for, before its content is read."""
        if answer.status_code != (_PARTIAL_CONTENT if have else _OK):
            raise self._refused(f"answered {answer.status_code} where it was asked for a whole file")
        encoding = answer.headers.get("Content-Encoding", "identity").lower()
        if encoding not in {"identity", "", "gzip", "x-gzip"}:
            raise self._refused(f"sends the encoding {encoding[:20]!r}, which was not asked for")
        if self.pin.sha256 is not None:
            return
        commit = answer.headers.get("X-Repo-Commit")
        if not all(one.url.startswith(SAFE) for one in (*answer.history, answer)):
            raise self._refused("leads to an address that is not https")
        if commit is not None and commit != self.pin.revision:
            raise self._refused(f"sends the commit {commit[:40]!r}, not {self.pin.revision}")
        if commit is None and "ETag" not in answer.headers:
            raise self._refused("names neither commit nor ETag")
        if _length(answer) is None and answer.headers.get("Transfer-Encoding") != "chunked":
            raise self._refused("does not say how long the file is")

    def _refused(self, why: str) -> DataUnavailableError:
        host = self.url.split("/")[2]
        unknown = "" if self.pin.sha256 else ", so that a file without a SHA-256 in its card cannot be verified"
        return DataUnavailableError(f"{self.url}: {host} {why}{unknown}; try again later")

    def _receive(self, answer: requests.Response, have: int) -> None:
        tag = answer.headers.get("ETag", "")
        self.etag = "" if tag.startswith("W/") else tag  # RFC 9110, section 13.1.5: no weak one in an If-Range
        length = _length(answer)
        is_encoded = _is_encoded(answer, self.part)
        total = None if length is None or is_encoded else have + length
        limit = self.pin.size or LARGEST_BYTES
        if total is not None and total > limit:
            raise self._too_large(limit)
        chunks = self._timed(answer, length)
        try:
            with self.part.open("ab" if have else "wb") as stream:
                for chunk in _unpacked(chunks) if is_encoded else chunks:
                    have += len(chunk)
                    if have > limit:
                        raise self._too_large(limit)
                    stream.write(chunk)
                    if self.progress:
                        self.progress(self.part.name.removesuffix(".part"), have, total)
        except _BrokenOffError:
            if is_encoded or (self.pin.sha256 is None and not self.etag):
                self._begin_again()
            raise

    def _timed(self, answer: requests.Response, length: int | None) -> Iterator[bytes]:
        """Yield the content as it comes, and give up on a server that is slower than any connection."""
        began, before, received = time.monotonic(), self.spent, 0
        try:
            while chunk := answer.raw.read1(_CHUNK_BYTES, decode_content=False):
                received += len(chunk)
                self.received += len(chunk)
                self.spent = before + max(time.monotonic() - began, _LEAST_SECONDS_A_TRY)
                if self.spent > _GRACE_SECONDS + self.received / _SLOWEST_BYTES_A_SECOND:
                    raise DataUnavailableError(
                        f"{self.url}: {self.received:,} bytes came in {self.spent:.0f} seconds, which is too slow; "
                        "try again later"
                    )
                yield chunk
        except HTTPError as error:
            raise _BrokenOffError from error
        if length is not None and received != length:
            raise _BrokenOffError(f"{received} bytes of {length}")

    def _too_large(self, limit: int) -> DataError:
        self.part.unlink(missing_ok=True)
        fault = "the pinned size" if self.pin.size else "the largest size of a file whose card does not name its 'size'"
        return DataError(f"{self.url}: sends more than {limit:,} bytes, {fault}; the download was deleted")


def _length(answer: requests.Response) -> int | None:
    """Return the number of bytes that a server has announced; None if it has not, or if that makes no sense."""
    length = answer.headers.get("Content-Length", "")
    return int(length) if re.fullmatch("[0-9]{1,15}", length) else None


def _is_encoded(answer: requests.Response, part: Path) -> bool:
    """Return whether the content must be unpacked; of a .gz file, some servers call its own compression an encoding."""
    encoding = answer.headers.get("Content-Encoding", "identity").lower()
    return encoding not in {"identity", ""} and not part.name.endswith(".gz.part")


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                yield unpacker.decompress(rest, _CHUNK_BYTES)  # at most so much at a time, whatever it unpacks to
                rest = unpacker.unconsumed_tail
    except zlib.error as error:
        raise _BrokenOffError from error
    if not unpacker.eof or unpacker.unused_data:
        raise _BrokenOffError


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
