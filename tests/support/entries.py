"""Small entries of the leaderboard as tables, and their ranks as arrays that a test can change."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from robustbench_ir.leaderboard.entry import entry_to_json
from robustbench_ir.leaderboard.packing import packed, unpacked
from robustbench_ir.leaderboard.poisoned import poison_derived
from robustbench_ir.leaderboard.reading import entry_from_json
from robustbench_ir.leaderboard.schema import Entry, RanksEntry
from robustbench_ir.leaderboard.sheet import scores_of, sheet_of

DAY = "2026-11-26"
Table = dict[str, Any]


def small_table() -> Table:
    """Return the smallest honest entry: two questions in one language, one recipe; AP 1 and 1/2, then 1 and 1/4."""
    table = _head(2)
    del table["cells"][0]["average_precision"], table["cells"][1]["average_precision"]
    del table["cells"][0]["rank_distance"], table["cells"][1]["rank_distance"]
    one = packed(np.array([1, 1]))
    table["judged"] = {
        "count": 2,
        "query": packed(np.array([0, 1])),
        "passage_language": packed(np.array([0, 0])),
        "grade": one,
    }
    ranks = packed(np.array([1, 2, 1, 4]))
    table["ranks"] = {"in_pool": ranks, "in_language": ranks}
    for score in table["scores"]:
        score["average_precision"]["monolingual"] = score["average_precision"]["multilingual"]
    return table


def small_values() -> Table:
    """Return the same entry in format 1, of one setting."""
    return _head(1)


def _head(schema: int) -> Table:
    cell = {"recipe": "clean", "severity": 0, "seed": 0, "queries_sha256": "a" * 64, "changed": "00"}
    cells = [
        {**cell, "average_precision": {"multilingual": [1.0, 0.5]}, "rank_distance": [0, 0]},
        {
            **cell,
            "recipe": "typo@3",
            "severity": 3,
            "changed": "01",
            "average_precision": {"multilingual": [1.0, 0.25]},
            "rank_distance": [0, 0],
        },
    ]
    score = {"recipe": "clean", "severity": 0, "rank_distance": None, "coverage": 0.0}
    scores = [
        {**score, "average_precision": {"multilingual": 0.75}},
        {**score, "recipe": "typo@3", "severity": 3, "average_precision": {"multilingual": 0.625}, "coverage": 0.5},
    ]
    empty = ("revision", "fingerprint", "similarity", "query_prompt", "passage_prompt", "licence", "paper", "code")
    model = {
        **dict.fromkeys((*empty, "contact"), ""),
        "name": "honest/model",
        "encoder": "honest/model",
        "dimensions": 8,
        "parameters": None,
        "languages": ["en"],
        "link": "https://example.org/",
    }
    task = {"identity": "small@1", "sha256": "b" * 64, "pool": {"en": 10}, "queries": {"en": 2}, "question": [0, 1]}
    return {
        "schema_version": schema,
        "irbench": "0.1.0",
        "date": DAY,
        "model": model,
        "training": {"saw_task": "no", "datasets": []},
        "task": task,
        "environment": {},
        "scores": scores,
        "cells": cells,
        "verified": None,
    }


def table_of(entry: Entry) -> Table:
    """Return the table that the file of an entry has."""
    table: Table = json.loads(entry_to_json(entry))
    return table


def read(table: Table) -> Entry:
    """Return the entry of a table."""
    return entry_from_json(json.dumps(table).encode(), "x.json")


def rescored(table: Table) -> Table:
    """Return a table whose averages follow from its ranks and places, as whoever changes them would write them."""
    entry = read(table)
    made = {**table, "scores": [one.model_dump(mode="json") for one in scores_of(sheet_of(entry))]}
    if isinstance(entry, RanksEntry) and entry.poison:
        made["poison"] = [{**one.model_dump(mode="json"), **poison_derived(entry, one)} for one in entry.poison]
        for one in made["poison"]:
            one["questions"] = int(one["questions"])
    return made


def with_ranks(table: Table, change: Callable[[np.ndarray, np.ndarray], None]) -> Table:
    """Return a table whose ranks in the pool and in the language, of shape (cells, judgements), a function changed."""
    shape = len(table["cells"]), table["judged"]["count"]
    in_pool, in_language = (
        unpacked(table["ranks"][key], shape[0] * shape[1]).reshape(shape).copy() for key in ("in_pool", "in_language")
    )
    change(in_pool, in_language)
    return {**table, "ranks": {"in_pool": packed(in_pool), "in_language": packed(in_language)}}


def with_places(table: Table, change: Callable[[np.ndarray], object]) -> Table:
    """Return a table in which the places of the first injected passages, shape (sources, queries), were changed."""
    first, *others = table["poison"]
    shape = len(first["sources"]), len(table["task"]["question"])
    numbers = unpacked(first["place"], shape[0] * shape[1]).reshape(shape).copy()
    change(numbers)
    return {**table, "poison": [{**first, "place": packed(numbers)}, *others]}


def with_judged(table: Table, key: str, change: Callable[[np.ndarray], None]) -> Table:
    """Return a table in which one column of the judgements was changed in place."""
    column = unpacked(table["judged"][key], table["judged"]["count"]).copy()
    change(column)
    return {**table, "judged": {**table["judged"], key: packed(column)}}
