"""The passage that overtook the right one. This needs scores, so the encoder runs again, on a few queries only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.encode import Encoder
from robustbench_ir.encode.batches import encode_texts
from robustbench_ir.encode.pool import encode_pool, fitted_on
from robustbench_ir.report.worst import WorstQuery
from robustbench_ir.score.settings import Setting
from robustbench_ir.tasks import Passage, Task


def with_overtaking(found: Sequence[WorstQuery], task: Task, encoder: Encoder, setting: Setting) -> list[WorstQuery]:
    """Add the passage that is not relevant and ranks best for the perturbed query.

    The pool comes from the embedding store where an attack has left it.

    Parameters
    ----------
    found : sequence of WorstQuery
        Those without texts stay as they are.
    task : Task
        Of the result.
    encoder : Encoder
        That of the result; the fingerprints are the same.
    setting : str
        Multilingual: best of the whole pool; otherwise, best in the language of the right passage.
    """
    rows = [place for place, one in enumerate(found) if one.texts]
    texts = [one.texts.perturbed for one in found if one.texts]
    if not texts:
        return list(found)
    passages = [passage.text for passage in task.passages]
    fitted = fitted_on(encoder, passages)
    # The pool first: encoders that are fitted on it must see it before any query.
    pool = encode_pool(encoder, fitted, passages)
    product = encode_texts(fitted.encode_queries, texts) @ pool.T
    scores = product if isinstance(product, np.ndarray) else product.toarray()
    done = list(found)
    for place, score in zip(rows, scores, strict=True):
        done[place] = _with_best(found[place], task, score, setting)
    return done


def _with_best(one: WorstQuery, task: Task, score: NDArray[np.float32], setting: Setting) -> WorstQuery:
    if one.texts is None:
        return one
    allowed = np.ones(len(score), dtype=bool)
    allowed[task.qrels.passage[task.qrels.query == one.row]] = False
    if setting != "multilingual":
        part = task.passage_slices[one.texts.right.language]
        allowed[: part.start] = allowed[part.stop :] = False
    if not allowed.any():
        return one
    best: Passage = task.passages[int(np.argmax(np.where(allowed, score, -np.inf)))]
    return replace(one, texts=replace(one.texts, overtook=best))
