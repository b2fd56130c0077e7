"""How people mistype: how often they make each kind of slip, and where in a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import Annotated, Self

from pydantic import Field, model_validator

from robustbench_ir.errors import CardError, nearest
from robustbench_ir.resources.cards import Card, Tables, validate

_FIFTHS = 5
_LONGEST_REMEMBERED = 64
_LEAST = 1e-9  # weight of a first letter that is spared: a word of one letter has no other
_Weight = Annotated[float, Field(ge=0)]
Places = Callable[[int], tuple[float, ...]]
"""Takes the number of places in a word, and returns the sums of their weights from the first place on."""


class OperationWeights(Card):
    """How often each slip is made, 0 or more; the weights need not sum to 1.

    Attributes
    ----------
    transpose, substitute, insert, repeat, undouble, delete : float
        Weight of each slip. Where a word does not allow the slip that was drawn, the next one in this order follows.
    """

    transpose: _Weight
    substitute: _Weight
    insert: _Weight
    repeat: _Weight
    undouble: _Weight
    delete: _Weight

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("at least one operation needs a weight above 0")
        return self


class WordProfile(Card):
    """Where in a word people make mistakes.

    Attributes
    ----------
    fifths : list of float
        Weight of each fifth of the word.
    first : float
        What the weight of the first letter is multiplied by.
    """

    fifths: Annotated[list[_Weight], Field(min_length=_FIFTHS, max_length=_FIFTHS)]
    first: _Weight

    def weights(self, length: int) -> tuple[float, ...]:
        """Return the weights of the places of a word; they are 1 on average before the first letter is spared.

        Parameters
        ----------
        length : int
            Number of places.
        """
        if not length:
            return ()
        scale = length / sum(self.fifths)
        weights = [scale * (self._until((place + 1) / length) - self._until(place / length)) for place in range(length)]
        return max(weights[0] * self.first, _LEAST), *weights[1:]

    def places(self, length: int) -> tuple[float, ...]:
        """Return the sums of the weights of the places of a word, from the first place on.

        Parameters
        ----------
        length : int
            Number of places.
        """
        return tuple(accumulate(self.weights(length)))

    def _until(self, share: float) -> float:
        """Return the weight of the word up to a share of its length."""
        whole = int(share * _FIFTHS + 1e-9)
        rest = share * _FIFTHS - whole
        return sum(self.fifths[:whole]) + (rest * self.fifths[whole] if whole < _FIFTHS else 0.0)


class TypingProfile(WordProfile):
    """A row of `attacks/_typing.toml`: the slips of people who type in one kind of writing.

    Attributes
    ----------
    title, source : str
        Which scripts it is for, and where its numbers are from.
    operations : OperationWeights
        Weight of each slip.
    """

    title: str
    source: str
    operations: OperationWeights


@cache
def typing_profile(name: str, tables: Tables) -> TypingProfile:
    """Return a row of `attacks/_typing.toml`.

    Parameters
    ----------
    name : str
        Name of the row.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such row, or it has a fault.
    """
    rows = tables.rows("_typing.toml")
    if name not in rows:
        raise CardError(f"attacks/_typing.toml: no row {name!r}: {nearest(name, sorted(rows))}")
    return validate(TypingProfile, rows[name], f"attacks/_typing.toml: row {name!r}")


def place_weights(profile: WordProfile) -> Places:
    """Return `WordProfile.places` with a memory for words of usual length.

    Parameters
    ----------
    profile : WordProfile
        Where in a word people make mistakes.
    """
    usual = [(), *map(profile.places, range(1, _LONGEST_REMEMBERED))]
    return lambda length: usual[length] if length < _LONGEST_REMEMBERED else profile.places(length)


def weight_at(sums: Sequence[float], place: int) -> float:
    """Return the weight of one place, given the sums of `WordProfile.places`.

    Parameters
    ----------
    sums : sequence of float
        The sums.
    place : int
        The place.
    """
    return sums[place] - (sums[place - 1] if place else 0.0)
