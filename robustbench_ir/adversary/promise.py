"""How much harm an edit of a query promises, by the gradient on the query's input embeddings.

The harm is to the margin between the best relevant passage and the best other one. To first order, a word in the place
of another one changes it by the gradient at that place times the difference of their input embeddings (HotFlip,
https://arxiv.org/abs/1712.06751). The promise only orders what a search tries; what a text does is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from robustbench_ir.adversary.candidates import SearchSpace
from robustbench_ir.adversary.crafting import spaced
from robustbench_ir.adversary.victim import Victim
from robustbench_ir.encoders import Embeddings
from robustbench_ir.encoders.encoder import Dense
from robustbench_ir.encoders.gradients import Differentiable
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.perturb import Edit
from robustbench_ir.retrieval.similarity import pair_scores
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks.task import IntArray

_GOALS = ("map", "beyond")


def check_goal(goal: str) -> None:
    """Refuse a goal that another margin serves.

    Parameters
    ----------
    goal : str
        Name of the goal.

    Raises
    ------
    OptionError
        If it is not to push relevant passages down.
    """
    for part in goal.split("+"):
        if part.partition(":")[0].partition("@")[0] not in _GOALS:
            raise OptionError(
                f"goal {part}: gradients follow the relevant passages, for the goals {' and '.join(_GOALS)}@k; "
                "search it with greedy, beam or annealing"
            )


def promises(
    victim: Victim, rows: Sequence[int], spaces: Sequence[SearchSpace], languages: Sequence[str]
) -> list[dict[Edit, float]]:
    """Return for each edit of some queries by how much it is expected to lower the margin.

    Parameters
    ----------
    victim : Victim
        The encoder that is attacked, which gives gradients, with its pool of dense rows.
    rows : sequence of int
        Rows of the queries.
    spaces : sequence of SearchSpace
        Their rewritings.
    languages : sequence of str
        Their languages.

    Raises
    ------
    EncoderError
        If the encoder gives no gradients, or no dense rows.
    """
    encoder = victim.runner.encoder
    if not isinstance(encoder, Differentiable):
        raise EncoderError(f"{encoder.description.name}: has no similarity_gradients and word_vectors")
    texts = [space.clean for space in spaces]
    targets = _margins(victim, rows, texts)
    vectors = _vectors(encoder, spaces, languages)
    found = []
    gradients = encoder.similarity_gradients(texts, targets, "query")
    for space, language, pieces in zip(spaces, languages, gradients, strict=True):
        spans = [place[0].span for place in space.places]
        gradient, own = pieces.of_words(spans)
        found.append(
            {
                edit: float(own[row] - gradient[row] @ vectors[language, edit.after]) if edit.after else float(own[row])
                for row, place in enumerate(space.places)
                for edit in place
            }
        )
    return found


def _vectors(
    encoder: Differentiable, spaces: Sequence[SearchSpace], languages: Sequence[str]
) -> Mapping[tuple[str, str], Dense]:
    """Return the input embedding of everything that may be written, by language and text."""
    words: dict[str, dict[str, None]] = {}
    for space, language in zip(spaces, languages, strict=True):
        known = words.setdefault(language, {})
        known |= {edit.after: None for place in space.places for edit in place if edit.after}
    found: dict[tuple[str, str], Dense] = {}
    for language, known in words.items():
        if known:
            vectors = encoder.word_vectors(list(known), "query", spaced=spaced(language))
            found |= {(language, word): vector for word, vector in zip(known, vectors, strict=True)}
    return found


def rivals(victim: Victim, rows: Sequence[int], queries: Embeddings) -> tuple[IntArray, IntArray]:
    """Return the best relevant passage of each query and the best other one, as rows of the pool; -1 where none is.

    Parameters
    ----------
    victim : Victim
        The encoder with its pool, and the passages that are relevant.
    rows : sequence of int
        Rows of the queries.
    queries : Embeddings
        Their embeddings.
    """
    runner, targets = victim.runner, victim.targets
    entries = [slice(targets.first[row], targets.first[row + 1]) for row in rows]
    relevant = [targets.passage[own][targets.grade[own] > 0] for own in entries]
    deepest = 1 + max((len(one) for one in relevant), default=0)
    own = runner.task.own_passage
    left_out = None if own is None else own[np.asarray(rows)]
    best = best_passages(runner.pool, queries, deepest, memory=runner.memory, own=left_out).rows
    found = np.full((2, len(rows)), -1, dtype=np.int32)
    for number, passages in enumerate(relevant):
        others = [row for row in best[number].tolist() if row >= 0 and row not in passages]
        if len(passages) and others:
            scores = pair_scores(queries, np.full(len(passages), number), runner.pool, passages)
            found[:, number] = passages[scores.argmax()], others[0]
    return found[0], found[1]


def _margins(victim: Victim, rows: Sequence[int], texts: Sequence[str]) -> Dense:
    """Return the best relevant passage of each query minus the best other one; shape (queries, dimensions)."""
    runner = victim.runner
    pool, queries = runner.pool, runner.encode(texts)
    if not isinstance(pool, np.ndarray) or not isinstance(queries, np.ndarray):
        raise EncoderError(f"{runner.encoder.description.name}: gives no dense rows, which gradients need")
    relevant, rival = rivals(victim, rows, queries)
    return np.where((relevant >= 0)[:, None], pool[relevant] - pool[rival], 0).astype(np.float32)
