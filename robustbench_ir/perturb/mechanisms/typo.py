"""Typing mistakes: a neighbouring key, a missing, extra, doubled or swapped character."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from robustbench_ir._base.text import Span, lower, nfc, stay_apart, upper, word_graphemes
from robustbench_ir.perturb.keyboards.single_keys import Alternatives
from robustbench_ir.perturb.keyboards.typist import combined, keyboard_model
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate

_GRAPHEMES_REMEMBERED = 1 << 14

_Weight = Annotated[float, Field(ge=0)]
Graphemes = tuple[str, ...]
Operation = Callable[[Graphemes, "Typo", Random], Graphemes | None]


class OperationWeights(Card):
    """How often each mistake is made, 0 or more; the weights need not sum to 1.

    Attributes
    ----------
    substitute, delete, insert, transpose, repeat : float
        Weight of each mistake.
    """

    substitute: _Weight
    delete: _Weight
    insert: _Weight
    transpose: _Weight
    repeat: _Weight

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("at least one operation needs a weight above 0")
        return self


class TypoOptions(Card):
    """A language's row in the card.

    Attributes
    ----------
    layout : str or list of str
        Its keyboard, or those in use.
    operations : OperationWeights, optional
        Weights of its own, if people type differently on it.
    """

    layout: str | Annotated[list[str], Field(min_length=1)]
    operations: OperationWeights | None = None


class TypoParameters(Card):
    """The card's `[parameters]`."""

    operations: OperationWeights


@dataclass(frozen=True)
class Typo:
    """Typing mistakes on one layout. A `Transformation`.

    Attributes
    ----------
    substitutes : callable
        Takes a grapheme, and returns the graphemes that a finger may type instead.
    letters : callable
        Takes a grapheme, and returns the letters that a finger may type after it.
    shares : tuple of float
        See `_shares`.
    rotations : tuple
        See `_rotations`.
    language : str
        Code of the language; it decides the capital of a letter.
    """

    substitutes: Alternatives
    letters: Alternatives
    shares: tuple[float, ...]
    rotations: tuple[tuple[tuple[str, Operation], ...], ...]
    language: str

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word; see `Transformation.targets`."""
        return Targets(words, self._misspell)

    def _misspell(self, word: str, random: Random) -> tuple[str, str] | None:
        parts = word_graphemes(word)
        for operation, make in self.rotations[bisect(self.shares, random.random())]:
            changed = make(parts, self, random)
            if changed is not None:
                new = "".join(changed)
                if new != word and (new.isascii() or all(map(stay_apart, changed, changed[1:]))):
                    return nfc(new), operation
        return None


def _shares(weights: OperationWeights) -> dict[str, float]:
    """Return the upper end of each operation's share of [0, 1)."""
    given = {name: weight for name, weight in weights.model_dump().items() if weight > 0}
    return dict(zip(given, accumulate(weight / sum(given.values()) for weight in given.values()), strict=True))


def _rotations(names: Sequence[str]) -> tuple[tuple[tuple[str, Operation], ...], ...]:
    """Return the order of trials for each drawn operation: the others follow for words that it does not fit."""
    trials = tuple((name, _OPERATIONS[name]) for name in names)
    # The sum of the shares may be below 1 by a rounding error: a draw above it counts for the last operation.
    return tuple(trials[place:] + trials[:place] for place in [*range(len(names)), len(names) - 1])


def _substitute(parts: Graphemes, typo: Typo, random: Random) -> Graphemes | None:
    place = _place(parts, typo.substitutes, random)
    if place < 0:
        return None
    return *parts[:place], pick(typo.substitutes(parts[place]), random), *parts[place + 1 :]


def _delete(parts: Graphemes, typo: Typo, random: Random) -> Graphemes | None:  # noqa: ARG001
    place = int(random.random() * len(parts))
    return parts[:place] + parts[place + 1 :] if len(parts) > 1 else None


def _insert(parts: Graphemes, typo: Typo, random: Random) -> Graphemes | None:
    place = _place(parts, typo.letters, random)
    if place < 0:
        return None
    return *parts[: place + 1], pick(typo.letters(parts[place]), random), *parts[place + 1 :]


def _place(parts: Graphemes, alternatives: Alternatives, random: Random) -> int:
    """Draw one of the places that have alternatives, all equally likely; -1 if there are none."""
    place = int(random.random() * len(parts))
    if alternatives(parts[place]):
        return place
    places = [place for place, part in enumerate(parts) if alternatives(part)]
    return pick(places, random) if places else -1


def _transpose(parts: Graphemes, typo: Typo, random: Random) -> Graphemes | None:
    places = [place for place, pair in enumerate(pairwise(parts)) if pair[0] != pair[1]]
    if not places:
        return None
    place = pick(places, random)
    left, right = parts[place : place + 2]
    if left.isupper() and right.islower():  # "Which" becomes "Hwich": the shift key was pressed for the first letter
        left, right = lower(left, typo.language), upper(right, typo.language)
    return *parts[:place], right, left, *parts[place + 2 :]


def _repeat(parts: Graphemes, typo: Typo, random: Random) -> Graphemes | None:
    place = int(random.random() * len(parts))
    again = parts[place] if place else lower(parts[place], typo.language)
    return *parts[: place + 1], again, *parts[place + 1 :]


_OPERATIONS: Mapping[str, Operation] = {
    "substitute": _substitute,
    "delete": _delete,
    "insert": _insert,
    "transpose": _transpose,
    "repeat": _repeat,
}


def make_typo(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `typo` for a language; see `TransformationFactory`."""
    mix = validate(TypoParameters, dict(parameters), "[parameters]").operations
    row = validate(TypoOptions, dict(options), f"[languages.{language}]")
    names = [row.layout] if isinstance(row.layout, str) else row.layout
    model = combined([keyboard_model(name, tables) for name in names])
    remember = lru_cache(maxsize=_GRAPHEMES_REMEMBERED)
    substitutes, letters = remember(model.instead), remember(model.besides)
    shares = _shares(row.operations or mix)
    return Typo(substitutes, letters, tuple(shares.values()), _rotations(list(shares)), language)
