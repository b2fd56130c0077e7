"""One encoder on one task: it makes the cells of a run, and keeps those that are finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from robustbench_ir import __version__
from robustbench_ir._base.files import read_checked
from robustbench_ir._base.progress import Clock
from robustbench_ir.encoders import Embeddings, Encoder, as_encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.pool import encode_pool, fitted_on, passage_store
from robustbench_ir.encoders.store.store import embedding_store, keep_finished
from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation.request import CellName, Request
from robustbench_ir.evaluation.run_export import RunExport, with_changed
from robustbench_ir.evaluation.semantic_floor import SemanticFloor, load_floor
from robustbench_ir.metrics.settings import Layout, layout_of
from robustbench_ir.perturb import Perturbation, Recipe, digest, load_recipe
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity
from robustbench_ir.resources.downloads import cache_folder
from robustbench_ir.results.file import CellRecord, cell_from_record, cell_record
from robustbench_ir.results.result import Cell
from robustbench_ir.retrieval.ranking import Ranks, rank_relevant
from robustbench_ir.retrieval.top_k import Best
from robustbench_ir.tasks import Task, load_task

_TEXTS_LOOKED_UP = 4096


def open_bench(request: Request, clock: Clock) -> Bench:
    """Load the encoder and the task of a run."""
    with clock.stage("load"):
        floor = load_floor(request.semantic_floor, request.semantic_encoder)
        task = request.task
        whole = (
            load_task(task, request.languages, request.cards, clock.download)
            if isinstance(task, str)
            else task.select(request.languages)
        )
        encoder = as_encoder(request.encoder, request.options)
        return Bench(request, encoder, whole, clock, floor, request.resume)


@dataclass(frozen=True)
class Asked:
    """The queries of one cell, as they are asked.

    Attributes
    ----------
    perturbed : sequence of Perturbation
        All queries of the task.
    rows : sequence of int
        Those that are to be ranked.
    label : str
        Name of the cell, for people.
    """

    perturbed: Sequence[Perturbation]
    rows: Sequence[int]
    label: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the query set, 64 hexadecimal digits."""
        return digest(self.perturbed)


@dataclass
class Bench:
    """One encoder on one task: it makes cells, and keeps those that are finished.

    An encoder without a fingerprint cannot be told from another one, so that nothing is kept for it.
    """

    request: Request
    encoder: Encoder
    task: Task
    clock: Clock
    floor: SemanticFloor | None
    resume: bool
    _clean_best: Best | None = field(default=None, repr=False)
    _last: tuple[list[str], Embeddings] = field(default=([], np.zeros((0, 0), dtype=np.float32)), repr=False)

    @cached_property
    def layout(self) -> Layout:
        """Queries, languages and judgements, as results and scores know them."""
        return layout_of(self.task)

    @cached_property
    def clean(self) -> Cell:
        """The queries as they are, ranked."""
        asked = self._unchanged
        return self._exported(self._cell(CLEAN, 0, 0, asked, {}, lambda: self._rank(asked)), asked)

    @cached_property
    def _unchanged(self) -> Asked:
        same = [Perturbation(query.query_id, query.text, query.text, (), 0) for query in self.task.queries]
        return Asked(same, range(len(same)), str(CLEAN))

    def attacked(self, name: CellName) -> Cell:
        """Perturb the queries and rank those that changed; the others keep their clean ranks."""
        recipe, clean = self.recipe(name.recipe), self.clean.ranks
        perturbed = self.perturbed(name)
        missed = {one: recipe.reason_not_covered(one) for one in self.layout.query_languages if not recipe.covers(one)}
        asked = Asked(perturbed, [row for row, one in enumerate(perturbed) if one.changed], str(name))

        def ranks() -> Ranks:
            judgements = np.flatnonzero(np.isin(self.layout.query, asked.rows))
            return clean.updated(judgements, self._rank(asked)) if asked.rows else clean

        cell = self._cell(self._identity(name), name.severity, name.seed, asked, missed, ranks)
        return self._exported(cell, asked)

    def _identity(self, name: CellName) -> AttackIdentity:
        return AttackIdentity((self.recipe(name.recipe).identity,), self.floor.identity if self.floor else None)

    def recipe(self, name: str) -> Recipe:
        """Return a recipe, with the task's own lexicons where it has some."""
        recipe = load_recipe(name, self.request.cards)
        return recipe.with_lexicons_of(self.task.name, self.task.lexicons.get(recipe.name))

    def perturbed(self, name: CellName) -> Sequence[Perturbation]:
        """Return the queries as the cell asks them."""
        kept = self.request.perturbed
        with self.clock.stage("perturb", label=str(name)):
            perturbed = kept.get(name) if kept is not None else None
            if perturbed is None:
                perturbed = self.recipe(name.recipe).perturb(self.task.queries, name.severity, name.seed)
            if kept is not None:
                kept[name] = perturbed
        if not self.floor:
            return perturbed
        with self.clock.stage("semantic floor", label=str(name)):
            return self.floor.applied(perturbed, self.clock.progress.advance)

    def _exported(self, cell: Cell, asked: Asked) -> Cell:
        """Write the cell's run too, where that is asked for; queries that did not change find what they found."""
        runs = self.request.runs
        if runs:
            changed = self._best(runs, asked) if asked.rows else None
            if self._clean_best is None:
                self._clean_best = self._best(runs, self._unchanged)
            best = with_changed(self._clean_best, asked.rows, changed)
            runs.write(self.task, cell, best, self.encoder.description.name)
        return cell

    def _best(self, runs: RunExport, asked: Asked) -> Best:
        queries = self._encoded(asked)
        with self.clock.stage("search", len(asked.rows), asked.label):
            return runs.best(self._pool, queries, self.request.memory)

    def _encoded(self, asked: Asked) -> Embeddings:
        """Encode the queries of a cell; those of the last cell are still at hand."""
        texts = [asked.perturbed[row].text for row in asked.rows]
        if self._last[0] == texts:
            return self._last[1]
        # The pool first: encoders that are fitted on it must see it before any query.
        _ = self._pool
        with self.clock.stage("encode queries", len(texts), asked.label):
            store = embedding_store(self.encoder, cache_folder() / "embeddings", "query", asked.digest)
            queries = encode_texts(self._fitted.encode_queries, texts, self.clock.progress.advance, store)
        self._last = texts, queries
        return queries

    def _rank(self, asked: Asked) -> Ranks:
        queries = self._encoded(asked)
        with self.clock.stage("rank", len(asked.rows), asked.label):
            options = self.request.options
            return rank_relevant(
                self.task,
                self._pool,
                queries,
                asked.rows,
                self.clock.progress.advance,
                memory=self.request.memory,
                device=options.device if options else None,
            )

    @cached_property
    def _fitted(self) -> Encoder:
        return fitted_on(self.encoder, [passage.text for passage in self.task.passages])

    @cached_property
    def _pool(self) -> Embeddings:
        texts = [passage.text for passage in self.task.passages]
        with self.clock.stage("encode passages", len(texts)):
            return encode_pool(self.encoder, self._fitted, texts, self.clock.progress.advance)

    def _cell(
        self,
        recipe: AttackIdentity,
        severity: int,
        seed: int,
        asked: Asked,
        not_covered: dict[str, str],
        ranks: Callable[[], Ranks],
    ) -> Cell:
        """Read the cell that an earlier run has finished, or make it and keep it."""
        path = self._cell_file(recipe, severity, seed, asked.digest)
        known = self._kept(path)
        if known is not None:
            return known
        cell = Cell(
            recipe=recipe,
            severity=severity,
            seed=seed,
            digest=asked.digest,
            changed=np.array([one.changed for one in asked.perturbed]),
            edit_rate=np.array([one.edit_rate for one in asked.perturbed]),
            not_covered=not_covered,
            ranks=ranks(),
        )
        if path:
            keep_finished(path, self.content(cell))
        return cell

    def content(self, cell: Cell) -> bytes:
        """Return a cell as it is kept."""
        return cell_record(self.layout, cell).model_dump_json().encode()

    def adopted(self, content: bytes) -> Cell:
        """Return a cell that another process has made, and keep it here too if that was on another machine."""
        cell = cell_from_record(self.layout, CellRecord.model_validate_json(content), "a cell")
        path = self._cell_file(cell.recipe, cell.severity, cell.seed, cell.digest)
        if path and not path.exists():
            keep_finished(path, content)
        return cell

    def _cell_file(self, *identity: AttackIdentity | str | int) -> Path | None:
        """Name the file by all that decides the ranks; the digest among it stands for the recipe's every table."""
        who = self.encoder.description
        if not who.fingerprint:
            return None
        key = "|".join(map(str, (__version__, who.fingerprint, self.task.identity, self.task.digest, *identity)))
        return cache_folder() / "cells" / f"{sha256(key.encode()).hexdigest()}.json"

    def kept_clean(self) -> Cell | None:
        """Return the clean cell if an earlier run has finished it."""
        return self._kept(self._cell_file(CLEAN, 0, 0, self._unchanged.digest))

    def kept_attacked(self, name: CellName, perturbed: Sequence[Perturbation]) -> Cell | None:
        """Return a cell if an earlier run has finished it."""
        return self._kept(self._cell_file(self._identity(name), name.severity, name.seed, digest(perturbed)))

    def passages_left(self) -> int:
        """Return how many distinct passages no earlier run has encoded."""
        texts = list(dict.fromkeys(passage.text for passage in self.task.passages))
        store = passage_store(self.encoder)
        if store is None:
            return len(texts)
        blocks = (texts[start : start + _TEXTS_LOOKED_UP] for start in range(0, len(texts), _TEXTS_LOOKED_UP))
        return len(texts) - sum(int(store.read(block)[0].sum()) for block in blocks)

    def _kept(self, path: Path | None) -> Cell | None:
        content = read_checked(path) if path and self.resume else None
        if content is None:
            return None
        try:
            return cell_from_record(self.layout, CellRecord.model_validate_json(content), str(path))
        except (ValidationError, ResultError):
            return None
