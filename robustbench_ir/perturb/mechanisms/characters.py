"""Characters that are invisible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from robustbench_ir._base.text import Span, graphemes
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import Targets, for_every_language
from robustbench_ir.resources.cards import Card


class InvisibleParameters(Card):
    """The card's `[parameters]`: the characters to insert into words."""

    characters: Annotated[list[Annotated[str, Field(min_length=1, max_length=1)]], Field(min_length=1)]


@dataclass(frozen=True)
class Invisible:
    """Invisible characters between the graphemes of a word. A `Transformation`."""

    characters: tuple[str, ...]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word; see `Transformation.targets`."""
        return Targets(words, self._stuff)

    def _stuff(self, word: str, random: Random) -> tuple[str, str]:
        parts = graphemes(word)
        place = 1 + int(random.random() * max(len(parts) - 1, 1))
        extra = pick(self.characters, random)
        return "".join([*parts[:place], extra, *parts[place:]]), f"U+{ord(extra):04X}"


make_invisible = for_every_language(lambda _, parameters: Invisible(tuple(parameters.characters)), InvisibleParameters)
