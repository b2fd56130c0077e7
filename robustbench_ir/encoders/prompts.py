"""Prefixes that model families are documented to need and that older model files do not contain."""

from __future__ import annotations

from typing import NamedTuple

import regex


class Prompts(NamedTuple):
    """Prefixes.

    Attributes
    ----------
    query, passage : str
        Prefix of a query and of a passage.
    """

    query: str
    passage: str


# Model name (lower case) -> prompts; each line names where the prefixes are documented.
_FAMILIES: tuple[tuple[str, Prompts], ...] = (
    # https://huggingface.co/intfloat/multilingual-e5-large-instruct
    (
        r"e5.*-instruct",
        Prompts("Instruct: Given a question, retrieve passages that answer the question\nQuery: ", ""),
    ),
    # https://huggingface.co/intfloat/multilingual-e5-small
    (r"(^|[/_-])(multilingual-)?e5-(small|base|large)", Prompts("query: ", "passage: ")),
    # https://huggingface.co/nomic-ai/nomic-embed-text-v2-moe
    (r"nomic-embed-text", Prompts("search_query: ", "search_document: ")),
    # https://huggingface.co/BAAI/bge-large-en-v1.5
    (r"bge-(small|base|large)-en", Prompts("Represent this sentence for searching relevant passages: ", "")),
    # https://huggingface.co/Snowflake/snowflake-arctic-embed-l-v2.0
    (r"snowflake-arctic-embed-(m|l)-v2", Prompts("query: ", "")),
)


def family_prompts(name: str) -> Prompts:
    """Return the documented prefixes of a model's family; empty ones for other models.

    >>> family_prompts("intfloat/multilingual-e5-small").query
    'query: '
    """
    for pattern, prompts in _FAMILIES:
        if regex.search(pattern, name.lower()):
            return prompts
    return Prompts("", "")
