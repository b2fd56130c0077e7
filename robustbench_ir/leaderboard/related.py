"""Training data that a task's questions or passages come from, as `leaderboard/related-data.json` lists them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from robustbench_ir.cards import packaged


def related_data(task: str, datasets: Sequence[str]) -> list[str]:
    """Return those of the data sets that a task is made of, by name.

    Parameters
    ----------
    task : str
        Name without version.
    datasets : sequence of str
        That a model was trained on.

    Examples
    --------
    >>> related_data("xquad-r", ["MS MARCO", "SQuAD 1.1"])
    ['SQuAD 1.1']
    """
    sources = _sources().get(task, ())
    return [one for one in datasets if any(source in one.lower() for source in sources)]


@cache
def _sources() -> dict[str, list[str]]:
    table: dict[str, list[str]] = json.loads(
        (packaged("leaderboard") / "related-data.json").read_text(encoding="utf-8")
    )
    return table
