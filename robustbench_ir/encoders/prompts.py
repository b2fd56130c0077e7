"""Prompts of queries and passages, and those that families are documented to need if their files have none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import regex

from robustbench_ir.encoders.options import EncoderOptions
from robustbench_ir.errors import OptionError


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
    (r"(^|[_-])(multilingual-)?e5-(small|base|large)", Prompts("query: ", "passage: ")),
    # https://huggingface.co/nomic-ai/nomic-embed-text-v2-moe
    (r"nomic-embed-text", Prompts("search_query: ", "search_document: ")),
    # https://huggingface.co/BAAI/bge-large-en-v1.5
    (r"bge-(small|base|large)-en", Prompts("Represent this sentence for searching relevant passages: ", "")),
    # https://huggingface.co/Snowflake/snowflake-arctic-embed-l-v2.0
    (r"snowflake-arctic-embed-(m|l)-v2", Prompts("query: ", "")),
)


# https://huggingface.co/facebook/contriever, https://www.sbert.net/docs/pretrained-models/msmarco-v5.html
_DOT_PRODUCT = regex.compile(r"m?contriever|msmarco-.*-(dot|tas-b)|multi-qa-.*-dot|.*-dot-v\d")

_QUERY_NAMES = ("query", "retrieval-query", "search-query", "s2p-query")
_PASSAGE_NAMES = ("document", "passage", "corpus", "retrieval-document", "retrieval-passage", "search-document")


def family_prompts(name: str) -> Prompts:
    """Return the documented prefixes of a model's family; empty ones for other models.

    Only the last part of the name counts: a family is the model's, not its owner's.

    >>> family_prompts("intfloat/multilingual-e5-small").query
    'query: '
    """
    model = _last_part(name)
    for pattern, prompts in _FAMILIES:
        if regex.search(pattern, model):
            return prompts
    return Prompts("", "")


def family_similarity(name: str) -> str:
    """Return ``"dot"`` for families that are documented to be compared so and whose files do not say it, else empty.

    >>> family_similarity("facebook/contriever-msmarco")
    'dot'
    """
    return "dot" if _DOT_PRODUCT.match(_last_part(name)) else ""


def has_family(name: str) -> bool:
    """Return whether something is documented for the family that a model's name belongs to."""
    return any(family_prompts(name)) or bool(family_similarity(name))


def _last_part(name: str) -> str:
    return name.lower().rstrip("/").rpartition("/")[2]


@dataclass(frozen=True)
class Declared:
    """What a model says of itself.

    Attributes
    ----------
    prompts : mapping of str to str
        By name. An empty one is said too: the model wants none.
    similarity : str
        ``"cosine"``, ``"dot"``, ``"euclidean"`` or ``"manhattan"``; empty where the model does not say.
    family : str
        Name on the hub by which families are looked up; empty for none.
    """

    prompts: Mapping[str, str] = field(default_factory=dict)
    similarity: str = ""
    family: str = ""


class Chosen(NamedTuple):
    """A choice that decides numbers, and who made it."""

    value: str
    origin: str


class ChosenPrompts(NamedTuple):
    """The prompts of both sides, and the names of the model's prompts if it has some and none was taken."""

    query: Chosen
    passage: Chosen
    unused: tuple[str, ...]


def choose_prompts(name: str, declared: Declared, options: EncoderOptions) -> ChosenPrompts:
    """Choose the prompts: an option, otherwise the model's own, otherwise those of its family.

    Parameters
    ----------
    name : str
        Name of the model, for errors.
    declared : Declared
        Prompts and similarity that the model's files declare.
    options : EncoderOptions
        Prompts and names of prompts that the user chose.

    Raises
    ------
    OptionError
        If the model has no prompt of the name that was given.
    """
    family = family_prompts(declared.family)
    given = (
        ("query", options.query_prompt, options.query_prompt_name, _QUERY_NAMES, family.query),
        ("passage", options.passage_prompt, options.passage_prompt_name, _PASSAGE_NAMES, family.passage),
    )
    query, passage = (_choose(name, declared, *one) for one in given)
    taken = any(
        one.origin.startswith("option") or (one.origin.startswith("model") and one.value) for one in (query, passage)
    )
    return ChosenPrompts(query, passage, () if taken else tuple(key for key, text in declared.prompts.items() if text))


def _choose(
    name: str, declared: Declared, side: str, text: str | None, key: str | None, known: Sequence[str], family: str
) -> Chosen:
    if text is not None and key is not None:
        raise OptionError(f"--{side}-prompt and --{side}-prompt-name do not go together; give one of them")
    if text is not None:
        return Chosen(text, f"option --{side}-prompt")
    if key is not None:
        if key not in declared.prompts:
            there = ", ".join(declared.prompts) or "none"
            raise OptionError(f"{name}: has no prompt of the name {key!r}; there are: {there}")
        return Chosen(declared.prompts[key], f"option --{side}-prompt-name {key}")
    own = {_plain(own): own for own in reversed(tuple(declared.prompts))}
    said = [own[one] for one in known if one in own]
    for one in sorted(said, key=lambda one: not declared.prompts[one]):
        return Chosen(declared.prompts[one], f"model's {one}")
    return Chosen(family, "family" if family else "")


def _plain(key: str) -> str:
    return regex.sub(r"[^a-z0-9]+", "-", key.lower())


def choose_similarity(declared: Declared, options: EncoderOptions, default: str) -> Chosen:
    """Choose how rows are compared: an option, else the model's own word, else that of its family, else the default."""
    if options.similarity is not None:
        return Chosen(options.similarity, "option --similarity")
    if declared.similarity:
        return Chosen(declared.similarity, "model")
    family = family_similarity(declared.family)
    return Chosen(family, "family") if family else Chosen(default, "default of sentence-transformers")
