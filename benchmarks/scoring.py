"""Time the ranking of XQuAD-R's size against the bare matrix product, in one run.

    python benchmarks/scoring.py [--queries 13090] [--dimensions 384]

Random embeddings with 11 languages x 1,183 passages and 11 relevant passages a query; prints the median of five.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from robustbench_ir.metrics.bias_findings import language_bias
from robustbench_ir.metrics.settings import Judgements, per_query_scores
from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.tasks import Passage, Qrels, Query, Task

LANGUAGES = [f"l{number}" for number in range(11)]
PASSAGES_PER_LANGUAGE = 1183
MEASURES = ("AP", "nDCG@10", "RR@10", "R@1", "R@10", "R@100")


def random_task(queries: int) -> Task:
    """Return a task of empty texts: ranking looks at embeddings only."""
    random = np.random.default_rng(0)
    pool = tuple(Passage(f"{one}:{n}", one, "") for one in LANGUAGES for n in range(PASSAGES_PER_LANGUAGE))
    asked = tuple(Query(f"q{n}", LANGUAGES[n * 11 // queries], "", f"q{n}") for n in range(queries))
    gold = random.integers(0, PASSAGES_PER_LANGUAGE, (queries, 1)) + np.arange(11) * PASSAGES_PER_LANGUAGE
    rows = np.repeat(np.arange(queries, dtype=np.int32), 11)
    return Task("random", 1, asked, pool, Qrels(rows, gold.ravel().astype(np.int32), np.ones(len(rows), np.int32)))


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median of five runs."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=13_090)
    parser.add_argument("--dimensions", type=int, default=384)
    arguments = parser.parse_args()
    task = random_task(arguments.queries)
    random = np.random.default_rng(1)
    passages = random.normal(size=(len(task.passages), arguments.dimensions)).astype(np.float32)
    queries = random.normal(size=(arguments.queries, arguments.dimensions)).astype(np.float32)
    # A good encoder: relevant passages lie near their query.
    queries += 1.5 * passages[task.qrels.passage[::11]]
    block = 1 << 9

    def product() -> None:
        for start in range(0, len(queries), block):
            queries[start : start + block] @ passages.T

    ranks = rank_relevant(task, passages, queries, range(len(queries)))
    layout = Judgements(
        query_ids=tuple(query.query_id for query in task.queries),
        parallel_ids=tuple(query.query_id for query in task.queries),
        languages=tuple(query.language for query in task.queries),
        pool=dict.fromkeys(LANGUAGES, PASSAGES_PER_LANGUAGE),
        query=task.qrels.query,
        passage_language=(task.qrels.passage // PASSAGES_PER_LANGUAGE).astype(np.int32),
        grade=task.qrels.grade,
    )

    def measures() -> None:
        for setting in ("monolingual", "cross-lingual", "multilingual"):
            for name in MEASURES:
                per_query_scores(layout, ranks, name, setting)
        language_bias(layout, ranks)

    bare = median_seconds(product)
    rank = median_seconds(lambda: rank_relevant(task, passages, queries, range(len(queries))))
    score = median_seconds(measures)
    print(f"{len(queries)} queries x {len(passages)} passages, {arguments.dimensions} dimensions, 11 relevant each")
    print(f"matrix product {bare:.2f} s; ranks {rank:.2f} s ({rank / bare:.2f} x); all measures {score:.2f} s")
    print(f"scoring in all: {(rank + score) / bare:.2f} x the matrix product")


if __name__ == "__main__":
    main()
