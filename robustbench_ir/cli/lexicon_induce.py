"""`irbench lexicon induce`."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import click

from robustbench_ir.cli.options import cards_option, split_commas
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.errors import OptionError
from robustbench_ir.perturb.lexicons.alignment import induce, sentence
from robustbench_ir.perturb.lexicons.cards import write_lexicon_cards
from robustbench_ir.resources.languages import select_languages
from robustbench_ir.tasks import Task, load_task, task_card


@click.command("induce", short_help="Make a recipe from the parallel queries of a task.")
@click.option("--task", default="xquad-r", show_default=True, help="A task with parallel queries.")
@click.option("--from", "matrix", callback=split_commas, help="Languages of the queries. Default: all of the task.")
@click.option("--to", "embedded", callback=split_commas, help="Languages that are mixed in, or `all`. Default: en.")
@click.option(
    "--phrases/--words", default=True, show_default=True, help="Switch phrases as the parallel query has them."
)
@click.option(
    "--minimum-score", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="Weaker pairs are left out."
)
@click.option("--name", default="code-switching-induced", show_default=True, help="Name of the recipe.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of cards.")
@cards_option
def command(
    task: str,
    *,
    matrix: tuple[str, ...] | None,
    embedded: tuple[str, ...] | None,
    phrases: bool,
    minimum_score: float,
    name: str,
    out: Path,
    cards: Path | None,
) -> None:
    """Align the parallel queries of a task, and make a recipe from the induced lexicons.

    \b
    irbench lexicon induce --task xquad-r --from hi,th --to en --out my-cards
    irbench attack --task xquad-r --cards my-cards --recipe code-switching-induced --languages hi,th
    """  # noqa: D301
    whole = load_task(task, None, cards)
    sources = select_languages(matrix, whole.query_languages)
    targets = select_languages(None if embedded == ("all",) else embedded or ("en",), whole.query_languages)
    wanted = [(source, target) for source, target in product(sources, targets) if source != target]
    if not wanted:
        raise OptionError("--from and --to name the same language; name two")
    induced = {}
    for source, target in wanted:
        pairs = _parallel(whole, source, target)
        found = induce(
            [(sentence(one, source), sentence(other, target)) for one, other in pairs],
            phrases=phrases,
            minimum_score=minimum_score,
        )
        induced[source, target] = [(one.entry, one.substitute) for one in found]
    card = task_card(task, cards)
    thanks = f"induced from the parallel queries of {whole.identity} ({card.citation})"
    counts = write_lexicon_cards(out, name, induced, card.licence, thanks, inflected=False)
    console = Terminal()
    for (source, target), count in counts.items():
        console.print(styled(f"  {source} into {target}: {count} pairs"), soft_wrap=True)
    message = f"  recipe {name}; use it with --task {task} --cards {out} --recipe {name}"
    console.print(styled((str(out), "bold"), message), soft_wrap=True)


def _parallel(task: Task, source: str, target: str) -> list[tuple[str, str]]:
    """Return the texts of the queries that are translations of each other."""
    texts = {query.parallel_id: query.text for query in task.queries if query.language == target}
    found = [
        (query.text, texts[query.parallel_id])
        for query in task.queries
        if query.language == source and query.parallel_id in texts
    ]
    if not found:
        raise OptionError(f"{task.name} has no parallel queries in {source} and {target}; name another pair or task")
    return found
