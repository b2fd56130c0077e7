"""Embeddings by content: a text is encoded only once for each encoder and side.

Stored rows are returned bit for bit; missing ones are encoded and added. Any number of processes may share a store:
each writes shards of its own (see `robustbench_ir.encoders.store.shards`) and reads those of all.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from robustbench_ir._base.cache import Cache, current_cache, entry_key, make_room, warn_not_kept
from robustbench_ir._base.files import write_whole
from robustbench_ir.encoders.encoder import Embeddings, Encoder, EncoderDescription, PoolEncoder, stack
from robustbench_ir.encoders.lexical import CharacterNgrams
from robustbench_ir.encoders.store.limits import ABOUT
from robustbench_ir.encoders.store.shards import KEY_BYTES, DamagedShardError, Shard, append, open_shard, packed_batch
from robustbench_ir.errors import EncoderError, ResultError

Side = Literal["query", "passage"]

_LOG = logging.getLogger("robustbench_ir")

_SHARD_BYTES = 1 << 26  # rows that must be encoded again if a shard is damaged or removed
_CLAIMS = 64
_ROW_BITS = 40


def embedding_store(encoder: Encoder, folder: Path, side: Side, batch: str = "") -> EmbeddingStore | None:
    """Return the store of an encoder's queries or passages, or None if nothing may be stored.

    Nothing is stored if the encoder has no fingerprint, so that it cannot be distinguished from another one; if a row
    depends on the pool and not only on its text; or if rows are computed faster than they are read.

    Parameters
    ----------
    encoder : Encoder
        The encoder.
    folder : pathlib.Path
        Folder of all stores.
    side : {"query", "passage"}
        Function of the encoder that makes the rows.
    batch : str
        Texts of one batch, such as the queries of one cell, have a store of their own: the last bits of a row depend on
        the texts that it was encoded with, and must not depend on other cells.
    """
    if side == "passage":  # a defence does not change passages: their rows are those of the encoder behind it
        while hasattr(encoder, "passage_encoder"):
            encoder = encoder.passage_encoder
    who = encoder.description
    if not who.fingerprint or isinstance(encoder, PoolEncoder | CharacterNgrams):
        return None
    if batch:
        who = replace(who, fingerprint=f"{who.fingerprint}|{batch}")
    return EmbeddingStore(folder, who, side)


class EmbeddingStore:
    """Rows of one encoder and one side, by text.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of all stores.
    encoder : EncoderDescription
        Description of the encoder, whose fingerprint selects the rows.
    side : {"query", "passage"}
        Function of the encoder that makes the rows.
    """

    def __init__(self, folder: Path, encoder: EncoderDescription, side: Side) -> None:
        self.folder = folder / entry_key(encoder.fingerprint, side)
        self._about = {"encoder": encoder.name, "fingerprint": encoder.fingerprint, "side": side}
        self._shards: list[Shard] = []
        self._numbers: dict[str, int] = {}
        self._bad: set[str] = set()
        self._places: dict[bytes, int] = {}
        self._writing: tuple[Path, int, int] | None = None
        self._keeps = True
        self._used: set[str] = set()

    def read(self, texts: Sequence[str]) -> tuple[NDArray[np.bool_], Embeddings]:
        """Look up the rows of texts.

        Returns
        -------
        found : bool array of shape (texts,)
            Mask of the texts that the store has.
        rows : float32 array of shape (found, dimensions)
            Their rows, in order.
        """
        keys = [text_key(text) for text in texts]
        while True:
            self._look_again()
            places = np.array([self._places.get(key, -1) for key in keys], dtype=np.int64)
            found = places >= 0
            rows = self._take(places[found])
            if rows is not None:
                return found, rows

    def keep(self, texts: Sequence[str], rows: Embeddings) -> None:
        """Add the rows of texts; if the folder cannot be written to, warn once and store nothing from then on.

        Parameters
        ----------
        texts : sequence of str
            The texts.
        rows : float32 array of shape (texts, dimensions)
            Their embeddings, dense or sparse.

        Raises
        ------
        EncoderError
            If the store has rows with another number of dimensions under the same fingerprint.
        """
        if not self._keeps or not len(texts):
            return
        if self._shards and self._shards[0].columns != rows.shape[1]:
            raise EncoderError(
                f"{self._about['encoder']}: returned {rows.shape[1]} dimensions, and {self._shards[0].columns} in an "
                f"earlier run; give it another fingerprint, or `irbench cache prune --encoder {self._about['encoder']}`"
            )
        batch = packed_batch(rows)
        try:
            index = self._shard_to_write(batch.width)
            size = append(index, b"".join(map(text_key, texts)), batch)
            self._writing = (index, size, batch.width)
        except (OSError, ResultError) as error:
            self._keeps = False
            warn_not_kept(self.folder.parent.parent, error)

    @contextmanager
    def claim(self, texts: Sequence[str], wait: bool) -> Iterator[bool]:
        """Announce that these texts are being encoded; yield False if another process has already done so.

        The claim of a process ends with the process. If files cannot be locked, every process encodes for itself.

        Parameters
        ----------
        texts : sequence of str
            The texts.
        wait : bool
            Whether to wait until the other process has finished.
        """
        slot = int.from_bytes(text_key("\0".join(texts))[:4]) % _CLAIMS
        lock = None
        try:
            (self.folder / "claims").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "claims" / f"{slot}.lock")
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        except (OSError, NotImplementedError):
            lock = None
        try:
            yield True
        finally:
            if lock is not None:
                lock.release()

    def _shard_to_write(self, width: int) -> Path:
        if self._writing is not None:
            index, size, written = self._writing
            if size < _SHARD_BYTES and written == width and index.exists():
                return index
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / ABOUT
        if not about.exists():
            write_whole(about, json.dumps(self._about, ensure_ascii=False).encode())
        make_room(Cache(self.folder.parent.parent, current_cache().limit), spare=self._used)
        # The name begins with the time, since shards are read in order and the first row of a text counts.
        index = self.folder / f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}.index"
        self._used.add(index.stem)
        return index

    def _look_again(self) -> None:
        """Read the rows that this and other processes have added since the last call."""
        for index in sorted(self.folder.glob("*.index")):
            if index.name in self._bad:
                continue
            try:
                if index.name not in self._numbers:
                    shard = open_shard(index)
                    if shard is None:
                        continue
                    self._numbers[index.name] = len(self._shards)
                    self._shards.append(shard)
                self._take_in(self._numbers[index.name])
            except DamagedShardError:
                self._set_aside(index)
            except FileNotFoundError:  # another process has just removed it
                self._forget(index)

    def _take_in(self, number: int) -> None:
        base = number << _ROW_BITS
        for first, keys in self._shards[number].read_on():
            for row, at in enumerate(range(0, len(keys), KEY_BYTES), base + first):
                self._places.setdefault(keys[at : at + KEY_BYTES], row)

    def _take(self, places: NDArray[np.int64]) -> Embeddings | None:
        """Return rows, or None if a shard turned out to be damaged or was removed."""
        numbers = places >> _ROW_BITS
        parts: list[Embeddings] = []
        order: list[NDArray[np.intp]] = []
        for number in np.unique(numbers).tolist():
            shard = self._shards[number]
            here = np.flatnonzero(numbers == number)
            try:
                parts.append(shard.take(places[here] & ((1 << _ROW_BITS) - 1)))
            except DamagedShardError:
                self._set_aside(shard.index)
                return None
            except FileNotFoundError:
                self._forget(shard.index)
                return None
            order.append(here)
            self._note_use(shard)
        if len(parts) < 2:
            return parts[0] if parts else np.empty((0, 0), dtype=np.float32)
        stacked: Embeddings = stack(parts)[np.argsort(np.concatenate(order))]
        return stacked

    def _note_use(self, shard: Shard) -> None:
        """Record the time of last use, once a run, where `irbench cache` looks for it."""
        if shard.index.stem not in self._used:
            self._used.add(shard.index.stem)
            with suppress(OSError):
                os.utime(shard.rows)

    def _set_aside(self, index: Path) -> None:
        """Rename a damaged shard, so that no process reads it, and warn; its texts are encoded again."""
        self._forget(index)
        with suppress(OSError):  # in a read-only folder it stays where it is
            index.with_suffix(".rows").replace(index.with_suffix(".rows.damaged"))
        with suppress(OSError):
            index.replace(index.with_suffix(".index.damaged"))
        _LOG.warning(
            "%s: is damaged (bit rot, or truncated); its texts are encoded again by %s, nothing needs to be done",
            index.with_suffix(".rows"),
            self._about["encoder"],
        )

    def _forget(self, index: Path) -> None:
        self._bad.add(index.name)
        number = self._numbers.get(index.name)
        self._places = {key: place for key, place in self._places.items() if place >> _ROW_BITS != number}
        if self._writing is not None and self._writing[0] == index:
            self._writing = None


def text_key(text: str) -> bytes:
    """Return the key of a text: BLAKE2b of its UTF-8, 16 bytes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
