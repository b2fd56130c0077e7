"""The command `irbench`. Commands are short: they read arguments, call the library and print."""

from __future__ import annotations

import signal
import sys
import warnings
from importlib import import_module
from typing import TextIO

import click

from robustbench_ir._version import __version__
from robustbench_ir.errors import DataWarning, RobustBenchError

_WRONG_INPUT = 2
_COMMANDS = {
    "attack": "Perturb a task's queries and measure how far an encoder falls.",
    "audit": "Show the most frequent edits of a recipe on real queries.",
    "board": "Run a list of models for the leaderboard.",
    "cache": "List what is kept between runs, check it, and remove some of it.",
    "compare": "Test whether encoders differ on the same perturbed queries.",
    "encoders": "List the encoders, or show one.",
    "languages": "List the languages of the recipes, or show one.",
    "leaderboard": "Check, verify, build and show the leaderboard.",
    "lexicon": "Build, show and measure the lexicons of the recipes.",
    "perturb": "Write perturbed queries to files, to evaluate other systems on.",
    "preview": "Show what a recipe does to a text.",
    "recipes": "List the recipes and their languages, or show one.",
    "report": "Write a page, tables or pictures of one or more result files.",
    "score": "Score TREC runs of any engine, clean and perturbed.",
    "show": "Print the table of a result file again.",
    "study": "Train encoders in several ways, attack each, and judge the claims.",
    "submit": "Make a leaderboard entry from a result file.",
    "tasks": "List the tasks and their languages, or show one.",
    "train": "Train an encoder on monolingual, cross-lingual or hybrid batches.",
    "transfer": "Craft queries against one encoder and score them on others.",
}


class _LazyGroup(click.Group):
    """Loads the module of a command when the command is run, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from robustbench_ir.errors import nearest

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"unknown command {args[0]!r}: {nearest(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="irbench")
def irbench() -> None:
    """Measure how far multilingual retrieval falls when the queries are not clean.

    \b
    irbench attack                          a first table, without any download
    irbench attack --model MODEL --task xquad-r --languages en,hi,th,tr
    irbench preview typo --language hi "..."
    """  # noqa: D301


def main() -> None:
    """Run the command line. A mistake of the user is reported in one line on standard error, with status 2."""
    # A closed pipe (`irbench tasks | head`) ends the program quietly, as it does other programs.
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    warnings.showwarning = _show_warning
    try:
        status = irbench.main(prog_name="irbench", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (try `{context.command_path} --help`)" if context else ""
        _say(f"{error.format_message().splitlines()[0]}{hint}")
        sys.exit(_WRONG_INPUT)
    except RobustBenchError as error:
        _say(str(error))
        sys.exit(_WRONG_INPUT)
    except (KeyboardInterrupt, click.Abort):
        _say("stopped; finished work is kept: run the same command again to continue")
        sys.exit(130)
    # Without its standalone mode, click returns the status of `context.exit`.
    sys.exit(status if isinstance(status, int) else 0)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, DataWarning):
        _say(str(message))
    else:
        (file or sys.stderr).write(warnings.formatwarning(message, category, filename, lineno, line))


def _say(message: str) -> None:
    click.echo(f"irbench: {message}", err=True)
