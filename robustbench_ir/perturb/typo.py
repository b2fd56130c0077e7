"""Typing mistakes: a neighbouring key, a missing, extra, doubled or swapped character."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from random import Random
from typing import Annotated, Self

from pydantic import Field, model_validator

from robustbench_ir.cards import Card, Tables, validate
from robustbench_ir.perturb.keyboards import Neighbours, neighbours
from robustbench_ir.perturb.randomness import pick
from robustbench_ir.perturb.transformation import Target, Transformation
from robustbench_ir.text import Span, graphemes, nfc

_GRAPHEMES_REMEMBERED = 1 << 14

Weight = Annotated[float, Field(ge=0)]
Alternatives = Callable[[str], Sequence[str]]


class OperationWeights(Card):
    """How often each mistake is made, 0 or more; they need not add up to 1."""

    substitute: Weight
    delete: Weight
    insert: Weight
    transpose: Weight
    repeat: Weight

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("at least one operation needs a weight above 0")
        return self


class TypoOptions(Card):
    """A language's row in the card: its layout and, where typing is different, its own weights."""

    layout: str
    operations: OperationWeights | None = None


class TypoParameters(Card):
    """The card's `[parameters]`."""

    operations: OperationWeights


@dataclass(frozen=True)
class Typo:
    """Typing mistakes on one layout. A `Transformation`.

    Attributes
    ----------
    slips : callable
        Grapheme to the graphemes that a finger may type instead.
    letters : callable
        Grapheme to the letters that a finger may type besides it.
    rotations : tuple
        See `_rotations`.
    """

    slips: Alternatives
    letters: Alternatives
    rotations: tuple[tuple[float, tuple[str, ...]], ...]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:  # noqa: ARG002
        """Offer every word; see `Transformation.targets`."""
        return [Target(span, partial(self._misspell, text[span.start : span.end])) for span in words]

    def _misspell(self, word: str, random: Random) -> tuple[str, str] | None:
        parts = graphemes(word)
        draw = random.random()
        rotation = next((names for end, names in self.rotations if draw < end), self.rotations[-1][1])
        for operation in rotation:
            changed = OPERATIONS[operation](parts, self, random)
            if changed is not None:
                new = nfc("".join(changed))
                if new != word and (new.isascii() or graphemes(new) == changed):
                    return new, operation
        return None


def _rotations(weights: OperationWeights) -> tuple[tuple[float, tuple[str, ...]], ...]:
    """Return the upper end of each operation's share of [0, 1), and the order of trial where the draw falls below it.

    The operations after the drawn one follow for words that it does not fit.
    """
    shares = {name: weight for name, weight in weights.model_dump().items() if weight > 0}
    names = tuple(shares)
    total = sum(shares.values())
    ends = accumulate(weight / total for weight in shares.values())
    return tuple((end, names[place:] + names[:place]) for place, end in enumerate(ends))


def _substitute(parts: list[str], typo: Typo, random: Random) -> list[str] | None:
    places = [place for place, part in enumerate(parts) if typo.slips(part)]
    if not places:
        return None
    place = pick(places, random)
    return _with(parts, place, [pick(typo.slips(parts[place]), random)])


def _delete(parts: list[str], typo: Typo, random: Random) -> list[str] | None:  # noqa: ARG001
    return _with(parts, int(random.random() * len(parts)), []) if len(parts) > 1 else None


def _insert(parts: list[str], typo: Typo, random: Random) -> list[str] | None:
    places = [place for place, part in enumerate(parts) if typo.letters(part)]
    if not places:
        return None
    place = pick(places, random)
    extra = pick(typo.letters(parts[place]), random)
    return _with(parts, place, [parts[place], extra])


def _transpose(parts: list[str], typo: Typo, random: Random) -> list[str] | None:  # noqa: ARG001
    places = [place for place in range(len(parts) - 1) if parts[place] != parts[place + 1]]
    if not places:
        return None
    place = pick(places, random)
    left, right = parts[place : place + 2]
    if left.isupper() and right.islower():  # "Which" becomes "Hwich": the shift key was pressed for the first letter
        left, right = left.lower(), right.upper()
    return [*parts[:place], right, left, *parts[place + 2 :]]


def _repeat(parts: list[str], typo: Typo, random: Random) -> list[str] | None:  # noqa: ARG001
    place = int(random.random() * len(parts))
    again = parts[place].lower() if place == 0 else parts[place]
    return _with(parts, place, [parts[place], again])


OPERATIONS: Mapping[str, Callable[[list[str], Typo, Random], list[str] | None]] = {
    "substitute": _substitute,
    "delete": _delete,
    "insert": _insert,
    "transpose": _transpose,
    "repeat": _repeat,
}


def _with(parts: list[str], place: int, new: list[str]) -> list[str]:
    return [*parts[:place], *new, *parts[place + 1 :]]


def _letters(part: str, layout: Neighbours) -> list[str]:
    """Return the letters that a finger may type besides the first letter of a grapheme."""
    base = unicodedata.normalize("NFD", part)[0]
    found = layout.get(part[0]) or layout.get(base) or _cased(base, layout)
    return [letter for letter in found if unicodedata.category(letter)[0] == "L"]


def _slips(part: str, layout: Neighbours) -> list[str]:
    """Return graphemes that a finger may type instead of `part`."""
    if len(part) == 1 and part in layout:
        return list(layout[part])
    slips = []
    for place, character in enumerate(part):
        for other in layout.get(character) or _cased(character, layout):
            slips.append(part[:place] + other + part[place + 1 :])  # noqa: PERF401
    return slips or _slips_of_base(part, layout)


def _cased(character: str, layout: Neighbours) -> tuple[str, ...]:
    """Return the mistakes for a capital by those for its small letter, where the table lists only the latter."""
    if not character.isupper():
        return ()
    return tuple(other.upper() for other in layout.get(character.lower(), ()))


def _slips_of_base(part: str, layout: Neighbours) -> list[str]:
    """Slip on the base letter of an accented one; the accent stays where the new letter can carry it."""
    decomposed = unicodedata.normalize("NFD", part)
    base, marks = decomposed[0], decomposed[1:]
    slips = []
    for other in layout.get(base) or _cased(base, layout):
        whole = nfc(other + marks)
        slips.append(whole if len(whole) == 1 else other)
    return slips


def make_typo(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `typo` ready for a language; see `TransformationFactory`."""
    mix = validate(TypoParameters, dict(parameters), "[parameters]").operations
    row = validate(TypoOptions, dict(options), f"[languages.{language}]")
    layout = neighbours(row.layout, tables)
    remember = lru_cache(maxsize=_GRAPHEMES_REMEMBERED)
    slips, letters = remember(partial(_slips, layout=layout)), remember(partial(_letters, layout=layout))
    return Typo(slips, letters, _rotations(row.operations or mix))
