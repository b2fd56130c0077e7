"""The pipeline: encode the pool, rank the clean queries, then perturb, encode and rank for each cell.

Read this file first. A run is a table of cells: one recipe at one severity with one seed each. A cell depends on
nothing but the request, so cells are made in any order and in any process; `robustbench_ir.evaluation.runner` says how one is made,
`robustbench_ir._base.parallel` where. Each finished cell is kept, so that a run that is killed goes on where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from robustbench_ir import __version__
from robustbench_ir._base.cache import NOT_KEPT, Cache, as_cache, use_cache, using_cache
from robustbench_ir._base.parallel import Engine, made_elsewhere
from robustbench_ir._base.progress import Clock, Progress, Silence
from robustbench_ir.encoders import Encoder, EncoderOptions, default_encoder
from robustbench_ir.encoders.batches import EncodeTexts
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.request import CellName, Request
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.evaluation.runner import Bench, open_bench
from robustbench_ir.perturb import Perturbation
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY
from robustbench_ir.tasks import Task


def attack(  # noqa: PLR0913
    encoder: str | Encoder | EncodeTexts | None = None,
    task: str | Path | Task = "mini",
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
    jobs: int = 1,
    engine: Engine = "local",
    memory: int = DEFAULT_MEMORY,
    runs: RunExport | None = None,
    perturbed: dict[CellName, Sequence[Perturbation]] | None = None,
    cache: Cache | str | Path | None = None,
) -> Result:
    """Measure how far retrieval falls when the queries are perturbed.

    Parameters
    ----------
    encoder : str, Encoder or callable, optional
        Name, folder, an object of your own, or a function from texts to rows. By default
        ``use-multilingual`` where installed, else ``char-ngram``.
    task : str, Path or Task
        Name of a task, a folder of your own (a string needs a slash in it), or a task that you built.
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
    jobs : int
        Number of processes that make cells; they give the same bits as one. A script that asks for more than one
        begins with ``if __name__ == "__main__":``.
    engine : {"local", "ray"}
        Where they run: on this machine, or on the Ray cluster at hand (extra ``ray``).
    memory : int
        Bytes that ranking may take in each process, beside the embeddings.
    runs : RunExport, optional
        Write a TREC run for each cell too; the queries of finished cells are encoded again for it.
    perturbed : dict, optional
        Perturbed queries that an earlier attack on the same task made; what is missing is added. Give every attack of
        several encoders on one task the same dict, and its queries are perturbed once.
    cache : Cache, str or Path, optional
        Where finished work and downloads are kept, instead of in the folder that `ROBUSTBENCH_IR_CACHE` names.

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
    request = Request(
        encoder=encoder,
        task=f"{task}/" if isinstance(task, Path) else task,
        recipes=None if recipes is None else tuple(recipes),
        languages=None if languages is None else tuple(languages),
        severities=tuple(severities),
        seeds=seeds,
        options=options,
        cards=cards,
        resume=resume,
        semantic_floor=semantic_floor,
        semantic_encoder=semantic_encoder,
        memory=memory,
        runs=runs,
        perturbed=perturbed,
        cache=as_cache(cache),
    )
    with using_cache(request.cache):
        return _result(request, Clock(progress or Silence()), jobs, engine)


def _result(request: Request, clock: Clock, jobs: int, engine: Engine) -> Result:
    bench = open_bench(request, clock)
    clean = bench.clean
    alone = jobs == 1 and engine == "local"
    attacked = [bench.attacked(one) for one in request.cells] if alone else _attacked(bench, request, jobs, engine)
    return Result(
        version=__version__,
        task=bench.task.identity,
        task_digest=bench.task.digest,
        encoder=bench.encoder.description,
        layout=bench.layout,
        clean=clean,
        attacked=tuple(attacked),
        timings=dict(bench.clock.seconds),
    )


class MadeCell(NamedTuple):
    """What another process gives back: the cell as it is kept, and the seconds of each stage."""

    content: bytes
    seconds: Mapping[str, float]


def open_worker(request: Request) -> Callable[[CellName], MadeCell]:
    """Return the function that makes the cells of a run in a process of its own."""
    # The first process cannot keep the cells either, and tells it once.
    NOT_KEPT.setLevel(logging.ERROR)
    use_cache(request.cache)
    bench = open_bench(request, Clock(Silence()))
    # Even a run that does everything again has its clean ranks from the first process.
    bench.request, bench.resume = replace(request, runs=None), True
    _ = bench.clean
    bench.request, bench.resume = request, request.resume

    def make(name: CellName) -> MadeCell:
        bench.clock.seconds.clear()
        content = bench.content(bench.attacked(name))
        return MadeCell(content, dict(bench.clock.seconds))

    return make


def _attacked(bench: Bench, request: Request, jobs: int, engine: Engine) -> list[Cell]:
    """Have the cells made by other processes."""
    if jobs < 1:
        raise OptionError(f"{jobs} jobs; at least 1 is wanted")
    if not bench.encoder.description.fingerprint:
        raise OptionError(
            "an encoder without a fingerprint shares nothing between processes; give it one, or use 1 job"
        )
    request = replace(request, encoder=request.encoder or default_encoder(), perturbed=None)
    cells: dict[CellName, Cell] = {}
    made_by_others = made_elsewhere(engine, open_worker, request, request.cells, jobs)
    # Closed at once when this process is interrupted: that is what ends the others.
    with bench.clock.stage("cells", len(request.cells), f"{jobs} jobs"), closing(made_by_others):
        for name, made in made_by_others:
            cells[name] = bench.adopted(made.content)
            for stage, seconds in made.seconds.items():
                bench.clock.add(stage, seconds)
            bench.clock.progress.advance(1)
    return [cells[name] for name in request.cells]
