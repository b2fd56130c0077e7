"""Case, spaces, and the order and number of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from robustbench_ir._base.text import Span, graphemes, lower, upper
from robustbench_ir.perturb.randomness import Random, shuffled
from robustbench_ir.perturb.transformation import NoParameters, Targets, for_every_language

_WORD_SPACES = " \t\u00a0\u1361"  # the last is the Ethiopic word space


@dataclass(frozen=True)
class CasingSpacing:
    """Words in the wrong case, joined to the next one, or split. A `Transformation`."""

    language: str

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word, with the space after it if another word follows; see `Transformation.targets`."""
        following = {start for start, _ in words}
        found = []
        for start, end in words:
            joins = text[end : end + 1] == " " and end + 1 in following
            word = text[start:end]
            if joins or len(graphemes(word)) > 1 or upper(word, self.language) != word:
                found.append((start, end + joins))
        return Targets(found, self._disturb)

    def _disturb(self, stretch: str, random: Random) -> tuple[str, str] | None:
        word = stretch.removesuffix(" ")
        space = stretch[len(word) :]
        parts = graphemes(word)
        choices = {
            "upper": upper(word, self.language) + space,
            "lower": lower(word, self.language) + space,
            "join": word,
            "split": stretch,
        }
        if len(parts) > 1:
            place = 1 + int(random.random() * (len(parts) - 1))
            choices["split"] = f"{''.join(parts[:place])} {''.join(parts[place:])}{space}"
        for operation in shuffled(sorted(choices), random):
            if choices[operation] != stretch:
                return choices[operation], operation
        return None


@dataclass(frozen=True)
class WordOrder:
    """Neighbouring words swapped. A `Transformation`."""

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer pairs of words with only white space between them; see `Transformation.targets`."""
        found = []
        swapped = {}
        first = int(random.random() * 2)  # pairs begin with the first or the second word, drawn for each query
        if first and len(words) == 2:
            first = 0
        for (start, end), (next_start, next_end) in zip(words[first::2], words[first + 1 :: 2], strict=False):
            one, gap, two = text[start:end], text[end:next_start], text[next_start:next_end]
            if not gap.strip(_WORD_SPACES) and one != two:
                found.append((start, next_end))
                swapped[text[start:next_end]] = f"{two}{gap}{one}", "swap"
        return Targets(found, lambda pair, _: swapped[pair])


@dataclass(frozen=True)
class Repetition:
    """A word repeated, or its last letter lengthened. A `Transformation`."""

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word; see `Transformation.targets`."""
        spaced = " " in text
        return Targets(words, partial(_repeat, space=" " if spaced else ""))


def _repeat(word: str, random: Random, space: str) -> tuple[str, str]:
    if random.random() < 0.5:
        return f"{word}{space}{word}", "twice"
    return word + graphemes(word)[-1] * (1 + int(random.random() * 3)), "drawn out"


make_casing_spacing = for_every_language(lambda language, _: CasingSpacing(language), NoParameters)
make_word_order = for_every_language(lambda *_: WordOrder(), NoParameters)
make_repetition = for_every_language(lambda *_: Repetition(), NoParameters)
