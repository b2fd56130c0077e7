"""Tiny models of random weights, one of each kind that people bring, saved as sentence-transformers saves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.encoders import letters_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}


def bert(**more: Any) -> PreTrainedModel:
    from transformers import BertConfig, BertModel

    config = BertConfig(vocab_size=len(letters_tokenizer()), max_position_embeddings=64, **SIZES, **more)
    return BertModel(config)


def base(folder: Path, model: PreTrainedModel | None = None, **tokens: Any) -> Path:
    """Save a transformer with its tokeniser and nothing else."""
    import torch

    torch.manual_seed(1)
    tokenizer = letters_tokenizer()
    for name, value in tokens.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(folder)
    (bert() if model is None else model).save_pretrained(folder)
    return folder


def transformer(folder: Path, model: PreTrainedModel | None = None, pooling: str = "mean", **tokens: Any) -> list[Any]:
    """Return the modules of a transformer with pooling."""
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    first = Transformer(str(base(folder.with_name(f"{folder.name}-base"), model, **tokens)))
    first.max_seq_length = 48
    return [first, Pooling(first.get_embedding_dimension(), pooling)]


def save(folder: Path, modules: list[Any], sparse: bool = False, **settings: Any) -> Path:
    from sentence_transformers import SentenceTransformer, SparseEncoder

    model = (SparseEncoder if sparse else SentenceTransformer)(modules=modules, device="cpu", **settings)
    model.save(str(folder))
    return folder


def static(seed: int = 1) -> Any:
    import torch
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    torch.manual_seed(seed)
    return StaticEmbedding(letters_tokenizer().backend_tokenizer, embedding_dim=16)


def _plain(folder: Path) -> Path:
    return save(folder, transformer(folder), prompts={"query": "query: ", "document": "passage: "})


def _dense(folder: Path) -> Path:
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    modules = transformer(folder, pooling="cls")
    torch.manual_seed(2)
    return save(folder, [*modules, Dense(16, 8, activation_function=torch.nn.Tanh()), Normalize()])


def _matryoshka(folder: Path) -> Path:
    return save(folder, transformer(folder), truncate_dim=8)


def _dot(folder: Path) -> Path:
    return save(folder, transformer(folder, pooling="max"), similarity_fn_name="dot")


def _euclidean(folder: Path) -> Path:
    return save(folder, transformer(folder), similarity_fn_name="euclidean")


def _static(folder: Path) -> Path:
    return save(folder, [static()])


def _bag_of_words(folder: Path) -> Path:
    from sentence_transformers.sentence_transformer.modules import BoW

    return save(folder, [BoW(["market", "opens", "six", "closes", "noon"], {"six": 2.0}, unknown_word_weight=1)])


def word_embeddings() -> Any:
    import numpy as np
    from sentence_transformers.sentence_transformer.modules import WordEmbeddings
    from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer

    words = ["the", "market", "opens", "at", "six", "soko"]
    tokenizer = WhitespaceTokenizer(words, stop_words=["the", "at"], do_lower_case=True)
    rows = np.random.default_rng(1).standard_normal((len(words), 16)).astype(np.float32)
    return WordEmbeddings(tokenizer, rows, max_seq_length=20)


def _word_embeddings(folder: Path) -> Path:
    from sentence_transformers.sentence_transformer.modules import Pooling

    return save(folder, [word_embeddings(), Pooling(16)])


def _router(folder: Path) -> Path:
    from sentence_transformers.sentence_transformer.modules import Router

    return save(folder, [Router.for_query_document([static(2)], transformer(folder))])


def masked(folder: Path) -> Any:
    from sentence_transformers.sentence_transformer.modules import Transformer
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(vocab_size=len(letters_tokenizer()), max_position_embeddings=64, **SIZES)
    place = base(folder.with_name(f"{folder.name}-base"), BertForMaskedLM(config))
    first = Transformer(str(place), transformer_task="fill-mask")
    first.max_seq_length = 48
    return first


def _splade(folder: Path) -> Path:
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    return save(folder, [masked(folder), SpladePooling("max")], sparse=True)


def _inference_free(folder: Path) -> Path:
    import torch
    from sentence_transformers.sentence_transformer.modules import Router
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding, SpladePooling

    first = masked(folder)
    torch.manual_seed(3)
    queries = SparseStaticEmbedding(first.tokenizer, weight=torch.rand(len(first.tokenizer)))
    return save(folder, [Router.for_query_document([queries], [first, SpladePooling("max")])], sparse=True)


def _sparse_autoencoder(folder: Path) -> Path:
    import torch
    from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

    modules = transformer(folder)
    torch.manual_seed(4)
    return save(folder, [*modules, SparseAutoEncoder(input_dim=16, hidden_dim=32, k=8, k_aux=8)], sparse=True)


def _decoder(folder: Path) -> Path:
    from transformers import GPT2Config, GPT2Model

    config = GPT2Config(vocab_size=len(letters_tokenizer()), n_embd=16, n_layer=2, n_head=2, n_positions=64)
    return save(folder, transformer(folder, GPT2Model(config), "lasttoken", padding_side="left"))


def _roberta(folder: Path) -> Path:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    config = XLMRobertaConfig(
        vocab_size=len(letters_tokenizer()), max_position_embeddings=66, pad_token_id=0, type_vocab_size=1, **SIZES
    )
    return save(folder, transformer(folder, XLMRobertaModel(config)))


def _t5(folder: Path) -> Path:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=len(letters_tokenizer()), d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2)
    return save(folder, transformer(folder, T5EncoderModel(config)))


def _lstm(folder: Path) -> Path:
    import torch
    from sentence_transformers.sentence_transformer.modules import LSTM, Pooling

    words = word_embeddings()
    torch.manual_seed(5)
    return save(folder, [words, LSTM(16, 8), Pooling(16)])


def _lengths(folder: Path) -> Path:
    modules = transformer(folder)
    modules[0].query_length, modules[0].document_length = 12, 24
    return save(folder, modules)


def _first_layout(folder: Path) -> Path:
    """Lay a model out as sentence-transformers 2 did: weights by pickle, classes by their old names, nothing said."""
    import shutil

    import torch

    _dense(folder)
    inner = folder / "0_Transformer"
    inner.mkdir()
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json")
    for name in names:
        shutil.move(folder / name, inner / name)
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), inner / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    (inner / "sentence_bert_config.json").write_text('{"max_seq_length": 48, "do_lower_case": false}', encoding="utf-8")
    listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    listed[0]["path"] = "0_Transformer"
    for module in listed:
        module["type"] = f"sentence_transformers.models.{module['type'].rpartition('.')[2]}"
    (folder / "modules.json").write_text(json.dumps(listed), encoding="utf-8")
    (folder / "config_sentence_transformers.json").unlink()
    return folder


def _half(folder: Path) -> Path:
    return save(folder, transformer(folder, bert().half()))


KINDS: dict[str, Callable[[Path], Path]] = {
    "transformer": _plain,
    "dense": _dense,
    "matryoshka": _matryoshka,
    "dot": _dot,
    "euclidean": _euclidean,
    "static": _static,
    "bag of words": _bag_of_words,
    "word embeddings": _word_embeddings,
    "router": _router,
    "splade": _splade,
    "inference-free splade": _inference_free,
    "sparse autoencoder": _sparse_autoencoder,
    "decoder": _decoder,
    "xlm-roberta": _roberta,
    "t5 encoder": _t5,
    "lstm": _lstm,
    "lengths of each side": _lengths,
    "layout of version 2": _first_layout,
    "half precision": _half,
}
"""Makes a model of each kind in a folder that is not there yet."""


def reranker(folder: Path, old: bool = False, classes: int = 1, seed: int = 0) -> Path:
    """Save a CrossEncoder; an old one is a classifier of transformers and nothing else."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=len(letters_tokenizer()), max_position_embeddings=512, num_labels=classes, **SIZES)
    torch.manual_seed(seed)
    model = BertForSequenceClassification(config)
    # Scores of random weights lie closer together than rounding; these are as far apart as those of a trained model.
    with torch.no_grad():
        model.classifier.weight *= 100
    place = base(folder if old else folder.with_name(f"{folder.name}-base"), model)
    if not old:
        CrossEncoder(str(place), device="cpu").save_pretrained(str(folder))
    return folder


def multi_vector(folder: Path) -> Path:
    from sentence_transformers import MultiVectorEncoder

    MultiVectorEncoder(str(base(folder.with_name(f"{folder.name}-base"))), device="cpu").save_pretrained(str(folder))
    return folder


def with_code(folder: Path, code: str, keywords: list[str]) -> Path:
    """Make a transformer whose first module is a class of the model's own, `own.Own`, in the folder itself."""
    _plain(folder)
    (folder / "own.py").write_text(code, encoding="utf-8")
    listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    listed[0] |= {"type": "own.Own", "kwargs": keywords}
    (folder / "modules.json").write_text(json.dumps(listed), encoding="utf-8")
    return folder
