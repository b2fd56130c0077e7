"""Characters that look the same, and characters that are invisible."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field

from robustbench_ir._base.text import Span, graphemes, nfc, script
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import Targets, for_every_language
from robustbench_ir.resources.cards import Card

_LAST_CODE_POINT = 0x3000  # living alphabets lie below; above are ideographs, syllables and look-alikes of symbols
_ALPHABETS = frozenset({"Latn", "Grek", "Cyrl", "Armn", "Arab"})


class HomoglyphParameters(Card):
    """The card's `[parameters]`: share of a word's letters with a look-alike that are replaced, at least one."""

    share: Annotated[float, Field(gt=0, le=1)]


class InvisibleParameters(Card):
    """The card's `[parameters]`: the characters to insert into words."""

    characters: Annotated[list[Annotated[str, Field(min_length=1, max_length=1)]], Field(min_length=1)]


@cache
def confusables() -> Mapping[str, tuple[str, ...]]:
    """Return letters with the letters that look like them (Unicode TR39 skeletons, from ICU).

    Only whole letters that normalisation does not change and that run in the same direction; alphabets, not ideographs.
    """
    import icu

    checker = icu.SpoofChecker()
    groups: dict[str, list[str]] = {}
    for letter in map(chr, range(ord("A"), _LAST_CODE_POINT)):
        plain = unicodedata.category(letter)[0] == "L" and unicodedata.normalize("NFKC", letter) == letter
        if plain and script(letter) in _ALPHABETS:
            groups.setdefault(checker.getSkeleton(0, letter), []).append(letter)
    return {
        letter: twins
        for group in groups.values()
        for letter in group
        if (twins := tuple(other for other in group if other != letter and _direction(other) == _direction(letter)))
    }


def _direction(letter: str) -> bool:
    return unicodedata.bidirectional(letter) in {"R", "AL"}


@dataclass(frozen=True)
class Homoglyph:
    """Letters replaced by look-alikes of another alphabet. A `Transformation`."""

    share: float

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words that contain a letter with a look-alike; see `Transformation.targets`."""
        twins = confusables()
        found = [(start, end) for start, end in words if any(letter in twins for letter in text[start:end])]
        return Targets(found, self._disguise)

    def _disguise(self, word: str, random: Random) -> tuple[str, str]:
        twins = confusables()
        places = [place for place, letter in enumerate(word) if letter in twins]
        certain = pick(places, random)
        letters = [
            pick(twins[letter], random)
            if place == certain or (letter in twins and random.random() < self.share)
            else letter
            for place, letter in enumerate(word)
        ]
        return nfc("".join(letters)), "homoglyph"


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


make_homoglyph = for_every_language(lambda _, parameters: Homoglyph(parameters.share), HomoglyphParameters)
make_invisible = for_every_language(lambda _, parameters: Invisible(tuple(parameters.characters)), InvisibleParameters)
