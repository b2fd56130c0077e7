"""Inflected forms: how "cities" is found where a lexicon has "city".

Lemmas come from the dictionaries of simplemma, once, when a lexicon is compiled. For languages without such a
dictionary, clitics are removed, and entries that a word begins with are tried, by the rules in
`attacks/_inflection.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import takewhile
from math import ceil

from pydantic import Field

from robustbench_ir._base.text import Span
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, validate

Entries = Mapping[str, tuple[str, ...]]

_ELISION = re.compile(r"(\w+)['’ʼ](?=\w)")
_OF_WORD = 0.6  # smallest share of the word that its entry must have
_OF_FORM = 0.5  # a shorter lemma belongs to another word: "kat" (floor) of Turkish "katıldı" (joined)


class Inflection(Card):
    """A language's row in `attacks/_inflection.toml`.

    Attributes
    ----------
    lemmas : bool
        Whether simplemma's dictionary of the language is used.
    proclitics : list of str
        Texts that are written together with the following word, the longest first: articles, conjunctions,
        prepositions.
    elided : list of str
        Words that lose their last vowel and are written together with the following word, with an apostrophe between
        them: prepositions and conjunctions. They stay when the word behind them is replaced.
    enclitics : list of str
        Texts that are written together with the preceding word: case particles. Lexicons of word forms also get entries
        without them.
    prefixes : list of str
        Class and agreement prefixes, the longest first. They are removed where the stem is known from other words.
    compounds : bool
        Whether words of several syllables are written apart.
    beginning : int
        Smallest number of code points of an entry that is found as the beginning of a longer word; 0 if words take no
        endings.
    """

    lemmas: bool = False
    proclitics: list[str] = []
    elided: list[str] = []
    enclitics: list[str] = []
    prefixes: list[str] = []
    compounds: bool = False
    beginning: int = Field(default=0, ge=0)


@cache
def inflection(language: str, tables: Tables = SHIPPED) -> Inflection:
    """Return the row of a language; an empty one for languages that do not inflect or have no row.

    Parameters
    ----------
    language : str
        Code of the language.
    tables : Tables
        Where the table is found.
    """
    row = tables.rows("_inflection.toml").get(language, {})
    return validate(Inflection, row, f"attacks/_inflection.toml: [{language}]")


def lemma_forms(language: str, lemmas: Iterable[str]) -> dict[str, str]:
    """Return the inflected forms of words: form to lemma, both in lower case.

    Parameters
    ----------
    language : str
        A language of which simplemma has a dictionary.
    lemmas : iterable of str
        The words, in lower case.
    """
    single_words = frozenset(word for word in lemmas if " " not in word)  # simplemma knows no phrases
    return dict(_dictionary(language).forms_of(single_words))


@lru_cache(maxsize=1)
def _dictionary(language: str) -> _Dictionary:
    return _Dictionary(language)


class _Dictionary:
    """Simplemma's dictionary of a language.

    A pass through it takes seconds, since there are millions of forms of Swahili verbs. So the forms of the lemmas that
    were asked for last are kept: those of fewer lemmas are among them.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._lemmas = frozenset[str]()
        self._forms: list[tuple[str, str]] = []

    def forms_of(self, lemmas: frozenset[str]) -> list[tuple[str, str]]:
        """Return the forms of words in lower case, each with its lemma, in the order of the dictionary."""
        if not lemmas <= self._lemmas:
            self._lemmas, self._forms = lemmas, list(self._read(lemmas))
        return [(form, lemma) for form, lemma in self._forms if lemma in lemmas]

    def _read(self, lemmas: Collection[str]) -> Iterator[tuple[str, str]]:
        # The instance that simplemma.lemmatize reads: the dictionary is unpacked only once.
        from simplemma.strategies.dictionaries import DEFAULT_DICTIONARY_FACTORY

        for form, lemma in DEFAULT_DICTIONARY_FACTORY.get_dictionary(self._language).items():
            small = lemma.lower()
            if small in lemmas and form.lower() != small and len(small) >= _OF_FORM * len(form):
                yield form.lower(), small


def with_base_forms(entries: Entries, language: str, embedded: str, rules: Inflection) -> dict[str, tuple[str, ...]]:
    """Add lemmas, and words without enclitics, to a lexicon of word forms from a text.

    "asemalle" (to the station) also gives an entry for "asema". A lemma is translated by the lemma of the translation.

    Parameters
    ----------
    entries : mapping
        The lexicon.
    language, embedded : str
        Codes of the language of the entries and of that of the substitutes.
    rules : Inflection
        Rules of the language of the entries.
    """
    from simplemma import lemmatize

    found: dict[str, tuple[str, ...]] = {}
    for entry, substitutes in entries.items():
        for clitic in rules.enclitics:
            if entry.endswith(clitic) and len(entry) >= len(clitic) + 2:
                found.setdefault(entry.removesuffix(clitic), substitutes)
        lemma = lemmatize(entry, lang=language).lower() if rules.lemmas else entry
        if lemma != entry and " " not in entry:
            found.setdefault(lemma, tuple(dict.fromkeys(lemmatize(one, lang=embedded) for one in substitutes)))
    return {**found, **entries}


def translated_forms(entries: Entries, forms: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return substitutes in another language for inflected words: those of the lemma.

    Parameters
    ----------
    entries : mapping
        The lexicon.
    forms : mapping of str to str
        Form to lemma.
    """
    return {form: entries[lemma] for form, lemma in forms.items() if form not in entries and lemma in entries}


def inflected_synonyms(entries: Entries, forms: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return substitutes in the same language for inflected words, inflected in the same way.

    The ending that turns the lemma into the form is added to the synonym; only forms in the dictionary are kept.

    Parameters
    ----------
    entries : mapping
        The lexicon.
    forms : mapping of str to str
        Form to lemma.
    """
    found = {}
    for form, lemma in forms.items():
        if form in entries or lemma not in entries:
            continue
        shared = _same_at_the_beginning(form, lemma)
        others = (_with_ending(other, lemma[shared:], form[shared:]) for other in entries[lemma])
        kept = tuple(new for new, other in others if forms.get(new.lower()) == other.lower())
        if kept:
            found[form] = kept
    return found


def _with_ending(word: str, old: str, new: str) -> tuple[str, str]:
    return (word.removesuffix(old) + new if word.endswith(old) else ""), word


def without_proclitic(word: str, proclitics: Sequence[str]) -> str:
    """Return the word without its longest proclitic; at least two code points are left.

    Parameters
    ----------
    word : str
        The word.
    proclitics : sequence of str
        The longest first.
    """
    for clitic in proclitics:
        if word.startswith(clitic) and len(word) >= len(clitic) + 2:
            return word[len(clitic) :]
    return word


def behind_elision(text: str, span: Span, elided: Sequence[str]) -> Span:
    """Return the span of a word without the elided word at its beginning: "abantu" in "n'abantu".

    Parameters
    ----------
    text : str
        A text.
    span : (int, int)
        Place of one of its words, or of a phrase.
    elided : sequence of str
        What may stand before an apostrophe, in lower case.
    """
    start, end = span
    if elided:
        match = _ELISION.match(text, start, end)
        if match and match[1].lower() in elided:
            return match.end(), end
    return span


def words_behind_elisions(text: str, words: Sequence[Span], elided: Sequence[str]) -> Sequence[Span]:
    """Return the spans of words without elided words; names behind one, as in "n'Amerika", are left out.

    Parameters
    ----------
    text : str
        A text.
    words : sequence of (int, int)
        Places of words that are no names as a whole.
    elided : sequence of str
        What may stand before an apostrophe, in lower case.
    """
    if not elided:
        return words
    bare = [behind_elision(text, span, elided) for span in words]
    return [
        span
        for whole, span in zip(words, bare, strict=True)
        if span == whole or not (text[whole[0]].islower() and text[span[0]].isupper())
    ]


def longest_beginning(word: str, entries: Entries, minimum: int) -> tuple[str, ...]:
    """Return the substitutes of the longest entry that a word begins with; empty if all are too short.

    Parameters
    ----------
    word : str
        The word, in lower case.
    entries : mapping
        The lexicon.
    minimum : int
        Smallest number of code points of the entry, which must also make up most of the word.
    """
    for length in range(len(word) - 1, max(minimum, ceil(_OF_WORD * len(word))) - 1, -1):
        found = entries.get(word[:length])
        if found:
            return found
    return ()


def _same_at_the_beginning(left: str, right: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
