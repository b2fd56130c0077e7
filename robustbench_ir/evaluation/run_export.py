"""Rankings of a result as TREC runs: one file for each cell, with a JSON file beside it that describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from robustbench_ir._base.files import write_whole
from robustbench_ir.encoders.reranker import Reranked
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.runner import QuerySet
from robustbench_ir.results.result import Cell
from robustbench_ir.retrieval.top_k import INDEXES, BestPassages, Index, best_passages
from robustbench_ir.retrieval.trec_runs import write_run
from robustbench_ir.tasks import Task


@dataclass(frozen=True)
class RunExport:
    """Where and how TREC runs are written.

    Attributes
    ----------
    folder : pathlib.Path
        Folder to write to.
    top : int
        Number of passages of each query, 1 or more.
    index : {"flat", "ivf-pq", "hnsw"}
        Index that finds them; see `robustbench_ir.retrieval.top_k.best_passages`.

    Raises
    ------
    OptionError
        If `top` is below 1, or there is no such index.
    """

    folder: Path
    top: int = 100
    index: Index = "flat"

    def __post_init__(self) -> None:
        if self.top < 1:
            raise OptionError(f"top {self.top}: at least 1 is needed")
        if self.index not in INDEXES:
            raise OptionError(f"index {self.index!r}: there are {', '.join(INDEXES)}")

    def write(self, task: Task, cell: Cell, best: BestPassages, encoder: str) -> Path:
        """Write the run of a cell and its description; the same cell always writes the same bytes.

        Parameters
        ----------
        task : Task
            Task with the ids of queries and passages.
        cell : Cell
            The cell.
        best : BestPassages
            The best passages of all queries.
        encoder : str
            Name of the encoder.

        Returns
        -------
        pathlib.Path
            The run file.
        """
        recipe = cell.recipe.slug
        name = f"{recipe}-severity{cell.severity}-seed{cell.seed}" if cell.severity else recipe
        path = self.folder / f"{name}.trec"
        about = {
            "encoder": encoder,
            "task": task.identity,
            "recipe": str(cell.recipe),
            "severity": cell.severity,
            "seed": cell.seed,
            "queries_sha256": cell.digest,
            "top": self.top,
            "index": self.index,
            "recall_at_100_of_exact": round(best.recall, 6),
        }
        write_run(path, task.queries, task.passages, best.rows, best.scores, Path(encoder).name)
        write_whole(path.with_suffix(".json"), (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode())
        return path

    def recalls(self) -> dict[str, float]:
        """Return the recall of the index for each run in the folder."""
        found = {path.stem: json.loads(path.read_bytes()) for path in sorted(self.folder.glob("*.json"))}
        return {name: about["recall_at_100_of_exact"] for name, about in found.items()}


@dataclass(frozen=True)
class RunWriter:
    """Writes the run of each finished cell; unchanged queries have the passages of the clean query.

    Attributes
    ----------
    export : RunExport
        Where and how runs are written.
    clean : QuerySet
        The clean queries.
    """

    export: RunExport
    clean: QuerySet

    def write(self, cell: Cell, queries: QuerySet) -> None:
        """Write the run of a cell and its description.

        Parameters
        ----------
        cell : Cell
            The cell.
        queries : QuerySet
            Its queries.
        """
        runner = self.clean.runner
        best = self._clean_best if queries is self.clean else self._with_changed(queries)
        self.export.write(runner.task, cell, best, runner.encoder.description.name)

    @cached_property
    def _clean_best(self) -> BestPassages:
        return self._best(self.clean)

    def _with_changed(self, queries: QuerySet) -> BestPassages:
        clean, rows = self._clean_best, list(queries.rows)
        if not rows:
            return clean
        changed, found, scores = self._best(queries), clean.rows.copy(), clean.scores.copy()
        found[rows], scores[rows] = changed.rows, changed.scores
        return BestPassages(found, scores, float(np.minimum(clean.recall, changed.recall)))

    def _best(self, queries: QuerySet) -> BestPassages:
        runner, embeddings = queries.runner, queries.embeddings
        own = runner.task.own_passage
        with runner.clock.stage("search", len(queries.rows), queries.label):
            own_rows = None if own is None else own[np.asarray(queries.rows)]
            fitted, top = runner.fitted, self.export.top
            found = best_passages(
                runner.pool,
                embeddings,
                max(top, fitted.top_k) if isinstance(fitted, Reranked) else top,
                self.export.index,
                runner.memory,
                own_rows,
                ties=runner.ties.for_queries(queries.rows),
            )
            found = runner.reranked(queries.texts, found)
            return replace(found, rows=found.rows[:, :top], scores=found.scores[:, :top])
