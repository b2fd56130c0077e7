"""Tasks drawn at random, and runs of an engine on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.random import default_rng

from robustbench_ir.tasks import Passage, Query, Task, build_task

LANGUAGES = ("aa", "bb", "cc")


def random_task(seed: int, queries: int = 40, passages: int = 30) -> Task:
    random = default_rng(seed)
    pool = [Passage(f"{one}{number}", one, "text") for one in LANGUAGES for number in range(passages)]
    asked = [Query(f"q{number}", LANGUAGES[number % 3], "text", f"q{number}") for number in range(queries)]
    chosen = {
        query.query_id: random.choice(len(pool), size=int(random.integers(1, 6)), replace=False) for query in asked
    }
    relevant = {query_id: {pool[row].passage_id: 1 for row in rows} for query_id, rows in chosen.items()}
    return build_task("random", 1, asked, pool, relevant)


def written(path: Path, run: dict[str, dict[str, float]]) -> Path:
    lines = [
        f"{query} Q0 {passage} 0 {score!r} engine" for query, found in run.items() for passage, score in found.items()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def full_run(result_task: Task, texts: list[str]) -> dict[str, dict[str, float]]:
    from robustbench_ir import load_encoder

    encoder = load_encoder("char-ngram")
    pool = encoder.encode_passages([passage.text for passage in result_task.passages])
    scores = (encoder.encode_queries(texts) @ pool.T).toarray()
    # Ranks by row of the pool where scores are equal, as the encoder's own: an engine's scores are its business.
    places = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    return {
        query.query_id: {one.passage_id: -float(place) for one, place in zip(result_task.passages, row, strict=True)}
        for query, row in zip(result_task.queries, places, strict=True)
    }
