"""Randomness that depends on nothing but what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from itertools import chain, count
from struct import Struct
from typing import Protocol, TypeVar

_Item = TypeVar("_Item")

_BLOCK = Struct("<16I")
_UNIT = 2.0**-32


class Random(Protocol):
    """A source of random numbers; `random.Random` is one."""

    def random(self) -> float:
        """Draw a number in [0, 1)."""


class _Stream:
    """The numbers of one key. Python's own generator takes longer to seed than a query takes to perturb."""

    __slots__ = ("random",)

    def __init__(self, key: bytes) -> None:
        self.random = chain.from_iterable(map(partial(_block, key), count())).__next__


def _block(key: bytes, number: int) -> Iterator[float]:
    """Yield BLAKE2b(key, salt = number) as sixteen little-endian 32-bit numbers over 2**32."""
    digest = blake2b(key, digest_size=_BLOCK.size, salt=number.to_bytes(blake2b.SALT_SIZE, "little")).digest()
    return map(_UNIT.__mul__, _BLOCK.unpack(digest))


def generator(*key: str | int) -> Random:
    """Return the generator that belongs to `key`, the same in every process and on every machine."""
    return _Stream("\x1f".join(map(str, key)).encode("utf-8", "surrogatepass"))


def pick(items: Sequence[_Item], random: Random) -> _Item:
    """Draw one item, each as likely as the other."""
    return items[int(random.random() * len(items))]


def pick_early(items: Sequence[_Item], random: Random) -> _Item:
    """Draw one item of a list that begins with the best: of four, the first in 63 cases of 100."""
    return items[int(random.random() ** 3 * len(items))]


def shuffled(items: Sequence[_Item], random: Random) -> Iterator[_Item]:
    """Yield the items in random order (Fisher-Yates), drawing only for those that are asked for."""
    left = list(items)
    for place in range(len(left)):
        drawn = place + int(random.random() * (len(left) - place))
        item, left[drawn] = left[drawn], left[place]
        yield item
