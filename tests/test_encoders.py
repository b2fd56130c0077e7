"""What is particular to each encoder; the contract of them all is in test_encoders_contract."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from robustbench_ir.encoders import Embeddings, Encoder, EncoderDescription, EncoderOptions, load_encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.prompts import family_prompts
from robustbench_ir.errors import EncoderError, OptionError, UnknownNameError


def rows_of(embeddings: Embeddings) -> np.ndarray:
    return embeddings.toarray() if sp.issparse(embeddings) else embeddings


def test_a_model_brings_its_prompts_and_the_user_may_replace_them(tiny_model: Path) -> None:
    from sentence_transformers import SentenceTransformer

    own = load_encoder(str(tiny_model))
    assert (own.description.query_prompt, own.description.passage_prompt) == ("query: ", "passage: ")
    plain = SentenceTransformer(str(tiny_model), device="cpu")
    np.testing.assert_allclose(
        own.encode_queries(["ab"]), plain.encode(["query: ab"], normalize_embeddings=True), atol=1e-6
    )
    np.testing.assert_allclose(
        own.encode_passages(["ab"]), plain.encode(["passage: ab"], normalize_embeddings=True), atol=1e-6
    )
    without = load_encoder(str(tiny_model), EncoderOptions(query_prompt="", passage_prompt=""))
    np.testing.assert_allclose(
        without.encode_queries(["ab"]), plain.encode(["ab"], normalize_embeddings=True), atol=1e-6
    )
    assert without.description.fingerprint != own.description.fingerprint


def test_the_fingerprint_follows_weights_length_and_type(tiny_model: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    first = load_encoder(str(tiny_model)).description
    assert load_encoder(str(tiny_model), EncoderOptions(max_length=8)).description.fingerprint != first.fingerprint
    assert load_encoder(str(tiny_model), EncoderOptions(dtype="float16")).description.fingerprint != first.fingerprint
    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    assert load_encoder(str(copy)).description.fingerprint == first.fingerprint
    weights = next(copy.glob("**/model.safetensors"))
    tensors = load_file(weights)
    name = sorted(tensors)[0]
    tensors[name] = tensors[name] + 1e-3
    save_file(tensors, weights, metadata={"format": "pt"})
    assert load_encoder(str(copy)).description.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("intfloat/multilingual-e5-small", "query: "),
        ("intfloat/e5-base-v2", "query: "),
        ("intfloat/multilingual-e5-large-instruct", "Instruct: "),
        ("nomic-ai/nomic-embed-text-v2-moe", "search_query: "),
        ("sentence-transformers/LaBSE", ""),
    ],
)
def test_families_have_their_documented_prefixes(name: str, query: str) -> None:
    assert family_prompts(name).query.startswith(query)
    assert bool(family_prompts(name).query) == bool(query)


def test_unknown_encoder_shows_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown encoder 'bm52': did you mean 'bm25'\?"):
        load_encoder("bm52")


def test_a_folder_that_is_no_model(tmp_path: Path, tiny_model: Path) -> None:
    with pytest.raises(EncoderError, match=r"not a sentence-transformers folder \(it has no modules\.json\)"):
        load_encoder(str(tmp_path))
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    next(broken.glob("**/model.safetensors")).write_bytes(b"nothing")
    with pytest.raises(EncoderError, match="broken: not a sentence-transformers folder that can be loaded"):
        load_encoder(str(broken))


def test_a_hub_name_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", no_network)
    with pytest.raises(
        EncoderError, match="somebody/some-model: neither a folder on this machine nor a model that can be downloaded"
    ):
        load_encoder("somebody/some-model")


def test_code_in_a_model_is_not_run(tiny_model: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    shutil.copytree(tiny_model, trap)
    modules = json.loads((trap / "modules.json").read_text(encoding="utf-8"))
    modules[0]["type"] = "evil.Module"
    (trap / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    marker = tmp_path / "ran"
    (trap / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Module: pass\n", encoding="utf-8")
    with pytest.raises(
        EncoderError, match="contains code of its own; if you trust its author, give --trust-remote-code"
    ):
        load_encoder(str(trap))
    assert not marker.exists()


@pytest.mark.parametrize("options", [EncoderOptions(dtype="float8"), EncoderOptions(batch_size=0)])
def test_options_out_of_range(options: EncoderOptions, tiny_model: Path) -> None:
    with pytest.raises(OptionError):
        load_encoder(str(tiny_model), options)


def test_each_distinct_text_is_encoded_once_longest_first() -> None:
    seen: list[str] = []

    def encode(texts: Sequence[str]) -> Embeddings:
        seen.extend(texts)
        return np.array([[len(text)] for text in texts], dtype=np.float32)

    steps: list[int] = []
    rows = encode_texts(encode, ["a", "ccc", "bb", "a"], steps.append)
    assert seen == ["ccc", "bb", "a"]
    assert rows_of(rows).ravel().tolist() == [1, 3, 2, 1]
    assert sum(steps) == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_name_the_texts(bad: float) -> None:
    def dense(texts: Sequence[str]) -> Embeddings:
        return np.array([[bad if text == "odd" else 1] for text in texts], dtype=np.float32)

    def sparse(texts: Sequence[str]) -> Embeddings:
        return sp.csr_array(rows_of(dense(texts)))

    for encode in (dense, sparse):
        with pytest.raises(EncoderError, match="NaN or infinite embeddings for 1 texts, such as 'odd'"):
            encode_texts(encode, ["even", "odd"])


def test_a_wrong_number_of_rows_is_refused() -> None:
    with pytest.raises(EncoderError, match=r"shape \(1, 2\) for 2 texts"):
        encode_texts(lambda _: np.ones((1, 2), dtype=np.float32), ["a", "b"])


class Own:
    """An encoder of a user's own: no base class, three names."""

    description = EncoderDescription("own", "own@1", "dot", 2)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        return np.array([[len(text), text.count(" ")] for text in texts], dtype=np.float32)

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        return self.encode_queries(texts)


def test_an_object_of_ones_own_is_an_encoder() -> None:
    from robustbench_ir import attack

    own: Encoder = Own()
    result = attack(own, recipes=["typo"], languages=["en", "es"])
    assert result.encoder.name == "own"
