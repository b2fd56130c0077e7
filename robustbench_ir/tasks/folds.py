"""Folds: a task cut by documents, so that one part can train a model and the other can test it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.tasks.task import Qrels, Task, kept_rows, renumbered

_FOLD = re.compile(r"(?P<task>[^:]+):(?P<rest>not)?(?P<number>[0-9]+)of(?P<folds>[0-9]+)")


@dataclass(frozen=True)
class Fold:
    """A part of a task: the documents whose number, modulo `folds`, is `number` - 1; or all others.

    Attributes
    ----------
    number, folds : int
        Which fold, from 1, of how many, 2 or more.
    rest : bool
        Whether all other folds are meant.
    """

    number: int
    folds: int
    rest: bool = False

    def __post_init__(self) -> None:
        if self.folds < 2 or not 1 <= self.number <= self.folds:
            raise OptionError(f"{self}: write the number of a fold and how many there are, such as 1of2")

    def __str__(self) -> str:
        return f"{'not' if self.rest else ''}{self.number}of{self.folds}"


def name_and_fold(name: str) -> tuple[str, Fold | None]:
    """Split the name of a task into its card and the fold behind its colon.

    Raises
    ------
    OptionError
        If there is no such fold.

    Examples
    --------
    >>> name_and_fold("xquad-r:1of2")
    ('xquad-r', Fold(number=1, folds=2, rest=False))
    >>> name_and_fold("xquad-r")
    ('xquad-r', None)
    """
    found = _FOLD.fullmatch(name)
    if found is None:
        return name, None
    return found["task"], Fold(int(found["number"]), int(found["folds"]), rest=found["rest"] is not None)


def select_fold(task: Task, fold: Fold | None) -> Task:
    """Return the part of a task whose passages are from the documents of a fold; its version names the fold.

    The documents of a task are numbered in their order, and dealt to the folds in turn. All translations of a document
    are in the same fold. So no question of one fold asks about a document of another.

    Parameters
    ----------
    task : Task
        A task whose passages name their documents.
    fold : Fold, optional
        Which part; None for the whole task.

    Raises
    ------
    DataError
        If the task does not know its documents, has fewer than there are folds, or has a question on several folds.
    """
    if fold is None:
        return task
    documents = dict.fromkeys(passage.document for passage in task.passages)
    if "" in documents or len(documents) < fold.folds:
        raise DataError(
            f"{task.name}: cannot be cut into {fold.folds} folds; its passages do not name enough documents"
        )
    own = {one for place, one in enumerate(documents) if (place % fold.folds == fold.number - 1) != fold.rest}
    passages = np.array([passage.document in own for passage in task.passages])
    judged = passages[task.qrels.passage]
    inside, outside = np.unique(task.qrels.query[judged]), np.unique(task.qrels.query[~judged])
    both = np.intersect1d(inside, outside)
    if len(both):
        raise DataError(
            f"{task.name}: {len(both)} questions, such as {task.queries[both[0]].query_id!r}, are answered in several "
            f"folds; choose another number of folds"
        )
    rows = np.flatnonzero(passages)
    return replace(
        task,
        version=f"{task.version}-fold-{fold}",
        queries=tuple(task.queries[row] for row in inside),
        passages=tuple(task.passages[row] for row in rows),
        qrels=Qrels(
            renumbered(task.qrels.query[judged], inside),
            renumbered(task.qrels.passage[judged], rows),
            task.qrels.grade[judged],
        ),
        own_passage=None if task.own_passage is None else kept_rows(task.own_passage[inside], rows),
    )
