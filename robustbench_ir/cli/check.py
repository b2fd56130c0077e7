"""`irbench check`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from robustbench_ir._base.files import check_writable, write_whole
from robustbench_ir.cli.options import measure_option
from robustbench_ir.cli.output import Terminal, say, styled
from robustbench_ir.errors import OptionError
from robustbench_ir.reports.gate import GATE_FORMATS, heading, lines_of, verdict_sentence
from robustbench_ir.results.file import load_result
from robustbench_ir.results.gate import Checked, Verdict, check
from robustbench_ir.results.result import Result
from robustbench_ir.results.rules import Gate, Rule, RuleKind, read_rules, read_settings

_STYLES: dict[Verdict, str] = {"passed": "green", "failed": "bold red", "undecided": "yellow"}


@click.command("check", short_help="Check a result against limits, for continuous integration.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--max-drop", "max_drop", multiple=True, metavar="RECIPE=LIMIT", help="Largest drop: typo=10%.")
@click.option("--min", "least", multiple=True, metavar="MEASURE=LIMIT", help="Lowest score: nDCG@10=0.6.")
@click.option(
    "--no-worse", "no_worse", multiple=True, metavar="LIMIT", help="Largest loss against the baseline: 2%, or typo=2%."
)
@click.option("--baseline", type=click.Path(path_type=Path), help="Result file that --no-worse compares with.")
@click.option("--gate", type=click.Path(path_type=Path), help="TOML file with rules; docs/ci.md shows one.")
@measure_option
@click.option(
    "--setting",
    "settings",
    multiple=True,
    help="Setting in which the rules must hold, or all; may be repeated. Default: the widest.",
)
@click.option("--format", "form", type=click.Choice(list(GATE_FORMATS)), default="text", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write this format to a file, and print text."
)
@click.option("--allow-undecided", is_flag=True, help="End with status 0 where the questions are too few to tell.")
@click.pass_context
def command(  # noqa: PLR0913, PLR0917
    context: click.Context,
    file: Path,
    max_drop: tuple[str, ...],
    least: tuple[str, ...],
    no_worse: tuple[str, ...],
    baseline: Path | None,
    gate: Path | None,
    measure: str,
    settings: tuple[str, ...],
    form: str,
    out: Path | None,
    allow_undecided: bool,
) -> None:
    """Check a result FILE of `irbench attack` against limits.

    A rule fails only where the whole 95% interval is beyond its limit. The status is 0 if all rules hold, 1 if one
    fails, 2 for wrong input, and 3 if there are not enough questions to tell.

    \b
    irbench check result.json --max-drop typo=10% --min nDCG@10=0.6
    irbench check result.json --baseline main.json --no-worse 2%
    irbench check result.json --gate gate.toml --format junit --out gate.xml

    A rule is `RECIPE[@SEVERITY][/LANGUAGE]=LIMIT`, such as typo@3/hi=10%. The recipe `all` is for every attack, and the
    language `each` for each language by itself. 10% is a share of the clean score or of the baseline's score, 0.05 a
    difference of scores.
    """  # noqa: D301
    if file.suffix == ".toml":
        raise OptionError(f"{file}: rules go to --gate; name the result first: irbench check RESULT --gate {file}")
    if out:
        check_writable(out)
    rules = [*_rules("max-drop", max_drop), *_rules("min", least), *_rules("no-worse", no_worse)]
    read = Gate.read(gate) if gate else Gate(())
    chosen = context.get_parameter_source("measure") is not click.core.ParameterSource.DEFAULT
    whole = replace(
        read,
        rules=(*read.rules, *rules),
        measure=measure if chosen or not gate else read.measure,
        settings=read_settings(settings) or read.settings,
        baseline=baseline or read.baseline,
    )
    checked = check(load_result(file), whole)
    if out:
        write_whole(out, GATE_FORMATS[form](checked).encode())
    elif form != "text":
        click.echo(GATE_FORMATS[form](checked), nl=False)
    if out or form == "text":
        print_checked(checked)
    if out:
        say(str(out))
    context.exit(0 if allow_undecided and checked.verdict == "undecided" else checked.status)


def _rules(kind: RuleKind, texts: tuple[str, ...]) -> list[Rule]:
    try:
        return [rule for text in texts for rule in read_rules(kind, text)]
    except OptionError as error:
        raise OptionError(str(error).replace("rule ", "--", 1)) from None


def check_by_gate(result: Result, gate: Gate) -> None:
    """Check a result, print what became of it, and end the command with the status of `irbench check`."""
    checked = check(result, gate)
    print_checked(checked)
    click.get_current_context().exit(checked.status)


def print_checked(checked: Checked) -> None:
    """Print a line for each outcome, the notes, and a sentence on the whole."""
    console = Terminal()
    console.print(styled((heading(checked), "dim")), soft_wrap=True)
    for verdict, word, line in lines_of(checked):
        console.print(styled((word, _STYLES[verdict]), f"  {line}"), soft_wrap=True)
    for note in checked.notes:
        console.print(styled((f"note: {note}", "yellow")), soft_wrap=True)
    console.print(styled((verdict_sentence(checked), _STYLES[checked.verdict])), soft_wrap=True)
