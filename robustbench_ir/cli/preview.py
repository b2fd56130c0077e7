"""`irbench preview`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from robustbench_ir.cli.options import cards_option
from robustbench_ir.errors import OptionError
from robustbench_ir.languages import language_code
from robustbench_ir.perturb import Perturbation, load_recipe
from robustbench_ir.tasks import Query
from robustbench_ir.text import nfc


@click.command("preview", short_help="See what a recipe does to a text.")
@click.argument("recipe")
@click.argument("text")
@click.option("--language", required=True, help="Language of the text: hi, hin, hin_Deva.")
@click.option("--severity", "severities", type=int, multiple=True, help="1 to 5; may be repeated. Default: all five.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another perturbation.")
@cards_option
def command(recipe: str, text: str, language: str, severities: tuple[int, ...], seed: int, cards: Path | None) -> None:
    """See what RECIPE does to TEXT before paying for an attack."""
    found = load_recipe(recipe, cards)
    code = language_code(language)
    if not text.strip():
        raise OptionError("the text is empty; give a query between quotation marks")
    console = Console()
    console.print(Text.assemble(("clean ", "dim"), nfc(text)), soft_wrap=True)
    if not found.covers(code):
        console.print(f"{recipe} does not touch {code}: {found.reason_not_covered(code)}", style="yellow", markup=False)
        return
    query = Query("preview", code, text, "preview")
    for severity in severities or (1, 2, 3, 4, 5):
        perturbation = found.perturb([query], severity, seed)[0]
        console.print(Text.assemble((f"{severity}     ", "dim"), _coloured(perturbation)), soft_wrap=True)
        for edit in perturbation.edits:
            line = f"      {edit.operation}: {edit.before} -> {edit.after}"
            console.print(Text(line, style="dim"), soft_wrap=True)
        if not perturbation.changed:
            console.print("      nothing here that this recipe could change", style="yellow")


def _coloured(perturbation: Perturbation) -> Text:
    text = Text()
    position = 0
    for edit in perturbation.edits:
        text.append(perturbation.clean[position : edit.span[0]])
        text.append(edit.after, style="bold red")
        position = edit.span[1]
    text.append(perturbation.clean[position:])
    return text
