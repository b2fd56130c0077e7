"""`irbench poison`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robustbench_ir._base.files import check_writable, is_stream
from robustbench_ir.adversary.crafts import CRAFTS, ENCODINGS, Craft
from robustbench_ir.cli.completion import ENCODER, LANGUAGE, Name
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import (
    encoder_options,
    force_option,
    languages_option,
    questions_option,
    simple_run_options,
    task_option,
)
from robustbench_ir.cli.output import say, table_terminal
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.encoders import EncoderOptions, default_encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.reports.poison import POISON_FORMATS, poison_table
from robustbench_ir.results.naming import usual_name

if TYPE_CHECKING:
    from robustbench_ir.tasks.questions import Questions

CRAFT = Name("craft", lambda: ((name, "") for name in CRAFTS))


@click.command("poison", short_help="Inject passages into the pool, and measure which languages find them.")
@click.option(
    "--model",
    type=ENCODER,
    help="Encoder: a name of `irbench encoders`, a folder, owner/model on the hub, or openai:MODEL@URL.",
)
@task_option
@list_option(
    "--source-languages",
    "sources",
    of=LANGUAGE,
    empty=None,
    help="Languages in which passages are injected, each an attack of its own: hi,de. Default: all of the queries.",
)
@click.option("--budget", type=int, default=1, show_default=True, help="Number of injected passages for each question.")
@click.option(
    "--craft",
    type=CRAFT,
    default="copy",
    show_default=True,
    help="What is injected: the question (copy), with a harmless marked sentence behind it (payload), or with words "
    "changed by a search: greedy and beam-4 use scores, hotflip gradients; payload+greedy has both.",
)
@click.option(
    "--encodings",
    type=int,
    default=ENCODINGS,
    show_default=True,
    help="Encodings that a search may spend on each passage.",
)
@click.option(
    "--craft-on",
    type=ENCODER,
    help="Encoder that a search asks, where it is another one than --model. Options of encoders hold for both.",
)
@click.option(
    "--unseen",
    type=float,
    help="Share of the questions of each topic, such as 0.5, that the attacker does not know: passages are crafted for "
    "the others, --budget of them for each topic, and attack these.",
)
@languages_option
@questions_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: results/MODEL-TASK-poison.json.",
)
@force_option
@click.option("--format", "form", type=click.Choice(["text", *POISON_FORMATS]), default="text", show_default=True)
@encoder_options
@simple_run_options
def command(  # noqa: PLR0913, PLR0917
    model: str | None,
    task: str,
    sources: tuple[str, ...] | None,
    budget: int,
    craft: str,
    encodings: int,
    craft_on: str | None,
    unseen: float | None,
    languages: tuple[str, ...] | None,
    questions: Questions | None,
    out: Path | None,
    force: bool,
    form: str,
    options: EncoderOptions,
    run: RunOptions,
) -> None:
    """Inject passages into the pool, and measure which languages find them.

    Each question is attacked by itself, with its own text in one language, or with words of that language that a search
    has chosen by scores or gradients. Prints for each two languages how many readers of the second find what was
    injected in the first.

    \b
    irbench poison --model char-ngram --task mini --source-languages en,hi
    irbench poison --model use-multilingual --task xquad-r --questions 300 --craft payload
    irbench poison --model use-multilingual --task xquad-r --questions 300 --craft greedy --encodings 50
    """  # noqa: D301
    from robustbench_ir.adversary.poison import poison
    from robustbench_ir.adversary.poison_file import is_poisoning, save_poisoning

    chosen = model or default_encoder()
    how = str(Craft.parse(craft))
    parts = (str(questions or ""), "poison", "" if how == "copy" else how, "" if unseen is None else "unseen")
    more = "-".join(part for part in parts if part)
    target = out or Path("results") / usual_name(chosen, task, languages, more)
    check_writable(target)
    if target.exists() and not force and not is_stream(target):
        again = f"`irbench show {target}` prints it again; " if is_poisoning(target) else ""
        raise OptionError(f"{target}: is there already; {again}name another file by --out, or say --force")
    with progress_bar() as progress:
        found = poison(
            chosen,
            task,
            source_languages=sources,
            budget=budget,
            craft=craft,
            encodings=encodings,
            craft_on=craft_on,
            unseen=unseen,
            languages=languages,
            questions=questions,
            options=options,
            run=replace(run, progress=progress),
        )
    save_poisoning(found, target)
    if form == "text":
        table_terminal().print(poison_table(found))
    else:
        click.echo(POISON_FORMATS[form](found), nl=False)
    say(f"{target} has all results; `irbench show {target}` prints them again", error=form != "text")
