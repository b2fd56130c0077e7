"""Downloaded data: from `ROBUSTBENCH_IR_DATA`, from the cache, or from the network unless that is forbidden.

The cache has a place for each address and pin. So a card can name only files that come from its own address, and never
speaks for the file of another card.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path, PurePosixPath

from pydantic import Field, model_validator

from robustbench_ir._base.cache import CacheEntry, current_cache, entry_key
from robustbench_ir._base.files import sha256_of
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.resources.cards import Card
from robustbench_ir.resources.hub import RepositoryKind, discard, download_from_hub, has_own_hash
from robustbench_ir.resources.transport import SAFE, DownloadProgress, Pin, download, is_whole, record_of

DATA_VARIABLE = "ROBUSTBENCH_IR_DATA"
_OFFLINE_VARIABLE = "ROBUSTBENCH_IR_OFFLINE"
"""Environment variable; if it is not empty, nothing is downloaded."""

_offline: ContextVar[bool] = ContextVar("offline", default=False)
_SHA256 = r"^[0-9a-f]{64}$"
_REVISION = r"^[0-9a-f]{40}$"
_COMMIT_IN_URL = re.compile(r"/([0-9a-f]{40})/")
_KEY_DIGITS = 16


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
        must be https, and the server must name the version that it sends.
    size : int, optional
        Size in bytes; more is not downloaded. Without it, 256 MiB are the limit.
    """

    path: str = Field(pattern=r"^[\w\-]+(/[\w\-][\w\-.]*)+$")
    url: str = Field(pattern=r"^https?://")
    sha256: str | None = Field(default=None, pattern=_SHA256)
    size: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _is_pinned(self) -> DataFile:
        if self.sha256 is None and self.revision is None:
            raise ValueError("sha256 is missing, and the url names no commit (.../<40 hexadecimal digits>/...)")
        if self.sha256 is None and not self.url.startswith(SAFE):
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
        ) from None  # the message has the reason, and the tracebacks below it are a hundred lines


def _from_address(file: DataFile, progress: DownloadProgress | None) -> Path:
    key = entry_key(file.url, file.sha256 or file.revision)[:_KEY_DIGITS]
    cached = _downloads() / "files" / key / file.path
    if is_whole(cached, file.sha256):
        return cached
    old = _of_an_earlier_version(file, cached)
    if old is not None:
        return old
    if is_offline():
        raise DataUnavailableError("the network must not be used")
    return download(file.url, cached, Pin(file.sha256, file.revision, file.size), progress)


def _of_an_earlier_version(file: DataFile, cached: Path) -> Path | None:
    """Return a file that irbench 0.2.0 or earlier has downloaded, if its known hash proves what it is; else None.

    It is moved to its new place, or used where it is if the cache is read-only. A file that is pinned by its commit
    alone is downloaded again: another card may have put it there.
    """
    old = _downloads() / file.path
    if file.sha256 is None or not is_whole(old, file.sha256):
        return None
    with suppress(OSError):
        cached.parent.mkdir(parents=True, exist_ok=True)
        old.replace(cached)
        record_of(old).unlink(missing_ok=True)
        return cached
    return old


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
    record_of(path).unlink(missing_ok=True)
    return DataError(f"{path}: {fault}; it was deleted, run the same command again to download it")


def damaged_downloads(listed: Iterable[CacheEntry]) -> list[CacheEntry]:
    """Return the downloads that do not match the hash that was stored with them."""
    return [entry for entry in listed if not _is_as_downloaded(entry.files[0])]


def _is_as_downloaded(path: Path) -> bool:
    return is_whole(path, None) if record_of(path).is_file() else has_own_hash(path)


def _downloads() -> Path:
    return current_cache().of("downloads")
