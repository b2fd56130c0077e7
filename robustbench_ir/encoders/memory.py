"""Batches that fit into the memory of a device."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

_Found = TypeVar("_Found")

_ON_CPU = re.compile(r"can't allocate memory|not enough memory")


def within_memory(work: Callable[[int], _Found], size: int, told: Callable[[int], None] = lambda _: None) -> _Found:
    """Work in batches; where the memory of the device does not suffice, with half the batch, until it does.

    Parameters
    ----------
    work : callable
        Takes the number of texts in a batch.
    size : int
        The number to begin with, 1 or more.
    told : callable, optional
        Called with each smaller number that is tried.
    """
    import torch

    while size > 1:
        try:
            return work(size)
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and not _ON_CPU.search(str(error)):
                raise
        torch.cuda.empty_cache()
        size //= 2
        told(size)
    return work(1)
