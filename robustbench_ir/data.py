"""Where downloaded data lies: `ROBUSTBENCH_IR_DATA` first, then the cache, then the network."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import Field

from robustbench_ir.cards import Card
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.fetch import DownloadProgress, download, sha256_of

DATA_VARIABLE = "ROBUSTBENCH_IR_DATA"
CACHE_VARIABLE = "ROBUSTBENCH_IR_CACHE"


class DataFile(Card):
    """One pinned file of somebody else's data.

    Attributes
    ----------
    path : str
        Its place below `ROBUSTBENCH_IR_DATA` and below the cache.
    url : str
        Where it is downloaded from; the revision is part of it.
    sha256 : str
        64 hexadecimal digits.
    """

    path: str = Field(pattern=r"^[\w\-]+(/[\w\-][\w\-.]*)+$")
    url: str = Field(pattern=r"^https?://")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


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
            if sha256_of(mine) != file.sha256:
                raise DataError(f"{mine}: SHA-256 is not {file.sha256}; put the file from {file.url} there")
            return mine
    cached = cache_folder() / "data" / file.path
    if cached.is_file() and sha256_of(cached) == file.sha256:
        return cached
    try:
        return download(file.url, cached, file.sha256, progress)
    except DataUnavailableError as error:
        raise DataUnavailableError(
            f"{file.path} is wanted and not here ({error}); connect to the network, "
            f"or set {DATA_VARIABLE} to a folder that holds {file.path}"
        ) from error
