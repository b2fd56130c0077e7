"""The cache of everything that can be made or downloaded again: its folder, its entries, and their removal when full.

Each kind has a folder of its own. An entry is named by a hash of everything that decides its content, so that it is
never outdated. Downloads do not count in the size limit and are removed only on request: they take hours, everything
else takes minutes.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

import platformdirs

from robustbench_ir._base.files import read_checked, sweep, write_checked
from robustbench_ir._base.sizes import parse_size
from robustbench_ir.errors import ResultError

CacheKind = Literal["downloads", "embeddings", "cells", "searches", "floors", "lexicons", "nltk"]
KINDS: tuple[CacheKind, ...] = get_args(CacheKind)
CHECKED: tuple[CacheKind, ...] = ("cells", "searches", "floors", "lexicons")
"""Kinds whose entries are written by `write_cached`, with a checksum."""

_CACHE_VARIABLE = "ROBUSTBENCH_IR_CACHE"
_LIMIT_VARIABLE = "ROBUSTBENCH_IR_CACHE_SIZE"
NOT_KEPT = logging.getLogger("robustbench_ir.not_kept")
"""Logger of the warning that nothing can be cached, which one process gives for all."""

_DEFAULT_LIMIT = "20GB"
_DAMAGED = ".damaged"
_WRITING_SECONDS = 3600  # a process may be about to write the index of rows without one
_NO_ENTRIES = frozenset({".lock", ".part", ".incomplete"})
_SHARD = frozenset({".rows", ".index", _DAMAGED})


@dataclass(frozen=True)
class Cache:
    """A folder with a size limit.

    Attributes
    ----------
    folder : pathlib.Path
        Folder with one folder for each kind.
    limit : int or None
        Bytes that all kinds but the downloads may use together; None for no limit.
    """

    folder: Path
    limit: int | None = None

    def of(self, kind: CacheKind) -> Path:
        """Return the folder of a kind."""
        return self.folder / kind

    def path(self, kind: CacheKind, *parts: object, suffix: str = ".json") -> Path:
        """Return the path of an entry.

        Parameters
        ----------
        kind : str
            One of `KINDS`.
        *parts : object
            Everything that decides its content, serialisable as JSON.
        suffix : str
            Suffix of the file.
        """
        return self.of(kind) / f"{entry_key(*parts)}{suffix}"


@dataclass(frozen=True)
class CacheEntry:
    """An entry, kept or removed as a whole: a file, a download with its hash, or rows of embeddings with their index.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    files : tuple of pathlib.Path
        Its files, in order of their names.
    size : int
        Size of all files in bytes.
    last_used : float
        Time of last use, in seconds since 1970.
    """

    kind: CacheKind
    files: tuple[Path, ...]
    size: int
    last_used: float

    @property
    def is_useless(self) -> bool:
        """Whether these are damaged embeddings, or rows that a killed process left without an index."""
        if any(path.suffix == _DAMAGED for path in self.files):
            return True
        headless = self.kind == "embeddings" and not any(path.suffix == ".index" for path in self.files)
        return headless and time.time() - self.last_used > _WRITING_SECONDS


_chosen: ContextVar[Cache | None] = ContextVar("cache", default=None)


def entry_key(*parts: object) -> str:
    """Return a hash of all parts, 64 hexadecimal digits."""
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def current_cache() -> Cache:
    """Return the cache in use: that of `using_cache`, otherwise that of the environment variables."""
    return _chosen.get() or Cache(_folder_of_environment(), size_limit())


def cache_folder() -> Path:
    """Return the folder of the cache in use."""
    return current_cache().folder


def use_cache(place: Cache | str | Path | None) -> None:
    """Use this cache in this process from now on; None stands for that of the environment variables."""
    _chosen.set(_as_cache(place))


@contextmanager
def using_cache(place: Cache | str | Path | None) -> Iterator[None]:
    """Use this cache inside the context; None changes nothing."""
    token = _chosen.set(_as_cache(place) or _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(token)


def _as_cache(place: Cache | str | Path | None) -> Cache | None:
    """Return the cache of an argument `cache`; a folder gets the limit of the environment variable."""
    if place is None or isinstance(place, Cache):
        return place
    return Cache(Path(place).expanduser(), size_limit())


def size_limit() -> int | None:
    """Return the limit in bytes: `ROBUSTBENCH_IR_CACHE_SIZE`, by default 20 GB, None for ``none``."""
    text = os.environ.get(_LIMIT_VARIABLE) or _DEFAULT_LIMIT
    return None if text.lower() == "none" else parse_size(text)


def read_cached(path: Path) -> bytes | None:
    """Return the content of an entry and record its use; None if it is missing or damaged."""
    content = read_checked(path)
    if content is not None:
        with suppress(OSError):  # in a read-only cache
            os.utime(path)
    return content


def write_cached(path: Path, content: bytes) -> None:
    """Write finished work into the cache; if that fails, warn once and continue: the result file will have it all.

    Parameters
    ----------
    path : pathlib.Path
        Path of the entry.
    content : bytes
        Content of the entry.
    """
    _make_room_once(current_cache())
    try:
        write_checked(path, content)
    except ResultError as error:
        warn_not_kept(cache_folder(), error)


def warn_not_kept(folder: Path, error: OSError | ResultError) -> None:
    """Warn, once for each folder, that nothing can be written there.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    error : OSError or ResultError
        The reason.
    """
    cause = error if isinstance(error, OSError) else error.__cause__
    _say_not_kept(folder, getattr(cause, "strerror", None) or str(error))


@lru_cache
def _say_not_kept(folder: Path, reason: str) -> None:
    NOT_KEPT.warning(
        "%s: finished work cannot be cached (%s); this run continues, but the next one must repeat it: "
        "free some space or set ROBUSTBENCH_IR_CACHE to another folder",
        folder,
        reason,
    )


def entries(folder: Path, kind: CacheKind) -> list[CacheEntry]:
    """Return the entries of a kind, the least recently used first.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the kind.
    kind : str
        One of `KINDS`.
    """
    grouped: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if _is_part_of_an_entry(path, kind):
            grouped.setdefault(_entry_of(path, kind), []).append(path)
    listed = []
    for files in grouped.values():
        with suppress(FileNotFoundError):  # another process has just removed it
            states = [path.stat() for path in files]
            size = sum(state.st_size for state in states)
            listed.append(CacheEntry(kind, tuple(files), size, max(state.st_mtime for state in states)))
    return sorted(listed, key=lambda entry: (entry.last_used, entry.files))


def to_prune(
    listed: Iterable[CacheEntry],
    *,
    unused_seconds: float | None = None,
    largest: int | None = None,
    everything: bool = False,
    spare: Collection[str] = (),
) -> list[CacheEntry]:
    """Return the entries to remove, the least recently used first; useless ones are always among them.

    Parameters
    ----------
    listed : iterable of CacheEntry
        Entries to choose from.
    unused_seconds : float, optional
        Remove entries that were not used for longer than this.
    largest : int, optional
        Remove further entries until no more than this number of bytes is left.
    everything : bool
        Remove all entries.
    spare : collection of str
        Names, up to their first dot, of entries that stay.
    """
    oldest_first = sorted(listed, key=lambda entry: (entry.last_used, entry.files))
    left = sum(entry.size for entry in oldest_first)
    now = time.time()
    gone = []
    for entry in oldest_first:
        old = unused_seconds is not None and now - entry.last_used > unused_seconds
        large = largest is not None and left > largest
        if (everything or old or large or entry.is_useless) and entry.files[0].name.split(".")[0] not in spare:
            gone.append(entry)
            left -= entry.size
    return gone


def remove(gone: Iterable[CacheEntry]) -> None:
    """Remove entries. The index is removed before its rows: rows without an index are never read."""
    for entry in gone:
        for path in entry.files:
            path.unlink(missing_ok=True)


def make_room(cache: Cache, spare: Collection[str] = ()) -> None:
    """Remove the least recently used entries until the cache is within its limit; see `to_prune`.

    Parameters
    ----------
    cache : Cache
        The cache.
    spare : collection of str
        Names, up to their first dot, of entries that stay.
    """
    if cache.limit is not None:
        listed = [entry for kind in KINDS if kind != "downloads" for entry in entries(cache.of(kind), kind)]
        remove(to_prune(listed, largest=cache.limit, spare=spare))


@lru_cache
def _make_room_once(cache: Cache) -> None:
    """Make room at the first entry of a process: everything that one run caches this way is small."""
    sweep(cache.folder)
    make_room(cache)


def damaged_entries(listed: Iterable[CacheEntry]) -> list[CacheEntry]:
    """Return the entries, among those of `write_cached`, whose content does not match its checksum."""
    return [entry for entry in listed if read_checked(entry.files[0]) is None]


def _is_part_of_an_entry(path: Path, kind: CacheKind) -> bool:
    if path.is_symlink() or not path.is_file() or path.name.startswith("."):
        return False
    return path.suffix in _SHARD if kind == "embeddings" else path.suffix not in _NO_ENTRIES


def _entry_of(path: Path, kind: CacheKind) -> Path:
    """Return the common name of the files of one entry: rows and index, or a download and its hash."""
    return path.with_name(path.name.split(".")[0] if kind == "embeddings" else path.name.removesuffix(".sha256"))


def _folder_of_environment() -> Path:
    chosen = os.environ.get(_CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("robustbench-ir"))
