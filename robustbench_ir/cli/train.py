"""`irbench train`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, get_args

import click

from robustbench_ir.cli.completion import TASK
from robustbench_ir.cli.lists import list_option
from robustbench_ir.cli.options import languages_option, split_commas
from robustbench_ir.cli.output import Terminal, styled
from robustbench_ir.cli.progress import progress_bar
from robustbench_ir.training.record import Kept, Precision, SamplerName, Trained, Training

_Command = TypeVar("_Command", bound=Callable[..., object])


def read_shares(_: click.Context, __: click.Parameter, value: str | None) -> tuple[tuple[str, float], ...]:
    """Read ``typo:0.3,code-switching:0.2``; an option's callback."""
    shares = []
    for part in value.split(",") if value else ():
        name, _colon, share = part.strip().rpartition(":")
        try:
            shares.append((name, float(share)))
        except ValueError:
            raise click.BadParameter(f"{part!r} is not recipe:probability, such as typo:0.3") from None
        if not name:
            raise click.BadParameter(f"{part!r} names no recipe; write, for example, typo:0.3")
    return tuple(shares)


def _field(flag: str, kind: type[float] | click.Choice[str], text: str | None = None) -> Callable[[_Command], _Command]:
    """Return the option for a field of `Training`, with the field's default."""
    default = Training.model_fields[flag.removeprefix("--").replace("-", "_")].default
    return click.option(flag, type=kind, default=default, show_default=True, help=text)


@click.command("train", short_help="Train an encoder on monolingual, cross-lingual or hybrid batches.")
@click.option("--base", required=True, help="static-multilingual, the folder of a model, or owner/model on the hub.")
@click.option(
    "--data",
    required=True,
    callback=split_commas,
    help="tatoeba, afriqa-train, ntrex-next, a task (masakhanews-dev), a fold (xquad-r:not1of2), FILE.jsonl or "
    ".tsv, hub:owner/name; or A,B.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for the model; new, or that of a training to continue.",
)
@_field("--sampler", click.Choice(get_args(SamplerName)))
@_field("--alpha", float, "Hybrid: share of monolingual batches.")
@_field("--seed", int)
@languages_option
@_field("--batch-size", int, "Number of pairs in a batch.")
@_field("--steps", int, "Largest number of steps.")
@_field("--learning-rate", float, "Default: 3e-5; static-multilingual: 0.01.")
@_field("--weight-decay", float)
@_field("--warmup", float, "Share of steps in which the rate rises.")
@_field("--scale", float, "Inverse of the temperature.")
@_field("--max-length", int, "Number of tokens after which a text is cut. Default: that of the base.")
@_field("--mini-batch", int, "Number of texts in a forward pass, to save memory. Default: the whole batch.")
@click.option(
    "--augment", callback=read_shares, help="Perturb queries: recipe:probability, such as typo:0.3,synonym:0.2."
)
@_field("--severity", int, "Severity of the perturbations, 1 to 5.")
@_field("--consistency", float, "Weight of 1 - cosine(clean query, perturbed query) in the loss.")
@_field("--validation", float, "Share of the parallel ids for validation.")
@_field("--evaluate-every", int, "Number of steps between two validations, each with a checkpoint.")
@_field("--keep", click.Choice(get_args(Kept)), "Weights of the best validation, or of the last step.")
@_field("--patience", int, "Number of validations without a better loss after which the training ends.")
@_field("--precision", click.Choice(get_args(Precision)), "Type of the forward pass; weights are in float32.")
@_field("--accumulate", int, "Number of batches whose gradients make one step.")
@click.option(
    "--freeze",
    default=None,
    callback=split_commas,
    help="Parts of a transformer to leave as they are: embeddings,layers:0-5.",
)
@click.option(
    "--prune-vocabulary",
    callback=split_commas,
    help="Text files: keep only the tokens that their lines and the data need. Several: A,B.",
)
@list_option(
    "--task",
    "tasks",
    of=TASK,
    default=("mini",),
    show_default=True,
    help="Tasks of the evaluation, whose texts the data must not contain; such as mini,xquad-r.",
)
@click.option("--allow-overlap", is_flag=True, help="Allow data with texts of these tasks; the model card says so.")
@_field("--vocabulary", int, "static-multilingual: number of tokens.")
@_field("--dimensions", int, "static-multilingual: size of the embeddings.")
@click.option("--device", help="Such as cpu, cuda, mps. Default: the best available.")
def command(out: Path, allow_overlap: bool, device: str | None, **values: object) -> None:
    """Train an encoder on monolingual, cross-lingual or hybrid batches.

    The folder gets the model, README.md and training.json. If it was stopped, run the same command again to continue.

    \b
    irbench train --base static-multilingual --data tatoeba --out model
    irbench train --base sentence-transformers/LaBSE --data pairs.jsonl --sampler cross --out model
    """  # noqa: D301
    from robustbench_ir.training.record import make_training
    from robustbench_ir.training.train import train

    # An option for a list that was not given has the default of its field.
    training = make_training(**{key: value for key, value in values.items() if value is not None})
    with progress_bar() as progress:
        trained = train(training, out, allow_overlap=allow_overlap, device=device, progress=progress)
    _print(trained)


def _print(trained: Trained) -> None:
    console, data, outcome = Terminal(), trained.record.data, trained.outcome
    best = dict(outcome.validation_losses)[outcome.best_step]
    first = outcome.validation_losses[0][1]
    lines = [
        f"{data.rows} rows in {len(data.languages)} languages, {outcome.steps} steps, {outcome.seconds:.0f} s",
        f"validation loss {first:.4f} before, {best:.4f} at step {outcome.best_step}, whose weights were kept",
        *data.notes,
        *(f"{rows} rows left out of {kind} batches" for kind, rows in outcome.left_out.items() if rows),
    ]
    for line in lines:
        console.print(styled(line), soft_wrap=True)
    for one in trained.record.overlap:
        if one:
            warning = f"trained on {one.shared_queries} queries and {one.shared_passages} passages of {one.task}"
            console.print(styled((warning, "bold red")), soft_wrap=True)
    console.print(styled((str(trained.folder), "bold")), soft_wrap=True)
