"""Randomness that depends on nothing but what it is for.

Only `Random.random()` is drawn from: its sequence for a given seed is part of Python's promise, those of `choice`,
`shuffle` and `sample` are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def generator(*key: str | int) -> Random:
    """Return the generator that belongs to `key`, the same in every process and on every machine."""
    digest = blake2b("\x1f".join(map(str, key)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return Random(int.from_bytes(digest, "big"))


def pick(items: Sequence[Item], random: Random) -> Item:
    """Draw one item, each as likely as the other."""
    return items[int(random.random() * len(items))]


def shuffled(items: Sequence[Item], random: Random) -> list[Item]:
    """Return the items in random order (Fisher-Yates)."""
    order = list(items)
    for last in range(len(order) - 1, 0, -1):
        other = int(random.random() * (last + 1))
        order[last], order[other] = order[other], order[last]
    return order
