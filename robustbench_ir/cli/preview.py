"""`irbench preview`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from robustbench_ir._base.text import nfc
from robustbench_ir.cli.completion import RECIPE
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import cards_option, languages_option
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import Perturbation, load_recipe
from robustbench_ir.reports.shown_queries import cut_at_edits
from robustbench_ir.resources.languages import language_code
from robustbench_ir.tasks import Query


@click.command("preview", short_help="Show what a recipe does to a text.")
@click.argument("recipe", type=RECIPE)
@click.argument("text")
@languages_option
@list_option("--severity", "severities", of=click.INT, help="1 to 5, such as 1,5. Default: all five.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the perturbation.")
@cards_option
def command(
    recipe: str,
    text: str,
    languages: tuple[str, ...] | None,
    severities: tuple[int, ...],
    seed: int,
    cards: Path | None,
) -> None:
    """Show what RECIPE does to TEXT before an attack.

    `irbench review pages` writes pages of real queries for speakers of a language.

    \b
    irbench preview typo --language hi "..."
    """  # noqa: D301
    found = load_recipe(recipe, cards)
    if languages is None or len(languages) != 1:
        raise OptionError("name the language of the text, such as --language hi")
    code = language_code(languages[0])
    if not text.strip():
        raise OptionError("the text is empty; give a query between quotation marks")
    console = Terminal()
    console.print(styled(("clean ", "dim"), nfc(text)), soft_wrap=True)
    if not found.covers(code):
        console.print(styled((f"{recipe} does not touch {code}: {found.reason_not_covered(code)}", "yellow")))
        return
    query = Query("preview", code, text, "preview")
    for severity in severities or (1, 2, 3, 4, 5):
        perturbation = found.perturb([query], severity, seed)[0]
        console.print(styled((f"{severity}     ", "dim"), _coloured(perturbation)), soft_wrap=True)
        for edit in perturbation.edits:
            line = styled(f"      {edit.operation}: ", (edit.before, "red"), " -> ", (edit.after, "green"), style="dim")
            console.print(line, soft_wrap=True)
        if not perturbation.changed:
            console.print("      this recipe can change nothing in this text", style="yellow")


def _coloured(perturbation: Perturbation) -> Text:
    _, after = cut_at_edits(perturbation)
    return styled(*((piece.text, "bold green" if piece.operation else "") for piece in after))
