"""`irbench attack`."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from robustbench_ir._base.files import check_writable
from robustbench_ir._base.parallel import Engine
from robustbench_ir.cli.catalogue import table_console
from robustbench_ir.cli.options import (
    cards_option,
    read_bytes,
    semantic_encoder_option,
    semantic_floor_option,
    split_commas,
)
from robustbench_ir.cli.search import Adversary, search_options
from robustbench_ir.encoders import EncoderOptions, default_encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.plan import plan_run
from robustbench_ir.evaluation.request import Request
from robustbench_ir.evaluation.run_export import RunExport
from robustbench_ir.metrics.measures import measure as look_up_measure
from robustbench_ir.reports.terminal import plan_table, score_table, with_and_without
from robustbench_ir.results.file import save_result
from robustbench_ir.retrieval.top_k import INDEXES, Index


class ProgressBar(AbstractContextManager["ProgressBar"]):
    """A `robustbench_ir.Progress` on the terminal: one line that says the stage."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("start", total=None)

    def __enter__(self) -> Self:
        if self._bar.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage."""
        self._bar.reset(self._task, total=total, description=name)
        if not self._bar.console.is_terminal:
            self._bar.console.print(name, markup=False)

    def advance(self, steps: int) -> None:
        """Move the bar."""
        self._bar.advance(self._task, steps)


@click.command("attack", short_help="Perturb a task's queries and measure how far an encoder falls.")
@click.option(
    "--model", help="Encoder: a name of `irbench encoders`, a folder, owner/model on the hub, or openai:MODEL@URL."
)
@click.option("--task", default="mini", show_default=True, help="A name of `irbench tasks`, ./folder, or mteb:NAME.")
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    help="A name of `irbench recipes`; may be repeated. Default: the four first ones.",
)
@click.option("--languages", callback=split_commas, help="Queries and pool in these languages only.")
@click.option(
    "--severity",
    "severities",
    type=int,
    multiple=True,
    default=(3,),
    show_default=True,
    help="1 to 5; may be repeated.",
)
@click.option("--seeds", type=int, default=1, show_default=True, help="Number of perturbations of each query.")
@click.option("--by", type=click.Choice(["language"]), help="Open the table up by query language.")
@click.option("--measure", default="AP", show_default=True, help="Measure of the table: AP, nDCG@k, RR@k or R@k.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Result file. Default: results/MODEL-TASK.json.",
)
@click.option("--fresh", is_flag=True, help="Do again what an earlier run has finished.")
@click.option("--query-prompt", help="Put before each query. Default: the model's own, or that of its family.")
@click.option("--passage-prompt", help="Put before each passage.")
@click.option("--device", help="Such as cpu, cuda, mps. Default: the best there is.")
@click.option("--batch-size", type=int, default=32, show_default=True, help="Texts per forward pass.")
@click.option("--dtype", help="float32, float16 or bfloat16. Default: the model's own.")
@click.option("--max-length", type=int, help="Tokens after which a text is cut.")
@click.option("--revision", help="Commit, branch or tag on the hub.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that the model's author put into the model.")
@semantic_floor_option
@semantic_encoder_option
@click.option(
    "--normalise",
    help="Repair queries before encoding, and tell what that wins: nfkc+invisible+confusables+spelling+deromanise-hi.",
)
@click.option("--truncate-dim", type=int, help="Keep the first so many dimensions (Matryoshka models).")
@click.option("--backend", default="torch", show_default=True, help="torch, onnx or openvino (extras).")
@click.option("--devices", callback=split_commas, help="Several at once: cuda:0,cuda:1. One process each.")
@click.option("--requests-per-minute", type=float, help="Limit for an endpoint. Default: none.")
@click.option("--timeout", type=float, default=60, show_default=True, help="Seconds an endpoint has for an answer.")
@search_options
@cards_option
@click.option("--plan", "only_plan", is_flag=True, help="Print cells, texts, time and memory; run nothing.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes that make cells; the same bits as one.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where they run: here, or on the Ray cluster at hand (extra ray).",
)
@click.option(
    "--memory",
    callback=read_bytes,
    default="256MiB",
    show_default=True,
    help="What ranking may take in each process, beside the embeddings.",
)
@click.option(
    "--run-out", type=click.Path(path_type=Path, file_okay=False), help="Write a TREC run for each cell there."
)
@click.option("--top", type=int, default=100, show_default=True, help="Passages of each query in these runs.")
@click.option("--index", type=click.Choice(INDEXES), default="flat", show_default=True, help="How they are searched.")
def command(  # noqa: PLR0913, PLR0917
    model: str | None,
    task: str,
    recipes: tuple[str, ...],
    languages: tuple[str, ...] | None,
    severities: tuple[int, ...],
    seeds: int,
    by: str | None,
    measure: str,
    out: Path | None,
    fresh: bool,
    query_prompt: str | None,
    passage_prompt: str | None,
    device: str | None,
    batch_size: int,
    dtype: str | None,
    max_length: int | None,
    revision: str | None,
    trust_remote_code: bool,
    semantic_floor: float | None,
    semantic_encoder: str | None,
    truncate_dim: int | None,
    backend: str,
    devices: tuple[str, ...] | None,
    requests_per_minute: float | None,
    timeout: float,
    normalise: str | None,
    cards: Path | None,
    only_plan: bool,
    jobs: int,
    engine: Engine,
    memory: int,
    run_out: Path | None,
    top: int,
    index: Index,
    adversary: Adversary | None,
) -> None:
    """Perturb a task's queries and measure how far an encoder falls.

    Prints a table for each setting and writes everything to a result file. Run the same command again after it was
    stopped: it goes on where it was.
    """
    options = EncoderOptions(
        query_prompt,
        passage_prompt,
        device,
        batch_size,
        dtype,
        max_length,
        revision,
        trust_remote_code,
        truncate_dim,
        backend,
        devices or (),
        requests_per_minute,
        timeout,
    )
    look_up_measure(measure)
    name = model or default_encoder()
    runs = RunExport(run_out, top, index) if run_out else None
    if only_plan and adversary:
        raise OptionError("--plan knows no searches: what they ask depends on the answers; leave out --search")
    if only_plan:
        request = Request(
            name,
            task,
            recipes or None,
            languages,
            severities,
            seeds,
            options,
            cards,
            not fresh,
            semantic_floor,
            semantic_encoder,
            memory,
        )
        with ProgressBar(Console(stderr=True)) as progress:
            plan = plan_run(request, progress)
        table_console().print(plan_table(plan), soft_wrap=True)
        return
    target = out or Path("results") / f"{slug(name)}-{slug(task)}.json"
    check_writable(target)
    with ProgressBar(Console(stderr=True)) as progress:
        run = partial(
            adversary.attack if adversary else attack,
            task=task,
            recipes=list(recipes) or None,
            languages=languages,
            severities=severities,
            seeds=seeds,
            options=options,
            cards=cards,
            resume=not fresh,
            progress=progress,
            semantic_floor=semantic_floor,
            semantic_encoder=semantic_encoder,
            jobs=jobs,
            engine=engine,
            memory=memory,
            runs=runs,
        )
        without = run(name, runs=None) if normalise else None
        result = run(f"normalised:{normalise}:{name}" if normalise else name)
    save_result(result, target)
    console = table_console()
    console.print(score_table(result, by, measure))
    for one, recall in runs.recalls().items() if runs and index != "flat" else ():
        found = f": the index {index} finds {recall:.1%} of the exact first {min(top, 100)}, on a sample of the queries"
        console.print(Text.assemble((str(runs.folder / f"{one}.trec") if runs else "", "bold"), found), soft_wrap=True)
    if adversary:
        adversary.tell(console, target)
    if without:
        save_result(without, target.with_name(f"{target.stem}-without.json"))
        console.print(with_and_without(without, result, measure))
    told = Text.assemble((str(target), "bold"), f" has it all; `irbench show {target}` prints this again")
    console.print(told, soft_wrap=True)


def slug(name: str) -> str:
    """Return a name as part of a file name: the last part of a path or hub name, without odd characters."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name.rstrip("/").rsplit("/", 1)[-1]).strip("-.") or "result"
