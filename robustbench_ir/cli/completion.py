"""Names that the shell completes: recipes, tasks, languages, encoders, measures; docs/completion.md tells how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem


class Name(click.ParamType[Any]):
    """The name of something, which the shell completes.

    Parameters
    ----------
    name : str
        What it is the name of, for the help text.
    offered : callable
        Returns the names that exist, each with what it stands for; it is called only when the shell asks.
    folders : bool
        Whether a folder will do too.
    read : callable, optional
        Takes what was typed and returns the name that the command gets.
    """

    def __init__(
        self,
        name: str,
        offered: Callable[[], Iterable[tuple[str, str]]],
        *,
        folders: bool = False,
        read: Callable[[str], str] | None = None,
    ) -> None:
        self.name = name
        self._offered = offered
        self._folders = folders
        self._read = read

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:  # noqa: ARG002
        """Return the name that the command gets."""
        return self._read(value) if self._read and isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """Return the names that begin like what was typed."""
        if self._folders and incomplete.startswith((".", "/", "~")):
            return [CompletionItem(incomplete, type="dir")]
        typed = incomplete.lower()
        return [CompletionItem(name, help=about) for name, about in self._offered() if name.lower().startswith(typed)]


def _recipes() -> Iterable[tuple[str, str]]:
    from robustbench_ir.perturb import load_recipe, recipe_names

    return ((name, load_recipe(name).card.title) for name in recipe_names())


def _tasks() -> Iterable[tuple[str, str]]:
    from robustbench_ir.tasks import task_card, task_names

    return ((name, task_card(name).title) for name in task_names())


def _languages() -> Iterable[tuple[str, str]]:
    from robustbench_ir.resources.languages import languages

    return ((code, one.name) for code, one in languages().items())


def _encoders() -> Iterable[tuple[str, str]]:
    from robustbench_ir.encoders import BUILT_IN, encoder_names

    return ((name, BUILT_IN[name][1] if name in BUILT_IN else "plug-in") for name in encoder_names())


def _measures() -> Iterable[tuple[str, str]]:
    from robustbench_ir.metrics.measures import DEFAULT_MEASURES

    return ((name, "any k will do" if "@" in name else "shown as mAP") for name in DEFAULT_MEASURES)


def _measure_name(typed: str) -> str:
    from robustbench_ir.metrics.measures import measure_name

    return measure_name(typed)


def _language_code(typed: str) -> str:
    from robustbench_ir.resources.languages import code_of_name

    return code_of_name(typed) or typed


RECIPE = Name("recipe", _recipes)
TASK = Name("task", _tasks, folders=True)
LANGUAGE = Name("language", _languages, read=_language_code)
ENCODER = Name("encoder", _encoders, folders=True)
MEASURE = Name("measure", _measures, read=_measure_name)
