"""What a model of sentence-transformers reads of a text: its token ids after the cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder

_TEXTS_AT_ONCE = 256
_TOKENS = {"input_ids", "attention_mask"}
# Tensors that follow from the two above, or are the same for every text.
_DERIVED = {"token_type_ids", "position_ids", "sentence_lengths", "query_expansion_positions"}


def model_inputs(
    model: SentenceTransformer | SparseEncoder | MultiVectorEncoder,
    texts: Sequence[str],
    prompt: str,
    keywords: Mapping[str, object],
) -> list[bytes]:
    """Return what a model reads of each text; texts that it cannot tell apart have equal bytes.

    Parameters
    ----------
    model : SentenceTransformer, SparseEncoder or MultiVectorEncoder
        The model, whose own tokeniser, prompt and limit decide.
    texts : sequence of str
        Texts without their prompt.
    prompt : str
        Put before each text.
    keywords : mapping
        Further keywords of the model's ``encode``.
    """
    found: list[bytes] = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        block = texts[start : start + _TEXTS_AT_ONCE]
        rows = _rows(_tensors(model, block, prompt, keywords), len(block))
        found += rows or [_alone(_tensors(model, [text], prompt, keywords)) for text in block]
    return found


def features_of(model: Any, texts: Sequence[str], prompt: str, keywords: Mapping[str, object]) -> Mapping[str, Any]:
    """Return what the first module of a model is given for some texts, as `encode` makes it.

    Parameters
    ----------
    model, texts, prompt, keywords
        See `model_inputs`.
    """
    if hasattr(model, "preprocess"):
        features: Mapping[str, Any] = model.preprocess(list(texts), prompt=prompt, **keywords)
        return features
    read: Mapping[str, Any] = model.tokenize([prompt + text for text in texts], **keywords)  # sentence-transformers 5
    return read


def _tensors(model: Any, texts: Sequence[str], prompt: str, keywords: Mapping[str, object]) -> dict[str, np.ndarray]:
    import torch

    features = features_of(model, texts, prompt, keywords)
    return {name: value.cpu().numpy() for name, value in features.items() if isinstance(value, torch.Tensor)}


def _rows(tensors: Mapping[str, np.ndarray], count: int) -> list[bytes]:
    """Return the token ids of each text of a batch, without padding; nothing where the model is given more than ids."""
    if _TOKENS <= {*tensors} <= _TOKENS | _DERIVED and tensors["input_ids"].shape[0] == count:
        pairs = zip(tensors["input_ids"], tensors["attention_mask"], strict=True)
        return [ids[attended.astype(bool)].tobytes() for ids, attended in pairs]
    if {*tensors} == {"input_ids", "offsets"} and len(tensors["offsets"]) == count:
        return [ids.tobytes() for ids in np.split(tensors["input_ids"], tensors["offsets"][1:])]
    return []


def _alone(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return everything that the model is given for one text, which has no padding."""
    return b"".join(name.encode() + tensors[name].tobytes() for name in sorted(tensors))
