"""Write the tables of docs/findings.md from the entries of the leaderboard.

    PYTHONPATH=. python tools/findings.py [--folder leaderboard] [--page docs/findings.md]

The tables replace those between the marks of the page. The words around them are written by hand.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from robustbench_ir.leaderboard.reading import read_entry
from robustbench_ir.leaderboard.schema import Entry, RanksEntry
from robustbench_ir.leaderboard.sheet import EntrySheet, sheet_of
from robustbench_ir.leaderboard.task_lists import load_task_lists
from robustbench_ir.metrics.settings import SETTINGS, nanmean
from robustbench_ir.metrics.significance import holm
from robustbench_ir.perturb import default_recipe_names
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.resources.languages import languages, resource_groups
from robustbench_ir.tasks.task import TaskIdentity

LEAST_CLEAN = 0.05
"""Clean mAP from which a relative drop says something: below it, little is left to lose."""
LEAST_CHANGED = 0.05
"""Share of a language's queries that a recipe must change to say something about the language."""
_SEVERITY = 3
_MOST_ARRANGEMENTS = 200_000
_WORST_LANGUAGES = 8
_MARKED = re.compile(r"(<!-- tools/findings.py -->\n).*(<!-- end -->)", re.DOTALL)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drops:
    """What one encoder loses on one task, in the widest setting.

    Attributes
    ----------
    task, model : str
        Names.
    codes : tuple of str
        Query languages.
    clean : float64 array of shape (languages,)
        Clean mAP.
    relative : mapping of recipe to float64 array of shape (languages,)
        Drop divided by the clean mAP; NaN where the clean mAP or the share of changed queries is too small to tell.
    changed : mapping of recipe to float
        Share of queries that changed, mean over languages.
    """

    task: str
    model: str
    codes: tuple[str, ...]
    clean: Floats
    relative: Mapping[str, Floats]
    changed: Mapping[str, float]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("leaderboard"))
    parser.add_argument("--page", type=Path, default=Path("docs/findings.md"))
    given = parser.parse_args()
    written = with_tables(given.page.read_text(encoding="utf-8"), given.folder)
    given.page.write_text(written, encoding="utf-8")


def with_tables(page: str, folder: Path) -> str:
    """Return the page with the tables of the entries in a folder."""
    found = "\n".join(tables(list(all_drops(folder))))
    text, count = _MARKED.subn(lambda marks: f"{marks[1]}{found}\n{marks[2]}", page)
    if count != 1:
        raise SystemExit("the page has not the two marks <!-- tools/findings.py --> and <!-- end -->")
    return text


def all_drops(folder: Path) -> Iterator[Drops]:
    """Yield the drops of each entry with ranks on a task of the standard list of tasks, by task and model."""
    for task in load_task_lists()["standard"]:
        for path in sorted((folder / "submissions" / task).glob("*.json")):
            entry = read_entry(path)
            if isinstance(entry, RanksEntry) and TaskIdentity.parse(entry.task.identity).name == task:
                found = drops_of(task, entry, sheet_of(entry))
                if set(found.relative) == set(default_recipe_names()):
                    yield found


def drops_of(task: str, entry: Entry, sheet: EntrySheet) -> Drops:
    """Return the drops of one entry under the default recipes at severity 3."""
    setting = max(sheet.average_precision, key=SETTINGS.index)
    clean, *_ = means = sheet.by_language[setting]
    sizes = np.diff(np.append(sheet.starts, sheet.changed.shape[1]))
    relative, changed = {}, {}
    for row, (recipe, severity) in enumerate(sheet.groups):
        attack = AttackIdentity.parse(recipe)
        if severity != _SEVERITY or attack.label not in default_recipe_names():
            continue
        cells = sheet.changed[sheet.groups[recipe, severity]].mean(axis=0)
        share = np.add.reduceat(cells, sheet.starts) / sizes
        told = (clean >= LEAST_CLEAN) & (share >= LEAST_CHANGED)
        relative[attack.label] = np.where(told, (clean - means[row]) / np.maximum(clean, LEAST_CLEAN), np.nan)
        changed[attack.label] = float(share.mean())
    return Drops(task, entry.model.name, tuple(entry.task.queries), clean, relative, changed)


def tables(found: Sequence[Drops]) -> Iterator[str]:
    """Yield the lines of all tables."""
    yield from encoders(found)
    yield ""
    yield from attacks(found)
    yield ""
    yield from worst_languages(found)
    yield ""
    yield from resources(found)


def encoders(found: Sequence[Drops]) -> Iterator[str]:
    """Yield clean mAP and mean relative drop of each encoder on each task."""
    tasks = list(dict.fromkeys(one.task for one in found))
    yield "| encoder | " + " | ".join(f"{task}: clean, lost" for task in tasks) + " |"
    yield "|---" + "|---:" * len(tasks) + "|"
    at = {(one.model, one.task): one for one in found}
    for model in sorted({one.model for one in found}):
        cells = (at.get((model, task)) for task in tasks)
        yield f"| {model} | " + " | ".join("–" if one is None else _clean_and_lost(one) for one in cells) + " |"


def _clean_and_lost(one: Drops) -> str:
    values = np.array(list(one.relative.values()))
    lost = "–" if np.isnan(values).all() else f"{np.nanmean(values):.0%}"
    return f"{np.nanmean(one.clean):.3f}, {lost}"


def attacks(found: Sequence[Drops]) -> Iterator[str]:
    """Yield the relative drop under each recipe on each task: mean over encoders, and the least and the most."""
    tasks = list(dict.fromkeys(one.task for one in found))
    yield "| recipe | " + " | ".join(tasks) + " |"
    yield "|---" + "|---:" * len(tasks) + "|"
    for recipe in sorted(default_recipe_names()):
        cells = []
        for task in tasks:
            rows = [one for one in found if one.task == task]
            lost = [np.nanmean(one.relative[recipe]) for one in rows if not np.isnan(one.relative[recipe]).all()]
            share = f"{rows[0].changed[recipe]:.0%} changed"
            cells.append(f"{np.mean(lost):.0%} ({min(lost):.0%} to {max(lost):.0%}; {share})" if lost else "–")
        yield f"| {recipe} | " + " | ".join(cells) + " |"


def worst_languages(found: Sequence[Drops]) -> Iterator[str]:
    """Yield the languages that lose most under each recipe: mean over encoders, then over tasks."""
    yield "| recipe | languages that lose most (relative drop; number of tasks) |"
    yield "|---|---|"
    for recipe in sorted(default_recipe_names()):
        by_language: dict[str, list[float]] = {}
        for task in dict.fromkeys(one.task for one in found):
            codes, values = by_language_of(found, task, recipe)
            for code, value in zip(codes, values, strict=True):
                if not np.isnan(value):
                    by_language.setdefault(code, []).append(float(value))
        ranked = sorted(by_language, key=lambda code: -np.mean(by_language[code]))[:_WORST_LANGUAGES]
        shown = (
            f"{languages()[code].name} {np.mean(by_language[code]):.0%} ({len(by_language[code])})" for code in ranked
        )
        yield f"| {recipe} | {', '.join(shown) or '–'} |"


def by_language_of(found: Sequence[Drops], task: str, recipe: str) -> tuple[tuple[str, ...], Floats]:
    """Return the languages of a task and the relative drop of each, mean over the encoders that tell it."""
    rows = [one for one in found if one.task == task]
    values = np.array([one.relative[recipe] for one in rows])
    return rows[0].codes, nanmean(values, axis=0)


def resources(found: Sequence[Drops]) -> Iterator[str]:
    """Yield what low-resource languages lose more than high-resource ones on each task, with a test over languages."""
    yield "| task, recipe | encoders | languages: low, high | lost: low | high | low - high | p | p after Holm |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    rows = []
    for task in dict.fromkeys(one.task for one in found):
        for recipe in sorted(default_recipe_names()):
            codes, values, count = in_all_languages(found, task, recipe)
            low, high = resource_groups(codes)
            if count and low and high:
                rows.append((f"{task}, {recipe}", count, *difference(dict(zip(codes, values, strict=True)), low, high)))
    adjusted = holm(np.array([row[-1] for row in rows])) if rows else []
    for (name, count, low_size, high_size, low_lost, high_lost, p), after in zip(rows, adjusted, strict=True):
        yield (
            f"| {name} | {count} | {low_size}, {high_size} | {low_lost:.1%} | {high_lost:.1%} | "
            f"{100 * (low_lost - high_lost):+.1f} points | {p:.3f} | {after:.3f} |"
        )


def in_all_languages(found: Sequence[Drops], task: str, recipe: str) -> tuple[tuple[str, ...], Floats, int]:
    """Return languages, mean relative drop over the encoders that tell it for all of these languages, their number.

    Every language is then judged by the same encoders. Languages that the recipe does not change are left out.
    """
    rows = [one for one in found if one.task == task]
    values = np.array([one.relative[recipe] for one in rows])
    there = ~np.isnan(values).all(axis=0)
    whole = ~np.isnan(values[:, there]).any(axis=1) & there.any()
    codes = tuple(code for code, told in zip(rows[0].codes, there, strict=True) if told)
    return codes, values[whole][:, there].mean(axis=0) if whole.any() else np.array([]), int(whole.sum())


def difference(
    values: Mapping[str, float], low: Sequence[str], high: Sequence[str]
) -> tuple[int, int, float, float, float]:
    """Return the size and the mean of both groups, and the p-value of a two-sided permutation test over languages."""
    ours = np.array([values[code] for code in (*low, *high)])
    size = len(high)
    observed = ours[: len(low)].mean() - ours[len(low) :].mean()
    arrangements = _arrangements(len(ours), size)
    chosen = ours[arrangements]
    other = (ours.sum() - chosen.sum(axis=1)) / len(low)
    extreme = np.abs(other - chosen.mean(axis=1)) >= abs(observed) - 1e-12
    exact = len(arrangements) == comb(len(ours), size)
    p = float(extreme.mean()) if exact else float((1 + extreme.sum()) / (1 + len(extreme)))
    return len(low), size, float(ours[: len(low)].mean()), float(ours[len(low) :].mean()), p


@cache
def _arrangements(of: int, size: int) -> NDArray[np.intp]:
    """Return every choice of the members of one group, or many random ones where there are too many."""
    if comb(of, size) <= _MOST_ARRANGEMENTS:
        return np.array(list(combinations(range(of), size)), dtype=np.intp)
    random = default_rng(0)
    return np.array([random.permutation(of)[:size] for _ in range(_MOST_ARRANGEMENTS)], dtype=np.intp)


if __name__ == "__main__":
    main()
