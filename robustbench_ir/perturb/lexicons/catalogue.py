"""The catalogue of lexicons, wordnets and parallel texts: every row of `attacks/_lexicons.toml`, by name.

A row is one lexicon, or a collection of files with the same terms. `gatitos/hi-en` is the member `hi-en` of the
collection `gatitos`. Members are named by the language of the words and that of the translations, so that everything
that is known of two languages is found by name. `ntrex/hi` is a text in one language, whose lines are translations of
the lines of the other members of `ntrex`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Self, cast

from pydantic import Field, model_validator

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import UnknownNameError
from robustbench_ir.perturb.lexicons.parallel_text import PARALLEL_FORMATS, ParallelFormat
from robustbench_ir.perturb.lexicons.sources import Format, Pair, ReportLine, read_pairs, refuse_line
from robustbench_ir.resources.cards import SHIPPED, Card, Tables, validate
from robustbench_ir.resources.downloads import DataFile, locate

_TABLE = "_lexicons.toml"


class LexiconSource(Card):
    """One lexicon, wordnet or parallel text. Exactly one of `file`, `table` and `parallel` is given.

    Attributes
    ----------
    format : str
        Format of the table (see `read_pairs`), or of parallel text: `bitext` (two files, line by line), `afriqa` (JSON
        Lines) or `lines` (one file of a text that exists in many languages, line by line).
    file : DataFile, optional
        A pinned file to download.
    table : str, optional
        A table that ships with the project, below `attacks/`.
    parallel : list of DataFile
        Pinned files of parallel text.
    wrong : list of str
        Entries to leave out, which a reader has found to be wrong.
    shortest : int
        Smallest number of code points of an entry.
    evidence : bool
        Whether it is a source of every recipe that translates between its languages; otherwise only of the cards that
        name it.
    licence, attribution : str
        Terms of the table, and its authors.
    """

    format: Format | ParallelFormat
    file: DataFile | None = None
    table: str | None = None
    parallel: list[DataFile] = []
    wrong: list[str] = []
    shortest: int = Field(default=1, ge=1)
    evidence: bool = False
    licence: str
    attribution: str

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(map(bool, (self.file, self.table, self.parallel))) != 1:
            raise ValueError("name one of 'file', 'table' and 'parallel'")
        if bool(self.parallel) != (self.format in PARALLEL_FORMATS):
            raise ValueError(f"'parallel' is for the formats {' and '.join(PARALLEL_FORMATS)}, and they need it")
        if any(file.sha256 is None for file in (*self.parallel, *([self.file] if self.file else []))):
            raise ValueError("a lexicon is identified by its hash: 'sha256' of the file is missing")
        if self.format == "bitext" and len(self.parallel) != 2:
            raise ValueError("'parallel' of a bitext is two files: text and translation")
        if self.format == "lines" and len(self.parallel) != 1:
            raise ValueError("'parallel' of the format 'lines' is one file")
        return self

    def places(self) -> list[Path]:
        """Return the files of parallel text; they are downloaded if they are missing."""
        return [locate(file) for file in self.parallel]

    def pairs(self, tables: Tables) -> Iterator[Pair]:
        """Yield the pairs of word and substitute; a pinned file is downloaded if it is missing. None for texts."""
        if self.parallel:
            return
        wrong = frozenset(map(nfc, self.wrong))
        place = locate(self.file) if self.file else tables.find(self.table or "")
        # A pinned file stays as it is: some lists of GATITOS have lines without a translation.
        complain: ReportLine = (lambda _: None) if self.file else refuse_line
        for word, substitute in read_pairs(cast("Format", self.format), place, complain):
            if len(word) >= self.shortest and word not in wrong:
                yield word, substitute

    def digest(self, tables: Tables) -> str:
        """Return a SHA-256 of everything that decides the pairs, without downloading anything."""
        row = self.model_dump_json().encode()
        return sha256(row + (tables.find(self.table).read_bytes() if self.table else b"")).hexdigest()


class Collection(Card):
    """A row whose files have the same format and terms.

    Attributes
    ----------
    format, licence, attribution : str
        As in `LexiconSource`.
    url : str
        Address of the folder; it contains the revision and ends with a slash.
    members : dict
        Name of a member to its files: path below the folder, and SHA-256.
    """

    format: Format | ParallelFormat
    licence: str
    attribution: str
    url: str = Field(pattern=r"^https?://.*/$")
    members: dict[str, dict[str, str]]

    def source(self, name: str, member: str) -> dict[str, object]:
        """Return a member as a row of its own."""
        files = [
            {"path": f"{name}/{path}", "url": self.url + path, "sha256": digest}
            for path, digest in self.members[member].items()
        ]
        place = {"parallel": files} if self.format in PARALLEL_FORMATS else {"file": files[0]}
        terms = {"licence": self.licence, "attribution": self.attribution}
        return {"format": self.format, "evidence": True, **terms, **place}


@cache
def _rows(tables: Tables) -> dict[str, object]:
    """Return every row by name, those of collections member by member."""
    rows: dict[str, object] = {}
    for name, row in tables.rows(_TABLE).items():
        if isinstance(row, dict) and "members" in row:
            collection = validate(Collection, row, f"attacks/{_TABLE}: [{name}]")
            rows.update({f"{name}/{member}": collection.source(name, member) for member in collection.members})
        else:
            rows[name] = row
    return rows


@cache
def _source(name: str, tables: Tables) -> LexiconSource:
    return validate(LexiconSource, _rows(tables)[name], f"attacks/{_TABLE}: [{name}]")


def lexicon_sources(tables: Tables = SHIPPED) -> dict[str, LexiconSource]:
    """Return every lexicon, wordnet and parallel text that the cards can name."""
    return {name: _source(name, tables) for name in _rows(tables)}


def lexicon_source(name: str, tables: Tables = SHIPPED) -> LexiconSource:
    """Return the lexicon that a card names.

    Parameters
    ----------
    name : str
        Name of a row of `attacks/_lexicons.toml`, or of a collection and its member.
    tables : Tables
        Where the table is found.

    Raises
    ------
    UnknownNameError
        If there is no such lexicon; the message shows the nearest name.
    """
    if name not in _rows(tables):
        raise UnknownNameError("lexicon", name, _rows(tables))
    return _source(name, tables)


@lru_cache(maxsize=8)
def word_pairs(name: str, tables: Tables = SHIPPED) -> tuple[Pair, ...]:
    """Return the pairs of word and substitute of a lexicon; see `LexiconSource.pairs`."""
    return tuple(lexicon_source(name, tables).pairs(tables))


@cache
def known_names(tables: Tables = SHIPPED) -> frozenset[str]:
    """Return the names of every lexicon, wordnet and parallel text."""
    return frozenset(_rows(tables))
