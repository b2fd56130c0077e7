"""Multi-vector models (ColBERT, PyLate) by sentence-transformers: a hub name, a folder, or one that you loaded."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from robustbench_ir.encoders.encoder import EncoderDescription
from robustbench_ir.encoders.fingerprint import fingerprint, libraries
from robustbench_ir.encoders.kinds import kind_of
from robustbench_ir.encoders.loading import chosen_dtype, find_model, float32_for, quiet, refuse_code
from robustbench_ir.encoders.model_inputs import model_inputs
from robustbench_ir.encoders.options import EncoderOptions, check_options, refuse_ignored
from robustbench_ir.encoders.prompts import Prompts
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.encoders.truncation import first_module, share_beyond_limit, token_limit
from robustbench_ir.encoders.weights import check_weights, load_reports
from robustbench_ir.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

_PYLATE = "pylate."
_INSTALL = "multi-vector models need sentence-transformers 6 or later; pip install -U sentence-transformers"


@dataclass(frozen=True)
class LateInteractionEncoder:
    """A multi-vector model with its prompts. An `Encoder` whose embeddings are `TokenEmbeddings`.

    The model decides which tokens count: some leave out punctuation in passages, or lengthen a query by masks.
    """

    model: MultiVectorEncoder
    description: EncoderDescription
    batch_size: int
    devices: tuple[str, ...]

    def with_query_prompt(self, prompt: str) -> LateInteractionEncoder:
        """Return the same encoder with another query prompt."""
        return replace(self, description=replace(self.description, query_prompt=prompt))

    def encode_queries(self, texts: Sequence[str]) -> TokenEmbeddings:
        """Encode queries, with the query prompt."""
        queries = self._encode(self.model.encode_query, texts, self.description.query_prompt)
        if self.description.similarity != "meanmaxsim":
            return queries
        # The mean over a query's tokens is the sum over tokens that are so much shorter.
        counts = np.repeat(queries.counts, queries.counts).astype(np.float32)
        return TokenEmbeddings.in_order(queries.rows / counts[:, None], queries.counts)

    def encode_passages(self, texts: Sequence[str]) -> TokenEmbeddings:
        """Encode passages, with the passage prompt."""
        return self._encode(self.model.encode_document, texts, self.description.passage_prompt)

    def share_cut(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float:
        """Return the share of texts that are longer than the limit of their side, with their prompt."""
        prompt = self.description.query_prompt if side == "query" else self.description.passage_prompt
        return share_beyond_limit(first_module(self.model, side), [prompt + text for text in texts], side)

    def query_inputs(self, texts: Sequence[str]) -> list[bytes]:
        """Return the token ids of each query after the cut, with its prompt."""
        return model_inputs(self.model, texts, self.description.query_prompt, {"task": "query"})

    def passage_inputs(self, texts: Sequence[str]) -> list[bytes]:
        """Return the token ids of each passage after the cut, with its prompt."""
        return model_inputs(self.model, texts, self.description.passage_prompt, {"task": "document"})

    def _encode(self, encode: Callable[..., list[np.ndarray]], texts: Sequence[str], prompt: str) -> TokenEmbeddings:
        if not texts:
            return TokenEmbeddings.of([], self.description.dimensions)
        options: dict[str, object] = {}
        if self.devices:
            options = {"pool": self._pool, "chunk_size": max(1, -(-len(texts) // len(self.devices)))}
        rows = encode(
            list(texts),
            prompt=prompt,  # an empty one, too: None would bring in the model's own
            batch_size=self.batch_size,
            show_progress_bar=False,
            convert_to_numpy=True,
            **options,
        )
        return TokenEmbeddings.of(rows, self.description.dimensions)

    @cached_property
    def _pool(self) -> object:
        """One process for each device, started when first needed and stopped with this object or the program."""
        pool = self.model.start_multi_process_pool(list(self.devices))
        weakref.finalize(self, self.model.stop_multi_process_pool, pool)
        return pool


def load_multi_vector(
    name_or_model: str | MultiVectorEncoder, options: EncoderOptions, name: str = ""
) -> LateInteractionEncoder:
    """Load a multi-vector model, or take one that is loaded.

    Parameters
    ----------
    name_or_model : str or MultiVectorEncoder
        Name on the hub, path of a folder of sentence-transformers, PyLate or ColBERT, or a model.
    options : EncoderOptions
        How the model is loaded, and its prompts and batch size.
    name : str, optional
        Name of a loaded model. Default: the name of its base model.

    Raises
    ------
    EncoderError
        If the model cannot be loaded, or sentence-transformers is older than 6.
    OptionError
        If an option is given that these models do not have, such as `truncate_dim`, or is out of its range.
    """
    check_options(options)
    notes: tuple[str, ...] = ()
    if isinstance(name_or_model, str):
        refuse_ignored(name_or_model, options, "a multi-vector model")
        (model, notes), called = _load(name_or_model, options), name_or_model
    else:
        model, called = name_or_model, name or name_or_model.model_card_data.base_model or type(name_or_model).__name__
        for reader in ("a multi-vector model", "a loaded model"):
            refuse_ignored(called, options, reader)
        if not hasattr(model, "encode_query") or type(model).__module__.startswith(_PYLATE):
            raise EncoderError(f"{called}: a model of PyLate; save it by save_pretrained(folder) and name that folder")
    prompts = _prompts(model, options)
    similarity = model.similarity_fn_name
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    description = EncoderDescription(
        name=called,
        fingerprint=fingerprint(model, {**prompts._asdict(), "similarity": similarity}, options, called, ()),
        similarity=similarity,
        dimensions=int(model.encode_query(["a"], show_progress_bar=False)[0].shape[-1]),
        revision=str(getattr(config, "_commit_hash", None) or options.revision or ""),
        query_prompt=prompts.query,
        passage_prompt=prompts.passage,
        versions=libraries(options.backend),
        kind="multi-vector",
        dtype=str(next((weight.dtype for weight in model.parameters()), "")).removeprefix("torch."),
        token_limit=token_limit(first_module(model, "document"), "passage"),
        notes=notes,
    )
    return LateInteractionEncoder(model, description, options.batch_size, options.devices)


def is_multi_vector(name: str, options: EncoderOptions) -> bool:
    """Return True if the files of a model say that it gives a row for each token.

    Raises
    ------
    EncoderError
        If it is a name on the hub and the hub cannot be reached.
    """
    return kind_of(find_model(name, options)) == "multi-vector"


def _load(name: str, options: EncoderOptions) -> tuple[MultiVectorEncoder, tuple[str, ...]]:
    """Return a model, and what the user should know of how it was loaded."""
    import torch

    try:
        from sentence_transformers import MultiVectorEncoder
    except ImportError as error:
        raise EncoderError(f"{name}: {_INSTALL}") from error
    saved = find_model(name, options)
    if not options.trust_remote_code:
        refuse_code(name, saved)
    device = options.device or (options.devices[0] if options.devices else None)
    dtype, notes = chosen_dtype(saved, device, options)
    with quiet(), load_reports() as reports:
        try:
            model = MultiVectorEncoder(
                saved.place,
                device=device,
                revision=options.revision,
                trust_remote_code=options.trust_remote_code,
                local_files_only=saved.local_files_only,
                model_kwargs={**options.model_kwargs, **({"dtype": dtype} if dtype else {})} or None,
                backend=cast("Literal['torch', 'onnx', 'openvino']", options.backend),
            )
            if options.max_length is not None:
                _limit(model, options.max_length)
            if dtype is None and options.backend == "torch" and model.device.type == "cpu":
                dtype, notes = float32_for(sorted({str(weight.dtype) for weight in model.parameters()}))
            model = model.to(getattr(torch, dtype)) if dtype else model
        except Exception as error:  # what is wrong with a model file shows as any error of a dozen libraries
            raise EncoderError(_explain(name, error)) from error
    check_weights(name, reports)
    return model, notes


def _explain(name: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return f"{name}: contains code of its own; if you trust its author, give --trust-remote-code"
    return f"{name}: this multi-vector model cannot be loaded ({text[:160]})"


def _limit(model: MultiVectorEncoder, tokens: int) -> None:
    """Cut texts after a number of tokens; a side may have its own limit, and queries that are filled up have one."""
    model.max_seq_length = tokens
    first = model[0]
    sides = ("document_length",) if getattr(first, "query_expansion", None) else ("document_length", "query_length")
    for side in sides:
        if getattr(first, side, None) is not None:
            setattr(first, side, tokens)


def _prompts(model: MultiVectorEncoder, options: EncoderOptions) -> Prompts:
    own = {key: text for key, text in (model.prompts or {}).items() if text}
    passage = own.get("document") or own.get("passage") or own.get("corpus") or ""
    return Prompts(
        own.get("query", "") if options.query_prompt is None else options.query_prompt,
        passage if options.passage_prompt is None else options.passage_prompt,
    )
