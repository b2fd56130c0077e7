"""`irbench tasks`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from robustbench_ir.cli.catalogue import Catalogue, count, print_facts, print_lines
from robustbench_ir.cli.completion import TASK
from robustbench_ir.cli.options import cards_option
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.perturb.variants import variants_name
from robustbench_ir.reports.terminal import counted
from robustbench_ir.resources.languages import language_code
from robustbench_ir.tasks import task_card, task_names
from robustbench_ir.tasks.audit import audit, lengths
from robustbench_ir.tasks.faults import Fault
from robustbench_ir.tasks.formats.beir import check_folder, folder_and_split, folder_settings, folder_summary, is_folder
from robustbench_ir.tasks.formats.folder_files import opened
from robustbench_ir.tasks.formats.trec import corpora
from robustbench_ir.tasks.formats.variants import variant_names
from robustbench_ir.tasks.repair import write_repaired
from robustbench_ir.tasks.squad_import import Unit, import_squad

_FIRST = 5
_OF_ONE_LINE = re.compile(r"'[^']*'|[0-9]+")
"""What differs between faults of one kind: names and numbers."""


@click.group(
    "tasks", cls=Catalogue, invoke_without_command=True, short_help="List the tasks and their languages, or show one."
)
@cards_option
@click.pass_context
def command(context: click.Context, cards: Path | None) -> None:
    """List the tasks and their languages; `irbench tasks show NAME` prints all facts about one."""
    context.obj = cards
    if context.invoked_subcommand is None:
        found = [task_card(name, cards) for name in task_names(cards)]
        print_lines((card.name, card.title, counted(len(card.languages), "language")) for card in found)
        click.echo("\n`irbench tasks show NAME` prints the languages and all other facts of one.", err=True)


@command.command("show")
@click.argument("name", type=TASK)
@click.pass_obj
def show_task(cards: Path | None, name: str) -> None:
    """Print all facts about the task NAME."""
    card = task_card(name, cards)
    sizes = {code: corpus.count for code, corpus in corpora(card.languages).items() if corpus.count}
    smallest = f" --languages {min(sizes, key=sizes.__getitem__)}" if sizes else ""
    facts = [
        ("what it is", card.description),
        ("languages", count(card.languages) if card.languages else ""),
        ("passages", ", ".join(f"{code} {size:,}" for code, size in sizes.items())),
        ("variants", ", ".join(map(variants_name, _variants(name)))),
        *(("note", note) for note in card.notes),
        ("licence", card.licence),
        ("cite", card.citation),
        ("home", card.homepage),
        ("run it", f"irbench attack --task {name if '/' in name else card.name}{smallest}"),
    ]
    print_facts(f"{card.name}@{card.version}  {card.title}", facts)


def _variants(name: str) -> list[str]:
    """Return the names of a folder's sets of variants; none for a task with a card."""
    return variant_names(opened(folder_and_split(name)[0])) if is_folder(name) else []


@command.command("check")
@click.argument("name", metavar="FOLDER")
@click.option(
    "--repair",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a clean copy into this folder, and say what was done.",
)
@click.option("--all", "every", is_flag=True, help="Print every fault. Default: the first five of a kind in a file.")
def check_task_folder(name: str, repair: Path | None, every: bool) -> None:
    """Print the faults of a task of your own in FOLDER, by file and line, and what may mislead in it.

    \b
    corpus.jsonl    {"_id": "d1", "title": "", "text": "...", "language": "sw"}
    queries.jsonl   {"_id": "q1", "text": "...", "language": "sw", "parallel_id": "1"}
    qrels/test.tsv  query-id<TAB>corpus-id<TAB>score, or TREC's four columns
    task.toml       optional: query_language, passage_language, split, relevant_from, ignore_identical_ids,
                    title, licence, citation, homepage, notes
    variants/NAME.jsonl   optional: {"query_id": "q1", "text": "..."}, for the recipe variants:NAME

    FOLDER may be a ZIP archive of BEIR; gzipped JSON Lines and Parquet files are read too. FOLDER:dev looks at the
    judgements of that split. Queries that are translations of each other share a parallel_id. Status 2 where the task
    would not load.
    """  # noqa: D301
    console = Terminal()
    found: Counter[tuple[str, str, bool]] = Counter()

    def tell(fault: Fault) -> None:
        kind = f"{fault.path}", _OF_ONE_LINE.sub("...", fault.message), fault.note
        found[kind] += 1
        if every or found[kind] <= _FIRST:
            console.print(styled((str(fault), "yellow" if fault.note else "red")), soft_wrap=True)

    folder, split = folder_and_split(name)
    raw, task = check_folder(folder, tell, split)
    for (path, message, _), number in found.items() if not every else ():
        if number > _FIRST:
            said = f"{path}: {number - _FIRST:,} more like this: {message}; --all prints them"
            console.print(styled((said, "dim")), soft_wrap=True)
    faults = sum(number for (_, _, note), number in found.items() if not note)
    print_facts(f"{name}  {counted(faults, 'fault')}", folder_summary(raw) if raw.queries or raw.passages else [])
    if faults or task is None:
        raise DataError(f"{name}: it would not load; correct the {counted(faults, 'fault')} above and check again")
    print_facts("audit", lengths(task))
    for finding in audit(task):
        console.print(styled((f"note: {finding}", "yellow")), soft_wrap=True)
    if repair:
        about = folder_settings(folder).model_dump(exclude={"split", "query_language", "passage_language"})
        for line in write_repaired(task, repair, about):
            console.print(styled(f"repaired: {line}"), soft_wrap=True)
        name = f"{repair}"
    console.print(styled("It loads: ", (f"irbench attack --task {_path_of(name)}", "bold")), soft_wrap=True)


@command.group("import", short_help="Make a task of your own from other formats.")
def import_group() -> None:
    """Make a task of your own, a folder, from files in other formats."""


@import_group.command("squad")
@click.argument("files", nargs=-1, required=True, metavar="LANGUAGE=FILE...")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to make.")
@click.option(
    "--passages",
    "unit",
    type=click.Choice(["sentences", "paragraphs"]),
    default="sentences",
    show_default=True,
    help="What a question finds: the sentence of its answer, or its whole context.",
)
@click.option("--parallel", is_flag=True, help="Questions with the same id in several files are translations.")
@click.pass_context
def import_squad_files(context: click.Context, files: Sequence[str], out: Path, unit: Unit, parallel: bool) -> None:
    """Make a retrieval task from question-answering files in the format of SQuAD 1 or 2, and check it.

    \b
    irbench tasks import squad ti=TiQuAD/dev.json --out tiquad
    irbench attack --task ./tiquad
    """  # noqa: D301
    console = Terminal()
    for line in import_squad([_language_and_file(one) for one in files], out, unit=unit, parallel=parallel):
        console.print(styled((f"note: {line}", "yellow")), soft_wrap=True)
    context.invoke(check_task_folder, name=str(out), repair=None)


def _language_and_file(argument: str) -> tuple[str, Path]:
    language, equals, path = argument.partition("=")
    if not equals or not path:
        raise OptionError(f"{argument}: write the language before the file, such as sw={argument}")
    return language_code(language), Path(path).expanduser()


def _path_of(name: str) -> str:
    """Return the folder in the form that `--task` needs: with a slash in it."""
    return name if "/" in name else f"./{name}"
