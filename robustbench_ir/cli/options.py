"""Options that several commands share, each declared once, and the values that are built from groups of options."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import click

from robustbench_ir._base.sizes import parse_size
from robustbench_ir.cli.completion import LANGUAGE, MEASURE, RECIPE, TASK
from robustbench_ir.cli.lists import list_option
from robustbench_ir.errors import OptionError

if TYPE_CHECKING:
    from robustbench_ir._base.parallel import Engine
    from robustbench_ir.adversary.search import SearchOptions
    from robustbench_ir.encoders import EncoderOptions
    from robustbench_ir.encoders.providers import EncodingFormat
    from robustbench_ir.evaluation.request import RunOptions, Seeds
    from robustbench_ir.evaluation.semantic_floor import SemanticFloor
    from robustbench_ir.retrieval.top_k import Index
    from robustbench_ir.tasks.questions import Questions

_Command = TypeVar("_Command", bound=Callable[..., object])


def split_commas(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Read ``a,b,c`` as a tuple; an option's callback."""
    if value is None:
        return None
    parts = tuple(part.strip() for part in value.split(","))
    if not all(parts):
        raise click.BadParameter(f"{value!r} has an empty part")
    return parts


def read_bytes(_: click.Context, __: click.Parameter, value: str) -> int:
    """Read ``512MiB``, ``2TB`` or ``1.5G`` as bytes; an option's callback.

    >>> read_bytes(None, None, "2GiB")  # doctest: +SKIP
    2147483648
    """
    try:
        return parse_size(value)
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


def read_damage(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read an edit distance as a share of a query; an option's callback."""
    if value is None:
        return None
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise click.BadParameter(f"{value!r} is not a share above 0; give one, such as 0.05")
    return found


def read_seeds(_: click.Context, __: click.Parameter, value: str) -> Seeds:
    """Read a number of seeds, or ``auto``; an option's callback."""
    if value == "auto":
        return "auto"
    try:
        return int(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not a number of seeds; give one, such as 3, or auto") from error


def read_object(_: click.Context, __: click.Parameter, value: str | None) -> dict[str, object] | None:
    """Read a JSON object; an option's callback."""
    if value is None:
        return None
    try:
        found = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise click.BadParameter(f'{value!r} is no JSON object; write such as \'{{"input_type": "query"}}\'')
    return found


def _gathered(
    argument: str, build: Callable[..., object], options: Sequence[Callable[[_Command], _Command]]
) -> Callable[[_Command], _Command]:
    """Add options to a command; the command receives the result of `build` as one argument.

    Parameters
    ----------
    argument : str
        Name of the command's parameter.
    build : callable
        Takes the values of the options by name.
    options : sequence of decorators
        In the order of the help text.
    """
    names = list(signature(build).parameters)

    def decorate(function: _Command) -> _Command:
        @functools.wraps(function)
        def command(**values: object) -> object:
            own = {name: values.pop(name) for name in names}
            return function(**{argument: build(**own)}, **values)

        decorated = cast("_Command", command)
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


task_option = click.option(
    "--task",
    type=TASK,
    default="mini",
    show_default=True,
    help="A name of `irbench tasks`, ./folder, ./folder:dev, or mteb:NAME.",
)

recipes_option = list_option(
    "--recipe",
    "--recipes",
    "recipes",
    of=RECIPE,
    help="Names of `irbench recipes`, such as typo,synonym; clean for clean scores alone. Default: those "
    "that `irbench recipes` names last.",
)

severities_option = list_option(
    "--severity",
    "--severities",
    "severities",
    of=click.INT,
    default=(3,),
    show_default=True,
    help="1 to 5, such as 1,3,5.",
)

languages_option = list_option(
    "--languages",
    "--language",
    "languages",
    of=LANGUAGE,
    empty=None,
    help="Only these languages: codes or names, such as en,hi,swahili. Default: all.",
)

measure_option = click.option(
    "--measure",
    type=MEASURE,
    default="AP",
    show_default=True,
    help="Measure of the table: AP (or map), nDCG@k, RR@k (or mrr@k), R@k, P@k or Success@k, with any k.",
)


def read_questions(_: click.Context, __: click.Parameter, value: str | None) -> Questions | None:
    """Read a number of questions, with a seed behind a colon if there is one; an option's callback."""
    if value is None:
        return None
    from robustbench_ir.tasks.questions import Questions

    number, _colon, seed = value.partition(":")
    try:
        return Questions(int(number), int(seed or 0))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no number of questions; give one, such as 200, or 200:1") from error


questions_option = click.option(
    "--questions",
    callback=read_questions,
    metavar="N[:SEED]",
    help="A quick look: draw N questions with all their translations, against the whole pool. Not for the leaderboard.",
)

prompts_option = list_option(
    "--prompts",
    "prompts",
    help="Queries under other prompts too: none, paraphrase-1 to -3, wrong-language, or all of them.",
)

damage_option = click.option(
    "--at-damage",
    "damage",
    metavar="FLOAT",
    callback=read_damage,
    help="Also show the drops at this mean edit distance, such as 0.05, interpolated over the severities.",
)

force_option = click.option("--force", is_flag=True, help="Replace a result file, even one of another run.")
by_option = click.option("--by", type=click.Choice(["language"]), help="Break the table down by query language.")

cards_option = click.option(
    "--cards",
    type=click.Path(path_type=Path),
    help="Folder with recipes and tasks of your own (attacks/*.toml, tasks/*.toml).",
)


def _semantic_floor(semantic_floor: float | None, semantic_encoder: str | None) -> SemanticFloor | None:
    from robustbench_ir.evaluation.semantic_floor import DEFAULT_ENCODER, SemanticFloor

    if semantic_floor is None:
        if semantic_encoder is not None:
            raise OptionError("--semantic-encoder has no effect without a floor; add one, such as --semantic-floor 0.8")
        return None
    return SemanticFloor(semantic_floor, semantic_encoder or DEFAULT_ENCODER)


semantic_floor_options = _gathered(
    "floor",
    _semantic_floor,
    [
        click.option(
            "--semantic-floor",
            type=float,
            help="Take edits back until the cosine of clean and perturbed query reaches this, above 0 and at most 1.",
        ),
        click.option(
            "--semantic-encoder",
            help="Encoder of the semantic floor, preferably not the attacked one. Default: use-multilingual.",
        ),
    ],
)


def read_keywords(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> dict[str, str | int | float | bool]:
    """Read ``key=value`` pairs, whose values are JSON where they can be; an option's callback.

    >>> read_keywords(None, None, ("task=retrieval", "use_cache=false"))  # doctest: +SKIP
    {'task': 'retrieval', 'use_cache': False}
    """
    keywords: dict[str, str | int | float | bool] = {}
    for pair in value:
        key, equals, text = pair.partition("=")
        if not key.isidentifier() or not equals:
            raise click.BadParameter(f"{pair!r}: write it like key=value")
        try:
            found = json.loads(text)
        except ValueError:
            found = text
        keywords[key] = found if isinstance(found, str | int | float | bool) else text
    return keywords


def _encoder_options(  # noqa: PLR0913, PLR0917
    query_prompt: str | None,
    passage_prompt: str | None,
    query_prompt_name: str | None,
    passage_prompt_name: str | None,
    query_task: str | None,
    passage_task: str | None,
    similarity: str | None,
    encode_kwargs: dict[str, str | int | float | bool],
    model_kwargs: dict[str, str | int | float | bool],
    device: str | None,
    batch_size: int,
    dtype: str | None,
    max_length: int | None,
    revision: str | None,
    trust_remote_code: bool,
    truncate_dim: int | None,
    backend: str,
    devices: tuple[str, ...] | None,
    requests_per_minute: float | None,
    timeout: float,
    query_body: Mapping[str, object] | None,
    passage_body: Mapping[str, object] | None,
    encoding_format: EncodingFormat | None,
) -> EncoderOptions:
    from robustbench_ir.encoders import EncoderOptions

    return EncoderOptions(
        query_prompt=query_prompt,
        passage_prompt=passage_prompt,
        query_prompt_name=query_prompt_name,
        passage_prompt_name=passage_prompt_name,
        query_task=query_task,
        passage_task=passage_task,
        similarity=similarity,
        encode_kwargs=encode_kwargs,
        model_kwargs=model_kwargs,
        device=device,
        batch_size=batch_size,
        dtype=dtype,
        max_length=max_length,
        revision=revision,
        trust_remote_code=trust_remote_code,
        truncate_dim=truncate_dim,
        backend=backend,
        devices=devices or (),
        requests_per_minute=requests_per_minute,
        timeout=timeout,
        query_body=query_body,
        passage_body=passage_body,
        encoding_format=encoding_format,
    )


encoder_options = _gathered(
    "options",
    _encoder_options,
    [
        click.option("--query-prompt", help="Text before each query. Default: the model's own, or that of its family."),
        click.option("--passage-prompt", help="Text before each passage."),
        click.option("--query-prompt-name", help="One of the model's own prompts, by name, for queries."),
        click.option("--passage-prompt-name", help="One of the model's own prompts, by name, for passages."),
        click.option("--query-task", help="Task of queries, for models that take one, such as retrieval.query."),
        click.option("--passage-task", help="Task of passages, for models that take one."),
        click.option(
            "--similarity",
            help="cosine, dot, euclidean or manhattan. Default: that of the model or of its family, otherwise cosine.",
        ),
        click.option(
            "--encode-kwarg",
            "encode_kwargs",
            multiple=True,
            callback=read_keywords,
            metavar="KEY=VALUE",
            help="Keyword for the model's encode; may be repeated.",
        ),
        click.option(
            "--model-kwarg",
            "model_kwargs",
            multiple=True,
            callback=read_keywords,
            metavar="KEY=VALUE",
            help="Keyword for loading the model; may be repeated.",
        ),
        click.option("--device", help="Such as cpu, cuda, mps. Default: the best available."),
        click.option(
            "--devices", callback=split_commas, help="Several devices, such as cuda:0,cuda:1, with one process each."
        ),
        click.option("--batch-size", type=int, default=32, show_default=True, help="Texts per forward pass."),
        click.option("--dtype", help="float32, float16 or bfloat16. Default: the model's own; float32 on a CPU."),
        click.option("--max-length", type=int, help="Number of tokens after which a text is cut."),
        click.option("--truncate-dim", type=int, help="Number of first dimensions to keep (Matryoshka models)."),
        click.option("--backend", default="torch", show_default=True, help="torch, onnx or openvino (extras)."),
        click.option("--revision", help="Commit, branch or tag on the hub."),
        click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the model."),
        click.option("--requests-per-minute", type=float, help="Limit for an endpoint. Default: none."),
        click.option("--timeout", type=float, default=60, show_default=True, help="Seconds to wait for an endpoint."),
        click.option(
            "--query-body", callback=read_object, help='JSON for an endpoint\'s requests: \'{"input_type": "query"}\'.'
        ),
        click.option("--passage-body", callback=read_object, help="The same for passages."),
        click.option(
            "--encoding-format",
            type=click.Choice(["float", "base64", "none"]),
            help="How an endpoint writes numbers. Default: the first of these that it accepts.",
        ),
    ],
)


def _run_options(
    fresh: bool,
    cards: Path | None,
    jobs: int,
    engine: Engine,
    memory: int,
    run_out: Path | None,
    top: int,
    index: Index,
) -> RunOptions:
    from robustbench_ir.evaluation.request import RunOptions
    from robustbench_ir.evaluation.run_export import RunExport

    runs = RunExport(run_out, top, index) if run_out else None
    return RunOptions(jobs=jobs, engine=engine, memory=memory, resume=not fresh, cards=cards, runs=runs)


def _simple_run_options(fresh: bool, cards: Path | None) -> RunOptions:
    from robustbench_ir.evaluation.request import RunOptions

    return RunOptions(resume=not fresh, cards=cards)


_fresh_option = click.option("--fresh", is_flag=True, help="Repeat work that an earlier run has finished.")

run_options = _gathered(
    "run",
    _run_options,
    [
        _fresh_option,
        cards_option,
        click.option(
            "--jobs",
            type=int,
            default=1,
            show_default=True,
            help="Number of processes; the results are identical to those of one.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where processes run: on this machine, or on the available Ray cluster (extra ray).",
        ),
        click.option(
            "--memory",
            callback=read_bytes,
            default="256MiB",
            show_default=True,
            help="Memory for ranking in each process, beside the embeddings.",
        ),
        click.option(
            "--run-out", type=click.Path(path_type=Path, file_okay=False), help="Folder for a TREC run of each cell."
        ),
        click.option(
            "--top", type=int, default=100, show_default=True, help="Number of passages of each query in these runs."
        ),
        click.option(
            "--index",
            type=click.Choice(["flat", "hnsw", "ivf-pq"]),
            default="flat",
            show_default=True,
            help="How passages are searched for these runs.",
        ),
    ],
)
"""Options of a run, for commands that may use several processes and write TREC runs."""

simple_run_options = _gathered("run", _simple_run_options, [_fresh_option, cards_option])
"""Options of a run, for commands that use one process."""


def _search_options(
    methods: tuple[str, ...],
    goal: str | None,
    budget_words: int | None,
    budget_queries: int | None,
    edit_rate: float | None,
    starts: int | None,
    alternatives: int | None,
    until_reached: bool,
) -> SearchOptions | None:
    from robustbench_ir.adversary.candidates import Budget
    from robustbench_ir.adversary.search import DEFAULT_SEARCH, SearchOptions

    given = (goal, budget_words, budget_queries, edit_rate, starts, alternatives, until_reached or None)
    if not methods:
        if any(value is not None for value in given):
            raise OptionError("--goal, --budget-words and the other options of a search need one; add --search greedy")
        return None
    default = DEFAULT_SEARCH.budget
    return SearchOptions(
        methods=methods,
        goal=goal or DEFAULT_SEARCH.goal,
        budget=Budget(
            default.words if budget_words is None else budget_words,
            default.queries if budget_queries is None else budget_queries,
            default.edit_rate if edit_rate is None else edit_rate,
        ),
        starts=starts,
        alternatives=DEFAULT_SEARCH.alternatives if alternatives is None else alternatives,
        until_reached=until_reached,
    )


def search_options(*default: str) -> Callable[[_Command], _Command]:
    """Add the options of a search; the command receives `search`, None without a method or a default."""
    return _gathered(
        "search",
        _search_options,
        [
            list_option(
                "--search",
                "methods",
                default=default,
                show_default=bool(default),
                help="Search for the worst case: greedy, greedy-rare, greedy-score, greedy-gradient-8, beam-4, "
                "beam-gradient-4, annealing-200, best-of-20, "
                "exhaustive or random; such as greedy,random.",
            ),
            click.option(
                "--goal", help="map, beyond@10, rank-distance, language=en, passage=ID, joined by +. Default: map."
            ),
            click.option("--budget-words", type=int, help="Number of words that a search may change. Default: 2."),
            click.option("--budget-queries", type=int, help="Number of texts that a search may encode. Default: 500."),
            click.option(
                "--budget-edit-rate",
                "edit_rate",
                type=float,
                help="Share of a query's characters that a search may replace, above 0 and at most 1. Default: 1.",
            ),
            click.option("--starts", type=int, help="Number of random perturbations tried first. Default: 20."),
            click.option("--alternatives", type=int, help="Number of rewritings of a place by one recipe. Default: 8."),
            click.option("--until-reached", is_flag=True, help="End the search of a query at its first success."),
        ],
    )


SECTIONS = {
    "What is attacked": ("model", "task", "purpose", "languages", "questions", "name", "cards"),
    "How the queries are perturbed": (
        "recipes",
        "severities",
        "seeds",
        "on",
        "suite",
        "prompts",
        "semantic_floor",
        "semantic_encoder",
    ),
    "Table and result": ("by", "measure", "out", "force", "gate_file"),
    "How it runs": ("plan", "only_plan", "config", "jobs", "engine", "memory", "fresh"),
    "Defences and rerankers": ("normalise", "rerank", "top_k"),
    "How the encoder is loaded": (
        *("device", "devices", "batch_size", "dtype", "max_length", "truncate_dim", "backend", "revision"),
        *("trust_remote_code", "query_prompt", "passage_prompt", "query_prompt_name", "passage_prompt_name"),
        *("query_task", "passage_task", "similarity", "encode_kwargs", "model_kwargs", "requests_per_minute"),
        *("timeout", "query_body", "passage_body", "encoding_format"),
    ),
    "Search for the worst case": (
        *("methods", "goal", "budget_words", "budget_queries", "edit_rate", "starts", "alternatives", "until_reached"),
    ),
    "TREC runs of each cell": ("run_out", "top", "index"),
}
"""Sections of the help text of `irbench attack`, and the parameters in each."""
