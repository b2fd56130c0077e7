"""Human translations of queries: the questions of a task in other languages, found by their parallel id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Question(Protocol):
    """What is needed of a query, or of a text that translates one."""

    @property
    def language(self) -> str:
        """Code of its language."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def parallel_id(self) -> str:
        """The same for all texts that are translations of each other."""


@dataclass(frozen=True)
class Translations:
    """The translations that a task has, whatever languages and however few questions were selected of it.

    Attributes
    ----------
    read : callable
        Takes two languages and returns the task's queries in them, and other texts that translate its queries.
    """

    read: Callable[[Sequence[str]], Iterable[Question]]

    def into(self, language: str, other: str) -> dict[str, str]:
        """Return each query in a language with its translation; of equal queries, the first that has one counts.

        Parameters
        ----------
        language, other : str
            Codes of the language of the queries and of that of the translations.

        Returns
        -------
        dict of str to str
            Empty if the task has no query with a translation; otherwise the text of every query in the language, with
            the empty string for those without a translation.

        Raises
        ------
        DataUnavailableError
            If a file is not available.
        """
        texts = list(self.read((language, other)))
        translated: dict[str, str] = {}
        for one in texts:
            if one.language == other and one.text.strip():
                translated.setdefault(one.parallel_id, one.text.strip())
        found: dict[str, str] = {}
        for one in texts:
            if one.language == language:
                found[one.text] = found.get(one.text) or translated.get(one.parallel_id, "")
        return found if any(found.values()) else {}


def translations_among(queries: Sequence[Question]) -> Translations | None:
    """Return the translations among the queries of a whole task; None if no two languages share a question."""
    language_of: dict[str, str] = {}
    if all(language_of.setdefault(one.parallel_id, one.language) == one.language for one in queries):
        return None
    return Translations(_Among(tuple(queries)))


@dataclass(frozen=True)
class _Among:
    """Chooses the queries in some languages; an object, since it is sent to other processes with its task."""

    queries: tuple[Question, ...]

    def __call__(self, languages: Sequence[str]) -> list[Question]:
        return [one for one in self.queries if one.language in languages]
