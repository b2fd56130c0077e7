"""What other packages bring: mechanisms, encoders and readers, registered as entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Literal, TypeVar

from robustbench_ir.errors import CardError, nearest

PluginKind = Literal["transformations", "encoders", "tasks"]
Made = TypeVar("Made")


def plugins(kind: PluginKind) -> dict[str, EntryPoint]:
    """Return what is registered as ``robustbench_ir.<kind>``, by name; nothing is loaded yet."""
    return {point.name: point for point in entry_points(group=f"robustbench_ir.{kind}")}


def built_in_or_plugin(kind: PluginKind, key: str, built_in: Mapping[str, Made], where: str) -> Made:
    """Return what a card names by `key`: ours first, then that of a plug-in.

    Raises
    ------
    CardError
        Nothing answers to the key; `where` says which file and key, and the nearest name is shown.
    """
    if key in built_in:
        return built_in[key]
    found = plugins(kind)
    if key not in found:
        raise CardError(f"{where} {key!r}: {nearest(key, [*built_in, *found])}")
    made: Made = found[key].load()
    return made
