"""Plug-ins: mechanisms, encoders and readers of other packages, registered as entry points.

The upper rooms of this package are registered in the same form, so that a lower room can load a name such as
``mteb:NFCorpus`` without importing the room that implements it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Literal, TypeVar

from robustbench_ir.errors import CardError, nearest

PluginKind = Literal["transformations", "encoders", "tasks", "recipe_schemes", "encoder_schemes", "task_schemes"]
_Made = TypeVar("_Made")

_OWN_SCHEMES = (
    EntryPoint("variants", "robustbench_ir.perturb.variants:load_variants", "recipe_schemes"),
    EntryPoint("textattack", "robustbench_ir.integrations.textattack.recipes:load_textattack_recipe", "recipe_schemes"),
    EntryPoint("normalised", "robustbench_ir.defences.names:load_defended", "encoder_schemes"),
    EntryPoint("smoothed", "robustbench_ir.defences.names:load_defended", "encoder_schemes"),
    EntryPoint("mteb", "robustbench_ir.integrations.mteb", "task_schemes"),
)
_RESULTS_SHOWN_BY = EntryPoint("results", "robustbench_ir.reports.of_result", "presentations")


def plugins(kind: PluginKind) -> dict[str, EntryPoint]:
    """Return the entry points of ``robustbench_ir.<kind>`` by name, without loading them."""
    own = {point.name: point for point in _OWN_SCHEMES if point.group == kind}
    return {point.name: point for point in entry_points(group=f"robustbench_ir.{kind}")} | own


def scheme(kind: Literal["recipe_schemes", "encoder_schemes", "task_schemes"], name: str) -> EntryPoint | None:
    """Return the entry point that loads names of this scheme, or None.

    Parameters
    ----------
    kind : {"recipe_schemes", "encoder_schemes", "task_schemes"}
        Kind of thing that the name stands for.
    name : str
        Name whose scheme stands before the first colon, without a number after a hyphen: ``mteb:NFCorpus``,
        ``smoothed-16:bm25``.
    """
    head, colon, _ = name.partition(":")
    registered = plugins(kind) if colon else {}
    return registered.get(head) or registered.get(head.partition("-")[0])


def built_in_or_plugin(kind: PluginKind, key: str, built_in: Mapping[str, _Made], where: str) -> _Made:
    """Return what a card names by `key`: from this package, otherwise from a plug-in.

    Parameters
    ----------
    kind : PluginKind
        Group of entry points.
    key : str
        Name of the mechanism, encoder or reader.
    built_in : mapping
        Those of this package.
    where : str
        Name of the file and key, for the message.

    Raises
    ------
    CardError
        If there is none of this name; the message shows the nearest one.
    """
    if key in built_in:
        return built_in[key]
    found = plugins(kind)
    if key not in found:
        raise CardError(f"{where} {key!r}: {nearest(key, [*built_in, *found])}")
    made: _Made = found[key].load()
    return made


def shown_by() -> object:
    """Return the module of this package that shows results; no package of others can stand in for it."""
    return _RESULTS_SHOWN_BY.load()
