"""A word typed twice, or drawn out as people draw it out: "sooo", "क्याााा", "네에에", "كبيييير"."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from robustbench_ir._base.text import Span, graphemes, nfc, script
from robustbench_ir.perturb.randomness import Random
from robustbench_ir.perturb.transformation import NoParameters, Targets, for_every_language
from robustbench_ir.resources.languages import languages

_VOWEL_SIGN = 34  # ICU's number of Indic_Syllabic_Category=Vowel_Dependent
_LONG_VOWELS = frozenset("اويیىےەێېۆۇۈ")
_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS, _VOWELS = 0xAC00, 0xD7A3, 28, 21
_ECHOES = "아애아애어에어에오아애이오우어에이우으이이"
"""The syllable that draws out each of the 21 vowels, in Unicode's order."""


@dataclass(frozen=True)
class Repetition:
    """A word repeated, or drawn out. A `Transformation`.

    Attributes
    ----------
    space : str
        What stands between words in the language: a space, or nothing.
    """

    space: str

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word; see `Transformation.targets`."""
        return Targets(words, self._repeat)

    def _repeat(self, word: str, random: Random) -> tuple[str, str]:
        if random.random() >= 0.5:
            long = drawn_out(word, 1 + int(random.random() * 3))
            if long != word:
                return long, "drawn out"
        return f"{word}{self.space}{word}", "twice"


def drawn_out(word: str, times: int) -> str:
    """Return a word with its last vowel sign, long vowel or letter lengthened; unchanged if it has none of them.

    Parameters
    ----------
    word : str
        The word, NFC.
    times : int
        How often the sign or letter is written again, 1 or more.
    """
    last = word[-1]
    kind = script(last if last.isalpha() else word)
    if kind == "Hang":
        return word[:-1] + _drawn_out_syllable(last, times)
    if kind == "Arab":
        place = max((place for place, letter in enumerate(word) if place and letter in _LONG_VOWELS), default=-1)
    else:
        # Thai and Lao write vowels above consonants, and people repeat what comes last.
        first = len(word) - 1 if kind in {"Thai", "Laoo"} else 0
        place = max((place for place in range(first, len(word)) if _is_vowel_sign(word[place])), default=-1)
        if place < 0:
            cluster = graphemes(word)[-1]
            if unicodedata.category(cluster[0])[0] != "L":
                return word
            return nfc(word + cluster * times) if len(cluster) == 1 or script(cluster[0]) == "Latn" else word
    return nfc(word[: place + 1] + word[place] * times + word[place + 1 :]) if place >= 0 else word


@cache
def _is_vowel_sign(letter: str) -> bool:
    """Return True for the vowel signs of abugidas that stand after their consonant in memory."""
    import icu

    prefixed = "\u0e40" <= letter <= "\u0e44" or "\u0ec0" <= letter <= "\u0ec4"  # Thai and Lao: before the consonant
    return not prefixed and icu.Char.getIntPropertyValue(letter, icu.UProperty.INDIC_SYLLABIC_CATEGORY) == _VOWEL_SIGN


def _drawn_out_syllable(syllable: str, times: int) -> str:
    """Return a Hangul syllable with its vowel drawn out: 네에, 정마알."""
    code = ord(syllable)
    if not _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return syllable + syllable * times  # jamo, as in ㅋㅋㅋ
    final = (code - _FIRST_SYLLABLE) % _FINALS
    echo = _ECHOES[(code - _FIRST_SYLLABLE) // _FINALS % _VOWELS]
    closed = chr(ord(echo) + final)
    return chr(code - final) + echo * (times - 1) + closed


def _make(language: str, _: NoParameters) -> Repetition:
    facts = languages().get(language)
    return Repetition(" " if facts is None or facts.has_spaces else "")


make_repetition = for_every_language(_make, NoParameters)
