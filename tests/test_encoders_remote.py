"""Models behind an endpoint: a real HTTP server on this machine, and everything that one can do wrong."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest

from robustbench_ir.encoders import EncoderOptions, load_encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.errors import EncoderError, OptionError
from tests.support.encoders import EmbeddingServer, rows_of

TEXTS = [f"text number {number}" for number in range(100)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    monkeypatch.setattr("robustbench_ir.encoders.remote._FIRST_WAIT_SECONDS", 0.01)
    for variable in ("ROBUSTBENCH_IR_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    running = EmbeddingServer()
    yield running
    running.close()


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def load(server: EmbeddingServer, **options: object) -> object:
    return load_encoder(f"openai:tiny@{server.url}", EncoderOptions(**options))


def test_rows_are_in_order_of_the_texts_in_batches_with_their_prompts(server: EmbeddingServer) -> None:
    encoder = load_encoder(f"openai:tiny@{server.url}", EncoderOptions(batch_size=30, query_prompt="query: "))
    server.requests.clear()
    rows = encoder.encode_queries(TEXTS)
    np.testing.assert_allclose(rows, unit(rows_of(["query: " + text for text in TEXTS])), atol=1e-6)
    assert [len(request["input"]) for request in server.requests] == [30, 30, 30, 10]
    assert encoder.description.dimensions == 8
    assert encoder.description.similarity == "cosine"
    np.testing.assert_allclose(encoder.encode_passages(["a"]), unit(rows_of(["a"])), atol=1e-6)


def test_no_request_has_more_texts_than_the_interface_allows(server: EmbeddingServer) -> None:
    encoder = load_encoder(f"openai:tiny@{server.url}", EncoderOptions(batch_size=5000))
    server.requests.clear()
    assert len(encoder.encode_queries([str(number) for number in range(2100)])) == 2100
    assert [len(request["input"]) for request in server.requests] == [2048, 52]


def test_the_key_goes_where_it_belongs_and_nowhere_else(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-openai-only")
    load(server)
    assert "Authorization" not in server.headers[-1]
    monkeypatch.setenv("ROBUSTBENCH_IR_API_KEY", "sk-mine")
    load(server)
    assert server.headers[-1]["Authorization"] == "Bearer sk-mine"
    with pytest.raises(OptionError, match="a password in the URL is not allowed") as caught:
        load_encoder("openai:tiny@http://me:secret@localhost/v1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 408])
def test_what_passes_is_tried_again(status: int, server: EmbeddingServer) -> None:
    encoder = load_encoder(f"openai:tiny@{server.url}")
    server.script = [(status, {}, "busy")] * 3
    np.testing.assert_allclose(encoder.encode_queries(["a"]), unit(rows_of(["a"])), atol=1e-6)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_says_how_long_to_wait(form: str, server: EmbeddingServer) -> None:
    encoder = load_encoder(f"openai:tiny@{server.url}")
    # A date has whole seconds, so that two seconds from now are between one and two.
    header = "1.2" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
    server.script = [(429, {"Retry-After": header}, "slow down")]
    server.times.clear()
    encoder.encode_queries(["a"])
    assert 0.9 < server.times[1] - server.times[0] < 4


def test_a_rate_limit_is_kept(server: EmbeddingServer) -> None:
    encoder = load_encoder(f"openai:tiny@{server.url}", EncoderOptions(batch_size=1, requests_per_minute=600))
    encoder.encode_queries(TEXTS[:5])
    gaps = np.diff(server.times)
    assert gaps.min() > 0.05
    assert server.times[-1] - server.times[0] > 0.45


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            (401, {}, '{"error": {"message": "Bad key"}}'),
            r"refuses the key \(401: Bad key\); put a valid key into ROBUSTBENCH_IR_API_KEY",
        ),
        ((404, {}, '{"detail": "Not Found"}'), r"no such address or model 'tiny' \(404: Not Found\); .* ends in /v1"),
        ((308, {"Location": "http://elsewhere/v1"}, ""), "has moved to http://elsewhere/v1; give that URL"),
        ((200, {}, "<html>Welcome</html>"), "does not answer as an OpenAI-compatible embeddings endpoint"),
        ((200, {}, '{"data": []}'), r"does not answer .* \(0 rows for 1 texts\); check the URL"),
        ((200, {}, '{"data": [{"index": 0, "embedding": ["x"]}]}'), "does not answer as an OpenAI-compatible"),
        ((429, {"Retry-After": "7200"}, ""), "asks to come back in 120 minutes; run the same command again then"),
    ],
)
def test_what_does_not_pass_says_the_next_step_at_once(
    answer: tuple[int, dict[str, str], str], message: str, server: EmbeddingServer
) -> None:
    server.script = [answer]
    with pytest.raises(EncoderError, match=message) as caught:
        load(server)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [(503, r"fails, 8 times in a row \(503: busy\); run the same command again"), (429, "lower --requests-per-minute")],
)
def test_after_eight_tries_it_is_given_up(
    status: int, message: str, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustbench_ir._base.retries._LONGEST_WAIT_SECONDS", 0.02)
    server.script = [(status, {}, "busy")] * 9
    with pytest.raises(EncoderError, match=message):
        load(server)
    assert len(server.requests) == 8


def test_nobody_is_there(server: EmbeddingServer) -> None:
    server.close()
    with pytest.raises(EncoderError, match=r"cannot be reached \(ConnectionError\); check the server and the URL"):
        load(server)


def test_a_text_that_the_server_refuses_is_named(server: EmbeddingServer) -> None:
    encoder = load_encoder(f"openai:tiny@{server.url}")
    server.refused = "far too long"
    with pytest.raises(
        EncoderError, match=r"fails on the text 'far too long' \(.*400: maximum context length"
    ) as caught:
        encode_texts(encoder.encode_passages, [*TEXTS, "far too long"])
    assert "\n" not in str(caught.value)


def test_other_weights_behind_the_same_name_are_noticed(server: EmbeddingServer) -> None:
    first = load_encoder(f"openai:tiny@{server.url}").description
    assert load_encoder(f"openai:tiny@{server.url}").description == first
    server.seed = "fine-tuned"
    second = load_encoder(f"openai:tiny@{server.url}").description
    assert second.fingerprint != first.fingerprint
    server.seed = ""
    assert load_encoder(f"openai:tiny@{server.url}").description == first


@pytest.mark.parametrize("name", ["openai:", "openai:@http://localhost/v1", "openai:tiny@http://"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(OptionError, match="write it like openai:MODEL@http://localhost:8000/v1"):
        load_encoder(name)


@pytest.mark.parametrize("option", [{"dtype": "float16"}, {"device": "cpu"}, {"max_length": 8}, {"backend": "onnx"}])
def test_options_that_are_the_servers_affair(option: dict[str, object], server: EmbeddingServer) -> None:
    with pytest.raises(OptionError, match="cannot be set for an endpoint"):
        load(server, **option)
    assert server.requests == []


def test_an_attack_on_an_endpoint(server: EmbeddingServer) -> None:
    from robustbench_ir import RunOptions, attack

    name = f"openai:tiny@{server.url}"
    first = attack(name, recipes=["typo"], languages=["en"])
    asked = len(server.requests)
    again = attack(name, recipes=["typo"], languages=["en"], run=RunOptions(resume=False))
    assert len(server.requests) == asked + 1, "only the text that tells the weights"
    np.testing.assert_array_equal(first.attacked[0].ranks.in_pool, again.attacked[0].ranks.in_pool)


class Provided(EmbeddingServer):
    """Answers as a provider's documentation says, and refuses what it refuses."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.paths: list[str] = []

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], str]:
        self.paths.append(path)
        refusal = self._refusal(body)
        if refusal:
            return 400, {}, json.dumps({"error": {"message": refusal}})
        if self.kind == "gemini":
            texts = [one["content"]["parts"][0]["text"] for one in body["requests"]]
            roles = {one.get("taskType") for one in body["requests"]}
            rows = rows_of([f"{roles}{text}" for text in texts]).tolist()
            return 200, {}, json.dumps({"embeddings": [{"values": row} for row in rows]})
        if self.kind == "cohere":
            rows = rows_of([f"{body['input_type']}{text}" for text in body["texts"]]).tolist()
            return 200, {}, json.dumps({"id": "1", "embeddings": {"float": rows}, "texts": body["texts"]})
        role = body.get("input_type") or body.get("task") or ""
        rows = rows_of([f"{role}{text}" for text in body["input"]])
        written = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in rows]
        shown = written if body.get("encoding_format") == "base64" else rows.tolist()
        data = [{"object": "embedding", "index": place, "embedding": row} for place, row in enumerate(shown)]
        return 200, {}, json.dumps({"object": "list", "data": data[::-1], "model": body["model"]})

    def _refusal(self, body: dict[str, Any]) -> str:
        if self.kind == "voyage" and body.get("encoding_format") not in {None, "base64"}:
            return "Argument 'encoding_format' only accepts 'base64'"
        if self.kind == "none" and "encoding_format" in body:
            return "Unknown field: encoding_format"
        if self.kind == "nim" and body.get("input_type") not in {"query", "passage"}:
            return "'input_type' parameter is required for asymmetric models"
        if self.kind == "cohere" and ("input_type" not in body or len(body["texts"]) > 96):
            return "invalid request: input_type is required, and at most 96 texts"
        return ""


@pytest.fixture
def provided(request: pytest.FixtureRequest) -> Iterator[Provided]:
    running = Provided(request.param)
    yield running
    running.close()


@pytest.mark.parametrize(
    ("provided", "scheme", "query", "passage"),
    [
        ("openai", "openai", "", ""),
        ("voyage", "voyage", "query", "document"),
        ("voyage", "openai", "", ""),
        ("none", "openai", "", ""),
        ("nim", "nim", "query", "passage"),
        ("jina", "jina", "retrieval.query", "retrieval.passage"),
        ("cohere", "cohere", "search_query", "search_document"),
        ("gemini", "gemini", "{'RETRIEVAL_QUERY'}", "{'RETRIEVAL_DOCUMENT'}"),
        ("openai", "ollama", "", ""),
        ("openai", "tei", "", ""),
        ("openai", "vllm", "", ""),
    ],
    indirect=["provided"],
)
def test_each_provider_is_asked_as_it_wants(provided: Provided, scheme: str, query: str, passage: str) -> None:
    """Queries and passages are told apart, base64 is read, and what the server does not take is not sent again."""
    encoder = load_encoder(f"{scheme}:m@{provided.url}", EncoderOptions(batch_size=200))
    texts = [f"text {number}" for number in range(120)]
    for encode, role in ((encoder.encode_queries, query), (encoder.encode_passages, passage)):
        rows = rows_of([role + text for text in texts])
        expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(encode(texts), expected, atol=1e-6)
    refused = sum(bool(provided._refusal(body)) for body in provided.requests)
    assert refused == {"voyage": 1, "none": 2}.get(provided.kind, 0)
    path = {"gemini": "/v1/models/m:batchEmbedContents", "cohere": "/v1/embed"}.get(provided.kind, "/v1/embeddings")
    assert set(provided.paths) == {path}


@pytest.mark.parametrize("provided", ["nim"], indirect=True)
def test_a_field_that_a_server_needs_can_be_given(provided: Provided) -> None:
    name = f"openai:m@{provided.url}"
    with pytest.raises(EncoderError, match=r"'input_type' parameter is required .*--query-body"):
        load_encoder(name)
    bodies = {"query_body": {"input_type": "query"}, "passage_body": {"input_type": "passage"}}
    encoder = load_encoder(name, EncoderOptions(**bodies))  # type: ignore[arg-type]
    other = load_encoder(name, EncoderOptions(query_body={"input_type": "query"}, passage_body={"input_type": "query"}))
    assert np.abs(encoder.encode_passages(["a"]) - other.encode_passages(["a"])).max() > 1e-3
    assert encoder.description.fingerprint != other.description.fingerprint
    with pytest.raises(OptionError, match="that is written for each request"):
        load_encoder(name, EncoderOptions(query_body={"input": ["x"]}))
    with pytest.raises(OptionError, match="encoding format 'int8'"):
        load_encoder(name, EncoderOptions(encoding_format="int8"))  # type: ignore[arg-type]


def test_a_providers_key_goes_to_its_host_alone(monkeypatch: pytest.MonkeyPatch, server: EmbeddingServer) -> None:
    monkeypatch.setenv("VOYAGE_API_KEY", "secret")
    load_encoder(f"voyage:tiny@{server.url}")
    assert not any("Authorization" in headers for headers in server.headers)
