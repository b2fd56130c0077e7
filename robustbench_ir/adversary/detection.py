"""Detectors of injected passages: how many they catch, and how many honest passages they flag as well.

They are baselines, fitted on the honest pool alone. What a defender would have to pay is measured on honest passages
that fitted nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.adversary.character_model import CharacterModel
from robustbench_ir.encoders.piece_embeddings import PieceEmbeddings, Pool
from robustbench_ir.metrics.clusters import cluster_means
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.statistics import (
    RESAMPLES,
    SEED,
    Estimate,
    bootstrap_intervals,
    draws,
    share_interval,
)
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Passage

FLAGGED = 0.05
"""Share of the honest passages that the threshold of a detector flags where it is fitted."""

_MOST_PASSAGES = 2_000  # of a language; more of them change no digit that is shown
_FEWEST_PASSAGES = 20  # with fewer passages, no threshold can be fitted
_NEIGHBOURS = 10
_NO_SPREAD = 1e-4  # norms that differ by less than this share are those of an encoder that normalises

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Detection:
    """What a detector says of the passages that were injected in one language.

    Attributes
    ----------
    detector : str
        ``"perplexity"``: the perplexity of a character model of the language; ``"density"``: the mean similarity to the
        ten nearest honest passages, unusually low or high; ``"norm"``: the length of the embedding, likewise.
    source : str
        Language of the injected passages.
    caught : Estimate
        Share of the injected passages that it flags, with its 95% interval by a bootstrap over questions; NaN where the
        detector does not apply.
    cost : float
        Share of the honest passages of that language that it flags too, among those that did not set its threshold.
    auc : float
        Probability that an injected passage looks less honest than an honest one: 0.5 is chance.
    questions : int
        Number of questions that the injected passages are aimed at.
    reason : str
        Why the detector does not apply; empty where it does.
    """

    detector: str
    source: str
    caught: Estimate
    cost: float
    auc: float
    questions: int
    reason: str = ""


@dataclass(frozen=True)
class Injected:
    """The injected passages in one language.

    Attributes
    ----------
    texts : sequence of str
        Their texts.
    embeddings : Pool
        Their embeddings, in the same order.
    question : integer array of shape (passages,)
        Number of the question that each is aimed at.
    """

    texts: Sequence[str]
    embeddings: Pool
    question: NDArray[np.integer]

    @property
    def questions(self) -> int:
        """Number of questions."""
        return len(np.unique(self.question))


def detections(honest: Sequence[Passage], pool: Pool, injected: Mapping[str, Injected]) -> list[Detection]:
    """Return what each detector says of the injected passages of each language.

    Parameters
    ----------
    honest : sequence of Passage
        Passages of the task.
    pool : Pool
        Their embeddings, in the same order.
    injected : mapping of str to Injected
        Source language to what was injected in it.

    Returns
    -------
    list of Detection
        Language by language, with all detectors each.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, passage in enumerate(honest):
        rows[passage.language].append(row)
    found = []
    for source, attack in injected.items():
        known = _spread(rows.get(source, ()))
        for detector, score in _DETECTORS.items():
            if len(known) < _FEWEST_PASSAGES:
                reason = f"the pool has {len(known)} passages in this language, too few to fit a threshold"
                found.append(_not_applied(detector, source, attack, reason))
            else:
                found.append(_judged(detector, source, attack, score(_Case(honest, pool, known, attack))))
    return found


def _spread(rows: Sequence[int]) -> Rows:
    """Return at most as many rows as are needed, evenly spread."""
    number = min(len(rows), _MOST_PASSAGES)
    return np.asarray(rows, dtype=np.intp)[np.linspace(0, max(len(rows) - 1, 0), number).astype(np.intp)]


@dataclass(frozen=True)
class _Case:
    """What a detector compares.

    Attributes
    ----------
    honest : sequence of Passage
        All honest passages.
    pool : Pool
        Their embeddings.
    known : integer array of shape (known,)
        Rows of those in the language of the injected ones.
    injected : Injected
        The injected ones.
    """

    honest: Sequence[Passage]
    pool: Pool
    known: Rows
    injected: Injected


@dataclass(frozen=True)
class _Scores:
    """How dishonest passages look to a detector; higher is less honest.

    Attributes
    ----------
    fitting, others : float64 arrays
        Scores of the honest passages that set the threshold, and of those that it is tried on.
    injected : float64 array of shape (passages,)
        Scores of the injected passages.
    """

    fitting: Floats
    others: Floats
    injected: Floats


def _judged(detector: str, source: str, attack: Injected, scores: _Scores | str) -> Detection:
    if isinstance(scores, str):
        return _not_applied(detector, source, attack, scores)
    limit = np.quantile(scores.fitting, 1 - FLAGGED)
    caught, cost = _share(scores.injected > limit, attack.question), float((scores.others > limit).mean())
    return Detection(detector, source, caught, cost, _auc(scores.injected, scores.others), attack.questions)


def _not_applied(detector: str, source: str, attack: Injected, reason: str) -> Detection:
    nan = float("nan")
    return Detection(detector, source, Estimate(nan, nan, nan), nan, nan, attack.questions, reason)


def _share(flagged: NDArray[np.bool_], question: NDArray[np.integer]) -> Estimate:
    """Return the share of the passages that are flagged, with an interval over questions."""
    _, cluster = np.unique(question, return_inverse=True)
    clusters = int(cluster.max()) + 1
    means = cluster_means(
        flagged.astype(np.float64), cluster, np.zeros_like(cluster), np.ones((1, 1), dtype=bool), clusters
    )
    (draw,) = draws([means], np.random.default_rng(SEED), RESAMPLES)
    return share_interval(bootstrap_intervals(draw, clusters)[0], clusters)


def _auc(injected: Floats, honest: Floats) -> float:
    """Return the probability that an injected passage has the higher score; equal scores count half."""
    ordered = np.sort(honest)
    below, up_to = np.searchsorted(ordered, injected, "left"), np.searchsorted(ordered, injected, "right")
    return float((below + up_to).mean() / 2 / len(honest))


def _perplexity(case: _Case) -> _Scores:
    """Score by the perplexity of a character model that half of the honest passages have trained."""
    texts = [case.honest[row].text for row in case.known]
    model = CharacterModel.of(texts[::2])
    honest = model.perplexities(texts[1::2])
    return _Scores(honest[::2], honest[1::2], model.perplexities(case.injected.texts))


def _density(case: _Case) -> _Scores | str:
    """Score by how unusual the mean similarity to the nearest honest passages is, in either direction."""
    pool, injected = case.pool, case.injected.embeddings
    if isinstance(pool, PieceEmbeddings) or isinstance(injected, PieceEmbeddings):
        return "its passages are read in pieces"
    # A passage has itself as its nearest neighbour, which says nothing.
    own = case.known.astype(np.int32)
    honest = best_passages(pool, pool[case.known], _NEIGHBOURS, own=own).scores.mean(axis=1)
    return _unusual(honest, best_passages(pool, injected, _NEIGHBOURS).scores.mean(axis=1))


def _norm(case: _Case) -> _Scores | str:
    """Score by how unusual the length of the embedding is, in either direction."""
    pool, injected = case.pool, case.injected.embeddings
    if not isinstance(pool, np.ndarray) or not isinstance(injected, np.ndarray):
        return "its embeddings are not one dense row for each passage"
    honest = np.linalg.norm(pool[case.known].astype(np.float64), axis=1)
    if honest.std() <= _NO_SPREAD * honest.mean():
        return "the encoder gives all passages the same norm"
    return _unusual(honest, np.linalg.norm(injected.astype(np.float64), axis=1))


def _unusual(honest: Floats, injected: Floats) -> _Scores:
    """Return the distance to the median of half of the honest values."""
    median = np.median(honest[::2])
    return _Scores(np.abs(honest[::2] - median), np.abs(honest[1::2] - median), np.abs(injected - median))


_DETECTORS: Mapping[str, Callable[[_Case], _Scores | str]] = {
    "perplexity": _perplexity,
    "density": _density,
    "norm": _norm,
}
