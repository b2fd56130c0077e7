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
    """

    layout: str
    active: str


@dataclass(frozen=True)
class WrongLayout:
    """Characters replaced by those that their keys type on another layout. A `Transformation`."""

    typed: Callable[[str], str]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words whose characters are all on the layout; see `Transformation.targets`."""
        found = [(start, end) for start, end in words if self._wrong(text[start:end]) not in {"", text[start:end]}]
        return Targets(found, lambda word, _: (self._wrong(word), "wrong layout"))

    def _wrong(self, word: str) -> str:
        """Return what the keys type; empty if one of the characters has no key."""
        pieces = [self.typed(character) for character in word]
        return nfc("".join(pieces)) if all(pieces) else ""


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
