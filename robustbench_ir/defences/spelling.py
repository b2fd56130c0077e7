"""Spelling repair by the words of the pool, as an engine can do it that has documents and no dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import regex

from robustbench_ir._base.text import nfc, word_graphemes

# Scripts with spaces between words; in other scripts a typo moves the word boundaries.
_WORD = regex.compile(r"(?V1)[[\p{L}\p{M}]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+")
_SHORTEST = 5  # graphemes: a shorter word is one typo away from too many others
_ENDING = 2  # graphemes: a difference there is more often an inflection than a typo
_WORDS_REMEMBERED = 1 << 16


def respell(pool: Sequence[str]) -> Callable[[str], str]:
    """Return the repair for a pool: a word that no passage has becomes the only word that is a typo away.

    A typo is one grapheme cluster left out, inserted, replaced, or swapped with its neighbour (Damerau 1964).
    Candidates are found by the forms that both words have with one cluster left out, as in SymSpell (W. Garbe, 2012). A
    typo at the first or the last two clusters is not repaired, and neither is a word with several candidates: most of
    these are inflections.

    Parameters
    ----------
    pool : sequence of str
        Texts of all passages.

    Returns
    -------
    callable
        Takes a text; returns it repaired, in NFC. Words of fewer than five clusters and words of the pool stay.
    """
    known = {word.lower(): None for text in pool for word in _WORD.findall(nfc(text))}
    shorter: dict[str, list[str]] = {}
    for word in known:
        for form in _forms(word):
            shorter.setdefault(form, []).append(word)

    @lru_cache(maxsize=_WORDS_REMEMBERED)
    def repaired(word: str) -> str:
        lower = word.lower()
        if lower in known or len(word_graphemes(lower)) < _SHORTEST:
            return word
        near = {one for form in _forms(lower) for one in shorter.get(form, ()) if _one_typo(lower, one)}
        return _with_capitals_of(word, near.pop()) if len(near) == 1 else word

    return lambda text: _WORD.sub(lambda match: repaired(match[0]), nfc(text))


def _forms(word: str) -> Iterator[str]:
    """Yield the word, and the word with each cluster left out."""
    clusters = word_graphemes(word)
    yield word
    if len(clusters) >= _SHORTEST - 1:
        for place in range(len(clusters)):
            yield "".join(clusters[:place] + clusters[place + 1 :])


def _one_typo(left: str, right: str) -> bool:
    """Return True if one typo turns `left` into `right`."""
    one, other = word_graphemes(left), word_graphemes(right)
    if one[:1] != other[:1] or one[-_ENDING:] != other[-_ENDING:]:
        return False
    start = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    rest, rest_other = one[start:], other[start:]
    swapped = rest[:2] == rest_other[1::-1] and rest[2:] == rest_other[2:]
    return swapped or rest[1:] == rest_other[1:] or rest == rest_other[1:] or rest[1:] == rest_other


def _with_capitals_of(word: str, new: str) -> str:
    if word.isupper() and len(word) > 1:
        cased = new.upper()
    else:
        cased = new[:1].upper() + new[1:] if word[:1].isupper() else new
    return cased if cased.lower() == new else new
