"""Kinds of change: what a recipe does to the queries of one language, where it does not do the same to all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self, get_args, runtime_checkable

from robustbench_ir.errors import DataError

KindName = Literal["embedded", "romanised", "diacritics", "other-script"]
_RELATIONS: dict[KindName, str] = {
    "romanised": "romanised",
    "diacritics": "diacritics",
    "other-script": "other script",
}
INTO_THE_PASSAGES = "into the passages' language"
INTO_ANOTHER = "into another language"
INTO_SEVERAL = "into one of several"
RELATIONS = (INTO_THE_PASSAGES, INTO_SEVERAL, INTO_ANOTHER, *_RELATIONS.values())
"""All relations, in the order of the tables."""


@dataclass(frozen=True)
class KindOfChange:
    """What a recipe does to the queries of one language.

    Attributes
    ----------
    name : str
        ``embedded``: words of other languages are mixed in. ``romanised``: words of another script are written in Latin
        script. ``diacritics``: the script stays and its diacritics are dropped. ``other-script``: words are written in
        a script that is neither Latin nor the usual one.
    languages : tuple of str
        The languages that are mixed in, one of which is drawn for each query; empty for the other kinds.

    Examples
    --------
    >>> str(KindOfChange("embedded", ("en", "es")))
    'embedded=en,es'
    >>> KindOfChange.parse("romanised").relation(["en"])
    'romanised'
    """

    name: KindName
    languages: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}={','.join(self.languages)}" if self.languages else self.name

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` has written.

        Raises
        ------
        DataError
            If the text is not a kind of change.
        """
        written, _, languages = text.partition("=")
        for name in get_args(KindName):
            found = cls(name, tuple(languages.split(",")) if languages else ())
            if name == written and str(found) == text and bool(languages) == (name == "embedded"):
                return found
        raise DataError(f"{text!r} is not a kind of change; one is romanised, another embedded=en,es")

    def relation(self, passages: Collection[str]) -> str:
        """Return how the change is related to the passages of a pool, in the words of the tables.

        Parameters
        ----------
        passages : collection of str
            Languages of the pool.
        """
        if self.name != "embedded":
            return _RELATIONS[self.name]
        inside = [language in passages for language in self.languages]
        if all(inside):
            return INTO_THE_PASSAGES
        return INTO_SEVERAL if any(inside) else INTO_ANOTHER


@runtime_checkable
class TellsKind(Protocol):
    """What a `Transformation` may have besides, if it does not do the same to all languages."""

    @property
    def kind(self) -> KindOfChange | None:
        """What it does to the language that it was prepared for; None if there is nothing to tell apart."""


def kind_of(transformation: object) -> KindOfChange | None:
    """Return the kind of change of a transformation; None if it tells none."""
    return transformation.kind if isinstance(transformation, TellsKind) else None


def first_kind(transformations: Sequence[object]) -> KindOfChange | None:
    """Return the kind of change of the first transformation that tells one; None if none does."""
    return next((found for one in transformations if (found := kind_of(one)) is not None), None)
