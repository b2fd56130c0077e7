"""A model behind an OpenAI-compatible endpoint: ``POST {url}/embeddings``.

The request and the answer are those of OpenAI's API reference, which vLLM, TEI, Ollama, llama.cpp and others speak:
``{"model", "input": [texts], "encoding_format"}`` and ``{"data": [{"index", "embedding"}], "model"}``.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import regex

from robustbench_ir.data import cache_folder
from robustbench_ir.encode.encoder import Dense, EncoderDescription
from robustbench_ir.encode.endpoint import Endpoint
from robustbench_ir.encode.options import EncoderOptions, check_options
from robustbench_ir.encode.prompts import Prompts, family_prompts
from robustbench_ir.encode.store import EmbeddingStore
from robustbench_ir.errors import EncoderError, OptionError

REMOTE_PREFIX = "openai:"
_OPENAI = "https://api.openai.com/v1"
_MOST_INPUTS = 2048  # https://platform.openai.com/docs/api-reference/embeddings/create
_PROBE = "The quick brown fox jumps over the lazy dog. 0123456789 你好 नमस्ते"
_SAME_MODEL_COSINE = 0.9999


@dataclass(frozen=True)
class RemoteEncoder:
    """A model behind an endpoint, compared by cosine. An `Encoder`."""

    endpoint: Endpoint
    description: EncoderDescription
    batch_size: int

    def encode_queries(self, texts: Sequence[str]) -> Dense:
        """Encode queries, with the query prompt; shape (texts, dimensions)."""
        return self._encode([self.description.query_prompt + text for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Dense:
        """Encode passages, with the passage prompt; shape (texts, dimensions)."""
        return self._encode([self.description.passage_prompt + text for text in texts])

    def _encode(self, texts: Sequence[str]) -> Dense:
        rows = np.empty((len(texts), self.description.dimensions), dtype=np.float32)
        for start in range(0, len(texts), self.batch_size):
            stop = min(start + self.batch_size, len(texts))
            rows[start:stop] = _unit(self.endpoint.embeddings(texts[start:stop]), self.description.dimensions)
        return rows


def load_remote(name: str, options: EncoderOptions) -> RemoteEncoder:
    """Reach a model: one text is encoded, to learn the dimensions and to tell whether it is the model of the last time.

    Parameters
    ----------
    name : str
        ``openai:MODEL@http://host:8000/v1``; without a URL, OpenAI's own.
    options : EncoderOptions
        Prompts, batch size, truncate_dim, revision, rate limit and timeout; the others are the server's affair.

    Raises
    ------
    EncoderError
        It cannot be reached, refuses the key or the model, or does not answer as it should.
    OptionError
        An option that an endpoint does not have, or a name that is not as above.
    """
    check_options(options)
    model, url = _parts(name)
    _refuse_local_options(options)
    endpoint = Endpoint(url, model, options.timeout, options.requests_per_minute)
    probe = endpoint.embeddings([_PROBE])
    dimensions = options.truncate_dim or probe.shape[1]
    if dimensions > probe.shape[1]:
        raise OptionError(f"truncate_dim {dimensions}: {model} has {probe.shape[1]} dimensions")
    family = family_prompts(model)
    prompts = Prompts(
        family.query if options.query_prompt is None else options.query_prompt,
        family.passage if options.passage_prompt is None else options.passage_prompt,
    )
    state = _state(name, probe, options.revision)
    settings = json.dumps([url, model, dimensions, options.revision, *prompts])
    description = EncoderDescription(
        name=name,
        fingerprint=blake2b(settings.encode() + state, digest_size=16).hexdigest(),
        similarity="cosine",
        dimensions=dimensions,
        revision=options.revision or "",
        query_prompt=prompts.query,
        passage_prompt=prompts.passage,
    )
    return RemoteEncoder(endpoint, description, min(options.batch_size, _MOST_INPUTS))


def _parts(name: str) -> tuple[str, str]:
    match = regex.fullmatch(r"openai:(?P<model>.+?)(?:@(?P<url>https?://[^/\s?#]+[^\s?#]*))?", name)
    if match is None or not match["model"] or "@http" in match["model"]:
        raise OptionError(f"{name}: write it like openai:MODEL@http://localhost:8000/v1")
    url = (match["url"] or _OPENAI).rstrip("/")
    if "@" in url:
        raise OptionError(f"openai:{match['model']}: no password in the URL; put the key into ROBUSTBENCH_IR_API_KEY")
    return match["model"], url.removesuffix("/embeddings")


def _refuse_local_options(options: EncoderOptions) -> None:
    for name, given in (
        ("device", options.device),
        ("devices", options.devices),
        ("dtype", options.dtype),
        ("maximum length", options.max_length),
        ("backend", None if options.backend == "torch" else options.backend),
        ("trust_remote_code", options.trust_remote_code),
    ):
        if given:
            raise OptionError(f"{name}: is chosen where the model runs, behind the endpoint; leave it out here")


def _unit(rows: Dense, dimensions: int) -> Dense:
    if rows.shape[1] < dimensions:
        raise EncoderError(
            f"the endpoint gave {rows.shape[1]} dimensions, and {dimensions} before; run the command again"
        )
    cut = rows[:, :dimensions]
    lengths: Dense = np.linalg.norm(cut, axis=1, keepdims=True).astype(np.float32)
    lengths[lengths == 0] = 1
    unit: Dense = cut / lengths
    return unit


def _state(name: str, probe: Dense, revision: str | None) -> bytes:
    """Tell the weights behind an endpoint from those of an earlier run by how they encode one text.

    A server's answers differ in their last bits from one time to the next, so the first answer that is close enough
    stands for the weights; other weights get an answer of their own.
    """
    unit = _unit(probe, probe.shape[1])
    for number in itertools.count():
        who = EncoderDescription(name, f"probe|{name}|{revision}|{number}", "cosine", probe.shape[1])
        store = EmbeddingStore(cache_folder() / "embeddings", who, "passage")
        found, rows = store.read([_PROBE])
        if not found[0]:
            store.keep([_PROBE], unit)
            break
        if (
            isinstance(rows, np.ndarray)
            and rows.shape == unit.shape
            and float((rows @ unit.T)[0, 0]) > _SAME_MODEL_COSINE
        ):
            return rows.tobytes()
    return unit.tobytes()
