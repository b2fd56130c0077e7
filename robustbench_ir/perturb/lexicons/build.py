"""Lexicons: possible substitutes of a word, combined from published tables.

A lexicon maps an entry (lower case, NFC, one space between words) to its substitutes, the best first.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from hashlib import sha256
from typing import Self

from pydantic import Field, model_validator

from robustbench_ir._base.text import nfc, script
from robustbench_ir.errors import UnknownNameError
from robustbench_ir.perturb.lexicons.inflection import Entries
from robustbench_ir.perturb.lexicons.parallel_text import (
    PARALLEL_FORMATS,
    ParallelFormat,
    induced_pairs,
    read_parallel_files,
    read_translated_questions,
)
from robustbench_ir.perturb.lexicons.sources import Format, Pair, read_pairs
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, validate
from robustbench_ir.resources.downloads import DataFile, locate

_SUBSTITUTES_KEPT = 3
_LONGEST_SUBSTITUTE_WORDS = 3
_PHRASE_FOR_WORD = 0.2
_OF_THE_BEST = 0.75
_OF_ALL_SENSES = 0.25
_LONG_WORD = 4
_REMARK = re.compile(r"\s*\([^)]*\)\s*|\[[^\]]*\]")
_GLOSS = re.compile(r"^to (?:be )?(?=\w)|[.!?…]+$")
_ODD = re.compile(r"[\d()\[\]{}=/,;:]|^.$|-$", re.ASCII)  # "Atomic number 87", lists, single Latin letters
_ENDING = 2
_MARK = re.compile(r"[\u0300-\u036f\s'’-]")
_HOOKS = str.maketrans("ƙɗɓƴ", "kdby")


class LexiconSource(Card):
    """One row of `attacks/_lexicons.toml`. Exactly one of `file`, `table` and `parallel` is given.

    Attributes
    ----------
    format : str
        Format of the table (see `read_pairs`), or of the parallel text from which the lexicon is induced: `bitext` (two
        files, line by line) or `afriqa` (JSON Lines).
    file : DataFile, optional
        A pinned file to download.
    table : str, optional
        A table that ships with the project, below `attacks/`.
    parallel : list of DataFile
        Pinned files of parallel text.
    languages : (str, str), optional
        Codes of the two languages of parallel text.
    wrong : list of str
        Entries to leave out, which a reader has found to be wrong.
    minimum_probability : float
        Smallest geometric mean of the two translation probabilities of an induced pair, 0 to 1.
    shortest, fewest_words : int
        Smallest number of code points, and of words, of an entry.
    licence, attribution : str
        Terms of the table, and its authors.
    """

    format: Format | ParallelFormat
    file: DataFile | None = None
    table: str | None = None
    parallel: list[DataFile] = []
    languages: tuple[str, str] = ("", "")
    wrong: list[str] = []
    minimum_probability: float = Field(default=0.5, ge=0, le=1)
    shortest: int = Field(default=1, ge=1)
    fewest_words: int = Field(default=1, ge=1)
    licence: str
    attribution: str

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(map(bool, (self.file, self.table, self.parallel))) != 1:
            raise ValueError("name one of 'file', 'table' and 'parallel'")
        if bool(self.parallel) != (self.format in PARALLEL_FORMATS):
            raise ValueError(f"'parallel' is for the formats {' and '.join(PARALLEL_FORMATS)}, and they need it")
        if bool(self.parallel) != (self.languages != ("", "")):
            raise ValueError(
                "'languages' are for parallel text, which needs both: of the words and of the translations"
            )
        if any(file.sha256 is None for file in (*self.parallel, *([self.file] if self.file else []))):
            raise ValueError("a lexicon is identified by its hash: 'sha256' of the file is missing")
        if self.format == "bitext" and len(self.parallel) != 2:
            raise ValueError("'parallel' of a bitext is two files: text and translation")
        return self

    def pairs(self, tables: Tables) -> Iterator[Pair]:
        """Yield the pairs of word and substitute; pinned files are downloaded if they are missing."""
        wrong = frozenset(map(nfc, self.wrong))
        for word, substitute in self._read(tables):
            long_enough = len(word) >= self.shortest and word.count(" ") + 1 >= self.fewest_words
            if long_enough and word not in wrong:
                yield word, substitute

    def _read(self, tables: Tables) -> Iterable[Pair]:
        places = [locate(file) for file in self.parallel]
        if self.format == "bitext":
            return induced_pairs(self.languages, read_parallel_files(*places), self.minimum_probability)
        if self.format == "afriqa":
            return induced_pairs(self.languages, read_translated_questions(places), self.minimum_probability)
        return read_pairs(self.format, locate(self.file) if self.file else tables.find(self.table or ""))

    def digest(self, tables: Tables) -> str:
        """Return a SHA-256 of everything that decides the pairs, without downloading anything."""
        row = self.model_dump_json().encode()
        return sha256(row + (tables.find(self.table).read_bytes() if self.table else b"")).hexdigest()


@cache
def lexicon_sources(tables: Tables = SHIPPED) -> dict[str, LexiconSource]:
    """Return every lexicon that the cards can name."""
    rows = tables.rows("_lexicons.toml")
    return {name: validate(LexiconSource, row, f"attacks/_lexicons.toml: [{name}]") for name, row in rows.items()}


@lru_cache(maxsize=4)
def _pairs(name: str, tables: Tables) -> tuple[Pair, ...]:
    return tuple(lexicon_source(name, tables).pairs(tables))


def lexicon_source(name: str, tables: Tables = SHIPPED) -> LexiconSource:
    """Return the lexicon that a card names.

    Parameters
    ----------
    name : str
        Name of a row of `attacks/_lexicons.toml`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    UnknownNameError
        If there is no such lexicon; the message shows the nearest name.
    """
    known = lexicon_sources(tables)
    if name not in known:
        raise UnknownNameError("lexicon", name, known)
    return known[name]


def everyday_words(name: str, tables: Tables = SHIPPED) -> frozenset[str]:
    """Return the entries of a lexicon of everyday words.

    Parameters
    ----------
    name : str
        Name of the lexicon.
    tables : Tables
        Where the lexicon is found.
    """
    return frozenset(word for word, _ in _pairs(name, tables))


def merged_bilingual(
    names: Iterable[str], tables: Tables = SHIPPED, everyday: Collection[str] = (), function_words: Collection[str] = ()
) -> Entries:
    """Merge lexicons of (word, translation) pairs.

    Parameters
    ----------
    names : iterable of str
        Lexicons. A word of an earlier one is not looked up in a later one.
    tables : Tables
        Where the lexicons are found.
    everyday : collection of str
        Translations that come before all others.
    function_words : collection of str
        Translations that are left out.
    """
    merged: dict[str, tuple[str, ...]] = {}
    for name in names:
        found: dict[str, dict[str, None]] = defaultdict(dict)
        for word, translation in _pairs(name, tables):
            if translation.lower() != word:
                found[word][translation] = None
        merged = {**_kept(found, everyday, function_words), **merged}
    return merged


def translated_by_synsets(
    matrix: str,
    embedded: str,
    tables: Tables = SHIPPED,
    everyday: Collection[str] = (),
    function_words: Collection[str] = (),
) -> Entries:
    """Translate words by the WordNet synsets that they share.

    Parameters
    ----------
    matrix, embedded : str
        Lexicons of format `synsets`: of the query's language, and of the language that is mixed in.
    tables : Tables
        Where the lexicons are found.
    everyday : collection of str
        Translations that come before all others.
    function_words : collection of str
        Translations that are left out.

    Returns
    -------
    Entries
        Words with their translations. Those that share most synsets, weighted by their place in the synset, come first;
        translations that share less than three quarters of what the first shares are left out.
    """
    ranked = {}
    for word, shared in _shared(matrix, embedded, tables).items():
        best = max(shared.values())
        kept = [other for other, weight in shared.items() if weight >= best * _OF_THE_BEST]
        ranked[word] = sorted(kept, key=shared.__getitem__, reverse=True)
    return _kept(ranked, everyday, function_words)


def _shared(matrix: str, embedded: str, tables: Tables) -> dict[str, dict[str, float]]:
    """Return the share of a word's synsets that contain another word, weighted by the place of that word in them."""
    words_of: dict[str, list[str]] = defaultdict(list)
    for word, synset in _pairs(embedded, tables):
        words_of[synset].append(word)
    senses = Counter(word for word, _ in _pairs(matrix, tables))
    shared: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for word, synset in _pairs(matrix, tables):
        for place, other in enumerate(words_of.get(synset, ())):
            if other != word:
                # A synset lists its words by how often they mean it: the first counts most. Where a word exists,
                # people do not switch to a phrase: "pressure", not "force per unit area".
                wordy = " " in other and " " not in word
                shared[word][other] += (_PHRASE_FOR_WORD if wordy else 1) / (1 + place) / senses[word]
    return shared


def synonyms(
    name: str, tables: Tables = SHIPPED, everyday: Collection[str] = (), function_words: Collection[str] = ()
) -> Entries:
    """Return words of the same synsets and script; those that share most synsets come first.

    A word has many senses, and the intended one is unknown, so a synonym must be one in many of them.

    Parameters
    ----------
    name : str
        Lexicon of format `synsets`.
    tables : Tables
        Where the lexicon is found.
    everyday : collection of str
        If given, only these words are synonyms.
    function_words : collection of str
        Synonyms that are left out.
    """
    likely = {
        word: sorted(
            (other for other, share in shared.items() if share >= _OF_ALL_SENSES and not _same_word(word, other)),
            key=shared.__getitem__,
            reverse=True,
        )
        for word, shared in _shared(name, name, tables).items()
    }
    if everyday:
        likely = {word: [one for one in others if one.lower() in everyday] for word, others in likely.items()}
    return _same_script(_kept(likely, (), function_words))


def pivot_synonyms(
    names: Iterable[str], minimum_shared: int, tables: Tables = SHIPPED, function_words: Collection[str] = ()
) -> Entries:
    """Return words that share translations; those that share most come first.

    Parameters
    ----------
    names : iterable of str
        Bilingual lexicons.
    minimum_shared : int
        Smallest number of shared translations.
    tables : Tables
        Where the lexicons are found.
    function_words : collection of str
        Synonyms that are left out.
    """
    words_of: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for word, translation in _pairs(name, tables):
            words_of[translation.lower()].append(word)
    shared: dict[str, Counter[str]] = defaultdict(Counter)
    for words in words_of.values():
        for word in words:
            shared[word].update(other for other in words if not _same_word(word, other))
    enough = {
        word: [other for other, count in counts.most_common() if count >= minimum_shared]
        for word, counts in shared.items()
    }
    return _same_script(_kept(enough, (), function_words))


def _same_word(word: str, other: str) -> bool:
    """Return True if two words are forms of one word: equal except for marks, spaces and the last letters."""
    left, right = sorted((_bare(word), _bare(other)), key=len)
    stem = left[:-1] if len(left) > _LONG_WORD else left
    return right.startswith(stem) and len(right) - len(left) <= _ENDING


def _bare(word: str) -> str:
    return _MARK.sub("", unicodedata.normalize("NFD", word.lower().translate(_HOOKS)))


def _same_script(lexicon: Entries) -> Entries:
    """Leave out substitutes in another script than the word: Wiktionary lists Han words beside Vietnamese ones."""
    kept = (
        (word, tuple(other for other in others if script(other) == script(word))) for word, others in lexicon.items()
    )
    return {word: others for word, others in kept if others}


def _kept(
    found: Mapping[str, Iterable[str]], everyday: Collection[str] = (), function_words: Collection[str] = ()
) -> Entries:
    """Keep the best substitutes: everyday words if there are any, words before phrases, without dictionary remarks."""
    kept = {}
    for word, others in found.items():
        sayable = [one for one in map(_plain, others) if one and one.lower() not in function_words and one != word]
        usual = [one for one in sayable if one.lower() in everyday] or sayable
        short = [one for one in usual if " " not in one] or usual
        if short:
            kept[word] = tuple(dict.fromkeys(short if " " not in word else usual))[:_SUBSTITUTES_KEPT]
    return kept


def _plain(substitute: str) -> str:
    """Return the word in a dictionary's gloss: "run" for "to run (fast)"; empty if it is unclear."""
    bare = _GLOSS.sub("", _REMARK.sub("", substitute)).strip()
    return "" if _ODD.search(bare) or bare.count(" ") >= _LONGEST_SUBSTITUTE_WORDS else bare
