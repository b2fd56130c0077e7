"""How much of a text a model reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from robustbench_ir.encoders.loading import quiet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SparseEncoder
    from torch import nn

_NO_LIMIT = 1 << 24  # tokenisers without a limit have a number beyond any text
_TEXTS_AT_ONCE = 256
_SAMPLE = 1000

Cut = dict[str, float]
"""Share of the ``queries`` and ``passages`` of a task that are longer than a model reads."""


@runtime_checkable
class Truncating(Protocol):
    """An encoder that knows how many texts it cuts."""

    def share_cut(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float:
        """Return the share of texts that are longer than the model reads, 0 to 1."""


def cut_shares(encoder: object, queries: Sequence[str], passages: Sequence[str]) -> Cut:
    """Return the share of queries and passages that an encoder cuts, from an even sample of 1,000 where there are more.

    Returns
    -------
    dict
        Empty where the encoder does not know.
    """
    if not isinstance(encoder, Truncating):
        return {}
    return {
        "queries": encoder.share_cut(_sample(queries), "query"),
        "passages": encoder.share_cut(_sample(passages), "passage"),
    }


def _sample(texts: Sequence[str]) -> Sequence[str]:
    step = max(1, -(-len(texts) // _SAMPLE))
    return texts[::step]


def first_module(model: SentenceTransformer | SparseEncoder, route: str) -> nn.Module:
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
    limits = [limit for limit in (own, getattr(module, "max_seq_length", None)) if isinstance(limit, int)]
    limit = min(limits, default=0)
    return limit if 0 < limit < _NO_LIMIT else 0


def tokens(module: nn.Module, texts: Sequence[str]) -> Iterator[int]:
    """Yield the number of tokens of each text, as if the module had no limit."""
    tokenizer: Any = module.tokenizer
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        block = list(texts[start : start + _TEXTS_AT_ONCE])
        if callable(tokenizer):
            with quiet():
                yield from map(len, tokenizer(block, truncation=False, padding=False)["input_ids"])
        else:
            yield from (len(tokenizer.tokenize(text)) for text in block)
