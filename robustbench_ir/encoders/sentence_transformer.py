"""Sentence-transformers models, dense or sparse: from the hub, from a local folder, or already loaded."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy.sparse as sp

from robustbench_ir.encoders.encoder import Embeddings, EncoderDescription
from robustbench_ir.encoders.fingerprint import fingerprint, libraries
from robustbench_ir.encoders.loading import SPARSE_PREFIX, load_transformer_model
from robustbench_ir.encoders.options import EncoderOptions, check_options
from robustbench_ir.encoders.prompts import Prompts, family_prompts
from robustbench_ir.errors import OptionError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer, SparseEncoder


@dataclass(frozen=True)
class SentenceTransformerEncoder:
    """A sentence-transformers model with its prompts. An `Encoder`.

    Attributes
    ----------
    model : SentenceTransformer or SparseEncoder
        The loaded model.
    description : EncoderDescription
        Name, fingerprint and prompts.
    batch_size : int
        Texts in each forward pass.
    devices : tuple of str
        Devices with one process each; empty for one device.
    sparse : bool
        Whether the embeddings are sparse.
    """

    model: SentenceTransformer | SparseEncoder
    description: EncoderDescription
    batch_size: int
    devices: tuple[str, ...]
    sparse: bool

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Encode queries, with the query prompt; shape (texts, dimensions)."""
        return self._encode(texts, self.description.query_prompt, "query")

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Encode passages, with the passage prompt; shape (texts, dimensions)."""
        return self._encode(texts, self.description.passage_prompt, "document")

    def _encode(self, texts: Sequence[str], prompt: str, task: Literal["query", "document"]) -> Embeddings:
        options: dict[str, object] = {
            "prompt": prompt,  # an empty one, too: None would bring in the model's default prompt
            "task": task,  # models with a router have two encoders
            "batch_size": self.batch_size,
            "show_progress_bar": False,
        }
        if self.devices and texts:
            share = -(-len(texts) // len(self.devices))
            options |= {"pool": self._pool, "chunk_size": max(1, share)}
        cosine = self.description.similarity == "cosine"
        encode: Callable[..., torch.Tensor] = self.model.encode
        if self.sparse:
            if not texts:
                return sp.csr_array(np.empty((0, self.description.dimensions), dtype=np.float32))
            return _compressed(encode(list(texts), save_to_cpu=True, **options), cosine)
        if not texts:
            return np.empty((0, self.description.dimensions), dtype=np.float32)
        return np.asarray(encode(list(texts), normalize_embeddings=cosine, **options), dtype=np.float32)

    @cached_property
    def _pool(self) -> object:
        """One process for each device, started when first needed and stopped with this object or the program."""
        pool = self.model.start_multi_process_pool(list(self.devices))
        weakref.finalize(self, self.model.stop_multi_process_pool, pool)
        return pool


def load_sentence_transformer(name: str, options: EncoderOptions) -> SentenceTransformerEncoder:
    """Load an encoder from a sentence-transformers model.

    Parameters
    ----------
    name : str
        Name on the hub, or path of a folder; behind ``sparse:`` it is loaded as a SPLADE model.
    options : EncoderOptions
        How it is loaded.

    Raises
    ------
    EncoderError
        If it is not a sentence-transformers model, or is not available; the message says the next step.
    OptionError
        If an option is out of range, or if the model does not have it.
    """
    check_options(options)
    return wrap_model(load_transformer_model(name, options), name, options)


def wrap_model(
    model: SentenceTransformer | SparseEncoder, name: str, options: EncoderOptions
) -> SentenceTransformerEncoder:
    """Return the encoder of a loaded model.

    Parameters
    ----------
    model : SentenceTransformer or SparseEncoder
        The loaded model.
    name : str
        Name on the hub, or path of the folder.
    options : EncoderOptions
        Prompts, batch size and devices.

    Raises
    ------
    OptionError
        If `truncate_dim` exceeds the model's dimensions.
    """
    from sentence_transformers import SparseEncoder

    prompts = _prompts(name.removeprefix(SPARSE_PREFIX), model, options)
    similarity = "dot" if model.similarity_fn_name == "dot" else "cosine"
    dimensions = _dimensions(model)
    if options.truncate_dim is not None and dimensions < options.truncate_dim:
        raise OptionError(f"truncate_dim {options.truncate_dim}: {name} has {dimensions} dimensions")
    description = EncoderDescription(
        name=name,
        fingerprint=fingerprint(model, prompts, similarity, options, name),
        similarity=similarity,
        dimensions=dimensions,
        revision=_revision(model, options),
        query_prompt=prompts.query,
        passage_prompt=prompts.passage,
        versions=libraries(options.backend),
    )
    return SentenceTransformerEncoder(
        model, description, options.batch_size, options.devices, isinstance(model, SparseEncoder)
    )


def _dimensions(model: SentenceTransformer | SparseEncoder) -> int:
    """Return the number of dimensions, by encoding one letter: some models know it only then."""
    return int(model.encode(["a"], show_progress_bar=False).shape[-1])


def _compressed(tensor: torch.Tensor, cosine: bool) -> sp.csr_array:
    """Return torch's sparse rows as scipy's, with length 1 if they are compared by cosine."""
    from sklearn.preprocessing import normalize

    tensor = tensor.coalesce()
    places, values = tensor.indices().numpy(), tensor.values().float().numpy()
    rows = sp.csr_array((values, (places[0], places[1])), shape=(tensor.shape[0], tensor.shape[1]))
    return sp.csr_array(normalize(rows)) if cosine else rows


def _prompts(name: str, model: SentenceTransformer | SparseEncoder, options: EncoderOptions) -> Prompts:
    own = {key: text for key, text in (model.prompts or {}).items() if text}
    family = family_prompts(name)
    query = own.get("query", family.query)
    passage = own.get("document") or own.get("passage") or own.get("corpus") or family.passage
    return Prompts(
        query if options.query_prompt is None else options.query_prompt,
        passage if options.passage_prompt is None else options.passage_prompt,
    )


def _revision(model: SentenceTransformer | SparseEncoder, options: EncoderOptions) -> str:
    """Return the commit of the weights as transformers records it, otherwise the requested revision."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or options.revision or "")
