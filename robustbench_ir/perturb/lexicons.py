"""Lexicons: what may stand in place of a word, put together from other people's tables.

A lexicon maps an entry (lower case, NFC, one space between words) to its substitutes, the best first.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources.abc import Traversable
from itertools import filterfalse
from typing import Self

from pydantic import model_validator

from robustbench_ir.cards import SHIPPED, Card, Tables, validate
from robustbench_ir.data import DataFile, locate
from robustbench_ir.errors import UnknownNameError
from robustbench_ir.perturb.inflection import Entries
from robustbench_ir.perturb.lexicon_sources import Format, Pair, read_pairs
from robustbench_ir.text import script

_SUBSTITUTES_KEPT = 4
_PHRASE_FOR_WORD = 0.2
_DIGIT = re.compile(r"\d")


class LexiconSource(Card):
    """One row of `attacks/_lexicons.toml`.

    Attributes
    ----------
    format : str
        How the table is read; see `read_pairs`.
    file : DataFile, optional
        A pinned file that is downloaded.
    table : str, optional
        A table that ships with the project, below `attacks/`. One of the two must be there.
    licence, attribution : str
        Terms of the table and whom to thank.
    """

    format: Format
    file: DataFile | None = None
    table: str | None = None
    licence: str
    attribution: str

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.file is None) == (self.table is None):
            raise ValueError("name either 'file' or 'table'")
        if self.file is not None and self.file.sha256 is None:
            raise ValueError("a lexicon goes by its hash: 'file.sha256' is missing")
        return self

    def entry(self, tables: Tables) -> Traversable:
        """Return the file; a pinned one is downloaded if it is not here."""
        return locate(self.file) if self.file else tables.find(self.table or "")

    def digest(self, tables: Tables) -> str:
        """Return the SHA-256 of the file, without downloading it."""
        pinned = self.file.sha256 if self.file else None
        return pinned or sha256(self.entry(tables).read_bytes()).hexdigest()


@cache
def lexicon_sources(tables: Tables = SHIPPED) -> dict[str, LexiconSource]:
    """Return every lexicon that the cards can name."""
    rows = tables.rows("_lexicons.toml")
    return {name: validate(LexiconSource, row, f"attacks/_lexicons.toml: [{name}]") for name, row in rows.items()}


@lru_cache(maxsize=4)
def _pairs(name: str, tables: Tables) -> tuple[Pair, ...]:
    source = lexicon_source(name, tables)
    return tuple(read_pairs(source.format, source.entry(tables)))


def lexicon_source(name: str, tables: Tables = SHIPPED) -> LexiconSource:
    """Return the lexicon that a card names.

    Raises
    ------
    UnknownNameError
        There is none of this name; the nearest is shown.
    """
    known = lexicon_sources(tables)
    if name not in known:
        raise UnknownNameError("lexicon", name, known)
    return known[name]


def everyday_words(name: str, tables: Tables = SHIPPED) -> frozenset[str]:
    """Return the words that a lexicon of everyday words has entries for."""
    return frozenset(word for word, _ in _pairs(name, tables))


def bilingual(names: Iterable[str], tables: Tables = SHIPPED, everyday: Collection[str] = ()) -> Entries:
    """Merge lexicons of (word, translation) pairs.

    Parameters
    ----------
    names : iterable of str
        The translations of the first named lexicon come first.
    tables : Tables
        Where they are found.
    everyday : collection of str
        Translations that come before all others.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for name in names:
        for word, translation in _pairs(name, tables):
            if translation.lower() != word:
                found[word][translation] = None
    return _kept(found, everyday)


def joined(matrix: str, embedded: str, tables: Tables = SHIPPED, everyday: Collection[str] = ()) -> Entries:
    """Translate by shared WordNet synsets.

    Parameters
    ----------
    matrix, embedded : str
        Lexicons of format `synsets`: of the query's language, and of the language that is mixed in.
    tables : Tables
        Where they are found.
    everyday : collection of str
        Translations that come before all others.

    Returns
    -------
    Entries
        Words with their translations, those that share most synsets, and most firmly, first.
    """
    words_of: dict[str, list[str]] = defaultdict(list)
    for word, synset in _pairs(embedded, tables):
        words_of[synset].append(word)
    shared: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for word, synset in _pairs(matrix, tables):
        for place, other in enumerate(words_of.get(synset, ())):
            if other != word:
                # A synset lists its words by how often they mean it: the first counts most. Where a word will do,
                # people do not switch to a phrase: "pressure", not "force per unit area".
                wordy = " " in other and " " not in word
                shared[word][other] += (_PHRASE_FOR_WORD if wordy else 1) / (1 + place)
    ranked = {word: sorted(found, key=found.__getitem__, reverse=True) for word, found in shared.items()}
    return _kept(ranked, everyday)


def synonyms(name: str, tables: Tables = SHIPPED) -> Entries:
    """Return words of the same synsets and script, those that share most synsets first."""
    return _same_script(joined(name, name, tables))


def pivoted(names: Iterable[str], minimum_shared: int, tables: Tables = SHIPPED) -> Entries:
    """Return words that share at least `minimum_shared` translations, those that share most first."""
    words_of: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for word, translation in _pairs(name, tables):
            words_of[translation.lower()].append(word)
    shared: dict[str, Counter[str]] = defaultdict(Counter)
    for words in words_of.values():
        for word in words:
            shared[word].update(other for other in words if other != word)
    enough = {
        word: [other for other, count in counts.most_common() if count >= minimum_shared]
        for word, counts in shared.items()
    }
    return _same_script(_kept(enough))


def _same_script(lexicon: Entries) -> Entries:
    """Leave out substitutes in another script than the word: Wiktionary lists Han words beside Vietnamese ones."""
    kept = (
        (word, tuple(other for other in others if script(other) == script(word))) for word, others in lexicon.items()
    )
    return {word: others for word, others in kept if others}


def _kept(found: Mapping[str, Iterable[str]], everyday: Collection[str] = ()) -> Entries:
    """Keep the best substitutes, the everyday ones first; none with a number, such as "Atomic number 87"."""
    ranked = {
        word: sorted(filterfalse(_DIGIT.search, others), key=lambda other: other.lower() not in everyday)
        for word, others in found.items()
    }
    return {word: tuple(others[:_SUBSTITUTES_KEPT]) for word, others in ranked.items() if others}
