"""`irbench review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from robustbench_ir.cli.completion import RECIPE
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import cards_option, languages_option
from robustbench_ir.cli.output import say, table_terminal
from robustbench_ir.cli.progress import progress_bar

if TYPE_CHECKING:
    from robustbench_ir.perturb import Recipe

_LEVELS = ("native", "fluent", "some")
_FORMATS = ("text", "csv", "json", "html")


@click.group("review", short_help="Let speakers of a language judge the recipes, and merge what they answer.")
def command() -> None:
    """Let speakers of a language judge what recipes make of real queries, and merge what they answer.

    \b
    irbench review pages --languages sw,ha --out review     a page to send for each language
    irbench review merge review-sw-*.json                   the table of all answers
    """  # noqa: D301


@command.command("pages")
@languages_option
@list_option(
    "--recipe", "--recipes", "recipes", of=RECIPE, help="Such as typo,synonym. Default: all that need no model."
)
@click.option("--severity", type=click.IntRange(1, 5), default=3, show_default=True, help="1 to 5.")
@click.option("--items", type=click.IntRange(1, 50), default=4, show_default=True, help="Queries for each recipe.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the queries and of what becomes of them.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("review"),
    show_default=True,
    help="Folder to write.",
)
@cards_option
def pages_command(
    languages: tuple[str, ...] | None,
    recipes: tuple[str, ...],
    severity: int,
    items: int,
    seed: int,
    out: Path,
    cards: Path | None,
) -> None:
    """Write a page for each language on which its speakers judge the recipes, and an index.

    Each page shows real queries and what recipes made of them, and asks whether a person would type that. It is one
    file that works from a disk, by mail and on a phone; answers stay in the reader's browser until they are saved as a
    file. docs/review.md tells more.

    \b
    irbench review pages --languages sw
    irbench review pages --languages hi,ar --recipe typo,transliteration --items 10
    """  # noqa: D301
    from robustbench_ir._base.files import check_writable, write_together
    from robustbench_ir.errors import OptionError
    from robustbench_ir.reports.review.items import review_items
    from robustbench_ir.reports.review.pages import review_pages
    from robustbench_ir.reports.review.texts import review_texts
    from robustbench_ir.reports.terminal import counted

    check_writable(out / "index.html")
    texts = review_texts(cards)
    wanted = None if languages == ("all",) else languages
    with progress_bar() as progress:
        reviews = review_items(_recipes(recipes, cards), wanted, items, severity, seed, cards, progress)
    if not reviews:
        raise OptionError("none of these recipes changes a query in these languages; name others")
    out.mkdir(parents=True, exist_ok=True)
    pages = review_pages(reviews, texts, items)
    write_together({out / name: text.encode() for name, text in pages.items()})
    say(out / "index.html")
    number = sum(len(one.items) for one in reviews)
    say(f"{counted(number, 'item')} in {counted(len(reviews), 'language')}; send a page to those who know its language")


def _recipes(names: tuple[str, ...], cards: Path | None) -> list[Recipe]:
    """Return the named recipes; by default those without a model, since a page must not begin with a large download."""
    from robustbench_ir.perturb import load_recipe, recipe_names

    if names:
        return [load_recipe(name, cards) for name in names]
    return [one for one in (load_recipe(name, cards) for name in recipe_names(cards)) if not one.card.needs_model]


@command.command("merge")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.Choice(_LEVELS),
    default="fluent",
    show_default=True,
    help="Count reviewers who know the language at least so well.",
)
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True, help="Form of the table."
)
@click.option(
    "--verify", is_flag=True, help="Make the changed queries again, and report those that a recipe does not make."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write. Default: print.")
@click.option(
    "--write-cards",
    "written",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the numbers into attacks/_reviews.toml of this folder of cards, which tables of scores then show.",
)
@cards_option
def merge_command(
    files: tuple[Path, ...],
    level: str,
    form: str,
    verify: bool,
    out: Path | None,
    written: Path | None,
    cards: Path | None,
) -> None:
    """Make one table of FILES of answers: shares with intervals, agreement, Krippendorff's alpha.

    A file that is no whole file of answers is refused. Notes under the table name answers of one reviewer that
    contradict each other, reviewers with several files, and items of other versions of a recipe.

    \b
    irbench review merge answers/*.json
    irbench review merge answers/*.json --format html --out audit.html
    irbench review merge answers/*.json --write-cards .
    """  # noqa: D301
    from robustbench_ir._base.files import check_writable, write_whole
    from robustbench_ir.errors import OptionError
    from robustbench_ir.perturb import load_recipe, recipe_names
    from robustbench_ir.perturb.reviewed import write_reviews
    from robustbench_ir.reports.review.answers import LEVELS, merge_answers, read_answers
    from robustbench_ir.reports.review.audit import AUDIT_FORMATS, audit, audit_table, card_rows
    from robustbench_ir.reports.terminal import counted

    if out is not None and form == "text":
        raise OptionError("a file needs another format; add --format html, csv or json")
    twice = next((path for place, path in enumerate(files) if path in files[:place]), None)
    if twice is not None:
        raise OptionError(f"{twice} is named twice; name each file once")
    read = {str(path): read_answers(path) for path in files}
    least = next(one for one in LEVELS if one == level)
    recipes = [load_recipe(name, cards) for name in recipe_names(cards)]
    found = audit(merge_answers(read, least), recipes, verify)
    if form == "text":
        table_terminal().print(audit_table(found))
    elif out is None:
        click.echo(AUDIT_FORMATS[form](found), nl=False)
    else:
        check_writable(out)
        write_whole(out, AUDIT_FORMATS[form](found).encode())
        say(out)
    if written is not None:
        rows = card_rows(found)
        say(f"{write_reviews(written, rows)} has {counted(len(rows), 'new row')}", error=form != "text")
