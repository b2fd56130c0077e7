"""What the embedding store holds: listing it, and removing what was not used for longest."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import regex

from robustbench_ir.encoders.store.shards import KEY_BYTES, DamagedShardError, open_shard
from robustbench_ir.errors import OptionError

ABOUT = "about.json"
LIMIT_VARIABLE = "ROBUSTBENCH_IR_CACHE_SIZE"
_DEFAULT_LIMIT = "20GB"
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_WRITING_SECONDS = 3600  # a shard without an index may be just beginning


@dataclass(frozen=True)
class KeptShard:
    """One shard of the store.

    Attributes
    ----------
    path : pathlib.Path
        Its file of rows.
    encoder, side, fingerprint : str
        Whose rows, and of which of its two functions.
    texts : int
        Number of rows; 0 if it is damaged.
    size : int
        Bytes of all its files.
    last_used : float
        Seconds since 1970.
    """

    path: Path
    encoder: str
    side: str
    fingerprint: str
    texts: int
    size: int
    last_used: float


def kept_shards(folder: Path) -> list[KeptShard]:
    """List the shards below the folder of all stores, the one that was not used for longest first."""
    found = []
    for path in folder.glob("*/*.rows*"):
        with suppress(FileNotFoundError):  # removed by another process just now
            found.append(_kept(path))
    return sorted(found, key=lambda shard: (shard.last_used, str(shard.path)))


def prune(
    folder: Path,
    *,
    unused_seconds: float | None = None,
    largest: int | None = None,
    encoder: str | None = None,
    spare: Collection[str] = (),
    remove: bool = True,
) -> list[KeptShard]:
    """Remove shards, the one that was not used for longest first; damaged ones always.

    Parameters
    ----------
    folder : pathlib.Path
        Of all stores.
    unused_seconds : float, optional
        Remove what was not used for longer than this.
    largest : int, optional
        Then remove until no more than so many bytes are left.
    encoder : str, optional
        Only of the encoder of this name or fingerprint; without another condition, all that it has.
    spare : collection of str
        Names, without suffix, of shards that stay.
    remove : bool
        False to only tell.

    Returns
    -------
    list of KeptShard
        What was, or would be, removed.
    """
    shards = [one for one in kept_shards(folder) if encoder in {None, one.encoder, one.fingerprint}]
    left = sum(one.size for one in shards)
    everything = encoder is not None and unused_seconds is None and largest is None
    now = time.time()
    gone = []
    for shard in shards:
        old = unused_seconds is not None and now - shard.last_used > unused_seconds
        large = largest is not None and left > largest
        wreck = shard.path.suffix == ".damaged" or (not shard.texts and now - shard.last_used > _WRITING_SECONDS)
        if (everything or old or large or wreck) and shard.path.name.split(".")[0] not in spare:
            gone.append(shard)
            left -= shard.size
    if remove:
        _remove(gone)
    return gone


def make_room(folder: Path, largest: int | None, spare: Collection[str]) -> None:
    """Keep a store below its limit; see `prune`."""
    if largest is None:
        return
    total = 0
    for path in folder.glob("*/*.*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    if total > largest:
        prune(folder, largest=largest, spare=spare)


def size_limit() -> int | None:
    """Return the limit of all stores in bytes: `ROBUSTBENCH_IR_CACHE_SIZE`, by default 20 GB, None for ``none``."""
    text = os.environ.get(LIMIT_VARIABLE) or _DEFAULT_LIMIT
    return None if text.lower() == "none" else parse_size(text)


def parse_size(text: str) -> int:
    """Read a number of bytes such as ``5GB``, ``500 MiB`` or ``1.5g``.

    Raises
    ------
    OptionError
        It is something else.
    """
    match = regex.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?)b?\s*", text, regex.IGNORECASE)
    if match is None or match[2].lower() not in _BYTES:
        raise OptionError(f"size {text!r} cannot be read; write it like 5GB or 500MiB")
    return int(float(match[1]) * _BYTES[match[2].lower()])


def parse_age(text: str) -> float:
    """Read a time in seconds such as ``30d``, ``12h`` or ``2w``.

    Raises
    ------
    OptionError
        It is something else.
    """
    match = regex.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d|w)\s*", text)
    if match is None:
        raise OptionError(f"age {text!r} cannot be read; write it like 30d, 12h or 2w")
    return float(match[1]) * _SECONDS[match[2]]


def _kept(path: Path) -> KeptShard:
    status = path.stat()
    index = path.with_name(path.name.replace(".rows", ".index"))
    size = status.st_size + (index.stat().st_size if index.exists() else 0)
    about = {"encoder": "?", "side": "?", "fingerprint": ""}
    with suppress(OSError, ValueError):
        about |= json.loads((path.parent / ABOUT).read_bytes())
    texts = 0
    with suppress(OSError, DamagedShardError):
        shard = open_shard(index) if path.suffix == ".rows" else None
        texts = sum(len(keys) // KEY_BYTES for _, keys in shard.read_on()) if shard else 0
    return KeptShard(path, about["encoder"], about["side"], about["fingerprint"], texts, size, status.st_mtime)


def _remove(shards: Iterable[KeptShard]) -> None:
    for shard in shards:
        # The index first: rows without one are never read, an index without rows would be damage.
        shard.path.with_name(shard.path.name.replace(".rows", ".index")).unlink(missing_ok=True)
        shard.path.unlink(missing_ok=True)
