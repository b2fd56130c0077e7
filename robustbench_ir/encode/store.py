"""Embeddings that are kept between runs, so that a pool is encoded once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np

from robustbench_ir.encode.batches import EncodeTexts
from robustbench_ir.encode.encoder import Embeddings
from robustbench_ir.files import read_checked, write_checked


def remembering(encode: EncodeTexts, folder: Path, key: str) -> EncodeTexts:
    """Wrap an encoding function so that what it gave for a list of texts is read back the next time.

    Parameters
    ----------
    encode : callable
        Texts to embeddings; sparse ones are cheap and are not kept.
    folder : pathlib.Path
        Where the files lie.
    key : str
        Identity of the function: another key, another embedding.
    """

    def encode_or_recall(texts: Sequence[str]) -> Embeddings:
        hasher = blake2b(key.encode(), digest_size=16)
        for text in texts:
            hasher.update(b"\x00" + text.encode())
        path = folder / f"{hasher.hexdigest()}.npy"
        known = read_checked(path)
        if known is not None:
            rows: Embeddings = np.load(io.BytesIO(known), allow_pickle=False)
            return rows
        fresh = encode(texts)
        if isinstance(fresh, np.ndarray) and np.isfinite(fresh).all():
            buffer = io.BytesIO()
            np.save(buffer, fresh, allow_pickle=False)
            write_checked(path, buffer.getvalue())
        return fresh

    return encode_or_recall
