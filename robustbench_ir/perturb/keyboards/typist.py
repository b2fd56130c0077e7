"""Keyboard models by the name of the keyboard, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache

from robustbench_ir.perturb.keyboards.input_methods import on_ethiopic, on_hangul, on_spelling
from robustbench_ir.perturb.keyboards.layouts import Keyboard, keyboard
from robustbench_ir.perturb.keyboards.single_keys import KeyboardModel, on_keys
from robustbench_ir.resources.cards import SHIPPED, Tables

_GRAPHEMES_REMEMBERED = 1 << 14
_KINDS: Mapping[str, Callable[[Keyboard], KeyboardModel]] = {
    "keys": on_keys,
    "ethiopic": on_ethiopic,
    "hangul": on_hangul,
    "spelt": on_spelling,
}


@cache
def keyboard_model(layout: str, tables: Tables = SHIPPED) -> KeyboardModel:
    """Return the keyboard model of a keyboard.

    Parameters
    ----------
    layout : str
        Name of a table under `attacks/keyboards/`.
    tables : Tables
        Where the table is found.

    Raises
    ------
    CardError
        If there is no such table, or it has a fault.

    Examples
    --------
    >>> keyboard_model("vi-telex").keys("ộ")
    'ooj'
    >>> {"란", "하"} <= set(keyboard_model("ko").instead("한"))
    True
    """
    card = keyboard(layout, tables)
    return _KINDS[card.kind](card)


def combined(models: list[KeyboardModel]) -> KeyboardModel:
    """Return the model of people who use several keyboards, such as those of a telephone and a computer."""
    if len(models) == 1:
        return models[0]
    return KeyboardModel(
        lambda part: [typo for one in models for typo in one.instead(part)],
        lambda part: [extra for one in models for extra in one.besides(part)],
        lambda part: [rest for one in models for rest in one.without(part)],
        lambda left, right: [pair for one in models for pair in one.exchanged(left, right)],
        models[0].keys,
    )


def remembered(model: KeyboardModel) -> KeyboardModel:
    """Return a model that remembers what it has said of a grapheme.

    Parameters
    ----------
    model : KeyboardModel
        The model.
    """
    remember = lru_cache(maxsize=_GRAPHEMES_REMEMBERED)
    return KeyboardModel(
        remember(model.instead),
        remember(model.besides),
        remember(model.without),
        remember(model.exchanged),
        remember(model.keys),
    )
