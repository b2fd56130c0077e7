"""`irbench audit`."""

from __future__ import annotations

import math
from pathlib import Path

import click

from robustbench_ir._base.files import check_writable, write_whole
from robustbench_ir.cli.options import cards_option, languages_option, task_option
from robustbench_ir.cli.output import Terminal, styled, table_terminal
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import Recipe, load_recipe
from robustbench_ir.perturb.recipe import SEVERITIES
from robustbench_ir.reports.edit_audit import EditAudit, audit_edits, audits_to_csv, audits_to_html, audits_to_json
from robustbench_ir.reports.mistakes import audit_mistakes, mistakes_to_json, mistakes_to_text, read_pairs
from robustbench_ir.reports.terminal import empty_table, language_name
from robustbench_ir.tasks import load_task

_FORMATS = {"html": audits_to_html, "csv": audits_to_csv, "json": audits_to_json}


@click.command("audit", short_help="Show the most frequent edits of a recipe on real queries.")
@click.argument("recipe")
@task_option
@languages_option
@click.option("--severity", type=int, default=5, show_default=True, help="1 to 5.")
@click.option("--seeds", type=click.IntRange(1, 1_000), default=1, show_default=True, help="Number of perturbations.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Edits for each language.")
@click.option(
    "--pairs",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare the mistakes with people's: lines of what is right, a tab, and what was written. Needs one language.",
)
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), help="Write this in place of tables.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write. Default: print.")
@cards_option
def command(  # noqa: PLR0917
    recipe: str,
    task: str,
    languages: tuple[str, ...] | None,
    severity: int,
    seeds: int,
    top: int,
    pairs: Path | None,
    form: str | None,
    out: Path | None,
    cards: Path | None,
) -> None:
    """Show what RECIPE does most often to the queries of a task, language by language.

    Where words of another language are mixed in and the task has the same questions in that language, the table says
    how often the word stands in the human translation.

    \b
    irbench audit code-switching --task xquad-r --languages es,hi
    irbench audit typo --languages hi --top 50 --format csv --out typo-hi.csv
    irbench audit typo --languages ru --pairs pairs.tsv
    """  # noqa: D301
    if severity not in SEVERITIES[1:]:
        raise OptionError(f"severity {severity} is out of range; 1 to 5")
    if out and not form:
        raise OptionError("a file needs a format; add --format html, csv or json")
    if pairs is not None:
        written = _compared(load_recipe(recipe, cards), pairs, languages, severity, seeds, form)
        _deliver(written, out)
        return
    loaded = load_task(task, None, cards)
    found = audit_edits(load_recipe(recipe, cards).for_task(loaded), loaded, languages, severity, seeds, top)
    if form:
        _deliver(_FORMATS[form](found), out)
        return
    console = table_terminal()
    for one in found:
        _print(console, one)


def _deliver(written: str, out: Path | None) -> None:
    """Write a text to a file, or print it."""
    if out:
        check_writable(out)
        write_whole(out, written.encode())
    else:
        click.echo(written, nl=False)


def _compared(
    recipe: Recipe, pairs: Path, languages: tuple[str, ...] | None, severity: int, seeds: int, form: str | None
) -> str:
    """Return the comparison of a recipe's mistakes with people's, as lines or as JSON."""
    if not languages or len(languages) != 1:
        raise OptionError("pairs are of one language; name it, as in --languages ru")
    if form in {"csv", "html"}:
        raise OptionError(f"a comparison with pairs has no form {form}; use --format json")
    if not recipe.covers(languages[0]):
        raise OptionError(f"{recipe.name} covers no {languages[0]}: {recipe.reason_not_covered(languages[0])}")
    found = audit_mistakes(recipe, languages[0], read_pairs(pairs), severity, seeds)
    return mistakes_to_json(found) if form else mistakes_to_text(found)


def _print(console: Terminal, one: EditAudit) -> None:
    agreement = "no translations to compare with" if math.isnan(one.agreement) else f"agreement {one.agreement:.0%}"
    title = (
        f"{one.recipe}, {language_name(one.language)}: {one.changed / max(one.queries, 1):.0%} of the queries changed, "
        f"{one.edits / max(one.queries, 1):.1f} edits a query, {agreement}"
    )
    console.print()
    console.print(styled((title, "bold")), soft_wrap=True)
    table = empty_table()
    table.padding = (0, 1, 0, 0)
    for header in ("before", "after", "operation", "times", "agree", "remark"):
        table.add_column(header, justify="right" if header in {"times", "agree"} else "left")
    for edit in one.frequent:
        share = f"{edit.agreeing / edit.judged:.0%}" if edit.judged else "-"
        remarks = ", ".join(edit.remarks)
        table.add_row(*map(styled, (edit.before, edit.after, edit.operation, str(edit.count), share, remarks)))
    console.print(table)
