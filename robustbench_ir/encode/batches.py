"""Texts to embeddings: each distinct text once, the longest first, in chunks that can report and be checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp

from robustbench_ir.encode.encoder import Embeddings
from robustbench_ir.errors import EncoderError

_CHUNK_TEXTS = 512
_TEXTS_NAMED = 3

EncodeTexts = Callable[[Sequence[str]], Embeddings]


def encode_texts(
    encode: EncodeTexts, texts: Sequence[str], advance: Callable[[int], None] = lambda _: None
) -> Embeddings:
    """Encode texts.

    Parameters
    ----------
    encode : callable
        An encoder's `encode_queries` or `encode_passages`.
    texts : sequence of str
        May repeat.
    advance : callable, optional
        Told the number of texts done since the last call.

    Returns
    -------
    float32 array of shape (len(texts), dimensions)
        Dense or sparse as the encoder gives it.

    Raises
    ------
    EncoderError
        Wrong number of rows, or a row that is not finite; the texts are named.
    """
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    # Texts of like length share a batch, so little is padding; ties go by text, so the order of input does not matter.
    distinct = sorted(counts, key=lambda text: (-len(text), text))
    parts = []
    for start in range(0, len(distinct), _CHUNK_TEXTS):
        chunk = distinct[start : start + _CHUNK_TEXTS]
        rows = encode(chunk)
        _check(rows, chunk)
        parts.append(rows)
        advance(sum(counts[text] for text in chunk))
    place = {text: row for row, text in enumerate(distinct)}
    stacked: Embeddings = _stacked(parts)[[place[text] for text in texts]]
    return stacked


def _stacked(parts: Sequence[Embeddings]) -> Embeddings:
    dense = [part for part in parts if isinstance(part, np.ndarray)]
    if len(dense) == len(parts):
        return np.concatenate(dense)
    sparse = [part for part in parts if not isinstance(part, np.ndarray)]
    stacked: sp.csr_array = sp.vstack(sparse, format="csr")
    return stacked


def _check(rows: Embeddings, texts: Sequence[str]) -> None:
    if rows.ndim != 2 or rows.shape[0] != len(texts):
        raise EncoderError(
            f"the encoder gave an array of shape {rows.shape} for {len(texts)} texts; one row each is wanted"
        )
    finite = np.isfinite(rows.data if sp.issparse(rows) else rows)
    if not finite.all():
        # A sparse row is bad if any of its stored values is.
        bad = np.flatnonzero(~np.isfinite(rows.sum(axis=1)))
        named = ", ".join(repr(texts[row][:60]) for row in bad[:_TEXTS_NAMED])
        raise EncoderError(
            f"the encoder gave NaN or infinite embeddings for {len(bad)} texts, such as {named}; "
            f"try another dtype or shorten them with a maximum length"
        )
