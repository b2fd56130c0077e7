"""A model behind an endpoint: OpenAI's interface, which vLLM, TEI, Ollama and others speak, and its relatives.

`robustbench_ir.encoders.providers` has the facts about providers and the shapes of requests.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NoReturn
from urllib.parse import urlsplit

import numpy as np
import regex
import requests

from robustbench_ir._base.cache import current_cache
from robustbench_ir._base.retries import asked_wait, session_with_retries
from robustbench_ir.encoders.encoder import Dense, EncoderDescription, TextsRefusedError
from robustbench_ir.encoders.options import EncoderOptions, check_options, refuse_ignored
from robustbench_ir.encoders.prompts import Prompts, family_prompts
from robustbench_ir.encoders.providers import FORMATS, PROVIDERS, EncodingFormat, Provider
from robustbench_ir.encoders.store.store import EmbeddingStore
from robustbench_ir.errors import EncoderError, OptionError

# Requests to an embeddings endpoint: batches, waiting, trying again, and errors that say what to do.

_KEY_VARIABLE = "ROBUSTBENCH_IR_API_KEY"
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
        URL to which ``/embeddings`` is added.
    model : str
        Name of the model on the server.
    timeout : float
        Seconds for the connection, and for each part of an answer.
    requests_per_minute : float, optional
        Largest number of requests a minute.
    provider : Provider
        Shape of its requests and answers.
    """

    def __init__(
        self,
        url: str,
        model: str,
        timeout: float,
        requests_per_minute: float | None,
        provider: Provider = PROVIDERS["openai"],
    ) -> None:
        self._url = f"{url}{provider.dialect.path(model)}"
        self._model = model
        self._dialect = provider.dialect
        self._timeout = timeout
        self._interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0
        # A request is not repeated sooner than the rate allows.
        self._session = session_with_retries(_RETRIES, max(_FIRST_WAIT_SECONDS, self._interval))
        key = os.environ.get(_KEY_VARIABLE)
        # The provider's own key is sent to the provider only.
        if not key and provider.key_variable and urlsplit(url).hostname == urlsplit(provider.url).hostname:
            key = os.environ.get(provider.key_variable)
        # Set for each request, so that ~/.netrc does not replace it.
        self._auth = _Key(key, provider.key_header)

    def embeddings(
        self, texts: Sequence[str], extra: Mapping[str, object] | None = None, form: EncodingFormat = "float"
    ) -> Dense:
        """Return the embeddings of texts, with one request.

        Parameters
        ----------
        texts : sequence of str
            As many as one request may have.
        extra : mapping, optional
            Further fields of the request.
        form : {"float", "base64", "none"}
            How numbers are written in the answer, where the provider can be asked for it.

        Returns
        -------
        float32 array of shape (texts, dimensions)
            Rows in the order of the texts.

        Raises
        ------
        TextsRefusedError
            If the server refuses one of the texts.
        EncoderError
            If the server cannot be reached, or if its answer is malformed.
        """
        answer = self._answer(self._dialect.body(self._model, texts, extra or {}, form))
        try:
            return self._dialect.rows(answer.json(), len(texts))
        except (ValueError, KeyError, TypeError) as error:
            what = f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise EncoderError(self._not_an_endpoint(what)) from error

    def _answer(self, body: object) -> requests.Response:
        self._keep_to_rate()
        try:
            answer = self._session.post(
                self._url, json=body, timeout=self._timeout, auth=self._auth, allow_redirects=False
            )
        except requests.RequestException as error:
            raise EncoderError(
                f"{self._url}: cannot be reached ({type(error).__name__}); check "
                f"the server and the URL, then run the same command again: finished work is kept"
            ) from None
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
            raise EncoderError(f"{self._url}: refuses the key ({said}); put a valid key into {_KEY_VARIABLE}")
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
                f"finished work is kept"
            )
        if status == _TOO_MANY_REQUESTS:
            raise EncoderError(
                f"{self._url}: too many requests, {tried} times in a row ({said}); lower --requests-per-minute, "
                f"or check your quota, then run the same command again: finished work is kept"
            )
        raise EncoderError(
            f"{self._url}: fails, {tried} times in a row ({said}); run the same command again when the server works: "
            f"finished work is kept"
        )

    def _not_an_endpoint(self, what: str) -> str:
        kind = "an OpenAI-compatible embeddings endpoint, or that of its provider"
        return f"{self._url}: does not answer as {kind} ({what}); check the URL"


class _Key(requests.auth.AuthBase):
    def __init__(self, key: str | None, header: str) -> None:
        self._key = key
        self._header = header

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers[self._header] = f"Bearer {self._key}" if self._header == "Authorization" else self._key
        return request


def _message(answer: requests.Response) -> str:
    """Return the server's error message: ``{"error": {"message": ...}}``, or the text of the answer."""
    try:
        error = answer.json()
        for key in ("error", "message", "detail"):
            error = error.get(key, error) if isinstance(error, dict) else error
    except ValueError:
        error = answer.text
    return " ".join(str(error).split())[:160] or str(answer.reason)


_PROBE = "The quick brown fox jumps over the lazy dog. 0123456789 你好 नमस्ते"
_SAME_MODEL_COSINE = 0.9999


@dataclass(frozen=True)
class RemoteEncoder:
    """A model behind an endpoint, compared by cosine. An `Encoder`.

    Attributes
    ----------
    endpoint : Endpoint
        The endpoint.
    description : EncoderDescription
        Name, fingerprint and prompts.
    batch_size : int
        Texts in each request.
    """

    endpoint: Endpoint
    description: EncoderDescription
    batch_size: int
    query_body: Mapping[str, object]
    passage_body: Mapping[str, object]
    form: EncodingFormat

    def with_query_prompt(self, prompt: str) -> RemoteEncoder:
        """Return the same encoder with another query prompt."""
        return replace(self, description=replace(self.description, query_prompt=prompt))

    def encode_queries(self, texts: Sequence[str]) -> Dense:
        """Encode queries, with the query prompt; shape (texts, dimensions)."""
        return self._encode([self.description.query_prompt + text for text in texts], self.query_body)

    def encode_passages(self, texts: Sequence[str]) -> Dense:
        """Encode passages, with the passage prompt; shape (texts, dimensions)."""
        return self._encode([self.description.passage_prompt + text for text in texts], self.passage_body)

    def _encode(self, texts: Sequence[str], extra: Mapping[str, object]) -> Dense:
        rows = np.empty((len(texts), self.description.dimensions), dtype=np.float32)
        for start in range(0, len(texts), self.batch_size):
            stop = min(start + self.batch_size, len(texts))
            rows[start:stop] = _unit(
                self.endpoint.embeddings(texts[start:stop], extra, self.form), self.description.dimensions
            )
        return rows


def load_remote(name: str, options: EncoderOptions) -> RemoteEncoder:
    """Connect to a model; one text is encoded, to find its dimensions and to recognise the model of an earlier run.

    Parameters
    ----------
    name : str
        ``openai:MODEL@http://host:8000/v1``, or another of `PROVIDERS`; without a URL, the provider's own.
    options : EncoderOptions
        Prompts, bodies, encoding format, batch size, truncate_dim, revision, rate limit and timeout; other options are
        refused.

    Raises
    ------
    EncoderError
        If the endpoint cannot be reached, refuses the key or the model, or gives a malformed answer.
    OptionError
        If an endpoint does not have one of the options, or if the name has another form.
    """
    check_options(options)
    provider, model, url = _parts(name)
    # Rows of an endpoint are compared by cosine, so that this choice is no other one.
    asked_for = replace(options, similarity=None) if options.similarity == "cosine" else options
    refuse_ignored(name, asked_for, "an endpoint, where the server chooses it")
    endpoint = Endpoint(url, model, options.timeout, options.requests_per_minute, provider)
    query_body = provider.query_body if options.query_body is None else options.query_body
    passage_body = provider.passage_body if options.passage_body is None else options.passage_body
    form, probe = _first_answer(endpoint, query_body, options.encoding_format)
    dimensions = options.truncate_dim or probe.shape[1]
    if dimensions > probe.shape[1]:
        raise OptionError(f"truncate_dim {dimensions}: {model} has {probe.shape[1]} dimensions")
    family = family_prompts(model)
    prompts = Prompts(
        family.query if options.query_prompt is None else options.query_prompt,
        family.passage if options.passage_prompt is None else options.passage_prompt,
    )
    state = _state(name, probe, options.revision)
    asked = [dict(query_body), dict(passage_body), form]
    settings = json.dumps(
        [url, model, dimensions, options.revision, *prompts, *(asked if asked != [{}, {}, "float"] else [])]
    )
    description = EncoderDescription(
        name=name,
        fingerprint=blake2b(settings.encode() + state, digest_size=16).hexdigest(),
        similarity="cosine",
        dimensions=dimensions,
        revision=options.revision or "",
        query_prompt=prompts.query,
        passage_prompt=prompts.passage,
    )
    batch = min(options.batch_size, provider.most_inputs)
    return RemoteEncoder(endpoint, description, batch, query_body, passage_body, form)


def is_remote(name: str) -> bool:
    """Return True if a name begins with the scheme of a provider, as ``openai:`` or ``voyage:``."""
    scheme, colon, _ = name.partition(":")
    return bool(colon) and scheme in PROVIDERS


def _first_answer(
    endpoint: Endpoint, extra: Mapping[str, object], asked: EncodingFormat | None
) -> tuple[EncodingFormat, Dense]:
    """Encode one text, in the first format of numbers that the server takes."""
    refusal: TextsRefusedError | None = None
    for form in (asked,) if asked else FORMATS:
        try:
            return form, endpoint.embeddings([_PROBE], extra, form)
        except TextsRefusedError as error:
            refusal = refusal or error
            if "encoding_format" not in str(error):
                break
    raise EncoderError(
        f"{refusal}; a field that it needs can be given by --query-body and --passage-body, such as "
        f'\'{{"input_type": "query"}}\''
    ) from refusal


def _parts(name: str) -> tuple[Provider, str, str]:
    pattern = rf"(?P<scheme>{'|'.join(PROVIDERS)}):(?P<model>.+?)(?:@(?P<url>https?://[^/\s?#]+[^\s?#]*))?"
    match = regex.fullmatch(pattern, name)
    if match is None or not match["model"] or "@http" in match["model"]:
        scheme = name.partition(":")[0]
        raise OptionError(f"{name}: write it like {scheme}:MODEL@http://localhost:8000/v1")
    provider = PROVIDERS[match["scheme"]]
    url = (match["url"] or provider.url).rstrip("/")
    if "@" in url:
        where = f"{match['scheme']}:{match['model']}"
        raise OptionError(f"{where}: a password in the URL is not allowed; put the key into {_KEY_VARIABLE}")
    return provider, match["model"], url.removesuffix("/embeddings")


def _unit(rows: Dense, dimensions: int) -> Dense:
    if rows.shape[1] < dimensions:
        raise EncoderError(
            f"the endpoint returned {rows.shape[1]} dimensions, and {dimensions} before; run the command again"
        )
    cut = rows[:, :dimensions]
    lengths: Dense = np.linalg.norm(cut, axis=1, keepdims=True).astype(np.float32)
    lengths[lengths == 0] = 1
    unit: Dense = cut / lengths
    return unit


def _state(name: str, probe: Dense, revision: str | None) -> bytes:
    """Return bytes that stand for the weights behind an endpoint: its embedding of one text in the first run.

    A server's answers differ in their last bits from one request to the next, so the first answer that is similar
    enough stands for the weights; other weights get an answer of their own.
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
