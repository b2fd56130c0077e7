"""Injected passages of an entry: where each query finds them, and the shares that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.adversary.poisoning import DEEPEST, DEPTHS, Depth, Poisoning
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.leaderboard.names import without_folders
from robustbench_ir.leaderboard.numbers import Choices, as_json, by_group
from robustbench_ir.leaderboard.packing import packed, unpacked
from robustbench_ir.leaderboard.ranks import judgements_of_entry, ranks_of_entry
from robustbench_ir.leaderboard.robust import ends
from robustbench_ir.leaderboard.schema import MAX_STRATA, PoisonRecord, RanksEntry
from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.statistics import SEED, bootstrap_intervals, draws, share_interval
from robustbench_ir.tasks.task import IntArray

NO_PASSAGE = DEEPEST + 1
"""Stands in an entry for a query without an injected passage, since packed numbers are not negative."""

_DIGITS = 9


def poison_record(found: Poisoning) -> PoisonRecord:
    """Return the record of injected passages."""
    by_source = np.stack([found.place[source] for source in found.sources])
    shares = {depth: found.from_elsewhere(depth) for depth in DEPTHS}
    return PoisonRecord(
        craft=found.craft,
        budget=found.budget,
        encodings=found.encodings,
        crafted_on="" if found.crafter is None else without_folders(found.crafter.loaded_by),
        sources=list(found.sources),
        place=packed(np.where(by_source < 0, NO_PASSAGE, by_source)),
        asr_at_1=_overall(shares[1]),
        asr_at_10=_overall(shares[10]),
        questions=int(shares[10].clusters[-1]),
    )


def _overall(shares: ClusterMeans) -> float:
    return round(float(shares.estimate()[-1]), _DIGITS)


def places_of(entry: RanksEntry, poison: PoisonRecord) -> dict[str, IntArray]:
    """Return the place of the best injected passage of each query, by source language, as `Poisoning` has it.

    Raises
    ------
    ValueError
        If the packed numbers are not as many as there are queries and sources, or are no places.
    """
    queries = len(entry.task.question)
    by_source = unpacked(poison.place, len(poison.sources) * queries).reshape(-1, queries)
    if by_source.max() > NO_PASSAGE:
        raise ValueError(f"a place is 1 to {DEEPEST}, 0 or {NO_PASSAGE}")
    return dict(zip(poison.sources, np.where(by_source == NO_PASSAGE, -1, by_source).astype(np.int32), strict=True))


def poisoning_of(entry: RanksEntry, poison: PoisonRecord) -> Poisoning:
    """Return injected passages of an entry as the project's own measures take them; see `places_of` for the errors."""
    who = entry.model
    return Poisoning(
        version=entry.irbench,
        task=entry.task.identity,
        task_digest=entry.task.sha256,
        encoder=EncoderDescription(who.encoder, who.fingerprint, who.similarity, who.dimensions),
        craft=poison.craft,
        budget=poison.budget,
        judgements=judgements_of_entry(entry),
        clean=ranks_of_entry(entry)[0],
        place=places_of(entry, poison),
        above={},
        encodings=poison.encodings,
    )


def poison_shape_faults(entry: RanksEntry, poison: PoisonRecord) -> Iterator[str]:
    """Yield what no run gives: other languages than those of the queries, or numbers that are no places."""
    languages = list(entry.task.queries)
    if entry.model.kind == "run":
        yield "craft: passages are injected for an encoder, and this is an entry of runs"
    if poison.sources != languages:
        yield f"sources: must be the languages of the queries in their order, {','.join(languages)[:100]}"
        return
    if poison.budget > len(languages):
        yield f"budget: {poison.budget} passages, and a question has a text in at most {len(languages)} languages"
        return
    if (max(entry.task.question) + 1) * len(languages) ** 2 > MAX_STRATA:
        yield f"questions times pairs of languages are more than {MAX_STRATA}; an entry has at most so many"
        return
    if bool(poison.encodings) != bool(Craft.parse(poison.craft).search):
        yield f"encodings: {poison.encodings} of craft {poison.craft}; a search has some, and no other craft has"
    if poison.crafted_on and not poison.encodings:
        yield f"crafted_on: craft {poison.craft} asks no encoder"
    try:
        place = places_of(entry, poison)
    except ValueError as error:
        yield f"place: {error}"
        return
    for source in languages:
        if (place[source][_has_passages(entry, poison, source)] < 0).any():
            yield f"place: a query has no passage in {source}, in which its question has a text"


def _has_passages(entry: RanksEntry, poison: PoisonRecord, source: str) -> NDArray[np.bool_]:
    """Return for which queries something must have been injected: their questions are asked in each language used."""
    question = np.array(entry.task.question)
    language = np.repeat(np.arange(len(poison.sources)), list(entry.task.queries.values()))
    asked = np.zeros((question.max() + 1, len(poison.sources)), dtype=bool)
    asked[question, language] = True
    used = (poison.sources.index(source) + np.arange(poison.budget)) % len(poison.sources)
    found: NDArray[np.bool_] = asked[:, used].min(axis=1)[question]
    return found


def poison_derived(entry: RanksEntry, poison: PoisonRecord) -> Mapping[str, float]:
    """Return the numbers of a record as they follow from its places; NaN where there is no case."""
    found = poisoning_of(entry, poison)
    shares = {depth: found.from_elsewhere(depth) for depth in DEPTHS}
    return {
        "asr_at_1": float(shares[1].estimate()[-1]),
        "asr_at_10": float(shares[10].estimate()[-1]),
        "questions": float(shares[10].clusters[-1]),
    }


def asr_by_language(entry: RanksEntry, poison: PoisonRecord) -> Floats:
    """Return ASR@10 of each query language, over passages in the other ones; NaN where there is no case."""
    return poisoning_of(entry, poison).from_elsewhere(10).estimate()[:-1]


def poison_row(entry: RanksEntry, poison: PoisonRecord, asked: Choices, resamples: int) -> dict[str, object]:
    """Return what the board shows of injected passages.

    Parameters
    ----------
    entry : RanksEntry
        Entry without faults.
    poison : PoisonRecord
        One of its attacks.
    asked : Choices
        Groups of languages.
    resamples : int
        Number of resamples of the questions for intervals.
    """
    found = poisoning_of(entry, poison)
    return {
        "asr_at_10": as_json(by_group(asr_by_language(entry, poison), asked)),
        "overall": {"asr_at_1": poison.asr_at_1, "asr_at_10": poison.asr_at_10},
        "intervals": {f"asr_at_{depth}": _interval(found, depth, resamples) for depth in DEPTHS},
        "questions": poison.questions,
        "searched": bool(poison.encodings),
    }


def _interval(found: Poisoning, depth: Depth, resamples: int) -> list[object]:
    shares = found.from_elsewhere(depth)
    (draw,) = draws([shares], np.random.default_rng(SEED), resamples)
    whole = bootstrap_intervals(draw, found.judgements.questions, having=shares.clusters)[-1]
    return ends(share_interval(whole, int(shares.clusters[-1])))
