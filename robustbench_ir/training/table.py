"""The parallel table that a model is trained on: queries and their passages, in several languages each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.resources.languages import select_languages
from robustbench_ir.tasks import Task
from robustbench_ir.training.record import Overlap

if TYPE_CHECKING:
    from datasets import Dataset


class ParallelRow(NamedTuple):
    """A query and a passage that answers it.

    Attributes
    ----------
    parallel_id : str
        The same for all rows that are translations of each other.
    language : str
        Code of the query's language.
    query, passage : str
        The texts, NFC.
    negative : str
        A passage that does not answer the query; empty if there is none.
    passage_language : str
        Code of the passage's language; empty if it is that of the query.
    source : str
        Name of the data set that the row is from.
    """

    parallel_id: str
    language: str
    query: str
    passage: str
    negative: str = ""
    passage_language: str = ""
    source: str = ""


@dataclass(frozen=True)
class ParallelTable:
    """Rows to train on.

    Attributes
    ----------
    name : str
        Name of the data, as `load_table` takes it.
    rows : tuple of ParallelRow
        In the order of the source.
    licence : str
        Terms of the texts; empty if unknown.
    notes : tuple of str
        What was left out, and why.

    Raises
    ------
    DataError
        If there is no row, or only some rows have a negative.
    """

    name: str
    rows: tuple[ParallelRow, ...] = field(repr=False)
    licence: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.rows:
            raise DataError(f"{self.name}: no row to train on; name another table, or other languages")
        with_negative = sum(1 for row in self.rows if row.negative)
        if with_negative not in {0, len(self.rows)}:
            lacking = next(row for row in self.rows if not row.negative)
            raise DataError(
                f"{self.name}: {len(self.rows) - with_negative} of {len(self.rows)} rows have no negative, such as "
                f"{lacking.parallel_id!r} ({lacking.language}); give all rows one, or none"
            )

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Languages of the queries, sorted."""
        return tuple(sorted({row.language for row in self.rows}))

    @cached_property
    def has_negatives(self) -> bool:
        """Whether each row has a negative."""
        return bool(self.rows[0].negative)

    @cached_property
    def digest(self) -> str:
        """Hash of the rows: 32 hexadecimal digits (BLAKE2b)."""
        state = blake2b(digest_size=16)
        for row in self.rows:
            state.update("\x1f".join(row).encode() + b"\x1e")
        return state.hexdigest()

    def select(self, languages: Iterable[str] | None) -> ParallelTable:
        """Return the table with queries of these languages only; all of it for None.

        Raises
        ------
        UnknownNameError
            If no row has one of the languages.
        """
        if languages is None:
            return self
        wanted = set(select_languages(languages, self.languages))
        return replace(self, rows=tuple(row for row in self.rows if row.language in wanted))

    def split(self, validation: float) -> tuple[ParallelTable, ParallelTable]:
        """Split off rows for validation, whole parallel ids at a time: the same ids on every machine.

        Parameters
        ----------
        validation : float
            Share of the parallel ids, above 0 and below 1.

        Raises
        ------
        OptionError
            If one of the two parts would be empty.
        """
        bound = int(validation * 2**64)
        chosen = [text_hash(row.parallel_id) < bound for row in self.rows]
        parts = (False, f"{self.name} (to train)"), (True, f"{self.name} (to validate)")
        train, held_out = (
            replace(self, name=name, rows=tuple(row for row, one in zip(self.rows, chosen, strict=True) if one is side))
            if side in chosen
            else _refuse_split(self, validation)
            for side, name in parts
        )
        return train, held_out

    def dataset(self, split: str = "train") -> Dataset:
        """Return the rows as the `datasets.Dataset` that the batch samplers and the collator read.

        Parameters
        ----------
        split : {"train", "validation"}
            Written into each row; the collator perturbs no query of the validation.
        """
        from datasets import Dataset

        columns = dict(zip(ParallelRow._fields, map(list, zip(*self.rows, strict=True)), strict=True))
        languages = zip(columns["language"], columns["passage_language"], strict=True)
        columns["passage_language"] = [own or other for other, own in languages]
        if not self.has_negatives:
            del columns["negative"]
        return Dataset.from_dict({**columns, "split": [split] * len(self.rows)})


def join(tables: Iterable[ParallelTable]) -> ParallelTable:
    """Concatenate tables; their parallel ids stay different."""
    parts = list(tables)
    if len(parts) == 1:
        return parts[0]
    rows = (
        row._replace(parallel_id=f"{part.name}\x1f{row.parallel_id}", source=part.name)
        for part in parts
        for row in part.rows
    )
    return ParallelTable(
        ",".join(part.name for part in parts),
        tuple(rows),
        "; ".join(f"{part.name}: {part.licence or 'unknown'}" for part in parts),
        tuple(note for part in parts for note in part.notes),
    )


def checked_row(where: str, row: ParallelRow) -> ParallelRow:
    """Return a row in NFC and without white space around its texts.

    Parameters
    ----------
    where : str
        Place of the row, for messages.
    row : ParallelRow
        The row.

    Raises
    ------
    DataError
        If a text or the parallel id is empty, or query and passage are equal.
    """
    clean = ParallelRow(*(nfc(value.strip()) for value in row))
    for name in ("parallel_id", "language", "query", "passage"):
        if not getattr(clean, name):
            raise DataError(f"{where}: {name} is empty; give it a text or leave the row out")
    if clean.query == clean.passage:
        raise DataError(f"{where}: query and passage are the same text, which teaches nothing; leave the row out")
    return clean


def text_hash(text: str) -> int:
    """Return 64 bits that depend only on a text, the same on every machine (BLAKE2b)."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _refuse_split(table: ParallelTable, validation: float) -> ParallelTable:
    ids = len({row.parallel_id for row in table.rows})
    raise OptionError(
        f"{table.name}: a share of {validation} of {ids} parallel ids leaves nothing on one side; "
        f"choose another --validation"
    )


# How many of the texts that a model is evaluated on it was trained on.


def overlap(table: ParallelTable, task: Task) -> Overlap:
    """Count the texts of a task that a table has too. Case, normal form and white space make no difference.

    Parameters
    ----------
    table : ParallelTable
        Training data.
    task : Task
        Task that the model is evaluated on.
    """
    seen = _folded(text for row in table.rows for text in (row.query, row.passage, row.negative))
    queries = _folded(query.text for query in task.queries)
    passages = _folded(passage.text for passage in task.passages)
    return Overlap(
        task=task.identity,
        queries=len(queries),
        shared_queries=len(queries & seen),
        passages=len(passages),
        shared_passages=len(passages & seen),
    )


def without_queries_of(table: ParallelTable, task: Task) -> ParallelTable:
    """Leave out the rows that have a query of a task among their texts, and note how many they are.

    Parameters
    ----------
    table : ParallelTable
        Training data.
    task : Task
        Task that the model is evaluated on.

    Raises
    ------
    DataError
        If no row is left.
    """
    asked = _folded(query.text for query in task.queries)
    kept = tuple(row for row in table.rows if not _folded((row.query, row.passage, row.negative)) & asked)
    if len(kept) == len(table.rows):
        return table
    note = f"{len(table.rows) - len(kept)} rows left out, which have a query of {task.identity}"
    return replace(table, rows=kept, notes=(*table.notes, note))


def check_overlap(name: str, found: Sequence[Overlap], *, allow: bool) -> None:
    """Refuse training data that has texts in common with a task that the model is evaluated on.

    Parameters
    ----------
    name : str
        Name of the training data, for the message.
    found : sequence of Overlap
        Overlap with each task.
    allow : bool
        Whether common texts are allowed.

    Raises
    ------
    DataError
        If the data has common texts, and they are not allowed.
    """
    if any(found) and not allow:
        raise DataError(
            f"{name} has {'; '.join(str(one) for one in found if one)}: a score would measure what the model has "
            f"memorised; leave out that task or that data, or add --allow-overlap, which every report then mentions"
        )


def _folded(texts: Iterable[str]) -> set[str]:
    return {" ".join(nfc(text).casefold().split()) for text in texts} - {""}
