"""Typos on keyboards where several keys make a character: Ethiopic, Hangul, and spelling input methods.

The mistake is made on the keys; the input method then composes the typo from them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise

from robustbench_ir._base.text import nfc
from robustbench_ir.perturb.keyboards.layouts import Keyboard, Neighbours, neighbours_on
from robustbench_ir.perturb.keyboards.single_keys import KeyboardModel, cased, missing, without_one_key

_ETHIOPIC = 0x1200
_SYLLABLES_PER_CONSONANT = 8  # the Ethiopic block lists each consonant's vowel orders in rows of eight
_VOWEL_ORDERS = 7
_BARE = 5  # the sixth order: the consonant key alone
_OF_A = 3  # the fourth order, whose labialised form is the eighth
_FIRST_SYLLABLE = 0xAC00  # Unicode Standard, section 3.12
_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_SYLLABLE_COUNT = len(_LEADS) * len(_VOWELS) * len(_TAILS)
_SHORTEST_SYLLABLE = 2  # keys
_SHOWN = (9, 4, 2)  # candidates on the first page of an input method, and how many of them are taken more often
_FIRST_CHOICES = 2  # of an unintended syllable, people choose one of the first candidates
_DOUBLED = 3  # weight of a key pressed twice

Compose = Callable[[str], str]
Pressed = Callable[[str], tuple[str, int] | None]


def _mistyped(keys: str, near: Neighbours) -> Iterator[str]:
    """Yield the keys with one mistake: a neighbouring key, or a missed key."""
    for place, key in enumerate(keys):
        before, after = keys[:place], keys[place + 1 :]
        others = near.get(key, ())
        yield from (before + other + after for other in others)
        yield from missing(before + after, others)


def on_ethiopic(card: Keyboard) -> KeyboardModel:
    """Return the keyboard model for consonant keys followed by a vowel order: a neighbour's, or a wrong vowel."""
    near = neighbours_on(card)

    def instead(part: str) -> list[str]:
        consonant, order = _consonant_and_order(part) if len(part) == 1 else ("", 0)
        if consonant not in near:
            return []
        if order == _VOWEL_ORDERS:
            return [chr(ord(consonant) + _OF_A)]
        typos = [chr(ord(consonant) + other) for other in range(_VOWEL_ORDERS) if other != order]
        typos += [chr(ord(other) + order) for other in near[consonant]]
        return [typo for typo in typos if unicodedata.category(typo) == "Lo"]

    def besides(part: str) -> list[str]:
        return [chr(ord(other) + _BARE) for other in near.get(_consonant_and_order(part[0])[0], ())]

    pressed = partial(_pressed, near=near)
    return KeyboardModel(
        instead, besides, partial(_without_vowel, pressed=pressed), partial(_reordered, pressed=pressed), lambda _: ""
    )


def _consonant_and_order(syllable: str) -> tuple[str, int]:
    row, order = divmod(ord(syllable) - _ETHIOPIC, _SYLLABLES_PER_CONSONANT)
    return chr(_ETHIOPIC + row * _SYLLABLES_PER_CONSONANT), order


def _pressed(part: str, near: Neighbours) -> tuple[str, int] | None:
    """Return consonant and vowel order of a syllable that a consonant key and a vowel key type; None for others."""
    consonant, order = _consonant_and_order(part) if len(part) == 1 else ("", _VOWEL_ORDERS)
    return (consonant, order) if consonant in near and order < _VOWEL_ORDERS else None


def _without_vowel(part: str, pressed: Pressed) -> list[str]:
    """Return a syllable whose vowel key was missed; an empty text for a bare consonant, which is one key."""
    found = pressed(part)
    if not found:
        return []
    return [""] if found[1] == _BARE else [chr(ord(found[0]) + _BARE)]


def _reordered(left: str, right: str, pressed: Pressed) -> list[tuple[str, ...]]:
    """Exchange two consonant keys, or a vowel key and the bare consonant after it."""
    one, other = pressed(left), pressed(right)
    if not one or not other or one[0] == other[0] or _BARE not in {one[1], other[1]}:
        return []
    first, second = (other[0], one[0]) if one[1] == _BARE else (one[0], other[0])
    vowel = other[1] if one[1] == _BARE else one[1]
    made = chr(ord(first) + _BARE), chr(ord(second) + vowel)
    return [made] if made != (left, right) else []


def on_hangul(card: Keyboard) -> KeyboardModel:
    """Return the keyboard model for jamo keys; syllables are decomposed on demand, because there are 11,172."""
    near = neighbours_on(card)
    joined = {keys: jamo for jamo, keys in card.spelling.items()}

    def keys(syllable: str) -> str:
        number = ord(syllable) - _FIRST_SYLLABLE
        if not 0 <= number < _SYLLABLE_COUNT:
            return ""
        lead, rest = divmod(number, len(_VOWELS) * len(_TAILS))
        vowel, tail = divmod(rest, len(_TAILS))
        return "".join(card.spelling.get(jamo, jamo) for jamo in (_LEADS[lead], _VOWELS[vowel], _TAILS[tail]))

    def instead(part: str) -> list[str]:
        pressed = keys(part) if len(part) == 1 else ""
        one_more = [pressed + other for other in near.get(pressed[-1:], ())]
        composed = [_syllable(made, joined) for made in [*_mistyped(pressed, near), *one_more]]
        return [syllable for syllable in composed if syllable not in {"", part}]

    def besides(part: str) -> list[str]:
        """Return jamo that stay alone: a further consonant after a tail, a further vowel after a vowel."""
        pressed = keys(part[0])
        last = pressed[-1:]
        others = [other for other in near.get(last, ()) if (other in _VOWELS) == (last in _VOWELS)]
        return [other for other in others if not _syllable(pressed + other, joined)]

    def without(part: str) -> list[str]:
        pressed = keys(part) if len(part) == 1 else ""
        if len(pressed) < _SHORTEST_SYLLABLE:
            return without_one_key(part)
        left = [_syllable(pressed[:place] + pressed[place + 1 :], joined) for place in range(len(pressed))]
        return [syllable for syllable in left if syllable]

    def exchanged(left: str, right: str) -> list[tuple[str, ...]]:
        """Exchange the last consonant of a syllable and the first of the next."""
        first, second = (keys(left), keys(right)) if len(left) == len(right) == 1 else ("", "")
        if not first or not second or first[-1] == second[0]:
            return []
        made = _syllable(first[:-1] + second[0], joined), _syllable(first[-1] + second[1:], joined)
        return [made] if all(made) else []

    return KeyboardModel(instead, besides, without, exchanged, keys)


def _syllable(keys: str, joined: Mapping[str, str]) -> str:
    """Compose one syllable from jamo keys; nothing where they do not make one."""
    length = sum(key in _VOWELS for key in keys)
    vowel, tail = keys[1 : 1 + length], keys[1 + length :]
    vowel, tail = joined.get(vowel, vowel), joined.get(tail, tail)
    if not keys or keys[0] not in _LEADS or len(vowel) != 1 or vowel not in _VOWELS or tail not in _TAILS:
        return ""
    number = (_LEADS.index(keys[0]) * len(_VOWELS) + _VOWELS.index(vowel)) * len(_TAILS) + _TAILS.index(tail)
    return chr(_FIRST_SYLLABLE + number)


def on_spelling(card: Keyboard) -> KeyboardModel:
    """Return the keyboard model for an input method that turns keys into characters."""
    return _with_stray_keys(card) if card.stray else _with_candidates(card)


def _with_candidates(card: Keyboard) -> KeyboardModel:
    """Pinyin and romaji: the keys must spell something, and one of several candidates is chosen."""
    near = neighbours_on(card)
    spelt: dict[str, list[str]] = {}
    for keys, characters in card.spelling.items():
        for character in characters:
            spelt.setdefault(character, []).append(keys)

    def instead(part: str) -> list[str]:
        typos = []
        for keys in spelt.get(part, ()):
            same = _candidates(card.spelling[keys], part)
            for shown in _SHOWN:
                typos += same[:shown]
            for other in [*_sounding_alike(keys, card.confused), *dict.fromkeys(_mistyped(keys, near))]:
                if other in card.spelling:
                    typos += _candidates(card.spelling[other], part)[:_FIRST_CHOICES]
        return typos

    exchanged = partial(_other_syllables, spelt=spelt, spelling=card.spelling)
    return KeyboardModel(instead, lambda _: (), without_one_key, exchanged, lambda _: "")


def _other_syllables(
    part: str, after: str, spelt: Mapping[str, Sequence[str]], spelling: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Exchange two keys of one syllable, where they spell another."""
    found: list[tuple[str, ...]] = []
    for keys in spelt.get(part, ()):
        for place, (one, other) in enumerate(pairwise(keys)):
            swapped = keys[:place] + other + one + keys[place + 2 :]
            if swapped != keys and swapped in spelling:
                found += [(chosen, after) for chosen in _candidates(spelling[swapped], part)[:_FIRST_CHOICES]]
    return found


def _sounding_alike(keys: str, confused: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a syllable with its beginning (`z-`) or its end (`-n`) exchanged for one that people confuse with it."""
    for pair in confused:
        for one, other in (pair, pair[::-1]):
            if one.endswith("-") and keys.startswith(one[:-1]):
                yield other[:-1] + keys[len(one) - 1 :]
            elif one.startswith("-") and keys.endswith(one[1:]):
                yield keys[: len(keys) - len(one) + 1] + other[1:]


def _candidates(characters: str, part: str) -> list[str]:
    """Return the characters that can be chosen instead of one: hiragana for hiragana, ideographs for ideographs."""
    writing = _writing(part)
    return [one for one in characters if one != part and _writing(one) == writing]


@cache
def _writing(character: str) -> str:
    """Return the first word of a character's name: HIRAGANA, KATAKANA, CJK."""
    return unicodedata.name(character).split()[0]


def _with_stray_keys(card: Keyboard) -> KeyboardModel:
    """Telex: keys that form nothing stay unchanged, and a key pressed twice undoes what it made."""
    near = neighbours_on(card)
    spelt = dict(_spellings(card))
    formed = {keys: letter for letter, keys in spelt.items()}
    formed |= {keys + keys[-1]: formed.get(keys[:-1], keys[:-1]) + keys[-1] for keys in formed}
    compose = partial(_compose, formed=formed, longest=max(map(len, formed)))

    def typed(part: str, keys: str) -> str:
        composed = compose(keys)
        return composed[:1].upper() + composed[1:] if part.isupper() else composed

    def instead(part: str) -> list[str]:
        keys = spelt.get(part.lower(), part.lower())
        typos = [typed(part, made) for made in _mistyped(keys, near)]
        typos += [typed(part, keys + other) for other in near.get(keys[-1], ())]
        typos += [typed(part, keys + keys[-1])] * _DOUBLED if len(keys) > 1 else []
        return [typo for typo in typos if typo not in {"", part} and not typo.startswith(part)]

    def besides(part: str) -> list[str]:
        keys = spelt.get(part.lower(), part.lower())
        others = cased(keys[0], lambda one: near.get(one, ()))
        return [other for other in others if compose(keys + other) == part.lower() + other]

    def keys_of(character: str) -> str:
        keys = spelt.get(character.lower(), character.lower())
        return keys[:1].upper() + keys[1:] if character.isupper() else keys

    def without(part: str) -> list[str]:
        keys = spelt.get(part.lower(), "")
        if len(keys) <= 1:
            return without_one_key(part)
        left = [typed(part, keys[:place] + keys[place + 1 :]) for place in range(len(keys))]
        return [new for new in dict.fromkeys(left) if new != part and len(new) == 1]

    def exchanged(left: str, right: str) -> list[tuple[str, ...]]:
        """Exchange two letters of one key each, where neither order makes another letter."""
        plain = len(keys_of(left)) == len(keys_of(right)) == 1 and left != right
        return [(right, left)] if plain and left.isalpha() and right.isalpha() else []

    return KeyboardModel(instead, besides, without, exchanged, keys_of)


def _spellings(card: Keyboard) -> Iterator[tuple[str, str]]:
    """Yield each letter, with and without the marks that it carries, and the keys that type it."""
    letters = {letter: keys for keys, letter in card.spelling.items() if unicodedata.combining(letter) == 0}
    yield from letters.items()
    for keys, mark in card.spelling.items():
        carriers = next((letters for group, letters in card.marks.items() if mark in group), "")
        for letter in carriers:
            yield nfc(letter + mark), letters.get(letter, letter) + keys


def _compose(keys: str, formed: Mapping[str, str], longest: int) -> str:
    """Turn keys into letters from left to right, as many keys at a time as form one."""
    text = ""
    place = 0
    while place < len(keys):
        for length in range(min(longest, len(keys) - place), 0, -1):
            some = keys[place : place + length]
            if length == 1 or some in formed:
                text += formed.get(some, some)
                place += length
                break
    return nfc(text)
