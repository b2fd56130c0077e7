"""`irbench preview`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from robustbench_ir._base.files import check_writable, write_whole
from robustbench_ir._base.text import nfc
from robustbench_ir.cli.completion import RECIPE
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import cards_option, languages_option
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import Perturbation, load_recipe, recipe_names
from robustbench_ir.perturb.recipe import SEVERITIES
from robustbench_ir.reports.shown_queries import cut_at_edits
from robustbench_ir.resources.languages import language_code
from robustbench_ir.tasks import Query

_SEVERITY_OF_PAGE = 3


@click.command("preview", short_help="Show what a recipe does to a text, or to real queries on a page.")
@click.argument("recipe", type=RECIPE, required=False)
@click.argument("text", required=False)
@languages_option
@list_option("--severity", "severities", of=click.INT, help="1 to 5, such as 1,5. Default: all five.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the perturbation.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write an HTML page of real queries.")
@click.option(
    "--examples", type=click.IntRange(min=1), default=3, show_default=True, help="Queries per recipe on the page."
)
@cards_option
def command(
    recipe: str | None,
    text: str | None,
    languages: tuple[str, ...] | None,
    severities: tuple[int, ...],
    seed: int,
    out: Path | None,
    examples: int,
    cards: Path | None,
) -> None:
    """Show what RECIPE does to TEXT before an attack, or write a page on which native speakers review the recipes.

    \b
    irbench preview typo --language hi "..."
    irbench preview --out review.html                      all recipes without a model, all languages
    irbench preview typo --languages am,sw --out typo.html
    """  # noqa: D301
    if out is None:
        _print_preview(recipe, text, languages, severities, seed, cards)
        return
    if text is not None:
        raise OptionError("a page shows real queries; leave out either the text or --out")
    if len(severities) > 1 or not set(severities) <= set(SEVERITIES[1:]):
        raise OptionError("a page shows one severity; give --severity once, from 1 to 5")
    severity = severities[0] if severities else _SEVERITY_OF_PAGE
    check_writable(out)
    # A page of all recipes must not begin with a download of a gigabyte: recipes with a model must be named.
    every = (load_recipe(name, cards) for name in recipe_names(cards))
    recipes = [load_recipe(recipe, cards)] if recipe else [one for one in every if not one.card.needs_model]
    wanted = None if languages == ("all",) else languages
    sections = review_sections(recipes, wanted, examples, severity, seed, cards)
    write_whole(out, review_page(sections, severity, seed).encode())
    message = f"  {len(recipes)} recipes in {len(sections)} languages; open it in a browser"
    Terminal().print(styled((str(out), "bold"), message), soft_wrap=True)


def _print_preview(
    recipe: str | None,
    text: str | None,
    languages: tuple[str, ...] | None,
    severities: tuple[int, ...],
    seed: int,
    cards: Path | None,
) -> None:
    if recipe is None or text is None:
        raise OptionError("give a recipe and a text between quotation marks, or --out FILE for a page of real queries")
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
