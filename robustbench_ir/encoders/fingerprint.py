"""Fingerprint of a sentence-transformers model: a hash of everything that decides an embedding."""

from __future__ import annotations

import json
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ir.encoders.options import EncoderOptions
from robustbench_ir.encoders.prompts import Prompts

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder

    Model = SentenceTransformer | SparseEncoder | MultiVectorEncoder

_BYTES_HASHED_AT_ONCE = 1 << 24
_WEIGHT_FILES = {".onnx", ".onnx_data", ".xml", ".bin", ".safetensors"}
_LIBRARIES = {
    "torch": ("sentence-transformers", "torch", "transformers"),
    "onnx": ("sentence-transformers", "transformers", "optimum-onnx", "onnxruntime"),
    "openvino": ("sentence-transformers", "transformers", "optimum-intel", "openvino"),
}


def libraries(backend: str) -> tuple[tuple[str, str], ...]:
    """Return the libraries that compute the embeddings, with their versions."""
    return tuple((library, _version(library)) for library in _LIBRARIES[backend])


def fingerprint(model: Model, prompts: Prompts, similarity: str, options: EncoderOptions, name: str) -> str:
    """Return a hash of weights, tokeniser, module settings, prompts, length, dimensions and library versions.

    Parameters
    ----------
    model : SentenceTransformer, SparseEncoder or MultiVectorEncoder
        The loaded model.
    prompts : Prompts
        Prefixes of queries and passages.
    similarity : str
        ``"cosine"`` or ``"dot"``.
    options : EncoderOptions
        Options that it was loaded with.
    name : str
        Name on the hub, or path of the folder.
    """
    hasher = blake2b(digest_size=16)
    _hash_tensors(model, hasher)
    if options.backend != "torch":
        _hash_files(model, name, hasher)
    # Options that change nothing here are left out, so that embeddings made before an option existed stay valid.
    settings: dict[str, object] = {
        "tokenizer": _tokenizer(model),
        "modules": [repr(module.__class__.__name__) for module in model],
        "pooling": [getattr(module, "get_config_dict", dict)() for module in model],
        "max_length": model.max_seq_length,
        "prompts": prompts._asdict(),
        "similarity": similarity,
        "versions": dict(libraries(options.backend)),
    }
    settings |= {"truncate_dim": options.truncate_dim} if options.truncate_dim else {}
    settings |= {"backend": options.backend} if options.backend != "torch" else {}
    hasher.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return hasher.hexdigest()


def _hash_tensors(model: Model, hasher: blake2b) -> None:
    import torch

    for name, tensor in sorted(model.state_dict().items()):
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
        for start in range(0, len(flat), _BYTES_HASHED_AT_ONCE):
            hasher.update(flat[start : start + _BYTES_HASHED_AT_ONCE].data)


def _hash_files(model: Model, name: str, hasher: blake2b) -> None:
    """Hash the files that an exported model is made from, since an export is not reproducible."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        config = getattr(getattr(model[0], "auto_model", None), "config", None)
        hasher.update(f"{name}@{getattr(config, '_commit_hash', None)}\n".encode())
        return
    for path in sorted(folder.rglob("*")):
        if path.suffix in _WEIGHT_FILES:
            hasher.update(f"{path.relative_to(folder).as_posix()}\n".encode())
            with path.open("rb") as stream:
                while content := stream.read(_BYTES_HASHED_AT_ONCE):
                    hasher.update(content)


def _tokenizer(model: Model) -> object:
    # A transformers tokeniser wraps one of the tokenizers library; a StaticEmbedding has the latter itself.
    outer = model.tokenizer
    inner = getattr(outer, "backend_tokenizer", outer)
    if not hasattr(inner, "to_str"):
        return repr(outer)
    content = json.loads(inner.to_str())
    # These depend on the last call, not on the model; the maximum length is hashed separately.
    content.pop("truncation", None)
    content.pop("padding", None)
    return [content, getattr(outer, "truncation_side", None)]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "unknown"
