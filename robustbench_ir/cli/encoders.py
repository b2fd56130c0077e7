"""`irbench encoders`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from robustbench_ir.cli.catalogue import Catalogue, print_facts, print_lines
from robustbench_ir.cli.completion import ENCODER
from robustbench_ir.cli.options import encoder_options
from robustbench_ir.encoders import BUILT_IN, Encoder, default_encoder, encoder_names, load_encoder

if TYPE_CHECKING:
    from robustbench_ir.encoders import EncoderOptions
    from robustbench_ir.encoders.examination import Examination

_ANY_MODEL = (
    ("reranked:MODEL@100:ENCODER", "a reranker (CrossEncoder) that orders the best passages of an encoder"),
    ("MODEL", "any sentence-transformers model, dense or sparse: a folder, or owner/model on the Hugging Face hub"),
    ("openai:MODEL@URL", "a model behind an OpenAI-compatible endpoint; the key from ROBUSTBENCH_IR_API_KEY"),
    ("voyage:MODEL", "also cohere:, jina:, nim:, gemini:, ollama:, tei:, vllm:; each asked as its provider wants"),
)


@click.group("encoders", cls=Catalogue, invoke_without_command=True, short_help="List the encoders, or show one.")
@click.pass_context
def command(context: click.Context) -> None:
    """List the encoders that need no hub; any sentence-transformers model can be used too."""
    if context.invoked_subcommand is None:
        rows = [(name, BUILT_IN[name][1] if name in BUILT_IN else "plug-in") for name in encoder_names()]
        print_lines([*((name, text + _default(name)) for name, text in rows), *_ANY_MODEL])


@command.command("show")
@click.argument("name", type=ENCODER)
def show_encoder(name: str) -> None:
    """Load the encoder NAME and print all facts about it."""
    who = load_encoder(name).description
    facts = [
        ("fingerprint", who.fingerprint),
        ("similarity", who.similarity),
        ("dimensions", str(who.dimensions) if who.dimensions else "words of the pool"),
        ("revision", who.revision),
        ("query prompt", repr(who.query_prompt) if who.query_prompt else ""),
        ("passage prompt", repr(who.passage_prompt) if who.passage_prompt else ""),
        ("versions", ", ".join(f"{library} {number}" for library, number in who.versions)),
    ]
    print_facts(who.name, facts)


@command.command("check")
@click.argument("name", metavar="MODEL", type=ENCODER)
@click.option("--task", help="Count the queries and passages of this task that are longer than the model reads.")
@encoder_options
def check(name: str, task: str | None, options: EncoderOptions) -> None:
    """Look closely at MODEL: its kind, weights, prompts, similarity and limit, and whether its rows are the same twice.

    Says whether another type of the weights would be faster on this machine.

    What would make a number wrong is refused in one line.
    """
    from robustbench_ir.encoders.examination import examine

    found = examine(name, options)
    who = found.encoder.description
    origins = dict(who.origins)
    facts = [
        ("kind", who.kind),
        ("modules", ", ".join(found.modules)),
        ("weights", f"{found.weights:,}, all of them found" if found.weights else ""),
        ("prompts it has", ", ".join(found.own_prompts) or "none"),
        ("query prompt", f"{who.query_prompt!r} {_by(origins, 'query prompt')}".rstrip()),
        ("passage prompt", f"{who.passage_prompt!r} {_by(origins, 'passage prompt')}".rstrip()),
        ("tasks", ", ".join(filter(None, dict.fromkeys((who.query_task, who.passage_task))))),
        ("similarity", f"{who.similarity} {_by(origins, 'similarity')}".rstrip()),
        ("dimensions", str(who.dimensions) if who.dimensions else "words of the pool"),
        ("limit", f"{who.token_limit:,} tokens" if who.token_limit else "none that is known"),
        ("cut", _cut(found.encoder, task) if task else ""),
        ("dtype", who.dtype),
        ("fingerprint", f"{who.fingerprint}, the same in two processes"),
        ("rows", f"the same alone and in a batch, to {found.batch_difference:.0e}" if found.modules else ""),
        ("speed", _speeds(found)),
        *(("note", note) for note in who.notes),
    ]
    print_facts(who.name, facts)


def _speeds(found: Examination) -> str:
    if not found.speeds:
        return ""
    now = found.speeds[0].dtype
    others = ", ".join(f"{one.dtype} {one.ratio:.2g}" for one in found.speeds[1:])
    if found.faster is None:
        advice = "no other type is much faster"
    else:
        advice = (
            f"--dtype {found.faster.dtype} is the fastest, but changes rows: its scores are those of another encoder"
        )
    return f"texts per second here, where {now} is 1: {others or 'nothing else runs'}; {advice}"


def _by(origins: Mapping[str, str], what: str) -> str:
    return f"({origins[what]})" if what in origins else ""


def _cut(encoder: Encoder, task: str) -> str:
    from robustbench_ir.encoders.truncation import cut_shares
    from robustbench_ir.tasks import load_task

    loaded = load_task(task)
    texts = [one.text for one in loaded.queries], [one.text for one in loaded.passages]
    shares = cut_shares(encoder, *texts)
    return ", ".join(f"{share:.1%} of {side}" for side, share in shares.items()) or "not known"


def _default(name: str) -> str:
    return " (default)" if name == default_encoder() else ""
