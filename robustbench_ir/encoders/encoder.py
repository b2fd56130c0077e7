"""The interface of an encoder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.errors import EncoderError

Dense = NDArray[np.float32]
Vectors = Dense | sp.csr_array
"""Rows of float32, dense of shape (texts, dimensions) or sparse. The score of a pair is the dot product of its rows."""
Embeddings = Vectors | TokenEmbeddings
"""A row of float32 for each text, or one for each of its tokens; the score of a pair is then MaxSim."""


class TextsRefusedError(EncoderError):
    """An encoder refuses one of the texts; the failing text is then searched for."""


@dataclass(frozen=True)
class EncoderDescription:
    """Description of an encoder.

    Attributes
    ----------
    name : str
        Name that the user gave.
    fingerprint : str
        Hash of weights, prompts, lengths and types; it changes whenever an embedding could change.
    similarity : str
        ``"cosine"`` (rows have length 1), ``"dot"``, ``"euclidean"`` (see `robustbench_ir.encoders.distances`),
        ``"maxsim"`` or ``"meanmaxsim"`` (a row for each token), or a
        name such as ``"bm25"``.
    dimensions : int
        Columns of the embeddings, 0 if they depend on the pool.
    revision : str
        Commit on the model hub, or empty.
    query_prompt, passage_prompt : str
        Prefix of each text.
    versions : tuple of (str, str)
        Libraries that compute the embeddings, with their versions.
    preprocessing : str
        Defence before the encoder, such as ``normalised:nfkc``; empty without one.
    kind : str
        See `robustbench_ir.encoders.kinds.Kind`, such as ``"dense"`` or ``"sparse"``; empty if it is not known.
    dtype : str
        Type in which the rows are computed; empty if it is not known.
    token_limit : int
        Number of tokens after which a text is cut; 0 if there is no limit, or if it is not known.
    query_task, passage_task : str
        Task that a model which takes one receives for each side.
    origins : tuple of (str, str)
        Where the prompts and the similarity come from: an option, the model's own files, or its family.
    notes : tuple of str
        What a reader of the numbers should know about the encoder, one line each.
    retrieves_zero : bool
        Whether a passage with the score 0 is retrieved. A search engine does not return passages that share no word
        with the query: they have no rank then, as those that a run lacks.
    given : str
        What the encoder is loaded by, where `name` is one that the user chose for it; otherwise empty.
    """

    name: str
    fingerprint: str
    similarity: str
    dimensions: int
    revision: str = ""
    query_prompt: str = ""
    passage_prompt: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    preprocessing: str = ""
    kind: str = ""
    dtype: str = ""
    token_limit: int = 0
    query_task: str = ""
    passage_task: str = ""
    origins: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    retrieves_zero: bool = True
    given: str = ""

    @property
    def loaded_by(self) -> str:
        """What `--model` takes to load the encoder again."""
        return self.given or self.name


class Encoder(Protocol):
    """Turns texts into vectors; the dot product of two vectors is the score of a passage for a query.

    A user's class needs only these three members.
    """

    @property
    def description(self) -> EncoderDescription:
        """Name and fingerprint."""

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Encode queries: one finite float32 row for each text, in order."""

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Encode passages: one finite float32 row for each text, in order."""


@runtime_checkable
class PoolEncoder(Protocol):
    """An encoder whose vectors depend on the pool, such as BM25 with its document frequencies."""

    def fitted(self, passages: Sequence[str]) -> Encoder:
        """Return the encoder fitted on this pool."""


@runtime_checkable
class TakesPrompt(Protocol):
    """An encoder that puts a prompt before each query."""

    def with_query_prompt(self, prompt: str) -> Encoder:
        """Return the same encoder with another query prompt; its passages are the same."""


def as_dense(rows: Vectors) -> Dense:
    """Return rows as a dense array; for a few of them only."""
    return rows if isinstance(rows, np.ndarray) else np.asarray(rows.toarray(), dtype=np.float32)


def stack(parts: Sequence[Embeddings]) -> Embeddings:
    """Return rows stacked vertically; the result is sparse if one of them is, or rows of tokens if they are."""
    tokens = [part for part in parts if isinstance(part, TokenEmbeddings)]
    if tokens:
        counts = np.concatenate([part.counts for part in tokens])
        return TokenEmbeddings.in_order(np.concatenate([part.gathered() for part in tokens]), counts)
    rows = [part for part in parts if not isinstance(part, TokenEmbeddings)]
    if any(sp.issparse(part) for part in rows):
        stacked: sp.csr_array = sp.vstack([sp.csr_array(part) for part in rows], format="csr")
        return stacked
    return np.concatenate([part for part in rows if isinstance(part, np.ndarray)])


# A plain function as an encoder.


@dataclass(frozen=True)
class CallableEncoder:
    """A function from texts to rows, for queries and passages alike. An `Encoder`.

    Rows are compared by their dot product, without normalisation. Nothing is stored between runs unless the function
    has an attribute ``fingerprint``, since functions cannot be distinguished otherwise.
    """

    function: Callable[[Sequence[str]], Embeddings]

    @property
    def description(self) -> EncoderDescription:
        """Name and fingerprint."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return EncoderDescription(name, str(getattr(self.function, "fingerprint", "")), "dot", 0)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Encode queries, like passages."""
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Return the function's rows as float32, shape (texts, dimensions)."""
        if not texts:
            return np.empty((0, 0), dtype=np.float32)
        return as_embeddings(self.function(list(texts)))


def as_embeddings(given: Any) -> Embeddings:
    """Return what an encoder of any kind gives: rows of tokens as they are, anything else as by `as_rows`."""
    return given if isinstance(given, TokenEmbeddings) else as_rows(given)


def as_rows(given: Any) -> Vectors:
    """Return what an encoder of any kind gives as float32: lists, tensors of torch, other numbers and sparse forms."""
    torch = sys.modules.get("torch")  # without it, nothing is a tensor of its kind
    if torch is not None and isinstance(given, list | tuple) and given and isinstance(given[0], torch.Tensor):
        given = torch.stack(list(given))
    if torch is not None and isinstance(given, torch.Tensor):
        tensor = given.detach().float().cpu()
        if tensor.layout == torch.strided:
            return np.asarray(tensor.numpy(), dtype=np.float32)
        tensor = (tensor if tensor.layout == torch.sparse_coo else tensor.to_sparse_coo()).coalesce()
        rows, columns = tensor.indices().numpy()
        shape = (tensor.shape[0], tensor.shape[1])
        found: sp.csr_array = sp.csr_array((tensor.values().numpy(), (rows, columns)), shape=shape)
        return found
    return _compressed(given) if sp.issparse(given) else np.asarray(given, dtype=np.float32)


def _compressed(rows: Any) -> sp.csr_array:
    compressed: sp.csr_array = sp.csr_array(rows).astype(np.float32, copy=False)
    return compressed
