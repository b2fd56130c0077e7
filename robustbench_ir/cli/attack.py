"""`irbench attack`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robustbench_ir._base.files import check_writable, is_stream
from robustbench_ir.cli.check import check_by_gate
from robustbench_ir.cli.options import (
    by_option,
    encoder_options,
    force_option,
    languages_option,
    measure_option,
    read_seeds,
    recipes_option,
    run_options,
    search_options,
    semantic_floor_options,
    severities_option,
    task_option,
)
from robustbench_ir.cli.output import Terminal, styled, table_terminal
from robustbench_ir.cli.progress import ProgressBar
from robustbench_ir.encoders import EncoderOptions, as_encoder, default_encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.attack import run_request
from robustbench_ir.evaluation.plan import plan_run
from robustbench_ir.evaluation.request import Request, RunOptions, Seeds
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.terminal import plan_table, score_table, search_table, with_and_without
from robustbench_ir.results.file import load_result, save_result
from robustbench_ir.results.naming import check_not_of_another_run, free_path
from robustbench_ir.results.result import Result
from robustbench_ir.results.rules import Gate

if TYPE_CHECKING:
    from robustbench_ir.adversary.search import Searched, SearchOptions


@click.command("attack", short_help="Perturb a task's queries and measure how far an encoder falls.")
@click.option(
    "--model", help="Encoder: a name of `irbench encoders`, a folder, owner/model on the hub, or openai:MODEL@URL."
)
@task_option
@recipes_option
@languages_option
@severities_option
@click.option(
    "--seeds",
    callback=read_seeds,
    default="1",
    show_default=True,
    help="Number of perturbations of each query; auto adds seeds while they narrow the intervals by 5% or more.",
)
@by_option
@measure_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Result file. Default: results/MODEL-TASK.json.",
)
@click.option("--name", help="What the encoder is called in table and result. Default: the last part of MODEL.")
@force_option
@semantic_floor_options
@click.option(
    "--normalise",
    help="Repair queries before encoding, and show the effect: nfkc+invisible+confusables+spelling+deromanise-hi.",
)
@click.option("--rerank", help="Let this reranker (CrossEncoder; a folder, or owner/model) order the best passages.")
@click.option("--top-k", type=int, help="Number of passages that the reranker orders, in each pool. Default: 100.")
@encoder_options
@search_options()
@run_options
@click.option(
    "--gate", "gate_file", type=click.Path(path_type=Path), help="Check the result by these rules, as `irbench check`."
)
@click.option("--plan", "only_plan", is_flag=True, help="Print cells, texts, time and memory; run nothing.")
def command(  # noqa: PLR0913, PLR0917
    model: str | None,
    task: str,
    recipes: tuple[str, ...],
    languages: tuple[str, ...] | None,
    severities: tuple[int, ...],
    seeds: Seeds,
    by: str | None,
    measure: str,
    out: Path | None,
    name: str | None,
    force: bool,
    floor: SemanticFloor | None,
    normalise: str | None,
    rerank: str | None,
    top_k: int | None,
    options: EncoderOptions,
    search: SearchOptions | None,
    run: RunOptions,
    gate_file: Path | None,
    only_plan: bool,
) -> None:
    """Perturb a task's queries and measure how far an encoder falls.

    Prints a table for each setting and writes everything to a result file. If it was stopped, run the same command
    again to continue.
    """
    look_up_measure(measure)
    chosen = model or default_encoder()
    before = _reranker_prefix(rerank, top_k)
    request = Request(
        encoder=f"{before}{chosen}",
        task=task,
        recipes=recipes or None,
        languages=languages,
        severities=severities,
        seeds=seeds,
        semantic_floor=floor,
        options=options,
    )
    gate = _read_gate(gate_file, request, search, run) if gate_file else None
    if only_plan:
        _print_plan(request, run, search)
        return
    target = out or Path("results") / f"{file_name_part(name or _called(chosen, rerank))}-{file_name_part(task)}.json"
    check_writable(target)
    if is_stream(target) and (normalise or search):
        raise OptionError(f"{target}: this run writes further files beside the result; name a file for --out")
    guarded = replace(request, encoder=f"{before}normalised:{normalise}:{chosen}") if normalise else request
    if out and out.exists() and not force:
        _check_free(out, guarded, run)
    with ProgressBar() as progress:
        run = replace(run, progress=progress)
        without = _attacked(request, search, replace(run, runs=None))[0] if normalise else None
        if without and guarded.seeds == "auto":
            guarded = replace(guarded, seeds=max(map(len, without.groups.values())))
        result, searched = _attacked(guarded, search, run)
    if name:
        result = replace(result, encoder=replace(result.encoder, name=name))
    target = target if out else free_path(target, result)
    save_result(result, target)
    console = table_terminal()
    console.print(score_table(result, by, measure))
    if run.runs:
        _print_recalls(console, run.runs)
    if searched and search:
        _print_searches(console, searched, search.goal, target)
    if without:
        save_result(without, target.with_name(f"{target.stem}-without.json"))
        console.print(with_and_without(without, result, measure))
    message = styled((str(target), "bold"), f" has all results; `irbench show {target}` prints them again")
    console.print(message, soft_wrap=True)
    if gate:
        check_by_gate(result, gate)


def _read_gate(path: Path, request: Request, search: SearchOptions | None, run: RunOptions) -> Gate:
    """Read rules, and what they name, before hours are spent on the run."""
    gate = Gate.read(path)
    if search is None:
        gate.check_names(request.load_recipes(run.cards), request.severities)
    if gate.baseline:
        load_result(gate.baseline)
    return gate


def _reranker_prefix(rerank: str | None, top_k: int | None) -> str:
    from robustbench_ir.encoders.reranker import DEFAULT_TOP_K, RERANKED_PREFIX, check_top_k

    if rerank is None:
        if top_k is not None:
            raise OptionError("--top-k is for a reranker; name one with --rerank")
        return ""
    if not rerank.strip():
        raise OptionError("--rerank is empty; name a reranker: a folder, or owner/model on the hub")
    chosen = DEFAULT_TOP_K if top_k is None else top_k
    check_top_k(chosen)
    return f"{RERANKED_PREFIX}{rerank}@{chosen}:"


def _called(model: str, rerank: str | None) -> str:
    return f"{file_name_part(rerank)}-{file_name_part(model)}" if rerank else model


def _check_free(out: Path, request: Request, run: RunOptions) -> None:
    """Refuse to overwrite the result of another run, before hours are spent on this one."""
    fingerprint = as_encoder(request.encoder, request.options).description.fingerprint
    check_not_of_another_run(out, fingerprint, request.load_task(run.cards).identity)


def _attacked(request: Request, search: SearchOptions | None, run: RunOptions) -> tuple[Result, Searched | None]:
    if search is None:
        return run_request(request, run), None
    from robustbench_ir.adversary.search import search_request

    searched = search_request(request, search, run)
    return searched.result, searched


def _print_plan(request: Request, run: RunOptions, search: SearchOptions | None) -> None:
    if search:
        raise OptionError(
            "--plan cannot plan searches, because each step depends on the scores of the last; leave out --search"
        )
    with ProgressBar() as progress:
        plan = plan_run(request, replace(run, progress=progress))
    table_terminal().print(plan_table(plan), soft_wrap=True)


def _print_recalls(console: Terminal, runs: RunExport) -> None:
    """Print the recall of the index, if it is not exact."""
    for name, recall in runs.recalls().items() if runs.index != "flat" else ():
        found = f": the index {runs.index} finds {recall:.1%} of the exact first {min(runs.top, 100)}"
        text = styled((str(runs.folder / f"{name}.trec"), "bold"), f"{found}, on a sample of the queries")
        console.print(text, soft_wrap=True)


def _print_searches(console: Terminal, searched: Searched, goal: str, result_file: Path) -> None:
    """Print the cost and the effect of the searches, and write the attacked queries beside the result."""
    from robustbench_ir.adversary.outcomes import write_queries

    console.print(search_table(searched.attacked, goal))
    folder = result_file.with_name(f"{result_file.stem}-queries")
    for one in searched.attacked:
        cell = one.cell
        write_queries(folder / f"{cell.recipe.slug}-severity{cell.severity}-seed{cell.seed}.jsonl", searched.task, one)
    console.print(styled((str(folder), "bold"), " has the attacked queries"), soft_wrap=True)


def distinct_file_name_parts(names: Iterable[str]) -> dict[str, str]:
    """Return each name as part of a file name: `file_name_part`, or the whole path where two are the same."""
    short = {name: file_name_part(name) for name in names}
    count = Counter(short.values())
    return {
        name: one if count[one] == 1 else file_name_part(re.sub(r"[/\\]+", "-", name)) for name, one in short.items()
    }


def file_name_part(name: str) -> str:
    """Return a name as part of a file name: the last part of a path or hub name, without odd characters."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "result"
