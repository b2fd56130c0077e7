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
from robustbench_ir.adversary.suite import random_part, run_suite_request
from robustbench_ir.cli.check import check_by_gate
from robustbench_ir.cli.completion import ENCODER
from robustbench_ir.cli.config import config_option
from robustbench_ir.cli.for_leaderboard import check_nothing_else_is_chosen, for_option, print_next_step
from robustbench_ir.cli.options import (
    SECTIONS,
    by_option,
    encoder_options,
    force_option,
    languages_option,
    measure_option,
    prompts_option,
    questions_option,
    read_seeds,
    recipes_option,
    run_options,
    search_options,
    semantic_floor_options,
    severities_option,
    task_option,
)
from robustbench_ir.cli.output import Terminal, styled, table_terminal
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.cli.sections import SectionedCommand
from robustbench_ir.cli.suite import check_suite_is_alone, suite_option
from robustbench_ir.encoders import EncoderOptions, as_encoder, default_encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.attack import run_request
from robustbench_ir.evaluation.plan import plan_run
from robustbench_ir.evaluation.request import Request, RunOptions, Seeds, recipe_list
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.perturb.identity import PERTURBED_SIDES, AttackIdentity, PerturbedSide
from robustbench_ir.reports.robust import suite_table
from robustbench_ir.reports.terminal import plan_table, score_table, search_table, with_and_without
from robustbench_ir.reports.verdict import verdict_lines
from robustbench_ir.results.file import load_result
from robustbench_ir.results.naming import (
    RunIdentity,
    Saved,
    check_not_of_another_run,
    file_name_part,
    save_beside,
    usual_name,
)
from robustbench_ir.results.result import Result
from robustbench_ir.results.rules import Gate
from robustbench_ir.results.suite import Suite

if TYPE_CHECKING:
    from robustbench_ir.adversary.search import Searched, SearchOptions
    from robustbench_ir.tasks.questions import Questions


@click.command(
    "attack",
    cls=SectionedCommand,
    sections=SECTIONS,
    short_help="Perturb a task's queries and measure how far an encoder falls.",
)
@click.option(
    "--model",
    type=ENCODER,
    help="Encoder: a name of `irbench encoders`, a folder, owner/model on the hub, or openai:MODEL@URL.",
)
@task_option
@for_option
@recipes_option
@languages_option
@severities_option
@questions_option
@suite_option
@prompts_option
@click.option(
    "--on",
    type=click.Choice(PERTURBED_SIDES),
    default="queries",
    show_default=True,
    help="Which texts are perturbed; with passages, the pool is encoded again for each cell.",
)
@config_option
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
    help="Result file. Default: results/MODEL-TASK.json, with the languages where some were chosen.",
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
@click.pass_context
def command(  # noqa: PLR0913, PLR0917
    context: click.Context,
    model: str | None,
    task: str,
    purpose: str | None,
    recipes: tuple[str, ...],
    languages: tuple[str, ...] | None,
    severities: tuple[int, ...],
    questions: Questions | None,
    suite: Suite | None,
    prompts: tuple[str, ...],
    on: PerturbedSide,
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
    """Perturb a task's queries, or its passages, and measure how far an encoder falls.

    Prints a table for each setting and writes everything to a result file. If it was stopped, run the same command
    again to continue.

    \b
    irbench attack --model bm25 --task mini --languages en,hindi --recipe typo,synonym --severity 1,3,5
    irbench attack --model ./my-model --task ./my-folder --questions 200
    irbench attack --model ./my-model --task ./my-folder --recipe ocr --on passages
    irbench attack --model ./my-model --task xquad-r --for leaderboard
    irbench attack --config run.toml --plan
    """  # noqa: D301
    look_up_measure(measure)
    check_nothing_else_is_chosen(context, purpose)
    check_suite_is_alone(context, suite)
    chosen = model or default_encoder()
    before = _reranker_prefix(rerank, top_k)
    _check_repairs(normalise)
    request = Request(
        encoder=f"{before}{chosen}",
        task=task,
        recipes=recipe_list(",".join(recipes)) if recipes else None,
        languages=languages,
        severities=severities,
        seeds=seeds,
        semantic_floor=floor,
        options=options,
        questions=questions,
        prompts=prompts,
        on=on,
    )
    _check_search(search, prompts, on)
    if suite:
        request = random_part(request, suite, run.cards)
    gate = _read_gate(gate_file, request, search, run) if gate_file else None
    if only_plan:
        _print_plan(request, run, search, suite)
        return
    target = out or Path("results") / usual_name(
        name or _called(chosen, rerank, normalise), task, languages, _set_apart(questions, suite)
    )
    check_writable(target)
    if is_stream(target) and (normalise or search or suite):
        raise OptionError(f"{target}: this run writes further files beside the result; name a file for --out")
    guarded = replace(request, encoder=f"{before}normalised:{normalise}:{chosen}") if normalise else request
    if out and out.exists() and not force:
        _check_free(out, guarded, search, suite, run)
    with progress_bar() as progress:
        run = replace(run, progress=progress)
        without = _attacked(request, search, suite, replace(run, runs=None))[0] if normalise else None
        if without and guarded.seeds == "auto":
            guarded = replace(guarded, seeds=max(map(len, without.groups.values())))
        result, searched = _attacked(guarded, search, suite, run)
    saved = save_beside(result.named(name), target, force=force)
    console = table_terminal()
    _print_tables(console, result.named(name), suite, by, measure)
    if run.runs:
        _print_recalls(console, run.runs)
    for one in searched:
        _print_searches(console, one, saved.path)
    if without:
        unrepaired = save_beside(without, target.with_name(f"{target.stem}-without.json"), force=force)
        console.print(with_and_without(without, result, measure))
        print_saved(console, unrepaired, "has the results without the repairs")
    print_saved(console, saved, f"has all results; `irbench show {saved.path}` prints them again")
    print_next_step(console, request, search, purpose, saved)
    if gate:
        check_by_gate(result, gate)


def _check_search(search: SearchOptions | None, prompts: tuple[str, ...], on: PerturbedSide) -> None:
    if search and prompts:
        raise OptionError("a search changes texts, and --prompts what stands before them; run one after the other")
    if search and on != "queries":
        raise OptionError(f"--on {on}: a search perturbs queries; leave out --on, or --search")


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


def _print_tables(console: Terminal, result: Result, suite: Suite | None, by: str | None, measure: str) -> None:
    """Print the drops, the robust scores of a suite, and the verdict."""
    console.print(score_table(result, by, measure))
    if suite:
        console.print(suite_table(result, suite, by, measure))
    console.print(verdict_lines(result, measure))


def _check_repairs(names: str | None) -> None:
    """Look up the repairs before the run without them, which comes first."""
    from robustbench_ir.defences import load_repair

    for name in [] if names is None else names.split("+"):
        load_repair(name)


def print_saved(console: Terminal, saved: Saved, what: str) -> None:
    """Print where a result was written, and what happened to an earlier file of that name."""
    if saved.note:
        console.print(styled((f"note: {saved.note}", "yellow")), soft_wrap=True)
    console.print(styled((str(saved.path), "bold"), f" {what}"), soft_wrap=True)


def _set_apart(questions: Questions | None, suite: Suite | None) -> str:
    return "-".join(filter(None, (str(questions or ""), suite.name if suite else "")))


def _called(model: str, rerank: str | None, normalise: str | None) -> str:
    return "-".join(file_name_part(part) for part in (rerank, model, normalise) if part)


def _check_free(
    out: Path, request: Request, search: SearchOptions | None, suite: Suite | None, run: RunOptions
) -> None:
    """Refuse to overwrite the result of another run, before hours are spent on this one."""
    fingerprint = as_encoder(request.encoder, request.options).description.fingerprint
    task = request.load_task(run.cards)
    cells = None
    # How a search, a floor and a number of seeds that is found on the way are called is known only afterwards.
    more = search is not None or bool(request.prompts) or (suite is not None and bool(suite.searches))
    if not more and request.semantic_floor is None and request.seeds != "auto":
        recipes = request.load_recipes(run.cards)
        identities = {
            name: AttackIdentity((recipe.for_task(task).identity,), on=request.on) for name, recipe in recipes.items()
        }
        cells = frozenset((str(identities[one.recipe]), one.severity, one.seed) for one in request.cells(recipes))
    check_not_of_another_run(out, RunIdentity(fingerprint, task.identity, task.digest, cells))


def _attacked(
    request: Request, search: SearchOptions | None, suite: Suite | None, run: RunOptions
) -> tuple[Result, tuple[Searched, ...]]:
    if suite is not None:
        return run_suite_request(request, suite, run)
    if search is None:
        return run_request(request, run), ()
    from robustbench_ir.adversary.search import search_request

    searched = search_request(request, search, run)
    return searched.result, (searched,)


def _print_plan(request: Request, run: RunOptions, search: SearchOptions | None, suite: Suite | None) -> None:
    if search:
        raise OptionError(
            "--plan cannot plan searches, because each step depends on the scores of the last; leave out --search"
        )
    with progress_bar() as progress:
        plan = plan_run(request, replace(run, progress=progress), suite.searches if suite else ())
    table_terminal().print(plan_table(plan), soft_wrap=True)


def _print_recalls(console: Terminal, runs: RunExport) -> None:
    """Print the recall of the index, if it is not exact."""
    for name, recall in runs.recalls().items() if runs.index != "flat" else ():
        found = f": the index {runs.index} finds {recall:.1%} of the exact first {min(runs.top, 100)}"
        text = styled((str(runs.folder / f"{name}.trec"), "bold"), f"{found}, on a sample of the queries")
        console.print(text, soft_wrap=True)


def _print_searches(console: Terminal, searched: Searched, result_file: Path) -> None:
    """Print the cost and the effect of the searches, and write the attacked queries beside the result."""
    from robustbench_ir.adversary.outcomes import write_queries

    console.print(search_table(searched.attacked, searched.attacked[0].goal))
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
