"""Typos on keyboards where each key types one letter or mark."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from robustbench_ir._base.text import graphemes, nfc
from robustbench_ir.perturb.keyboards.layouts import Keyboard, Neighbours, neighbours_on
from robustbench_ir.perturb.keyboards.orthography import is_letter, is_mark, is_possible, without_mark

_MARK_MISSED = 4  # weight: about as often as all neighbours of a letter's key together are hit instead

_FIRST_ACCENT, _LAST_ACCENT = "\u0300", "\u036f"

Alternatives = Callable[[str], Sequence[str]]
"""Returns what is typed instead of a grapheme; a text that occurs twice is twice as likely."""
Exchanges = Callable[[str, str], Sequence[tuple[str, ...]]]
"""Returns the graphemes that are typed instead of two neighbouring ones."""


@dataclass(frozen=True)
class KeyboardModel:
    """The typos of fingers on one keyboard.

    Attributes
    ----------
    instead : callable
        Takes a grapheme, and returns what may be typed instead of it, NFC.
    besides : callable
        Takes a grapheme, and returns what a finger that touches one more key may type after it, NFC.
    without : callable
        Takes a grapheme, and returns what is left of it if one of its keys is missed, NFC; an empty text if it has one
        key only.
    exchanged : callable
        Takes two neighbouring graphemes, and returns what they become if two keys, a key of the first one and the key
        after it, are hit in the other order.
    keys : callable
        Takes a character, and returns the keys that type it, as characters of the table's rows; empty if there are
        none.
    """

    instead: Alternatives
    besides: Alternatives
    without: Alternatives
    exchanged: Exchanges
    keys: Callable[[str], str]


def on_keys(card: Keyboard) -> KeyboardModel:
    """Return the keyboard model for a keyboard of kind `keys`."""
    near = neighbours_on(card)
    typed = {character for row in card.rows for key in row for character in key}
    instead = partial(_instead, card=card, near=near)
    keys = partial(_keys, typed=typed)
    return KeyboardModel(
        instead, partial(_besides, card=card, near=near), without_one_key, partial(_exchanged, keys=keys), keys
    )


def cased(character: str, found: Callable[[str], Sequence[str]]) -> tuple[str, ...]:
    """Look a character up; a capital that is not found is looked up as its small letter.

    Parameters
    ----------
    character : str
        The character.
    found : callable
        Returns the alternatives of a character.
    """
    others = tuple(found(character))
    if others or not character.isupper():
        return others
    return tuple(other.upper() if len(other.upper()) == 1 else other.title() for other in found(character.lower()))


def missing(target: str, others: Sequence[str]) -> list[str]:
    """Repeat the text of a missed key, so that it is as likely as all neighbours of the key together.

    Parameters
    ----------
    target : str
        Text without the key.
    others : sequence of str
        Texts with a neighbour of the key.
    """
    return [target] * max(1, len(others))


def _beside(character: str, card: Keyboard, near: Neighbours) -> tuple[str, ...]:
    """Return the neighbours of the key that types a letter, with or without its modifier, or of its base letter."""
    found = cased(character, lambda one: near.get(one, ()))
    if found or is_mark(character):
        return found
    plain = cased(character, lambda one: card.missed.get(one, ())) or (unicodedata.normalize("NFD", character)[0],)
    return cased(plain[0][0], lambda one: near.get(one, ()))


def _instead(part: str, card: Keyboard, near: Neighbours) -> list[str]:
    typos = []
    for place, character in enumerate(part):
        before, after = part[:place], part[place + 1 :]
        others = _beside(character, card, near)
        typos += [before + other + _carried(character, other, after, card, near) for other in others]
        plain = cased(character, lambda one: card.missed.get(one, ()))
        for other in plain:
            typos += missing(before + other + after, others[:: len(plain)])
        if place and is_mark(character) and not _group(character, card):
            typos += missing(without_mark(part, place), others)
    typos += _mistaken_marks(part, card, near)
    return [new for typo in typos if typo and (new := nfc(typo)) != part and is_possible(new, part)]


def _carried(old: str, new: str, after: str, card: Keyboard, near: Neighbours) -> str:
    """Return the accent of the old letter and the marks after it, without those that the new letter does not carry."""
    accent = "" if old in near else unicodedata.normalize("NFD", old)[1:]
    kept = [mark for mark in accent if new.lower() in card.marks.get(_group(mark, card), "")]
    return "".join(kept) + "".join(
        mark for mark in after if new.lower() in card.marks.get(_group(mark, card), new.lower())
    )


def _group(mark: str, card: Keyboard) -> str:
    return next((group for group in card.marks if mark in group), "")


def _mistaken_marks(part: str, card: Keyboard, near: Neighbours) -> list[str]:
    """Leave out a mark that is typed separately, or replace it by another of its group."""
    if len(part) == 1 and part in near and not card.marks:
        return []
    decomposed = unicodedata.normalize("NFD", part)
    typos = []
    for place, mark in enumerate(decomposed):
        group = _group(mark, card)
        before, after = decomposed[:place], decomposed[place + 1 :]
        others = [nfc(before + other + after) for other in group if other != mark]
        typos += [other for other in others if len(other) <= len(part)]
        if group or (part[0] not in near and mark not in part and _FIRST_ACCENT <= mark <= _LAST_ACCENT):
            typos += [before + after] * _MARK_MISSED
    return typos


def _besides(part: str, card: Keyboard, near: Neighbours) -> list[str]:
    others = _beside(part[0], card, near)
    return [letter for letter in others if is_letter(letter)]


def _keys(character: str, typed: set[str]) -> str:
    """Return the key, or the dead key and the letter's."""
    if character in typed or character.lower() in typed:
        return character
    decomposed = unicodedata.normalize("NFD", character)
    whole = decomposed[1:] + decomposed[0]
    return whole if len(whole) > 1 and all(one in typed or one.lower() in typed for one in whole) else ""


def is_typed(character: str) -> bool:
    """Return True for a character that people type on purpose; marks of direction and the like are invisible."""
    return unicodedata.category(character)[0] not in "CZ"


def without_one_key(part: str) -> list[str]:
    """Return a grapheme without one of its keys, where each of its characters has a key of its own.

    Parameters
    ----------
    part : str
        The grapheme.
    """
    if len(part) == 1:
        return [""] if is_typed(part) else []
    rests = [without_mark(part, place) for place in range(1, len(part)) if is_mark(part[place])]
    return [new for rest in rests if rest and (new := nfc(rest)) != part and is_possible(new, part)]


def _exchanged(left: str, right: str, keys: Callable[[str], str]) -> list[tuple[str, ...]]:
    text = left + right
    made = []
    for place, (one, other) in enumerate(pairwise(text[: len(left) + 1])):
        if one == other or len(keys(one)) != 1 or len(keys(other)) != 1 or (not place and is_mark(other)):
            continue
        parts = graphemes(text[:place] + other + one + text[place + 2 :])
        if all(is_possible(part, left) for part in parts):
            made.append(tuple(parts))
    return made
