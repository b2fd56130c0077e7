"""Keyboard tables: which characters a finger that slips types instead.

Every kind of layout comes down to one mapping from a character to its likely mistakes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Literal

from pydantic import Field

from robustbench_ir.cards import SHIPPED, Card, Tables, read_card
from robustbench_ir.errors import CardError

Neighbours = Mapping[str, tuple[str, ...]]

_ROW_OFFSETS = (0.0, 1.5, 1.75, 2.25)  # in key widths: digits, Q row, A row, Z row of an ISO keyboard
_TOUCHING = 1.15  # distance in key widths between the centres of keys that a slipping finger confuses
_SYLLABLES_PER_CONSONANT = 8  # the Ethiopic block lists each consonant's vowel orders in rows of eight
_VOWEL_ORDERS = 7
_FIRST_SYLLABLE = 0xAC00
_LEADS = tuple("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ")
_VOWELS = tuple("ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ")
_TAILS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_SYLLABLE_COUNT = len(_LEADS) * len(_VOWELS) * len(_TAILS)


class Keyboard(Card):
    """One table under `attacks/keyboards/`.

    Attributes
    ----------
    title, source, licence : str
        What it is, where its facts are from, and under which terms.
    kind : {"keys", "ethiopic", "hangul", "pinyin"}
        `keys`: a key types a character. `ethiopic`: consonant keys, the vowel is typed after. `hangul`: keys type
        jamo, which form syllables. `pinyin`: syllables are typed and the wrong homophone is chosen.
    rows : list of list of str
        Rows of keys from the digit row down; a key lists its characters by shift level.
    """

    title: str
    source: str
    licence: str
    kind: Literal["keys", "ethiopic", "hangul", "pinyin"] = "keys"
    rows: list[list[str]] = Field(default_factory=list, max_length=len(_ROW_OFFSETS))


@cache
def neighbours(layout: str, tables: Tables = SHIPPED) -> Neighbours:
    """Load a layout.

    Parameters
    ----------
    layout : str
        Name of a table under `attacks/keyboards/`.
    tables : Tables
        Where it is found.

    Returns
    -------
    mapping of str to tuple of str
        Likely mistakes for each character that the layout can type; letters for letters, marks for marks.

    Raises
    ------
    CardError
        No such table, or a fault in it.
    """
    entry = tables.find(f"keyboards/{layout}.toml")
    keyboard = read_card(Keyboard, entry)
    if keyboard.kind == "pinyin":
        return _homophones()
    slips = _adjacent(keyboard.rows)
    if not slips:
        raise CardError(f"{entry}: key 'rows': no two letters lie side by side")
    return _COMPOSED[keyboard.kind](slips) if keyboard.kind in _COMPOSED else slips


@cache
def key_places(layout: str, tables: Tables = SHIPPED) -> Mapping[str, tuple[int, int, int]]:
    """Return where each character of a layout is typed: row from the bottom, column, shift level.

    Raises
    ------
    CardError
        No such table, or a fault in it.
    """
    rows = read_card(Keyboard, tables.find(f"keyboards/{layout}.toml")).rows
    places: dict[str, tuple[int, int, int]] = {}
    for line, row in enumerate(reversed(rows)):
        for column, key in enumerate(row):
            for level, character in enumerate(key):
                places.setdefault(character, (line, column, level))
    return places


def _adjacent(rows: list[list[str]]) -> dict[str, tuple[str, ...]]:
    placed = list(_placed(rows))
    found: dict[str, dict[str, None]] = {}
    for x, y, level, character in placed:
        for other_x, other_y, other_level, other in placed:
            near = abs(y - other_y) <= 1 and ((x - other_x) ** 2 + 0.75 * (y - other_y) ** 2) <= _TOUCHING**2
            same_key = x == other_x and y == other_y
            # On the same key only the shift level differs: a slip between letters, but not between the cases of one.
            fits = (same_key and character.lower() != other.lower()) or (not same_key and level == other_level)
            if near and fits and other != character and _class(other) == _class(character):
                found.setdefault(character, {})[other] = None
    return {character: tuple(others) for character, others in found.items()}


def _placed(rows: list[list[str]]) -> Iterator[tuple[float, int, int, str]]:
    """Yield column, row, shift level and character of everything that the keys type."""
    offsets = _ROW_OFFSETS[len(_ROW_OFFSETS) - len(rows) :]
    for y, (row, offset) in enumerate(zip(rows, offsets, strict=True)):
        for column, key in enumerate(row):
            for level, character in enumerate(key):
                if _class(character):
                    yield column + offset, y, level, character


def _class(character: str) -> str:
    """Return "L" for a letter, "M" for a mark; nothing for what is neither, and for what NFC text never holds."""
    kind = unicodedata.category(character)[0]
    return kind if kind in "LM" and unicodedata.is_normalized("NFC", character) else ""


def _ethiopic(slips: Neighbours) -> dict[str, tuple[str, ...]]:
    """Spread the slips between consonant keys over their vowel orders, and add the slips of the vowel key."""
    found = {}
    for consonant, others in slips.items():
        for order in range(_VOWEL_ORDERS):
            syllable = _syllable(consonant, order)
            wrong_vowel = [_syllable(consonant, other) for other in range(_VOWEL_ORDERS) if other != order]
            wrong_consonant = [_syllable(other, order) for other in others]
            found[syllable] = tuple(filter(_is_assigned, wrong_vowel + wrong_consonant))
    return found


def _syllable(consonant: str, order: int) -> str:
    row = (ord(consonant) - 0x1200) // _SYLLABLES_PER_CONSONANT
    return chr(0x1200 + row * _SYLLABLES_PER_CONSONANT + order)


def _is_assigned(character: str) -> bool:
    return unicodedata.category(character) == "Lo"


def _hangul(slips: Neighbours) -> dict[str, tuple[str, ...]]:
    """Spread the slips between jamo keys over the 11,172 syllables (Unicode Standard, section 3.12)."""
    found = {}
    for number in range(_SYLLABLE_COUNT):
        lead, rest = divmod(number, len(_VOWELS) * len(_TAILS))
        vowel, tail = divmod(rest, len(_TAILS))
        others = [_hangul_syllable(other, _VOWELS[vowel], _TAILS[tail]) for other in slips.get(_LEADS[lead], ())]
        others += [_hangul_syllable(_LEADS[lead], other, _TAILS[tail]) for other in slips.get(_VOWELS[vowel], ())]
        others += [_hangul_syllable(_LEADS[lead], _VOWELS[vowel], other) for other in slips.get(_TAILS[tail], ())]
        found[chr(_FIRST_SYLLABLE + number)] = tuple(filter(None, others))
    return found


def _hangul_syllable(lead: str, vowel: str, tail: str) -> str:
    """Compose a syllable; nothing where a jamo cannot stand in its place."""
    if lead not in _LEADS or vowel not in _VOWELS or tail not in _TAILS:
        return ""
    number = (_LEADS.index(lead) * len(_VOWELS) + _VOWELS.index(vowel)) * len(_TAILS) + _TAILS.index(tail)
    return chr(_FIRST_SYLLABLE + number)


_COMPOSED: Mapping[str, Callable[[Neighbours], Neighbours]] = {"ethiopic": _ethiopic, "hangul": _hangul}


def _homophones() -> dict[str, tuple[str, ...]]:
    """Group the 3,755 common characters of GB 2312 level 1 by their reading without tone (ICU Han-Latin)."""
    import icu

    common = [bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
    characters = "".join(code.decode("gb2312", "ignore") for code in common)
    romanise = icu.Transliterator.createInstance("Han-Latin; Latin-ASCII")
    readings = romanise.transliterate("\n".join(characters)).split("\n")
    groups: dict[str, list[str]] = {}
    for character, reading in zip(characters, readings, strict=True):
        groups.setdefault(reading.strip(), []).append(character)
    return {one: tuple(o for o in group if o != one) for group in groups.values() for one in group if len(group) > 1}
