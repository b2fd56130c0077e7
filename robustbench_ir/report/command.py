"""The command that makes a result again."""

from __future__ import annotations

import re
import shlex

from robustbench_ir.report.table import recipe_name
from robustbench_ir.result import Result
from robustbench_ir.score.worst_case import SEARCHED

_MEANS = {"goal": "--goal", "words": "--budget-words", "queries": "--budget-queries"}


def command_of(result: Result) -> str:
    """Return the line of `irbench attack`, with all that decides the numbers."""
    floors = {cell.recipe.partition("~")[2] for cell in result.attacked} - {""}
    searched = [found for cell in result.attacked if (found := SEARCHED.fullmatch(cell.recipe))]
    plain = [cell.recipe for cell in result.attacked if not SEARCHED.fullmatch(cell.recipe)]
    names = dict.fromkeys([*map(recipe_name, plain), *("+".join(_recipes(one)) for one in searched)])
    described = result.encoder
    parts = ["irbench", "attack", "--model", described.name, "--task", result.task.partition("@")[0]]
    parts += ["--languages", ",".join(dict.fromkeys((*result.layout.query_languages, *result.layout.pool)))]
    parts += [word for name in names for word in ("--recipe", name)]
    parts += [word for one in sorted({one for _, one in result.groups}) for word in ("--severity", str(one))]
    parts += ["--seeds", str(max((len(cells) for cells in result.groups.values()), default=1))]
    parts += [word for one in dict.fromkeys(one["method"] for one in searched) for word in ("--search", one)]
    means = dict(part.split("=", 1) for one in searched for part in one["means"][1:].split("|"))
    parts += [word for name, option in _MEANS.items() if name in means for word in (option, means[name])]
    for floor in sorted(floors):
        judge, _, minimum = floor.rpartition(">=")
        parts += ["--semantic-floor", minimum, "--semantic-encoder", judge]
    for option, value in (
        ("--revision", described.revision),
        ("--query-prompt", described.query_prompt),
        ("--passage-prompt", described.passage_prompt),
    ):
        parts += [option, value] if value else []
    return shlex.join(parts)


def _recipes(searched: re.Match[str]) -> list[str]:
    return [recipe_name(one) for one in searched["recipes"].split(",")]
