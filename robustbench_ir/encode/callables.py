"""A plain function as an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from robustbench_ir.encode.encoder import Embeddings, EncoderDescription


@dataclass(frozen=True)
class CallableEncoder:
    """A function from texts to rows, for queries and passages alike. An `Encoder`.

    Rows are compared by their dot product, as they come. Nothing is kept between runs unless the function has an
    attribute ``fingerprint``: a function cannot be told from another one.
    """

    function: Callable[[Sequence[str]], Embeddings]

    @property
    def description(self) -> EncoderDescription:
        """Name and fingerprint."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return EncoderDescription(name, str(getattr(self.function, "fingerprint", "")), "dot", 0)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Encode queries, like passages."""
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Return what the function gives, as float32; shape (texts, dimensions)."""
        if not texts:
            return np.empty((0, 0), dtype=np.float32)
        rows = self.function(list(texts))
        if sp.issparse(rows):
            return sp.csr_array(rows).astype(np.float32)
        return np.asarray(rows, dtype=np.float32)
