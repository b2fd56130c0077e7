"""The pool of a task, which is encoded only once for each encoder."""

from __future__ import annotations

from collections.abc import Sequence

from robustbench_ir._base.cache import current_cache
from robustbench_ir.encoders.encoder import Encoder, PoolEncoder
from robustbench_ir.encoders.store.store import EmbeddingStore, embedding_store

_TEXTS_LOOKED_UP = 4096


def fitted_on(encoder: Encoder, passages: Sequence[str]) -> Encoder:
    """Return the encoder fitted on a pool; the encoder itself if its vectors do not depend on the pool.

    Parameters
    ----------
    encoder : Encoder
        The encoder.
    passages : sequence of str
        Texts of the pool.
    """
    return encoder.fitted(passages) if isinstance(encoder, PoolEncoder) else encoder


def passage_store(encoder: Encoder, noise: str = "") -> EmbeddingStore | None:
    """Return the store of an encoder's passages; None if nothing may be stored.

    Parameters
    ----------
    encoder : Encoder
        The encoder.
    noise : str
        Digest of a perturbed pool, for the passages that only this pool has.
    """
    return embedding_store(encoder, current_cache().of("embeddings"), "passage", noise)


def passages_left(encoder: Encoder, passages: Sequence[str], noise: str = "") -> int:
    """Return the number of distinct passages that no earlier run has encoded.

    Parameters
    ----------
    encoder : Encoder
        The encoder.
    passages : sequence of str
        Texts of the pool.
    noise : str
        Digest of a perturbed pool; see `passage_store`.
    """
    texts = list(dict.fromkeys(passages))
    store = passage_store(encoder, noise)
    if store is None:
        return len(texts)
    blocks = (texts[start : start + _TEXTS_LOOKED_UP] for start in range(0, len(texts), _TEXTS_LOOKED_UP))
    return len(texts) - sum(int(store.read(block)[0].sum()) for block in blocks)
