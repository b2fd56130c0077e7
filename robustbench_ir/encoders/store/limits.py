"""Content of the embedding store: owners of the shards, number of texts, damaged shards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robustbench_ir._base.cache import CacheEntry
from robustbench_ir.encoders.store.shards import KEY_BYTES, DamagedShardError, open_shard

ABOUT = "about.json"


@dataclass(frozen=True)
class Owner:
    """Owner of the rows in a shard.

    Attributes
    ----------
    encoder, side, fingerprint : str
        Name of the encoder, ``"query"`` or ``"passage"``, and the encoder's fingerprint.
    """

    encoder: str
    side: str
    fingerprint: str


def shard_owner(entry: CacheEntry) -> Owner:
    """Return the owner of a shard."""
    about = {"encoder": "?", "side": "?", "fingerprint": ""}
    with suppress(OSError, ValueError):
        about |= json.loads((entry.files[0].parent / ABOUT).read_bytes())
    return Owner(about["encoder"], about["side"], about["fingerprint"])


def text_count(entry: CacheEntry) -> int:
    """Return the number of texts in a shard; 0 if it is damaged."""
    with suppress(OSError, DamagedShardError):
        shard = open_shard(_index(entry))
        return sum(len(keys) // KEY_BYTES for _, keys in shard.read_on()) if shard else 0
    return 0


def damaged_shards(listed: Iterable[CacheEntry]) -> list[CacheEntry]:
    """Return the shards whose content does not match their checksums; each row is read."""
    return [entry for entry in listed if not entry.is_useless and not _is_whole(entry)]


def _is_whole(entry: CacheEntry) -> bool:
    try:
        shard = open_shard(_index(entry))
        if shard is not None:
            for first, keys in shard.read_on():
                shard.take(np.arange(first, first + len(keys) // KEY_BYTES))
    except DamagedShardError:
        return False
    except FileNotFoundError:  # it is not complete yet, or another process has just removed it
        return True
    return True


def _index(entry: CacheEntry) -> Path:
    return entry.files[0].with_suffix(".index")
