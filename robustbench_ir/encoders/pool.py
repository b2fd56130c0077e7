"""The pool of a task, encoded once for each encoder, ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from robustbench_ir._base.cache import current_cache
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.encoder import Embeddings, Encoder, PoolEncoder
from robustbench_ir.encoders.store.store import EmbeddingStore, embedding_store


def fitted_on(encoder: Encoder, passages: Sequence[str]) -> Encoder:
    """Return the encoder for this pool: itself, unless its vectors depend on the pool."""
    return encoder.fitted(passages) if isinstance(encoder, PoolEncoder) else encoder


def passage_store(encoder: Encoder) -> EmbeddingStore | None:
    """Return where the passages of an encoder are kept; None where nothing may be kept."""
    return embedding_store(encoder, current_cache().of("embeddings"), "passage")


def encode_pool(
    encoder: Encoder, fitted: Encoder, passages: Sequence[str], advance: Callable[[int], None] = lambda _: None
) -> Embeddings:
    """Encode a pool, but for the passages that are kept from earlier.

    Parameters
    ----------
    encoder, fitted : Encoder
        As it is, and as `fitted_on` gives it for these passages.
    passages : sequence of str
        May repeat.
    advance : callable, optional
        Told the number of passages done since the last call.

    Returns
    -------
    float32 array of shape (len(passages), dimensions)
        Dense or sparse.
    """
    return encode_texts(fitted.encode_passages, passages, advance, passage_store(encoder))
