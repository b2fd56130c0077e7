"""Multi-vector models of random weights: sentence-transformers' own, and in the files that PyLate and ColBERT wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tests.support.encoders import letters_tokenizer

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder

COLUMNS = 8


def save_transformer(folder: Path, seed: int = 0) -> Path:
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    tokenizer = letters_tokenizer()
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def make_model(folder: Path, similarity: str = "maxsim", expansion: int | None = None) -> MultiVectorEncoder:
    """Build a model: prompts on both sides, no punctuation in passages, 8 dimensions of length 1."""
    from sentence_transformers import MultiVectorEncoder
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask

    base = save_transformer(folder / "base")
    asked = {"strategy": "fixed", "attend": False, "length": expansion} if expansion else None
    torch.manual_seed(1)
    return MultiVectorEncoder(
        modules=[
            Transformer(str(base), max_seq_length=64, document_length=48, query_expansion=asked),
            Dense(
                16, COLUMNS, bias=False, activation_function=torch.nn.Identity(), module_input_name="token_embeddings"
            ),
            MultiVectorMask(skiplist_words=[".", ",", "?"]),
            Normalize(module_input_name="token_embeddings"),
        ],
        prompts={"query": "[Q] ", "document": "[D] "},
        similarity_fn_name=similarity,
        device="cpu",
    )


def pylate_folder(model: MultiVectorEncoder, folder: Path) -> Path:
    """Write a model as PyLate 1 does: two modules, the second of a class of PyLate, and its settings at the top."""
    model.save_pretrained(str(folder))
    modules = json.loads((folder / "modules.json").read_bytes())[:2]
    modules[1]["type"] = "pylate.models.Dense.Dense"
    for module in json.loads((folder / "modules.json").read_bytes())[2:]:
        shutil.rmtree(folder / module["path"], ignore_errors=True)
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    settings = {
        "model_type": "ColBERT",
        "query_prefix": "[Q] ",
        "document_prefix": "[D] ",
        "query_length": 32,
        "document_length": 48,
        "attend_to_expansion_tokens": False,
        "skiplist_words": [".", ","],
        "similarity_fn_name": "MaxSim",
    }
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def colbert_folder(folder: Path) -> Path:
    """Write a model as Stanford's ColBERT does: no modules.json, the projection among the weights."""
    from safetensors.torch import load_file, save_file

    save_transformer(folder)
    weights = {f"bert.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    torch.manual_seed(2)
    save_file({**weights, "linear.weight": torch.randn(COLUMNS, 16)}, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["HF_ColBERT"]}), encoding="utf-8")
    metadata = {"query_token_id": "[unused0]", "doc_token_id": "[unused1]", "doc_maxlen": 48, "mask_punctuation": True}
    (folder / "artifact.metadata").write_text(json.dumps(metadata), encoding="utf-8")
    return folder
