"""Who serves embeddings, and how each wants to be asked: a table of facts, and the three shapes of requests there are.

Sources are the API references: of OpenAI (platform.openai.com/docs/api-reference/embeddings), Voyage AI
(docs.voyageai.com/reference/embeddings-api), Cohere (docs.cohere.com/reference/embed), Jina AI (jina.ai/embeddings),
NVIDIA NIM (docs.nvidia.com/nim/nemo-retriever/text-embedding), Gemini (ai.google.dev/api/embeddings), Ollama, Text
Embeddings Inference and vLLM.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from robustbench_ir.encoders.encoder import Dense

EncodingFormat = Literal["float", "base64", "none"]
FORMATS: tuple[EncodingFormat, ...] = ("float", "base64", "none")
"""What ``encoding_format`` can say, in the order in which they are tried; none leaves it out."""


class Dialect(Protocol):
    """The shape of requests and answers."""

    def path(self, model: str) -> str:
        """Return what is added to the base URL."""

    def body(self, model: str, texts: Sequence[str], extra: Mapping[str, object], form: EncodingFormat) -> object:
        """Return the request, as JSON."""

    def rows(self, answer: Mapping[str, object], count: int) -> Dense:
        """Return the rows of an answer in the order of the texts; raises ValueError, KeyError or TypeError if not."""


class OpenAi:
    """``{"model", "input", "encoding_format"}`` and ``{"data": [{"index", "embedding"}]}``. A `Dialect`."""

    def path(self, model: str) -> str:  # noqa: ARG002
        """Return the path of the embeddings."""
        return "/embeddings"

    def body(self, model: str, texts: Sequence[str], extra: Mapping[str, object], form: EncodingFormat) -> object:
        """Return the request; `extra` replaces no field of it."""
        asked = {} if form == "none" else {"encoding_format": form}
        return {**extra, "model": model, "input": list(texts), **asked}

    def rows(self, answer: Mapping[str, object], count: int) -> Dense:
        """Return the rows, which may be numbers or base64 of little-endian float32."""
        entries = {entry["index"]: entry["embedding"] for entry in _list(answer["data"])}
        if entries.keys() != set(range(count)):
            raise ValueError(f"{len(entries)} rows for {count} texts")
        return _matrix([_numbers(entries[place]) for place in range(count)])


class Cohere:
    """``{"model", "texts", "embedding_types"}`` and ``{"embeddings": {"float": rows}}``. A `Dialect`."""

    def path(self, model: str) -> str:  # noqa: ARG002
        """Return the path of the embeddings."""
        return "/embed"

    def body(self, model: str, texts: Sequence[str], extra: Mapping[str, object], form: EncodingFormat) -> object:  # noqa: ARG002
        """Return the request."""
        return {**extra, "model": model, "texts": list(texts), "embedding_types": ["float"]}

    def rows(self, answer: Mapping[str, object], count: int) -> Dense:
        """Return the rows, which come in the order of the texts."""
        found = answer["embeddings"]
        rows = _list(found["float"] if isinstance(found, Mapping) else found)
        if len(rows) != count:
            raise ValueError(f"{len(rows)} rows for {count} texts")
        return _matrix(rows)


class Gemini:
    """One request for each text in ``{"requests": [...]}``, and ``{"embeddings": [{"values"}]}``. A `Dialect`."""

    def path(self, model: str) -> str:
        """Return the path of the embeddings of a model."""
        return f"/models/{model}:batchEmbedContents"

    def body(self, model: str, texts: Sequence[str], extra: Mapping[str, object], form: EncodingFormat) -> object:  # noqa: ARG002
        """Return the request."""
        return {
            "requests": [
                {**extra, "model": f"models/{model}", "content": {"parts": [{"text": text}]}} for text in texts
            ]
        }

    def rows(self, answer: Mapping[str, object], count: int) -> Dense:
        """Return the rows, which come in the order of the texts."""
        rows = [entry["values"] for entry in _list(answer["embeddings"])]
        if len(rows) != count:
            raise ValueError(f"{len(rows)} rows for {count} texts")
        return _matrix(rows)


@dataclass(frozen=True)
class Provider:
    """One way to serve embeddings.

    Attributes
    ----------
    url : str
        Used where the name of the encoder gives no other.
    key_variable : str
        Environment variable of the key, which is sent to the host of `url` only; empty where servers need no key.
    query_body, passage_body : mapping
        What tells queries from passages; fields of the request.
    dialect : Dialect
        Shape of requests and answers.
    most_inputs : int
        Number of texts that one request may have.
    key_header : str
        Header of the key; with ``Authorization``, as a bearer token.
    """

    url: str
    key_variable: str = ""
    query_body: Mapping[str, object] = field(default_factory=dict)
    passage_body: Mapping[str, object] = field(default_factory=dict)
    dialect: Dialect = field(default_factory=OpenAi)
    most_inputs: int = 2048
    key_header: str = "Authorization"


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "voyage": Provider(
        "https://api.voyageai.com/v1",
        "VOYAGE_API_KEY",
        {"input_type": "query"},
        {"input_type": "document"},
        most_inputs=1000,
    ),
    "cohere": Provider(
        "https://api.cohere.com/v2",
        "COHERE_API_KEY",
        {"input_type": "search_query"},
        {"input_type": "search_document"},
        Cohere(),
        most_inputs=96,
    ),
    "jina": Provider(
        "https://api.jina.ai/v1",
        "JINA_API_KEY",
        {"task": "retrieval.query"},
        {"task": "retrieval.passage"},
    ),
    "nim": Provider(
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_API_KEY",
        {"input_type": "query", "truncate": "END"},
        {"input_type": "passage", "truncate": "END"},
    ),
    "gemini": Provider(
        "https://generativelanguage.googleapis.com/v1beta",
        "GEMINI_API_KEY",
        {"taskType": "RETRIEVAL_QUERY"},
        {"taskType": "RETRIEVAL_DOCUMENT"},
        Gemini(),
        most_inputs=100,
        key_header="x-goog-api-key",
    ),
    "ollama": Provider("http://localhost:11434/v1"),
    "tei": Provider("http://localhost:8080/v1", most_inputs=32),
    "vllm": Provider("http://localhost:8000/v1"),
}
"""By the scheme of an encoder's name, as in ``voyage:voyage-3.5``."""


def _list(value: object) -> Sequence[Mapping[str, object]]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} in place of a list")
    return value


def _numbers(embedding: object) -> object:
    """Return the numbers of a row; raises ValueError if base64 of it is damaged."""
    if not isinstance(embedding, str):
        return embedding
    try:
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
    except binascii.Error as error:
        raise ValueError(f"damaged base64: {error}") from error


def _matrix(rows: Sequence[object]) -> Dense:
    found = np.array(rows, dtype=np.float32)
    if found.ndim != 2:
        raise ValueError("rows of different lengths")
    return found
