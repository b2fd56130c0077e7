"""Average precision of one query for several texts of it: what other packages' searches ask for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robustbench_ir.encoders import Embeddings
from robustbench_ir.metrics.measures import Ranked, average_precision
from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.tasks import Qrels, Task


def query_precision(
    task: Task, pool: Embeddings, query: int, texts: Embeddings, ties: TieOrder | None = None
) -> list[float]:
    """Return the average precision of a query over the whole pool, for each of several texts of it.

    Parameters
    ----------
    task : Task
        Whose judgements count; the query's own passage is left out of its ranking where the task says so.
    pool : array of shape (passages, dimensions)
        Embeddings of the passages, dense, sparse or of tokens.
    query : int
        Row of the query in the task.
    texts : array of shape (texts, dimensions)
        Embeddings of its texts, of the same kind.
    ties : TieOrder, optional
        Order of equal scores for the queries and passages of the task. Default: its own, which takes time to make.
    """
    judged = np.flatnonzero(task.qrels.query == query)
    count = texts.shape[0]
    group = np.repeat(np.arange(count, dtype=np.int32), len(judged))
    passage, grade = np.tile(task.qrels.passage[judged], count), np.tile(task.qrels.grade[judged], count)
    own = None if task.own_passage is None else np.repeat(task.own_passage[query], count)
    each = replace(task, qrels=Qrels(group, passage, grade), own_passage=own)
    order = (ties or TieOrder.of(task)).for_queries(np.full(count, query))
    ranks = rank_relevant(each, pool, texts, range(count), ties=order)
    found: list[float] = average_precision(Ranked(ranks.in_pool, group, grade, count)).tolist()
    return found
