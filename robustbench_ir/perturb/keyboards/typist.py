"""The typist on a named keyboard, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from robustbench_ir.perturb.keyboards.input_methods import on_ethiopic, on_hangul, on_spelling
from robustbench_ir.perturb.keyboards.layouts import Keyboard, keyboard
from robustbench_ir.perturb.keyboards.single_keys import KeyboardModel, on_keys
from robustbench_ir.resources.cards import SHIPPED, Tables

_KINDS: Mapping[str, Callable[[Keyboard], KeyboardModel]] = {
    "keys": on_keys,
    "ethiopic": on_ethiopic,
    "hangul": on_hangul,
    "spelt": on_spelling,
}


@cache
def keyboard_model(layout: str, tables: Tables = SHIPPED) -> KeyboardModel:
    """Return the typist on a keyboard.

    Parameters
    ----------
    layout : str
        Name of a table under `attacks/keyboards/`.
    tables : Tables
        Where it is found.

    Raises
    ------
    CardError
        No such table, or a fault in it.

    Examples
    --------
    >>> typist("vi-telex").keys("ộ")
    'ooj'
    >>> {"란", "하"} <= set(typist("ko").instead("한"))
    True
    """
    card = keyboard(layout, tables)
    return _KINDS[card.kind](card)


def combined(typists: list[KeyboardModel]) -> KeyboardModel:
    """Return a typist who uses several keyboards, such as a telephone and a computer."""
    if len(typists) == 1:
        return typists[0]
    return KeyboardModel(
        lambda part: [slip for one in typists for slip in one.instead(part)],
        lambda part: [extra for one in typists for extra in one.besides(part)],
        typists[0].keys,
    )
