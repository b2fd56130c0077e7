"""Entries of a leaderboard whose free texts are hostile."""

from __future__ import annotations

import json

import numpy as np

from robustbench_ir.leaderboard.marks import marked
from robustbench_ir.leaderboard.packing import packed
from robustbench_ir.leaderboard.poisoned import poison_derived
from robustbench_ir.leaderboard.published import PublishedRow
from robustbench_ir.leaderboard.reading import entry_from_json
from robustbench_ir.leaderboard.robust import robust_records
from robustbench_ir.leaderboard.schema import Entry, PoisonRecord, RanksEntry, SuiteRecord
from robustbench_ir.leaderboard.sheet import scores_of, sheet_of
from robustbench_ir.leaderboard.verifying import Difference, Verification

EVIL = "<img src=x onerror=\"document.title='taken'\"></script><script>document.title='taken'</script>{{data}}"
QUESTIONS = 40
SEARCHED = "greedy(typo@3)|goal=map|words=2|queries=200"
CRAFTED = SEARCHED + "|crafted-on=bm25"
SCORE = {"average_precision": {"multilingual": 0.0}, "rank_distance": None, "coverage": 0.0}


def entry(number: int) -> Entry:
    """Make an entry in English and Swahili; the higher the number, the better, and evil in every free text."""
    depth = 2 + (250 - number) / 10
    rank = np.array([depth + (row % 7) / 7 for row in range(2 * QUESTIONS)])
    cells, ranks = [], []
    attacks = [("clean", 0, 1.0), ("typo@3", 1, 0.9), ("typo@3", 3, 0.7), ("synonym@3", 3, 0.8)]
    if number % 50 == 49:
        attacks += [(SEARCHED, 3, 0.4), (CRAFTED, 3, 0.6)]
    for place, (recipe, severity, factor) in enumerate(attacks):
        ranks.append((rank / factor).astype(int))
        digest = f"{severity}{place}".ljust(64, "0")
        cells.append(
            {
                "recipe": recipe,
                "severity": severity,
                "seed": 0,
                "queries_sha256": digest,
                "changed": str(int(severity > 0)) * 2 * QUESTIONS,
            }
        )
    table = {
        "schema_version": 2,
        "irbench": EVIL[:90],
        "date": "2026-11-26",
        "model": {
            "name": f"owner/model-{number}",
            "encoder": EVIL,
            "revision": EVIL[:90],
            "fingerprint": f"{number}{EVIL[:80]}",
            "similarity": "cosine",
            "dimensions": 8,
            "query_prompt": EVIL,
            "passage_prompt": EVIL,
            "parameters": None if number % 3 == 0 else number * 10_000_000,
            "licence": EVIL[:90],
            "languages": ["en", "sw"],
            "link": "https://example.org/",
            "paper": "",
            "code": "",
            "contact": "=HYPERLINK(1)" + EVIL[:80],
        },
        "training": {"saw_task": ("yes", "no", "unknown")[number % 3], "datasets": [EVIL[:90]]},
        "task": {
            "identity": "small@1",
            "sha256": "b" * 64,
            "pool": {"en": 500, "sw": 500},
            "queries": {"en": QUESTIONS, "sw": QUESTIONS},
            "question": [*range(QUESTIONS), *range(QUESTIONS)],
        },
        "environment": {EVIL[:90]: EVIL[:90]},
        "scores": [{**SCORE, "recipe": "clean", "severity": 0}],
        "cells": cells,
        **_ranked(np.stack(ranks), 10 + number % 5),
    }
    draft = entry_from_json(json.dumps(table).encode(), "made")
    made = draft.model_copy(update={"scores": scores_of(sheet_of(draft))})
    return marked(made, FOUND, EVIL[:90], "2026-11-26") if number % 10 == 0 else made


def beside(made: Entry) -> Entry:
    """Return an entry with robust scores under a suite, whose attacks are its three recipes, and injected passages."""
    assert isinstance(made, RanksEntry)
    cells, settings = [1, 2, 3], list(made.scores[0].average_precision)
    suite = SuiteRecord(suite="small@1", cells=cells, adaptive=False, scores=robust_records(made, cells, settings))
    number = int(made.model.name.split("-")[-1])
    found = [poisoned("copy", number), poisoned("greedy", number)]
    return made.model_copy(update={"suites": [suite], "poison": [derived(made, one) for one in found]})


def poisoned(craft: str, number: int, languages: tuple[str, ...] = ("en", "sw")) -> PoisonRecord:
    """Return passages that queries find here and there; the shares of the record do not follow yet."""
    place = np.random.default_rng(number + len(craft)).integers(0, 11, (len(languages), len(languages) * QUESTIONS))
    return PoisonRecord(
        craft=craft,
        budget=1,
        encodings=50 if craft == "greedy" else 0,
        crafted_on=EVIL if craft == "greedy" else "",
        sources=list(languages),
        place=packed(place),
        asr_at_1=0.0,
        asr_at_10=0.0,
        questions=QUESTIONS,
    )


def derived(made: RanksEntry, poison: PoisonRecord) -> PoisonRecord:
    """Return a record whose shares follow from its places."""
    found = poison_derived(made, poison)
    return poison.model_copy(update={name: found[name] for name in ("asr_at_1", "asr_at_10")})


FOUND = Verification(2 * QUESTIONS, 7, (Difference("typo@3", 0.0, 0.0, 1.0, 1.0, 0.0, 0.0),))


def _ranked(own: np.ndarray, apart: int) -> dict[str, object]:
    """Return the judgements and ranks of queries with a passage in each language.

    `own` is the rank in the own language, and the Swahili passage stands about `apart` further down.
    """
    rows = np.arange(2 * QUESTIONS)
    other = own + 1
    english = np.where(rows < QUESTIONS, own, other)
    swahili = np.where(rows < QUESTIONS, other, own)
    in_language = np.stack([english, swahili], axis=2).reshape(len(own), -1)
    in_pool = np.stack([2 * english, 2 * swahili + apart], axis=2).reshape(len(own), -1)
    judged = {
        "count": 4 * QUESTIONS,
        "query": packed(np.repeat(rows, 2)),
        "passage_language": packed(np.tile([0, 1], 2 * QUESTIONS)),
        "grade": packed(np.ones(4 * QUESTIONS, dtype=int)),
    }
    return {"judged": judged, "ranks": {"in_pool": packed(in_pool), "in_language": packed(in_language)}}


REPORTED = PublishedRow(
    task="small",
    languages=["en", "sw"],
    model=EVIL[:90],
    average_precision={"multilingual": 0.987},
    rank_distance=12.5,
    source="https://example.org/paper",
    table=EVIL,
    note=EVIL,
)
