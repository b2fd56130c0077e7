"""The suites of tasks that a model is run on for the board."""

from __future__ import annotations

from robustbench_ir.resources.cards import Card, read_card, resource


class _Suites(Card):
    suites: dict[str, tuple[str, ...]]


def load_suites() -> dict[str, tuple[str, ...]]:
    """Return name to tasks of each suite."""
    return read_card(_Suites, resource("leaderboard", "suites.toml")).suites
