"""Goals of an adversary, as a number from 0 (reached) to 1 that a search minimises.

A goal is written as ``map``, ``map:monolingual``, ``beyond@10``, ``rank-distance``, ``language=en`` or ``passage=ID``;
several are joined by ``+`` and averaged. Goals depend on ranks only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import regex
from numpy.typing import NDArray

from robustbench_ir.errors import OptionError, UnknownNameError
from robustbench_ir.metrics.bias_measures import rank_distance
from robustbench_ir.metrics.measures import Floats, Integers, Ranked, average_precision
from robustbench_ir.metrics.settings import SETTINGS, nanmean
from robustbench_ir.tasks import Task

_GOAL_NAMES = (
    "map",
    "map:monolingual",
    "map:cross-lingual",
    "beyond@10",
    "rank-distance",
    "language=CODE",
    "passage=ID",
)
_FORM = regex.compile(r"(?P<name>[a-z-]+)(?:@(?P<depth>[1-9]\d*)|:(?P<setting>[a-z-]+)|=(?P<target>.+))?")

_Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class TargetRanks:
    """Ranks of the target passages for several texts; one entry for each text and passage.

    Attributes
    ----------
    rank, rank_in_language : integer array of shape (entries,)
        1-based ranks in the whole pool and among the passages of the same language; 0 if it is not retrieved.
    text : integer array of shape (entries,)
        Index of the text, ascending.
    passage, language, grade : integer array of shape (entries,)
        Row of the passage, index of its language, and grade; grade 0 for a target that is not relevant.
    own_language : integer array of shape (texts,)
        Index of the query's language in the pool, -1 if the pool has no passage in it.
    pool : tuple of int
        Number of passages in each language.
    score_margin : float array of shape (texts,), optional
        Score of the best relevant passage minus that of the best other one; None if scores are not used.
    """

    rank: Integers
    rank_in_language: Integers
    text: Integers
    passage: Integers
    language: Integers
    grade: Integers
    own_language: Integers
    pool: tuple[int, ...]
    score_margin: Floats | None = None

    @property
    def texts(self) -> int:
        """Number of texts."""
        return len(self.own_language)

    @property
    def place(self) -> Integers:
        """Ranks in the whole pool, where a passage that is not retrieved stands behind all others."""
        return np.where(self.rank > 0, self.rank, sum(self.pool))

    @property
    def relevant(self) -> _Flags:
        """Mask of the entries whose passage is relevant."""
        return self.grade > 0


@dataclass(frozen=True)
class Aim:
    """One part of a goal.

    Attributes
    ----------
    name : str
        Name as the user writes it.
    value : callable
        Takes target ranks; returns a number for each text, 0 to 1, smaller is better for the adversary; NaN where the
        aim does not apply.
    reached : callable
        Takes target ranks, their values and those of the clean queries; returns for each text whether the aim is
        reached.
    stops : bool
        Whether nothing more can be gained once the aim is reached.
    watched : tuple of int
        Rows of passages, relevant or not, whose ranks the aim needs.
    """

    name: str
    value: Callable[[TargetRanks], Floats]
    reached: Callable[[TargetRanks, Floats, Floats], _Flags]
    stops: bool = False
    watched: tuple[int, ...] = ()


@dataclass(frozen=True)
class Goal:
    """What an adversary minimises: one aim, or the mean of several.

    Attributes
    ----------
    aims : tuple of Aim
        One or more aims that do not contradict each other.
    """

    aims: tuple[Aim, ...]

    @property
    def name(self) -> str:
        """Name as the user writes it, such as ``map+language=en``."""
        return "+".join(aim.name for aim in self.aims)

    @property
    def stops(self) -> bool:
        """Whether nothing more can be gained once all aims are reached."""
        return all(aim.stops for aim in self.aims)

    @property
    def watched(self) -> tuple[int, ...]:
        """Rows of passages whose ranks are needed whether or not they are relevant."""
        return tuple(dict.fromkeys(row for aim in self.aims for row in aim.watched))

    def aim_values(self, found: TargetRanks) -> Floats:
        """Return the value of each aim, shape (texts, aims); a search minimises their mean."""
        return np.stack([aim.value(found) for aim in self.aims], axis=1)

    def reached(self, found: TargetRanks, values: Floats, clean: Floats) -> _Flags:
        """Return for each text whether every aim is reached.

        Parameters
        ----------
        found : TargetRanks
            Target ranks of the texts.
        values, clean : float64 array of shape (texts, aims)
            From `aim_values`, for the texts and for their clean queries.
        """
        each = [aim.reached(found, values[:, n], clean[:, n]) for n, aim in enumerate(self.aims)]
        return np.asarray(np.all(each, axis=0))


def make_goal(text: str, task: Task) -> Goal:
    """Return the goal that is written as `text`, for a task.

    Parameters
    ----------
    text : str
        A goal such as ``map`` or ``beyond@10+language=en``; ``ap`` is another name for ``map``.
    task : Task
        Task with the queries and the pool.

    Raises
    ------
    UnknownNameError
        If there is no such goal, language or passage.
    OptionError
        If the task lacks what the goal needs, or if two goals contradict each other.
    """
    aims = tuple(_aim(part.strip(), task) for part in text.split("+"))
    _check_together([aim.name for aim in aims])
    lowering = [aim.name for aim in aims if aim.name.startswith(("map", "beyond"))]
    for aim in aims:
        if lowering and np.isin(aim.watched, task.qrels.passage).any():
            raise OptionError(
                f"goals {lowering[0]} and {aim.name} contradict each other: the passage is relevant to a query, and "
                f"would have to move down and up at once; choose one"
            )
    return Goal(aims)


def _aim(text: str, task: Task) -> Aim:
    match = _FORM.fullmatch(regex.sub("^ap(?=:|$)", "map", text))
    if not match or match["name"] not in _MAKERS:
        raise UnknownNameError("goal", text, _GOAL_NAMES)
    name, part = match["name"], next((kind for kind in ("depth", "setting", "target") if match[kind]), None)
    maker, allowed, required = _MAKERS[name]
    if part not in {allowed, None} or (required and part is None):
        raise UnknownNameError("goal", text, _GOAL_NAMES)
    return maker(match[allowed] if part else "", task)


def _check_together(names: Sequence[str]) -> None:
    for kind in ("language=", "passage="):
        several = sorted({name for name in names if name.startswith(kind)})
        if len(several) > 1:
            raise OptionError(
                f"goals {several[0]} and {several[1]} contradict each other: only one can be first; choose one"
            )
    for prefix in ("map", "beyond", "rank-distance"):
        same = [name for name in names if name.startswith(prefix)]
        if len(same) > 1:
            raise OptionError(f"goals {same[0]} and {same[1]} are of the same kind; give only one of them")


def _map(setting: str, task: Task) -> Aim:
    """Lower AP in a setting; it is reached when AP has fallen to half."""
    if setting not in {"", *SETTINGS}:
        raise UnknownNameError("setting", setting, SETTINGS)
    if setting == "monolingual" and not set(task.query_languages) & set(task.passage_languages):
        raise OptionError(f"goal map:monolingual: {task.name} has no passages in the languages of its queries; try map")

    def value(found: TargetRanks) -> Floats:
        if setting in {"", "multilingual"}:
            return _average_precision(found.rank, found.text, found, found.relevant, found.texts)
        own = found.language == found.own_language[found.text]
        picked = found.relevant & (own if setting == "monolingual" else ~own)
        languages = len(found.pool)
        groups = found.text * languages + found.language
        each = _average_precision(found.rank_in_language, groups, found, picked, found.texts * languages)
        return nanmean(each.reshape(found.texts, languages), axis=1)

    name = "map" if setting in {"", "multilingual"} else f"map:{setting}"
    return Aim(name, value, lambda _, after, before: after <= before / 2)


def _average_precision(rank: Integers, group: Integers, found: TargetRanks, picked: _Flags, groups: int) -> Floats:
    return average_precision(Ranked(rank[picked], group[picked], found.grade[picked], groups))


def _beyond(depth: str, task: Task) -> Aim:
    """Push the best-ranked relevant passage beyond a rank; it is reached when it is there."""
    k = int(depth)
    if k >= len(task.passages):
        raise OptionError(f"goal beyond@{k}: the pool of {task.name} has only {len(task.passages)} passages")

    def value(found: TargetRanks) -> Floats:
        best = np.full(found.texts, k + 1)
        np.minimum.at(best, found.text[found.relevant], found.place[found.relevant])
        return (k + 1 - best) / k

    return Aim(f"beyond@{k}", value, lambda _, after, __: after == 0, stops=True)


def _rank_distance(_: str, task: Task) -> Aim:
    """Increase the rank distance of parallel passages, an attack on fairness; reached when the distance has doubled."""
    _need_parallel("rank-distance", task)

    def value(found: TargetRanks) -> Floats:
        picked = found.relevant
        distance = rank_distance(found.rank[picked], found.text[picked], found.texts, found.language[picked])
        return 1 - distance / max(sum(found.pool) - 1, 1)

    return Aim("rank-distance", value, lambda _, after, before: (after < before) & (1 - after >= 2 * (1 - before)))


def _language(code: str, task: Task) -> Aim:
    """Move the relevant passages of one language ahead of the others; reached when one of them is ranked first."""
    name = f"language={code}"
    if code not in task.passage_languages:
        raise UnknownNameError("language", code, task.passage_languages)
    _need_parallel(name, task)
    number = task.passage_languages.index(code)

    def value(found: TargetRanks) -> Floats:
        depth = np.log(found.place) / np.log(max(sum(found.pool), 2))
        means = [
            _mean(depth[picked], found.text[picked], found.texts)
            for picked in (found.relevant & (found.language == number), found.relevant & (found.language != number))
        ]
        return (1 + means[0] - means[1]) / 2

    def reached(found: TargetRanks, after: Floats, _: Floats) -> _Flags:
        best = np.full((2, found.texts), np.iinfo(np.int64).max)
        np.minimum.at(
            best,
            ((found.language != number).astype(int)[found.relevant], found.text[found.relevant]),
            found.place[found.relevant],
        )
        return np.asarray((best[0] < best[1]) & ~np.isnan(after))

    return Aim(name, value, reached)


def _mean(value: Floats, group: Integers, groups: int) -> Floats:
    count = np.bincount(group, minlength=groups)
    mean = np.full(groups, np.nan)
    np.divide(np.bincount(group, value, groups), count, out=mean, where=count > 0)
    return mean


def _passage(passage_id: str, task: Task) -> Aim:
    """Bring one passage to the top for any query; reached when the passage is ranked first."""
    row = next((row for row, one in enumerate(task.passages) if one.passage_id == passage_id), None)
    if row is None:
        raise UnknownNameError("passage", passage_id, [one.passage_id for one in task.passages[:_IDS_SHOWN]])

    def value(found: TargetRanks) -> Floats:
        picked = found.passage == row
        depth = np.log(found.place[picked]) / np.log(max(sum(found.pool), 2))
        return _mean(depth, found.text[picked], found.texts)

    return Aim(f"passage={passage_id}", value, lambda _, after, __: after == 0, stops=True, watched=(row,))


def _need_parallel(name: str, task: Task) -> None:
    languages = np.repeat(np.arange(len(task.passage_slices)), list(task.pool_sizes.values()))[task.qrels.passage]
    pairs = np.unique(np.stack([task.qrels.query, languages]), axis=1)
    if (np.bincount(pairs[0]) < 2).all():
        raise OptionError(
            f"goal {name} needs parallel passages, and no query of {task.name} has relevant passages in two languages; "
            f"try map or beyond@10"
        )


_IDS_SHOWN = 5
_MAKERS: Mapping[str, tuple[Callable[[str, Task], Aim], str, bool]] = {
    "map": (_map, "setting", False),
    "beyond": (_beyond, "depth", True),
    "rank-distance": (_rank_distance, "", False),
    "language": (_language, "target", True),
    "passage": (_passage, "target", True),
}
"""Name to the function that makes the aim, the part of the text that it takes, and whether that part is required."""
