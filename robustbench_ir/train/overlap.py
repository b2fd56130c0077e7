"""How much of what a model is evaluated on it was trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from robustbench_ir.tasks import Task
from robustbench_ir.text import nfc
from robustbench_ir.train.table import ParallelTable


@dataclass(frozen=True)
class Overlap:
    """What a training table and a task share.

    Attributes
    ----------
    task : str
        Identity of the task.
    queries, passages : int
        The task's distinct texts.
    shared_queries, shared_passages : int
        Those that occur, as query, passage or negative, in the table.
    """

    task: str
    queries: int
    shared_queries: int
    passages: int
    shared_passages: int

    @property
    def query_share(self) -> float:
        """Share of the task's queries, from 0 to 1."""
        return self.shared_queries / self.queries if self.queries else 0.0

    @property
    def passage_share(self) -> float:
        """Share of the task's passages, from 0 to 1."""
        return self.shared_passages / self.passages if self.passages else 0.0

    def __bool__(self) -> bool:
        return bool(self.shared_queries or self.shared_passages)

    def __str__(self) -> str:
        return (
            f"{self.shared_queries} of {self.queries} queries ({self.query_share:.1%}) and {self.shared_passages} of "
            f"{self.passages} passages ({self.passage_share:.1%}) of {self.task}"
        )


def overlap(table: ParallelTable, task: Task) -> Overlap:
    """Count the texts of a task that a table has too, whatever their case, normal form and white space."""
    seen = _folded(text for row in table.rows for text in (row.query, row.passage, row.negative))
    queries = _folded(query.text for query in task.queries)
    passages = _folded(passage.text for passage in task.passages)
    return Overlap(task.identity, len(queries), len(queries & seen), len(passages), len(passages & seen))


def _folded(texts: Iterable[str]) -> set[str]:
    return {" ".join(nfc(text).casefold().split()) for text in texts} - {""}
