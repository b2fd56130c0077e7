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
from robustbench_ir.perturb.lexicons.audit import AuditName, audited_pairs, only_right, without_wrong, wrong_pairs
from robustbench_ir.perturb.lexicons.build import merged_bilingual, synonyms
from robustbench_ir.perturb.lexicons.catalogue import lexicon_source
from robustbench_ir.perturb.lexicons.evidence import Evidence, find_evidence
from robustbench_ir.perturb.lexicons.inflection import (
    Entries,
    Inflection,
    inflected_synonyms,
    inflection,
    lemma_forms,
    translated_forms,
    words_behind_elisions,
)
from robustbench_ir.perturb.lexicons.links import linked_words
from robustbench_ir.perturb.lexicons.offensive import offensive_words, without_offensive
from robustbench_ir.perturb.lexicons.store import Lexicon, compiled_lexicon
from robustbench_ir.perturb.lexicons.synonyms import sources_of_synonyms, synonyms_by_evidence, with_proclitics
from robustbench_ir.perturb.lexicons.translations import translations
from robustbench_ir.perturb.mechanisms.translated_query import (
    OF_TRANSLATION,
    OneOfSeveral,
    TranslatedQueries,
    aligned_queries,
)
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
    """Where the substitutes of a language come from.

    Attributes
    ----------
    embedded : str, optional
        Code of the language that is mixed in. Without `lexicons`, words are translated by all the evidence that there
        is for the two languages (see `translations`).
    source : str
        Who reports that speakers mix this language in.
    lexicons : list of str
        Two-column lexicons: word, substitute. A word of an earlier one is not looked up in a later one.
    minimum_probability : float
        Smallest probability of a translation by evidence, 0 to 1.
    least_probability : float, optional
        The same for queries in which no word has so probable a translation. Without it they stay as they are.
    lexifier : bool
        Whether the query language has most of its words from the embedded one, as a creole has. A word that the
        embedded language has too then stays, since no listener would hear a switch.
    synsets : str, optional
        A synset table whose words of one synset replace each other.
    pivot : list of str
        Codes of languages; words replace each other if these languages translate them by the same words and a second
        witness agrees (see `synonyms_by_evidence`). Words that an earlier one has are not looked up by a later one.
    proposed : str, optional
        A two-column lexicon of synonyms that a reader wrote. With `pivot`, those that a source supports come first.
    read : bool
        Whether only those pairs are kept that a reader has marked as right in `attacks/audit/`.
    inflected : bool
        Whether inflected forms of the entries are found too.
    translations : dict of str to str
        The text of each query and its human translation into the embedded language. Only a task has them; the lexicons
        are for the queries without.
    """

    embedded: str | None = None
    source: str = ""
    lexicons: list[str] = []
    minimum_probability: float = Field(default=0.3, ge=0, le=1)
    least_probability: float | None = Field(default=None, ge=0, le=1)
    lexifier: bool = False
    synsets: str | None = None
    pivot: list[str] = []
    proposed: str | None = None
    read: bool = False
    inflected: bool = True
    translations: dict[str, str] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not (self.embedded or self.lexicons or self.synsets or self.pivot):
            raise ValueError("names no lexicon; add 'embedded', 'lexicons', 'synsets' or 'pivot'")
        if self.proposed and not self.pivot:
            raise ValueError("'proposed' needs languages that support its pairs; add 'pivot'")
        return self

    @property
    def by_evidence(self) -> bool:
        """Whether words are translated by all the evidence that there is."""
        return not (self.lexicons or self.synsets or self.pivot)


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
    lexicons : tuple of tuple of Lexicon
        One of them is drawn for each query: a lexicon, and less certain ones for queries in which it finds nothing.
    operation : str
        Name of the operation in the edits.
    copies_capital : bool
        Whether the substitute of a word with a capital gets a capital too.
    embedded : tuple of str
        The languages of the lexicons, where these are not that of the query.
    has_spaces : bool
        Whether there are spaces between the words of the queries.
    """

    lexicons: tuple[tuple[Lexicon, ...], ...]
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
        drawn = pick(self.lexicons, random) if len(self.lexicons) > 1 else self.lexicons[0]
        for lexicon in drawn:
            found = self._found(lexicon, text, words)
            if found:
                break
        return Targets(found, partial(self._replace, lexicon))

    def _found(self, lexicon: Lexicon, text: str, words: Sequence[Span]) -> list[Span]:
        """Return the words and phrases of a text that a lexicon has."""
        encoded_otherwise = lexicon.spelling.encoded_otherwise
        if encoded_otherwise and encoded_otherwise(text):  # only what stands alone between spaces can be found
            words = [match.span() for match in _BETWEEN_SPACES.finditer(text)]
        words = words_behind_elisions(text, words, lexicon.rules.elided)
        may_be_phrase = lexicon.may_begin if self.has_spaces else lexicon.may_continue
        found = []
        position = 0
        while position < len(words):
            start, end = words[position]
            longest = min(_LONGEST_ENTRY_WORDS, len(words) - position) if may_be_phrase(text[start:end]) else 1
            for length in range(longest, 0, -1):
                span = start, words[position + length - 1][1]
                substitutes = lexicon.find_in(text, span)
                if substitutes is not None:
                    if substitutes:
                        found.append(span)
                    position += length - 1
                    break
            position += 1
        return found

    def _replace(self, lexicon: Lexicon, original: str, random: Random) -> tuple[str, str] | None:
        new = pick_early(lexicon.find(original) or (original,), random)
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
    lexicons = tuple(_lexicons_of(language, row, tables) for row in rows)
    embedded = tuple(dict.fromkeys(row.embedded for row in rows if row.embedded))
    has_spaces = facts is None or facts.has_spaces
    plain = LexiconSubstitution(lexicons, operation, not nouns_into_another, embedded, has_spaces)
    if not any(row.translations for row in rows):
        return plain
    parts = tuple(
        _with_translations(language, row, replace(plain, lexicons=(several,)), tables)
        for row, several in zip(rows, lexicons, strict=True)
    )
    return OneOfSeveral(parts, KindOfChange("embedded", embedded))


def _with_translations(language: str, row: LexiconRow, lexicon: LexiconSubstitution, tables: Tables) -> Transformation:
    """Return the mechanism of a row, which uses the lexicon for the queries without a translation."""
    if not (row.embedded and row.translations):
        return lexicon
    evidence = find_evidence(language, row.embedded, tables) if row.by_evidence else Evidence()
    aligned = aligned_queries(language, row.embedded, row.translations, evidence, lexicon.lexicons[0][0], tables)
    elided = tuple(lexicon.lexicons[0][0].rules.elided)
    return TranslatedQueries(aligned, lexicon, lexicon.operation + OF_TRANSLATION, elided)


def _lexicons_of(language: str, row: LexiconRow, tables: Tables) -> tuple[Lexicon, ...]:
    """Return the lexicon of a row and the less certain one, which has all its entries and is therefore made first."""
    certain = row.model_copy(update={"least_probability": None})
    if row.least_probability is None:
        return (load_lexicon(language, certain, tables),)
    further = load_lexicon(language, certain.model_copy(update={"minimum_probability": row.least_probability}), tables)
    return load_lexicon(language, certain, tables), further


def sources_of(language: str, row: LexiconRow, tables: Tables) -> tuple[str, ...]:
    """Return the names of the lexicons that a row of a language is made from."""
    if row.by_evidence:
        return find_evidence(language, row.embedded or "", tables).names
    shared = (name for pivot in row.pivot for name in sources_of_synonyms(language, pivot, tables))
    return (*row.lexicons, *filter(None, (row.synsets, row.proposed)), *dict.fromkeys(shared))


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
        "row": row.model_dump(exclude_defaults=True, exclude={"source", "translations", "least_probability"}),
        "sources": {name: lexicon_source(name, tables).digest(tables) for name in sources_of(language, row, tables)},
        "marks": sorted(
            (pair.word, pair.substitute, pair.mark) for pair in audited_pairs(_kind_of_pairs(row), language, tables)
        ),
        "lemmas": inflection(embedded, tables).lemmas,
    }

    def compile_entries() -> tuple[Entries, Entries]:
        entries: Entries = without_offensive(_entries(language, row, tables), offensive)
        if row.read:
            entries = only_right(_kind_of_pairs(row), language, entries, tables)
        if rules.elided:  # a function word behind an elision, which is no protected word with it
            entries = {**entries, **dict.fromkeys(stop_words(language, tables), ())}
        forms = without_offensive(_forms(language, row, rules, entries, tables), offensive)
        return without_wrong(_kind_of_pairs(row), language, entries, forms, tables)

    # A synonym needs the form of the word, so that no further forms are found by cutting off what the word has.
    found_by = Inflection(compounds=rules.compounds) if row.pivot else rules
    compiled = compiled_lexicon(what, found_by, compile_entries, spelling(language, tables))
    # Clitics, prefixes and spellings lead to entries of other words, which without_wrong leaves.
    compiled = compiled.without(wrong_pairs(_kind_of_pairs(row), language, tables))
    return replace(compiled, language=embedded)


def _forms(language: str, row: LexiconRow, rules: Inflection, entries: Entries, tables: Tables) -> Entries:
    """Return the inflected forms of the entries."""
    if not row.synsets and not row.pivot:
        return translated_forms(entries, lemma_forms(language, entries)) if rules.lemmas else {}
    forms: Entries = {}
    if rules.lemmas:
        words = {*entries, *(other.lower() for others in entries.values() for other in others)}
        forms = inflected_synonyms(entries, lemma_forms(language, words))
    if row.pivot and rules.proclitics:
        same = spelling(language, tables).same
        seen = {word for pivot in row.pivot for word in linked_words(language, pivot, tables).links.forms}
        behind = with_proclitics({**forms, **entries}, rules.proclitics, lambda word: same(word) in seen)
        forms = {**dict(behind), **forms}
    return forms


def _kind_of_pairs(row: LexiconRow) -> AuditName:
    return "code-switching" if row.embedded else "synonym"


def _entries(language: str, row: LexiconRow, tables: Tables) -> Entries:
    if row.by_evidence:
        found = translations(language, row.embedded or "", row.minimum_probability, tables)
        return _without_shared(found, row.embedded or "") if row.lexifier else found
    function_words = stop_words(row.embedded or language, tables)
    parts: list[Entries] = []
    if row.lexicons:
        parts.append(merged_bilingual(row.lexicons, tables, function_words))
    if row.synsets:
        parts.append(synonyms(row.synsets, tables, function_words=function_words))
    parts += [synonyms_by_evidence(language, pivot, tables, row.proposed) for pivot in row.pivot]
    merged: dict[str, tuple[str, ...]] = {}
    for part in reversed(parts):
        merged.update(part)
    return merged


def _without_shared(entries: Entries, embedded: str) -> Entries:
    """Return the entries that are no words of the embedded language."""
    from simplemma import is_known

    return {word: others for word, others in entries.items() if not is_known(word, lang=embedded)}
