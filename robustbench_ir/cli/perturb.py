"""`irbench perturb`."""

from __future__ import annotations

from pathlib import Path

import click

from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import (
    cards_option,
    languages_option,
    recipes_option,
    semantic_floor_options,
    task_option,
)
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.query_sets import MANIFEST, check_target, export_query_set
from robustbench_ir.evaluation.semantic_floor import SemanticFloor, load_floor
from robustbench_ir.perturb import default_recipe_names, load_recipe
from robustbench_ir.perturb.recipe import SEVERITIES
from robustbench_ir.tasks import load_task, task_card


@click.command("perturb", short_help="Write perturbed queries to files, to evaluate other systems on.")
@task_option
@recipes_option
@languages_option
@list_option(
    "--severity",
    "severities",
    of=click.INT,
    default=(3,),
    show_default=True,
    help="1 to 5, or 0 for the clean queries; such as 1,3,5.",
)
@list_option("--seed", "seeds", of=click.INT, default=(0,), show_default=True, help="Seeds, such as 0,1,2.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the files; new or empty.")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty.")
@semantic_floor_options
@cards_option
def command(  # noqa: PLR0917
    task: str,
    recipes: tuple[str, ...],
    languages: tuple[str, ...] | None,
    severities: tuple[int, ...],
    seeds: tuple[int, ...],
    out: Path,
    force: bool,
    floor: SemanticFloor | None,
    cards: Path | None,
) -> None:
    """Write the perturbed queries of a task to files, to evaluate other systems on.

    The folder gets queries.jsonl (as in BEIR), queries.tsv and manifest.json. Several recipes, severities or seeds get
    a folder each inside it, such as typo-severity3-seed0. The same command writes the same bytes.
    """
    for severity in severities:
        if severity not in SEVERITIES:
            raise OptionError(f"severity {severity} is out of range; 1 to 5 (0 changes nothing)")
    chosen = [load_recipe(name, cards) for name in dict.fromkeys(recipes or default_recipe_names(cards))]
    card = task_card(task, cards)
    terms = {"licence": card.licence, "citation": card.citation, "homepage": card.homepage}
    cells = [
        (recipe, severity, seed)
        for recipe in chosen
        for severity in dict.fromkeys(severities)
        for seed in dict.fromkeys(seeds)
    ]
    judge = load_floor(floor)
    check_target(out, force=force)
    whole = load_task(task, languages, cards)
    console = Terminal()
    for recipe, severity, seed in cells:
        inside = f"{recipe.name}-severity{severity}-seed{seed}" if len(cells) > 1 else ""
        check_target(out / inside, force=True)
        manifest = export_query_set(whole, recipe, severity, seed, out / inside, terms, judge)
        message = (
            f"  {manifest.queries:,} queries, {manifest.coverage:.0%} changed; edit distance {manifest.edit_rate:.0%}, "
            f"in words that are {manifest.touched:.0%} of the text"
        )
        console.print(styled((str(out / inside / MANIFEST), "bold"), message), soft_wrap=True)
        for language, reason in manifest.not_covered.items():
            console.print(styled((f"  {language} unchanged: {reason}", "yellow")), soft_wrap=True)
