"""`irbench lexicon`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from robustbench_ir.cli.catalogue import print_facts, print_lines
from robustbench_ir.cli.lexicon_induce import command as induce
from robustbench_ir.cli.options import cards_option, languages_option
from robustbench_ir.cli.output import Terminal, styled, table_terminal
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.lexicons.cards import write_lexicon_cards, write_synonym_cards
from robustbench_ir.perturb.lexicons.catalogue import lexicon_source, lexicon_sources
from robustbench_ir.perturb.lexicons.coverage import lexicon_coverage
from robustbench_ir.perturb.lexicons.sources import FORMATS, Format, guess_format, read_pairs, refuse_line
from robustbench_ir.perturb.lexicons.wordnets import read_installed_wordnet
from robustbench_ir.perturb.mechanisms.substitution import lexicon_rows, load_lexicon, sources_of
from robustbench_ir.resources.cards import tables_of
from robustbench_ir.resources.languages import language_code
from robustbench_ir.tasks import load_task

_FAULTS_SHOWN = 3

_recipe_option = click.option(
    "--recipe", default="code-switching", show_default=True, help="A recipe that replaces words."
)


@click.group("lexicon", short_help="Build, show and measure the lexicons of the recipes.")
def command() -> None:
    """Build, show and measure the lexicons of `code-switching` and `synonym`."""


@command.command("build")
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--language", required=True, help="Language of the words: sw, swa, swh_Latn.")
@click.option("--embedded", required=True, help="Language of the translations.")
@click.option("--reverse", is_flag=True, help="The dictionary goes the other way, from --embedded to --language.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the ending of the file.")
@click.option(
    "--on-bad-line",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="Stop, or leave the line out.",
)
@click.option("--licence", default="unknown", show_default=True, help="Terms of the dictionary; shown with results.")
@click.option("--attribution", default="", help="Authors of the dictionary. Default: the file names.")
@click.option("--name", default="code-switching-own", show_default=True, help="Name of the recipe.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of cards.")
def build_lexicon(
    sources: tuple[Path, ...],
    *,
    language: str,
    embedded: str,
    reverse: bool,
    form: Format | None,
    on_bad_line: str,
    licence: str,
    attribution: str,
    name: str,
    out: Path,
) -> None:
    """Make a recipe from dictionaries: TSV, MUSE, FreeDict (dictd, TEI).

    \b
    irbench lexicon build freedict-swh-eng.index --language sw --embedded en --out my-cards
    irbench lexicon build freedict-eng-hin.index --language hi --embedded en --reverse --out my-cards
    irbench attack --cards my-cards --recipe code-switching-own --languages sw
    """  # noqa: D301
    code, other = language_code(language), language_code(embedded)
    faults: list[str] = []
    complain = refuse_line if on_bad_line == "refuse" else faults.append
    pairs = [pair for path in sources for pair in read_pairs(form or guess_format(path), path, complain)]
    if not pairs:
        raise OptionError(f"{sources[0]}: no entry in it; is --format right?")
    if reverse:
        pairs = [(translation.lower(), word) for word, translation in pairs]
    thanks = attribution or ", ".join(path.name for path in sources)
    counts = write_lexicon_cards(out, name, {(code, other): pairs}, licence, thanks)
    console = Terminal()
    for fault in faults[:_FAULTS_SHOWN]:
        console.print(styled((f"left out: {fault}", "yellow")), soft_wrap=True)
    if len(faults) > _FAULTS_SHOWN:
        console.print(styled((f"left out: {len(faults) - _FAULTS_SHOWN} more lines", "yellow")))
    message = f"  {counts[code, other]} pairs, recipe {name}; use it with --cards {out} --recipe {name}"
    console.print(styled((str(out), "bold"), message), soft_wrap=True)


@command.command("wordnet")
@click.argument("specifier")
@click.option("--language", required=True, help="Language of the wordnet: fi, fin.")
@click.option("--name", default="synonym-own", show_default=True, help="Name of the recipe.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of cards.")
def wordnet(specifier: str, *, language: str, name: str, out: Path) -> None:
    """Make a recipe of synonyms from a wordnet that the library wn has installed, with its licence.

    \b
    python -m wn download omw-fi:1.4
    irbench lexicon wordnet omw-fi:1.4 --language fi --out my-cards
    irbench preview synonym-own --cards my-cards --language fi "..."
    """  # noqa: D301
    found = read_installed_wordnet(specifier)
    code = language_code(language)
    count = write_synonym_cards(out, name, code, found.synsets, found.licence, found.attribution)
    message = f"  {count} words in synsets, recipe {name}; use it with --cards {out} --recipe {name}"
    Terminal().print(styled((str(out), "bold"), message), soft_wrap=True)


@command.command("show")
@click.argument("language")
@click.argument("words", nargs=-1)
@_recipe_option
@cards_option
def show_lexicon(language: str, words: tuple[str, ...], recipe: str, cards: Path | None) -> None:
    """Print the sources of the lexicon of LANGUAGE, and the substitutes of WORDS."""
    code, tables = language_code(language), tables_of(cards)
    found = load_recipe(recipe, cards)
    if not found.covers(code):
        raise OptionError(f"{recipe} does not touch {code}: {found.reason_not_covered(code)}")
    for row in lexicon_rows(code, found.card.languages[code]):
        lexicon = load_lexicon(code, row, tables)
        forms = lexicon.forms.count(b"\n")
        facts = [("entries", f"{len(lexicon.entries):,}"), ("inflected forms", f"{forms:,}" if forms else "")]
        for name in sources_of(code, row, tables):
            source = lexicon_source(name, tables)
            facts.append(("from", f"{name}: {source.attribution} ({source.licence})"))
        print_facts(f"{found.identity} {code}{f' into {row.embedded}' if row.embedded else ''}", facts)
        if words:
            print_lines((f"  {word}", ", ".join(lexicon.find(word) or ()) or "not known") for word in words)


@command.command("coverage")
@click.option("--task", default="mini", show_default=True, help="A name of `irbench tasks`.")
@_recipe_option
@languages_option
@cards_option
def print_coverage(task: str, recipe: str, languages: tuple[str, ...] | None, cards: Path | None) -> None:
    """Print the share of a task's words and queries that a recipe's lexicons cover."""
    whole = load_task(task, languages, cards)
    found = load_recipe(recipe, cards)
    own = found.for_task(whole)
    table = Table("language", "into", box=None)
    for heading in ("words", "as written", "queries", "as written"):
        table.add_column(heading, justify="right")
    for code in whole.query_languages:
        if not own.covers(code):
            table.add_row(code, styled(own.reason_not_covered(code)), style="dim")
            continue
        share = lexicon_coverage(own, [query for query in whole.queries if query.language == code])
        rows = lexicon_rows(code, own.card.languages[code])
        into = {other for row in rows for other in row.translations or [row.embedded or code]}
        shares = (share.words, share.exact_words, share.queries, share.exact_queries)
        table.add_row(code, " ".join(sorted(into)), *(f"{one:.1%}" for one in shares))
    table_terminal().print(table)


@command.command("list")
@cards_option
def list_lexicons(cards: Path | None) -> None:
    """List the lexicons that cards can name, with their terms."""
    known = lexicon_sources(tables_of(cards))
    print_lines((name, source.licence, source.attribution) for name, source in sorted(known.items()))


command.add_command(induce)
