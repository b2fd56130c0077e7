"""Where downloaded data lies: `ROBUSTBENCH_IR_DATA` first, then the cache, then the network unless it is forbidden."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from pydantic import Field, model_validator

from robustbench_ir.cards import Card
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.fetch import DownloadProgress, download, is_whole, record_of, sha256_of

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
