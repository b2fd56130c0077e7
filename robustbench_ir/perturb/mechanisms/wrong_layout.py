"""The right keys while the wrong layout is active: "привет" comes out as "ghbdtn"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from robustbench_ir._base.text import Span, nfc
from robustbench_ir.perturb.keyboards.layouts import key_places
from robustbench_ir.perturb.keyboards.typist import keyboard_model
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate


class WrongLayoutParameters(Card):
    """The card's `[parameters]`, which must be empty."""


class WrongLayoutOptions(Card):
    """A language's row in the card.

    Attributes
    ----------
    layout : str
        Layout that the person means to type on.
    active : str
        Layout that is active.
    also : dict of str to str
        Characters that people type in another way than the table has, to what comes out.
    """

    layout: str
    active: str
    also: dict[str, str] = {}


@dataclass(frozen=True)
class WrongLayout:
    """Characters replaced by those that their keys type on another layout. A `Transformation`.

    Attributes
    ----------
    typed : callable
        Takes a character; returns what its keys type, empty if the layout has no key for it.
    """

    typed: Callable[[str], str]

    @property
    def from_the_start(self) -> bool:
        """Whether places change from the first one on: people begin in the wrong layout, and notice or not."""
        return True

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words that the layout can type, with the punctuation around them; see `Transformation.targets`."""
        found = []
        reached = 0
        for start, end in words:
            if all(map(self.typed, text[start:end])):
                before = next((place for place in range(start, reached, -1) if text[place - 1].isalnum()), reached)
                reached = next((place for place in range(end, len(text)) if text[place].isalnum()), len(text))
                if self._wrong(text[before:reached]) != text[before:reached]:
                    found.append((before, reached))
        return Targets(found, lambda stretch, _: (self._wrong(stretch), "wrong layout"))

    def _wrong(self, stretch: str) -> str:
        """Return what the keys type; what has no key, such as a space, is the same on both layouts."""
        return nfc("".join(self.typed(character) or character for character in stretch))


def make_wrong_layout(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `wrong-layout` for a language; see `TransformationFactory`."""
    validate(WrongLayoutParameters, dict(parameters), "[parameters]")
    row = validate(WrongLayoutOptions, dict(options), f"[languages.{language}]")
    there = _typed_there(row, tables)
    keys = keyboard_model(row.layout, tables).keys

    @cache
    def typed(character: str) -> str:
        if character in row.also:
            return row.also[character]
        pieces = [there.get(key, "") for key in keys(character)]
        return "".join(pieces) if all(pieces) else ""

    return WrongLayout(typed)


def _typed_there(row: WrongLayoutOptions, tables: Tables) -> Mapping[str, str]:
    """Return what the key of each character types on the active layout, with shift where the character needs it."""
    there = {place: character for character, place in reversed(list(key_places(row.active, tables).items()))}
    typed = {}
    for character, (line, column, level) in key_places(row.layout, tables).items():
        plain = there.get((line, column, 0))
        shifted = there.get((line, column, level)) or (plain.upper() if plain else None)
        new = plain if level == 0 else shifted
        if new:
            typed[character] = new
    return typed
