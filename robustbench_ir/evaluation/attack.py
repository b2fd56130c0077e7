"""The pipeline: encode the pool, rank the clean queries, then perturb, encode and rank the queries of each cell.

Read this file first. A run is a table of cells: one recipe at one severity with one seed each. A cell depends only on
the request, so that cells may be made in any order and in any process; `robustbench_ir.evaluation.evaluation` makes
one, `robustbench_ir._base.parallel` distributes them. Each finished cell is cached, so that a stopped run resumes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from robustbench_ir._base.cache import NOT_KEPT, use_cache, using_cache
from robustbench_ir._base.parallel import made_elsewhere
from robustbench_ir._base.progress import Progress, Silence
from robustbench_ir._base.shown_progress import shown
from robustbench_ir.encoders import Encoder, EncoderOptions, default_encoder
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import OptionError
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
from robustbench_ir.metrics.seeds import enough_seeds
from robustbench_ir.perturb import RecipeLike
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import Questions


def attack(  # noqa: PLR0913
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
    name: str | None = None,
    progress: Progress | bool = False,
) -> Result:
    """Measure how far retrieval falls when the queries, the passages, or both are perturbed.

    Parameters
    ----------
    encoder : str, Encoder or callable, optional
        Name, folder, an encoder object, or a function from texts to rows. Default: ``use-multilingual`` if it is
        installed, otherwise ``char-ngram``.
    task : str, Path or Task
        Name of a task, a folder with a task (a string needs a slash in it), or a `Task`.
    recipes : sequence of str, Recipe or callable, or one of these, optional
        Names of recipes, loaded recipes, or functions that rewrite a query; see `robustbench_ir.recipe`. A string may
        have several names with commas. Default: the recipes whose card says so. ``"typo on passages"`` and ``"typo on
        both"`` perturb passages too, where the recipe covers their language: the pool is then encoded and ranked again
        for each cell. ``"prompt-none"``, ``"prompt-paraphrase-1"`` to ``3``, ``"prompt-wrong-language"`` or
        ``"prompt-all"`` put another prompt before the clean queries. The leaderboard refuses both.
    languages : iterable of str, or str, optional
        Restrict queries and pool to these languages: tags or English names, as a list or as a string with commas.
    severities : sequence of int, or int
        Severities, 1 to 5 each.
    seeds : int or "auto"
        Number of perturbations of each query, 1 or more; reported numbers are means over them. ``"auto"`` begins with
        three and adds seeds until more could not narrow the interval of any drop by 5%, 20 at most.
    semantic_floor : SemanticFloor or float, optional
        Undo edits until the cosine of clean and perturbed query reaches this, in (0, 1], under a second encoder.
    options : EncoderOptions, optional
        How an encoder is loaded by name.
    questions : int or Questions, optional
        A quick look at that many questions, in all their languages, against the whole pool. The identity of the task
        says so, and the leaderboard refuses such a result.
    run : RunOptions, optional
        How it is run: processes, memory, progress, folders. It does not change any number.
    name : str, optional
        What the encoder is called in tables and in the result. Default: its own name, that of its folder or function.
    progress : bool or Progress
        True shows stage, texts a second and the time that is left, on a terminal, in a notebook or in a log.

    Returns
    -------
    Result
        Clean and attacked ranks, with methods for the scores.

    Raises
    ------
    RobustBenchError
        See `robustbench_ir.errors`. Finished work is kept.

    Examples
    --------
    >>> attack("char-ngram", task="mini", recipes=["typo"]).to_frame()  # doctest: +SKIP
    """
    chosen = recipe_list(recipes), languages, severity_list(severities), seeds
    asked = replace(run, progress=progress) if progress is not False else run
    request = Request(encoder, task, *chosen, semantic_floor, options, questions)
    return run_request(request, asked).named(name)


def run_request(request: Request, run: RunOptions = DEFAULT_RUN) -> Result:
    """Attack as `attack` does, with arguments that are already grouped.

    Parameters
    ----------
    request : Request
        What is attacked, and with what.
    run : RunOptions, optional
        How it is run.
    """
    with using_cache(run.cache), shown(run.progress) as progress:
        evaluation = open_evaluation(request, replace(run, progress=progress))
        _follow(evaluation, 0)
        _ = evaluation.clean
        made: dict[CellName, Cell] = {}
        while True:
            _follow(evaluation, 1 + len(made))
            missing = [name for name in evaluation.cell_names if name not in made]
            if run.in_this_process:
                for name in missing:
                    made[name] = evaluation.attacked(name)
                    _follow(evaluation, 1 + len(made))
            else:
                made |= _made_by_workers(evaluation, missing, 1 + len(made))
            result = evaluation.result([made[name] for name in evaluation.cell_names])
            more = _more_seeds(request, result)
            if not more:
                return result
            evaluation = evaluation.with_seeds(more)


def _follow(evaluation: Evaluation, finished: int) -> None:
    """Report the texts of the run, and those that are done with after some cells, the clean one included."""
    task, clock = evaluation.runner.task, evaluation.runner.clock
    queries, passages = len(task.queries), len(task.passages)
    a_cell = queries if evaluation.request.on == "queries" else queries + passages
    clock.expect(passages + queries + a_cell * len(evaluation.cell_names))
    clock.reach(passages + queries + a_cell * (finished - 1) if finished else 0)


def _more_seeds(request: Request, result: Result) -> int | None:
    """Return how many seeds an automatic choice wants; None if there are enough."""
    if request.seeds != "auto":
        return None
    most = max(len(cells) for cells in result.groups.values())
    wanted = enough_seeds(result.judgements, result.clean.ranks, result.groups, result.settings)
    return wanted if wanted > most else None


class MadeCell(NamedTuple):
    """What a worker returns.

    Attributes
    ----------
    content : bytes
        The cell as it is cached.
    seconds : mapping of str to float
        Seconds of each stage.
    """

    content: bytes
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class WorkerRequest:
    """What a worker receives when it is opened.

    Attributes
    ----------
    request : Request
        What is attacked, and with what.
    run : RunOptions
        How it is run.
    clean : bytes
        The clean cell as it is cached.
    """

    request: Request
    run: RunOptions
    clean: bytes


def open_worker(asked: WorkerRequest) -> Callable[[CellName], MadeCell]:
    """Return the function that makes the cells of a run in a process of its own."""
    # The first process cannot write to the cache either, and warns about it once.
    NOT_KEPT.setLevel(logging.ERROR)
    use_cache(asked.run.cache)
    evaluation = open_evaluation(asked.request, asked.run, asked.clean)
    seconds = evaluation.runner.clock.seconds

    def make(name: CellName) -> MadeCell:
        seconds.clear()
        content = evaluation.cells.content_of(evaluation.attacked(name))
        return MadeCell(content, dict(seconds))

    return make


def _made_by_workers(evaluation: Evaluation, names: Sequence[CellName], finished: int) -> dict[CellName, Cell]:
    run, clock = evaluation.run, evaluation.runner.clock
    if not evaluation.cells.fingerprint:
        raise OptionError(
            "an encoder without a fingerprint cannot be used in several processes; give it one, or use 1 job"
        )
    request = replace(evaluation.request, encoder=evaluation.request.encoder or default_encoder())
    asked = WorkerRequest(
        request, replace(run, progress=Silence(), perturbed=None), evaluation.cells.content_of(evaluation.clean)
    )
    cells: dict[CellName, Cell] = {}
    made_by_others = made_elsewhere(run.engine, open_worker, asked, names, run.jobs)
    # Closing the generator ends the other processes, also when this one is interrupted.
    with clock.stage("cells", len(names), f"{run.jobs} jobs"), closing(made_by_others):
        for name, made in made_by_others:
            cells[name] = evaluation.cells.adopt(made.content)
            for stage, seconds in made.seconds.items():
                clock.add(stage, seconds)
            clock.advance(1)
            _follow(evaluation, finished + len(cells))
    return cells
