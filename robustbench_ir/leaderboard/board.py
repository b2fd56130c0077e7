"""The board: it makes `leaderboard.json` of the entries, and the same entries always give the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from robustbench_ir._base.escaping import escaped
from robustbench_ir._version import __version__
from robustbench_ir.leaderboard.across import OnTask, across_tasks
from robustbench_ir.leaderboard.canonical import Digests, DigestStatus, comparison_key, digest_status
from robustbench_ir.leaderboard.folder import FiledEntry
from robustbench_ir.leaderboard.marks import mark_fault
from robustbench_ir.leaderboard.numbers import Choices, as_json, by_group, choices, view_numbers
from robustbench_ir.leaderboard.pairs import MOST_PAIRED
from robustbench_ir.leaderboard.poisoned import poison_row
from robustbench_ir.leaderboard.published import PublishedRow
from robustbench_ir.leaderboard.ranking import RANK_RESAMPLES
from robustbench_ir.leaderboard.robust import suite_row
from robustbench_ir.leaderboard.schema import RanksEntry
from robustbench_ir.leaderboard.sheet import CellKey, EntrySheet
from robustbench_ir.leaderboard.standings import Standings, on_task, standings
from robustbench_ir.leaderboard.task_lists import load_task_lists
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import SETTINGS, Setting
from robustbench_ir.perturb import default_recipe_names, load_recipe
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.resources.languages import HIGH_RESOURCE, LOW_RESOURCE, languages
from robustbench_ir.tasks.task import TaskIdentity

HEADLINE_SEVERITY = 3
_TASK_LIST = "standard"
_DIGITS = 5

JsonTable = dict[str, object]


@dataclass(frozen=True)
class Line:
    """An entry on the board.

    Attributes
    ----------
    filed : FiledEntry
        The entry and its file.
    sheet : EntrySheet
        Values of the entry.
    standing : str
        Whether its queries are known to be those that the published task and recipes give.
    why : str
        What is wrong with the digests, or unknown about them.
    fallen : str
        Why the mark of its verification does not count; empty if it does, or if there is none.
    """

    filed: FiledEntry
    sheet: EntrySheet
    standing: DigestStatus
    why: str
    fallen: str = ""

    @property
    def can_rank(self) -> bool:
        """Whether there are ranks, of the queries that others were asked."""
        return self.standing in {"checked", "not checked"}


def board(
    filed: Iterable[FiledEntry],
    known: Digests,
    resamples: int = RANK_RESAMPLES,
    reported: Sequence[PublishedRow] = (),
    today: str | None = None,
) -> JsonTable:
    """Return the board as JSON: one table for each task and set of languages.

    Parameters
    ----------
    filed : iterable of FiledEntry
        Entries without faults, in the order in which they were accepted. Where the canonical texts of a task are not
        known, the first entry says which texts are compared.
    known : mapping of str to str
        Canonical digests.
    resamples : int
        Number of resamples for ranks and their intervals, 1 or more.
    reported : sequence of PublishedRow
        Results from papers. They are shown beside the boards and are not ranked.
    today : str, optional
        Latest date that a mark may have; by default the current date in UTC.

    Returns
    -------
    dict
        The content of `leaderboard.json`.
    """
    grounds: dict[str, list[Line]] = {}
    latest = today or datetime.now(UTC).date().isoformat()
    for one in filed:
        line = Line(one, one.sheet, *digest_status(one.entry, known), mark_fault(one.entry, latest))
        grounds.setdefault(comparison_key(one.entry), []).append(line)
    tables = [_board(_by_path(_on_common_ground(lines)), resamples) for _, lines in sorted(grounds.items())]
    return {
        "irbench": __version__,
        "resamples": resamples,
        "levels": {"low": f"class 0\u2013{LOW_RESOURCE}", "high": f"class {HIGH_RESOURCE}\u20135"},
        "most_pairs": MOST_PAIRED,
        "low_to": LOW_RESOURCE,
        "high_from": HIGH_RESOURCE,
        "languages": _language_facts(grounds.values()),
        "reported": [row.model_dump(mode="json") for row in reported],
        "across": across_tasks(_of_task_list([one for _, one in tables if one]), resamples),
        "boards": [table for table, _ in tables],
    }


def board_to_json(table: Mapping[str, object]) -> str:
    """Return the text of `leaderboard.json`: a line for each row."""
    head = {key: value for key, value in table.items() if key != "boards"}
    parts = [_compact(head)[:-1] + ',"boards":[']
    boards = table["boards"]
    if not isinstance(boards, list):
        raise TypeError("a board has a list of boards")
    for number, one in enumerate(boards):
        rows = one["rows"]
        facts = _compact({key: value for key, value in one.items() if key != "rows"})[:-1]
        parts.append(f'{"," if number else ""}{facts},"rows":[')
        parts.append(",\n".join(map(_compact, rows)))
        parts.append("]}")
    return "\n".join([*parts, "]}"]) + "\n"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _language_facts(grounds: Iterable[Sequence[Line]]) -> JsonTable:
    used = {code for lines in grounds for code in lines[0].filed.entry.task.queries}
    known = languages()
    return {
        code: {"name": known[code].name, "class": known[code].resource_class} if code in known else {"name": code}
        for code in sorted(used)
    }


def _of_task_list(tasks: Sequence[OnTask]) -> list[OnTask]:
    """Return the tasks of the standard list, in its order, each in as many languages as any entry has."""
    names = load_task_lists()[_TASK_LIST]
    widest: dict[str, OnTask] = {}
    for one in tasks:
        name = TaskIdentity.parse(one.task).name
        if name not in widest or one.languages > widest[name].languages:
            widest[name] = one
    return [widest[name] for name in names if name in widest]


def _board(lines: Sequence[Line], resamples: int) -> tuple[JsonTable, OnTask | None]:
    task = lines[0].filed.entry.task
    keys = sorted({key for line in lines for key in line.sheet.groups}, key=_cell_order)
    settings = list(dict.fromkeys(setting for line in lines for setting in line.sheet.average_precision))
    superseded = _superseded(lines)
    # A recipe that only its author can run must not decide over the ranking of the others.
    best = (
        [line for line in lines if line.standing == "checked"]
        or [line for line in lines if line.can_rank]
        or [line for line in lines if line.standing == "format 1, values only"]
    )
    headline = _headline(best)
    standing = _standings(lines, superseded, headline, settings, resamples)
    places: dict[int, JsonTable] = {}
    for setting, found in standing.items():
        for number, place in found.places.items():
            places.setdefault(number, {})[setting] = place
    threats = [AttackIdentity.parse(recipe).threat for recipe, _ in keys]
    asked = choices(keys, threats, headline, list(task.queries))
    numbers = _numbers(lines, keys, settings, asked)
    rows = [
        {
            **_row(line, superseded.get(number, "")),
            **numbers[number],
            "ranks": places.get(number, {}),
            **_beside(line, asked, resamples),
        }
        for number, line in enumerate(lines)
    ]
    table: JsonTable = {
        **asked.to_json(),
        "task": task.identity,
        "task_name": TaskIdentity.parse(task.identity).name,
        "languages": list(task.queries),
        "pool": sum(task.pool.values()),
        "queries": len(task.question),
        "settings": settings,
        "cells": [list(key) for key in keys],
        "names": _names([recipe for recipe, _ in keys]),
        "labels": _labels([recipe for recipe, _ in keys]),
        "threats": threats,
        "pairs": {setting: found.pairs for setting, found in standing.items()},
        "headline": [list(key) for key in sorted(headline, key=_cell_order)],
        "rows": rows,
    }
    widest = _widest(settings)
    return table, _of_task(lines, standing[widest], headline, widest)


def _widest(settings: Sequence[Setting]) -> Setting:
    return max(settings, key=SETTINGS.index)


def _standings(
    lines: Sequence[Line],
    superseded: Mapping[int, str],
    headline: set[CellKey],
    settings: Sequence[Setting],
    resamples: int,
) -> dict[Setting, Standings]:
    """Rank the lines that can be ranked, in each setting."""
    sheets = {
        number: line.sheet
        for number, line in enumerate(lines)
        if line.can_rank and number not in superseded and headline <= line.sheet.groups.keys()
    }
    found = {}
    for setting in settings:
        one = standings(sheets, headline, setting, lines[0].filed.entry.task, resamples)
        # Of thousands of entries they take gigabytes, and only those of the widest setting are compared across tasks.
        found[setting] = one if setting == _widest(settings) else replace(one, cases={})
    return found


def _of_task(lines: Sequence[Line], found: Standings, headline: set[CellKey], setting: Setting) -> OnTask | None:
    """Return a task of the standard list for the comparison across tasks: of several entries of a model, the latest."""
    task = lines[0].filed.entry.task
    if TaskIdentity.parse(task.identity).name not in load_task_lists()[_TASK_LIST]:
        return None
    by_date = sorted(found.cases, key=lambda number: lines[number].filed.entry.date)
    latest = {lines[number].filed.entry.model.name: (lines[number].sheet, found.cases[number]) for number in by_date}
    return on_task(latest, headline, setting, task)


def _by_path(lines: Sequence[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line.filed.path.as_posix())


def _on_common_ground(lines: Sequence[Line]) -> list[Line]:
    """Mark the lines that have other texts than the first one, so that all lines that are compared have the same ones.

    Where the canonical texts are known, lines with other texts are marked already. How many have which texts is no
    argument, because anybody can submit many.
    """
    fair = [line for line in lines if line.standing != "non-comparable"]
    if not fair:
        return list(lines)
    common = _ground(next((line for line in fair if line.standing == "checked"), fair[0]))
    return [
        line
        if line.standing == "non-comparable" or _ground(line) == common
        else replace(line, standing="non-comparable", why="other texts or questions than the first entry")
        for line in lines
    ]


def _ground(line: Line) -> tuple[object, ...]:
    task = line.filed.entry.task
    return task.sha256, tuple(task.question), *task.queries.items()


def _cell_order(key: CellKey) -> tuple[bool, str, int]:
    return key[0] != "clean", key[0], key[1]


def _names(recipes: Sequence[str]) -> dict[str, str]:
    """Return the name of each attack: a search has the name of its method and recipes, unless two searches share it."""
    short = {recipe: _short(AttackIdentity.parse(recipe)) for recipe in recipes}
    shared = Counter(short.values())
    return {recipe: name if shared[name] == 1 else recipe for recipe, name in short.items()}


def _labels(recipes: Sequence[str]) -> dict[str, str]:
    """Return the heading of each attack's column: a recipe without its version, unless two share it."""
    attacks = {recipe: AttackIdentity.parse(recipe) for recipe in recipes}
    shared = Counter(attack.label for attack in attacks.values())
    plain = {
        recipe: attack.label
        for recipe, attack in attacks.items()
        if attack.search is None and attack.floor is None and shared[attack.label] == 1
    }
    return {**_names(recipes), **plain}


def _short(attack: AttackIdentity) -> str:
    source = attack.search.crafted_on if attack.search else ""
    return f"{attack.head} crafted on {escaped(source)}" if source else attack.head


@lru_cache(maxsize=4096)
def _version(recipe: str) -> tuple[int, ...]:
    """Return the versions of an attack's recipes; releases of other libraries have no order here."""
    return tuple(int(one.version) for one in AttackIdentity.parse(recipe).recipes if one.version.isdecimal())


def _headline(lines: Sequence[Line]) -> set[CellKey]:
    """Return the cells that the ranking is over: the default recipes at severity 3, in their newest version."""
    default = default_recipe_names()
    newest: dict[str, CellKey] = {}
    for key in sorted({key for line in lines for key in line.sheet.groups}):
        attack = AttackIdentity.parse(key[0])
        plain = key[1] == HEADLINE_SEVERITY and attack.label in default and attack.floor is None
        if (
            plain
            and _is_known(key[0])
            and (attack.label not in newest or _version(newest[attack.label][0]) < _version(key[0]))
        ):
            newest[attack.label] = key
    return set(newest.values())


@lru_cache(maxsize=4096)
def _is_known(recipe: str) -> bool:
    """Return whether every recipe of an attack has a version that this irbench has or had."""
    return all(
        one.version.isdecimal() and int(one.version) <= int(load_recipe(one.name).identity.version)
        for one in AttackIdentity.parse(recipe).recipes
    )


def _superseded(lines: Sequence[Line]) -> dict[int, str]:
    """Return the lines that a later line of the same model replaces, and the file of that line.

    The later line must have all recipes of the earlier one, in the same or newer versions, and all that was injected.
    """
    by_model: dict[tuple[str, str], list[int]] = {}
    for number, line in enumerate(lines):
        model = line.filed.entry.model
        by_model.setdefault((model.name, model.revision), []).append(number)
    found = {}
    for numbers in by_model.values():
        for old in numbers:
            for new in numbers:
                if new != old and _as_good(lines[new], lines[old]) and _replaces(lines[new], lines[old]):
                    found[old] = lines[new].filed.path.name
    return found


def _as_good(new: Line, old: Line) -> bool:
    """Return True if the digests allow a replacement: only a checked entry replaces a checked one."""
    order = ("checked", "not checked", "format 1, values only", "non-comparable")
    return new.standing != "non-comparable" and order.index(new.standing) <= order.index(old.standing)


def _replaces(new: Line, old: Line) -> bool:
    before, after = _versions(old.sheet), _versions(new.sheet)
    if any(key not in after or after[key] < version for key, version in before.items()):
        return False
    if not _injected(old) <= _injected(new):
        return False
    dates = old.filed.entry.date, new.filed.entry.date
    newer = any(after[key] > version for key, version in before.items())
    has_ranks = old.standing == "format 1, values only" != new.standing
    more = len(after) > len(before) or _injected(new) > _injected(old)
    return newer or has_ranks or more or dates[0] < dates[1]


def _injected(line: Line) -> set[str]:
    """Return what was injected into the pool of an entry."""
    entry = line.filed.entry
    return {one.attack for one in entry.poison} if isinstance(entry, RanksEntry) else set()


def _versions(sheet: EntrySheet) -> dict[tuple[AttackIdentity, int], tuple[int, ...]]:
    return {(_in_any_version(recipe), severity): _version(recipe) for recipe, severity in sheet.groups}


@lru_cache(maxsize=4096)
def _in_any_version(recipe: str) -> AttackIdentity:
    attack = AttackIdentity.parse(recipe)
    return replace(attack, recipes=tuple(replace(one, version="any") for one in attack.recipes))


def _numbers(
    lines: Sequence[Line], keys: list[CellKey], settings: Sequence[Setting], asked: Choices
) -> list[JsonTable]:
    """Return what the page shows of each line: means by group of languages, and what follows from them in each view."""
    means_of: list[JsonTable] = [{} for _ in lines]
    numbers_of: list[JsonTable] = [{} for _ in lines]
    distance = by_group(np.stack([_in_order(line.sheet, line.sheet.distance_on_board, keys) for line in lines]), asked)
    for setting in settings:
        having = [number for number, line in enumerate(lines) if setting in line.sheet.average_precision]
        tables = [_in_order(lines[number].sheet, lines[number].sheet.by_language[setting], keys) for number in having]
        means = by_group(np.stack(tables), asked)
        views = view_numbers(means, distance[having], asked)
        listed = [{name: as_json(found) for name, found in view.items() if name != "change"} for view in views]
        for place, (number, shown) in enumerate(zip(having, as_json(means), strict=True)):
            means_of[number][setting] = shown
            numbers_of[number][setting] = [{name: found[place] for name, found in view.items()} for view in listed]
    changes = [as_json(view["change"]) for view in view_numbers(distance, distance, asked)]
    coverage = as_json(np.stack([_in_order(line.sheet, line.sheet.coverage[:, None], keys) for line in lines])[..., 0])
    return [
        {"ap": means, "numbers": numbers, "rd": shown, "change": [one[number] for one in changes], "coverage": covered}
        for number, (means, numbers, shown, covered) in enumerate(
            zip(means_of, numbers_of, as_json(distance), coverage, strict=True)
        )
    ]


def _beside(line: Line, asked: Choices, resamples: int) -> JsonTable:
    """Return robust scores under suites and shares of injected passages, where an entry has them."""
    entry = line.filed.entry
    if not isinstance(entry, RanksEntry):
        return {}
    settings = line.sheet.average_precision
    suites = {one.suite: suite_row(entry, one, settings, asked, resamples) for one in entry.suites}
    poison = {one.attack: poison_row(entry, one, asked, resamples) for one in entry.poison}
    return {name: found for name, found in (("suites", suites), ("poison", poison)) if found}


def _in_order(sheet: EntrySheet, found: Floats, keys: list[CellKey]) -> Floats:
    """Return the rows in the board's order of cells, NaN where the entry has no such cell."""
    place = {key: number for number, key in enumerate(sheet.groups)}
    if list(place) == keys:
        return found
    table = np.full((len(keys), found.shape[1]), np.nan)
    for number, key in enumerate(keys):
        if key in place:
            table[number] = found[place[key]]
    return table


def _row(line: Line, superseded: str) -> JsonTable:
    entry = line.filed.entry
    return {
        "file": f"{line.filed.path.parent.name}/{line.filed.path.name}",
        "date": entry.date,
        "irbench": entry.irbench,
        "model": entry.model.model_dump(mode="json", exclude={"query_prompt", "passage_prompt", "options"}),
        "training": entry.training.model_dump(mode="json"),
        "verified": entry.verified.model_dump(mode="json") if entry.verified and not line.fallen else None,
        "fallen": line.fallen,
        "format": entry.schema_version,
        "digests": line.standing,
        "why": line.why,
        "superseded": superseded,
    }
