"""The choices that decide a number, in words: kind, similarity, prompts, tasks, type, limit."""

from __future__ import annotations

from collections.abc import Mapping

from robustbench_ir.encoders.encoder import EncoderDescription

_SIDES = ("queries", "passages")


def choices_in_words(who: EncoderDescription, cut: Mapping[str, float]) -> list[str]:
    """Return what was chosen for an encoder and by whom, and what else the reader of its numbers should know.

    Parameters
    ----------
    who : EncoderDescription
        Description of an encoder.
    cut : mapping of str to float
        Shares of texts that the encoder cuts or does not know; see `robustbench_ir.encoders.truncation.Cut`.

    Returns
    -------
    list of str
        A line of choices, then one for each note; empty if nothing is known.
    """
    if not who.kind:
        return [*who.notes]
    origins = dict(who.origins)

    def with_origin(what: str, value: str) -> str:
        return f"{value} ({origins[what]})" if what in origins else value

    parts = [
        who.kind,
        with_origin("similarity", who.similarity),
        with_origin("query prompt", f"query prompt {who.query_prompt!r}" if who.query_prompt else "no query prompt"),
        with_origin(
            "passage prompt", f"passage prompt {who.passage_prompt!r}" if who.passage_prompt else "no passage prompt"
        ),
        *([f"tasks {who.query_task or 'none'}, {who.passage_task or 'none'}"] if _has_tasks(who) else []),
        *([who.dtype] if who.dtype else []),
        *([f"at most {who.token_limit:,} tokens"] if who.token_limit else []),
    ]
    lines = ["; ".join(parts)]
    longer = [f"{share:.0%} of {side}" for side, share in cut.items() if share > 0 and side in _SIDES]
    lines += [f"longer than the encoder reads, and cut: {', '.join(longer)}"] if longer else []
    unknown = [f"{cut[key]:.1%} of {side}" for side in _SIDES if (key := f"unknown {side}") in cut]
    lines += [f"with characters that are not in its vocabulary: {', '.join(unknown)}"] if unknown else []
    return [*lines, *who.notes]


def _has_tasks(who: EncoderDescription) -> bool:
    tasks = (who.query_task, who.passage_task)
    return who.kind == "router" or (any(tasks) and tasks != ("query", "document"))
