"""Texts to embeddings: each distinct text once, the longest first, in chunks that are checked and kept."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.sparse as sp

from robustbench_ir.encoders.encoder import Dense, Embeddings, TextsRefusedError, as_rows
from robustbench_ir.encoders.store.store import EmbeddingStore
from robustbench_ir.errors import EncoderError, RobustBenchError

_CHUNK_TEXTS = 512
_READ_TEXTS = 8192
_TEXTS_NAMED = 3
_MAPPED_BYTES = 1 << 29  # larger embeddings lie in a file, which the system may take out of memory and bring back

EncodeTexts = Callable[[Sequence[str]], Embeddings]


def encode_texts(
    encode: EncodeTexts,
    texts: Sequence[str],
    advance: Callable[[int], None] = lambda _: None,
    store: EmbeddingStore | None = None,
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
    store : EmbeddingStore, optional
        Where rows are looked up before, and kept after.

    Returns
    -------
    float32 array of shape (len(texts), dimensions)
        Dense or sparse as the encoder gives it. Dense ones above half a gibibyte are mapped from an unnamed file.

    Raises
    ------
    EncoderError
        Wrong number of rows, a row that is not finite, or an encoder that fails; the texts are named.
    """
    if not len(texts):
        return encode([])
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(text, []).append(place)
    # Texts of like length share a batch, so little is padding; ties go by text, so the order of input does not matter.
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
    """Rows on their way to the places of their texts, without a second copy of them all."""

    def __init__(self, count: int, places: dict[str, list[int]]) -> None:
        self._count = count
        self._places = places
        self._dense: Dense | None = None
        self._sparse: list[sp.csr_array] = []
        self._order: list[int] = []

    def put(self, texts: Sequence[str], rows: Embeddings) -> int:
        """Take the rows of some texts; return the number of places they went to."""
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
                f"the encoder gave {repeated.shape[1]} dimensions, and {self._dense.shape[1]} before; "
                f"all its rows must be of one length"
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
    """Return an empty array: in memory, or where it is large in a file that has no name and goes with it."""
    size = shape[0] * shape[1] * np.dtype(np.float32).itemsize
    if size >= _MAPPED_BYTES and hasattr(os, "posix_fallocate"):
        try:
            with tempfile.TemporaryFile() as file:
                # Room is taken now: a disk that fills up later would end the process without a word.
                os.posix_fallocate(file.fileno(), 0, size)
                return np.asarray(np.memmap(file, np.float32, mode="r+", shape=shape))
        except OSError:
            pass
    return np.empty(shape, dtype=np.float32)


def _recalled(
    store: EmbeddingStore, texts: Sequence[str], gathered: _Gathered, advance: Callable[[int], None]
) -> list[str]:
    """Gather what the store has of some texts, and return the others."""
    found, rows = store.read(texts)
    if found.any():
        advance(gathered.put([text for text, there in zip(texts, found, strict=True) if there], rows))
    return [text for text, there in zip(texts, found, strict=True) if not there]


def _encoded(
    encode: EncodeTexts, texts: Sequence[str], store: EmbeddingStore | None
) -> Iterator[tuple[Sequence[str], Embeddings]]:
    """Encode chunk by chunk; what another process is encoding comes last, and is then read from the store."""
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
        rows = as_rows(encode(texts))
    except Exception as error:  # an encoder is anybody's code
        if isinstance(error, RobustBenchError) and not isinstance(error, TextsRefusedError):
            raise
        raise EncoderError(_whose_fault(encode, texts, error)) from error
    _check(rows, texts)
    return rows


def _whose_fault(encode: EncodeTexts, texts: Sequence[str], error: Exception) -> str:
    """Find the text that an encoder fails on, by halves."""
    why = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".rstrip(": ")
    while len(texts) > 1:
        half = len(texts) // 2
        failing = [part for part in (texts[:half], texts[half:]) if _fails(encode, part)]
        if not failing:
            return f"the encoder fails on {len(texts)} texts at once, not on half of them ({why}); lower --batch-size"
        texts = failing[0]
    return (
        f"the encoder fails on the text {texts[0][:60]!r} ({why}); change or leave out that text, or mend the encoder"
    )


def _fails(encode: EncodeTexts, texts: Sequence[str]) -> bool:
    try:
        as_rows(encode(texts))
    except Exception:
        return True
    return False


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
