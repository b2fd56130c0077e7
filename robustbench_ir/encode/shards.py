"""The files of the embedding store: rows as they are, and beside them an index that says whose they are.

A shard is two files that only ever grow, written by one process and read by any number, so that it needs no lock::

    NAME.rows    float32 or float16 rows, one after the other, little-endian, nothing else
    NAME.index   header: magic (8 bytes), columns (uint32), bytes of a number (uint32), then a record for each batch:
                 rows (uint32), CRC-32 of the rows, CRC-32 of this record, a text's BLAKE2b (16 bytes) for each row

Rows are written before their record: a row counts as soon as its record is whole, and half a record at the end is a
writer that was stopped, or is writing now.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.encode.encoder import Dense

KEY_BYTES = 16
_MAGIC = b"RBIRROW1"
_HEADER = struct.Struct("<8sII")
_RECORD = struct.Struct("<III")
_TYPES: dict[int, np.dtype[np.floating]] = {2: np.dtype("<f2"), 4: np.dtype("<f4")}


class DamagedShardError(Exception):
    """Files that are not what was written. Never leaves the store."""


@dataclass(eq=False)
class Shard:
    """One shard, as far as it has been read.

    Attributes
    ----------
    index : pathlib.Path
        The file ``NAME.index``.
    columns : int
        Dimensions of a row.
    type : numpy.dtype
        ``float32`` or ``float16``.
    """

    index: Path
    columns: int
    type: np.dtype[np.floating]
    _read_to: int = _HEADER.size
    _starts: list[int] = field(default_factory=lambda: [0])
    _checksums: list[int] = field(default_factory=list)
    _good: set[int] = field(default_factory=set)

    @property
    def rows(self) -> Path:
        """The file ``NAME.rows``."""
        return self.index.with_suffix(".rows")

    def read_on(self) -> Iterator[tuple[int, bytes]]:
        """Read the records that were not there the last time: first row, and the keys one after the other.

        Raises
        ------
        DamagedShardError
            A record is not what was written, or the rows that it speaks of are not there.
        """
        if self.index.stat().st_size == self._read_to:
            return
        with self.index.open("rb") as stream:
            stream.seek(self._read_to)
            content = stream.read()
        size = self.rows.stat().st_size
        at = 0
        while len(content) - at >= _RECORD.size:
            count, of_rows, of_record = _RECORD.unpack_from(content, at)
            keys = content[at + _RECORD.size : at + _RECORD.size + count * KEY_BYTES]
            if len(keys) < count * KEY_BYTES:
                break
            stop = self._starts[-1] + count
            if _checksum(count, of_rows, keys) != of_record or stop * self.columns * self.type.itemsize > size:
                raise DamagedShardError(self.index)
            at += _RECORD.size + len(keys)
            self._read_to += _RECORD.size + len(keys)
            self._checksums.append(of_rows)
            self._starts.append(stop)
            yield stop - count, keys

    def take(self, rows: NDArray[np.int64]) -> Dense:
        """Return rows by number, after checking every batch that one of them is in.

        Raises
        ------
        DamagedShardError
            A batch is not what was written.
        """
        mapped = np.memmap(self.rows, self.type, mode="r", shape=(self._starts[-1], self.columns))
        batches = np.unique(np.searchsorted(self._starts, rows, side="right") - 1).tolist()
        for batch in set(batches) - self._good:
            if zlib.crc32(mapped[self._starts[batch] : self._starts[batch + 1]].data) != self._checksums[batch]:
                raise DamagedShardError(self.rows)
            self._good.add(batch)
        return np.asarray(mapped[rows], dtype=np.float32)


def open_shard(index: Path) -> Shard | None:
    """Open a shard; None if its writer has not come to the end of the header.

    Raises
    ------
    DamagedShardError
        It does not begin as a shard does.
    """
    with index.open("rb") as stream:
        header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    magic, columns, width = _HEADER.unpack(header)
    if magic != _MAGIC or width not in _TYPES or not columns:
        raise DamagedShardError(index)
    return Shard(index, columns, _TYPES[width])


def narrowest(rows: Dense) -> NDArray[np.floating]:
    """Return rows as float16 where that loses nothing, as for a model that computes in float16; else as they are."""
    wide = np.ascontiguousarray(rows, dtype="<f4")
    with np.errstate(over="ignore"):
        narrow = wide.astype("<f2")
    same = np.array_equal(narrow.astype("<f4").view(np.uint32), wide.view(np.uint32))
    return narrow if same else wide


def append(index: Path, keys: bytes, rows: NDArray[np.floating]) -> int:
    """Add rows to the end of a shard, or begin one; return the size of its rows in bytes.

    A writer that fails takes back what it has written, so that a full disk is no fuller than before.

    Raises
    ------
    OSError
        The disk is full, or cannot be written to.
    """
    path = index.with_suffix(".rows")
    record = _RECORD.pack(len(rows), of_rows := zlib.crc32(rows.data), _checksum(len(rows), of_rows, keys)) + keys
    if not index.exists():
        record = _HEADER.pack(_MAGIC, rows.shape[1], rows.itemsize) + record
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab", buffering=0) as stream:
            _write_all(stream.fileno(), rows.data.cast("B"))
        with index.open("ab", buffering=0) as stream:
            _write_all(stream.fileno(), memoryview(record))
    except OSError:
        if path.exists():
            os.truncate(path, before)
        raise
    return before + rows.nbytes


def _write_all(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _checksum(count: int, of_rows: int, keys: bytes) -> int:
    return zlib.crc32(keys, zlib.crc32(struct.pack("<II", count, of_rows)))
