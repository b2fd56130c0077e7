"""How fast a model encodes in other types of its weights, on this machine."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from robustbench_ir.encoders.multi_vector import LateInteractionEncoder
from robustbench_ir.encoders.sentence_transformer import PROBES, SentenceTransformerEncoder

FASTER = 1.2
"""How many times as fast another type must be before it is worth naming; less may be noise."""

_BATCH = [" ".join(PROBES * 2)] * 8  # passages of a few sentences
_SECONDS = 0.5
_MOST_BATCHES = 8
_WITHOUT_TRANSFORMER = frozenset({"static"})


class Speed(NamedTuple):
    """How fast a type of the weights is.

    Attributes
    ----------
    dtype : str
        Such as ``"bfloat16"``.
    ratio : float
        Texts per second, as a multiple of those in the type that the model runs in.
    """

    dtype: str
    ratio: float


def measured_speeds(
    encoder: SentenceTransformerEncoder | LateInteractionEncoder, stored: str, backend: str
) -> tuple[Speed, ...]:
    """Encode a few batches in each type that could be of use here; the encoder itself stays as it is.

    Parameters
    ----------
    encoder : SentenceTransformerEncoder or LateInteractionEncoder
        The loaded encoder.
    stored : str
        The type in which its files have it; empty if they do not say.
    backend : str
        Library that computes the embeddings.

    Returns
    -------
    tuple of Speed
        That of the present type first; empty where a type means nothing: for tables of vectors, and for exported files.
    """
    who = encoder.description
    if backend != "torch" or who.kind in _WITHOUT_TRANSFORMER or not who.dtype:
        return ()
    halves = ("bfloat16", stored) if encoder.model.device.type == "cpu" else ("float16", "bfloat16")
    others = (dtype for dtype in dict.fromkeys(("float32", *halves)) if dtype and dtype != who.dtype)
    present = _seconds(encoder.encode_passages)
    speeds = [Speed(who.dtype, 1.0)]
    for dtype in others:
        seconds = _seconds_in(encoder, dtype)
        if seconds:
            speeds.append(Speed(dtype, present / seconds))
    return tuple(speeds)


def _seconds_in(encoder: SentenceTransformerEncoder | LateInteractionEncoder, dtype: str) -> float | None:
    """Return the seconds of a batch in another type; None where the model cannot run in it."""
    import torch

    try:
        changes: dict[str, Any] = {"model": copy.deepcopy(encoder.model).to(getattr(torch, dtype)), "devices": ()}
        other = replace(encoder, **changes)
        return _seconds(other.encode_passages)
    except Exception:  # a model's own code may raise anything
        return None


def _seconds(encode: Callable[[Sequence[str]], object]) -> float:
    """Return the seconds of the fastest batch, which other programs on this machine disturbed least."""
    encode(_BATCH)
    found: list[float] = []
    while sum(found) < _SECONDS and len(found) < _MOST_BATCHES:
        start = time.perf_counter()
        encode(_BATCH)
        found.append(time.perf_counter() - start)
    return min(found)
