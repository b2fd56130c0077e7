"""One contract for every kind of encoder, each of them tiny and real."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from robustbench_ir.encoders import (
    BUILT_IN,
    Embeddings,
    Encoder,
    EncoderDescription,
    EncoderOptions,
    PoolEncoder,
    as_encoder,
    load_encoder,
)
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.store.store import EmbeddingStore
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.testing import check_encoder
from tests.support.encoders import EmbeddingServer, letters_tokenizer, rows_of

TEXTS = ["When does the market open?", "The market opens at six.", "ሰላም", "谁", "a" * 300, "The market opens at six."]


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a StaticEmbedding: a mean of word vectors, a whole model in one table."""
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    # The home of the class before sentence-transformers 6 is the second one.
    try:
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    except ImportError:
        from sentence_transformers.models import StaticEmbedding
    letters = {chr(code): code - 0x20 for code in range(0x21, 0x7F)}
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, **letters}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Split("", "isolated")
    torch.manual_seed(1)
    target = tmp_path_factory.mktemp("models") / "static"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu").save(str(target))
    return target


@pytest.fixture(scope="session")
def splade_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a SPLADE model of random weights; its columns are the tokens."""
    import torch
    from sentence_transformers import SparseEncoder
    from transformers import BertConfig, BertForMaskedLM

    base = tmp_path_factory.mktemp("models") / "masked"
    tokenizer = letters_tokenizer()
    tokenizer.save_pretrained(base)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    torch.manual_seed(1)
    BertForMaskedLM(config).save_pretrained(base)
    model = SparseEncoder(str(base), device="cpu")
    model.max_seq_length = 64
    target = base.parent / "splade"
    model.save(str(target))
    return target


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    running = EmbeddingServer()
    yield running
    running.close()


Loader = Callable[[str, EncoderOptions], Encoder]


@pytest.fixture
def load(tiny_model: Path, static_model: Path, splade_model: Path, server: EmbeddingServer) -> Loader:
    """Return the function that loads an encoder of a kind."""

    class Own:
        description = load_encoder("char-ngram").description

        def encode_queries(self, texts: Sequence[str]) -> Embeddings:
            return rows_of(texts)

        encode_passages = encode_queries

    names = {
        "transformer": str(tiny_model),
        "static": str(static_model),
        "splade": str(splade_model),
        "splade without a word": f"sparse:{splade_model.parent / 'masked'}",
        "endpoint": f"openai:tiny@{server.url}",
    }

    def load(kind: str, options: EncoderOptions) -> Encoder:
        if kind == "function":
            return as_encoder(rows_of)
        if kind == "class":
            return as_encoder(Own())
        if kind == "loaded model":
            from sentence_transformers import SentenceTransformer

            return as_encoder(SentenceTransformer(str(tiny_model), device="cpu"), options)
        return load_encoder(names.get(kind, kind), options)

    return load


LOADED = ["transformer", "static", "splade", "splade without a word"]
KINDS = [*sorted(BUILT_IN), *LOADED, "endpoint", "function", "class", "loaded model"]
VARIANTS = [
    ("transformer", EncoderOptions(dtype="float16"), 5e-3),
    ("transformer", EncoderOptions(dtype="bfloat16"), 5e-2),
    ("transformer", EncoderOptions(truncate_dim=8), 1e-5),
    ("transformer", EncoderOptions(max_length=8), 1e-5),
    pytest.param("transformer", EncoderOptions(devices=("cpu", "cpu")), 1e-5, marks=pytest.mark.slow),
    ("static", EncoderOptions(dtype="float16"), 5e-3),
    ("static", EncoderOptions(truncate_dim=8), 1e-5),
    ("splade", EncoderOptions(dtype="bfloat16"), 5e-2),
    ("endpoint", EncoderOptions(truncate_dim=4), 1e-5),
]


def short(value: object) -> str:
    """Name a test by the options that are not the default ones."""
    if not isinstance(value, EncoderOptions):
        return str(value)
    usual = EncoderOptions()
    return ",".join(f"{name}={given}" for name, given in vars(value).items() if given != getattr(usual, name)) or "-"


def dense(embeddings: Embeddings) -> np.ndarray:
    return embeddings.toarray() if sp.issparse(embeddings) else embeddings


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"), [*((kind, EncoderOptions(), 1e-5) for kind in KINDS), *VARIANTS], ids=short
)
def test_contract(kind: str, options: EncoderOptions, tolerance: float, load: Loader) -> None:
    encoder = load(kind, options)
    who = encoder.description
    if kind == "class":  # its description is that of another encoder
        encoder = as_encoder(encoder.encode_queries)
    check_encoder(encoder, TEXTS, tolerance=tolerance)
    ready = encoder.fitted(TEXTS) if isinstance(encoder, PoolEncoder) else encoder
    passages = dense(encode_texts(ready.encode_passages, TEXTS))
    np.testing.assert_array_equal(passages[1], passages[5])
    assert load(kind, options).description == who
    assert bool(who.fingerprint) == (kind != "function"), "a function cannot be told from another one"


@pytest.mark.parametrize("kind", [*LOADED, "endpoint", "loaded model"])
def test_prompts_are_put_before_the_texts(kind: str, load: Loader) -> None:
    none = load(kind, EncoderOptions(query_prompt="", passage_prompt=""))
    some = load(kind, EncoderOptions(query_prompt="query: ", passage_prompt="passage: "))
    np.testing.assert_allclose(
        dense(some.encode_queries(["ab"])), dense(none.encode_passages(["query: ab"])), atol=1e-5
    )
    np.testing.assert_allclose(
        dense(some.encode_passages(["ab"])), dense(none.encode_queries(["passage: ab"])), atol=1e-5
    )
    assert np.abs(dense(some.encode_queries(["ab"])) - dense(none.encode_queries(["ab"]))).max() > 1e-3
    assert some.description.fingerprint != none.description.fingerprint


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("transformer", EncoderOptions(dtype="float16")),
        ("transformer", EncoderOptions(truncate_dim=8)),
        ("transformer", EncoderOptions(max_length=8)),
        ("static", EncoderOptions(dtype="float16")),
        ("static", EncoderOptions(truncate_dim=8)),
        ("splade", EncoderOptions(dtype="float16")),
        ("splade", EncoderOptions(max_length=8)),
        ("endpoint", EncoderOptions(truncate_dim=4)),
        ("endpoint", EncoderOptions(revision="2024-07")),
    ],
    ids=short,
)
def test_what_changes_a_row_changes_the_fingerprint(kind: str, options: EncoderOptions, load: Loader) -> None:
    assert load(kind, options).description.fingerprint != load(kind, EncoderOptions()).description.fingerprint


def test_what_changes_no_row_leaves_the_fingerprint(load: Loader) -> None:
    plain = load("transformer", EncoderOptions()).description.fingerprint
    for options in (EncoderOptions(batch_size=2), EncoderOptions(devices=("cpu", "cpu")), EncoderOptions(device="cpu")):
        assert load("transformer", options).description.fingerprint == plain


@pytest.mark.parametrize("kind", ["static", "splade"])
def test_other_weights_are_another_encoder(kind: str, load: Loader, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    first = load(kind, EncoderOptions())
    first.model.save(str(tmp_path / "copy"))
    same = load_encoder(str(tmp_path / "copy"))
    assert same.description.fingerprint == first.description.fingerprint
    weights = next((tmp_path / "copy").glob("**/model.safetensors"))
    tensors = load_file(weights)
    name = sorted(tensors)[0]
    save_file({**tensors, name: tensors[name] + 1e-3}, weights, metadata={"format": "pt"})
    assert load_encoder(str(tmp_path / "copy")).description.fingerprint != first.description.fingerprint


def test_a_splade_model_gives_the_rows_of_sentence_transformers(load: Loader, splade_model: Path) -> None:
    from sentence_transformers import SparseEncoder

    rows = load("splade", EncoderOptions()).encode_passages(["ab", "cd ef"])
    assert sp.issparse(rows)
    reference = SparseEncoder(str(splade_model), device="cpu").encode(["ab", "cd ef"], convert_to_sparse_tensor=False)
    np.testing.assert_allclose(rows.toarray(), reference.numpy(), atol=1e-6)


def test_truncated_dimensions_are_the_first_ones(load: Loader) -> None:
    for kind, keep in (("transformer", 8), ("static", 8), ("endpoint", 4)):
        whole = dense(load(kind, EncoderOptions()).encode_queries(TEXTS))[:, :keep]
        cut = load(kind, EncoderOptions(truncate_dim=keep))
        whole = whole / np.linalg.norm(whole, axis=1, keepdims=True)
        np.testing.assert_allclose(dense(cut.encode_queries(TEXTS)), whole, atol=1e-5)
        assert cut.description.dimensions == keep


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("splade", EncoderOptions(truncate_dim=8), "columns of a sparse encoder are words"),
        ("transformer", EncoderOptions(truncate_dim=17), "has 16 dimensions"),
        ("static", EncoderOptions(truncate_dim=17), "has 16 dimensions"),
        ("endpoint", EncoderOptions(truncate_dim=9), "has 8 dimensions"),
        ("static", EncoderOptions(max_length=8), "reads texts of any length; do not set the maximum length"),
        ("transformer", EncoderOptions(truncate_dim=0), "must be at least 1"),
        ("transformer", EncoderOptions(backend="tensorflow"), "there are torch, onnx, openvino"),
        ("transformer", EncoderOptions(backend="onnx", dtype="float16"), "dtype needs the backend torch"),
        ("transformer", EncoderOptions(device="cpu", devices=("cpu",)), "exclude each other"),
        ("endpoint", EncoderOptions(requests_per_minute=0), "must be above 0"),
    ],
    ids=short,
)
def test_options_that_cannot_be(kind: str, options: EncoderOptions, message: str, load: Loader) -> None:
    with pytest.raises(OptionError, match=message):
        load(kind, options)


def installed(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


@pytest.mark.filterwarnings(
    "ignore:Implicitly cleaning up:ResourceWarning"
)  # optimum leaves its export to the collector
@pytest.mark.parametrize(
    ("backend", "module"), [("onnx", "optimum.onnxruntime"), ("openvino", "optimum.intel.openvino")]
)
def test_another_backend(backend: str, module: str, load: Loader) -> None:
    if not installed(module):
        with pytest.raises(
            EncoderError, match=rf"{backend} is not installed; pip install 'robustbench-ir\[{backend}\]'"
        ):
            load("transformer", EncoderOptions(backend=backend))
        pytest.skip(f"BACK END ABSENT: {backend}; only its error was tested")
    encoder = load("transformer", EncoderOptions(backend=backend))
    plain = load("transformer", EncoderOptions())
    np.testing.assert_allclose(encoder.encode_queries(TEXTS), plain.encode_queries(TEXTS), atol=1e-4)
    assert encoder.description.fingerprint != plain.description.fingerprint
    again = load("transformer", EncoderOptions(backend=backend))
    assert again.description == encoder.description
    del encoder, again
    gc.collect()


def test_an_encoder_that_fails_on_one_text_names_it() -> None:
    def picky(texts: Sequence[str]) -> Embeddings:
        if any("\N{SNOWMAN}" in text for text in texts):
            raise ValueError("cannot tokenise\nthis")
        return rows_of(texts)

    texts = [*(f"text {number}" for number in range(600)), "a \N{SNOWMAN} in it"]
    with pytest.raises(
        EncoderError, match=r"fails on the text 'a ☃ in it' \(ValueError: cannot tokenise this\); change or remove"
    ) as caught:
        encode_texts(picky, texts)
    assert "\n" not in str(caught.value)


def test_an_encoder_that_fails_on_many_texts_at_once_says_so() -> None:
    def small(texts: Sequence[str]) -> Embeddings:
        if len(texts) > 300:
            raise MemoryError("out of memory")
        return rows_of(texts)

    with pytest.raises(EncoderError, match=r"fails on 512 texts at once, not on half of them \(MemoryError: out of"):
        encode_texts(small, [str(number) for number in range(600)])


@pytest.mark.parametrize("form", ["float64", "list", "tensor", "csr_matrix", "coo_array of float64"])
def test_rows_of_any_form_are_taken(form: str, tmp_path: Path) -> None:
    import torch

    forms: dict[str, Callable[[np.ndarray], object]] = {
        "float64": lambda rows: rows.astype(np.float64),
        "list": lambda rows: rows.tolist(),
        "tensor": torch.tensor,
        "csr_matrix": sp.csr_matrix,
        "coo_array of float64": lambda rows: sp.coo_array(rows.astype(np.float64)),
    }
    who = EncoderDescription("forms", form, "dot", 8)
    for _ in range(2):  # encoded, and read
        rows = encode_texts(
            lambda texts: forms[form](rows_of(texts)), TEXTS, store=EmbeddingStore(tmp_path, who, "query")
        )
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(dense(rows), rows_of(TEXTS))


def test_a_function_attacks() -> None:
    from robustbench_ir import attack

    result = attack(lambda texts: rows_of(texts) * 2, recipes=["typo"], languages=["en"])
    assert "lambda" in result.encoder.name


def test_what_is_no_encoder_is_told() -> None:
    with pytest.raises(
        EncoderError, match="int: is not an encoder; give a name, a function from texts to rows, or an object"
    ):
        as_encoder(3)  # type: ignore[arg-type]
