"""Cache of finished cells, so that a stopped run resumes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from robustbench_ir._base.cache import CacheKind, current_cache, read_cached, write_cached
from robustbench_ir._version import SCORING_VERSION, __version__
from robustbench_ir.errors import ResultError
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.file import CellRecord, cell_from_record, cell_record
from robustbench_ir.results.result import Cell

_SCORING_ROOMS = ("adversary", "defences", "encoders", "evaluation", "metrics", "retrieval")


def scored_path(kind: CacheKind, *parts: object) -> Path:
    """Return the cache file of something that this code scores, so that none of an earlier scoring is read.

    Parameters
    ----------
    kind : str
        Kind of entry.
    *parts : object
        Everything else that decides its content, serialisable as JSON.
    """
    return current_cache().path(kind, __version__, SCORING_VERSION, code_digest(), *parts)


@lru_cache
def code_digest() -> str:
    """Return the SHA-256 of the code that encodes, ranks and scores, so that whoever follows its changes is safe.

    Versions are raised by people, who may forget it. How queries are perturbed is not part of it: the digest of the
    query set stands for that.
    """
    found = sha256()
    for room in _SCORING_ROOMS:
        for name, source in sorted(_sources(files("robustbench_ir") / room, room)):
            found.update(f"{name}\n".encode() + source.read_bytes() + b"\0")
    return found.hexdigest()


def _sources(folder: Traversable, below: str) -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _sources(one, f"{below}/{one.name}")
        elif one.name.endswith(".py"):
            yield f"{below}/{one.name}", one


@dataclass(frozen=True)
class CellCache:
    """The finished cells of one encoder on one task.

    Attributes
    ----------
    fingerprint : str
        Fingerprint of the encoder. If it is empty, nothing is cached, since encoders could not be distinguished.
    task, task_digest : str
        Identity of the task, and the SHA-256 of its texts and judgements.
    judgements : Judgements
        Queries, languages and judgements, which a cached cell must fit.
    resume : bool
        Whether cells of earlier runs are used.
    reranked : bool
        Whether the encoder is reranked; see `robustbench_ir.results.file.cell_from_record`.
    """

    fingerprint: str
    task: str
    task_digest: str
    judgements: Judgements
    resume: bool = True
    reranked: bool = False

    def read(self, recipe: AttackIdentity, severity: int, seed: int, digest: str) -> Cell | None:
        """Return a finished cell; None if there is none, or if the file is damaged.

        Parameters
        ----------
        recipe : AttackIdentity
            Identity of the attack.
        severity, seed : int
            Severity and seed of the perturbation.
        digest : str
            SHA-256 of the query set; it stands for every table of the recipe.
        """
        path = self._file(recipe, severity, seed, digest)
        content = read_cached(path) if path and self.resume else None
        if content is None:
            return None
        try:
            return self.cell_of(content)
        except (ValidationError, ResultError):
            return None

    def keep(self, cell: Cell) -> None:
        """Cache a finished cell."""
        path = self._file(cell.recipe, cell.severity, cell.seed, cell.digest)
        if path:
            write_cached(path, self.content_of(cell))

    def adopt(self, content: bytes) -> Cell:
        """Return a cell that another process has made, and cache it here if that process was on another machine."""
        cell = self.cell_of(content)
        path = self._file(cell.recipe, cell.severity, cell.seed, cell.digest)
        if path and not path.exists():
            write_cached(path, content)
        return cell

    def content_of(self, cell: Cell) -> bytes:
        """Return a cell as it is cached."""
        return cell_record(self.judgements, cell).model_dump_json().encode()

    def cell_of(self, content: bytes) -> Cell:
        """Return the cell of cached content.

        Raises
        ------
        ValidationError, ResultError
            If the content does not fit the judgements.
        """
        record = CellRecord.model_validate_json(content)
        return cell_from_record(self.judgements, record, "a cell", reranked=self.reranked)

    def _file(self, recipe: AttackIdentity, severity: int, seed: int, digest: str) -> Path | None:
        if not self.fingerprint:
            return None
        return scored_path("cells", self.fingerprint, self.task, self.task_digest, str(recipe), severity, seed, digest)
