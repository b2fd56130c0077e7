"""The order of passages by score, with equal scores in the order of a hash of both ids, in Python's own integers."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from robustbench_ir.tasks import Task

_64 = 2**64 - 1


def tie_key(query_id: str, passage_id: str) -> int:
    query = blake2b(query_id.encode(), digest_size=8, person=b"query").digest()
    passage = blake2b(passage_id.encode(), digest_size=8, person=b"passage").digest()
    mixed = int.from_bytes(query, "little") ^ int.from_bytes(passage, "little")
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & _64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _64
    return mixed ^ (mixed >> 31)


def rows_by_score(task: Task, query: int, scores: Sequence[float] | np.ndarray) -> list[int]:
    """Return all rows of the pool, best first."""
    name = task.queries[query].query_id
    return sorted(range(len(scores)), key=lambda row: (-scores[row], tie_key(name, task.passages[row].passage_id)))
