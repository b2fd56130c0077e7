"""Words replaced by substitutes from a lexicon: translations (code-switching) or words of the same language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Self

from pydantic import Field, model_validator

from robustbench_ir._base.text import Span, upper
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.perturb.lexicons.build import (
    everyday_words,
    lexicon_source,
    merged_bilingual,
    pivot_synonyms,
    synonyms,
    translated_by_synsets,
)
from robustbench_ir.perturb.lexicons.inflection import (
    Entries,
    Inflection,
    inflected_synonyms,
    inflection,
    lemma_forms,
    translated_forms,
    with_base_forms,
)
from robustbench_ir.perturb.lexicons.offensive import offensive_words, without_offensive
from robustbench_ir.perturb.lexicons.store import Lexicon, compiled_lexicon
from robustbench_ir.perturb.randomness import Random, pick, pick_early
from robustbench_ir.perturb.spelling import spelling
from robustbench_ir.perturb.transformation import Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate
from robustbench_ir.resources.languages import languages

_LONGEST_ENTRY_WORDS = 4
_BETWEEN_SPACES = re.compile(r"\S+")


class SubstitutionParameters(Card):
    """The card's `[parameters]`.

    Attributes
    ----------
    operation : str
        Name of the operation in the edits.
    """

    operation: str


class LexiconRow(Card):
    """Sources of a lexicon; several sources are used in this order.

    Attributes
    ----------
    embedded : str, optional
        Code of the language that is mixed in. The lexicons decide which words; results say by this how the language is
        related to that of the passages.
    lexicons : list of str
        Two-column lexicons: word, substitute.
    join : list of str
        Two synset tables, of the query's language and of the embedded one.
    synsets : str, optional
        A synset table whose words of one synset replace each other.
    pivot : list of str
        Bilingual lexicons; words that share `minimum_shared` translations replace each other.
    minimum_shared : int
        Smallest number of shared translations.
    everyday : str, optional
        A lexicon whose entries are everyday words of the embedded language. A word with translations among them gets no
        other translations. Of synonyms, only everyday words are kept.
    inflected : bool
        Whether inflected forms of the entries are found too.
    """

    embedded: str | None = None
    lexicons: list[str] = []
    join: list[str] = Field(default=[], max_length=2)
    synsets: str | None = None
    pivot: list[str] = []
    minimum_shared: int = Field(default=2, ge=1)
    everyday: str | None = None
    inflected: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(self.join) == 1:
            raise ValueError("'join' needs two synset tables, not one")
        if not (self.lexicons or self.join or self.synsets or self.pivot):
            raise ValueError("names no lexicon; add 'lexicons', 'join', 'synsets' or 'pivot'")
        return self


class LexiconRows(Card):
    """A row with several lexicons, such as those of several embedded languages. One is drawn for each query."""

    any_of: list[LexiconRow] = Field(min_length=1)


def lexicon_rows(language: str, options: Mapping[str, object]) -> list[LexiconRow]:
    """Return the lexicons of a language's row in the card: one, or those under `any_of`.

    Parameters
    ----------
    language : str
        Code of the language.
    options : mapping
        The row.

    Raises
    ------
    CardError
        If the row has a fault.
    """
    where = f"[languages.{language}]"
    if "any_of" in options:
        return validate(LexiconRows, dict(options), where).any_of
    return [validate(LexiconRow, dict(options), where)]


@dataclass(frozen=True)
class LexiconSubstitution:
    """Replacement from a lexicon, the longest entry first. A `Transformation`.

    Attributes
    ----------
    lexicons : tuple of Lexicon
        One of them is drawn for each query.
    operation : str
        Name of the operation in the edits.
    copies_capital : bool
        Whether the substitute of a word with a capital gets a capital too.
    embedded : tuple of str
        The languages of the lexicons, where these are not that of the query.
    has_spaces : bool
        Whether there are spaces between the words of the queries.
    """

    lexicons: tuple[Lexicon, ...]
    operation: str
    copies_capital: bool = True
    embedded: tuple[str, ...] = ()
    has_spaces: bool = True

    @property
    def kind(self) -> KindOfChange | None:
        """The languages that are mixed in; None for words of the same language."""
        return KindOfChange("embedded", self.embedded) if self.embedded else None

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:
        """Offer the words and phrases in the drawn lexicon; see `Transformation.targets`."""
        lexicon = pick(self.lexicons, random) if len(self.lexicons) > 1 else self.lexicons[0]
        encoded_otherwise = lexicon.spelling.encoded_otherwise
        if encoded_otherwise and encoded_otherwise(text):  # only what stands alone between spaces can be found
            words = [match.span() for match in _BETWEEN_SPACES.finditer(text)]
        may_be_phrase = lexicon.may_begin if self.has_spaces else lexicon.may_continue
        found = []
        position = 0
        while position < len(words):
            start, end = words[position]
            longest = min(_LONGEST_ENTRY_WORDS, len(words) - position) if may_be_phrase(text[start:end]) else 1
            for length in range(longest, 0, -1):
                span = start, words[position + length - 1][1]
                if lexicon.find(text[span[0] : span[1]]):
                    found.append(span)
                    position += length - 1
                    break
            position += 1
        return Targets(found, partial(self._replace, lexicon))

    def _replace(self, lexicon: Lexicon, original: str, random: Random) -> tuple[str, str] | None:
        new = pick_early(lexicon.find(original), random)
        if len(original) > 1 and original.isupper():
            new = upper(new, lexicon.language)
        elif self.copies_capital and original[0].isupper():
            new = upper(new[0], lexicon.language) + new[1:]
        return (new, self.operation) if new != original else None


def make_substitution(
    language: str, parameters: Mapping[str, object], options: Mapping[str, object], tables: Tables
) -> Transformation:
    """Make the mechanism `substitution` for a language; see `TransformationFactory`."""
    operation = validate(SubstitutionParameters, dict(parameters), "[parameters]").operation
    rows = lexicon_rows(language, options)
    facts = languages().get(language)
    nouns_into_another = bool(facts and facts.capitalised_nouns) and any(row.embedded for row in rows)
    lexicons = tuple(load_lexicon(language, row, tables) for row in rows)
    embedded = tuple(dict.fromkeys(row.embedded for row in rows if row.embedded))
    return LexiconSubstitution(lexicons, operation, not nouns_into_another, embedded, facts is None or facts.has_spaces)


def sources_of(row: LexiconRow) -> tuple[str, ...]:
    """Return the names of the lexicons that a row is made from."""
    return (*row.lexicons, *row.join, *row.pivot, *filter(None, (row.synsets, row.everyday)))


def load_lexicon(language: str, row: LexiconRow, tables: Tables) -> Lexicon:
    """Return the compiled lexicon of a row.

    Parameters
    ----------
    language : str
        Code of the query language.
    row : LexiconRow
        Sources of the lexicon.
    tables : Tables
        Where its sources are found.

    Raises
    ------
    UnknownNameError
        If a lexicon does not exist.
    CardError
        If a row has a fault.
    DataUnavailableError
        If a table is not available.
    """
    rules = inflection(language, tables) if row.inflected else Inflection()
    embedded = row.embedded or language
    offensive = offensive_words(embedded, tables)
    left_out = [sorted(words) for words in (offensive, stop_words(embedded, tables), stop_words(language, tables))]
    what = {
        "language": language,
        "left out": sha256(repr(left_out).encode()).hexdigest(),
        "row": row.model_dump(exclude_defaults=True),
        "sources": {name: lexicon_source(name, tables).digest(tables) for name in sources_of(row)},
    }

    def compile_entries() -> tuple[Entries, Entries]:
        entries = without_offensive(_entries(language, row, tables), offensive)
        return entries, without_offensive(_forms(language, row, rules, entries), offensive)

    compiled = compiled_lexicon(what, rules, compile_entries, spelling(language, tables))
    return replace(compiled, language=embedded)


def _forms(language: str, row: LexiconRow, rules: Inflection, entries: Entries) -> Entries:
    if not rules.lemmas:
        return {}
    if not row.synsets and not row.pivot:
        return translated_forms(entries, lemma_forms(language, entries))
    words = {*entries, *(other.lower() for others in entries.values() for other in others)}
    return inflected_synonyms(entries, lemma_forms(language, words))


def _entries(language: str, row: LexiconRow, tables: Tables) -> Entries:
    everyday = everyday_words(row.everyday, tables) if row.everyday else frozenset()
    function_words = stop_words(row.embedded or language, tables)
    parts: list[Entries] = []
    if row.lexicons:
        parts.append(merged_bilingual(row.lexicons, tables, everyday, function_words))
    if row.join:
        parts.append(translated_by_synsets(row.join[0], row.join[1], tables, everyday, function_words))
    if row.synsets:
        parts.append(synonyms(row.synsets, tables, everyday, function_words))
    if row.pivot:
        parts.append(pivot_synonyms(row.pivot, row.minimum_shared, tables, function_words))
    merged: dict[str, tuple[str, ...]] = {}
    for part in reversed(parts):
        merged.update(part)
    induced = [name for name in row.lexicons if lexicon_source(name, tables).parallel]
    if not induced or not row.inflected:
        return merged
    found = merged_bilingual(induced, tables, everyday, function_words)
    return {**with_base_forms(found, language, row.embedded or language, inflection(language, tables)), **merged}
