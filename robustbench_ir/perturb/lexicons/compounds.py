"""Words of several syllables that are written apart, as in Vietnamese: which neighbours are one word.

Two neighbours are one word if a word list has them, or if they stand together much more often than chance (normalised
pointwise mutual information, Bouma 2009; Dice coefficient). "thành" is city, but "thành lập" is to found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from math import log

_LONGEST = 4
_MINIMUM_COUNT = 4
_DICE = 0.3
_INFORMATION = 0.55


def collocations(sentences: Iterable[Sequence[str]]) -> frozenset[str]:
    """Return pairs of neighbours that are one word, with a space between them.

    Parameters
    ----------
    sentences : iterable of sequence of str
        Syllables of each sentence, in lower case.
    """
    single: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for sentence in sentences:
        single.update(sentence)
        together.update(pairwise(sentence))
    whole = single.total()

    def bound(left: str, right: str, count: int) -> bool:
        information = log(count * whole / (single[left] * single[right])) / -log(count / whole)
        return 2 * count / (single[left] + single[right]) > _DICE or information > _INFORMATION

    found = ((left, right) for (left, right), count in together.items() if count >= _MINIMUM_COUNT)
    return frozenset(f"{left} {right}" for left, right in found if bound(left, right, together[left, right]))


def joined(sentence: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the words of a sentence, the longest first.

    Parameters
    ----------
    sentence : sequence of str
        Its syllables, in lower case.
    known : collection of str
        Words of several syllables, with a space between them.
    """
    words = []
    position = 0
    while position < len(sentence):
        lengths = range(min(_LONGEST, len(sentence) - position), 0, -1)
        candidates = (" ".join(sentence[position : position + length]) for length in lengths)
        word = next(one for one in candidates if " " not in one or one in known)
        words.append(word)
        position += word.count(" ") + 1
    return words
