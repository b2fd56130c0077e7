"""Time the ranking of a multi-vector model against the bare matrix product of its tokens, in one run.

    python benchmarks/max_sim.py [--queries 220] [--passages 2002] [--dimensions 128]

Random rows of length 1: 32 tokens a query, 40 to 180 a passage, in the order in which texts are encoded (the longest
first); 11 languages, 11 relevant passages a query. Prints the median of three.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from robustbench_ir.encoders import TokenEmbeddings
from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Passage, Qrels, Query, Task

LANGUAGES = 11
QUERY_TOKENS = 32


def random_task(queries: int, passages: int) -> Task:
    """Return a task of empty texts: ranking looks at embeddings only."""
    random = np.random.default_rng(0)
    each = passages // LANGUAGES
    pool = tuple(Passage(f"{one}:{n}", f"l{one:02}", "") for one in range(LANGUAGES) for n in range(each))
    asked = tuple(Query(f"q{n}", f"l{n * LANGUAGES // queries:02}", "", f"q{n}") for n in range(queries))
    gold = random.integers(0, each, (queries, 1)) + np.arange(LANGUAGES) * each
    rows = np.repeat(np.arange(queries, dtype=np.int32), LANGUAGES)
    return Task("random", 1, asked, pool, Qrels(rows, gold.ravel().astype(np.int32), np.ones(len(rows), np.int32)))


def unit_rows(random: np.random.Generator, counts: np.ndarray, dimensions: int) -> TokenEmbeddings:
    """Return rows of length 1."""
    rows = random.normal(size=(int(counts.sum()), dimensions)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return TokenEmbeddings.in_order(rows, counts)


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median of three runs."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=220)
    parser.add_argument("--passages", type=int, default=2002)
    parser.add_argument("--dimensions", type=int, default=128)
    arguments = parser.parse_args()
    task, random = random_task(arguments.queries, arguments.passages), np.random.default_rng(1)
    counts = np.sort(random.integers(40, 181, len(task.passages)))[::-1]
    pool = unit_rows(random, counts, arguments.dimensions)[random.permutation(len(counts))]
    queries = unit_rows(random, np.full(len(task.queries), QUERY_TOKENS), arguments.dimensions)

    def product() -> None:
        for start in range(0, len(queries.rows), 512):
            for begin in range(0, len(pool.rows), 1 << 13):
                queries.rows[start : start + 512] @ pool.rows[begin : begin + (1 << 13)].T

    bare = median_seconds(product)
    print(f"{len(task.queries)} queries x {len(counts)} passages, {len(pool.rows):,} tokens of {arguments.dimensions}")
    print(f"matrix product    {bare:8.2f} s   1.0")
    for name, work in (
        ("ranks", lambda: rank_relevant(task, pool, queries, range(len(task.queries)))),
        ("ranks, 16 MiB", lambda: rank_relevant(task, pool, queries, range(len(task.queries)), memory=1 << 24)),
        ("ten queries", lambda: rank_relevant(task, pool, queries[:10], range(10))),
        ("top 100", lambda: best_passages(pool, queries, 100)),
    ):
        seconds = median_seconds(work)
        share = 10 / len(task.queries) if name == "ten queries" else 1.0
        print(f"{name:17} {seconds:8.2f} s   {seconds / (bare * share):.1f}")


if __name__ == "__main__":
    main()
