"""An encoder that returns the mean over a query and copies of it with typos."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sp

from robustbench_ir._base.text import nfc, replace_spans, word_graphemes, word_spans
from robustbench_ir.defences.normalised import described
from robustbench_ir.encoders.encoder import Embeddings, Encoder, EncoderDescription, PoolEncoder, Vectors
from robustbench_ir.encoders.reranker import refuse_reranked
from robustbench_ir.encoders.token_embeddings import TOKEN_SIMILARITIES, TokenEmbeddings
from robustbench_ir.encoders.truncation import read_of, share_cut_of
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb.randomness import Random, generator, pick

SMOOTHED_PREFIX = "smoothed"
DEFAULT_COPIES = 8
_SHARE = 0.2  # of the words of a copy that have a typo, at least one
_ROOT = "und"  # no language's tailoring, since an encoder does not know the language


@dataclass(frozen=True)
class Smoothed:
    """An encoder with smoothed queries. An `Encoder`; passages are encoded as they are.

    Attributes
    ----------
    passage_encoder : Encoder
        The encoder behind the defence.
    copies : int
        Number of copies of each query besides itself, 1 or more.
    description : EncoderDescription
        Description that names the defence.
    """

    passage_encoder: Encoder
    copies: int
    description: EncoderDescription

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Return the mean over each query and its copies, with length 1 if the encoder's rows have length 1."""
        if not texts:
            return self.passage_encoder.encode_queries([])
        groups = [(text, *copies_of(text, self.copies)) for text in texts]
        distinct = {text: None for group in groups for text in group}
        place = {text: number for number, text in enumerate(distinct)}
        column = [place[text] for group in groups for text in group]
        row = np.repeat(np.arange(len(groups)), self.copies + 1)
        share = np.full(len(column), 1 / (self.copies + 1), dtype=np.float32)
        average = sp.csr_array((share, (row, column)), shape=(len(groups), len(distinct)))
        rows = self.passage_encoder.encode_queries(list(distinct))
        if isinstance(rows, TokenEmbeddings):
            raise _refusal(self.passage_encoder)
        means = average @ rows
        return _unit(means) if self.description.similarity == "cosine" else means

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Encode passages as they are."""
        return self.passage_encoder.encode_passages(texts)

    def share_cut(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float | None:
        """Return the share of texts, without their copies, that the encoder cuts; None if it does not know."""
        return share_cut_of(self.passage_encoder, texts, side)

    def query_inputs(self, texts: Sequence[str]) -> list[Hashable] | None:
        """Return what the encoder reads of each query and of its copies; None if it does not know."""
        groups = [(text, *copies_of(text, self.copies)) for text in texts]
        read = read_of(self.passage_encoder, [text for group in groups for text in group])
        if read is None:
            return None
        width = self.copies + 1
        return [tuple(read[start : start + width]) for start in range(0, len(read), width)]


@dataclass(frozen=True)
class SmoothedByPool:
    """An encoder that depends on the pool, with smoothed queries. A `PoolEncoder`.

    Attributes
    ----------
    passage_encoder : Encoder
        The encoder behind the defence.
    copies : int
        Number of copies of each query besides itself, 1 or more.
    description : EncoderDescription
        Description that names the defence.
    """

    passage_encoder: Encoder
    copies: int
    description: EncoderDescription

    def fitted(self, passages: Sequence[str]) -> Smoothed:
        """Return the encoder for this pool."""
        inner = self.passage_encoder
        fitted = inner.fitted(passages) if isinstance(inner, PoolEncoder) else inner
        return Smoothed(fitted, self.copies, self.description)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Raise an error: the pool is not known yet."""
        raise OptionError(
            f"{self.description.name} depends on the pool; call fitted(passages) first ({len(texts)} texts)"
        )

    encode_passages = encode_queries


def smoothed(encoder: Encoder, copies: int = DEFAULT_COPIES) -> Smoothed | SmoothedByPool:
    """Return an encoder that smooths queries over noisy copies.

    Parameters
    ----------
    encoder : Encoder
        Encodes queries and copies.
    copies : int
        Number of copies, 1 to 100; encoding a query takes so many times longer.

    Raises
    ------
    OptionError
        If the number of copies is out of range, or if it is a multi-vector model or reranked.
    """
    if not 1 <= copies <= 100:
        raise OptionError(f"{copies} copies are out of range; 1 to 100")
    if encoder.description.similarity in TOKEN_SIMILARITIES:
        raise _refusal(encoder)
    refuse_reranked(encoder, "a defence")
    who = described(encoder.description, f"{SMOOTHED_PREFIX}-{copies}")
    return (SmoothedByPool if isinstance(encoder, PoolEncoder) else Smoothed)(encoder, copies, who)


def _refusal(encoder: Encoder) -> OptionError:
    return OptionError(
        f"{encoder.description.name}: gives a row for each token, and copies of a query have other tokens: there is no "
        f"mean; smooth an encoder that gives a row for each text"
    )


def copies_of(text: str, copies: int) -> list[str]:
    """Return copies of a query in which a fifth of the words have a typo: a letter left out, doubled, or swapped.

    The typos depend only on the text, so that the same query always has the same embedding. They need no keyboard,
    since an encoder does not know the language.

    Parameters
    ----------
    text : str
        The query.
    copies : int
        Number of copies.
    """
    clean = nfc(text)
    words = [span for span in word_spans(clean, _ROOT) if any(map(str.isalpha, clean[span[0] : span[1]]))]
    if not words:
        return [clean] * copies
    return [_copy(clean, words, generator("smoothed", clean, number)) for number in range(copies)]


def _copy(clean: str, words: Sequence[tuple[int, int]], random: Random) -> str:
    certain = pick(words, random)
    typos = [
        (span, _mistyped(clean[span[0] : span[1]], random))
        for span in words
        if span == certain or random.random() < _SHARE
    ]
    return replace_spans(clean, typos)


def _mistyped(word: str, random: Random) -> str:
    letters = list(word_graphemes(word))
    place = int(random.random() * len(letters))
    kind = pick(("drop", "double", "swap") if len(letters) > 1 else ("double",), random)
    if kind == "double":
        letters.insert(place, letters[place])
    elif kind == "drop":
        del letters[place]
    else:
        place = min(place, len(letters) - 2)
        letters[place : place + 2] = reversed(letters[place : place + 2])
    return "".join(letters)


def _unit(rows: Vectors) -> Vectors:
    if isinstance(rows, np.ndarray):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)
    from sklearn.preprocessing import normalize

    return sp.csr_array(normalize(rows).astype(np.float32))
