"""Any sentence-transformers model: a hub name or a local folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robustbench_ir.encode.encoder import Dense, EncoderDescription
from robustbench_ir.encode.prompts import Prompts, family_prompts
from robustbench_ir.errors import EncoderError, OptionError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_DTYPES = ("float32", "float16", "bfloat16")
_BYTES_HASHED_AT_ONCE = 1 << 24
_HUB_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class EncoderOptions:
    """How a model is loaded and run.

    Attributes
    ----------
    query_prompt, passage_prompt : str, optional
        Put before each text. By default the model's own prompts, else those documented for its family.
    device : str, optional
        Such as ``"cuda"``; by default sentence-transformers chooses.
    batch_size : int
        Texts per forward pass.
    dtype : {"float32", "float16", "bfloat16"}, optional
        Type of the weights; by default the model's own.
    max_length : int, optional
        Tokens after which a text is cut; by default the model's own.
    revision : str, optional
        Commit, branch or tag on the hub.
    trust_remote_code : bool
        Run code that the model's author put into the model. Off unless you say so.
    """

    query_prompt: str | None = None
    passage_prompt: str | None = None
    device: str | None = None
    batch_size: int = 32
    dtype: str | None = None
    max_length: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True)
class SentenceTransformerEncoder:
    """A sentence-transformers model with its prompts. An `Encoder`."""

    model: SentenceTransformer
    description: EncoderDescription
    batch_size: int

    def encode_queries(self, texts: Sequence[str]) -> Dense:
        """Encode queries, with the query prompt; shape (texts, dimensions)."""
        return self._encode(texts, self.description.query_prompt)

    def encode_passages(self, texts: Sequence[str]) -> Dense:
        """Encode passages, with the passage prompt; shape (texts, dimensions)."""
        return self._encode(texts, self.description.passage_prompt)

    def _encode(self, texts: Sequence[str], prompt: str) -> Dense:
        rows = self.model.encode(
            list(texts),
            prompt=prompt or None,
            batch_size=self.batch_size,
            show_progress_bar=False,
            normalize_embeddings=self.description.similarity == "cosine",
        )
        return np.asarray(rows, dtype=np.float32)


def load_sentence_transformer(name: str, options: EncoderOptions) -> SentenceTransformerEncoder:
    """Load a model.

    Parameters
    ----------
    name : str
        Name on the hub, or path of a folder.
    options : EncoderOptions
        How.

    Raises
    ------
    EncoderError
        Not a sentence-transformers model, or not to be had; the message says the next step.
    OptionError
        A dtype that does not exist, or a batch size below 1.
    """
    if options.dtype is not None and options.dtype not in _DTYPES:
        raise OptionError(f"dtype {options.dtype!r}: there are {', '.join(_DTYPES)}")
    if options.batch_size < 1:
        raise OptionError(f"batch size {options.batch_size}: must be at least 1")
    folder = Path(name).expanduser()
    if folder.is_dir() and not (folder / "modules.json").is_file():
        raise EncoderError(f"{name}: not a sentence-transformers folder (it has no modules.json); name one that is")
    if not folder.is_dir():
        _check_reachable(name, options)
    model = _load(name if not folder.is_dir() else str(folder), options)
    if options.max_length is not None:
        model.max_seq_length = options.max_length
    prompts = _prompts(name, model, options)
    similarity = "dot" if model.similarity_fn_name == "dot" else "cosine"
    description = EncoderDescription(
        name=name,
        fingerprint=_fingerprint(model, prompts, similarity),
        similarity=similarity,
        dimensions=model.get_embedding_dimension() or 0,
        revision=_revision(model, options),
        query_prompt=prompts.query,
        passage_prompt=prompts.passage,
        versions=tuple((library, version(library)) for library in ("sentence-transformers", "torch", "transformers")),
    )
    return SentenceTransformerEncoder(model, description, options.batch_size)


def _check_reachable(name: str, options: EncoderOptions) -> None:
    """Ask the hub once, unless its cache has the model: the loaders would go on asking for a minute."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, HFValidationError

    try:
        for file in ("modules.json", "config.json"):
            if isinstance(try_to_load_from_cache(name, file, revision=options.revision), str):
                return
        HfApi().model_info(name, revision=options.revision, timeout=_HUB_TIMEOUT_SECONDS)
    except HFValidationError as error:
        raise EncoderError(f"{name}: neither a folder here nor a name that the model hub could know") from error
    except GatedRepoError as error:
        raise EncoderError(f"{name}: its author grants access on the hub; ask there, then `hf auth login`") from error
    except Exception as error:  # the hub's transport library, and so its errors, differ by version
        raise EncoderError(
            f"{name}: neither a folder here nor a model that can be downloaded now ({type(error).__name__}); check the "
            f"name and the network, or give the path of a saved model; `irbench encoders` lists what needs no download"
        ) from error


def _load(name: str, options: EncoderOptions) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    with _quiet():
        try:
            return SentenceTransformer(
                name,
                device=options.device,
                revision=options.revision,
                trust_remote_code=options.trust_remote_code,
                model_kwargs={"dtype": options.dtype} if options.dtype else None,
            )
        except Exception as error:  # what is wrong with a model file shows as any error of a dozen libraries
            raise EncoderError(_explain(name, error)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own progress bars and load reports out of ours."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def _explain(name: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return f"{name}: brings code of its own; if you trust its author, say --trust-remote-code"
    if Path(name).expanduser().is_dir():
        return f"{name}: not a sentence-transformers folder that can be loaded ({text[:160]})"
    return f"{name}: cannot be loaded as a sentence-transformers model ({text[:160]})"


def _prompts(name: str, model: SentenceTransformer, options: EncoderOptions) -> Prompts:
    own = {key: text for key, text in (model.prompts or {}).items() if text}
    family = family_prompts(name)
    query = own.get("query", family.query)
    passage = own.get("document") or own.get("passage") or own.get("corpus") or family.passage
    return Prompts(
        query if options.query_prompt is None else options.query_prompt,
        passage if options.passage_prompt is None else options.passage_prompt,
    )


def _revision(model: SentenceTransformer, options: EncoderOptions) -> str:
    """Return the commit that the weights came from, as transformers notes it; what was asked for otherwise."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return str(getattr(config, "_commit_hash", None) or options.revision or "")


def _fingerprint(model: SentenceTransformer, prompts: Prompts, similarity: str) -> str:
    """Hash everything that decides an embedding: weights, tokeniser, module settings, prompts, length, versions."""
    import torch

    hasher = blake2b(digest_size=16)
    for name, tensor in sorted(model.state_dict().items()):
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        for start in range(0, len(flat), _BYTES_HASHED_AT_ONCE):
            hasher.update(flat[start : start + _BYTES_HASHED_AT_ONCE].data)
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    settings: dict[str, object] = {
        "tokenizer": tokenizer.to_str() if tokenizer is not None else repr(model.tokenizer),
        "modules": [repr(module.__class__.__name__) for module in model],
        "pooling": [getattr(module, "get_config_dict", dict)() for module in model],
        "max_length": model.max_seq_length,
        "prompts": prompts._asdict(),
        "similarity": similarity,
        "versions": {library: version(library) for library in ("sentence-transformers", "torch", "transformers")},
    }
    hasher.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return hasher.hexdigest()
