"""Encode texts: each distinct text once, the longest first, in chunks that are checked and stored."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from robustbench_ir.encoders.encoder import Dense, Embeddings, TextsRefusedError, as_embeddings
from robustbench_ir.encoders.store.store import EmbeddingStore
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
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
    known: EmbeddingStore | None = None,
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
    known : EmbeddingStore, optional
        Store that is asked first, and that is not written to.

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
    missing = distinct
    for one in (known, store):
        if one is not None:
            blocks = (missing[start : start + _READ_TEXTS] for start in range(0, len(missing), _READ_TEXTS))
            missing = [text for block in blocks for text in _recalled(one, block, gathered, advance)]
    for chunk, rows in _encoded(encode, missing, store):
        advance(gathered.put(chunk, rows))
    return gathered.rows()


class _Gathered:
    """Collects the rows of texts in one array, without a second copy of all of them."""

    def __init__(self, count: int, places: dict[str, list[int]]) -> None:
        self._count = count
        self._places = places
        self._dense: Dense | None = None
        self._tokens: _Tokens | None = None
        self._sparse: list[sp.csr_array] = []
        self._order: list[int] = []

    def put(self, texts: Sequence[str], rows: Embeddings) -> int:
        """Store the rows of some texts; return the number of places that they fill."""
        targets = [self._places[text] for text in texts]
        order = [place for places in targets for place in places]
        repeats = [len(places) for places in targets]
        repeated = rows if len(order) == len(texts) else rows[np.repeat(np.arange(len(texts)), repeats)]
        if isinstance(repeated, TokenEmbeddings):
            self._tokens = self._tokens or _Tokens(repeated.shape[1])
            self._tokens.put(repeated)
            self._order += order
            return len(order)
        if not isinstance(repeated, np.ndarray):
            self._sparse.append(repeated)
            self._order += order
            return len(order)
        if self._dense is None:
            self._dense = _room((self._count, repeated.shape[1]))
        if self._dense.shape[1] != repeated.shape[1]:
            raise _changed_dimensions(self._dense.shape[1], repeated.shape[1])
        self._dense[order] = repeated
        return len(order)

    def rows(self) -> Embeddings:
        """Return all rows, in the order of the texts."""
        if self._dense is not None:
            return self._dense
        if self._tokens is not None:
            return self._tokens.all()[np.argsort(self._order)]
        stacked: sp.csr_array = sp.vstack(self._sparse, format="csr")
        return stacked[np.argsort(self._order)]


def _changed_dimensions(before: int, now: int) -> EncoderError:
    return EncoderError(
        f"the encoder returned {now} dimensions, and {before} before; all its rows must have the same length"
    )


class _Tokens:
    """Rows of tokens, whose number is known only at the end; where they are many, in a file that has no name."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._rows: list[Dense] = []
        self._starts: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.int64]] = []
        self._end = 0
        self._file: BinaryIO | None = None

    def put(self, texts: TokenEmbeddings) -> None:
        """Take the rows of some texts, which may share them."""
        if texts.shape[1] != self._dimensions:
            raise _changed_dimensions(self._dimensions, texts.shape[1])
        self._starts.append(texts.starts + self._end)
        self._counts.append(texts.counts)
        self._end += len(texts.rows)
        self._rows.append(texts.rows)
        if self._file or self._end * self._dimensions * np.dtype(np.float32).itemsize >= _MAPPED_BYTES:
            self._write()

    def all(self) -> TokenEmbeddings:
        """Return all texts, in the order in which they came."""
        if self._file:
            self._file.flush()
            rows = np.asarray(np.memmap(self._file, np.float32, mode="r", shape=(self._end, self._dimensions)))
        else:
            rows = np.concatenate(self._rows)
        return TokenEmbeddings(rows, np.concatenate(self._starts), np.concatenate(self._counts))

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 it outlives this function
                weakref.finalize(self, self._file.close)  # what is mapped from it stays
            for rows in self._rows:
                self._file.write(np.ascontiguousarray(rows).data)
        except OSError as error:
            raise EncoderError(
                f"the rows of {self._end:,} tokens do not fit into {tempfile.gettempdir()} ({error.strerror}); make "
                f"room there, or name another folder by TMPDIR"
            ) from error
        self._rows = []


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
        rows = as_embeddings(encode(texts))
    except Exception as error:  # an encoder may be any user's code
        if isinstance(error, RobustBenchError) and not isinstance(error, TextsRefusedError):
            raise
        raise EncoderError(_whose_fault(encode, texts, error)) from error
    _check(rows, texts)
    return rows


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
        as_embeddings(encode(texts))
    except Exception:
        return True
    return False


def _check(rows: Embeddings, texts: Sequence[str]) -> None:
    if len(rows.shape) != 2 or rows.shape[0] != len(texts):
        raise EncoderError(
            f"the encoder returned an array of shape {rows.shape} for {len(texts)} texts; one row for each is needed"
        )
    bad = _not_finite(rows)
    if len(bad):
        named = ", ".join(repr(texts[row][:60]) for row in bad[:_TEXTS_NAMED])
        raise EncoderError(
            f"the encoder returned NaN or infinite embeddings for {len(bad)} texts, such as {named}; "
            f"try another dtype or shorten them with a maximum length"
        )


def _not_finite(rows: Embeddings) -> NDArray[np.intp]:
    """Return the texts with a value that is no finite number."""
    if isinstance(rows, TokenEmbeddings):
        finite = np.isfinite(rows.rows).all(axis=1)
        places = np.flatnonzero(~finite)
        bad = [(rows.starts <= place) & (place < rows.starts + rows.counts) for place in places]
        return np.flatnonzero(np.any(bad, axis=0)) if bad else places
    if np.isfinite(rows if isinstance(rows, np.ndarray) else rows.data).all():
        return np.empty(0, dtype=np.intp)
    # A sparse row is bad if any of its stored values is.
    return np.flatnonzero(~np.isfinite(rows.sum(axis=1)))
