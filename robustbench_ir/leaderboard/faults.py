"""Faults of an entry, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from robustbench_ir.encoders.kinds import RERANKED
from robustbench_ir.leaderboard.poisoned import poison_derived, poison_shape_faults
from robustbench_ir.leaderboard.ranks import judgements_of_entry, ranks_of_entry
from robustbench_ir.leaderboard.robust import attacks_of, robust_records
from robustbench_ir.leaderboard.schema import (
    MAX_RANKS,
    MAX_STRATA,
    Entry,
    EntryCell,
    EntryScore,
    RanksEntry,
    ValuesEntry,
    related_data,
)
from robustbench_ir.leaderboard.sheet import EntrySheet, may_lack_ranks, scores_of, sheet_of
from robustbench_ir.metrics.measures import Integers
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.perturb.identity import AttackIdentity
from robustbench_ir.results.suite import suites
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks.questions import questions_of
from robustbench_ir.tasks.task import TaskIdentity

_TOLERANCE = 1e-6


def entry_faults(entry: Entry, sheet_for: Callable[[], EntrySheet] | None = None) -> list[str]:
    """Return the faults of an entry: of its shape first, then impossible values, then averages that do not follow.

    Parameters
    ----------
    entry : Entry
        Entry to check.
    sheet_for : callable, optional
        Returns the arrays of the entry where the caller keeps them; it is called only if all lists have the right
        length.

    Returns
    -------
    list of str
        One line for each fault; empty if there is none.
    """
    misshapen = [*_misshapen(entry)]
    if not misshapen and isinstance(entry, RanksEntry):
        misshapen = [*_misshapen_suites(entry), *_misshapen_poison(entry)]
    if misshapen:
        return misshapen
    sheet = sheet_for() if sheet_for else sheet_of(entry)
    # No average is derived from impossible values: it need not lie between 0 and 1.
    return [*_undeclared(entry), *_impossible(entry, sheet)] or [*_not_derived(entry, sheet)]


def _misshapen(entry: Entry) -> Iterator[str]:
    queries = sum(entry.task.queries.values())
    if len(entry.task.question) != queries:
        yield f"task.question: {len(entry.task.question)} numbers, but {queries} queries"
    elif max(entry.task.question) + 1 != len(set(entry.task.question)):
        yield "task.question: numbers must be 0 to the number of questions, without a gap"
    for number, cell in enumerate(entry.cells):
        if len(cell.changed) != queries:
            yield f"cells.{number}: every list must have one value for each of the {queries} queries"
        if (cell.recipe == "clean") != (number == 0) or (cell.severity == 0) != (number == 0):
            yield f"cells.{number}: the first cell is clean with severity 0, and no other is"
        if AttackIdentity.parse(cell.recipe).on != "queries":
            yield f"cells.{number}: passages were perturbed; an entry is of attacks on queries"
    if len({_key(cell) for cell in entry.cells}) < len(entry.cells):
        yield "cells: the same recipe, severity and seed occur twice"
    yield from _misshapen_values(entry, queries) if isinstance(entry, ValuesEntry) else _misshapen_ranks(entry)


def _misshapen_suites(entry: RanksEntry) -> Iterator[str]:
    attacks, known = attacks_of(entry.cells), {one.identity: one for one in suites()}
    if len({one.suite for one in entry.suites}) < len(entry.suites):
        yield "suites: the same suite occurs twice"
    for number, one in enumerate(entry.suites):
        where = f"suites.{number}"
        if one.cells != sorted(set(one.cells)) or one.cells[-1] >= len(entry.cells):
            yield f"{where}.cells: must be numbers of attacked cells, ascending"
        elif one.suite in known and one.cells != sorted(known[one.suite].places_in(attacks)):
            yield f"{where}.cells: are not those of the attacks of {one.suite}; submit the result with --suite"
        elif one.adaptive != any(attacks[cell].attack.threat == "worst case" for cell in one.cells):
            yield f"{where}.adaptive: must be true if one of its attacks was searched on this encoder, else false"
    if entry.suites and (max(entry.task.question) + 1) * len(entry.task.queries) > MAX_STRATA:
        yield f"suites: questions times languages are more than {MAX_STRATA}; an entry has at most so many"


def _misshapen_poison(entry: RanksEntry) -> Iterator[str]:
    if len({one.attack for one in entry.poison}) < len(entry.poison):
        yield "poison: the same attack occurs twice"
    for number, one in enumerate(entry.poison):
        for fault in poison_shape_faults(entry, one):
            yield f"poison.{number}.{fault}"


def _misshapen_values(entry: ValuesEntry, queries: int) -> Iterator[str]:
    for number, cell in enumerate(entry.cells):
        if len(cell.rank_distance) != queries or any(len(row) != queries for row in cell.average_precision.values()):
            yield f"cells.{number}: every list must have one value for each of the {queries} queries"
        if cell.average_precision.keys() != entry.cells[0].average_precision.keys():
            yield f"cells.{number}: its settings are not those of the first cell"


def _misshapen_ranks(entry: Entry) -> Iterator[str]:
    if not isinstance(entry, RanksEntry):
        raise TypeError(f"no entry of this format: {type(entry).__name__}")
    count = entry.judged.count * len(entry.cells)
    if count > MAX_RANKS:
        yield f"judged.count: {count} ranks in all cells; an entry has at most {MAX_RANKS}"
        return
    try:
        judgements = judgements_of_entry(entry)
    except ValueError as error:
        yield f"judged: {error}"
        return
    wrong = [*_impossible_judgements(judgements, sum(entry.task.queries.values()))]
    if wrong:
        yield from wrong
        return
    try:
        ranks = ranks_of_entry(entry)
    except ValueError as error:
        yield f"ranks: {error}"
        return
    # A reranker orders each pool by itself, so that a passage may do better among all than in its language.
    one_order = entry.model.kind != RERANKED
    for number, one in enumerate(ranks):
        said = _impossible_ranks(judgements, one, may_lack_ranks(entry), one_order)
        if said:
            yield f"cells.{number}: {said}"


def _impossible_judgements(judgements: Judgements, queries: int) -> Iterator[str]:
    query = judgements.query
    if (np.diff(query) < 0).any() or query[-1] >= queries or len(np.unique(query)) != queries:
        yield f"judged.query: must go from 0 to {queries - 1}, ascending, and every query must have a judgement"
    elif judgements.passage_language.max() >= len(judgements.pool):
        yield f"judged.passage_language: numbers must be below {len(judgements.pool)}, the languages of the pool"
    elif judgements.grade.min() < 1:
        yield "judged.grade: a grade is 1 or more"
    elif judgements.grade.max() < judgements.relevant_from:
        yield f"judged.relevant_from: no passage has the grade {judgements.relevant_from}"


def _impossible_ranks(judgements: Judgements, ranks: Ranks, may_lack: bool, one_order: bool) -> str:
    """Return why no ranking gives these ranks; empty if one may."""
    missing = ranks.in_pool == 0
    sizes = np.array(list(judgements.pool.values()))[judgements.passage_language]
    if ((ranks.in_language == 0) != missing).any() or (missing.any() and not may_lack):
        return "a passage without a rank; only a run, or an engine that does not retrieve the score 0, lacks passages"
    if (ranks.in_language > sizes).any() or (ranks.in_pool > judgements.pool_size).any():
        return "a rank is beyond the end of its pool"
    group = judgements.query * np.int64(len(judgements.pool)) + judgements.passage_language
    if not (_distinct(judgements.query, ranks.in_pool) and _distinct(group, ranks.in_language)):
        return "two passages of a query have the same rank"
    if not one_order:
        return ""
    if (ranks.in_pool < ranks.in_language).any():
        return "a passage ranks higher among all passages than among those of its language"
    same_order = np.array_equal(_order(group, ranks.in_pool), _order(group, ranks.in_language))
    return "" if same_order else "two passages have another order in their language than in the pool"


def _distinct(group: Integers, rank: Integers) -> bool:
    """Return whether passages of a group have different ranks, apart from those that have none."""
    keys = np.sort(_keys(group, rank)[rank > 0])
    return not (keys[1:] == keys[:-1]).any()


def _order(group: Integers, rank: Integers) -> Integers:
    """Return the order of passages by group, and by rank inside it."""
    return np.argsort(_keys(group, rank), kind="stable")


def _keys(group: Integers, rank: Integers) -> Integers:
    return group.astype(np.int64) << 31 | rank


def _key(cell: EntryCell) -> tuple[str, int, int]:
    return cell.recipe, cell.severity, cell.seed


def _undeclared(entry: Entry) -> Iterator[str]:
    drawn = questions_of(entry.task.identity)
    if drawn:
        yield f"task.identity: {drawn.number} questions were drawn; an entry has all of the task"
    related = related_data(TaskIdentity.parse(entry.task.identity).name, entry.training.datasets)
    if related and entry.training.saw_task != "yes":
        yield f"training.saw_task: must be 'yes', the task is made of {related[0]}"


def _impossible(entry: Entry, sheet: EntrySheet) -> Iterator[str]:
    if sheet.changed[0].any():
        yield "cells.0: no query changes without an attack"
    yield from _impossible_values(entry, sheet) if isinstance(entry, ValuesEntry) else _moved(entry, sheet)


def _moved(entry: Entry, sheet: EntrySheet) -> Iterator[str]:
    """Yield the cells in which a passage moved although its query did not change."""
    if not isinstance(entry, RanksEntry):
        raise TypeError(f"no entry of this format: {type(entry).__name__}")
    query, ranks = judgements_of_entry(entry).query, ranks_of_entry(entry)
    for number, (one, changed) in enumerate(zip(ranks, sheet.changed, strict=True)):
        moved = (one.in_pool != ranks[0].in_pool) | (one.in_language != ranks[0].in_language)
        if (moved & ~changed[query]).any():
            yield f"cells.{number}: a rank differs where the query did not change"


def _impossible_values(entry: ValuesEntry, sheet: EntrySheet) -> Iterator[str]:
    pool = sum(entry.task.pool.values())
    for setting, found in sheet.average_precision.items():
        if not sheet.truncated and ((found > 0) & (found < 0.9999 / pool)).any():
            yield f"{setting}: an average precision below that of a passage at the last of {pool} ranks"
        if ((found > 0) != (found[:1] > 0)).any():
            yield f"{setting}: a query has a case under one recipe and none under another"
        if ((found != found[:1]) & ~sheet.changed).any():
            yield f"{setting}: average precision differs where the query did not change"
        if not (found[0] > 0).any():
            yield f"{setting}: no query has a case; leave the setting out"
    distance = sheet.rank_distance
    if distance.max() > pool - 1:
        yield f"rank_distance: {distance.max():.0f} in a pool of {pool}"
    elsewhere = (distance > 0) != (distance[:1] > 0)
    if (not sheet.truncated and elsewhere.any()) or ((distance != distance[:1]) & ~sheet.changed).any():
        yield "rank_distance: differs where the query did not change, or has a case under one recipe only"


def _not_derived(entry: Entry, sheet: EntrySheet) -> Iterator[str]:
    derived = {(one.recipe, one.severity): one for one in scores_of(sheet)}
    written = {(one.recipe, one.severity): one for one in entry.scores}
    if derived.keys() != written.keys() or len(written) != len(entry.scores):
        yield "scores: must have one row for each recipe and severity of the cells"
        return
    for key, score in written.items():
        for name, (said, found) in _pairs(score, derived[key]).items():
            if _differ(said, found):
                yield f"scores of {key[0]} severity {key[1]}: {name} is {said}, the queries give {found}"
    if isinstance(entry, RanksEntry):
        yield from _suites_not_derived(entry, sheet)
        yield from _poison_not_derived(entry)


def _suites_not_derived(entry: RanksEntry, sheet: EntrySheet) -> Iterator[str]:
    for one in entry.suites:
        found = robust_records(entry, one.cells, sheet.average_precision)
        if one.scores.keys() != found.keys():
            yield f"scores of {one.suite}: must have each setting, {', '.join(found)}"
            continue
        for setting, said in one.scores.items():
            for name, value in said.model_dump().items():
                derived = getattr(found[setting], name)
                if _differ(value, derived):
                    yield f"scores of {one.suite}, {setting}: {name} is {value}, the queries give {derived}"


def _poison_not_derived(entry: RanksEntry) -> Iterator[str]:
    for one in entry.poison:
        for name, derived in poison_derived(entry, one).items():
            value = getattr(one, name)
            if _differ(value, derived):
                yield f"poison of {one.attack}: {name} is {value}, the places give {derived}"


def _differ(said: float | None, found: float | None) -> bool:
    """Return whether a number is another one than that which follows; NaN differs from all."""
    return (said is None) != (found is None) or not abs((said or 0) - (found or 0)) <= _TOLERANCE


def _pairs(said: EntryScore, found: EntryScore) -> dict[str, tuple[float | None, float | None]]:
    settings = dict.fromkeys((*said.average_precision, *found.average_precision))
    return {
        **{one: (said.average_precision.get(one), found.average_precision.get(one)) for one in settings},
        "rank_distance": (said.rank_distance, found.rank_distance),
        "coverage": (said.coverage, found.coverage),
    }
