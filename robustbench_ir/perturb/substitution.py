"""Words replaced by what a lexicon gives: translations (code-switching) or words of the same language (synonyms)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustbench_ir.cards import Card, Tables, validate
from robustbench_ir.errors import CardError
from robustbench_ir.perturb.lexicons import Lexicon, bilingual, joined, pivoted, synonyms
from robustbench_ir.perturb.randomness import Random, pick
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.text import Span

_LONGEST_ENTRY_WORDS = 4


class SubstitutionParameters(Card):
    """The card's `[parameters]`.

    Attributes
    ----------
    operation : str
        What the edit is called in the record of changes.
    """

    operation: str


class SubstitutionOptions(Card):
    """A language's row in the card: where its lexicon comes from; several sources are tried in this order.

    Attributes
    ----------
    embedded : str, optional
        Code of the language that is mixed in; for the reader, the lexicons decide.
    lexicons : list of str
        Two-column lexicons: word, substitute.
    join : list of str
        Two synset tables, of the query's language and of the embedded one.
    synsets : str, optional
        A synset table whose words of one synset replace each other.
    pivot : list of str
        Bilingual lexicons; words that share `minimum_shared` translations replace each other.
    """

    embedded: str | None = None
    lexicons: list[str] = []
    join: list[str] = []
    synsets: str | None = None
    pivot: list[str] = []
    minimum_shared: int = 2


@dataclass(frozen=True)
class Substitution:
    """Replacement from a lexicon, the longest entry first. A `Transformation`."""

    lexicon: Lexicon
    operation: str

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer the words and phrases that the lexicon knows; see `Transformation.targets`."""
        found = []
        position = 0
        while position < len(words):
            for length in range(min(_LONGEST_ENTRY_WORDS, len(words) - position), 0, -1):
                span = words[position][0], words[position + length - 1][1]
                if text[span[0] : span[1]].lower() in self.lexicon:
                    found.append(span)
                    position += length - 1
                    break
            position += 1
        return Targets(found, self._replace)

    def _replace(self, original: str, random: Random) -> tuple[str, str] | None:
        new = pick(self.lexicon[original.lower()], random)
        if original[0].isupper() and not original[0].isdigit():
            new = new[0].upper() + new[1:]
        return (new, self.operation) if new != original else None


def make_substitution(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `substitution` ready for a language; see `TransformationFactory`."""
    operation = validate(SubstitutionParameters, dict(parameters), "[parameters]").operation
    row = validate(SubstitutionOptions, dict(options), f"[languages.{language}]")
    return Substitution(_lexicon(row, language, tables), operation)


def _lexicon(row: SubstitutionOptions, language: str, tables: Tables) -> Lexicon:
    if row.join and len(row.join) != 2:
        raise CardError(f"[languages.{language}]: key 'join': two synset tables, not {len(row.join)}")
    parts: list[Lexicon] = []
    if row.lexicons:
        parts.append(bilingual(row.lexicons, tables))
    if row.join:
        parts.append(joined(row.join[0], row.join[1], tables))
    if row.synsets:
        parts.append(synonyms(row.synsets, tables))
    if row.pivot:
        parts.append(pivoted(row.pivot, row.minimum_shared, tables))
    if not parts:
        raise CardError(f"[languages.{language}]: names no lexicon; add 'lexicons', 'join', 'synsets' or 'pivot'")
    merged: dict[str, tuple[str, ...]] = {}
    for part in reversed(parts):
        merged.update(part)
    return merged
