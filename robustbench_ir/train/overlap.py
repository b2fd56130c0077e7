"""How much of what a model is evaluated on it was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from robustbench_ir.errors import DataError
from robustbench_ir.tasks import Task
from robustbench_ir.text import nfc
from robustbench_ir.train.record import Overlap
from robustbench_ir.train.table import ParallelTable


def overlap(table: ParallelTable, task: Task) -> Overlap:
    """Count the texts of a task that a table has too, whatever their case, normal form and white space."""
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


def check_overlap(name: str, found: Sequence[Overlap], *, allow: bool) -> None:
    """Refuse training data that shares texts with what a model is evaluated on.

    Raises
    ------
    DataError
        The data of this name shares texts, and that is not allowed.
    """
    if any(found) and not allow:
        raise DataError(
            f"{name} has {'; '.join(str(one) for one in found if one)}: a score would be of what was learnt by heart; "
            f"leave out that task or that data, or say --allow-overlap and have every report say so"
        )


def _folded(texts: Iterable[str]) -> set[str]:
    return {" ".join(nfc(text).casefold().split()) for text in texts} - {""}
