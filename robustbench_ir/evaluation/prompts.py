"""Queries under another prompt than the model's own: their texts stay, and so do the embeddings of the passages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pydantic import Field

from robustbench_ir.encoders import Encoder
from robustbench_ir.encoders.encoder import TakesPrompt
from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.perturb.identity import PROMPT, RecipeIdentity
from robustbench_ir.resources.cards import SHIPPED, Card, validate

_FILE = "_prompts.toml"
_NONE = "none"
_WRONG_LANGUAGE = "wrong-language"
_WORDS_OF_A_SENTENCE = 5
ALL = "all"


class _Prompts(Card):
    version: int = Field(ge=1)
    wrong_language: str
    short: dict[str, str]
    sentence: dict[str, str]


class PromptVariant(NamedTuple):
    """A prompt in the place of the model's own.

    Attributes
    ----------
    identity : RecipeIdentity
        Such as ``prompt-none@1``.
    short, sentence : str
        The prompt for a model whose own is a few words, or a sentence.
    language : str
        Language of the prompt whose queries are left out, since it would be the right one for them; empty for none.
    """

    identity: RecipeIdentity
    short: str
    sentence: str
    language: str = ""

    def for_model(self, own: str) -> str:
        """Return the prompt for a model with this prompt of its own."""
        return self.sentence if len(own.split()) >= _WORDS_OF_A_SENTENCE else self.short


def load_prompts(names: Iterable[str]) -> dict[str, PromptVariant]:
    """Return prompt variants by the names of their cells, such as ``prompt-none``.

    Parameters
    ----------
    names : iterable of str
        ``none``, ``paraphrase-1`` to ``paraphrase-3``, ``wrong-language``; or ``all``.

    Raises
    ------
    UnknownNameError
        If there is no such variant.
    """
    table = validate(_Prompts, SHIPPED.rows(_FILE), f"attacks/{_FILE}")
    texts = {_NONE: ("", "")} | {name: (table.short[name], table.sentence[name]) for name in table.short}
    chosen = list(dict.fromkeys(names))
    found = {}
    for name in texts if ALL in chosen else chosen:
        if name not in texts:
            raise UnknownNameError("prompt variant", name, (*texts, ALL))
        identity = RecipeIdentity(f"{PROMPT}{name}", str(table.version))
        language = table.wrong_language if name == _WRONG_LANGUAGE else ""
        found[identity.name] = PromptVariant(identity, *texts[name], language)
    return found


def with_prompt(encoder: Encoder, variant: PromptVariant) -> Encoder:
    """Return the encoder with another query prompt.

    Raises
    ------
    OptionError
        If it has no prompts.
    """
    who = encoder.description
    if not isinstance(encoder, TakesPrompt):
        raise OptionError(f"{who.name}: has no query prompt that could be another one; leave out --prompts")
    return encoder.with_query_prompt(variant.for_model(who.query_prompt))
