"""`irbench languages`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from robustbench_ir.cli.catalogue import Catalogue, print_facts, print_lines
from robustbench_ir.cli.completion import LANGUAGE
from robustbench_ir.cli.options import cards_option
from robustbench_ir.errors import UnknownNameError
from robustbench_ir.perturb import load_recipe, recipe_names
from robustbench_ir.resources.languages import language_code, languages


@click.group(
    "languages",
    cls=Catalogue,
    invoke_without_command=True,
    short_help="List the languages of the recipes, or show one.",
)
@cards_option
@click.pass_context
def command(context: click.Context, cards: Path | None) -> None:
    """List the languages of the recipes; `irbench languages show CODE` prints all facts about one.

    The number after the script is the resource class of Joshi et al. 2020, 0 to 5 (most resources).
    """
    context.obj = cards
    if context.invoked_subcommand is None:
        recipes = [load_recipe(name, cards) for name in recipe_names(cards)]
        print_lines(
            (
                one.code,
                one.name,
                f"{one.script} {one.resource_class}",
                f"{sum(recipe.covers(one.code) for recipe in recipes)} of {len(recipes)} recipes",
            )
            for one in languages().values()
        )


@command.command("show")
@click.argument("language", type=LANGUAGE)
@click.pass_obj
def show_language(cards: Path | None, language: str) -> None:
    """Print all facts about LANGUAGE, given by code or tag: sw, swa, swh_Latn."""
    known = languages()
    code = language_code(language)
    if code not in known:
        raise UnknownNameError("language", language, known)
    facts = known[code]
    recipes = [load_recipe(name, cards) for name in recipe_names(cards)]
    print_facts(
        f"{code}  {facts.name}",
        [
            ("script", f"{facts.script}, {'right to left' if facts.direction == 'rtl' else 'left to right'}"),
            ("words", "between spaces" if facts.has_spaces else "not set apart; found by dictionary (ICU)"),
            ("resource class", f"{facts.resource_class} of 5 (Joshi et al. 2020)"),
            *(
                (recipe.name, _row(recipe.card.languages[code]) or "covered")
                for recipe in recipes
                if recipe.covers(code)
            ),
            *((f"not {recipe.name}", recipe.reason_not_covered(code)) for recipe in recipes if not recipe.covers(code)),
        ],
    )


def _row(row: Mapping[str, object]) -> str:
    """Return the content of a card's row in one line: ``layout hi``, ``conventions hi-iso hi-plain``."""
    return ", ".join(f"{key} {_value(value)}" for key, value in row.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({_row(value)})"
    if isinstance(value, list):
        return (" or " if isinstance(value[0], Mapping) else " ").join(map(_value, value))
    return str(value)
