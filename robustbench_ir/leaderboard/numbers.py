"""The numbers of the board for every choice of setting, threat model, severity and languages; the page only shows them.

A view is one choice of threat model and severity: the cells that it shows, and those of them that the attacked score is
over. A group is one choice of languages. Both are known by their members, so that equal choices are kept once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.leaderboard.sheet import CellKey
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.perturb.identity import Threat
from robustbench_ir.resources.languages import languages, resource_groups

_DIGITS_OF_LANGUAGES = 5
_DIGITS = 7  # more, so that what is shown with three digits is not rounded twice


@dataclass(frozen=True)
class View:
    """What the table shows of each row.

    Attributes
    ----------
    cells : tuple of int
        Numbers of the cells with a column of their own.
    headline : tuple of int
        Those of them that the attacked score is the mean of.
    """

    cells: tuple[int, ...]
    headline: tuple[int, ...]


@dataclass(frozen=True)
class Choices:
    """What can be chosen on a board.

    Attributes
    ----------
    views : tuple of View
        Different ones only.
    view_of : mapping of (str, int) to int
        Threat model, or "" for any, and severity to the number of a view.
    groups : tuple of tuple of int
        Numbers of the languages of each group, different ones only.
    group_of : mapping of str to int
        A language, ``"class 2"``, ``"low"``, ``"high"``, or "" for all, to the number of a group.
    """

    views: tuple[View, ...]
    view_of: Mapping[tuple[str, int], int]
    groups: tuple[tuple[int, ...], ...]
    group_of: Mapping[str, int]

    def to_json(self) -> dict[str, object]:
        """Return the choices as the page reads them."""
        return {
            "views": [{"cells": list(view.cells), "headline": list(view.headline)} for view in self.views],
            "view_of": {f"{threat}|{severity}": number for (threat, severity), number in self.view_of.items()},
            "group_of": dict(self.group_of),
        }


def choices(
    keys: Sequence[CellKey], threats: Sequence[Threat], headline: set[CellKey], codes: Sequence[str]
) -> Choices:
    """List what can be chosen.

    Parameters
    ----------
    keys : sequence of (str, int)
        Recipe and severity of each cell, the clean one first.
    threats : sequence of str
        Threat model of each cell.
    headline : set of (str, int)
        The cells that the ranking is over.
    codes : sequence of str
        Query languages.
    """
    of_ranking = {recipe for recipe, _ in headline}
    attacked = range(1, len(keys))
    views: dict[View, int] = {}
    view_of = {}
    for threat in ("", *dict.fromkeys(threats[1:])):
        among = [cell for cell in attacked if threat in {"", threats[cell]}]
        for severity in sorted({keys[cell][1] for cell in among}):
            cells = tuple(cell for cell in among if keys[cell][1] == severity)
            view = View(cells, tuple(cell for cell in cells if keys[cell][0] in of_ranking) or cells)
            view_of[threat, severity] = views.setdefault(view, len(views))
    groups: dict[tuple[int, ...], int] = {}
    group_of = {
        name: groups.setdefault(tuple(codes.index(code) for code in members), len(groups))
        for name, members in _groups(codes).items()
    }
    return Choices(tuple(views), view_of, tuple(groups), group_of)


def _groups(codes: Sequence[str]) -> dict[str, Sequence[str]]:
    low, high = resource_groups(codes)
    known = {code: languages()[code].resource_class for code in codes if code in languages()}
    classes = {
        f"class {level}": [code for code, of in known.items() if of == level] for level in sorted(set(known.values()))
    }
    named: dict[str, Sequence[str]] = {"": codes, "low": low, "high": high, **classes}
    return {name: members for name, members in named.items() if members} | {code: [code] for code in codes}


def by_group(by_language: Floats, asked: Choices) -> Floats:
    """Return the means over the languages of each group that have a case; NaN where none has.

    Parameters
    ----------
    by_language : float array of shape (..., languages)
        NaN where a language has no case.
    asked : Choices
        The groups.
    """
    member = np.zeros((by_language.shape[-1], len(asked.groups)))
    for number, places in enumerate(asked.groups):
        member[list(places), number] = 1
    rounded = np.round(by_language, _DIGITS_OF_LANGUAGES)
    having = ~np.isnan(rounded)
    return _ratio(np.where(having, rounded, 0) @ member, having @ member)


def view_numbers(average_precision: Floats, rank_distance: Floats, asked: Choices) -> list[dict[str, Floats]]:
    """Return what follows from the means by group, for each view.

    Parameters
    ----------
    average_precision : float array of shape (rows, cells, groups)
        As `by_group` gives it, the clean cell first.
    rank_distance : float array of shape (rows, cells, groups)
        Likewise.
    asked : Choices
        The views and the groups.

    Returns
    -------
    list of dict
        ``robust`` (mean AP over the cells of the headline), ``drop`` (clean minus robust), ``worst`` (the lowest AP of
        any cell) and ``change`` (rank distance over the headline minus clean) have shape (rows, groups), with NaN where
        a cell is missing. ``gap`` (robust of the high-resource languages minus low-resource) has shape (rows,).
    """
    low, high = asked.group_of.get("low"), asked.group_of.get("high")
    found = []
    for view in asked.views:
        robust = average_precision[:, view.headline].mean(axis=1)
        shown = average_precision[:, view.cells]
        worst = np.where(np.isnan(shown), np.inf, shown).min(axis=1)
        unknown = np.full(len(robust), np.nan)
        found.append(
            {
                "robust": robust,
                "drop": average_precision[:, 0] - robust,
                "worst": np.where(np.isinf(worst), np.nan, worst),
                "change": rank_distance[:, view.headline].mean(axis=1) - rank_distance[:, 0],
                "gap": unknown if low is None or high is None else robust[:, high] - robust[:, low],
            }
        )
    return found


def as_json(numbers: Floats) -> list[object]:
    """Return rounded numbers as nested lists, with None for NaN."""
    rounded = np.round(numbers, _DIGITS)
    numbers_or_none = rounded.astype(object)
    numbers_or_none[np.isnan(rounded)] = None
    listed: list[object] = numbers_or_none.tolist()
    return listed


def _ratio(total: Floats, count: NDArray[np.floating]) -> Floats:
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0))
