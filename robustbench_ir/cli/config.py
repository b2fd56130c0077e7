"""A run as a file: TOML with the names of the library, whose values stand in for options that are not given."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from robustbench_ir.errors import OptionError, nearest

EXAMPLE = """\b
# run.toml
encoder = "intfloat/multilingual-e5-small"
task = "xquad-r"
recipes = ["typo", "diacritics"]
languages = ["en", "hindi"]
severities = [1, 3, 5]
seeds = 3
questions = 200
[options]                  # how the encoder is loaded: names of EncoderOptions
dtype = "float32"
[run]                      # how it is run: names of RunOptions
jobs = 2"""

_PARAMETERS = {
    "encoder": "model",
    "task": "task",
    "recipes": "recipes",
    "languages": "languages",
    "severities": "severities",
    "seeds": "seeds",
    "questions": "questions",
    "name": "name",
    "measure": "measure",
    "by": "by",
    "out": "out",
    "normalise": "normalise",
    "rerank": "rerank",
    "top_k": "top_k",
}
_RUN = ("jobs", "engine", "memory", "cards")
_OPTIONS = (
    *("query_prompt", "passage_prompt", "query_prompt_name", "passage_prompt_name", "query_task", "passage_task"),
    *("similarity", "encode_kwargs", "model_kwargs", "device", "devices", "batch_size", "dtype", "max_length"),
    *("revision", "trust_remote_code", "truncate_dim", "backend", "requests_per_minute", "timeout", "query_body"),
    *("passage_body", "encoding_format"),
)
_SEARCH = ("methods", "goal", "starts", "alternatives", "until_reached")
_BUDGET = {"words": "budget_words", "queries": "budget_queries", "edit_rate": "edit_rate"}
_FLOOR = {"minimum": "semantic_floor", "encoder": "semantic_encoder"}
_RUNS = {"folder": "run_out", "top": "top", "index": "index"}
_TABLES = ("options", "run", "search", "semantic_floor")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, path: _take(context, path),
    help="Take what is not given here from this TOML file, which has the names of the library; `irbench run --help` "
    "shows one.",
)


def _take(context: click.Context, path: Path | None) -> None:
    if path is not None:
        context.default_map = {**(context.default_map or {}), **read_config(path)}


def read_config(path: Path) -> dict[str, object]:
    """Return the parameters of `irbench attack` that a file has, by the names that they have there.

    Parameters
    ----------
    path : pathlib.Path
        TOML file; its keys are those of `robustbench_ir.attack`, and its tables `options`, `run` and `search` have
        those of `EncoderOptions`, `RunOptions` and `SearchOptions`.

    Raises
    ------
    OptionError
        If the file cannot be read, is not TOML, or has a key that does not exist.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OptionError(f"{path}: cannot be read ({error.strerror}); name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: not a TOML file ({error}); correct it") from None
    return dict(_parameters(content, path))


def _parameters(content: Mapping[str, object], path: Path) -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        where = f"{path}: key {key!r}"
        match key, value:
            case "options", dict():
                yield from _renamed(value, dict(zip(_OPTIONS, _OPTIONS, strict=True)), where)
            case "run", dict():
                yield from _of_run(value, where)
            case "search", dict():
                yield from _of_search(value, where)
            case "semantic_floor", dict():
                yield from _renamed(value, _FLOOR, where)
            case "semantic_floor", int() | float():
                yield key, value
            case "questions", dict():
                yield key, f"{value.get('number', '')}:{value.get('seed', 0)}"
            case _:
                yield from _renamed({key: value}, _PARAMETERS, f"{path}", _TABLES)


def _of_run(table: Mapping[str, object], where: str) -> Iterator[tuple[str, object]]:
    rest = dict(table)
    if "resume" in rest:
        yield "fresh", not rest.pop("resume")
    if isinstance(runs := rest.pop("runs", {}), dict):
        yield from _renamed(runs, _RUNS, f"{where}.runs")
    yield from _renamed(rest, dict(zip(_RUN, _RUN, strict=True)), where, ("resume", "runs"))


def _of_search(table: Mapping[str, object], where: str) -> Iterator[tuple[str, object]]:
    rest = dict(table)
    if isinstance(budget := rest.pop("budget", {}), dict):
        yield from _renamed(budget, _BUDGET, f"{where}.budget")
    yield from _renamed({"methods": "greedy", **rest}, dict(zip(_SEARCH, _SEARCH, strict=True)), where, ("budget",))


def _renamed(
    table: Mapping[str, object], names: Mapping[str, str], where: str, others: tuple[str, ...] = ()
) -> Iterator[tuple[str, object]]:
    """Yield each value under the name of its parameter, as the command line would have it."""
    for key, value in table.items():
        if key not in names:
            raise OptionError(f"{where}: there is no {key!r}; {nearest(key, (*names, *others))}")
        yield names[key], _as_typed(names[key], value)


def _as_typed(parameter: str, value: object) -> object:
    """Return a value as an option takes it."""
    if parameter in _WRITTEN:
        return _WRITTEN[parameter](value)
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value) if parameter in {"seeds", "questions", "memory"} else value


def _keywords(value: object) -> list[str]:
    items = value.items() if isinstance(value, dict) else ()
    return [f"{key}={one if isinstance(one, str) else json.dumps(one)}" for key, one in items]


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


_WRITTEN: Mapping[str, Callable[[object], object]] = {
    "encode_kwargs": _keywords,
    "model_kwargs": _keywords,
    "devices": lambda value: ",".join(map(str, value)) if isinstance(value, list) else value,
    **dict.fromkeys(("recipes", "languages", "severities", "methods"), _as_list),
}
