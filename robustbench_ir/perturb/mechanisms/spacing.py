"""Case, spaces, and the order and number of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_ir._base.text import Span, graphemes, lower, upper
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import NoParameters, Targets, for_every_language
from robustbench_ir.resources.languages import languages

_CASED = frozenset({"Latn", "Grek", "Cyrl", "Armn"})  # no keyboard types the capitals that Unicode has for Georgian
_TAGS = "#@\uff03\uff20"
_CASE_HABIT = 0.5  # share of the queries that are in the wrong case
_CAPITALS = 0.2  # share of these that are in capitals; the others are all lower case, as half of Hinglish-TOP is
_WORD_SPACES = " \t\u00a0\u1361"  # the last is the Ethiopic word space


@dataclass(frozen=True)
class CasingSpacing:
    """A query in the wrong case throughout, or with words joined or split. A `Transformation`.

    Attributes
    ----------
    language : str
        Code of the language.
    cased : bool
        Whether its script has capitals that people type.
    """

    language: str
    cased: bool

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer the stretches of the query in the wrong case, or else its words; see `Transformation.targets`.

        Hashtags and names behind an @ stay as they are.
        """
        free = outside_tags(text, words)
        if self.cased and random.random() < _CASE_HABIT:
            name, change = ("upper", upper) if random.random() < _CAPITALS else ("lower", lower)
            found = [
                span
                for span in stretches(text, free)
                if change(text[slice(*span)], self.language) != text[slice(*span)]
            ]
            if found:
                return Targets(found, lambda stretch, _: (change(stretch, self.language), name))
        following = {start for start, _ in words}
        spans = [(start, end + (text[end : end + 1] == " " and end + 1 in following)) for start, end in free]
        able = [(start, end) for start, end in spans if text[end - 1] == " " or len(graphemes(text[start:end])) > 1]
        return Targets(able, _join_or_split)


def outside_tags(text: str, words: Sequence[Span]) -> list[Span]:
    """Return the words that are no part of a hashtag or of a name behind an @.

    Parameters
    ----------
    text : str
        The query.
    words : sequence of (int, int)
        Its words, in order.
    """
    if not any(sign in text for sign in _TAGS):
        return list(words)
    return [(start, end) for start, end in words if text[text.rfind(" ", 0, start) + 1] not in _TAGS]


def stretches(text: str, words: Sequence[Span]) -> list[Span]:
    """Return the stretches of a query with nothing but these words, spaces and punctuation, from word to word.

    Parameters
    ----------
    text : str
        The query.
    words : sequence of (int, int)
        Words that may be changed, in order.
    """
    found: list[Span] = []
    for start, end in words:
        gap = text[found[-1][1] : start] if found else ""
        if found and not any(character.isalnum() or character in _TAGS for character in gap):
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found


def _join_or_split(stretch: str, random: Random) -> tuple[str, str]:
    word = stretch.removesuffix(" ")
    parts = graphemes(word)
    if word != stretch and (len(parts) == 1 or random.random() < 0.5):
        return word, "join"
    place = 1 + int(random.random() * (len(parts) - 1))
    return f"{''.join(parts[:place])} {''.join(parts[place:])}{stretch[len(word) :]}", "split"


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


def _make_casing_spacing(language: str, _: NoParameters) -> CasingSpacing:
    facts = languages().get(language)
    return CasingSpacing(language, facts is None or facts.script in _CASED)


make_casing_spacing = for_every_language(_make_casing_spacing, NoParameters)
make_word_order = for_every_language(lambda *_: WordOrder(), NoParameters)
