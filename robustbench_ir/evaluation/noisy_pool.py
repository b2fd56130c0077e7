"""The passages of a task as a recipe perturbs them: another pool, which is encoded and ranked as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.evaluation.runner import QuerySet
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.perturb import Perturbation, Recipe
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.result import Cell
from robustbench_ir.tasks import Passage, Task

_PASSAGES_AT_ONCE = 4096


@dataclass(frozen=True)
class NoisyPool:
    """A pool after a recipe. Of the perturbations, only those of judged passages are kept, since a pool may be large.

    Attributes
    ----------
    task : Task
        The task with the perturbed passages.
    digest : str
        SHA-256 of the perturbed passages, in the order of the pool.
    judged : mapping of int to Perturbation
        Row of each judged passage to its perturbation.
    """

    task: Task
    digest: str
    judged: dict[int, Perturbation]

    def any_judged(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return for each query whether something holds for one of its judged passages, shape (queries,).

        Parameters
        ----------
        which : bool array of shape (judged passages,)
            Whether it holds for each passage, in the order of `judged`.
        """
        return self._sums(which.astype(float)) > 0

    def mean_with(self, of_passages: Floats, of_queries: Floats | None) -> Floats:
        """Return for each query the mean over its judged passages, and the query itself if it was perturbed too.

        Parameters
        ----------
        of_passages : float64 array of shape (judged passages,)
            In the order of `judged`.
        of_queries : float64 array of shape (queries,), optional
            None where the queries are clean.
        """
        counts = np.bincount(self.task.qrels.query, minlength=len(self.task.queries))
        if of_queries is None:
            return self._sums(of_passages) / counts
        return (self._sums(of_passages) + of_queries) / (counts + 1)

    def _sums(self, of_passages: Floats) -> Floats:
        qrels = self.task.qrels
        by_row = np.zeros(len(self.task.passages))
        by_row[list(self.judged)] = of_passages
        return np.bincount(qrels.query, by_row[qrels.passage], len(self.task.queries)).astype(np.float64)


@dataclass(frozen=True)
class NoisyCell:
    """The texts of a cell whose passages are perturbed.

    Attributes
    ----------
    pool : NoisyPool
        The passages.
    queries : QuerySet
        All queries, clean or perturbed, with a runner that has these passages.
    """

    pool: NoisyPool
    queries: QuerySet

    @property
    def digest(self) -> str:
        """SHA-256 of the query set and the passages, 64 hexadecimal digits."""
        return sha256(f"{self.queries.digest}\n{self.pool.digest}".encode()).hexdigest()

    def cell(self, identity: AttackIdentity, severity: int, seed: int, not_covered: Mapping[str, str]) -> Cell:
        """Return the cell, with its ranks. What it says of a query is of its judged passages, and of its own text.

        Parameters
        ----------
        identity, severity, seed, not_covered
            Fields of the cell.
        """
        judged, queries = list(self.pool.judged.values()), self.queries.perturbed
        own = np.array([one.changed for one in queries])
        touched, edit_rate = (
            self.pool.mean_with(
                np.array([getattr(one, key) for one in judged]),
                np.array([getattr(one, key) for one in queries]) if identity.on == "both" else None,
            )
            for key in ("touched", "edit_rate")
        )
        return Cell(
            recipe=identity,
            severity=severity,
            seed=seed,
            digest=self.digest,
            changed=own | self.pool.any_judged(np.array([one.changed for one in judged])),
            touched=touched,
            edit_rate=edit_rate,
            not_covered=dict(not_covered),
            ranks=self.queries.ranks,
            input_changed=self._inputs_changed(),
        )

    def _inputs_changed(self) -> NDArray[np.bool_] | None:
        """Return whether what the encoder reads of a query or its judged passages changed; None if it does not know."""
        runner = self.queries.runner
        if runner.task.words_a_piece:  # an encoder reads pieces, which move with every word
            return None
        of_passages = runner.changed_inputs(list(self.pool.judged.values()), "passage")
        of_queries = runner.changed_inputs(self.queries.perturbed)
        if of_passages is None or of_queries is None:
            return None
        return of_queries | self.pool.any_judged(of_passages)


def noisy_pool(task: Task, recipe: Recipe, severity: int, seed: int, advance: Callable[[int], None]) -> NoisyPool:
    """Perturb the passages of a task, each by itself, some thousands at a time.

    Parameters
    ----------
    task : Task
        Task with the clean passages.
    recipe : Recipe
        Recipe, with the task's own lexicons; passages in languages that it does not cover stay as they are.
    severity, seed : int
        Severity and seed of the perturbation. The random choices of a passage depend on its id.
    advance : callable
        Receives the number of passages that were perturbed since the last call.
    """
    wanted = set(task.qrels.passage.tolist())
    passages: list[Passage] = []
    judged: dict[int, Perturbation] = {}
    hasher = sha256()
    for start in range(0, len(task.passages), _PASSAGES_AT_ONCE):
        block = task.passages[start : start + _PASSAGES_AT_ONCE]
        perturbed = recipe.perturb([_AsQuery(one) for one in block], severity, seed)
        for row, (passage, one) in enumerate(zip(block, perturbed, strict=True), start):
            hasher.update((json.dumps([passage.passage_id, one.text], ensure_ascii=False) + "\n").encode())
            passages.append(replace(passage, text=one.text) if one.changed else passage)
            if row in wanted:
                judged[row] = one
        advance(len(block))
    noisy = replace(task, passages=tuple(passages))
    return NoisyPool(noisy, hasher.hexdigest(), judged)


@dataclass(frozen=True, slots=True)
class _AsQuery:
    """A passage where a recipe expects a query."""

    passage: Passage

    @property
    def query_id(self) -> str:
        return self.passage.passage_id

    @property
    def language(self) -> str:
        return self.passage.language

    @property
    def text(self) -> str:
        return self.passage.text


def languages_not_covered(task: Task, recipe: Recipe, *, with_queries: bool) -> dict[str, str]:
    """Return the query languages for which a recipe changes nothing of a task, with the reason.

    What counts are the passages in the language of the queries; where the pool has none, those that answer them.

    Parameters
    ----------
    task : Task
        The task.
    recipe : Recipe
        The recipe.
    with_queries : bool
        Whether the queries are perturbed too.
    """
    missed = recipe.not_covered(task.passage_languages)
    kept = recipe.not_covered(task.query_languages) if with_queries else dict.fromkeys(task.query_languages, "")
    found: dict[str, str] = {}
    for language in kept:
        answers = _languages_of_answers(task, language)
        if missed.keys() >= set(answers):
            reasons = "; ".join(dict.fromkeys(missed[one] for one in answers))
            elsewhere = "" if answers == [language] else f"its passages are in {', '.join(answers)}: "
            found[language] = f"{elsewhere}{reasons}"
    return found


def _languages_of_answers(task: Task, language: str) -> Sequence[str]:
    if language in task.passage_languages:
        return [language]
    asked = np.array([query.language == language for query in task.queries])
    rows = task.qrels.passage[asked[task.qrels.query]]
    return sorted({task.passages[row].language for row in rows.tolist()})
