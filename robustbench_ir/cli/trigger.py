"""`irbench trigger`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from robustbench_ir._base.files import check_writable
from robustbench_ir.cli.attack import print_saved
from robustbench_ir.cli.completion import ENCODER
from robustbench_ir.cli.options import (
    by_option,
    encoder_options,
    force_option,
    languages_option,
    measure_option,
    questions_option,
    simple_run_options,
    task_option,
)
from robustbench_ir.cli.output import table_terminal
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.encoders import EncoderOptions, default_encoder
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.metrics.measures import look_up_measure
from robustbench_ir.reports.terminal import score_table
from robustbench_ir.reports.trigger import trigger_table
from robustbench_ir.results.naming import save_beside, usual_name
from robustbench_ir.results.trigger_identity import PLACES, Place

if TYPE_CHECKING:
    from robustbench_ir.tasks.questions import Questions


@click.command("trigger", short_help="Find words that do harm at every query of a language.")
@click.option("--model", type=ENCODER, help="Encoder: see `irbench attack --help`.")
@task_option
@click.option("--words", type=int, default=3, show_default=True, help="Number of words of a trigger, 1 to 10.")
@click.option(
    "--unseen", type=float, default=0.5, show_default=True, help="Share of the questions that only the attack sees."
)
@click.option(
    "--place",
    type=click.Choice(PLACES),
    default="suffix",
    show_default=True,
    help="Where the words stand: behind the query, or before it.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random words beside the trigger.")
@languages_option
@questions_option
@by_option
@measure_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Result file. Default: in results/.")
@force_option
@encoder_options
@simple_run_options
def command(  # noqa: PLR0913, PLR0917
    model: str | None,
    task: str,
    words: int,
    unseen: float,
    place: Place,
    seed: int,
    languages: tuple[str, ...] | None,
    questions: Questions | None,
    by: str | None,
    measure: str,
    out: Path | None,
    force: bool,
    options: EncoderOptions,
    run: RunOptions,
) -> None:
    """Find words that do harm behind or before every query of a language, and attack unseen questions with them.

    The words are found on some questions of the task, with the encoder's scores, and tried on the others. Random words
    of the same vocabulary stand beside them, since any additional text costs something.

    \b
    irbench trigger --model char-ngram --task mini --languages en,hi
    irbench trigger --model ./my-model --task xquad-r --questions 300 --words 2
    """  # noqa: D301
    from robustbench_ir.adversary.triggers import find_triggers

    look_up_measure(measure)
    chosen = model or default_encoder()
    more = "-".join(part for part in (str(questions or ""), "trigger", place if place == "prefix" else "") if part)
    target = out or Path("results") / usual_name(chosen, task, languages, more)
    check_writable(target)
    with progress_bar() as progress:
        found = find_triggers(
            chosen,
            task,
            words=words,
            unseen=unseen,
            languages=languages,
            options=options,
            questions=questions,
            seed=seed,
            place=place,
            run=replace(run, progress=progress),
        )
    saved = save_beside(found.result, target, force=force)
    console = table_terminal()
    console.print(score_table(found.result, by, measure))
    console.print(trigger_table(found))
    print_saved(console, saved, f"has all results; `irbench show {saved.path}` prints them again")
