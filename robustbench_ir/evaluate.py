"""The pipeline: encode the pool, rank the clean queries, then perturb, encode and rank for each cell.

Read this file first. A cell is one recipe at one severity with one seed; each finished cell is kept, so that a run
that is killed goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import ValidationError

from robustbench_ir import __version__
from robustbench_ir.data import cache_folder
from robustbench_ir.encode import (
    Embeddings,
    Encoder,
    EncoderOptions,
    PoolEncoder,
    as_encoder,
)
from robustbench_ir.encode.batches import EncodeTexts, encode_texts
from robustbench_ir.encode.store import embedding_store, tell_not_kept
from robustbench_ir.errors import OptionError, ResultError
from robustbench_ir.files import read_checked, write_checked
from robustbench_ir.perturb import Perturbation, Recipe, default_recipe_names, digest, load_recipe
from robustbench_ir.perturb.recipe import SEVERITIES
from robustbench_ir.result import CLEAN, Cell, Result
from robustbench_ir.result_file import cell_from_record, cell_record
from robustbench_ir.result_schema import CellRecord
from robustbench_ir.retrieve import Ranks, rank_relevant
from robustbench_ir.score.settings import Layout
from robustbench_ir.semantic_floor import SemanticFloor, load_floor
from robustbench_ir.tasks import Task, load_task


class Progress(Protocol):
    """Who is told how far a run is."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage of `total` steps, or of unknown length."""

    def advance(self, steps: int) -> None:
        """Count some more steps of the stage as done."""


class Silence:
    """Nobody is told. A `Progress`."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, steps: int) -> None:
        """Do nothing."""


def attack(  # noqa: PLR0913
    encoder: str | Encoder | EncodeTexts | None = None,
    task: str | Task = "mini",
    recipes: Sequence[str] | None = None,
    *,
    languages: Iterable[str] | None = None,
    severities: Sequence[int] = (3,),
    seeds: int = 1,
    options: EncoderOptions | None = None,
    cards: Path | None = None,
    resume: bool = True,
    progress: Progress | None = None,
    semantic_floor: float | None = None,
    semantic_encoder: str | Encoder | None = None,
) -> Result:
    """Measure how far retrieval falls when the queries are perturbed.

    Parameters
    ----------
    encoder : str, Encoder or callable, optional
        Name, folder, an object of your own, or a function from texts to rows. By default
        ``use-multilingual`` where installed, else ``char-ngram``.
    task : str or Task
        Name of a task, or one that you built.
    recipes : sequence of str, optional
        Names of recipes; by default those whose card says so, the four of the first release.
    languages : iterable of str, optional
        Restrict queries and pool to these languages.
    severities : sequence of int
        1 to 5 each.
    seeds : int
        Number of perturbations of each query, 1 or more; means are taken over them.
    options : EncoderOptions, optional
        How a sentence-transformers model is loaded.
    cards : pathlib.Path, optional
        Folder with recipes and tasks of your own.
    resume : bool
        Use cells that an earlier run of the same encoder, task and version has finished.
    progress : Progress, optional
        Told how far it is.
    semantic_floor : float, optional
        Take edits back until the cosine of clean and perturbed query reaches this, in (0, 1]; see `SemanticFloor`.
    semantic_encoder : str or Encoder, optional
        Whose cosine; by default ``use-multilingual``.

    Returns
    -------
    Result
        Clean and attacked ranks; scores are its properties.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.errors`; nothing that was finished is lost.

    Examples
    --------
    >>> attack("char-ngram", task="mini", recipes=["typo"]).to_frame()  # doctest: +SKIP
    """
    _check_options(severities, seeds)
    names = default_recipe_names(cards) if recipes is None else dict.fromkeys(recipes)
    chosen = [load_recipe(name, cards) for name in names]
    clock = Clock(progress or Silence())
    with clock.stage("load"):
        floor = load_floor(semantic_floor, semantic_encoder)
        whole = load_task(task, languages, cards, clock.download) if isinstance(task, str) else task.select(languages)
        ready = as_encoder(encoder, options)
    bench = Bench(ready, whole, clock, resume, floor)
    clean = bench.clean()
    attacked = [
        bench.attacked(clean, recipe.with_lexicons_of(whole.name, whole.lexicons.get(recipe.name)), severity, seed)
        for recipe in chosen
        for severity in dict.fromkeys(severities)
        for seed in range(seeds)
    ]
    return Result(
        version=__version__,
        task=whole.identity,
        task_digest=whole.digest,
        encoder=ready.description,
        layout=bench.layout,
        clean=clean,
        attacked=tuple(attacked),
        timings=dict(clock.seconds),
    )


def _check_options(severities: Sequence[int], seeds: int) -> None:
    for severity in severities:
        if severity not in SEVERITIES[1:]:
            raise OptionError(f"severity {severity} is out of range; 1 to 5")
    if not severities:
        raise OptionError("no severity at all; name one or more from 1 to 5")
    if seeds < 1:
        raise OptionError(f"{seeds} seeds; at least 1 is wanted")


@dataclass
class Clock:
    """Tells the progress, and adds up the seconds that each stage takes."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    _downloading: str = ""
    _downloaded: int = 0

    def download(self, file: str, done: int, total: int | None) -> None:
        """Tell how far a download is."""
        name = f"download {file}"
        if self._downloading != name:
            self._downloading, self._downloaded = name, 0
            self.progress.stage(name, total)
        self.progress.advance(done - self._downloaded)
        self._downloaded = done

    @contextmanager
    def stage(self, name: str, total: int | None = None, label: str = "") -> Iterator[None]:
        """Time a stage; `label` says what of, for people."""
        self.progress.stage(f"{label}: {name}" if label else name, total)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass
class Bench:
    """One encoder on one task: it makes cells, and keeps those that are finished.

    An encoder without a fingerprint cannot be told from another one, so that nothing is kept for it.
    """

    encoder: Encoder
    task: Task
    clock: Clock
    resume: bool = True
    floor: SemanticFloor | None = None

    @cached_property
    def layout(self) -> Layout:
        """Queries, languages and judgements, as results and scores know them."""
        task = self.task
        sizes = {language: part.stop - part.start for language, part in task.passage_slices.items()}
        return Layout(
            query_ids=tuple(query.query_id for query in task.queries),
            parallel_ids=tuple(query.parallel_id for query in task.queries),
            languages=tuple(query.language for query in task.queries),
            pool=sizes,
            query=task.qrels.query,
            passage_language=np.repeat(np.arange(len(sizes)), list(sizes.values()))[task.qrels.passage].astype(
                np.int32
            ),
            grade=task.qrels.grade,
        )

    def clean(self) -> Cell:
        """Rank the queries as they are."""
        unchanged = [Perturbation(query.query_id, query.text, query.text, (), 0) for query in self.task.queries]
        rows = list(range(len(unchanged)))
        return self._cell(CLEAN, 0, 0, unchanged, {}, lambda: self._rank(unchanged, rows, CLEAN))

    def attacked(self, clean: Cell, recipe: Recipe, severity: int, seed: int) -> Cell:
        """Perturb the queries and rank those that changed; the others keep their clean ranks."""
        label = f"{recipe.name} severity {severity} seed {seed}"
        with self.clock.stage("perturb", label=label):
            perturbed = recipe.perturb(self.task.queries, severity, seed)
        identity = recipe.identity
        if self.floor:
            with self.clock.stage("semantic floor", label=label):
                perturbed = self.floor.applied(perturbed, self.clock.progress.advance)
            identity = self.floor.identity(identity)
        missed = {one: recipe.reason_not_covered(one) for one in self.layout.query_languages if not recipe.covers(one)}
        rows = [row for row, one in enumerate(perturbed) if one.changed]

        def ranks() -> Ranks:
            judgements = np.flatnonzero(np.isin(self.layout.query, rows))
            return clean.ranks.updated(judgements, self._rank(perturbed, rows, label)) if rows else clean.ranks

        return self._cell(identity, severity, seed, perturbed, missed, ranks)

    def _rank(self, perturbed: Sequence[Perturbation], rows: Sequence[int], label: str) -> Ranks:
        texts = [perturbed[row].text for row in rows]
        # The pool first: encoders that are fitted on it must see it before any query.
        pool = self._pool
        with self.clock.stage("encode queries", len(texts), label):
            store = embedding_store(self.encoder, cache_folder() / "embeddings", "query")
            queries = encode_texts(self._fitted.encode_queries, texts, self.clock.progress.advance, store)
        with self.clock.stage("rank", len(texts), label):
            return rank_relevant(self.task, pool, queries, rows, self.clock.progress.advance)

    @cached_property
    def _fitted(self) -> Encoder:
        if isinstance(self.encoder, PoolEncoder):
            return self.encoder.fitted([passage.text for passage in self.task.passages])
        return self.encoder

    @cached_property
    def _pool(self) -> Embeddings:
        texts = [passage.text for passage in self.task.passages]
        with self.clock.stage("encode passages", len(texts)):
            store = embedding_store(self.encoder, cache_folder() / "embeddings", "passage")
            return encode_texts(self._fitted.encode_passages, texts, self.clock.progress.advance, store)

    def _cell(
        self,
        recipe: str,
        severity: int,
        seed: int,
        perturbed: Sequence[Perturbation],
        not_covered: dict[str, str],
        ranks: Callable[[], Ranks],
    ) -> Cell:
        """Read the cell that an earlier run has finished, or make it and keep it."""
        queries_digest = digest(perturbed)
        path = self._cell_file(recipe, severity, seed, queries_digest)
        known = self._kept(path) if path and self.resume else None
        if known is not None:
            return known
        cell = Cell(
            recipe=recipe,
            severity=severity,
            seed=seed,
            digest=queries_digest,
            changed=np.array([one.changed for one in perturbed]),
            edit_rate=np.array([one.edit_rate for one in perturbed]),
            not_covered=not_covered,
            ranks=ranks(),
        )
        if path:
            try:
                write_checked(path, cell_record(self.layout, cell).model_dump_json().encode())
            except ResultError as error:  # a cache that is read only: the result file will still have it all
                tell_not_kept(cache_folder(), error)
        return cell

    def _cell_file(self, *identity: str | int) -> Path | None:
        """Name the file by all that decides the ranks; the digest among it stands for the recipe's every table."""
        who = self.encoder.description
        if not who.fingerprint:
            return None
        key = "|".join(map(str, (__version__, who.fingerprint, self.task.identity, self.task.digest, *identity)))
        return cache_folder() / "cells" / f"{sha256(key.encode()).hexdigest()}.json"

    def _kept(self, path: Path) -> Cell | None:
        content = read_checked(path)
        if content is None:
            return None
        try:
            return cell_from_record(self.layout, CellRecord.model_validate_json(content), str(path))
        except (ValidationError, ResultError):
            return None
