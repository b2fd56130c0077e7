"""Threads for numpy, which lets others run while it works.

A product of matrices that divides itself among all processors leaves threads behind that wait for the next by spinning,
and counting beside them gains nothing. So each thread multiplies for itself, with one thread of BLAS.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from robustbench_ir.processes import processors

Part = TypeVar("Part")
Done = TypeVar("Done")


def threads() -> int:
    """Return how many threads this process may use: OMP_NUM_THREADS, as libraries do, else one for each processor."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else processors()


def divided(rows: int, *, least: int = 1, most: int | None = None) -> list[slice]:
    """Divide rows into one part for each thread, or as few or as many as parts of `least` to `most` rows need."""
    size = max(least, -(-rows // threads()))
    size = max(1, size if most is None else min(size, most))
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def in_threads(work: Callable[[Part], Done], parts: Sequence[Part]) -> Iterator[Done]:
    """Do the work on each part, several at a time, and yield what it returns, in their order."""
    with _blas().limit(limits=1, user_api="blas"):
        if min(len(parts), threads()) < 2:
            yield from map(work, parts)
            return
        with ThreadPoolExecutor(threads()) as pool:
            yield from pool.map(work, parts)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries; numpy's is among them for good
