"""Case, spaces, and the order and number of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from robustbench_ir.perturb.randomness import shuffled
from robustbench_ir.perturb.transformation import NoParameters, Target, Transformation, always, for_every_language
from robustbench_ir.text import Span, graphemes

_WORD_SPACES = " \t\u00a0\u1361"  # the last is the Ethiopic word space


@dataclass(frozen=True)
class CasingSpacing:
    """Words in the wrong case, joined to the next one, or split. A `Transformation`."""

    upper: Callable[[str], str]

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:  # noqa: ARG002
        """Offer every word, with the space behind it where another word follows; see `Transformation.targets`."""
        following = {span.start for span in words}
        found = []
        for span in words:
            joins = text[span.end : span.end + 1] == " " and span.end + 1 in following
            reach = Span(span.start, span.end + joins)
            word = text[span.start : span.end]
            if joins or len(graphemes(word)) > 1 or self.upper(word) != word:
                found.append(Target(reach, partial(self._disturb, word, " " if joins else "")))
        return found

    def _disturb(self, word: str, space: str, random: Random) -> tuple[str, str] | None:
        parts = graphemes(word)
        choices = {
            "upper": self.upper(word) + space,
            "lower": word.lower() + space,
            "join": word,
            "split": word + space,
        }
        if len(parts) > 1:
            place = 1 + int(random.random() * (len(parts) - 1))
            choices["split"] = f"{''.join(parts[:place])} {''.join(parts[place:])}{space}"
        for operation in shuffled(sorted(choices), random):
            if choices[operation] != word + space:
                return choices[operation], operation
        return None


@dataclass(frozen=True)
class WordOrder:
    """Neighbouring words swapped. A `Transformation`."""

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:
        """Offer pairs of words with nothing but white space between them; see `Transformation.targets`."""
        found = []
        first = int(random.random() * 2)  # which words form a pair is drawn for each query
        if first and len(words) == 2:
            first = 0
        for left, right in zip(words[first::2], words[first + 1 :: 2], strict=False):
            gap = text[left.end : right.start]
            one, two = text[left.start : left.end], text[right.start : right.end]
            if not gap.strip(_WORD_SPACES) and one != two:
                found.append(Target(Span(left.start, right.end), always(f"{two}{gap}{one}", "swap")))
        return found


@dataclass(frozen=True)
class Repetition:
    """A word said twice, or its last letter drawn out. A `Transformation`."""

    def targets(self, text: str, words: Sequence[Span], random: Random) -> list[Target]:  # noqa: ARG002
        """Offer every word; see `Transformation.targets`."""
        spaced = " " in text
        return [Target(span, partial(_repeat, text[span.start : span.end], " " if spaced else "")) for span in words]


def _repeat(word: str, space: str, random: Random) -> tuple[str, str]:
    if random.random() < 0.5:
        return f"{word}{space}{word}", "twice"
    return word + graphemes(word)[-1] * (1 + int(random.random() * 3)), "drawn out"


def _casing_spacing(language: str, _: NoParameters) -> Transformation:
    import icu

    locale = icu.Locale(language)
    return CasingSpacing(lambda word: str(icu.UnicodeString(word).toUpper(locale)))


make_casing_spacing = for_every_language(_casing_spacing, NoParameters)
make_word_order = for_every_language(lambda *_: WordOrder(), NoParameters)
make_repetition = for_every_language(lambda *_: Repetition(), NoParameters)
