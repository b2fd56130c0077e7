"""What the pages say, in the reader's language: `attacks/_review_texts.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from robustbench_ir.errors import CardError
from robustbench_ir.resources.cards import Card, tables_of, validate
from robustbench_ir.resources.languages import languages

_TABLE = "_review_texts.toml"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
READ_BY_DEFAULT = "en"


class Texts(Card):
    """The texts of the pages in one language; words in braces are filled in on the page.

    Attributes
    ----------
    name : str
        Name of the language in the language itself.
    title, intro, sample, interface : str
        Head of the page.
    item, progress, clean, changed, edits, about_change, question : str
        An item.
    real, odd, never, real_about, odd_about, never_about : str
        The answers, and what each means.
    comment, previous, next, next_open, undo, keys : str
        What can be done with an item.
    you, reviewer, level, choose, native, fluent, some, remarks, wording : str
        What the page asks of the reviewer.
    keep, save, load : str
        How answers are kept.
    recorded, undone, finished, who, saved, loaded, foreign, forgetful : str
        What the page says after something was done.
    """

    name: str
    title: str
    intro: str
    sample: str
    interface: str
    item: str
    progress: str
    clean: str
    changed: str
    edits: str
    about_change: str
    question: str
    real: str
    odd: str
    never: str
    real_about: str
    odd_about: str
    never_about: str
    comment: str
    previous: str
    next: str
    next_open: str
    undo: str
    keys: str
    you: str
    reviewer: str
    level: str
    choose: str
    native: str
    fluent: str
    some: str
    remarks: str
    wording: str
    keep: str
    save: str
    load: str
    recorded: str
    undone: str
    finished: str
    who: str
    saved: str
    loaded: str
    foreign: str
    forgetful: str


def review_texts(cards: Path | None = None) -> dict[str, Texts]:
    """Return the texts by language; tables of the user's folder are preferred, and may add languages.

    Parameters
    ----------
    cards : pathlib.Path, optional
        A user's folder of cards.

    Raises
    ------
    CardError
        If a table has a fault.
    """
    rows = tables_of(cards).rows(_TABLE)
    for code in rows.keys() - languages().keys():
        raise CardError(f"attacks/{_TABLE}: [{code}] has no row in attacks/_languages.toml; add it there")
    return {code: validate(Texts, row, f"attacks/{_TABLE}: [{code}]") for code, row in rows.items()}


def filled(text: str, values: Mapping[str, object]) -> str:
    """Return a text with its words in braces filled in; those without a value stay for the page to fill in.

    >>> filled("{number} of {total}", {"total": 5})
    '{number} of 5'
    """
    return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)


def placeholders(text: str) -> frozenset[str]:
    """Return the words in braces of a text."""
    return frozenset(_PLACEHOLDER.findall(text))
