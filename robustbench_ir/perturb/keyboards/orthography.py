"""Possible spellings for a reader: which characters can stand in the same place, and which marks can be combined."""

from __future__ import annotations

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
_MEDIAL = regex.compile(r"\p{InSC=Consonant_Medial}")
_TWO = 2
_FIRST_OF_BRAHMI = "\u0900"
_BURMESE_A = "\u1021"  # an independent vowel by its property, but it carries vowel signs as consonants do
_TATWEEL = "\u0640"  # lengthens a line of writing, and is not a letter
_ZWJ = "\u200d"


# What no reader can make sense of: a mark or a vowel sign without its letter, twice in a row, or in the wrong order.
_IMPOSSIBLE = regex.compile(
    r"""(?V1)(?x)
    ^\p{M} | [\p{Z}\p{C}--[\u200c\u200d]]\p{M} | (\p{M})\1
    | \p{InSC=Invisible_Stacker}(?!\p{L})
    | [\p{InSC=Virama}\p{InSC=Bindu}\p{InSC=Visarga}][[\p{InSC=Vowel_Dependent}\p{InSC=Virama}]&&\p{M}]
    | [\p{InSC=Vowel_Dependent}&&\p{M}][\p{InSC=Virama}\p{InSC=Nukta}\p{InSC=Consonant_Medial}\p{InSC=Invisible_Stacker}]
    | [\p{InSC=Vowel_Independent}--[\u1021]][\p{InSC=Vowel_Dependent}&&\p{M}]
    | [\p{InSC=Vowel_Independent}&&\p{Devanagari}]\p{InSC=Virama} | \p{InSC=Pure_Killer}[\p{InSC=Vowel_Dependent}&&\p{M}]
    | \p{InSC=Tone_Mark}[\p{InSC=Vowel_Dependent}&&\p{M}]
    | \p{InPC=Visual_Order_Left}(?!\p{InSC=Consonant})
    | (?:^|\p{InPC=Visual_Order_Left}|(?!\u0e32\u0e30|\u0eb2\u0eb0)FOLLOWS|[^\p{L}\p{M}])FOLLOWS
    | FOLLOWS\p{M}
    """.replace("FOLLOWS", r"[[\p{InSC=Vowel_Dependent}&&\p{L}]--\p{InPC=Visual_Order_Left}]")
)


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


def _side(character: str) -> str:
    found = _SIDE.match(character)
    return found.lastgroup or "" if found else ""


def is_letter(character: str) -> bool:
    """Return True if a character can stand alone: a letter, but not a vowel sign that its script counts as a letter."""
    return unicodedata.category(character)[0] == "L" and not _VOWEL_SIGN.match(character)


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
    return not _IMPOSSIBLE.search(word)


def _vowel_sides(cluster: str) -> list[str]:
    return [_side(mark) for mark in cluster if is_mark(mark) and _VOWEL_SIGN.match(mark)]


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
