"""Measures: pure functions on the ranks of the relevant passages.

Relevant passages that belong together form a group, usually those of one query; they may stand anywhere in the arrays.
A group without relevant passages scores NaN, not 0, since no score is defined for it. A relevant passage that a
truncated run lacks has rank 0: it adds nothing, as in trec_eval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import regex
from numpy.typing import NDArray

from robustbench_ir.errors import UnknownNameError

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Ranked:
    """Ranks of relevant passages in groups.

    Attributes
    ----------
    rank : integer array of shape (relevant,)
        1-based rank; 0 if a run lacks the passage.
    group : integer array of shape (relevant,)
        Group of each passage, 0 to `groups` - 1.
    grade : integer array of shape (relevant,)
        Grade, 1 or more; used by nDCG only.
    groups : int
        Number of groups.
    """

    rank: Integers
    group: Integers
    grade: Integers
    groups: int


Measure = Callable[[Ranked], Floats]

_LARGEST = np.iinfo(np.int32).max


def average_precision(ranked: Ranked, depth: int | None = None) -> Floats:
    """Return AP over the full pool: the mean of (position among relevant) / rank, range 0 to 1.

    Parameters
    ----------
    ranked : Ranked
        Ranks of the relevant passages.
    depth : int, optional
        Rank below which passages add 0.

    Examples
    --------
    >>> one = np.zeros(3, dtype=int)
    >>> round(float(average_precision(Ranked(np.array([2, 5, 7]), one, one + 1, 1))[0]), 6)
    0.442857
    """
    order, position, size = _positions(ranked, _missing_last(ranked.rank))
    rank = ranked.rank[order]
    seen = rank > 0 if depth is None else _within(rank, depth)
    precision = np.where(seen, position / np.maximum(rank, 1), 0.0)
    return _divide(sums(ranked.group[order], precision, ranked.groups), size)


def ndcg(ranked: Ranked, depth: int) -> Floats:
    """Return nDCG@depth with linear gain and log2 discount, as trec_eval's `ndcg_cut`, range 0 to 1.

    Parameters
    ----------
    ranked : Ranked
        Ranks of the relevant passages.
    depth : int
        Rank below which passages are ignored, 1 or more.
    """
    discount = np.log2(np.maximum(ranked.rank, 1) + 1.0)
    gain = np.where(_within(ranked.rank, depth), ranked.grade / discount, 0.0)
    order, position, size = _positions(ranked, -ranked.grade)
    best = np.where(position <= depth, ranked.grade[order] / np.log2(position + 1.0), 0.0)
    ideal = sums(ranked.group[order], best, ranked.groups)
    return _divide(sums(ranked.group, gain, ranked.groups), np.where(size > 0, ideal, 0.0))


def reciprocal_rank(ranked: Ranked, depth: int) -> Floats:
    """Return RR@depth: 1 / rank of the first relevant passage, 0 if it is below `depth`.

    Parameters
    ----------
    ranked : Ranked
        Ranks of the relevant passages.
    depth : int
        Rank below which passages are ignored, 1 or more.
    """
    order, position, size = _positions(ranked, _missing_last(ranked.rank))
    first = position == 1
    rank = ranked.rank[order][first]
    reciprocal = np.where(_within(rank, depth), 1 / np.maximum(rank, 1), 0.0)
    value = sums(ranked.group[order][first], reciprocal, ranked.groups)
    return _divide(value, np.minimum(size, 1))


def recall(ranked: Ranked, depth: int) -> Floats:
    """Return R@depth: share of the relevant passages ranked `depth` or better, range 0 to 1.

    Parameters
    ----------
    ranked : Ranked
        Ranks of the relevant passages.
    depth : int
        Rank below which passages are ignored, 1 or more.
    """
    found = sums(ranked.group, _within(ranked.rank, depth).astype(float), ranked.groups)
    return _divide(found, np.bincount(ranked.group, minlength=ranked.groups))


def precision(ranked: Ranked, depth: int) -> Floats:
    """Return P@depth: number of relevant passages ranked `depth` or better, divided by `depth`, range 0 to 1.

    Parameters
    ----------
    ranked : Ranked
        Ranks of the relevant passages.
    depth : int
        Rank below which passages are ignored, 1 or more.
    """
    found = sums(ranked.group, _within(ranked.rank, depth).astype(float), ranked.groups)
    return np.where(np.bincount(ranked.group, minlength=ranked.groups) > 0, found / depth, np.nan)


def success(ranked: Ranked, depth: int) -> Floats:
    """Return Success@depth: 1 if a relevant passage is ranked `depth` or better, otherwise 0.

    Parameters
    ----------
    ranked : Ranked
        Ranks of the relevant passages.
    depth : int
        Rank below which passages are ignored, 1 or more.
    """
    found = np.bincount(ranked.group, _within(ranked.rank, depth), ranked.groups)
    return np.where(np.bincount(ranked.group, minlength=ranked.groups) > 0, np.minimum(found, 1), np.nan)


def _within(rank: Integers, depth: int) -> NDArray[np.bool_]:
    return (rank > 0) & (rank <= depth)


def _missing_last(rank: Integers) -> Integers:
    return np.where(rank > 0, rank, np.iinfo(rank.dtype).max)


def _positions(ranked: Ranked, key: Integers) -> tuple[NDArray[np.intp], Integers, Integers]:
    """Return an order by group and key, the 1-based position within the group in that order, and the group sizes."""
    size = np.bincount(ranked.group, minlength=ranked.groups)
    if size.max(initial=0) <= 1:  # as in one language of a parallel task: any order will do
        return np.arange(len(key)), np.ones_like(ranked.group), size
    # One 64-bit key sorts several times as fast as lexsort. Ranks and grades have fewer than 32 bits.
    order = np.argsort((ranked.group.astype(np.int64) << 32) + np.minimum(key, _LARGEST))
    start = np.concatenate(([0], np.cumsum(size)[:-1]))
    return order, np.arange(len(order)) - start[ranked.group[order]] + 1, size


def sums(group: Integers, value: Floats, groups: int) -> Floats:
    """Return the sum of the values of each group.

    Parameters
    ----------
    group : integer array
        Group of each value, 0 to `groups` - 1.
    value : float64 array of the same shape
        Values.
    groups : int
        Number of groups.
    """
    return np.asarray(np.bincount(group, value, groups), dtype=np.float64)


def _divide(value: Floats, by: Floats | Integers) -> Floats:
    quotient = np.full(len(value), np.nan)
    np.divide(value, by, out=quotient, where=by > 0)
    return quotient


def _at_depth(function: Callable[[Ranked, int], Floats], depth: int, ranked: Ranked) -> Floats:
    return function(ranked, depth)


_WITH_DEPTH: dict[str, Callable[[Ranked, int], Floats]] = {
    "AP": average_precision,
    "P": precision,
    "R": recall,
    "RR": reciprocal_rank,
    "Success": success,
    "nDCG": ndcg,
}

DEFAULT_MEASURES = ("AP", "nDCG@10", "RR@10", "R@1", "R@10", "R@100")


_NAMES = {
    "ap": "AP",
    "map": "AP",
    "p": "P",
    "precision": "P",
    "r": "R",
    "recall": "R",
    "rr": "RR",
    "mrr": "RR",
    "success": "Success",
    "hit": "Success",
    "hit_rate": "Success",
    "ndcg": "nDCG",
    "ndcg_cut": "nDCG",
}
_WRITTEN = regex.compile(r"([a-z_]+?)(?:(?:@|_at_|_)([1-9]\d*))?")


def measure_name(name: object) -> str:
    """Return the ir_measures name of a measure, however other tools write it.

    Parameters
    ----------
    name : str
        ``AP``, or ``AP@k``, ``P@k``, ``R@k``, ``RR@k``, ``Success@k``, ``nDCG@k`` with any whole number k >= 1, in
        capitals or not; also ``map``, ``mrr@10``, ``recall_at_100`` and ``ndcg_cut_10``, as trec_eval and mteb call
        them.

    Raises
    ------
    UnknownNameError
        If there is no such measure.

    Examples
    --------
    >>> measure_name("map"), measure_name("ndcg_cut_10")
    ('AP', 'nDCG@10')
    """
    found = _WRITTEN.fullmatch(name.strip().lower()) if isinstance(name, str) else None
    base = _NAMES.get(found[1]) if found else None
    depth = found[2] if found else None
    if base == "AP" and depth is None:
        return base
    if base and depth:
        return f"{base}@{depth}"
    if base:
        raise UnknownNameError("measure", str(name), (), f"{base} needs a depth, any whole number: {base}@10")
    known = ("AP", *(f"{one}@k" for one in _WITH_DEPTH))
    raise UnknownNameError("measure", str(name), known, f"there are: {', '.join(known)}, with any whole number k")


def look_up_measure(name: str) -> Measure:
    """Return the measure of a name.

    Parameters
    ----------
    name : str
        Name; see `measure_name`.

    Raises
    ------
    UnknownNameError
        If there is no such measure.
    """
    base, _, depth = measure_name(name).partition("@")
    return partial(_at_depth, _WITH_DEPTH[base], int(depth)) if depth else average_precision
