"""A model behind an OpenAI-compatible endpoint: ``POST {url}/embeddings``.

The request and the answer are those of OpenAI's API reference, which vLLM, TEI, Ollama, llama.cpp and others speak:
``{"model", "input": [texts], "encoding_format"}`` and ``{"data": [{"index", "embedding"}], "model"}``.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NoReturn
from urllib.parse import urlsplit

import numpy as np
import regex
import requests

from robustbench_ir._base.cache import current_cache
from robustbench_ir._base.retries import asked_wait, session_with_retries
from robustbench_ir.encoders.encoder import Dense, EncoderDescription, TextsRefusedError
from robustbench_ir.encoders.options import EncoderOptions, check_options
from robustbench_ir.encoders.prompts import Prompts, family_prompts
from robustbench_ir.encoders.store.store import EmbeddingStore
from robustbench_ir.errors import EncoderError, OptionError

# Requests to an embeddings endpoint: batches, waiting, trying again, and errors that say what to do.

KEY_VARIABLE = "ROBUSTBENCH_IR_API_KEY"
_OPENAI_HOST = "api.openai.com"
_RETRIES = 7
_FIRST_WAIT_SECONDS = 1.0
_TOO_MANY_REQUESTS = 429
_REDIRECTS = range(300, 400)
_REFUSALS_OF_TEXTS = {400, 413, 422}
_REFUSALS_OF_KEYS = {401, 403}


class Endpoint:
    """One model behind one URL.

    Parameters
    ----------
    url : str
        What ``/embeddings`` is added to.
    model : str
        As the server knows it.
    timeout : float
        Seconds for connecting, and for each piece of an answer.
    requests_per_minute : float, optional
        At most so many.
    """

    def __init__(self, url: str, model: str, timeout: float, requests_per_minute: float | None) -> None:
        self._url = f"{url}/embeddings"
        self._model = model
        self._timeout = timeout
        self._interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0
        # A request that is sent again comes no sooner than the rate allows.
        self._session = session_with_retries(_RETRIES, max(_FIRST_WAIT_SECONDS, self._interval))
        key = os.environ.get(KEY_VARIABLE)
        # The key that everybody has set goes to the one host that it is for.
        if not key and urlsplit(url).hostname == _OPENAI_HOST:
            key = os.environ.get("OPENAI_API_KEY")
        # Given to each request, so that no ~/.netrc replaces it.
        self._auth = _Bearer(key)

    def embeddings(self, texts: Sequence[str]) -> Dense:
        """Encode one request's worth of texts.

        Returns
        -------
        float32 array of shape (texts, dimensions)
            In the order of the texts.

        Raises
        ------
        TextsRefusedError
            The server does not take one of the texts.
        EncoderError
            It cannot be reached, or its answer is not what it should be.
        """
        body: dict[str, object] = {"model": self._model, "input": list(texts), "encoding_format": "float"}
        answer = self._answer(body)
        try:
            entries = sorted(answer.json()["data"], key=lambda entry: entry["index"])
            rows = np.array([entry["embedding"] for entry in entries], dtype=np.float32)
            good = [entry["index"] for entry in entries] == list(range(len(texts))) and rows.ndim == 2
        except (ValueError, KeyError, TypeError) as error:
            raise EncoderError(self._not_an_endpoint(f"{type(error).__name__}")) from error
        if not good:
            raise EncoderError(self._not_an_endpoint(f"{len(entries)} rows for {len(texts)} texts"))
        return rows

    def _answer(self, body: dict[str, object]) -> requests.Response:
        self._keep_to_rate()
        try:
            answer = self._session.post(
                self._url, json=body, timeout=self._timeout, auth=self._auth, allow_redirects=False
            )
        except requests.RequestException as error:
            raise EncoderError(
                f"{self._url}: cannot be reached ({type(error).__name__}); is the server up "
                f"and the URL right? Then run the same command again: what was encoded is kept"
            ) from error
        if not answer.ok or answer.status_code in _REDIRECTS:
            self._refuse(answer)
        return answer

    def _keep_to_rate(self) -> None:
        now = time.monotonic()
        if self._next > now:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._interval

    def _refuse(self, answer: requests.Response) -> NoReturn:
        status = answer.status_code
        retries = getattr(answer.raw, "retries", None)
        tried = 1 + len(retries.history) if retries else 1
        said = f"{status}: {_message(answer)}"
        if status in _REFUSALS_OF_TEXTS:
            raise TextsRefusedError(f"{self._url}: refuses {self._model} or a text ({said})")
        if status in _REFUSALS_OF_KEYS:
            raise EncoderError(f"{self._url}: refuses the key ({said}); put one that is valid into {KEY_VARIABLE}")
        if status == 404:
            raise EncoderError(
                f"{self._url}: no such address or model {self._model!r} ({said}); the URL often ends in /v1"
            )
        if status in _REDIRECTS:
            raise EncoderError(f"{self._url}: has moved to {answer.headers.get('Location')}; give that URL")
        wait = asked_wait(answer.headers.get("Retry-After", ""))
        if tried <= _RETRIES and wait:
            raise EncoderError(
                f"{self._url}: asks to come back in {wait / 60:.0f} minutes; run the same command again then: "
                f"what was encoded is kept"
            )
        if status == _TOO_MANY_REQUESTS:
            raise EncoderError(
                f"{self._url}: too many requests, {tried} times in a row ({said}); lower --requests-per-minute, "
                f"or look at your quota, then run the same command again: what was encoded is kept"
            )
        raise EncoderError(
            f"{self._url}: fails, {tried} times in a row ({said}); run the same command again when the server is well: "
            f"what was encoded is kept"
        )

    def _not_an_endpoint(self, what: str) -> str:
        return f"{self._url}: does not answer as an OpenAI-compatible embeddings endpoint ({what}); check the URL"


class _Bearer(requests.auth.AuthBase):
    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _message(answer: requests.Response) -> str:
    """Return what the server says went wrong: ``{"error": {"message": ...}}``, or the text of the answer."""
    try:
        error = answer.json()
        for key in ("error", "message", "detail"):
            error = error.get(key, error) if isinstance(error, dict) else error
    except ValueError:
        error = answer.text
    return " ".join(str(error).split())[:160] or str(answer.reason)


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
        ("query_prompt_name", options.query_prompt_name),
        ("passage_prompt_name", options.passage_prompt_name),
        ("query_task", options.query_task),
        ("passage_task", options.passage_task),
        ("encode_kwargs", options.encode_kwargs),
        ("model_kwargs", options.model_kwargs),
        ("similarity", options.similarity if options.similarity != "cosine" else None),
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
        store = EmbeddingStore(current_cache().of("embeddings"), who, "passage")
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
