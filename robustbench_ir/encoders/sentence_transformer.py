"""Sentence-transformers models, dense or sparse: from the hub, from a local folder, or already loaded."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import scipy.sparse as sp

from robustbench_ir.encoders.distances import EXTRA_COLUMNS, euclidean_passages, euclidean_queries
from robustbench_ir.encoders.encoder import Dense, EncoderDescription, Vectors, as_dense, as_rows
from robustbench_ir.encoders.fingerprint import fingerprint, libraries
from robustbench_ir.encoders.gradients import ModelGradients, PieceGradients, embedding_layer
from robustbench_ir.encoders.kinds import kind_of
from robustbench_ir.encoders.loading import LoadedModel, load_transformer_model
from robustbench_ir.encoders.memory import within_memory
from robustbench_ir.encoders.model_inputs import model_inputs
from robustbench_ir.encoders.model_tasks import takes_task, tasks_of
from robustbench_ir.encoders.options import EncoderOptions, Setting, check_options, refuse_ignored
from robustbench_ir.encoders.prompts import ChosenPrompts, Declared, choose_prompts, choose_similarity
from robustbench_ir.encoders.truncation import first_module, share_beyond_limit, share_with_unknown, token_limit
from robustbench_ir.encoders.weights import settle_poolers
from robustbench_ir.errors import EncoderError, OptionError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer, SparseEncoder
    from torch import nn


PROBES = (
    "When does the market open?",
    "The market opens at six in the morning, and closes at noon.",
    "Soko hufunguliwa",
)
"""Texts of a few words that every model can read: the first encoding, before any text of a task."""

_SAME_ROW_COSINE = 0.99  # of a text encoded alone and among others; 8-bit models come near it


@dataclass(frozen=True)
class Side:
    """How the texts of one side are encoded.

    Attributes
    ----------
    prompt : str
        Put before each text.
    keywords : mapping
        Handed to the model's ``encode``; ``task`` is among them where the model takes one.
    """

    prompt: str
    keywords: Mapping[str, Setting]


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
    query: Side
    passage: Side

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Encode queries, with the query prompt; shape (texts, dimensions)."""
        rows = self._encode(texts, self.query)
        return euclidean_queries(rows) if self.description.similarity == "euclidean" else rows

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Encode passages, with the passage prompt; shape (texts, dimensions)."""
        rows = self._encode(texts, self.passage)
        return euclidean_passages(rows) if self.description.similarity == "euclidean" else rows

    def with_query_prompt(self, prompt: str) -> SentenceTransformerEncoder:
        """Return the same encoder with another query prompt."""
        who = replace(self.description, query_prompt=prompt)
        return replace(self, description=who, query=replace(self.query, prompt=prompt))

    def share_cut(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float:
        """Return the share of texts that are longer than the model reads, with their prompt; 0 where none is cut."""
        return share_beyond_limit(*self._read_by(texts, side), side)

    def share_unknown(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float:
        """Return the share of texts, with their prompt, that have something which is not in the vocabulary."""
        return share_with_unknown(*self._read_by(texts, side))

    def _read_by(self, texts: Sequence[str], side: Literal["query", "passage"]) -> tuple[nn.Module, list[str]]:
        """Return the module that reads the texts of a side, and the texts with their prompt."""
        prompt = (self.query if side == "query" else self.passage).prompt
        return first_module(self.model, "query" if side == "query" else "document"), [prompt + one for one in texts]

    def query_inputs(self, texts: Sequence[str]) -> list[bytes]:
        """Return the token ids of each query after the cut, with its prompt."""
        return model_inputs(self.model, texts, self.query.prompt, self.query.keywords)

    @property
    def access(self) -> Literal["gradient", "score"]:
        """What an adversary can learn of the model: gradients, where its input embeddings can be reached."""
        compared = self.description.similarity in {"cosine", "dot"} and not self.sparse
        return "gradient" if compared and embedding_layer(self.model, "document") is not None else "score"

    def similarity_gradients(
        self,
        texts: Sequence[str],
        targets: Dense,
        side: Literal["query", "passage"],
        told: Callable[[int], None] = lambda _: None,
    ) -> list[PieceGradients]:
        """Return the gradients of the score of each text with its target, on what the model reads of the text.

        Parameters
        ----------
        texts : sequence of str
            Texts of one side.
        targets : float32 array of shape (texts, dimensions)
            Rows of the other side.
        side : {"query", "passage"}
            The side of the texts.
        told : callable, optional
            Called with the size of a smaller batch, where memory does not suffice.
        """
        return self._gradients(side).of(texts, targets, self.batch_size, told)

    def word_vectors(self, words: Sequence[str], side: Literal["query", "passage"], *, spaced: bool = True) -> Dense:
        """Return the mean of the input vectors of the pieces of each word; shape (words, dimensions).

        Parameters
        ----------
        words : sequence of str
            Words.
        side : {"query", "passage"}
            The side whose pieces are meant.
        spaced : bool
            Whether a space stands before each word in a text.
        """
        return self._gradients(side).word_vectors(words, spaced=spaced)

    def _gradients(self, side: Literal["query", "passage"]) -> ModelGradients:
        of = self.query if side == "query" else self.passage
        return ModelGradients(
            model=cast("SentenceTransformer", self.model),
            route="query" if side == "query" else "document",
            prompt=of.prompt,
            keywords=of.keywords,
            cosine=self.description.similarity == "cosine",
        )

    def passage_inputs(self, texts: Sequence[str]) -> list[bytes]:
        """Return the token ids of each passage after the cut, with its prompt."""
        return model_inputs(self.model, texts, self.passage.prompt, self.passage.keywords)

    def _encode(self, texts: Sequence[str], side: Side) -> Vectors:
        options: dict[str, object] = {
            "prompt": side.prompt,  # an empty one, too: None would bring in the model's default prompt
            "batch_size": self.batch_size,
            "show_progress_bar": False,
            **side.keywords,
        }
        if self.devices and texts:
            share = -(-len(texts) // len(self.devices))
            options |= {"pool": self._pool, "chunk_size": max(1, share)}
        cosine = self.description.similarity == "cosine"
        encode: Callable[..., torch.Tensor] = self.model.encode
        if not texts:
            extra = EXTRA_COLUMNS if self.description.similarity == "euclidean" else 0
            nothing = np.empty((0, self.description.dimensions - extra), dtype=np.float32)
            return sp.csr_array(nothing) if self.sparse else nothing
        if self.sparse:
            return _compressed(_encoded_within_memory(encode, texts, {**options, "save_to_cpu": True}), cosine)
        return as_rows(_encoded_within_memory(encode, texts, {**options, "normalize_embeddings": cosine}))

    @cached_property
    def _pool(self) -> object:
        """One process for each device, started when first needed and stopped with this object or the program."""
        pool = self.model.start_multi_process_pool(list(self.devices))
        weakref.finalize(self, self.model.stop_multi_process_pool, pool)
        return pool


def _encoded_within_memory(
    encode: Callable[..., torch.Tensor], texts: Sequence[str], options: dict[str, object]
) -> torch.Tensor:
    size = cast("int", options["batch_size"])
    return within_memory(lambda size: encode(list(texts), **{**options, "batch_size": size}), size)


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
    refuse_ignored(name, options, "a sentence-transformers model")
    return _wrapped(load_transformer_model(name, options), name, options)


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
    EncoderError
        It cannot encode a few words.
    OptionError
        If the model does not have one of the options.
    """
    check_options(options)
    for reader in ("a sentence-transformers model", "a loaded model"):
        refuse_ignored(name, options, reader)
    # A loaded model has empty prompts in the place of those that its files do not name.
    prompts = {key: text for key, text in (model.prompts or {}).items() if text}
    # Its property would name the default, as if the model had said it.
    similarity = str(vars(model).get("_similarity_fn_name") or "")
    declared = Declared(prompts, similarity, str(model.model_card_data.base_model or ""))
    return _wrapped(LoadedModel(model, kind_of(model), declared), name, options)


def _wrapped(loaded: LoadedModel, name: str, options: EncoderOptions) -> SentenceTransformerEncoder:
    model, kind = loaded.model, loaded.kind
    if kind == "static":
        refuse_ignored(name, options, "a static model")
    if not takes_task(model):
        refuse_ignored(name, options, "a model that takes no task")
    prompts = choose_prompts(name, loaded.declared, options)
    similarity = choose_similarity(loaded.declared, options, "dot" if kind == "sparse" else "cosine")
    if similarity.value == "manhattan":
        raise OptionError(
            f"{name}: is compared by manhattan distance ({similarity.origin}), which no dot product ranks as; "
            f"say --similarity cosine, dot or euclidean if one of them is meant"
        )
    origins = (("query prompt", prompts.query), ("passage prompt", prompts.passage), ("similarity", similarity))
    bare = EncoderDescription(
        name=name,
        fingerprint="",
        similarity=similarity.value,
        dimensions=0,
        revision=_revision(model, options),
        query_prompt=prompts.query.value,
        passage_prompt=prompts.passage.value,
        versions=libraries(options.backend),
        kind=kind,
        dtype=str(next((weight.dtype for weight in model.parameters()), "")).removeprefix("torch."),
        token_limit=token_limit(first_module(model, "document"), "passage"),
        origins=tuple((what, choice.origin) for what, choice in origins if choice.origin),
        notes=(*loaded.notes, *_unused_prompts(prompts)),
    )
    plain = SentenceTransformerEncoder(
        model, bare, options.batch_size, (), kind == "sparse", Side("", {}), Side("", {})
    )
    encoder, rows = probed(plain, name, options)
    settle_poolers(name, loaded.reports, lambda: bool(np.isfinite(as_dense(encoder.encode_queries(PROBES))).all()))
    who = replace(encoder.description, dimensions=rows[0].shape[1])
    _check_dimensions(name, who, options)
    choices = {"query": vars(encoder.query), "passage": vars(encoder.passage), "similarity": similarity.value}
    # Rows of half precision differ between devices by more than rounding hides.
    behaviour = rows if who.dtype in {"", "float32", "float64"} else []
    who = replace(who, fingerprint=fingerprint(model, choices, options, name, behaviour))
    return replace(encoder, description=who, devices=options.devices)


def _unused_prompts(prompts: ChosenPrompts) -> tuple[str, ...]:
    if not prompts.unused:
        return ()
    named = ", ".join(prompts.unused)
    return (
        f"the model has prompts that are not used ({named}); name one by --query-prompt-name, --passage-prompt-name",
    )


def _check_dimensions(name: str, who: EncoderDescription, options: EncoderOptions) -> None:
    dimensions = who.dimensions - (EXTRA_COLUMNS if who.similarity == "euclidean" else 0)
    if options.truncate_dim is not None and dimensions < options.truncate_dim:
        raise OptionError(f"truncate_dim {options.truncate_dim}: {name} has {dimensions} dimensions")


def probed(
    encoder: SentenceTransformerEncoder, name: str, options: EncoderOptions
) -> tuple[SentenceTransformerEncoder, list[Vectors]]:
    """Encode a few words as queries and as passages, with the tasks that the model takes.

    Parameters
    ----------
    encoder : SentenceTransformerEncoder
        Encoder with its prompts, without its tasks.
    name : str
        Name of the model, for errors.
    options : EncoderOptions
        Options with tasks and keywords.

    Returns
    -------
    SentenceTransformerEncoder
        Encoder with the tasks that the model knows.
    list of rows
        Rows of the probe texts, queries first.

    Raises
    ------
    EncoderError
        If the model cannot encode them, or if a text has another row when it is encoded with others.
    """
    first: Exception | None = None
    for query, passage in tasks_of(encoder.model, options):
        who = replace(encoder.description, query_task=query or "", passage_task=passage or "")
        sides = [
            Side(prompt, {**options.encode_kwargs, **({"task": task} if task else {})})
            for prompt, task in ((who.query_prompt, query), (who.passage_prompt, passage))
        ]
        tried = replace(encoder, description=who, query=sides[0], passage=sides[1])
        try:
            rows = [tried.encode_queries(PROBES), tried.encode_passages(PROBES)]
            alone = [tried.encode_queries(PROBES[:1]), tried.encode_passages(PROBES[:1])]
        except Exception as error:  # a model may be any user's code
            first = first or error
            continue
        for among, single in zip(rows, alone, strict=True):
            _check_company(name, among[:1], single)
        return tried, rows
    raise EncoderError(_why_not(name, first)) from first


def _check_company(name: str, among: Vectors, alone: Vectors) -> None:
    left, right = as_dense(among).astype(np.float64), as_dense(alone).astype(np.float64)
    lengths = float(np.linalg.norm(left) * np.linalg.norm(right))
    if lengths and float((left * right).sum()) / lengths < _SAME_ROW_COSINE:
        raise EncoderError(
            f"{name}: a text has another row when longer texts are in its batch; "
            f"is its padding masked, and on the right side? --batch-size 1 avoids it only where all texts are alone"
        )


def _why_not(name: str, error: Exception | None) -> str:
    why = " ".join(str(error).split())[:160]
    if "padding token" in why:
        return f"{name}: its tokeniser has no padding token; name one as pad_token in its tokenizer_config.json"
    if "task" in why.lower():
        return f"{name}: wants a task that is not known ({why}); name it by --query-task and --passage-task"
    return f"{name}: cannot encode a few words ({type(error).__name__}: {why}); correct the model or its options"


def _compressed(tensor: torch.Tensor, cosine: bool) -> sp.csr_array:
    """Return torch's sparse rows as scipy's, with length 1 if they are compared by cosine."""
    from sklearn.preprocessing import normalize

    tensor = tensor.coalesce()
    places, values = tensor.indices().numpy(), tensor.values().float().numpy()
    rows = sp.csr_array((values, (places[0], places[1])), shape=(tensor.shape[0], tensor.shape[1]))
    return sp.csr_array(normalize(rows)) if cosine else rows


def _revision(model: SentenceTransformer | SparseEncoder, options: EncoderOptions) -> str:
    """Return the commit of the weights as transformers records it, otherwise the requested revision."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or options.revision or "")
