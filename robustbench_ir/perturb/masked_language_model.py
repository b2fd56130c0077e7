"""Words replaced by what a masked language model puts in their place: words of the same language that fit the sentence.

The word is masked in its query, and the model's most probable whole words are the candidates. One mask stands for the
word, however many pieces it has, so that all candidates are single pieces of the model's vocabulary.

All words of a query go through the model together, and no other query with them: company makes no difference. The
model runs on the CPU in float32; another processor or version of torch may still round differently, and so swap two
candidates that are almost equally probable. The digest of the perturbed queries tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import regex
from pydantic import Field

from robustbench_ir.cards import Tables, validate
from robustbench_ir.languages import languages
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.masked_model import MaskedModel, ModelFiles, load_model
from robustbench_ir.perturb.randomness import Random, pick_early
from robustbench_ir.perturb.transformation import NoOptions, Targets, Transformation
from robustbench_ir.text import Span, chunk_spans, graphemes, nfc, scripts, upper

_WORDS_AT_ONCE = 32
_BLOCKS_REMEMBERED = 1 << 15  # the same queries come again with another severity and another seed
_LETTERS = regex.compile(r"[\p{L}\p{M}]+(?:['’\-\u200c\u200d·][\p{L}\p{M}]+)*")

Candidates = Mapping[str, tuple[str, ...]]
"""A word as it stands in the query to what may replace it, the most probable first."""


class MaskedLanguageModelParameters(ModelFiles):
    """The card's `[parameters]`: the files of a model, and what is taken from it.

    Attributes
    ----------
    operation : str
        What the edit is called in the record of changes.
    top_k : int
        Number of the model's proposals that are looked at, before any is refused.
    minimum_probability : float
        Proposals below it are refused, 0 to 1.
    """

    operation: str = "synonym"
    top_k: int = Field(ge=1, le=1000)
    minimum_probability: float = Field(ge=0, lt=1)


@dataclass(frozen=True)
class MaskedLanguageModel:
    """Replacement by proposals of a masked language model. A `Transformation`.

    Attributes
    ----------
    candidates : callable
        Takes a text and some of its words, and asks the model for all of them at once.
    operation : str
        What the edit is called.
    """

    candidates: Callable[[str, tuple[Span, ...]], Candidates]
    operation: str

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word; the model is asked when the first is rewritten. See `Transformation.targets`.

        A word that comes twice gets the candidates of its first place.
        """
        first: dict[str, Span] = {}
        for start, end in words:
            first.setdefault(text[start:end], (start, end))
        spans = tuple(first.values())
        blocks = [spans[start : start + _WORDS_AT_ONCE] for start in range(0, len(spans), _WORDS_AT_ONCE)]
        block_of = {word: blocks[place // _WORDS_AT_ONCE] for place, word in enumerate(first)}

        def replace(original: str, random: Random) -> tuple[str, str] | None:
            found = self.candidates(text, block_of[original])[original]
            return (pick_early(found, random), self.operation) if found else None

        return Targets(words, replace)


def make_masked_language_model(
    language: str,
    parameters: Mapping[str, object],
    options: Mapping[str, object],
    tables: Tables,
) -> Transformation:
    """Make the mechanism `masked-language-model` ready for a language; see `TransformationFactory`.

    Raises
    ------
    DataUnavailableError
        The model's files cannot be had, or the extra `mlm` is not installed.
    DataError
        The files are not those that the card pins, or not a masked language model.
    """
    validate(NoOptions, dict(options), f"[languages.{language}]")
    card = validate(MaskedLanguageModelParameters, dict(parameters), "[parameters]")
    choose = partial(_candidates, load_model(card), card, language, stop_words(language, tables))
    return MaskedLanguageModel(lru_cache(maxsize=_BLOCKS_REMEMBERED)(choose), card.operation)


def _candidates(
    model: MaskedModel,
    card: MaskedLanguageModelParameters,
    language: str,
    stops: frozenset[str],
    text: str,
    words: tuple[Span, ...],
) -> Candidates:
    found = {}
    first = next((place for place, character in enumerate(text) if character.isalnum()), 0)
    for span, proposals in zip(words, model.proposals(text, words, card.top_k), strict=True):
        original = text[span[0] : span[1]]
        likely = [piece for piece, probability in proposals if probability >= card.minimum_probability]
        whole = (nfc(piece.text) for piece in likely if piece.begins_word or not _has_spaces(language))
        fitting = (one for one in whole if one.lower() not in stops and _fits(one, original, language))
        cased = dict.fromkeys(_cased(one, original, span[0] <= first, language) for one in fitting)
        found[original] = tuple(one for one in cased if one and one.casefold() != original.casefold())
    return found


def _has_spaces(language: str) -> bool:
    facts = languages().get(language)
    return facts is None or facts.has_spaces


def _fits(proposal: str, original: str, language: str) -> bool:
    """Say whether a proposal is one word in the script of the original, and no lone letter in place of a long word."""
    return (
        _LETTERS.fullmatch(proposal) is not None
        and chunk_spans(proposal, language) == ((0, len(proposal)),)
        and scripts(proposal) <= scripts(original)
        and len(graphemes(proposal)) >= min(2, len(graphemes(original)))
    )


def _cased(proposal: str, original: str, opens: bool, language: str) -> str:
    """Write a proposal like the original; empty where its capital, or its lack of one, would make it another kind."""
    if len(original) > 1 and original.isupper():
        return upper(proposal, language)
    if opens and original[0].isupper():
        return upper(proposal[0], language) + proposal[1:]
    return proposal if proposal[0].isupper() == original[0].isupper() else ""
