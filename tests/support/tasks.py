"""Tasks drawn at random, and runs of an engine on them."""

from __future__ import annotations

from pathlib import Path

from numpy.random import default_rng

from robustbench_ir.tasks import Passage, Query, Task, build_task
from tests.support.ties import rows_by_score

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
    # Ranks in the order of ties that the encoder's own ranking has, so that trec_eval's order of ties does not matter.
    orders = [rows_by_score(result_task, query, row) for query, row in enumerate(scores)]
    return {
        query.query_id: {result_task.passages[row].passage_id: -float(place) for place, row in enumerate(order)}
        for query, order in zip(result_task.queries, orders, strict=True)
    }
