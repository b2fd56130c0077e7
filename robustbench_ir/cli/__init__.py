"""The command `irbench`. Commands are short: they read arguments, call the library and print."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import warnings
from contextlib import suppress
from importlib import import_module
from typing import TextIO

import click

from robustbench_ir._base.showing import terminal_lines, terminal_text
from robustbench_ir._version import __version__
from robustbench_ir.errors import DataWarning, RobustBenchError

_WRONG_INPUT = 2
_INTERRUPTED = 130
_NO_MEMORY = re.compile(r"(?s)(Runtime|OutOfMemory)Error: .*(allocate memory|out of memory|can't start new thread)")
_COMMANDS = {
    "attack": "Perturb a task's queries and measure how far an encoder falls.",
    "audit": "Show the most frequent edits of a recipe on real queries.",
    "board": "Run a list of models for the leaderboard.",
    "cache": "List what is kept between runs, check it, and remove some of it.",
    "check": "Check a result against limits, for continuous integration.",
    "compare": "Test whether encoders differ on the same perturbed queries.",
    "encoders": "List the encoders, or show one.",
    "languages": "List the languages of the recipes, or show one.",
    "leaderboard": "Check, verify, build and show the leaderboard.",
    "lexicon": "Build, show and measure the lexicons of the recipes.",
    "perturb": "Write perturbed queries to files, to evaluate other systems on.",
    "poison": "Inject passages into the pool, and measure which languages find them.",
    "preview": "Show what a recipe does to a text.",
    "recipes": "List the recipes and their languages, or show one.",
    "report": "Write a page, tables or pictures of one or more result files.",
    "review": "Let speakers of a language judge the recipes, and merge what they answer.",
    "run": "Run the attack that a TOML file describes.",
    "score": "Score TREC runs of any engine, clean and perturbed.",
    "show": "Print the table of a result file again.",
    "study": "Train encoders in several ways, attack each, and judge the claims.",
    "submit": "Make a leaderboard entry from a result file.",
    "tasks": "List the tasks and their languages, or show one.",
    "train": "Train an encoder on monolingual, cross-lingual or hybrid batches.",
    "transfer": "Craft queries against one encoder and score them on others.",
    "trigger": "Find words that do harm behind every query of a language.",
    "view": "Browse all results of a folder, down to the query.",
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


@click.group(cls=_LazyGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="irbench")
@click.pass_context
def irbench(context: click.Context) -> None:
    """Measure how far multilingual retrieval falls when the queries are not clean.

    \b
    irbench attack                          a first table, without any download
    irbench attack --model MODEL --task xquad-r --languages en,hi,th,tr
    irbench preview typo --language hi "..."
    """  # noqa: D301
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line. A mistake of the user is reported in one line on standard error, with status 2."""
    # A closed pipe (`irbench tasks | head`) ends the program quietly, as it does other programs.
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without a sign for a letter shows a question mark
    warnings.showwarning = _show_warning
    sys.unraisablehook = _show_unraisable
    sys.exit(_status())


def _status() -> int:
    try:
        status = irbench.main(prog_name="irbench", standalone_mode=False)
        _flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as bare:
        click.echo(bare.format_message())
        return 0
    except (KeyboardInterrupt, click.Abort):
        _say("stopped; finished work is kept: run the same command again to continue")
        return _INTERRUPTED
    except Exception as error:
        message = _explained(error)
        if not message:
            raise
        _say(message)
        _forget_output()
        return _WRONG_INPUT
    # Without its standalone mode, click returns the status of `context.exit`.
    return status if isinstance(status, int) else 0


def _explained(error: Exception) -> str:
    """Return one line on what went wrong and what to do; empty for what only a fault of this package can raise."""
    match error:
        case RobustBenchError():
            message = str(error)
        case click.ClickException():
            context = getattr(error, "ctx", None)
            hint = f" (try `{context.command_path} --help`)" if context else ""
            message = f"{error.format_message().splitlines()[0]}{hint}"
        case UnicodeEncodeError():
            letters = error.object[error.start : error.end]
            message = (
                f"the encoding {error.encoding} of this system has no {letters!a}, which the name of a file needs; "
                "set LC_ALL=C.UTF-8 or PYTHONUTF8=1"
            )
        case OSError():
            what = "the output" if error.filename is None else error.filename
            reason = error.strerror or str(error) or type(error).__name__
            message = f"{what}: {reason}; look at its path, its rights and the free space, then run the command again"
        case RecursionError():
            message = "a file is nested too deep to be read; look at the one that was named last"
        case _ if isinstance(error, MemoryError) or _NO_MEMORY.match(f"{type(error).__name__}: {error}"):
            message = "not enough memory; name fewer languages, a smaller task or --batch-size, or allow more memory"
        case _:
            message = ""
    return message


def _flush() -> None:
    if sys.stdout is not None:  # it is None where the output was closed before the command began
        sys.stdout.flush()


def _forget_output() -> None:
    """Drop what standard output did not take, so that Python does not try, and complain, once more when it ends."""
    try:
        _flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Print no notice of memory that ran out while an object was freed: Python's own breaks off in mid-line."""
    if not issubclass(unraisable.exc_type, MemoryError):
        sys.__unraisablehook__(unraisable)


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
        (file or sys.stderr).write(terminal_lines(warnings.formatwarning(message, category, filename, lineno, line)))


def _say(message: str) -> None:
    with suppress(OSError):  # no terminal is there to read it
        click.echo(f"irbench: {terminal_text(' '.join(message.splitlines()))}", err=True)
