"""Lexical baselines, which need no download and no training.

Scores are dot products of sparse rows, so that they are ranked like those of any other encoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import scipy.sparse as sp

from robustbench_ir._base.text import word_spans
from robustbench_ir.encoders.encoder import Embeddings, EncoderDescription

_HASHED_COLUMNS = 2**20
_NGRAM_RANGE = (2, 4)


def _joined(libraries: Sequence[tuple[str, str]]) -> str:
    return ",".join(f"{name}={number}" for name, number in libraries)


@dataclass(frozen=True)
class CharacterNgrams:
    """Cosine of hashed character n-grams (2 to 4, inside word boundaries), sublinear counts. An `Encoder`."""

    @property
    def description(self) -> EncoderDescription:
        """Name and fingerprint."""
        libraries = (("scikit-learn", version("scikit-learn")),)
        shortest, longest = _NGRAM_RANGE
        fingerprint = f"char-ngram@1:{shortest}-{longest}:{_HASHED_COLUMNS}:{_joined(libraries)}"
        return EncoderDescription("char-ngram", fingerprint, "cosine", _HASHED_COLUMNS, versions=libraries)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Encode queries, like passages."""
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Return sparse rows of length 1, shape (texts, 2**20)."""
        if not texts:
            return sp.csr_array(np.empty((0, _HASHED_COLUMNS), dtype=np.float32))
        from sklearn.feature_extraction.text import HashingVectorizer
        from sklearn.preprocessing import normalize

        hashing = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=_NGRAM_RANGE,
            n_features=_HASHED_COLUMNS,
            alternate_sign=False,
            norm=None,
            dtype=np.float32,
        )
        counts = hashing.transform(texts)
        counts.data = 1 + np.log(counts.data)
        return sp.csr_array(normalize(counts).astype(np.float32))

    def query_inputs(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the words of each query in lower case and without their order, which decide its n-grams."""
        return [tuple(sorted(text.lower().split())) for text in texts]

    passage_inputs = query_inputs


@dataclass(frozen=True)
class Bm25:
    """BM25 in Lucene's form (bm25s, k1 = 1.5, b = 0.75) over UAX #29 words. A `PoolEncoder`.

    Document frequencies are those of the whole pool, in every setting.
    """

    @property
    def description(self) -> EncoderDescription:
        """Name and fingerprint."""
        libraries = (("bm25s", version("bm25s")),)
        fingerprint = f"bm25@1:lucene:k1=1.5:b=0.75:uax29:{_joined(libraries)}"
        return EncoderDescription("bm25", fingerprint, "bm25", 0, versions=libraries, retrieves_zero=False)

    def fitted(self, passages: Sequence[str]) -> FittedBm25:
        """Return the encoder with an index of the pool."""
        from bm25s import BM25

        index = BM25(k1=1.5, b=0.75, method="lucene", backend="numpy")
        index.index([_tokens(passage) for passage in passages], show_progress=False)
        scores = index.scores
        shape = (len(passages), len(scores["indptr"]) - 1)
        weights = sp.csc_array((scores["data"], scores["indices"], scores["indptr"]), shape=shape)
        rows = {passage: row for row, passage in enumerate(passages)}
        return FittedBm25(self.description, dict(index.vocab_dict), weights.tocsr(), rows)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Encode queries after fitting on them: useful for a first try only."""
        return self.fitted(texts).encode_queries(texts)

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Encode passages after fitting on them."""
        return self.fitted(texts).encode_passages(texts)


@dataclass(frozen=True)
class FittedBm25:
    """BM25 with the document frequencies of one pool. An `Encoder`.

    Attributes
    ----------
    description : EncoderDescription
        Name and fingerprint.
    vocabulary : dict of str to int
        Word to column.
    weights : sparse array of shape (passages, vocabulary)
        BM25 weight of each word in each passage of the pool.
    rows : dict of str to int
        Passage to its row.
    """

    description: EncoderDescription
    vocabulary: dict[str, int]
    weights: sp.csr_array
    rows: dict[str, int]

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Return counts of the pool's words, shape (texts, vocabulary)."""
        columns: list[int] = []
        starts = [0]
        for text in texts:
            columns += self._columns(text)
            starts.append(len(columns))
        ones = np.ones(len(columns), dtype=np.float32)
        counts = sp.csr_array((ones, columns, starts), shape=(len(texts), self.weights.shape[1]))
        counts.sum_duplicates()
        return counts

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Return the BM25 weights of passages of the pool, shape (texts, vocabulary)."""
        return self.weights[[self.rows[text] for text in texts]]

    def query_inputs(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the columns of each query's words that the pool has, without their order."""
        return [tuple(sorted(self._columns(text))) for text in texts]

    def passage_inputs(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the words of each passage, without their order."""
        return [tuple(sorted(_tokens(text))) for text in texts]

    def _columns(self, text: str) -> list[int]:
        return [self.vocabulary[token] for token in _tokens(text) if token in self.vocabulary]


def _tokens(text: str) -> list[str]:
    folded = text.casefold()
    return [folded[start:end] for start, end in word_spans(folded, "und")]
