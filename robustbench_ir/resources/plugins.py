"""What other packages bring: mechanisms, encoders and readers, registered as entry points.

The upper rooms of this package are registered here in the same form, so that a lower room can load a name such as
``mteb:NFCorpus`` without importing the room that knows how.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Literal, TypeVar

from robustbench_ir.errors import CardError, nearest

PluginKind = Literal["transformations", "encoders", "tasks", "recipe_schemes", "encoder_schemes", "task_schemes"]
Made = TypeVar("Made")

_OWN_SCHEMES = (
    EntryPoint("textattack", "robustbench_ir.integrations.textattack.recipes:load_textattack_recipe", "recipe_schemes"),
    EntryPoint("normalised", "robustbench_ir.defences.names:load_defended", "encoder_schemes"),
    EntryPoint("smoothed", "robustbench_ir.defences.names:load_defended", "encoder_schemes"),
    EntryPoint("mteb", "robustbench_ir.integrations.mteb", "task_schemes"),
)


def plugins(kind: PluginKind) -> dict[str, EntryPoint]:
    """Return what is registered as ``robustbench_ir.<kind>``, by name; nothing is loaded yet."""
    own = {point.name: point for point in _OWN_SCHEMES if point.group == kind}
    return {point.name: point for point in entry_points(group=f"robustbench_ir.{kind}")} | own


def scheme(kind: Literal["recipe_schemes", "encoder_schemes", "task_schemes"], name: str) -> EntryPoint | None:
    """Return what loads names that begin like this one; None where nothing does.

    Parameters
    ----------
    kind : {"recipe_schemes", "encoder_schemes", "task_schemes"}
        What the name is a name of.
    name : str
        The scheme is what stands before the first colon, without a number behind a hyphen: ``mteb:NFCorpus``,
        ``smoothed-16:bm25``.
    """
    head, colon, _ = name.partition(":")
    registered = plugins(kind) if colon else {}
    return registered.get(head) or registered.get(head.partition("-")[0])


def built_in_or_plugin(kind: PluginKind, key: str, built_in: Mapping[str, Made], where: str) -> Made:
    """Return what a card names by `key`: the package's own first, then that of a plug-in.

    Raises
    ------
    CardError
        There is nothing of this name; `where` says which file and key, and the nearest name is shown.
    """
    if key in built_in:
        return built_in[key]
    found = plugins(kind)
    if key not in found:
        raise CardError(f"{where} {key!r}: {nearest(key, [*built_in, *found])}")
    made: Made = found[key].load()
    return made
