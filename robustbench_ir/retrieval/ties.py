"""The order of passages that score alike for a query: by a hash of both ids, blind to language and place in the pool.

Pools are sorted by language, so that any order by place would put one language before the others wherever scores are
equal, and a lexical encoder, which gives most passages the score 0, would seem to prefer that language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.retrieval.scores import RowNumbers
from robustbench_ir.tasks import Task

Keys = NDArray[np.uint64]
_KEY_BYTES = 8


@dataclass(frozen=True)
class TieOrder:
    """Order of passages that score alike: the one with the lower key comes first. It is the same on every machine.

    Attributes
    ----------
    query : uint64 array of shape (queries,)
        Hash of each query's id.
    passage : uint64 array of shape (passages,)
        Hash of each passage's id.
    retrieves_zero : bool
        Whether a passage with the score 0 has a place at all; see `EncoderDescription.retrieves_zero`.
    """

    query: Keys
    passage: Keys
    retrieves_zero: bool = True

    @classmethod
    def of(cls, task: Task, *, retrieves_zero: bool = True) -> TieOrder:
        """Return the order for the queries and passages of a task."""
        queries = _hashes([one.query_id for one in task.queries], b"query")
        return cls(queries, _hashes([one.passage_id for one in task.passages], b"passage"), retrieves_zero)

    def for_queries(self, rows: Sequence[int] | RowNumbers) -> TieOrder:
        """Return the order for some queries, which may repeat."""
        return replace(self, query=self.query[np.asarray(rows, dtype=np.intp)])

    def for_passages(self, part: slice) -> TieOrder:
        """Return the order for a part of the pool."""
        return replace(self, passage=self.passage[part])

    def keys(self, query: RowNumbers | int, passage: RowNumbers) -> Keys:
        """Return the key of each pair of a query and a passage.

        The last steps of SplitMix64 (Steele, Lea and Flood, 2014, doi:10.1145/2660193.2660195) mix the two hashes, so
        that the order of the passages is another one for each query.

        Parameters
        ----------
        query, passage : integers and integer array, of shapes that broadcast
            Places among the queries, and rows of the pool.
        """
        mixed = self.query[query] ^ self.passage[passage]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found: Keys = mixed ^ (mixed >> np.uint64(31))
        return found


def _hashes(names: Sequence[str], side: bytes) -> Keys:
    # The side is part of the hash: a passage may have the id of a query, and equal hashes would cancel each other out.
    digests = (
        blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES, person=side).digest() for name in names
    )
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
