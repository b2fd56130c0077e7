"""How long a board of many entries takes: `python benchmarks/leaderboard.py [ENTRIES]` (default 10,000).

Synthetic entries of 60 queries in two languages, three cells and two settings, some 5 KB each. What grows with larger
tasks is reading, by file size. Seconds of the processor stand beside those of the clock: other work may be going on.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.random import default_rng

from robustbench_ir.leaderboard.building import build_board
from robustbench_ir.leaderboard.entry import entry_to_json
from robustbench_ir.leaderboard.packing import packed
from robustbench_ir.leaderboard.reading import entry_from_json
from robustbench_ir.leaderboard.schema import Entry
from robustbench_ir.leaderboard.sheet import scores_of, sheet_of

QUERIES = 60
_EMPTY = ("revision", "similarity", "query_prompt", "passage_prompt", "licence", "paper", "code", "contact")


def synthetic(number: int) -> Entry:
    random = default_rng(number)
    # The passage in the first language stands before that in the second one; a rank in the pool is twice as deep.
    first = random.integers(1, 100, (3, QUERIES))
    in_language = np.stack([first, first + random.integers(0, 100, QUERIES)], axis=2).reshape(3, -1)
    in_pool = 2 * in_language + np.tile([0, 1], QUERIES)
    judged = {
        "count": 2 * QUERIES,
        "query": packed(np.repeat(np.arange(QUERIES), 2)),
        "passage_language": packed(np.tile([0, 1], QUERIES)),
        "grade": packed(np.ones(2 * QUERIES, dtype=int)),
    }
    cells = [
        {
            "recipe": recipe,
            "severity": severity,
            "seed": 0,
            "queries_sha256": f"{severity}{place}".ljust(64, "0"),
            "changed": str(int(place > 0)) * QUERIES,
        }
        for place, (recipe, severity) in enumerate((("clean", 0), ("typo@3", 3), ("synonym@3", 3)))
    ]
    score = {"average_precision": {"multilingual": 0.0}, "rank_distance": None, "coverage": 0.0}
    table = {
        "schema_version": 2,
        "irbench": "0.1.0",
        "date": "2026-11-26",
        "model": {
            **dict.fromkeys(_EMPTY, ""),
            "name": f"owner-{number // 10}/model-{number * 7919 % 100_003}x{number}",
            "encoder": "x/y",
            "fingerprint": str(number),
            "dimensions": 384,
            "parameters": number * 100_000,
            "languages": ["en", "sw"],
            "link": "https://example.org/",
        },
        "training": {"saw_task": "no", "datasets": []},
        "task": {
            "identity": "small@1",
            "sha256": "b" * 64,
            "pool": {"en": 500, "sw": 500},
            "queries": {"en": QUERIES // 2, "sw": QUERIES // 2},
            "question": [*range(QUERIES // 2)] * 2,
        },
        "environment": {},
        "scores": [{**score, "recipe": "clean", "severity": 0}],
        "cells": cells,
        "judged": judged,
        "ranks": {"in_pool": packed(in_pool), "in_language": packed(in_language)},
    }
    draft = entry_from_json(json.dumps(table).encode(), "made")
    return draft.model_copy(update={"scores": scores_of(sheet_of(draft))})


def main(entries: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        target = folder / "submissions" / "small"
        target.mkdir(parents=True)
        for number in range(entries):
            entry = synthetic(number)
            name = entry.model.name.replace("/", "--")
            (target / f"{name}.json").write_text(entry_to_json(entry), encoding="utf-8")
        start, worked = time.perf_counter(), time.process_time()
        page, refused, taken = build_board(folder)
        seconds, worked = time.perf_counter() - start, time.process_time() - worked
        size = page.stat().st_size / 1e6
        print(f"{taken} entries, {len(refused)} left out: {seconds:.1f} s ({worked:.1f} s of the processor)")
        print(f"page of {size:.1f} MB")
        if len(sys.argv) > 2:
            Path(sys.argv[2]).write_bytes(page.read_bytes())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
