"""Typing mistakes: a neighbouring key, a missing, extra, doubled or swapped character."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from robustbench_ir.cards import Card, Tables, validate
from robustbench_ir.perturb.keyboards import Neighbours, neighbours
from robustbench_ir.perturb.randomness import pick
from robustbench_ir.perturb.transformation import Target, Transformation
from robustbench_ir.text import Span, graphemes, nfc


class OperationWeights(Card):
    """How often each mistake is made; they need not add up to 1."""

    substitute: float
    delete: float
    insert: float
    transpose: float
    repeat: float


class TypoOptions(Card):
    """A language's row in the card: its layout and, where typing is different, its own weights."""

    layout: str
    operations: OperationWeights | None = None


class TypoParameters(Card):
    """The card's `[parameters]`."""

    operations: OperationWeights


@dataclass(frozen=True)
class Typo:
    """Typing mistakes on one layout. A `Transformation`."""

    layout: Neighbours
    operations: tuple[tuple[str, float], ...]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:  # noqa: ARG002
        """Offer every word; see `Transformation.targets`."""
        return [Target(span, partial(self._misspell, text[span.start : span.end])) for span in words]

    def _misspell(self, word: str, random: Random) -> tuple[str, str] | None:
        parts = graphemes(word)
        for operation in _order(self.operations, random):
            changed = OPERATIONS[operation](parts, self.layout, random)
            if changed is not None:
                new = nfc("".join(changed))
                if new != word and (new.isascii() or graphemes(new) == changed):
                    return new, operation
        return None


def _order(weighted: tuple[tuple[str, float], ...], random: Random) -> list[str]:
    """Draw one operation by weight; the others follow, for words that the first does not fit."""
    mark = random.random() * sum(weight for _, weight in weighted)
    names = [name for name, weight in weighted if weight > 0]
    for place, name in enumerate(names):
        mark -= dict(weighted)[name]
        if mark < 0:
            return names[place:] + names[:place]
    return names


def _substitute(parts: list[str], layout: Neighbours, random: Random) -> list[str] | None:
    places = [place for place, part in enumerate(parts) if _slips(part, layout)]
    if not places:
        return None
    place = pick(places, random)
    return _with(parts, place, [pick(_slips(parts[place], layout), random)])


def _delete(parts: list[str], layout: Neighbours, random: Random) -> list[str] | None:  # noqa: ARG001
    return _with(parts, int(random.random() * len(parts)), []) if len(parts) > 1 else None


def _insert(parts: list[str], layout: Neighbours, random: Random) -> list[str] | None:
    places = [place for place, part in enumerate(parts) if _letters(part, layout)]
    if not places:
        return None
    place = pick(places, random)
    extra = pick(_letters(parts[place], layout), random)
    return _with(parts, place, [parts[place], extra])


def _transpose(parts: list[str], layout: Neighbours, random: Random) -> list[str] | None:  # noqa: ARG001
    places = [place for place in range(len(parts) - 1) if parts[place] != parts[place + 1]]
    if not places:
        return None
    place = pick(places, random)
    left, right = parts[place : place + 2]
    if left.isupper() and right.islower():  # "Which" becomes "Hwich": the shift key was pressed for the first letter
        left, right = left.lower(), right.upper()
    return [*parts[:place], right, left, *parts[place + 2 :]]


def _repeat(parts: list[str], layout: Neighbours, random: Random) -> list[str] | None:  # noqa: ARG001
    place = int(random.random() * len(parts))
    again = parts[place].lower() if place == 0 else parts[place]
    return _with(parts, place, [parts[place], again])


OPERATIONS: Mapping[str, Callable[[list[str], Neighbours, Random], list[str] | None]] = {
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
    weights = (row.operations or mix).model_dump()
    return Typo(neighbours(row.layout, tables), tuple(weights.items()))
