"""Measure memory and time of ranking queries against a large pool that is mapped from a file.

    python benchmarks/large_pool.py [--passages 1000000] [--queries 1000] [--dimensions 384] [--dtype float32]

Writes the pool to a temporary folder (--folder), ranks --repeats times in a process of its own, and prints the median
time and the peak of that process's own memory (Linux's RssAnon, which leaves out the pages of the mapped file) above
what it had before ranking.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY, rank_relevant
from robustbench_ir.tasks import Passage, Qrels, Query, Task

LANGUAGES = ("aa", "bb", "cc", "dd")
MEBIBYTE = 1 << 20


def own_memory() -> int:
    """Return the bytes of this process that belong to no file."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 if found else 0


def large_task(passages: int, queries: int) -> Task:
    """Return a task of empty texts, with one relevant passage in each language."""
    each = passages // len(LANGUAGES)
    pool = tuple(Passage(f"{one}{number}", one, "") for one in LANGUAGES for number in range(each))
    asked = tuple(Query(f"q{number}", "aa", "", f"q{number}") for number in range(queries))
    gold = np.random.default_rng(0).integers(0, each, (queries, 1)) + np.arange(len(LANGUAGES)) * each
    rows = np.repeat(np.arange(queries, dtype=np.int32), len(LANGUAGES))
    return Task("large", 1, asked, pool, Qrels(rows, gold.ravel().astype(np.int32), np.ones(len(rows), np.int32)))


def measure(file: Path, queries: int, memory: int, repeats: int) -> None:
    """Rank, and print the peak of the memory meanwhile."""
    pool = np.load(file, mmap_mode="r")
    task = large_task(len(pool), queries)
    asked = pool[task.qrels.passage[:: len(LANGUAGES)]].astype(np.float32)
    asked += np.random.default_rng(1).normal(size=asked.shape).astype(np.float32)
    before, peak = own_memory(), 0
    running = True

    def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, own_memory())
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        rank_relevant(task, pool, asked, range(queries), memory=memory)
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    running = False
    watcher.join()
    size = f"{queries:,} queries x {len(pool):,} passages x {pool.shape[1]} dimensions, {pool.dtype}"
    above = f"{(peak - before) / MEBIBYTE:,.0f} MiB above the mapped pool at most"
    print(f"{size}: {seconds:.1f} s, median of {repeats}; {above}")


def main() -> None:
    """Write the pool and measure in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--dtype", choices=["float32", "float16"], default="float32")
    parser.add_argument("--memory", type=int, default=DEFAULT_MEMORY)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.file:
        measure(arguments.file, arguments.queries, arguments.memory, arguments.repeats)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        file, random = Path(folder) / "pool.npy", np.random.default_rng(2)
        shape = (arguments.passages, arguments.dimensions)
        pool = np.lib.format.open_memmap(file, "w+", arguments.dtype, shape)
        for start in range(0, len(pool), 1 << 16):
            pool[start : start + (1 << 16)] = random.normal(size=pool[start : start + (1 << 16)].shape)
        pool.flush()
        del pool
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--file", str(file)], check=True)


if __name__ == "__main__":
    main()
