"""Time `rb.poison` against encoding its passages, and against a plain loop that ranks each poisoned pool as a whole.

    python benchmarks/poison.py [--model char-ngram] [--task mini] [--questions 60] [--without-loop]

The honest pool is encoded before anything is timed. The loop keeps its embeddings too: for each question and source
language it encodes the injected passage, appends it to the pool, and ranks the question's queries, as scripts do that
attack one question after the other. Both give the same ranks, which is checked.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace

import numpy as np

import robustbench_ir as rb
from robustbench_ir._base.cache import using_cache
from robustbench_ir.adversary.injection import Injection, inject
from robustbench_ir.encoders.encoder import stack
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import draw_questions


def plain_loop(runner: Runner, queries: np.ndarray, injection: Injection) -> dict[str, np.ndarray]:
    """Return the ranks of the judged passages under each attack, one poisoned pool after the other."""
    task, honest, hashes = runner.task, runner.pool, runner.ties
    added = TieOrder.of(replace(task, passages=injection.passages))
    question = np.unique([query.parallel_id for query in task.queries], return_inverse=True)[1]
    found = {source: np.zeros(len(task.qrels.query), dtype=np.int32) for source in injection.aimed}
    for source, aimed in injection.aimed.items():
        for number in range(question.max() + 1):
            rows = np.flatnonzero(question == number)
            own = aimed[rows[0]]
            passages = [injection.passages[row] for row in own]
            pool = stack([honest, runner.encoder.encode_passages([one.text for one in passages])])
            ties = replace(hashes, passage=np.concatenate([hashes.passage, added.passage[own]])).for_queries(rows)
            poisoned = replace(task, passages=(*task.passages, *(replace(one, language="?") for one in passages)))
            ranks = rank_relevant(poisoned, pool, queries[rows], rows.tolist(), ties=ties)
            best_passages(pool, queries[rows], 10, ties=ties)
            found[source][np.isin(task.qrels.query, rows)] = ranks.in_pool
    return found


def timed(model: str, task: Task, *, loop: bool) -> None:
    """Print seconds and ratios; the plain loop is timed if `loop`."""
    encoder = rb.load_encoder(model)
    rb.attack(encoder, task, [])
    start = time.perf_counter()
    found = rb.poison(encoder, task)
    poisoned = time.perf_counter() - start

    injection = inject(task)
    start = time.perf_counter()
    encoder.encode_passages([one.text for one in injection.passages])
    encoded = time.perf_counter() - start

    questions = len({query.parallel_id for query in task.queries})
    attacked = f"{questions} questions x {len(found.sources)} passages"
    print(f"{model} on {task.identity}: {attacked}, {len(task.passages)} honest passages")
    print(f"rb.poison {poisoned:.2f} s; encoding its passages alone {encoded:.2f} s")
    if not loop:
        return
    runner = Runner(encoder, task)
    queries = runner.encode([one.text for one in task.queries])
    start = time.perf_counter()
    ranks = plain_loop(runner, queries, injection)
    looped = time.perf_counter() - start
    same = all(np.array_equal(ranks[source], found.attacked(source).in_pool) for source in found.sources)
    print(f"plain loop {looped:.2f} s, {looped / poisoned:.1f} x as long; the same ranks: {same}")


def main() -> None:
    """Read the arguments, and time in a cache of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="char-ngram")
    parser.add_argument("--task", default="mini")
    parser.add_argument("--questions", type=int)
    parser.add_argument("--without-loop", action="store_true", help="time rb.poison and encoding only")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, using_cache(folder):
        timed(given.model, draw_questions(rb.load_task(given.task), given.questions), loop=not given.without_loop)


if __name__ == "__main__":
    main()
