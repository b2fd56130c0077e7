"""The right keys while the wrong layout is active: "привет" comes out as "ghbdtn"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from robustbench_ir.cards import Card, Tables, validate
from robustbench_ir.perturb.keyboards import key_places
from robustbench_ir.perturb.transformation import Target, Transformation, always
from robustbench_ir.text import Span, nfc


class WrongLayoutParameters(Card):
    """The card's `[parameters]`: none."""


class WrongLayoutOptions(Card):
    """A language's row in the card: the layout that the fingers know, and the one that is active."""

    layout: str
    active: str


@dataclass(frozen=True)
class WrongLayout:
    """Characters replaced by what their keys type on another layout. A `Transformation`."""

    typed: Mapping[str, str]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:  # noqa: ARG002
        """Offer the words whose characters are all on the layout; see `Transformation.targets`."""
        found = []
        for span in words:
            word = text[span.start : span.end]
            if all(character in self.typed for character in word):
                new = nfc("".join(self.typed[character] for character in word))
                if new != word:
                    found.append(Target(span, always(new, "wrong layout")))
        return found


def make_wrong_layout(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `wrong-layout` ready for a language; see `TransformationFactory`."""
    validate(WrongLayoutParameters, dict(parameters), "[parameters]")
    row = validate(WrongLayoutOptions, dict(options), f"[languages.{language}]")
    there = {place: character for character, place in reversed(list(key_places(row.active, tables).items()))}
    typed = {}
    for character, (line, column, level) in key_places(row.layout, tables).items():
        plain = there.get((line, column, 0))
        shifted = there.get((line, column, level)) or (plain.upper() if plain else None)
        new = plain if level == 0 else shifted
        if new:
            typed[character] = new
    return WrongLayout(typed)
