"""The task that a model receives for each side, if its code takes one: routers, and models with several adapters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from robustbench_ir.encoders.options import EncoderOptions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SparseEncoder

SENTENCE_TRANSFORMERS_TASKS = ("query", "document")
# https://huggingface.co/jinaai/jina-embeddings-v3 and /jina-embeddings-v4
_KNOWN_TASKS = (("retrieval.query", "retrieval.passage"), ("retrieval", "retrieval"), (None, None))


def tasks_of(
    model: SentenceTransformer | SparseEncoder, options: EncoderOptions
) -> Sequence[tuple[str | None, str | None]]:
    """Return the tasks of queries and passages to try, in order.

    What is from sentence-transformers itself knows ``query`` and ``document``, and other modules do not hear of a task
    unless they ask for one. A model with code of its own that asks for one is tried with these, then with the names of
    known models, then with none: it raises an error for a task that it does not know.

    Parameters
    ----------
    model : SentenceTransformer or SparseEncoder
        Whose modules.
    options : EncoderOptions
        Tasks that the user names are the only ones.
    """
    both = options.encode_kwargs.get("task")
    named = (
        options.query_task or (str(both) if both else None),
        options.passage_task or (str(both) if both else None),
    )
    if all(named):
        return (named,)
    tried = (SENTENCE_TRANSFORMERS_TASKS, *(_KNOWN_TASKS if _asks_for_a_task(model) else ()))
    return tuple(dict.fromkeys((named[0] or query, named[1] or passage) for query, passage in tried))


def takes_task(model: SentenceTransformer | SparseEncoder) -> bool:
    """Return whether a module hears of a task: a router, or one that asks for it."""
    return _asks_for_a_task(model) or any(hasattr(module, "sub_modules") for module in model.modules())


def _asks_for_a_task(model: SentenceTransformer | SparseEncoder) -> bool:
    """Return whether a module asks for a task, besides routers."""
    asked = model.module_kwargs or {}
    routers = {name for name, module in model.named_children() if hasattr(module, "sub_modules")}
    if any("task" in keywords for name, keywords in asked.items() if name not in routers):
        return True
    return any(
        "task" in getattr(module, "forward_kwargs", ()) and not hasattr(module, "sub_modules")
        for module in model.modules()
    )
