"""Download one file: resumed where it broke off, checked against its SHA-256, never half there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import requests
from filelock import FileLock
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from robustbench_ir.errors import DataError, DataUnavailableError

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416

DownloadProgress = Callable[[str, int, int | None], None]
"""Called with the file's name, bytes so far and bytes in all (None if the server does not say)."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def first_hash(target: Path) -> str | None:
    """Return the hash that was written down when `target` was first downloaded without an expected one."""
    record = _record(target)
    return record.read_text(encoding="ascii").strip() if record.is_file() else None


def _record(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


def download(url: str, target: Path, sha256: str | None, progress: DownloadProgress | None = None) -> Path:
    """Download `url` to `target`.

    Parameters
    ----------
    url : str
        http or https address.
    target : pathlib.Path
        Where it goes; appears only when whole and right. What came before a break is kept beside it as ``.part``.
    sha256 : str, optional
        Expected hash, 64 hexadecimal digits. Without it the first download is trusted, and every later one must have
        the same hash: it is kept beside the file as ``.sha256``.
    progress : callable, optional
        Told how far it is.

    Raises
    ------
    DataUnavailableError
        No answer, or an error answer, from the server.
    DataError
        The bytes that came have another hash; they are thrown away.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with FileLock(target.with_name(target.name + ".lock")):
        expected = sha256 or first_hash(target)
        if target.exists() and sha256_of(target) == expected:
            return target
        try:
            _stream(url, part, progress)
        except requests.RequestException as error:
            raise DataUnavailableError(f"{url}: {_reason(error)}") from error
        found = sha256_of(part)
        if expected is None:
            _record(target).write_text(f"{found}\n", encoding="ascii")
        elif found != expected:
            part.unlink()
            why = "" if sha256 else f" as at the first download (delete {_record(target)} to trust the new one)"
            raise DataError(f"{url}: SHA-256 is {found}, expected {expected}{why}; the download was thrown away")
        part.replace(target)
    return target


def _stream(url: str, part: Path, progress: DownloadProgress | None) -> None:
    with requests.Session() as session:
        retry = Retry(total=4, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        have = part.stat().st_size if part.exists() else 0
        wanted_range = {"Range": f"bytes={have}-"} if have else {}
        # "identity": a range of a compressed answer would not be a range of the file.
        headers = {"Accept-Encoding": "identity", **wanted_range}
        with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT_SECONDS) as answer:
            if answer.status_code == _RANGE_NOT_SATISFIABLE:
                return
            answer.raise_for_status()
            if answer.status_code != _PARTIAL_CONTENT:
                have = 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else None
            with part.open("ab" if have else "wb") as stream:
                for chunk in answer.iter_content(_CHUNK_BYTES):
                    stream.write(chunk)
                    have += len(chunk)
                    if progress:
                        progress(part.name.removesuffix(".part"), have, total)


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return str(error).splitlines()[0]
