"""The queries of a task as a data set of TextAttack."""

from __future__ import annotations

from textattack.datasets import Dataset

from robustbench_ir._base.text import nfc
from robustbench_ir.tasks import Task


class TaskDataset(Dataset):
    """Queries of a task, NFC, each with its row in the task as the "label".

    Parameters
    ----------
    task : Task
        Task with the queries.
    language : str, optional
        Only queries of this language; the rows stay those of the whole task.
    """

    def __init__(self, task: Task, language: str | None = None) -> None:
        super().__init__(
            [
                (nfc(query.text), row)
                for row, query in enumerate(task.queries)
                if language is None or query.language == language
            ]
        )
