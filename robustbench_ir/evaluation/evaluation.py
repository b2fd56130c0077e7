"""One encoder attacked on one task: the queries of each cell are perturbed, encoded and ranked, and it is cached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from robustbench_ir._base.progress import Clock, Silence
from robustbench_ir._version import __version__
from robustbench_ir.encoders import as_encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.kinds import RERANKED
from robustbench_ir.encoders.options import EncoderOptions, OptionValue, decisive_options
from robustbench_ir.encoders.truncation import Cut, cut_shares
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.cell_cache import CellCache
from robustbench_ir.evaluation.noisy_pool import NoisyCell, languages_not_covered, noisy_pool
from robustbench_ir.evaluation.prompts import PromptVariant, load_prompts, with_prompt
from robustbench_ir.evaluation.request import CellName, Request, RunOptions
from robustbench_ir.evaluation.run_export import RunWriter
from robustbench_ir.evaluation.runner import QuerySet, Runner
from robustbench_ir.evaluation.semantic_floor import FloorJudge, load_floor
from robustbench_ir.metrics.settings import judgements_of
from robustbench_ir.perturb import Perturbation, Recipe, unchanged
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.retrieval.trec_runs import check_ids


def open_evaluation(request: Request, run: RunOptions, clean: bytes | None = None) -> Evaluation:
    """Load recipes, task and encoder.

    Parameters
    ----------
    request : Request
        What is attacked, and with what.
    run : RunOptions
        How it is run.
    clean : bytes, optional
        The clean cell, if another process has made it.
    """
    clock = Clock(Silence() if isinstance(run.progress, bool) else run.progress)
    recipes = request.load_recipes(run.cards)
    with clock.stage("load"):
        floor = load_floor(request.semantic_floor)
        task = request.load_task(run.cards, clock.download)
        if run.runs:
            check_ids(task.queries, task.passages)  # before hours of encoding, not after
        ready = {name: recipe.for_task(task) for name, recipe in recipes.items()}
        encoder = as_encoder(request.encoder, request.options)
    device = request.options.device if request.options else None
    runner = Runner(encoder, task, clock, run.memory, device)
    who, judgements = encoder.description, judgements_of(task)
    cells = CellCache(
        who.fingerprint, task.identity, task.digest, judgements, run.resume, reranked=who.kind == RERANKED
    )
    prompts = load_prompts(request.prompts)
    if prompts and run.runs:
        raise OptionError("there are no TREC runs of queries under other prompts; leave out --run-out or --prompts")
    for variant in prompts.values():
        with_prompt(encoder, variant)  # refuses an encoder without prompts before anything is encoded
    return Evaluation(request, run, runner, cells, ready, floor, cells.cell_of(clean) if clean else None, prompts)


@dataclass(frozen=True)
class Evaluation:
    """One encoder attacked on one task.

    Attributes
    ----------
    request : Request
        What is attacked, and with what.
    run : RunOptions
        How it is run.
    runner : Runner
        Encodes and ranks.
    cells : CellCache
        Cache of finished cells.
    recipes : mapping of str to Recipe
        Recipes by name, with the task's own lexicons.
    floor : FloorJudge, optional
        Sentence-encoder constraint.
    known_clean : Cell, optional
        The clean cell, if another process has made it.
    prompts : mapping of str to PromptVariant
        Prompts in the place of the model's own, by the names of their cells.
    """

    request: Request
    run: RunOptions
    runner: Runner
    cells: CellCache
    recipes: Mapping[str, Recipe]
    floor: FloorJudge | None
    known_clean: Cell | None = None
    prompts: Mapping[str, PromptVariant] = field(default_factory=dict)
    _ranked: dict[str, Ranks] = field(default_factory=dict, repr=False, compare=False)

    @property
    def cell_names(self) -> tuple[CellName, ...]:
        """Names of the cells, in the order of the result."""
        of_prompts = (CellName(name, self.request.severities[0], 0) for name in self.prompts)
        return (*self.request.cells(self.recipes), *of_prompts)

    def with_seeds(self, seeds: int) -> Evaluation:
        """Return the same evaluation with this number of seeds.

        Parameters
        ----------
        seeds : int
            Number of perturbations of each query.
        """
        return replace(self, request=replace(self.request, seeds=seeds), known_clean=self.clean)

    @cached_property
    def clean(self) -> Cell:
        """The cell of the clean queries."""
        if self.known_clean is not None:
            return self.known_clean
        queries = self.clean_queries
        known = self.cells.read(CLEAN, 0, 0, queries.digest)
        cell = known or Cell.of(CLEAN, 0, 0, queries.perturbed, queries.ranks)
        return self._finished(cell, queries, new=known is None)

    @cached_property
    def clean_queries(self) -> QuerySet:
        """The clean queries as a query set."""
        same = [unchanged(query.query_id, query.text) for query in self.runner.task.queries]
        return QuerySet(self.runner, same, range(len(same)), str(CLEAN))

    def attacked(self, name: CellName) -> Cell:
        """Return an attacked cell: perturb the queries and rank those that changed; the others keep their ranks.

        Two severities that make the same texts, as where a recipe finds one place in every query, are ranked once.
        """
        if name.recipe in self.prompts:
            return self._prompted(name)
        if self.request.on != "queries":
            return self._with_noisy_pool(name)
        clean, recipe = self.clean.ranks, self.recipes[name.recipe]
        perturbed = self.perturbed(name)
        rows = [row for row, one in enumerate(perturbed) if one.changed]
        queries = QuerySet(self.runner, perturbed, rows, str(name))
        identity = self.identity(name)
        known = self.cells.read(identity, name.severity, name.seed, queries.digest)
        cell = known or Cell.of(
            identity,
            name.severity,
            name.seed,
            perturbed,
            self._ranked.get(queries.digest) or queries.ranks_over(clean),
            recipe.not_covered(self.cells.judgements.query_languages),
            self.runner.changed_inputs(perturbed),
        )
        # A cell that an earlier version has finished does not have them.
        cell = replace(cell, kinds=recipe.kinds(self.cells.judgements.query_languages))
        self._ranked[queries.digest] = cell.ranks
        return self._finished(cell, queries, new=known is None)

    def _prompted(self, name: CellName) -> Cell:
        """Return the cell of the clean queries under another prompt."""
        variant, clean = self.prompts[name.recipe], self.clean_queries
        identity, runner = self.identity(name), self.runner
        known = self.cells.read(identity, name.severity, name.seed, clean.digest)
        if known is None:
            encoder = with_prompt(runner.fitted, variant)
            own = runner.encoder.description.query_prompt
            texts = list(clean.texts)
            with runner.clock.stage("encode queries", len(texts), str(name)):
                rows = encode_texts(encoder.encode_queries, texts, runner.clock.advance, None)
            ranks = runner.rank(range(len(texts)), texts, rows, str(name))
            here = variant.language in self.cells.judgements.query_languages
            missed = {variant.language: "the prompt is in this language"} if here else {}
            differs = np.full(len(texts), variant.for_model(own) != own)
            differs &= np.array(self.cells.judgements.languages) != variant.language
            known = Cell.of(identity, name.severity, 0, clean.perturbed, ranks, missed, differs)
            self.cells.keep(known)
        return known

    def finished_cell(self, name: CellName | None, perturbed: Sequence[Perturbation] = ()) -> Cell | None:
        """Return a cell if an earlier run has finished it, otherwise None.

        Parameters
        ----------
        name : CellName or None
            Name of the cell; None for the clean one.
        perturbed : sequence of Perturbation
            Its perturbed queries.
        """
        if name is None:
            return self.cells.read(CLEAN, 0, 0, self.clean_queries.digest)
        queries = QuerySet(self.runner, perturbed, (), str(name))
        return self.cells.read(self.identity(name), name.severity, name.seed, queries.digest)

    def identity(self, name: CellName) -> AttackIdentity:
        """Return the identity of a cell's attack: the recipe, and the floor if there is one."""
        if name.recipe in self.prompts:
            return AttackIdentity((self.prompts[name.recipe].identity,))
        floor = self.floor.identity if self.floor else None
        return AttackIdentity((self.recipes[name.recipe].identity,), floor, on=self.request.on)

    def noisy_cell(self, name: CellName) -> NoisyCell:
        """Return the texts of a cell whose passages are perturbed."""
        runner, recipe = self.runner, self.recipes[name.recipe]
        task, clock = runner.task, runner.clock
        with clock.stage("perturb passages", len(task.passages), str(name)):
            pool = noisy_pool(task, recipe, name.severity, name.seed, clock.advance)
        perturbed = self.perturbed(name) if self.request.on == "both" else self.clean_queries.perturbed
        noisy = replace(runner, task=pool.task, noise=pool.digest)
        return NoisyCell(pool, QuerySet(noisy, perturbed, range(len(perturbed)), str(name)))

    def _with_noisy_pool(self, name: CellName) -> Cell:
        """Return a cell whose passages are perturbed: the pool is encoded and all queries are ranked again."""
        noisy, recipe, identity = self.noisy_cell(name), self.recipes[name.recipe], self.identity(name)
        known = self.cells.read(identity, name.severity, name.seed, noisy.digest)
        if known is not None:
            return self._finished(known, noisy.queries, new=False)
        _ = self.runner.pool  # passages that do not change have the rows that they have in the clean pool
        missed = languages_not_covered(self.runner.task, recipe, with_queries=self.request.on == "both")
        return self._finished(noisy.cell(identity, name.severity, name.seed, missed), noisy.queries, new=True)

    def perturbed(self, name: CellName) -> Sequence[Perturbation]:
        """Return the perturbed queries of a cell."""
        if name.recipe in self.prompts:
            return self.clean_queries.perturbed
        clock, shared = self.runner.clock, self.run.perturbed
        with clock.stage("perturb", label=str(name)):
            perturbed = shared.get(name) if shared is not None else None
            if perturbed is None:
                perturbed = self.recipes[name.recipe].perturb(self.runner.task.queries, name.severity, name.seed)
            if shared is not None:
                shared[name] = perturbed
        if not self.floor:
            return perturbed
        with clock.stage("semantic floor", label=str(name)):
            return self.floor.applied(perturbed, clock.advance)

    def result(self, attacked: Sequence[Cell]) -> Result:
        """Return the result that consists of the clean cell and these attacked cells."""
        return Result(
            version=__version__,
            task=self.cells.task,
            task_digest=self.cells.task_digest,
            encoder=self.runner.encoder.description,
            judgements=self.cells.judgements,
            clean=self.clean,
            attacked=tuple(attacked),
            timings=dict(self.runner.clock.seconds),
            cut=self._cut,
            task_notes=self.runner.task.notes,
            options=self.options,
        )

    @property
    def options(self) -> dict[str, OptionValue] | None:
        """Options of the encoder that can change an embedding; None for an object whose options are not known."""
        known = self.request.options or self.request.encoder is None or isinstance(self.request.encoder, str)
        return decisive_options(self.request.options or EncoderOptions()) if known else None

    @cached_property
    def _cut(self) -> Cut:
        """What the encoder does not read of the texts."""
        task, encoder = self.runner.task, self.runner.encoder
        # A defence may need the pool before it repairs a query; a lexical encoder has no limit and need not be fitted.
        read_by = self.runner.fitted if encoder.description.token_limit else encoder
        with self.runner.clock.stage("count tokens"):
            return cut_shares(read_by, [query.text for query in task.queries], task.encoded_texts)

    def _finished(self, cell: Cell, queries: QuerySet, *, new: bool) -> Cell:
        if new:
            self.cells.keep(cell)
        if self._writer:
            self._writer.write(cell, queries)
        return cell

    @cached_property
    def _writer(self) -> RunWriter | None:
        return RunWriter(self.run.runs, self.clean_queries) if self.run.runs else None
