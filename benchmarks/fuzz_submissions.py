"""Fuzz the reader of submissions, guided by coverage: `python benchmarks/fuzz_submissions.py -max_total_time=300`.

Needs `pip install atheris`. Bytes are changed by libFuzzer, or, where they are JSON, one value in them is. Whatever
comes out must be refused in one line of ASCII, or be written as it was read and make a page without markup of its own.
Options are those of libFuzzer; what breaks it is left as a file `crash-...` that can be given as an argument.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import atheris
import numpy as np

with atheris.instrument_imports(include=["robustbench_ir.leaderboard", "json"]):
    from robustbench_ir.errors import ResultError
    from robustbench_ir.leaderboard.board import board, board_to_json
    from robustbench_ir.leaderboard.entry import entry_to_json
    from robustbench_ir.leaderboard.faults import entry_faults
    from robustbench_ir.leaderboard.folder import FiledEntry
    from robustbench_ir.leaderboard.packing import packed
    from robustbench_ir.leaderboard.page import page
    from robustbench_ir.leaderboard.reading import entry_from_json

MARKUP = "</script><script>alert(1)</script>"
VALUES: list[Any] = [
    *(None, True, -1, 0, 1, 2, 5, 10**9, 2 * 10**9, 10**30, 1e-320, 0.5, 1.0, 1e308, float("nan"), float("inf")),
    *("", "clean", "typo@99", "greedy(typo@3)|goal=map", "en", "2026-11-26", "9999-12-31", "yes", "a" * 64, "01" * 9),
    *(MARKUP, "{{data}}", "../x", "\u202e", "\ud800", "\x1b[31m", "1e999", [], [[]], {}, {"": 0}, {"en": 1}, [0, 1]),
]


def seed() -> bytes:
    """Return the smallest honest entry: two questions in one language, one recipe."""
    cell = {"seed": 0, "queries_sha256": "a" * 64}
    clean = {**cell, "recipe": "clean", "severity": 0, "changed": "00"}
    typo = {**cell, "recipe": "typo@3", "severity": 3, "changed": "01"}
    ranks = packed(np.array([1, 2, 1, 4]))
    one, zero = packed(np.array([1, 1])), packed(np.array([0, 0]))
    score = {"recipe": "clean", "severity": 0, "rank_distance": None, "coverage": 0.0}
    attacked = {**score, "recipe": "typo@3", "severity": 3, "coverage": 0.5}
    empty = ("revision", "fingerprint", "similarity", "query_prompt", "passage_prompt", "licence", "paper", "code")
    named = {"name": "a/b", "encoder": "a/b", "dimensions": 8, "parameters": None, "languages": ["en"]}
    table = {
        "schema_version": 2,
        "irbench": "0.1.0",
        "date": "2026-11-26",
        "model": {**dict.fromkeys((*empty, "contact"), ""), **named, "link": "https://example.org/"},
        "training": {"saw_task": "no", "datasets": ["MS MARCO"]},
        "task": {
            "identity": "small@1",
            "sha256": "b" * 64,
            "pool": {"en": 10},
            "queries": {"en": 2},
            "question": [0, 1],
        },
        "environment": {"torch": "2"},
        "scores": [
            {**score, "average_precision": {"monolingual": 0.75, "multilingual": 0.75}},
            {**attacked, "average_precision": {"monolingual": 0.625, "multilingual": 0.625}},
        ],
        "cells": [clean, typo],
        "judged": {"count": 2, "query": packed(np.array([0, 1])), "passage_language": zero, "grade": one},
        "ranks": {"in_pool": ranks, "in_language": ranks},
        "verified": None,
    }
    return json.dumps(table).encode()


SEED = seed()


def fuzz(content: bytes) -> None:
    try:
        entry = entry_from_json(content, "x.json")
    except ResultError as error:
        said = str(error)
        if not said.isascii() or "\n" in said or len(said) > 400:
            raise AssertionError(f"not one short line of ASCII: {said!r}") from error
        return
    if entry_from_json(entry_to_json(entry).encode(), "x.json") != entry:
        raise AssertionError("what is written is not what was read")
    if any("\n" in one for one in entry_faults(entry)):
        raise AssertionError("a fault of several lines")
    if not entry_faults(entry):
        made = page(board_to_json(board([FiledEntry(Path("small") / "x.json", entry)], {}, resamples=2)))
        if made.count("<script") != 2:
            raise AssertionError("its markup is in the page")


def mutated(content: bytes, most: int, number: int) -> bytes:
    """Change one value of a JSON text, or, half the time and where it is none, its bytes."""
    drawn = random.Random(number)
    try:
        table = json.loads(content)
    except (ValueError, RecursionError):
        table = json.loads(SEED)
    places = list(_places(table))
    if not places or drawn.random() < 0.3:
        return bytes(atheris.Mutate(content, most))
    inside, key = drawn.choice(places)
    value = drawn.choice(VALUES)
    if isinstance(inside[key], str) and drawn.random() < 0.5:
        value = bytes(atheris.Mutate(inside[key].encode("utf-8", "replace"), 200)).decode("utf-8", "replace")
    action = drawn.randrange(4)
    if action == 0:
        del inside[key]
    elif action == 1 and isinstance(inside, dict):
        inside[drawn.choice(("kind", "name", "typo@3", "en", "x", MARKUP))] = inside[key]
    elif action == 1:
        inside.append(inside[key])
    else:
        inside[key] = value
    return json.dumps(table).encode("utf-8", "replace")[:most]


def _places(value: object) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield value, key
        yield from _places(one)


def main() -> None:
    fuzz(SEED)
    if entry_faults(entry_from_json(SEED, "seed")):
        raise AssertionError("the seed must be an honest entry")
    atheris.Setup(sys.argv, fuzz, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
