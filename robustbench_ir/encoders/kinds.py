"""What a model is, by its files before it is loaded, or by the object that was given."""

from __future__ import annotations

import sys
from typing import Literal

import regex

from robustbench_ir.encoders.saved_model import SavedModel
from robustbench_ir.errors import EncoderError

Kind = Literal["dense", "sparse", "static", "router", "multi-vector", "reranker", "transformer", "unknown"]
"""``transformer`` is one without pooling: it gives a state for each token, and no row for a text."""

RERANKED = "reranked"
"""Kind of an encoder behind a reranker. It is no kind of model, since two of them take part."""

_STATIC = regex.compile(r"StaticEmbedding|BoW|WordEmbeddings")
_MODEL_TYPES: dict[str, Kind] = {
    "SparseEncoder": "sparse",
    "MultiVectorEncoder": "multi-vector",
    "ColBERT": "multi-vector",  # PyLate's own name
    "CrossEncoder": "reranker",
}
_REFUSALS: dict[Kind, str] = {
    "reranker": (
        "is a reranker (CrossEncoder): it scores pairs of texts and gives no embeddings; "
        "name an encoder, and give this model as its reranker (--rerank, or robustbench_ir.reranked)"
    ),
    "multi-vector": (
        "is a multi-vector model (ColBERT, PyLate), which gives a row for each token; name it without a prefix, or "
        "name a model that gives a row for each text"
    ),
    "transformer": (
        "not a sentence-transformers {place} (it has no modules.json), so nothing says how its tokens become one row; "
        "save it with its pooling by SentenceTransformer(modules=[...]).save(folder) and name that folder, "
        "or name a SPLADE model as sparse:{name}"
    ),
    "unknown": "is of an unknown kind ({what}); name a SentenceTransformer or SparseEncoder",
}


def kind_of(given: SavedModel | object) -> Kind:
    """Return what kind of model this is.

    Parameters
    ----------
    given : SavedModel or object
        The files of a model, or a loaded model.

    Returns
    -------
    str
        ``unknown`` for a saved model of a type that this package does not know, and for an object of any other class.
    """
    return _kind_of_files(given) if isinstance(given, SavedModel) else _kind_of_object(given)


def refuse_kind(name: str, kind: Kind, what: str = "", place: str = "folder") -> None:
    """Refuse what gives no row for each text.

    Raises
    ------
    EncoderError
        The kind is ``reranker``, ``multi-vector``, ``transformer`` or ``unknown``; the message says what it is.
    """
    if kind in _REFUSALS:
        raise EncoderError(f"{name}: {_REFUSALS[kind].format(what=what, place=place, name=name)}")


def _kind_of_files(saved: SavedModel) -> Kind:
    said = str(saved.settings.get("model_type", ""))
    types = [kind for kind, _ in saved.modules]
    if said in _MODEL_TYPES:
        return _MODEL_TYPES[said]
    if "HF_ColBERT" in saved.architectures or any(
        kind.startswith(("pylate.", "sentence_transformers.multi_vector_encoder.")) for kind in types
    ):
        return "multi-vector"
    if any(kind.startswith("sentence_transformers.cross_encoder.") for kind in types):
        return "reranker"
    if not saved.has_modules:
        classifies = any(name.endswith("ForSequenceClassification") for name in saved.architectures)
        return "reranker" if classifies else "transformer"
    if said not in {"", "SentenceTransformer"}:
        return "unknown"
    return _dense_kind(types)


def _dense_kind(types: list[str]) -> Kind:
    if any(kind.endswith(("Router", "Asym")) for kind in types):
        return "router"
    return "static" if types and _STATIC.search(types[0]) else "dense"


def _kind_of_object(model: object) -> Kind:
    bases = {f"{base.__module__}.{base.__qualname__}" for base in type(model).__mro__}
    names = {base.rpartition(".")[2] for base in bases if base.startswith("sentence_transformers.")}
    if "CrossEncoder" in names:
        return "reranker"
    if "MultiVectorEncoder" in names or any(base.startswith("pylate.models.") for base in bases):
        return "multi-vector"
    if "SparseEncoder" in names:
        return "sparse"
    if "SentenceTransformer" in names:
        return _dense_kind([type(module).__name__ for module in model.children()])  # type: ignore[attr-defined]
    transformers = sys.modules.get("transformers")
    if transformers is not None and isinstance(model, transformers.PreTrainedModel):
        classifies = type(model).__name__.endswith("ForSequenceClassification")
        return "reranker" if classifies else "transformer"
    return "unknown"
