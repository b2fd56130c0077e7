"""Language rows of a recipe, joined to the human translations that a task has of its queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

Row = Mapping[str, object]


class HasTranslations(Protocol):
    """What a recipe needs of the translations of a task."""

    def into(self, language: str, other: str) -> Mapping[str, str]:
        """Return the text of each query in a language with its translation, which may be empty; empty if none has."""


@dataclass(frozen=True)
class TranslatedRows(Mapping[str, Row]):
    """The rows of a recipe with the key `translations` of `LexiconRow`. A row is made when it is first asked for.

    Attributes
    ----------
    rows : mapping of str to mapping
        Language to its row.
    translations : HasTranslations
        Translations of the queries of a whole task.
    """

    rows: Mapping[str, Row]
    translations: HasTranslations
    _made: dict[str, Row] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, language: str) -> Row:
        if language not in self._made:
            self._made[language] = self._translated(language, self.rows[language])
        return self._made[language]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def _translated(self, language: str, row: Row) -> Row:
        several = row.get("any_of")
        if isinstance(several, list):
            found = [self._translated(language, one) for one in several]
            return {**row, "any_of": [one for one in found if "translations" in one] or found}
        embedded = row.get("embedded")
        translations = self.translations.into(language, embedded) if isinstance(embedded, str) else {}
        return {**row, "translations": dict(translations)} if translations else row
