"""Finished cells, kept so that a run which was stopped goes on where it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from robustbench_ir._base.cache import current_cache, keep, kept
from robustbench_ir._version import __version__
from robustbench_ir.errors import ResultError
from robustbench_ir.metrics.settings import Layout
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.file import CellRecord, cell_from_record, cell_record
from robustbench_ir.results.result import Cell

SCORING_VERSION = 2
"""Raised with every change of the code after which a number could be another one, so that no cell of before is read."""


@dataclass(frozen=True)
class CellCache:
    """The finished cells of one encoder on one task.

    Attributes
    ----------
    fingerprint : str
        Of the encoder; where it is empty nothing is kept, since another encoder could not be told from this one.
    task, task_digest : str
        Identity of the task, and the SHA-256 of its texts and judgements.
    layout : Layout
        Queries, languages and judgements, which a kept cell must fit.
    resume : bool
        Whether what an earlier run has finished is used.
    """

    fingerprint: str
    task: str
    task_digest: str
    layout: Layout
    resume: bool = True

    def read(self, recipe: AttackIdentity, severity: int, seed: int, digest: str) -> Cell | None:
        """Return a finished cell; None where there is none, or what is there is damaged.

        Parameters
        ----------
        recipe : AttackIdentity
            What was done to the queries.
        severity, seed : int
            Which perturbation.
        digest : str
            SHA-256 of the query set; it stands for every table of the recipe.
        """
        path = self._file(recipe, severity, seed, digest)
        content = kept(path) if path and self.resume else None
        if content is None:
            return None
        try:
            return self.cell_of(content)
        except (ValidationError, ResultError):
            return None

    def keep(self, cell: Cell) -> None:
        """Keep a finished cell."""
        path = self._file(cell.recipe, cell.severity, cell.seed, cell.digest)
        if path:
            keep(path, self.content_of(cell))

    def adopt(self, content: bytes) -> Cell:
        """Return a cell that another process has made, and keep it here too if that was on another machine."""
        cell = self.cell_of(content)
        path = self._file(cell.recipe, cell.severity, cell.seed, cell.digest)
        if path and not path.exists():
            keep(path, content)
        return cell

    def content_of(self, cell: Cell) -> bytes:
        """Return a cell as it is kept."""
        return cell_record(self.layout, cell).model_dump_json().encode()

    def cell_of(self, content: bytes) -> Cell:
        """Return the cell that was kept; raises ValidationError or ResultError if it does not fit the layout."""
        return cell_from_record(self.layout, CellRecord.model_validate_json(content), "a cell")

    def _file(self, recipe: AttackIdentity, severity: int, seed: int, digest: str) -> Path | None:
        if not self.fingerprint:
            return None
        versions = (__version__, SCORING_VERSION)
        parts = (*versions, self.fingerprint, self.task, self.task_digest, str(recipe), severity, seed, digest)
        return current_cache().path("cells", *parts)
