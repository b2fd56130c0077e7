"""Encode texts: each distinct text once, the longest first, in chunks that are checked and stored."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from robustbench_ir.encoders.encoder import Dense, Embeddings, TextsRefusedError
from robustbench_ir.encoders.store.store import EmbeddingStore
from robustbench_ir.errors import EncoderError, RobustBenchError

_CHUNK_TEXTS = 512
_READ_TEXTS = 8192
_TEXTS_NAMED = 3
_MAPPED_BYTES = 1 << 29  # larger embeddings are in a file, which the system can page out of memory

EncodeTexts = Callable[[Sequence[str]], Embeddings]


def encode_texts(
    encode: EncodeTexts,
    texts: Sequence[str],
    advance: Callable[[int], None] = lambda _: None,
    store: EmbeddingStore | None = None,
) -> Embeddings:
    """Return the embeddings of texts.

    Parameters
    ----------
    encode : callable
        An encoder's `encode_queries` or `encode_passages`.
    texts : sequence of str
        Texts; they may repeat.
    advance : callable, optional
        Called with the number of texts that were encoded since the last call.
    store : EmbeddingStore, optional
        Store from which known rows are read and to which new ones are written.

    Returns
    -------
    float32 array of shape (len(texts), dimensions)
        Dense or sparse, as the encoder returns it. Dense arrays above half a gibibyte are mapped from an unnamed file.

    Raises
    ------
    EncoderError
        If the encoder fails, returns a wrong number of rows, or returns a row that is not finite; the texts are named.
    """
    if not len(texts):
        return encode([])
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(text, []).append(place)
    # Texts of similar length share a batch, which needs little padding. The order does not depend on the input's.
    distinct = sorted(places, key=lambda text: (-len(text), text))
    gathered = _Gathered(len(texts), places)
    missing: list[str] = distinct if store is None else []
    if store is not None:
        for start in range(0, len(distinct), _READ_TEXTS):
            missing += _recalled(store, distinct[start : start + _READ_TEXTS], gathered, advance)
    for chunk, rows in _encoded(encode, missing, store):
        advance(gathered.put(chunk, rows))
    return gathered.rows()


class _Gathered:
    """Collects the rows of texts in one array, without a second copy of all of them."""

    def __init__(self, count: int, places: dict[str, list[int]]) -> None:
        self._count = count
        self._places = places
        self._dense: Dense | None = None
        self._sparse: list[sp.csr_array] = []
        self._order: list[int] = []

    def put(self, texts: Sequence[str], rows: Embeddings) -> int:
        """Store the rows of some texts; return the number of places that they fill."""
        targets = [self._places[text] for text in texts]
        order = [place for places in targets for place in places]
        repeats = [len(places) for places in targets]
        repeated = rows if len(order) == len(texts) else rows[np.repeat(np.arange(len(texts)), repeats)]
        if not isinstance(repeated, np.ndarray):
            self._sparse.append(repeated)
            self._order += order
            return len(order)
        if self._dense is None:
            self._dense = _room((self._count, repeated.shape[1]))
        if self._dense.shape[1] != repeated.shape[1]:
            raise EncoderError(
                f"the encoder returned {repeated.shape[1]} dimensions, and {self._dense.shape[1]} before; "
                f"all its rows must have the same length"
            )
        self._dense[order] = repeated
        return len(order)

    def rows(self) -> Embeddings:
        """Return all rows, in the order of the texts."""
        if self._dense is not None:
            return self._dense
        stacked: sp.csr_array = sp.vstack(self._sparse, format="csr")
        return stacked[np.argsort(self._order)]


def _room(shape: tuple[int, int]) -> Dense:
    """Return an empty array: in memory, or if it is large, mapped from an unnamed file that is deleted with it."""
    size = shape[0] * shape[1] * np.dtype(np.float32).itemsize
    if size >= _MAPPED_BYTES and hasattr(os, "posix_fallocate"):
        try:
            with tempfile.TemporaryFile() as file:
                # The space is reserved now: if the disk filled up later, the process would be killed without a message.
                os.posix_fallocate(file.fileno(), 0, size)
                return np.asarray(np.memmap(file, np.float32, mode="r+", shape=shape))
        except OSError:
            pass
    return np.empty(shape, dtype=np.float32)


def _recalled(
    store: EmbeddingStore, texts: Sequence[str], gathered: _Gathered, advance: Callable[[int], None]
) -> list[str]:
    """Gather the rows that the store has; return the texts that it lacks."""
    found, rows = store.read(texts)
    if found.any():
        advance(gathered.put([text for text, there in zip(texts, found, strict=True) if there], rows))
    return [text for text, there in zip(texts, found, strict=True) if not there]


def _encoded(
    encode: EncodeTexts, texts: Sequence[str], store: EmbeddingStore | None
) -> Iterator[tuple[Sequence[str], Embeddings]]:
    """Encode chunk by chunk; chunks that another process is encoding come last, and are then read from the store."""
    chunks = [texts[start : start + _CHUNK_TEXTS] for start in range(0, len(texts), _CHUNK_TEXTS)]
    left = []
    for chunk in chunks:
        if store is None:
            yield chunk, _checked(encode, chunk)
            continue
        with store.claim(chunk, wait=False) as mine:
            if mine:
                yield from _once(encode, chunk, store)
            else:
                left.append(chunk)
    for chunk in left:
        if store is not None:
            with store.claim(chunk, wait=True):
                yield from _once(encode, chunk, store)


def _once(
    encode: EncodeTexts, texts: Sequence[str], store: EmbeddingStore
) -> Iterator[tuple[Sequence[str], Embeddings]]:
    found, known = store.read(texts)
    if found.any():
        yield [text for text, there in zip(texts, found, strict=True) if there], known
    missing = [text for text, there in zip(texts, found, strict=True) if not there]
    if missing:
        rows = _checked(encode, missing)
        store.keep(missing, rows)
        yield missing, rows


def _checked(encode: EncodeTexts, texts: Sequence[str]) -> Embeddings:
    try:
        rows = _as_rows(encode(texts))
    except Exception as error:  # an encoder may be any user's code
        if isinstance(error, RobustBenchError) and not isinstance(error, TextsRefusedError):
            raise
        raise EncoderError(_whose_fault(encode, texts, error)) from error
    _check(rows, texts)
    return rows


def _as_rows(given: Embeddings) -> Embeddings:
    """Return the output of a user's encoder as float32 rows: lists, tensors, other types and other sparse formats."""
    if sp.issparse(given):
        rows: sp.csr_array = sp.csr_array(given).astype(np.float32, copy=False)
        return rows
    return np.asarray(given, dtype=np.float32)


def _whose_fault(encode: EncodeTexts, texts: Sequence[str], error: Exception) -> str:
    """Return a message that names the text on which the encoder fails, found by halving."""
    why = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".rstrip(": ")
    while len(texts) > 1:
        half = len(texts) // 2
        failing = [part for part in (texts[:half], texts[half:]) if _fails(encode, part)]
        if not failing:
            return f"the encoder fails on {len(texts)} texts at once, not on half of them ({why}); lower --batch-size"
        texts = failing[0]
    return (
        f"the encoder fails on the text {texts[0][:60]!r} ({why}); change or remove that text, or correct the encoder"
    )


def _fails(encode: EncodeTexts, texts: Sequence[str]) -> bool:
    try:
        encode(texts)
    except Exception:
        return True
    return False


def _check(rows: Embeddings, texts: Sequence[str]) -> None:
    if rows.ndim != 2 or rows.shape[0] != len(texts):
        raise EncoderError(
            f"the encoder returned an array of shape {rows.shape} for {len(texts)} texts; one row for each is needed"
        )
    finite = np.isfinite(rows.data if sp.issparse(rows) else rows)
    if not finite.all():
        # A sparse row is bad if any of its stored values is.
        bad = np.flatnonzero(~np.isfinite(rows.sum(axis=1)))
        named = ", ".join(repr(texts[row][:60]) for row in bad[:_TEXTS_NAMED])
        raise EncoderError(
            f"the encoder returned NaN or infinite embeddings for {len(bad)} texts, such as {named}; "
            f"try another dtype or shorten them with a maximum length"
        )
