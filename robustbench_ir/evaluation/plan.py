"""Plan of a run: what it would do and cost. Nothing is downloaded, and no cell is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robustbench_ir._base.cache import using_cache
from robustbench_ir._base.shown_progress import shown
from robustbench_ir.encoders import (
    Embeddings,
    Encoder,
    EncoderDescription,
    EncoderOptions,
    TokenEmbeddings,
    default_encoder,
    encoder_names,
)
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.encoders.pool import fitted_on, passage_store, passages_left
from robustbench_ir.encoders.reranker import RERANKED_PREFIX, Reranked, parse_reranked
from robustbench_ir.evaluation.evaluation import Evaluation, open_evaluation
from robustbench_ir.evaluation.request import (
    DEFAULT_RUN,
    CellName,
    Request,
    RunOptions,
    Seeds,
    recipe_list,
    severity_list,
)
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.perturb import RecipeLike
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import Questions

_SAMPLE = 32


@dataclass(frozen=True)
class PlannedCell:
    """One cell of a planned run.

    Attributes
    ----------
    name : str
        ``"clean"``, or recipe, severity and seed.
    finished : bool
        Whether an earlier run has finished it.
    texts : int
        Number of distinct queries that must be encoded; an upper limit if `exact` is False.
    exact : bool
        False if the number is known only after a model has run.
    passages : int
        Number of distinct perturbed passages that must be encoded besides.
    """

    name: str
    finished: bool
    texts: int
    exact: bool = True
    passages: int = 0


@dataclass(frozen=True)
class Plan:
    """Plan of a run.

    Attributes
    ----------
    encoder, task : str
        Names of encoder and task.
    cells : tuple of PlannedCell
        The cells, the clean one first.
    passages : int
        Number of distinct passages that must be encoded: those of the clean pool, and the perturbed ones of each cell.
    seconds : float or None
        Estimated seconds of encoding in one process, from a sample; None if the encoder is not available.
    memory : int or None
        Bytes of embeddings and ranking in each process, without model and texts; None if the encoder is not available.
    notes : tuple of str
        How the encoder was loaded, as far as that decides the time.
    """

    encoder: str
    task: str
    cells: tuple[PlannedCell, ...]
    passages: int
    seconds: float | None
    memory: int | None
    notes: tuple[str, ...] = ()

    @property
    def queries(self) -> int:
        """Number of queries that must be encoded, in all cells."""
        return sum(cell.texts for cell in self.cells)


@dataclass(frozen=True)
class _Absent:
    """Placeholder for an encoder that would have to be downloaded. An `Encoder` that cannot encode."""

    description: EncoderDescription

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Raise an error: a plan never encodes with it."""
        raise NotImplementedError

    encode_passages = encode_queries

    def with_query_prompt(self, prompt: str) -> _Absent:  # noqa: ARG002
        """Return the same placeholder: whether the model has prompts is not known before it is downloaded."""
        return self


def plan(
    encoder: str | Encoder | EncodeTexts | None = None,
    task: str | Path | Task = "mini",
    recipes: Sequence[RecipeLike] | RecipeLike | None = None,
    *,
    languages: Iterable[str] | None = None,
    severities: Sequence[int] | int = (3,),
    seeds: Seeds = 1,
    semantic_floor: SemanticFloor | float | None = None,
    options: EncoderOptions | None = None,
    questions: Questions | int | None = None,
    run: RunOptions = DEFAULT_RUN,
) -> Plan:
    """Return what an attack would do and cost: cells, texts, time and memory. No cell is made.

    Parameters
    ----------
    encoder, task, recipes, languages, severities, seeds, semantic_floor, options, questions, run
        See `robustbench_ir.attack`, which takes the same.

    Raises
    ------
    RobustBenchError
        If the attack would stop with an error before its first cell.

    Examples
    --------
    >>> plan("char-ngram", recipes="typo").queries  # doctest: +SKIP
    1440
    """
    chosen = recipe_list(recipes), languages, severity_list(severities), seeds
    return plan_run(Request(encoder, task, *chosen, semantic_floor, options, questions), run)


def plan_run(request: Request, run: RunOptions = DEFAULT_RUN, searches: Sequence[AttackIdentity] = ()) -> Plan:
    """Plan a run: load task and encoder, perturb, and measure the time that the encoder needs for a few texts.

    A model that would have to be downloaded is not loaded; the numbers that depend on it are unknown.

    Parameters
    ----------
    request : Request
        What would be attacked, and with what.
    run : RunOptions, optional
        How it would be run.
    searches : sequence of AttackIdentity
        Searches that follow; what they encode is known only as the limit of their budget.

    Raises
    ------
    RobustBenchError
        If the run would stop with an error before its first cell.
    """
    with using_cache(run.cache), shown(run.progress) as progress:
        return _plan(request, replace(run, progress=progress), searches)


def _plan(request: Request, run: RunOptions, searches: Sequence[AttackIdentity]) -> Plan:
    named = request.encoder or default_encoder()
    here = not isinstance(named, str) or _is_available(named)
    asked = replace(request, encoder=named if here else _Absent(EncoderDescription(str(named), "", "", 0)))
    # A floor would run a model on every query; without it, the number of texts to encode is an upper limit.
    evaluation = open_evaluation(replace(asked, semantic_floor=None), run)
    cells = (
        *(_planned(evaluation, request, name) for name in (None, *evaluation.cell_names)),
        *(_planned_search(evaluation, search) for search in searches),
    )
    queries = sum(cell.texts for cell in cells)
    runner = evaluation.runner
    pool = runner.task.encoded_texts
    noisy = sum(cell.passages for cell in cells)
    passages = noisy + (passages_left(runner.encoder, pool) if queries or noisy else 0)
    cost = _Cost.measured(evaluation, passages, queries) if here else None
    return Plan(
        encoder=runner.encoder.description.name,
        task=runner.task.identity,
        cells=cells,
        passages=passages,
        seconds=cost.seconds if cost else None,
        memory=cost.memory if cost else None,
        notes=runner.encoder.description.notes,
    )


def _is_available(name: str) -> bool:
    if name.startswith(RERANKED_PREFIX):
        parts = parse_reranked(name)
        return _is_available(parts.reranker) and _is_available(parts.encoder)
    if name in encoder_names() or Path(name).expanduser().is_dir() or "/" not in name:
        return True
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        return True  # not a valid name on the hub: loading it raises the error


def _planned(evaluation: Evaluation, request: Request, name: CellName | None) -> PlannedCell:
    queries = evaluation.runner.task.queries
    if name is None:
        finished = evaluation.finished_cell(None) is not None
        return PlannedCell("clean", finished, 0 if finished else len({query.text for query in queries}))
    if name.recipe in evaluation.prompts:
        finished = evaluation.finished_cell(name, evaluation.perturbed(name)) is not None
        return PlannedCell(str(name), finished, 0 if finished else len({query.text for query in queries}))
    recipe = evaluation.recipes[name.recipe]
    if request.on != "queries":
        return _planned_pool(evaluation, name)
    if recipe.card.needs_model:
        covered = {query.text for query in queries if recipe.covers(query.language)}
        return PlannedCell(str(name), finished=False, texts=len(covered), exact=False)
    perturbed = evaluation.perturbed(name)
    exact = request.semantic_floor is None
    finished = exact and evaluation.finished_cell(name, perturbed) is not None
    texts = len({one.text for one in perturbed if one.changed})
    return PlannedCell(str(name), finished, 0 if finished else texts, exact)


def _planned_search(evaluation: Evaluation, attack: AttackIdentity) -> PlannedCell:
    budget = attack.search.queries if attack.search else 0
    return PlannedCell(attack.label, finished=False, texts=len(evaluation.runner.task.queries) * budget, exact=False)


def _planned_pool(evaluation: Evaluation, name: CellName) -> PlannedCell:
    """Plan a cell whose passages are perturbed: of a pool, only what the clean one does not have is encoded again."""
    runner, recipe = evaluation.runner, evaluation.recipes[name.recipe]
    if recipe.card.needs_model:
        covered = [one for one in runner.task.passages if recipe.covers(one.language)]
        return PlannedCell(
            str(name), finished=False, texts=len(runner.task.queries), exact=False, passages=len(covered)
        )
    noisy = evaluation.noisy_cell(name)
    if evaluation.cells.read(evaluation.identity(name), name.severity, name.seed, noisy.digest) is not None:
        return PlannedCell(str(name), finished=True, texts=0)
    pool = noisy.pool.task.encoded_texts
    if passage_store(runner.encoder) is not None:
        pool = list(set(pool) - set(runner.task.encoded_texts))
    texts = len({one.text for one in noisy.queries.perturbed}) if evaluation.request.on == "both" else 0
    return PlannedCell(
        str(name), finished=False, texts=texts, passages=passages_left(runner.encoder, pool, noisy.pool.digest)
    )


@dataclass(frozen=True)
class _Cost:
    seconds: float
    memory: int

    @classmethod
    def measured(cls, evaluation: Evaluation, passages: int, queries: int) -> _Cost:
        """Return the cost, extrapolated from a few passages and queries."""
        runner = evaluation.runner
        task = runner.task
        pool, asked = task.encoded_texts, [one.text for one in task.queries]
        few = pool[:: max(1, len(pool) // _SAMPLE)][:_SAMPLE]
        encoder = fitted_on(runner.encoder, few)
        a_passage, rows = _cost_of_one(encoder.encode_passages, few)
        a_query, _ = _cost_of_one(encoder.encode_queries, asked[:: max(1, len(asked) // _SAMPLE)][:_SAMPLE])
        seconds = passages * a_passage + queries * (a_query + _cost_of_reranking(encoder, asked[0], few, task))
        return cls(seconds, int(rows * (len(pool) + len(asked))) + runner.memory)


def _cost_of_reranking(encoder: Encoder, query: str, passages: Sequence[str], task: Task) -> float:
    """Return the seconds that reranking takes for a query, at most: a pair may stand in the lists of two pools."""
    if not isinstance(encoder, Reranked):
        return 0.0
    encoder.score_pairs([query] * 2, passages[:2])
    start = time.perf_counter()
    encoder.score_pairs([query] * len(passages), passages)
    a_pair = (time.perf_counter() - start) / len(passages)
    pools = [len(task.passages), *task.pool_sizes.values()] if len(task.pool_sizes) > 1 else [len(task.passages)]
    return a_pair * sum(min(encoder.top_k, size) for size in pools)


def _cost_of_one(encode: Callable[[Sequence[str]], Embeddings], texts: Sequence[str]) -> tuple[float, float]:
    """Return the seconds and bytes that one text takes; the first texts only warm up."""
    encode(texts[:2])
    start = time.perf_counter()
    rows = encode(texts)
    seconds = time.perf_counter() - start
    if isinstance(rows, np.ndarray | TokenEmbeddings):
        return seconds / len(texts), rows.nbytes / len(texts)
    return seconds / len(texts), (rows.data.nbytes + rows.indices.nbytes) / len(texts)
