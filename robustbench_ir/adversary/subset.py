"""Fewer questions against the whole pool: a search asks the encoder hundreds of times about each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robustbench_ir.errors import OptionError
from robustbench_ir.tasks import Qrels, Task


def first_questions(task: Task, number: int) -> Task:
    """Return the task with its first questions only, in all their languages; the pool stays whole.

    Parameters
    ----------
    task : Task
        Its queries are chosen by `parallel_id`, in order of appearance.
    number : int
        Questions, 1 or more.

    Raises
    ------
    OptionError
        A number below 1.
    """
    if number < 1:
        raise OptionError(f"{number} questions; at least 1 is wanted")
    chosen = set(list(dict.fromkeys(query.parallel_id for query in task.queries))[:number])
    rows = np.array([row for row, query in enumerate(task.queries) if query.parallel_id in chosen])
    kept = np.isin(task.qrels.query, rows)
    query = np.searchsorted(rows, task.qrels.query[kept]).astype(np.int32)
    qrels = Qrels(query, task.qrels.passage[kept], task.qrels.grade[kept])
    return replace(task, queries=tuple(task.queries[row] for row in rows), qrels=qrels)
