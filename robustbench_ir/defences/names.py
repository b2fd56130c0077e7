"""Defended encoders by name: ``normalised:nfkc+confusables:MODEL``, ``smoothed:MODEL``, ``smoothed-16:MODEL``."""

from __future__ import annotations

import re
from collections.abc import Callable

from robustbench_ir.defences.normalised import normalised
from robustbench_ir.defences.smoothed import DEFAULT_COPIES, SMOOTHED_PREFIX, smoothed
from robustbench_ir.encoders.encoder import Encoder
from robustbench_ir.errors import OptionError

NORMALISED_PREFIX = "normalised:"
_SMOOTHED = re.compile(rf"{SMOOTHED_PREFIX}(?:-(\d+))?:(.+)", re.DOTALL)


def load_defended(name: str, load: Callable[[str], Encoder]) -> Encoder:
    """Load an encoder with the defence that its name begins with; defences can be nested.

    Parameters
    ----------
    name : str
        ``normalised:REPAIR+REPAIR:MODEL`` or ``smoothed:MODEL``.
    load : callable
        Loads the encoder behind the defence by its name.

    Raises
    ------
    OptionError
        If no model is named, or if the number of copies is out of range.
    UnknownNameError
        If there is no such repair.
    """
    match = _SMOOTHED.fullmatch(name)
    if match:
        return smoothed(load(match[2]), int(match[1] or DEFAULT_COPIES))
    repairs, _, model = name.removeprefix(NORMALISED_PREFIX).partition(":")
    if not name.startswith(NORMALISED_PREFIX) or not model:
        raise OptionError(
            f"{name}: names no model; write it normalised:nfkc+confusables:MODEL, smoothed:MODEL or smoothed-16:MODEL"
        )
    return normalised(load(model), repairs.split("+"))
