"""What readers found right and wrong among the pairs that the lexicons offer: `attacks/audit/*.tsv`.

Pairs that a reader has marked as wrong are struck out of the compiled lexicons. A user's folder of cards can have
tables of its own, whose marks replace those that ship.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from typing import Literal, get_args

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataWarning
from robustbench_ir.perturb.lexicons.inflection import Entries
from robustbench_ir.perturb.lexicons.sources import read_text
from robustbench_ir.perturb.lexicons.stems import STEM
from robustbench_ir.resources.cards import SHIPPED, Tables, card_folders

Mark = Literal["right", "wrong", "unsure"]
MARKS: tuple[Mark, ...] = get_args(Mark)
AuditName = Literal["code-switching", "synonym"]

_COLUMNS = ("language", "word", "substitute", "mark", "reader")


@dataclass(frozen=True)
class AuditedPair:
    """A pair that a reader has judged.

    Attributes
    ----------
    word, substitute : str
        In lower case, NFC.
    mark : {"right", "wrong", "unsure"}
        What the reader found.
    reader : str
        Who read it; ``project`` is no native speaker.
    """

    word: str
    substitute: str
    mark: Mark
    reader: str


@cache
def audited_pairs(name: AuditName, language: str, tables: Tables = SHIPPED) -> tuple[AuditedPair, ...]:
    """Return the pairs of a language that readers have judged.

    Parameters
    ----------
    name : {"code-switching", "synonym"}
        Kind of the pairs, and name of the table.
    language : str
        Code of the language of the words.
    tables : Tables
        Where the tables are found; the marks of a user's table replace those that ship.

    Warns
    -----
    DataWarning
        If a line has a wrong number of columns or an unknown mark; the line is ignored.
    """
    found: dict[tuple[str, str], AuditedPair] = {}
    for folder in reversed(card_folders("attacks", tables.extra)):
        table = folder / "audit" / f"{name}.tsv"
        if table.is_file():
            for code, pair in _read(table):
                if code == language:
                    found[pair.word, pair.substitute] = pair
    return tuple(found.values())


def _read(table: Traversable) -> Iterator[tuple[str, AuditedPair]]:
    for number, line in enumerate(read_text(table).split("\n"), start=1):
        columns = line.rstrip("\r").split("\t")
        if not line.strip() or line.startswith("#") or tuple(columns) == _COLUMNS:
            continue
        if len(columns) != len(_COLUMNS):
            _ignore(f"{table}:{number}: {len(columns)} columns, expected {', '.join(_COLUMNS)}")
        elif columns[3] not in MARKS:
            _ignore(f"{table}:{number}: mark {columns[3]!r} is unknown; there are {', '.join(MARKS)}")
        else:
            word, substitute = (nfc(text).lower() for text in columns[1:3])
            yield columns[0], AuditedPair(word, substitute, columns[3], columns[4])


def _ignore(fault: str) -> None:
    warnings.warn(f"{fault}; the line is ignored", DataWarning, stacklevel=2)


def wrong_pairs(name: AuditName, language: str, tables: Tables = SHIPPED) -> frozenset[tuple[str, str]]:
    """Return the words and substitutes of a language that a reader has marked as wrong; see `audited_pairs`."""
    return _marked("wrong", name, language, tables)


def _marked(mark: Mark, name: AuditName, language: str, tables: Tables) -> frozenset[tuple[str, str]]:
    pairs = audited_pairs(name, language, tables)
    return frozenset((pair.word, pair.substitute) for pair in pairs if pair.mark == mark)


def without_wrong(
    name: AuditName, language: str, entries: Entries, forms: Entries, tables: Tables = SHIPPED
) -> tuple[Entries, Entries]:
    """Return a lexicon without the pairs that a reader has marked as wrong.

    Parameters
    ----------
    name : {"code-switching", "synonym"}
        Kind of the pairs.
    language : str
        Code of the language of the words.
    entries, forms : mapping
        Entries and inflected forms.
    tables : Tables
        Where the marks are found.

    Warns
    -----
    DataWarning
        If a user's table strikes out a pair that the lexicon does not have.
    """
    wrong = wrong_pairs(name, language, tables)
    if not wrong:
        return entries, forms
    if tables.extra is not None:
        shipped = {(pair.word, pair.substitute) for pair in audited_pairs(name, language)}
        _tell_missing(name, language, wrong - shipped, {**forms, **entries})
    return _struck_out(entries, wrong), _struck_out(forms, wrong)


def only_right(name: AuditName, language: str, entries: Entries, tables: Tables = SHIPPED) -> Entries:
    """Return a lexicon with only the pairs that a reader has marked as right.

    Parameters
    ----------
    name : {"code-switching", "synonym"}
        Kind of the pairs, and name of the table.
    language : str
        Code of the language of the words.
    entries : mapping
        Entries, whose forms are not yet made: a form has the mark of its lemma.
    tables : Tables
        Where the marks are found.
    """
    right = _marked("right", name, language, tables)
    kept = {
        entry: tuple(other for other in others if (entry, other.lower()) in right) for entry, others in entries.items()
    }
    return {entry: others for entry, others in kept.items() if others or not entries[entry]}


def _struck_out(entries: Entries, wrong: Collection[tuple[str, str]]) -> Entries:
    kept = {}
    for entry, others in entries.items():
        left = tuple(other for other in others if (entry.removeprefix(STEM), other.lower()) not in wrong)
        if left or not others:
            kept[entry] = left
    return kept


def _tell_missing(name: str, language: str, wrong: Collection[tuple[str, str]], entries: Mapping[str, object]) -> None:
    missing = sorted(word for word, _ in wrong if word not in entries and STEM + word not in entries)
    if missing:
        warnings.warn(
            f"audit/{name}.tsv: the lexicon of {language} does not have {', '.join(missing)}; such lines are ignored",
            DataWarning,
            stacklevel=2,
        )
