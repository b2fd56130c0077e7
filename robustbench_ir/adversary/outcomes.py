"""Results of searches over all queries of a cell, and the attacked queries as a file for other systems."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robustbench_ir._base.files import opened_whole
from robustbench_ir.adversary.driver import Measurement, QueryOutcome
from robustbench_ir.evaluation.query_sets import edit_record
from robustbench_ir.metrics.settings import nanmean
from robustbench_ir.perturb import Edit, Perturbation
from robustbench_ir.results.result import Cell
from robustbench_ir.tasks import Task


@dataclass(frozen=True)
class SearchedCell:
    """A cell whose queries a search has made.

    Attributes
    ----------
    cell : Cell
        The cell as it is in the result.
    goal : str
        Goal of the search.
    outcomes : tuple of QueryOutcome
        One for each query of the task, in order.
    """

    cell: Cell
    goal: str
    outcomes: tuple[QueryOutcome, ...]

    @property
    def attackable(self) -> int:
        """Number of queries to which the goal applies and whose clean text does not reach it."""
        return sum(one.attackable for one in self.outcomes)

    @property
    def successes(self) -> int:
        """Number of attackable queries that reach the goal after the attack."""
        return sum(one.attackable and one.best.reached for one in self.outcomes)

    @property
    def success_rate(self) -> float:
        """Share of the attackable queries that reach the goal, 0 to 1; NaN if no query is attackable."""
        return self.successes / self.attackable if self.attackable else float("nan")

    @property
    def encodings(self) -> int:
        """Number of texts that were encoded for all queries, besides the clean queries."""
        return sum(one.encodings for one in self.outcomes)

    @property
    def encodings_per_query(self) -> float:
        """Mean number of encoded texts for each query of the task."""
        return self.encodings / len(self.outcomes)

    @property
    def encodings_per_success(self) -> float:
        """Number of encoded texts divided by the number of successes; infinite if there is none."""
        return self.encodings / self.successes if self.successes else float("inf")

    @property
    def clean_value(self) -> float:
        """Mean of the goal's value over the clean queries, 0 to 1; AP for the goal `map`."""
        return float(nanmean(np.array([one.clean.value for one in self.outcomes]), axis=0))

    @property
    def value(self) -> float:
        """Mean of the goal's value over the attacked queries, 0 to 1."""
        return float(nanmean(np.array([one.best.value for one in self.outcomes]), axis=0))

    @property
    def words(self) -> float:
        """Mean number of places that were changed."""
        return sum(len(one.edits) for one in self.outcomes) / len(self.outcomes)


def perturbation(query_id: str, clean: str, places: int, outcome: QueryOutcome) -> Perturbation:
    """Return an outcome in the form of a recipe's perturbation.

    Parameters
    ----------
    query_id, clean : str
        Id and clean text of the query.
    places : int
        Number of places that could have changed.
    outcome : QueryOutcome
        Result of the search.
    """
    return Perturbation(query_id, clean, outcome.text, outcome.edits, places)


def write_queries(path: Path, task: Task, attacked: SearchedCell) -> None:
    """Write the attacked queries as `irbench perturb` does: JSON lines with ``_id``, ``text`` and ``metadata``.

    Parameters
    ----------
    path : pathlib.Path
        File to write.
    task : Task
        Task with the clean queries.
    attacked : SearchedCell
        Results of the search, in the order of the task's queries.

    Raises
    ------
    ResultError
        If the file cannot be written.
    """
    with opened_whole(path) as stream:
        for query, one in zip(task.queries, attacked.outcomes, strict=True):
            metadata = {
                "language": query.language,
                "parallel_id": query.parallel_id,
                "clean": query.text,
                "edits": [edit_record(edit) for edit in one.edits],
                "goal": attacked.goal,
                "goal_clean": None if np.isnan(one.clean.value) else one.clean.value,
                "goal_attacked": None if np.isnan(one.best.value) else one.best.value,
                "reached": one.best.reached,
                "encodings": one.encodings,
            }
            line = {"_id": query.query_id, "text": one.text, "metadata": metadata}
            stream.write(f"{json.dumps(line, ensure_ascii=False)}\n".encode())


def outcomes_to_json(outcomes: Sequence[QueryOutcome]) -> bytes:
    """Return outcomes as JSON, in the form in which they are cached."""
    return json.dumps(outcomes, ensure_ascii=False).encode()


def outcomes_from_json(content: bytes) -> list[QueryOutcome]:
    """Return the outcomes that `outcomes_to_json` has written."""
    return [
        QueryOutcome(
            tuple(Edit((span[0], span[1]), *rest) for span, *rest in edits),
            text,
            _measurement(*clean),
            _measurement(*best),
            encodings,
        )
        for edits, text, clean, best, encodings in json.loads(content)
    ]


def _measurement(
    values: list[float], reached: bool, in_pool: list[int], in_language: list[int], score_margin: float
) -> Measurement:
    return Measurement(tuple(values), reached, tuple(in_pool), tuple(in_language), score_margin)
