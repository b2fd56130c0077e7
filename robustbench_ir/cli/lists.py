"""Options that take several values: with commas, by repeating the option, or both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

_Command = TypeVar("_Command", bound=Callable[..., object])


class CommaList(click.ParamType[Any]):
    """Values between commas; empty parts are refused.

    Parameters
    ----------
    inner : click.ParamType
        Type of each value.
    """

    def __init__(self, inner: click.ParamType[Any]) -> None:
        self.inner = inner
        self.name = f"{inner.name},..."

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return what stands for the values in the help text."""
        return f"{self.inner.get_metavar(param, ctx) or self.inner.name.upper()},..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:  # the values are of the inner type
        """Return the values of one word."""
        if not isinstance(value, str):
            return (value,)
        parts = [part.strip() for part in value.split(",")]
        if not all(parts):
            self.fail(f"{value!r} has an empty part", param, ctx)
        return tuple(self.inner.convert(part, param, ctx) for part in parts)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last of the values."""
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{one.value}") for one in self.inner.shell_complete(ctx, param, last)]


def list_option(
    *names: str,
    of: click.ParamType[Any] | None = None,
    default: Sequence[object] = (),
    show_default: bool | str = False,
    empty: tuple[object, ...] | None = (),
    required: bool = False,
    help: str,  # noqa: A002  # as click names it
) -> Callable[[_Command], _Command]:
    """Add an option with several values; the command receives a tuple.

    Parameters
    ----------
    *names : str
        Names of the option and of the parameter, as click takes them.
    of : click.ParamType, optional
        Type of each value; by default text.
    default : sequence
        Values if the option is not given.
    show_default : bool or str
        Whether the help text says them; or what it says.
    empty : tuple or None
        What the command receives if there is no value.
    required : bool
        Whether the option must be given.
    help : str
        Help text.
    """
    return click.option(
        *names,
        type=CommaList(of or click.STRING),
        multiple=True,
        default=tuple(default),
        show_default=show_default,
        required=required,
        callback=lambda _, __, value: _flat(value) or empty,
        help=help,
    )


def _flat(value: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for parts in value for item in parts))
