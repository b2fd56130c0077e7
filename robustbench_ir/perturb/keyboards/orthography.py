"""Possible spellings for a reader: which characters can stand in the same place, and which marks can be combined."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import regex

# Indic_Syllabic_Category and Indic_Positional_Category (Unicode Standard, section 12.1 and UAX #44).
_PLACE_IN_SYLLABLE = regex.compile(
    "|".join(
        rf"(?P<{name}>\p{{InSC={name}}})"
        for name in (
            "Consonant", "Vowel_Dependent", "Vowel_Independent", "Bindu", "Virama", "Nukta", "Pure_Killer", "Visarga",
            "Invisible_Stacker", "Consonant_Medial", "Tone_Mark", "Register_Shifter", "Syllable_Modifier",
        )
    )
)  # fmt: skip
_SIDE = regex.compile(
    "|".join(rf"(?P<{name}>\p{{InPC={name}}})" for name in ("Top", "Bottom", "Left", "Right", "Visual_Order_Left"))
)
_VOWEL_SIGN = regex.compile(r"\p{InSC=Vowel_Dependent}")
_VOWEL = regex.compile(r"[\p{InSC=Vowel_Dependent}\p{InSC=Vowel_Independent}]")
_VOWEL_LETTERS = frozenset("aeiouyæøœıɛɔəɩʋаеиоуыэюяіүұөәαεηιουωաեէըիոօაეიოუاویىۆێەअ")
_MEDIAL = regex.compile(r"\p{InSC=Consonant_Medial}")
_TWO = 2
_FIRST_OF_BRAHMI = "\u0900"
_BURMESE_A = "\u1021"  # an independent vowel by its property, but it carries vowel signs as consonants do
_TATWEEL = "\u0640"  # lengthens a line of writing, and is not a letter
_ZWJ = "\u200d"
_JOINERS = "\u200c\u200d"
_DEVANAGARI = regex.compile(r"\p{Devanagari}")
# Thai and Lao: a may stand after aa, and two e look like ae.
_SOME_VOWELS = {"\u0e32": "A", "\u0eb2": "A", "\u0e30": "G", "\u0eb0": "G", "\u0e40": "Q", "\u0ec0": "Q"}


# Classes of characters, a letter each: consonant, vowels before (L Q) and after (A F G) it that are letters, vowel
# sign, independent vowel (D in Devanagari), virama (H), stacker, bindu or visarga, tone, killer, nukta, medial (E),
# another mark, another letter (X), joiner, and white space or control (W).
_MARKS = "VHSBTKNEM"
_IMPOSSIBLE = re.compile(
    rf"""(?x)
    (?:^|[WO])[{_MARKS}] | [FG][{_MARKS}] | A(?!T)[{_MARKS}]  # a mark without its letter
    | S(?![CIDX]) | L(?!C) | Q(?!Q?C)              # nothing to stack, no consonant after its vowel
    | (?:^|[LQAFGJOW])[AF] | (?:^|[LQFGJOW])G     # no consonant before its vowel
    | [HB][VH] | HB | V[HNES] | [ID]V | DH | [KT]V     # signs in the wrong order
    """
)
_TWICE = re.compile(r"(.)\1")
_SIMPLE = re.compile(
    "[^\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u109f\u1780-\u17ff]+"
)
_CLASS_OF_PLACE = {
    "Consonant": "C", "Vowel_Independent": "I", "Vowel_Dependent": "V", "Virama": "H", "Invisible_Stacker": "S",
    "Bindu": "B", "Visarga": "B", "Tone_Mark": "T", "Pure_Killer": "K", "Nukta": "N", "Consonant_Medial": "E",
}  # fmt: skip


class _Classes(dict[int, str]):
    """The class of each code point, found when it is first asked for."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _character_class(chr(code))
        return found


def _character_class(character: str) -> str:
    kind = unicodedata.category(character)[0]
    place = _PLACE_IN_SYLLABLE.match(character)
    name = "Consonant" if character == _BURMESE_A else place.lastgroup or "" if place else ""
    if character in _JOINERS:
        return "J"
    if kind == "M":
        found = _CLASS_OF_PLACE.get(name, "M")
        return found if found in _MARKS else "M"
    if kind != "L":
        return "W" if kind in "ZC" else "O"
    if name == "Vowel_Dependent":
        return _SOME_VOWELS.get(character, "L" if _side(character) == "Visual_Order_Left" else "F")
    if name == "Vowel_Independent":
        return "D" if _DEVANAGARI.match(character) else "I"
    return "C" if name.startswith("Consonant") else "X"


_CLASSES = _Classes()


@lru_cache(maxsize=1 << 12)
def orthographic_class(character: str) -> str:
    """Return the class within which a typo leaves a possible spelling, such as vowel signs.

    Returns
    -------
    str
        "L" for a letter, "M" for a mark, with the place in the syllable for scripts of the Brahmi family. Empty for
        other characters and for those that NFC text never contains.
    """
    kind = unicodedata.category(character)[0]
    if kind not in "LM" or character == _TATWEEL or not unicodedata.is_normalized("NFC", character):
        return ""
    if character < _FIRST_OF_BRAHMI:
        return kind
    place = _PLACE_IN_SYLLABLE.match(character)
    in_syllable = "Consonant" if character == _BURMESE_A else place.lastgroup or "" if place else ""
    # Thai and Lao count the vowels before and after a consonant among the letters.
    return kind + in_syllable + (_side(character) if kind == "L" and in_syllable == "Vowel_Dependent" else "")


@lru_cache(maxsize=1 << 12)
def _side(character: str) -> str:
    found = _SIDE.match(character)
    return found.lastgroup or "" if found else ""


@lru_cache(maxsize=1 << 12)
def is_letter(character: str) -> bool:
    """Return True if a character can stand alone: a letter, but not a vowel sign that its script counts as a letter."""
    return unicodedata.category(character)[0] == "L" and not _VOWEL_SIGN.match(character)


@lru_cache(maxsize=1 << 12)
def is_vowel(character: str) -> bool:
    """Return True for a letter or sign that stands for a vowel, with or without accents, in lower case.

    Parameters
    ----------
    character : str
        The character; an empty text is no vowel.
    """
    base = unicodedata.normalize("NFD", character)[:1]
    return base in _VOWEL_LETTERS or _VOWEL.match(base) is not None


@lru_cache(maxsize=1 << 12)
def is_mark(character: str) -> bool:
    """Return True if a character only occurs with the letter before it."""
    return unicodedata.category(character)[0] == "M"


def is_possible(cluster: str, before: str) -> bool:
    """Return True if a reader can make sense of a grapheme after a typo.

    There must be no mark at the start and none twice, the medial consonants must be in order, and there must be no
    second vowel sign that was not there before.

    Parameters
    ----------
    cluster, before : str
        The grapheme after and before the typo. Two vowel signs must stay on the same sides.
    """
    if is_mark(cluster[0]):
        return False
    if len(cluster) == 1:
        return True
    marks = [character for character in cluster if is_mark(character)]
    medials = [mark for mark in marks if _MEDIAL.match(mark)]
    sides = _vowel_sides(cluster)
    return (
        len(set(marks)) == len(marks)
        and sorted(medials) == medials
        and (len(sides) < _TWO or sides == _vowel_sides(before))
    )


def is_readable(word: str) -> bool:
    """Return True if every mark and vowel sign of a word has the letter that it needs, and stands in order after it.

    Parameters
    ----------
    word : str
        The word.
    """
    if _SIMPLE.fullmatch(word):
        return True
    twice = _TWICE.search(word)
    if twice and any(is_mark(match[1]) for match in _TWICE.finditer(word)):
        return False
    return not _IMPOSSIBLE.search(word.translate(_CLASSES))


@lru_cache(maxsize=1 << 14)
def may_part(left: str, right: str) -> bool:
    """Return True if a word may end and another begin between two characters.

    Where ICU cuts unknown words of scripts without spaces, a sign may hang on a letter of the word before, or a vowel
    may wait for its consonant in the word after.

    Parameters
    ----------
    left, right : str
        The two characters; empty at the ends of a text.
    """
    before = _CLASSES[ord(left)] if left else "W"
    after = _CLASSES[ord(right)] if right else "W"
    return before not in "LQS" and after not in f"{_MARKS}AFG"


def _vowel_sides(cluster: str) -> list[str]:
    return [_side(mark) for mark in cluster if _is_vowel_mark(mark)]


@lru_cache(maxsize=1 << 12)
def _is_vowel_mark(character: str) -> bool:
    return is_mark(character) and _VOWEL_SIGN.match(character) is not None


def without_mark(cluster: str, place: int) -> str:
    """Return a grapheme without one of its marks; empty if a joiner would lose what it joins.

    Parameters
    ----------
    cluster : str
        The grapheme.
    place : int
        Place of the mark.
    """
    rest = cluster[:place] + cluster[place + 1 :]
    return "" if _ZWJ in cluster else rest
