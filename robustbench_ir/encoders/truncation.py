"""What a model reads of a text, and how much of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.encoders.loading import quiet

if TYPE_CHECKING:
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder
    from torch import nn

_NO_LIMIT = 1 << 24  # tokenisers without a limit have a number beyond any text
_TEXTS_AT_ONCE = 256
_SAMPLE = 1000

Cut = dict[str, float]
"""Share of the ``queries`` and ``passages`` of a task that are longer than a model reads, and, where there are any, of
the ``unknown queries`` and ``unknown passages``: those with a character that its vocabulary does not have."""


@runtime_checkable
class Truncating(Protocol):
    """An encoder that knows how many texts it cuts."""

    def share_cut(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float | None:
        """Return the share of texts that are longer than the model reads, 0 to 1; None if it is not known."""


@runtime_checkable
class Tokenising(Protocol):
    """An encoder that knows which texts have something that is not in its vocabulary."""

    def share_unknown(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float:
        """Return the share of texts that the tokeniser reads with an unknown token, 0 to 1."""


@runtime_checkable
class Reading(Protocol):
    """An encoder that can tell what it reads of a query."""

    def query_inputs(self, texts: Sequence[str]) -> Sequence[Hashable] | None:
        """Return what it reads of each query, such as token ids after the cut; None if it is not known.

        Queries that the encoder cannot tell apart have equal inputs.
        """


@runtime_checkable
class ReadingPassages(Protocol):
    """An encoder that can tell what it reads of a passage."""

    def passage_inputs(self, texts: Sequence[str]) -> Sequence[Hashable] | None:
        """Return what it reads of each passage; see `Reading.query_inputs`."""


def changed_inputs(
    encoder: object, clean: Sequence[str], texts: Sequence[str], side: Literal["query", "passage"] = "query"
) -> NDArray[np.bool_] | None:
    """Return whether what an encoder reads of each text differs from what it reads of the clean one.

    Parameters
    ----------
    encoder : Encoder
        The encoder, fitted on its pool.
    clean, texts : sequence of str
        Texts before and after, in the same order.
    side : {"query", "passage"}
        What the texts are.

    Returns
    -------
    bool array of shape (texts,), or None
        None where the encoder does not know.
    """
    rows = [row for row, (before, after) in enumerate(zip(clean, texts, strict=True)) if before != after]
    both = [text for one in (clean, texts) for text in (one[row] for row in rows)]
    read = read_of(encoder, both) if side == "query" else passages_read_of(encoder, both)
    if read is None:
        return None
    changed = np.zeros(len(texts), dtype=bool)
    changed[rows] = [before != after for before, after in zip(read[: len(rows)], read[len(rows) :], strict=True)]
    return changed


def read_of(encoder: object, texts: Sequence[str]) -> Sequence[Hashable] | None:
    """Return what an encoder reads of each query; None where it does not know. See `Reading`."""
    return encoder.query_inputs(texts) if isinstance(encoder, Reading) else None


def passages_read_of(encoder: object, texts: Sequence[str]) -> Sequence[Hashable] | None:
    """Return what an encoder reads of each passage; None where it does not know. See `ReadingPassages`."""
    while hasattr(encoder, "passage_encoder"):  # a defence does not change passages
        encoder = encoder.passage_encoder
    return encoder.passage_inputs(texts) if isinstance(encoder, ReadingPassages) else None


def share_cut_of(encoder: object, texts: Sequence[str], side: Literal["query", "passage"]) -> float | None:
    """Return the share of texts that an encoder cuts; None where it does not know. See `Truncating`."""
    return encoder.share_cut(texts, side) if isinstance(encoder, Truncating) else None


def cut_shares(encoder: object, queries: Sequence[str], passages: Sequence[str]) -> Cut:
    """Return the share of texts that an encoder cuts or does not know, from an even sample of 1,000 of many.

    Returns
    -------
    dict
        See `Cut`; empty where the encoder does not know.
    """
    some, others = _sample(queries), _sample(passages)
    shares = {"queries": share_cut_of(encoder, some, "query"), "passages": share_cut_of(encoder, others, "passage")}
    if isinstance(encoder, Tokenising):
        unknown = {
            "unknown queries": encoder.share_unknown(some, "query"),
            "unknown passages": encoder.share_unknown(others, "passage"),
        }
        shares |= {what: share for what, share in unknown.items() if share}
    return {side: share for side, share in shares.items() if share is not None}


def _sample(texts: Sequence[str]) -> Sequence[str]:
    step = max(1, -(-len(texts) // _SAMPLE))
    return texts[::step]


def first_module(model: SentenceTransformer | SparseEncoder | MultiVectorEncoder, route: str) -> nn.Module:
    """Return the module that reads the texts of a side; behind a router, the first of its route."""
    module: Any = model[0]
    while hasattr(module, "sub_modules"):
        routes = module.sub_modules
        module = (routes[route] if route in routes else next(iter(routes.values())))[0]
    first: nn.Module = module
    return first


def token_limit(module: nn.Module, side: Literal["query", "passage"]) -> int:
    """Return the tokens after which a module cuts a text of a side; 0 where it does not."""
    own = getattr(module, "query_length" if side == "query" else "document_length", None)
    expansion = getattr(module, "query_expansion", None) if side == "query" else None
    if expansion and expansion["strategy"] == "fixed":
        return int(expansion["length"])  # filled up to it, and cut there
    if expansion and own:
        own = max(own, expansion["length"])
    limits = [limit for limit in (own, getattr(module, "max_seq_length", None)) if isinstance(limit, int)]
    limit = min(limits, default=0)
    return limit if 0 < limit < _NO_LIMIT else 0


def share_beyond_limit(module: nn.Module, texts: Sequence[str], side: Literal["query", "passage"]) -> float:
    """Return the share of texts, with their prompt, that are longer than a module reads; 0 where none is cut."""
    limit = token_limit(module, side)
    if not limit or not texts:
        return 0.0
    return sum(count > limit for count in tokens(module, texts)) / len(texts)


def share_with_unknown(module: nn.Module, texts: Sequence[str]) -> float:
    """Return the share of texts, with their prompt, in which the tokeniser of a module finds an unknown token."""
    tokenizer: Any = module.tokenizer
    unknown = getattr(tokenizer, "unk_token_id", None)
    if unknown is None or not callable(tokenizer) or not texts:
        return 0.0
    return sum(unknown in row for row in _token_rows(module, texts)) / len(texts)


def tokens(module: nn.Module, texts: Sequence[str]) -> Iterator[int]:
    """Yield the number of tokens of each text, as if the module had no limit."""
    yield from map(len, _token_rows(module, texts))


def _token_rows(module: nn.Module, texts: Sequence[str]) -> Iterator[Sequence[object]]:
    """Yield the tokens of each text, as if the module had no limit: their numbers where the tokeniser gives them."""
    tokenizer: Any = module.tokenizer
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        block = list(texts[start : start + _TEXTS_AT_ONCE])
        if callable(tokenizer):
            with quiet():
                yield from tokenizer(block, truncation=False, padding=False)["input_ids"]
        else:
            yield from map(tokenizer.tokenize, block)
