"""Slips of the fingers on keys: a neighbouring key, a missed, extra, doubled or early key."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain
from typing import Annotated

from pydantic import Field

from robustbench_ir._base.text import Span, each_its_own, lower, nfc, stay_apart, upper, word_graphemes
from robustbench_ir.perturb.keyboards.orthography import is_letter, is_readable, may_part
from robustbench_ir.perturb.keyboards.profiles import (
    OperationWeights,
    Places,
    place_weights,
    typing_profile,
    weight_at,
)
from robustbench_ir.perturb.keyboards.single_keys import KeyboardModel
from robustbench_ir.perturb.keyboards.typist import combined, keyboard_model, remembered
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import NoParameters, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate
from robustbench_ir.resources.languages import languages

_LATIN_LAYOUT = "us"  # people who write another script switch to it for Latin words
_FIRST_BEYOND_LATIN = "\u0250"
_HALVED = 2  # clusters: without one of them, or with the two exchanged, the word cannot be guessed
_TEXTS_REMEMBERED = 1 << 12  # the same queries occur again with another severity and another seed
_UNSPACED = frozenset({"Thai", "Laoo", "Khmr", "Mymr"})

Graphemes = tuple[str, ...]
Operation = Callable[[Graphemes, "Hand", Random], Graphemes | None]


class SlipOptions(Card):
    """A language's row in the card.

    Attributes
    ----------
    layout : str or list of str
        Its keyboard, or those in use.
    profile : str
        Row of `attacks/_typing.toml`: how people slip in this kind of writing.
    operations : OperationWeights, optional
        Weights of its own, if people type differently on it.
    first : float, optional
        What the weight of the first letter is multiplied by, where words are so short that the profile's is too much.
    """

    layout: str | Annotated[list[str], Field(min_length=1)]
    profile: str = "alphabet"
    operations: OperationWeights | None = None
    first: Annotated[float, Field(ge=0)] | None = None


@dataclass(frozen=True)
class Hand:
    """A keyboard, and where in a word the fingers slip on it.

    Attributes
    ----------
    keyboard : KeyboardModel
        The keyboard.
    places : callable
        Sums of the weights of the places of a word.
    language : str
        Code of the language; it decides the capital of a letter.
    """

    keyboard: KeyboardModel
    places: Places
    language: str

    def place(self, length: int, random: Random) -> int:
        """Draw a place of a word."""
        sums = self.places(length)
        return bisect(sums, random.random() * sums[-1], hi=length - 1)

    def place_with(self, offers: Sequence[object], random: Random) -> int:
        """Draw one of the places that have something to offer; -1 if there are none, or one that is spared only."""
        sums = self.places(len(offers))
        open_places = [place for place, offer in enumerate(offers) if offer]
        if not open_places:
            return -1
        weights = list(accumulate([weight_at(sums, place) for place in open_places]))
        drawn = bisect(weights, random.random() * max(weights[-1], 1.0))
        return open_places[drawn] if drawn < len(open_places) else -1


@dataclass(frozen=True)
class Slip:
    """Slips of the fingers. A `Transformation`.

    Attributes
    ----------
    native, latin : Hand
        The keyboard of the language, and that of Latin words in a text in another script.
    shares : tuple of float
        See `_shares`.
    rotations : tuple
        See `_rotations`.
    unspaced : bool
        Whether the language has no spaces between words, so that words may be cut in the wrong place.
    """

    native: Hand
    latin: Hand
    shares: tuple[float, ...]
    rotations: tuple[tuple[tuple[str, Operation], ...], ...]
    unspaced: bool

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word that is whole; see `Transformation.targets`."""
        return Targets(_whole_words(text, tuple(words)) if self.unspaced else words, self.rewrite)

    def rewrite(self, word: str, random: Random) -> tuple[str, str] | None:
        """Draw one slip in a word; None if the word allows none."""
        parts = word_graphemes(word)
        hand = self.latin if word[0] < _FIRST_BEYOND_LATIN and word[0].isalpha() else self.native
        for operation, make in self.rotations[bisect(self.shares, random.random())]:
            changed = make(parts, hand, random)
            if changed is not None:
                new = "".join(changed)
                if new != word and (each_its_own(new) or _can_be_read(new, changed)):
                    return nfc(new), operation
        return None


def _can_be_read(word: str, parts: Graphemes) -> bool:
    return all(map(stay_apart, parts, parts[1:])) and is_readable(word)


@lru_cache(maxsize=_TEXTS_REMEMBERED)
def _whole_words(text: str, words: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return the words that are not cut within a syllable."""
    whole = tuple(
        (start, end)
        for start, end in words
        if may_part(text[max(start - 1, 0) : start], text[start]) and may_part(text[end - 1], text[end : end + 1])
    )
    return words if len(whole) == len(words) else whole


def _shares(weights: OperationWeights) -> dict[str, float]:
    """Return the upper end of each operation's share of [0, 1)."""
    given = {name: weight for name, weight in weights.model_dump().items() if weight > 0}
    return dict(zip(given, accumulate(weight / sum(given.values()) for weight in given.values()), strict=True))


def _rotations(names: Sequence[str]) -> tuple[tuple[tuple[str, Operation], ...], ...]:
    """Return the order of trials for each drawn operation: the others follow for words that it does not fit."""
    trials = tuple((name, _OPERATIONS[name]) for name in names)
    # The sum of the shares may be below 1 by a rounding error: a draw above it counts for the last operation.
    return tuple(trials[place:] + trials[:place] for place in [*range(len(names)), len(names) - 1])


def _substitute(parts: Graphemes, hand: Hand, random: Random) -> Graphemes | None:
    place = hand.place(len(parts), random)
    offered = hand.keyboard.instead(parts[place])
    if not offered:
        place = hand.place_with([hand.keyboard.instead(part) for part in parts], random)
        if place < 0:
            return None
        offered = hand.keyboard.instead(parts[place])
    return *parts[:place], pick(offered, random), *parts[place + 1 :]


def _delete(parts: Graphemes, hand: Hand, random: Random) -> Graphemes | None:
    if len(parts) <= _HALVED:
        return None
    place = hand.place(len(parts), random)
    offered = hand.keyboard.without(parts[place])
    if not offered:
        place = hand.place_with([hand.keyboard.without(part) for part in parts], random)
        if place < 0:
            return None
        offered = hand.keyboard.without(parts[place])
    rest = pick(offered, random)
    return (*parts[:place], rest, *parts[place + 1 :]) if rest else parts[:place] + parts[place + 1 :]


def _insert(parts: Graphemes, hand: Hand, random: Random) -> Graphemes | None:
    # The extra letter stands after a cluster, so that its place is that of the next one.
    place = max(0, hand.place(len(parts), random) - 1)
    offered = hand.keyboard.besides(parts[place])
    if not offered:
        place = hand.place_with([hand.keyboard.besides(part) for part in parts], random)
        if place < 0:
            return None
        offered = hand.keyboard.besides(parts[place])
    extra = pick(offered, random)
    following = parts[place + 1 : place + 2]
    if following and following[0].islower():  # "What" becomes "Wehat": the shift key was pressed for the first letter
        extra = lower(extra, hand.language)
    return *parts[: place + 1], extra, *parts[place + 1 :]


def _transpose(parts: Graphemes, hand: Hand, random: Random) -> Graphemes | None:
    if len(parts) <= _HALVED:
        return None
    place = hand.place(len(parts) - 1, random)
    offered = _exchanged(parts, place, hand)
    if not offered:
        place = hand.place_with([_exchanged(parts, place, hand) for place in range(len(parts) - 1)], random)
        if place < 0:
            return None
        offered = _exchanged(parts, place, hand)
    return *parts[:place], *pick(offered, random), *parts[place + 2 :]


def _exchanged(parts: Graphemes, place: int, hand: Hand) -> Sequence[Graphemes]:
    """Return what two neighbouring graphemes become if two of their keys are hit in the other order."""
    left, right = parts[place : place + 2]
    if left.isupper() and right.islower():  # "Which" becomes "Hwich": the shift key was pressed for the first letter
        made = hand.keyboard.exchanged(lower(left, hand.language), right)
        return [(upper(one[0], hand.language), *one[1:]) for one in made]
    return hand.keyboard.exchanged(left, right)


def _repeat(parts: Graphemes, hand: Hand, random: Random) -> Graphemes | None:
    place = hand.place(len(parts), random)
    letter = parts[place][0]
    if len(hand.keyboard.keys(letter)) != 1 or not is_letter(letter):
        return None
    again = parts[place] if len(parts[place]) == 1 else letter
    return *parts[:place], again, lower(parts[place], hand.language) if not place else parts[place], *parts[place + 1 :]


def _undouble(parts: Graphemes, hand: Hand, random: Random) -> Graphemes | None:
    if len(parts) <= _HALVED:
        return None
    doubled = [one == other for one, other in zip(parts, chain(parts[1:], ("",)), strict=True)]
    place = hand.place_with(doubled, random)
    return parts[:place] + parts[place + 1 :] if place >= 0 else None


_OPERATIONS: Mapping[str, Operation] = {
    "transpose": _transpose,
    "substitute": _substitute,
    "insert": _insert,
    "repeat": _repeat,
    "undouble": _undouble,
    "delete": _delete,
}


def make_slip(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `slip` for a language; see `TransformationFactory`."""
    validate(NoParameters, dict(parameters), "[parameters]")
    row = validate(SlipOptions, dict(options), f"[languages.{language}]")
    names = [row.layout] if isinstance(row.layout, str) else row.layout
    profile = typing_profile(row.profile, tables)
    first = profile.first if row.first is None else row.first
    places = place_weights(profile.model_copy(update={"first": first}))
    shares = _shares(row.operations or profile.operations)
    native = Hand(remembered(combined([keyboard_model(name, tables) for name in names])), places, language)
    writes_latin = any(native.keyboard.instead(letter) for letter in "aeinot")
    latin = native if writes_latin else Hand(remembered(keyboard_model(_LATIN_LAYOUT, tables)), places, language)
    facts = languages().get(language)
    unspaced = facts is not None and facts.script in _UNSPACED
    return Slip(native, latin, tuple(shares.values()), _rotations(list(shares)), unspaced)
