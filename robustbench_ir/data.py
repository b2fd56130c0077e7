"""Where downloaded data lies: `ROBUSTBENCH_IR_DATA` first, then the cache, then the network."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from pydantic import Field

from robustbench_ir.cards import Card
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.fetch import DownloadProgress, download, first_hash, sha256_of

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


class RevisionFile(Card):
    """One file of the Hugging Face hub, pinned by the commit in its address because nobody has published its hash.

    The hash of the first download is written down beside it, and every later download must have it.

    Attributes
    ----------
    path : str
        Its place below `ROBUSTBENCH_IR_DATA` and below the cache.
    url : str
        ``.../resolve/<40 hexadecimal digits>/...``.
    """

    path: str = Field(pattern=r"^[\w\-]+(/[\w\-][\w\-.]*)+$")
    url: str = Field(pattern=r"^https?://.+/resolve/[0-9a-f]{40}/")


def cache_folder() -> Path:
    """Return the folder of everything that can be made again: `ROBUSTBENCH_IR_CACHE` or the system's own place."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("robustbench-ir"))


def locate(file: DataFile | RevisionFile, progress: DownloadProgress | None = None) -> Path:
    """Return the path of a pinned file, downloading it if it is nowhere.

    Raises
    ------
    DataError
        The file in `ROBUSTBENCH_IR_DATA` has another hash.
    DataUnavailableError
        It is nowhere and cannot be downloaded; the message says which file and the two ways out.
    """
    pinned = file.sha256 if isinstance(file, DataFile) else None
    folder = os.environ.get(DATA_VARIABLE)
    if folder:
        mine = Path(folder).expanduser() / file.path
        if mine.is_file():
            if pinned and sha256_of(mine) != pinned:
                raise DataError(f"{mine}: SHA-256 is not {pinned}; put the file from {file.url} there")
            return mine
    cached = cache_folder() / "data" / file.path
    known = pinned or first_hash(cached)
    if cached.is_file() and sha256_of(cached) == known:
        return cached
    try:
        return download(file.url, cached, pinned, progress)
    except DataUnavailableError as error:
        raise DataUnavailableError(
            f"{file.path} is wanted and not here ({error}); connect to the network, "
            f"or set {DATA_VARIABLE} to a folder that holds {file.path}"
        ) from error
