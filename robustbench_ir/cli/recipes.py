"""`irbench recipes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from robustbench_ir.cli.catalogue import Catalogue, count, print_facts, print_lines
from robustbench_ir.cli.completion import RECIPE
from robustbench_ir.cli.options import cards_option
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import Recipe, load_recipe, recipe_names
from robustbench_ir.perturb.lexicons.audit import MARKS, AuditName, audited_pairs
from robustbench_ir.perturb.reviewed import reviews_of
from robustbench_ir.perturb.variants import is_variants
from robustbench_ir.reports.terminal import counted


@click.group(
    "recipes",
    cls=Catalogue,
    invoke_without_command=True,
    short_help="List the recipes and their languages, or show one.",
)
@cards_option
@click.pass_context
def command(context: click.Context, cards: Path | None) -> None:
    """List the recipes and their languages; `irbench recipes show NAME` prints all facts about one."""
    context.obj = cards
    if context.invoked_subcommand is None:
        found = [load_recipe(name, cards) for name in recipe_names(cards)]
        print_lines((one.name, one.card.title, _languages(one)) for one in found)
        default = ", ".join(one.name for one in found if one.card.default)
        click.echo(
            "\n`irbench recipes show NAME` prints the languages and all other facts of one.\n"
            f"An attack that names no recipe runs these: {default}.",
            err=True,
        )


@command.command("show")
@click.argument("name", type=RECIPE)
@click.pass_obj
def show_recipe(cards: Path | None, name: str) -> None:
    """Print all facts about the recipe NAME."""
    recipe = load_recipe(name, cards)
    if is_variants(name):
        raise OptionError(f"{name} belongs to a task; `irbench tasks show ./folder` lists what its folder has")
    card = recipe.card
    rungs = ", ".join(f"{severity}: {share:.0%}" for severity, share in enumerate(card.ladder, start=1))
    in_words = f"share of the eligible words that change, {rungs}" if min(card.ladder) < 1 else "as said above"
    facts = [
        ("what it does", card.description),
        ("severity", in_words),
        ("not changed", ", ".join(card.constraints.protect) or "nothing"),
        ("covers", count(card.languages)),
        *((f"not {' '.join(codes)}", reason) for reason, codes in _by_reason(card.not_covered).items()),
        ("realism", card.realism),
        ("pairs read", _pairs_read(recipe)),
        *((f"reviewed {language}", said) for language, said in _reviewed(recipe)),
        ("sources", "; ".join(card.sources)),
        ("see it", f"irbench preview {card.name} --language {min(card.languages)} TEXT"),
    ]
    print_facts(f"{recipe.identity}  {card.title}", facts)


def _languages(recipe: Recipe) -> str:
    """Return the number of languages, and in how many of them speakers have reviewed the recipe."""
    reviewed = {language for _, language, _ in reviews_of(recipe)}
    return counted(len(recipe.card.languages), "language") + (f", {len(reviewed)} reviewed" if reviewed else "")


def _reviewed(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield each language in which speakers have reviewed this version of the recipe, and what they said."""
    for (identity, language, severity), row in reviews_of(recipe).items():
        which = "" if identity == str(recipe.identity) else f" with {identity}"
        yield (
            language,
            f"{row.in_words()} of {counted(row.judgements, 'judgement')} at severity {severity}{which}; "
            f"{row.native} of the reviewers native; {row.date} ({', '.join(row.sources)})",
        )


def _by_reason(not_covered: Mapping[str, str]) -> dict[str, list[str]]:
    """Group languages by the reason why a recipe leaves them alone."""
    found: dict[str, list[str]] = {}
    for language, reason in not_covered.items():
        found.setdefault(reason, []).append(language)
    return found


def _pairs_read(recipe: Recipe) -> str:
    """Return what readers found among the pairs of a recipe that replaces words; empty for other recipes."""
    operation = recipe.card.parameters.get("operation")
    name: AuditName | None = (
        "code-switching" if operation == "switch" else "synonym" if operation == "synonym" else None
    )
    if name is None:
        return ""
    pairs = [pair for language in recipe.card.languages for pair in audited_pairs(name, language, recipe.tables)]
    marks = Counter(pair.mark for pair in pairs)
    if not pairs:
        return ""
    shares = ", ".join(f"{marks[mark] / len(pairs):.0%} {mark}" for mark in MARKS)
    own = sum(pair.reader == "project" for pair in pairs)
    return (
        f"{len(pairs):,} of the most frequent: {shares}; the wrong ones are struck out. "
        f"{own / len(pairs):.0%} were read by this project, which is no native speaker (attacks/audit/{name}.tsv)"
    )
