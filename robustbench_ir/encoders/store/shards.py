"""Files of the embedding store: the rows, and beside them an index with the texts' keys.

A shard is two files that only grow, written by one process and read by any number, so that it needs no lock::

    NAME.rows    dense: rows of float32 or float16, one after the other; tokens: the rows of a text's tokens, one text
                 after the other; sparse: a row's columns (uint32) with their values (float32), one after the other;
                 all little-endian, nothing else
    NAME.index   header: magic (8 bytes), columns (uint32), kind of an entry (uint32: 2 or 4, its bytes, for dense; 8
                 for sparse; 258 or 260, 256 more than its bytes, for tokens), then a record for each batch: rows or
                 texts (uint32), CRC-32 of them, CRC-32 of this record, a text's BLAKE2b (16 bytes) for each, and
                 if not dense the number of entries, or of rows of tokens (uint32), of each

Rows are written before their record: a row counts as soon as its record is complete. A partial record at the end
belongs to a writer that was stopped or is still writing.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from robustbench_ir.encoders.encoder import Dense, Embeddings
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings

KEY_BYTES = 16
_LENGTH_BYTES = 4
_MAGIC = b"RBIRROW1"
_HEADER = struct.Struct("<8sII")
_RECORD = struct.Struct("<III")
_SPARSE = 8
_OF_TOKENS = 256
_TYPES: dict[int, np.dtype[np.generic]] = {
    2: np.dtype("<f2"),
    4: np.dtype("<f4"),
    _OF_TOKENS + 2: np.dtype("<f2"),
    _OF_TOKENS + 4: np.dtype("<f4"),
    _SPARSE: np.dtype([("column", "<u4"), ("value", "<f4")]),
}


class DamagedShardError(Exception):
    """Files whose content does not match their checksums. It is caught inside the store."""


@dataclass(frozen=True)
class Batch:
    """Rows as they are written.

    Attributes
    ----------
    columns : int
        Dimensions of a row.
    width : int
        Kind of an entry, as in the header.
    rows : int
        Number of rows; for rows of tokens, the number of texts.
    content : bytes
        The rows.
    lengths : bytes
        For sparse rows, the number of entries of each row; for rows of tokens, the number of rows of each text.
    """

    columns: int
    width: int
    rows: int
    content: bytes
    lengths: bytes = b""


@dataclass(eq=False)
class Shard:
    """One shard, as far as it has been read.

    Attributes
    ----------
    index : pathlib.Path
        The file ``NAME.index``.
    columns : int
        Dimensions of a row.
    width : int
        Kind of an entry, as in the header.
    """

    index: Path
    columns: int
    width: int
    _read_to: int = _HEADER.size
    _starts: list[int] = field(default_factory=lambda: [0])  # first row of each batch, and the end
    _bytes: list[int] = field(default_factory=lambda: [0])  # its first byte, and the end
    _lengths: list[NDArray[np.uint32]] = field(default_factory=list)
    _checksums: list[int] = field(default_factory=list)
    _good: set[int] = field(default_factory=set)

    @property
    def rows(self) -> Path:
        """The file ``NAME.rows``."""
        return self.index.with_suffix(".rows")

    @property
    def count(self) -> int:
        """Number of rows whose records have been read."""
        return self._starts[-1]

    def read_on(self) -> Iterator[tuple[int, bytes]]:
        """Read the records that were added since the last call; yield the first row and the keys of each.

        Raises
        ------
        DamagedShardError
            If a record does not match its checksum, or if its rows are missing.
        """
        if self.index.stat().st_size == self._read_to:
            return
        with self.index.open("rb") as stream:
            stream.seek(self._read_to)
            content = stream.read()
        size = self.rows.stat().st_size
        per_row = KEY_BYTES + (_LENGTH_BYTES if self.width >= _SPARSE else 0)
        at = 0
        while len(content) - at >= _RECORD.size:
            count, of_rows, of_record = _RECORD.unpack_from(content, at)
            body = content[at + _RECORD.size : at + _RECORD.size + count * per_row]
            if len(body) < count * per_row:
                break
            lengths = np.frombuffer(body, "<u4", offset=count * KEY_BYTES)
            entries = int(lengths.sum()) if self.width >= _SPARSE else count
            columns = 1 if self.width == _SPARSE else self.columns
            stop = self._bytes[-1] + entries * columns * _TYPES[self.width].itemsize
            if _checksum(count, of_rows, body) != of_record or stop > size:
                raise DamagedShardError(self.index)
            at += _RECORD.size + len(body)
            self._read_to += _RECORD.size + len(body)
            self._checksums.append(of_rows)
            self._lengths.append(lengths)
            self._starts.append(self._starts[-1] + count)
            self._bytes.append(stop)
            yield self._starts[-2], body[: count * KEY_BYTES]

    def take(self, rows: NDArray[np.int64]) -> Embeddings:
        """Return rows by index, after checking every batch that contains one of them.

        Raises
        ------
        DamagedShardError
            If a batch does not match its checksum.
        """
        # An empty file cannot be mapped: sparse rows may all be zero.
        mapped = np.memmap(self.rows, np.uint8, mode="r") if self._bytes[-1] else np.empty(0, dtype=np.uint8)
        batches = np.unique(np.searchsorted(self._starts, rows, side="right") - 1).tolist()
        for batch in set(batches) - self._good:
            if zlib.crc32(mapped[self._bytes[batch] : self._bytes[batch + 1]].data) != self._checksums[batch]:
                raise DamagedShardError(self.rows)
            self._good.add(batch)
        entries = mapped[: self._bytes[-1]].view(_TYPES[self.width])
        if self.width == _SPARSE:
            return self._take_sparse(entries, rows)
        if self.width > _OF_TOKENS:
            return self._take_tokens(entries.reshape(-1, self.columns), rows)
        return np.asarray(entries.reshape(-1, self.columns)[rows], dtype=np.float32)

    def _take_tokens(self, entries: NDArray[np.generic], texts: NDArray[np.int64]) -> TokenEmbeddings:
        counts = np.concatenate([[0], *self._lengths]).astype(np.int64)
        ends = counts.cumsum()
        taken = [entries[ends[text] : ends[text + 1]] for text in texts.tolist()]
        return TokenEmbeddings.in_order(np.concatenate(taken).astype(np.float32), counts[texts + 1])

    def _take_sparse(self, entries: NDArray[np.generic], rows: NDArray[np.int64]) -> sp.csr_array:
        ends = np.concatenate([[0], *self._lengths]).cumsum()
        starts = ends[rows]
        lengths = ends[rows + 1] - starts
        pointers = np.concatenate([[0], lengths.cumsum()])
        taken = entries[np.repeat(starts - pointers[:-1], lengths) + np.arange(pointers[-1])]
        shape = (len(rows), self.columns)
        return sp.csr_array(
            (taken["value"].astype(np.float32), taken["column"].astype(np.int32), pointers), shape=shape
        )


def open_shard(index: Path) -> Shard | None:
    """Open a shard; return None if its header is not complete yet.

    Raises
    ------
    DamagedShardError
        If the header is malformed.
    """
    with index.open("rb") as stream:
        header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    magic, columns, width = _HEADER.unpack(header)
    if magic != _MAGIC or width not in _TYPES or not columns:
        raise DamagedShardError(index)
    return Shard(index, columns, width)


def packed_batch(rows: Embeddings) -> Batch:
    """Return rows as they are written: as float16 if that is exact, as for a model that computes in float16."""
    if isinstance(rows, np.ndarray):
        narrow = _narrowest(rows)
        return Batch(rows.shape[1], narrow.itemsize, len(rows), narrow.tobytes())
    if isinstance(rows, TokenEmbeddings):
        narrow = _narrowest(rows.gathered())
        counts = rows.counts.astype("<u4")
        return Batch(rows.shape[1], _OF_TOKENS + narrow.itemsize, len(counts), narrow.tobytes(), counts.tobytes())
    entries = np.empty(rows.nnz, dtype=_TYPES[_SPARSE])
    entries["column"], entries["value"] = rows.indices, rows.data
    lengths = np.diff(rows.indptr).astype("<u4")
    return Batch(rows.shape[1], _SPARSE, rows.shape[0], entries.tobytes(), lengths.tobytes())


def append(index: Path, keys: bytes, batch: Batch) -> int:
    """Append rows to a shard, or begin one; return the size of its rows in bytes.

    If writing fails, the appended bytes are removed, so that a full disk does not become fuller.

    Parameters
    ----------
    index : pathlib.Path
        The file ``NAME.index``.
    keys : bytes
        Keys of the texts, one after the other.
    batch : Batch
        Their rows.

    Raises
    ------
    OSError
        If the disk is full, or cannot be written to.
    """
    path = index.with_suffix(".rows")
    body = keys + batch.lengths
    of_rows = zlib.crc32(batch.content)
    record = _RECORD.pack(batch.rows, of_rows, _checksum(batch.rows, of_rows, body)) + body
    if not index.exists():
        record = _HEADER.pack(_MAGIC, batch.columns, batch.width) + record
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab", buffering=0) as stream:
            _write_all(stream.fileno(), memoryview(batch.content))
        with index.open("ab", buffering=0) as stream:
            _write_all(stream.fileno(), memoryview(record))
    except OSError:
        if path.exists():
            os.truncate(path, before)
        raise
    return before + len(batch.content)


def _narrowest(rows: Dense) -> NDArray[np.floating]:
    wide = np.ascontiguousarray(rows, dtype="<f4")
    with np.errstate(over="ignore"):
        narrow = wide.astype("<f2")
    same = np.array_equal(narrow.astype("<f4").view(np.uint32), wide.view(np.uint32))
    return narrow if same else wide


def _write_all(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _checksum(count: int, of_rows: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(struct.pack("<II", count, of_rows)))
