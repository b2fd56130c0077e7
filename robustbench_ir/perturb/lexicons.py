"""Lexicons: what may stand in place of a word, read from other people's tables.

A lexicon maps an entry (lower case, NFC, one space between words) to its substitutes, the best first.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources.abc import Traversable
from typing import Literal

from pydantic import Field

from robustbench_ir.cards import SHIPPED, Card, Tables, validate
from robustbench_ir.data import DataFile, locate
from robustbench_ir.errors import CardError, DataError, UnknownNameError
from robustbench_ir.text import nfc, script

Lexicon = Mapping[str, tuple[str, ...]]

_SUBSTITUTES_KEPT = 4


class LexiconSource(Card):
    """One row of `attacks/_lexicons.toml`.

    Attributes
    ----------
    format : {"tsv", "muse", "synsets", "naijasenti"}
        How the table is read; see `FORMATS`.
    file : DataFile, optional
        A pinned file that is downloaded.
    table : str, optional
        A table that ships with the project, below `attacks/`. One of the two must be there.
    licence, attribution : str
        Terms of the table and whom to thank.
    """

    format: Literal["tsv", "muse", "synsets", "naijasenti"]
    file: DataFile | None = None
    table: str | None = Field(default=None)
    licence: str
    attribution: str


@cache
def lexicon_sources(tables: Tables = SHIPPED) -> dict[str, LexiconSource]:
    """Return every lexicon that the cards can name."""
    rows = tables.rows("_lexicons.toml")
    return {name: validate(LexiconSource, row, f"attacks/_lexicons.toml: [{name}]") for name, row in rows.items()}


def tsv_pairs(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Read `entry<TAB>substitute` lines (GATITOS and this project's own tables).

    Raises
    ------
    DataError
        A line with another number of columns; the message names file and line.
    """
    for number, line in _lines(text):
        columns = line.split("\t")
        if len(columns) != 2:
            raise DataError(f"{where}:{number}: {len(columns)} columns, expected entry<TAB>substitute")
        yield columns[0], columns[1]


def muse_pairs(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Read MUSE dictionaries: two words a line, with a space or a tab between them.

    Raises
    ------
    DataError
        A line with another number of words; the message names file and line.
    """
    for number, line in _lines(text):
        columns = line.split()
        if len(columns) != 2:
            raise DataError(f"{where}:{number}: {len(columns)} words, expected two")
        yield columns[0], columns[1]


def synset_pairs(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Read Open Multilingual Wordnet tables, `synset<TAB>lang:lemma<TAB>word`, as (word, synset).

    Raises
    ------
    DataError
        A line with another number of columns; the message names file and line.
    """
    for number, line in _lines(text):
        columns = line.split("\t")
        if len(columns) != 3:
            raise DataError(f"{where}:{number}: {len(columns)} columns, expected synset<TAB>lang:lemma<TAB>word")
        if columns[1].endswith("lemma"):
            yield columns[2], columns[0]


def naijasenti_pairs(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Read NaijaSenti's CSV as (human translation, English word).

    Raises
    ------
    DataError
        The columns `word` and `human` are not there.
    """
    rows = csv.DictReader(io.StringIO(text))
    if not {"word", "human"} <= set(rows.fieldnames or ()):
        raise DataError(f"{where}:1: no columns 'word' and 'human'")
    for row in rows:
        yield row["human"], row["word"]


FORMATS: Mapping[str, Callable[[str, str], Iterator[tuple[str, str]]]] = {
    "tsv": tsv_pairs,
    "muse": muse_pairs,
    "synsets": synset_pairs,
    "naijasenti": naijasenti_pairs,
}


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.rstrip("\r")
        if stripped.strip() and not stripped.startswith("#"):
            yield number, stripped


@cache
def _pairs(name: str, tables: Tables) -> tuple[tuple[str, str], ...]:
    """Read a lexicon named in the cards; entries are lower case and NFC, empty ones are left out."""
    source = lexicon_sources(tables).get(name)
    if source is None:
        raise UnknownNameError("lexicon", name, lexicon_sources(tables))
    if (source.file is None) == (source.table is None):
        raise CardError(f"attacks/_lexicons.toml: [{name}]: name either 'file' or 'table'")
    entry: Traversable = locate(source.file) if source.file else tables.find(source.table or "")
    try:
        text = entry.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{entry}: not UTF-8 at byte {error.start}") from error
    cleaned = ((_clean(left).lower(), _clean(right)) for left, right in FORMATS[source.format](text, str(entry)))
    return tuple((left, right) for left, right in cleaned if left and right)


def _clean(text: str) -> str:
    return nfc(" ".join(text.replace("_", " ").split()))


def bilingual(names: Iterable[str], tables: Tables = SHIPPED) -> Lexicon:
    """Merge lexicons of (word, translation) pairs; the translations of the first named lexicon come first."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for name in names:
        for word, translation in _pairs(name, tables):
            if translation.lower() != word:
                found[word][translation] = None
    return _kept(found)


def joined(matrix: str, embedded: str, tables: Tables = SHIPPED) -> Lexicon:
    """Translate by shared WordNet synsets.

    Parameters
    ----------
    matrix, embedded : str
        Lexicons of format `synsets`: of the query's language, and of the language that is mixed in.
    tables : Tables
        Where they are found.

    Returns
    -------
    Lexicon
        Words with their translations, those that share most synsets, and most firmly, first.
    """
    words_of: dict[str, list[str]] = defaultdict(list)
    for word, synset in _pairs(embedded, tables):
        words_of[synset].append(word)
    shared: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for word, synset in _pairs(matrix, tables):
        for place, other in enumerate(words_of.get(synset, ())):
            if other != word:
                # A synset lists its words by how often they mean it: the first counts most.
                shared[word][other] += 1 / (1 + place)
    return _kept({word: sorted(found, key=found.__getitem__, reverse=True) for word, found in shared.items()})


def synonyms(name: str, tables: Tables = SHIPPED) -> Lexicon:
    """Return words of the same synsets and script, those that share most synsets first."""
    return _same_script(joined(name, name, tables))


def pivoted(names: Iterable[str], minimum_shared: int, tables: Tables = SHIPPED) -> Lexicon:
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


def _same_script(lexicon: Lexicon) -> Lexicon:
    """Leave out substitutes in another script than the word: Wiktionary lists Han words beside Vietnamese ones."""
    kept = (
        (word, tuple(other for other in others if script(other) == script(word))) for word, others in lexicon.items()
    )
    return {word: others for word, others in kept if others}


def _kept(found: Mapping[str, Iterable[str]]) -> Lexicon:
    return {word: best for word, others in found.items() if (best := tuple(others)[:_SUBSTITUTES_KEPT])}
