"""How safely a relevant passage is first: what an adversary who sees scores goes by where ranks do not move."""

from __future__ import annotations

import numpy as np

from robustbench_ir.encode import Embeddings
from robustbench_ir.matrix_product import pair_scores, product_with
from robustbench_ir.retrieve import IntArray
from robustbench_ir.score.measures import Floats

_TEXTS_AT_ONCE = 256
_DECIMALS = 6  # what the product's rounding cannot change


def leads(queries: Embeddings, pool: Embeddings, text: IntArray, passage: IntArray, grade: IntArray) -> Floats:
    """Return by how much the best relevant passage of each text scores above the best other one.

    Parameters
    ----------
    queries, pool : float32 arrays of shapes (texts, dimensions) and (passages, dimensions)
        Dense or sparse.
    text, passage, grade : integer arrays of shape (entries,)
        Judgements, `text` ascending; those of grade 0 are of passages that are not relevant.

    Returns
    -------
    float64 array of shape (texts,)
        Rounded to six decimals; below 0 where another passage is first; 0 for a text without relevant passages.
    """
    relevant = grade > 0
    text, passage = text[relevant], passage[relevant]
    own = np.full(queries.shape[0], -np.inf)
    np.maximum.at(own, text, pair_scores(queries, text, pool, passage))
    product, places = product_with(pool), np.empty(queries.shape[0], dtype=np.intp)
    for start in range(0, queries.shape[0], _TEXTS_AT_ONCE):
        scores = product(queries[start : start + _TEXTS_AT_ONCE])
        first, last = np.searchsorted(text, [start, start + len(scores)])
        scores[text[first:last] - start, passage[first:last]] = -np.inf
        places[start : start + len(scores)] = scores.argmax(axis=1)
    best = pair_scores(queries, np.arange(queries.shape[0]), pool, places)
    return np.where(np.isfinite(own), own - best, 0.0).round(_DECIMALS)
