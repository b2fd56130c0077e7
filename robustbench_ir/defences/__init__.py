"""Simple defences to compare a robust encoder with: repaired queries, and means over noisy copies.

A defence is part of the encoder's name, description and fingerprint, and of every signature, since its effect is not
the encoder's own.
"""

from __future__ import annotations

from robustbench_ir.defences.names import NORMALISED_PREFIX, load_defended
from robustbench_ir.defences.normalised import normalised
from robustbench_ir.defences.repairs import REPAIRS, RepairLike, load_repair, repair
from robustbench_ir.defences.smoothed import SMOOTHED_PREFIX, smoothed

__all__ = [
    "NORMALISED_PREFIX",
    "REPAIRS",
    "SMOOTHED_PREFIX",
    "RepairLike",
    "load_defended",
    "load_repair",
    "normalised",
    "repair",
    "smoothed",
]
