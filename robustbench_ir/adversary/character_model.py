"""A character model of some texts: how probable each character is after those before it.

Each character is predicted from the four before it, with the smoothing of Witten and Bell (1991,
https://doi.org/10.1109/18.87000), interpolated down to a uniform distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.metrics.measures import Floats

_ORDER = 4  # characters that a character is predicted from
_BITS = 21  # of a code point

_Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class _Level:
    """What follows contexts of one length. A context is a number; its key has the number of the context one shorter.

    Attributes
    ----------
    contexts : int array of shape (contexts,)
        Keys of the contexts, ascending; the place of a key is the number of the context.
    pieces : int array of shape (pieces,)
        Keys of the contexts with the character that follows, ascending.
    count : int array of shape (pieces,)
        How often that character follows.
    total, kinds : int arrays of shape (contexts,)
        How often the context was seen, and before how many characters.
    """

    contexts: _Numbers
    pieces: _Numbers
    count: _Numbers
    total: _Numbers
    kinds: _Numbers


@dataclass(frozen=True)
class CharacterModel:
    """A character model.

    Attributes
    ----------
    levels : tuple
        What follows contexts of 0, 1, ... characters.
    """

    levels: tuple[_Level, ...]

    @classmethod
    def of(cls, texts: Sequence[str]) -> CharacterModel:
        """Return the model of some texts.

        Parameters
        ----------
        texts : sequence of str
            The texts; at least one character among them.
        """
        read = _Read.of(texts)
        levels, context = [], np.zeros(len(read.codes), dtype=np.int64)
        for length in range(_ORDER + 1):
            at = read.at(length)
            keys = context[at] << _BITS | read.codes[at - length] if length else context[at]
            contexts, numbers = np.unique(keys, return_inverse=True)
            context[at] = numbers
            pieces, count = np.unique(numbers << _BITS | read.codes[at], return_counts=True)
            total = np.bincount(numbers, minlength=len(contexts))
            levels.append(_Level(contexts, pieces, count, total, np.bincount(pieces >> _BITS, minlength=len(contexts))))
        return cls(tuple(levels))

    def perplexities(self, texts: Sequence[str]) -> Floats:
        """Return the perplexity of each text, 1 or more; 1 for an empty one.

        Parameters
        ----------
        texts : sequence of str
            The texts.
        """
        read = _Read.of(texts)
        probability = np.full(len(read.codes), 1 / (int(self.levels[0].kinds[0]) + 1))
        context = np.zeros(len(read.codes), dtype=np.int64)
        for length, level in enumerate(self.levels):
            at = read.at(length)
            at = at[context[at] >= 0]
            keys = context[at] << _BITS | read.codes[at - length] if length else context[at]
            context[at] = _places(level.contexts, keys)
            at = at[context[at] >= 0]
            pieces = _places(level.pieces, context[at] << _BITS | read.codes[at])
            count = np.where(pieces >= 0, level.count[pieces], 0)
            total, kinds = level.total[context[at]], level.kinds[context[at]]
            probability[at] = (count + kinds * probability[at]) / (total + kinds)
        sums = np.bincount(read.text, np.log(probability), minlength=len(texts))
        return np.asarray(np.exp(-sums / np.maximum(np.bincount(read.text, minlength=len(texts)), 1)))


@dataclass(frozen=True)
class _Read:
    """Texts, character by character.

    Attributes
    ----------
    codes : int array of shape (characters,)
        Code points of all texts, one after the other.
    text : int array of shape (characters,)
        Number of the text of each.
    before : int array of shape (characters,)
        Number of characters before it in its text.
    """

    codes: _Numbers
    text: _Numbers
    before: _Numbers

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Read:
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        return cls(codes, np.repeat(np.arange(len(texts)), lengths), np.arange(len(codes)) - np.repeat(starts, lengths))

    def at(self, length: int) -> _Numbers:
        """Return the places that have so many characters before them."""
        return np.flatnonzero(self.before >= length)


def _places(keys: _Numbers, wanted: _Numbers) -> _Numbers:
    """Return the place of each wanted key among ascending keys, all 0 or more; -1 where it is none of them."""
    found = np.searchsorted(keys, wanted)
    return np.where(np.append(keys, -1)[found] == wanted, found, -1)
