"""Repair of look-alikes: a word becomes the most frequent word of the pool that looks the same.

The result depends only on the word's TR39 skeleton, letter by letter, so that it is the same for a clean word and for
all its disguises. A plain skeleton has this property too, but it writes "rn" for "m" and "l" for "I", which no encoder
has seen.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache

import regex

from robustbench_ir._base.text import nfc, script

# Words of the alphabets that have look-alikes.
_WORD = regex.compile(r"(?V1)[[\p{L}\p{M}]&&[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Arabic}\p{Inherited}]]+")
_SCRIPTS = ("Latn", "Cyrl", "Grek", "Arab", "Armn")
_WORDS_REMEMBERED = 1 << 16
_LAST_CODE_POINT = 0x3000  # living alphabets lie below; above are ideographs, syllables and look-alikes of symbols

Usage = Mapping[tuple[str, str], Counter[str]]
"""Script and skeleton of a letter between its neighbours, to the letters that the pool's words have there."""


@cache
def confusables() -> Mapping[str, tuple[str, ...]]:
    """Return letters with the letters that look like them (Unicode TR39 skeletons, from ICU).

    Only whole letters that normalisation does not change and that run in the same direction; alphabets, not ideographs.
    """
    import icu

    checker = icu.SpoofChecker()
    groups: dict[str, list[str]] = {}
    for letter in map(chr, range(ord("A"), _LAST_CODE_POINT)):
        plain = unicodedata.category(letter)[0] == "L" and unicodedata.normalize("NFKC", letter) == letter
        if plain and script(letter) in _SCRIPTS:
            groups.setdefault(checker.getSkeleton(0, letter), []).append(letter)
    return {
        letter: twins
        for group in groups.values()
        for letter in group
        if (twins := tuple(other for other in group if other != letter and _direction(other) == _direction(letter)))
    }


def _direction(letter: str) -> bool:
    return unicodedata.bidirectional(letter) in {"R", "AL"}


@cache
def _same_looks() -> dict[int, str]:
    """Return each letter with the one that stands for all its look-alikes: the first in Unicode's order."""
    return {ord(letter): min(letter, *look_alikes) for letter, look_alikes in confusables().items()}


@cache
def _letters_of(key: str) -> Mapping[str, str]:
    """Return, by script, the first letter that looks like `key`."""
    found: dict[str, str] = {}
    for letter in sorted((key, *confusables().get(key, ()))):
        found.setdefault(script(letter), letter)
    return found


def undisguise(pool: Sequence[str]) -> Callable[[str], str]:
    """Return the repair of look-alikes for a pool.

    Parameters
    ----------
    pool : sequence of str
        Texts of all passages. A word that looks like none of their words is written in one script that has all its
        letters, preferably that of the text; each letter is the one that the pool has between the same neighbours.

    Returns
    -------
    callable
        Takes a text; returns it repaired, in NFC.
    """
    words = Counter(word for text in pool for word in _WORD.findall(nfc(text)))
    known: dict[tuple[str, str], str] = {}
    for word, _ in sorted(words.items(), key=lambda one: (-one[1], one[0])):
        key = word.translate(_same_looks())
        known.setdefault((key, script(word)), word)
        known.setdefault((key, ""), word)
    usage = _usage(words)

    @lru_cache(maxsize=_WORDS_REMEMBERED)
    def written(key: str, usual: str) -> str:
        return known.get((key, usual)) or known.get((key, "")) or _rewritten(key, usual, usage)

    def undisguised(text: str) -> str:
        keys = nfc(text).translate(_same_looks())
        usual = _usual_script(keys)
        return nfc(_WORD.sub(lambda match: written(match[0], usual), keys))

    return undisguised


def _usage(words: Mapping[str, int]) -> Usage:
    usage: dict[tuple[str, str], Counter[str]] = {}
    for word in words:
        key, own = word.translate(_same_looks()), script(word)
        for place, letter in enumerate(word):
            if ord(letter) in _same_looks():
                for around in _neighbours(key, place):
                    usage.setdefault((own, around), Counter())[letter] += 1
    return usage


def _neighbours(key: str, place: int) -> Iterator[str]:
    """Yield a letter with two, one and no neighbours on either side."""
    around = f"  {key}  "[place : place + 5]
    yield from (around, around[1:4], around[2])


def _usual_script(keys: str) -> str:
    """Return the script of most of the letters that belong to a single script."""
    counts = Counter(
        next(iter(_letters_of(letter))) for letter in keys if letter.isalpha() and len(_letters_of(letter)) == 1
    )
    return min(counts, key=lambda one: (-counts[one], one), default=_SCRIPTS[0])


def _rewritten(key: str, usual: str, usage: Usage) -> str:
    """Return a word, given by its skeleton letters, in one script if possible."""
    choices = [_letters_of(letter) for letter in key]
    # A combining mark can follow letters of any script.
    common = set(_SCRIPTS).intersection(*(letters for letters in choices if "Zyyy" not in letters))
    order = sorted(common or _SCRIPTS, key=lambda one: (one != usual, _SCRIPTS.index(one)))
    letters = []
    for place, found in enumerate(choices):
        own = next((one for one in order if one in found), "")
        seen = (usage[own, around] for around in _neighbours(key, place) if (own, around) in usage)
        best = next(seen, None)
        # Of several equally frequent letters, take the first in Unicode's order.
        letters.append(min(best, key=lambda one: (-best[one], one)) if best else found.get(own, key[place]))
    return "".join(letters)
