"""`irbench encoders`."""

from __future__ import annotations

import click

from robustbench_ir.cli.catalogue import print_facts, print_lines
from robustbench_ir.encoders import BUILT_IN, default_encoder, encoder_names, load_encoder

_ANY_MODEL = (
    ("MODEL", "any sentence-transformers model, dense or sparse: a folder, or owner/model on the Hugging Face hub"),
    ("openai:MODEL@URL", "a model behind an OpenAI-compatible endpoint; the key from ROBUSTBENCH_IR_API_KEY"),
    ("voyage:MODEL", "also cohere:, jina:, nim:, gemini:, ollama:, tei:, vllm:; each asked as its provider wants"),
)


@click.group("encoders", invoke_without_command=True, short_help="List the encoders, or show one.")
@click.pass_context
def command(context: click.Context) -> None:
    """List the encoders that need no hub; any sentence-transformers model can be used too."""
    if context.invoked_subcommand is None:
        rows = [(name, BUILT_IN[name][1] if name in BUILT_IN else "plug-in") for name in encoder_names()]
        print_lines([*((name, text + _default(name)) for name, text in rows), *_ANY_MODEL])


@command.command("show")
@click.argument("name")
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


def _default(name: str) -> str:
    return " (default)" if name == default_encoder() else ""
