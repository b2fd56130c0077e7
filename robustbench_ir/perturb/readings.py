"""Readings under `attacks/romanisation/readings/`: how words are read whose characters do not tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from robustbench_ir.errors import CardError
from robustbench_ir.resources.cards import SHIPPED, Tables


@dataclass(frozen=True)
class Readings:
    """Words of a script without letters for sounds, and how they are read.

    Attributes
    ----------
    table : mapping of str to str
        Word to reading, in what the rules of the convention take: pinyin, kana. ``^X$`` is X as a whole word.
    longest : int
        Code points of the longest word.
    """

    table: Mapping[str, str] = field(repr=False)
    longest: int

    def __contains__(self, word: object) -> bool:
        return word in self.table

    def read(self, word: str) -> str:
        """Return the word with the longest known stretches, from left to right, as they are read."""
        whole = self.table.get(f"^{word}$") or self.table.get(word)
        if whole or not self.table:
            return whole or word
        pieces: list[str] = []
        start = 0
        while start < len(word):
            ends = range(min(len(word), start + self.longest), start, -1)
            end = next((end for end in ends if word[start:end] in self.table), 0)
            # The space keeps a reading apart from the next one; rules that write words in one take it out.
            pieces.append(f" {self.table[word[start:end]]} " if end else word[start])
            start = end or start + 1
        return "".join(pieces)


@cache
def read_readings(name: str, tables: Tables = SHIPPED) -> Readings:
    """Read a table of readings; one without words for an empty name.

    Parameters
    ----------
    name : str
        Name of a table under `attacks/romanisation/readings/`, with a word, a tab and its reading in each line.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or a line of it has not two fields.
    """
    if not name:
        return Readings({}, 0)
    entry = tables.find(f"romanisation/readings/{name}.tsv")
    rows = [line.split("\t") for line in entry.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2 or not all(row):
            raise CardError(f"{entry}: line {number}: a word, a tab and its reading are needed")
    return Readings(dict(rows), max(len(word) for word, _ in rows))
