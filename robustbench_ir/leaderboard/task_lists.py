"""The lists of tasks that a model is run on for the board."""

from __future__ import annotations

from robustbench_ir.resources.cards import Card, read_card, resource


class _TaskLists(Card):
    task_lists: dict[str, tuple[str, ...]]


def load_task_lists() -> dict[str, tuple[str, ...]]:
    """Return name to tasks of each list."""
    return read_card(_TaskLists, resource("leaderboard", "task-lists.toml")).task_lists
