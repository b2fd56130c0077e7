"""Fingerprint of a sentence-transformers model: a hash of everything that decides an embedding."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from robustbench_ir.encoders.encoder import Vectors, as_dense
from robustbench_ir.encoders.options import EncoderOptions

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, MultiVectorEncoder, SentenceTransformer, SparseEncoder

    Model = SentenceTransformer | SparseEncoder | MultiVectorEncoder | CrossEncoder
    from torch import nn

_BYTES_HASHED_AT_ONCE = 1 << 24
_WEIGHT_FILES = {".onnx", ".onnx_data", ".xml", ".bin", ".safetensors"}
_LIBRARIES = {
    "torch": ("sentence-transformers", "torch", "transformers"),
    "onnx": ("sentence-transformers", "transformers", "optimum-onnx", "onnxruntime"),
    "openvino": ("sentence-transformers", "transformers", "optimum-intel", "openvino"),
}
# Where something lies and what wrote it decides no row.
_NOT_HASHED = frozenset(
    {"_name_or_path", "name_or_path", "transformers_version", "_commit_hash", "__version__", "auto_map", "training"}
    | {
        "vocab_file",
        "merges_file",
        "tokenizer_file",
        "spm_file",
        "special_tokens_map_file",
        "cache_dir",
        "local_files_only",
    }
)
_TOKENIZER_SETTINGS = (
    *("chat_template", "model_input_names", "model_max_length", "padding_side", "special_tokens_map"),
    *("split_special_tokens", "truncation_side"),
)
_CALL_SETTINGS = frozenset(
    {"init_kwargs", "max_length", "pad_to_multiple_of", "pad_token_type_id", "padding", "stride", "truncation"}
    | {"truncation_strategy", "verbose", "deprecation_warnings"}
)
_OTHERS_CODE = ("torch", "transformers", "sentence_transformers", "tokenizers", "peft", "optimum", "builtins")
_DIRECTIONS = 4
_ROUNDED_TO = 2


def libraries(backend: str) -> tuple[tuple[str, str], ...]:
    """Return the libraries that compute the embeddings, with their versions."""
    return tuple((library, _version(library)) for library in _LIBRARIES[backend])


def fingerprint(
    model: Model,
    choices: Mapping[str, object],
    options: EncoderOptions,
    name: str,
    behaviour: Iterable[Vectors],
) -> str:
    """Return a hash of weights, configurations, classes, code, tokenisers, choices, behaviour and library versions.

    Parameters
    ----------
    model : SentenceTransformer, SparseEncoder, MultiVectorEncoder or CrossEncoder
        The loaded model, as it encodes.
    choices : mapping
        Prompts, tasks and similarity.
    options : EncoderOptions
        Options that it was loaded with.
    name : str
        Path or name on the hub, for exported files.
    behaviour : iterable of rows
        Rows of the probe texts. They show what no file says, such as a hook on a module. Empty for models whose rows
        differ between devices by more than rounding.
    """
    hasher = blake2b(digest_size=16)
    _hash_tensors(model, hasher)
    if options.backend != "torch":
        _hash_files(model, name, hasher)
    settings = {
        "modules": [_module(path, module) for path, module in _modules(model)],
        "classes": sorted({_class(type(module)) for module in model.modules()}),
        "max_length": getattr(model, "max_seq_length", None),
        "model": {
            key: _plain(getattr(model, key, None)) for key in ("truncate_dim", "max_active_dims", "module_kwargs")
        },
        "choices": _plain(choices),
        "keywords": [_plain(options.encode_kwargs), _plain(options.model_kwargs)],
        "backend": options.backend,
        "versions": dict(libraries(options.backend)),
        "behaviour": [_projected(rows) for rows in behaviour],
    }
    hasher.update(json.dumps(settings, sort_keys=True).encode())
    return hasher.hexdigest()


def _modules(model: Model) -> Iterator[tuple[str, nn.Module]]:
    """Yield what has settings: the modules of sentence-transformers at any depth, and the transformers in them."""
    from transformers import PreTrainedModel

    own = {id(module) for module in model.children()}
    for path, module in model.named_modules():
        if id(module) in own or isinstance(module, PreTrainedModel) or hasattr(module, "get_config_dict"):
            yield path, module


def _module(path: str, module: nn.Module) -> list[object]:
    config: Any = getattr(module, "config", None)
    inner = config.to_dict() if hasattr(config, "to_dict") else None
    settings: object = getattr(module, "get_config_dict", dict)()
    # A transformer's configuration is its settings; what else it carries changes as it is used.
    own = {} if inner else {key: value for key, value in vars(module).items() if not key.startswith("_")}
    tokenizer = getattr(module, "tokenizer", None)
    return [path, _plain(inner), _class(type(config)), _plain(settings), _plain(own), _tokenizer(tokenizer)]


def _class(kind: type) -> list[str] | str:
    """Return the name of a class, with the source of its module where that is not one of the libraries."""
    if kind.__module__.partition(".")[0] in _OTHERS_CODE:
        return f"{kind.__module__}.{kind.__qualname__}"
    try:
        file = Path(inspect.getfile(kind))
        # Code that transformers fetched for a model lies in a folder of its own, and its files import each other.
        files = sorted(file.parent.glob("*.py")) if "transformers_modules" in file.parts else [file]
        source = b"".join(one.read_bytes() for one in files)
    except (OSError, TypeError):
        source = b""
    return f"{kind.__qualname__} {blake2b(source, digest_size=16).hexdigest()}"


def _plain(value: object) -> object:
    """Return what JSON can hold of a value, in one order; objects, whose text would differ in each process, as None."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items() if key not in _NOT_HASHED}
    if isinstance(value, set | frozenset):
        return sorted((_plain(inner) for inner in value), key=repr)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), blake2b(np.ascontiguousarray(value).tobytes()).hexdigest()]
    return None


def _tokenizer(outer: object) -> object:
    # A transformers tokeniser wraps one of the tokenizers library; a StaticEmbedding has the latter itself.
    if outer is None:
        return None
    inner = getattr(outer, "backend_tokenizer", outer)
    content = json.loads(inner.to_str()) if hasattr(inner, "to_str") else {}
    # What the last call set, not what the model is; the maximum length is hashed by itself.
    content.pop("truncation", None)
    content.pop("padding", None)
    said = {key: _plain(getattr(outer, key, None)) for key in _TOKENIZER_SETTINGS}
    if content:
        return [_class(type(outer)), content, said]
    # A tokeniser in Python: its words, and what it was made with; what it keeps of its last call is no part of it.
    vocabulary: object = getattr(outer, "get_vocab", dict)()
    made = {**getattr(outer, "__dict__", {}), **getattr(outer, "init_kwargs", {})}
    own = {key: value for key, value in made.items() if not key.startswith("_") and key not in _CALL_SETTINGS}
    return [_class(type(outer)), _plain(vocabulary), _plain(own), said]


def _projected(rows: Vectors) -> object:
    """Return a few rounded numbers of each row, which the last bits of a row all but never change."""
    dense = as_dense(rows)
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    unit = dense / np.where(lengths > 0, lengths, 1)
    directions = np.random.default_rng(0).standard_normal((dense.shape[1], _DIRECTIONS))
    size = np.round(np.log2(np.where(lengths > 0, lengths, 1)), 1)
    return [(np.round(unit @ directions, _ROUNDED_TO) + 0.0).tolist(), (size + 0.0).tolist()]


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


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "unknown"
