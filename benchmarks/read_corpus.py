"""How fast a corpus is read and what a passage costs in memory: a synthetic one in MIRACL's layout, a million passages.

python benchmarks/read_corpus.py [--passages 1000000]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from robustbench_ir.tasks.formats.corpus import corpus_lines, judged_and_sampled, numbered_lines, passages

LETTERS = {"sw": "abcdefghijklmnopqrstuvwxyz", "ar": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"}
WORDS_A_PASSAGE = 60
DISTINCT_TEXTS = 5000


def write_corpus(path: Path, count: int, letters: str) -> int:
    """Write `count` passages of made-up words, about 400 characters each; return the bytes before packing."""
    generator = random.Random(0)
    words = ["".join(generator.choices(letters, k=generator.randint(2, 9))) for _ in range(20_000)]
    texts = [" ".join(generator.choices(words, k=WORDS_A_PASSAGE)) for _ in range(DISTINCT_TEXTS)]
    size = 0
    with gzip.open(path, "wb", compresslevel=6) as stream:
        for number in range(count):
            row = {
                "docid": f"{number // 7}#{number % 7}",
                "title": words[number % 20_000],
                "text": texts[number % DISTINCT_TEXTS],
            }
            line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
            size += len(line)
            stream.write(line)
    return size


def resident() -> int:
    """Return the bytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def main() -> None:
    """Print one table for each script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=1_000_000)
    count = parser.parse_args().passages
    with tempfile.TemporaryDirectory() as folder:
        for language, letters in LETTERS.items():
            path = Path(folder) / f"{language}.jsonl.gz"
            size = write_corpus(path, count, letters)
            packed = path.stat().st_size / 1e6
            print(f"{language}: {count:,} passages, {size / count:.0f} bytes a line, {packed:.0f} MB packed")
            judged = {f"{number}#0" for number in range(0, count // 7, 50)}
            timed("unpacked into lines", count, numbered_lines(path))
            timed("parsed", count, corpus_lines([path]))
            timed("judged and 5,000 others", count, judged_and_sampled([path], language, judged, 5000))
            timed("all kept", count, passages([path], language), keep=True)


def timed(what: str, count: int, items: Iterator[object], keep: bool = False) -> None:
    """Exhaust an iterator and print the rate and what stays in memory."""
    before = resident()
    start = time.perf_counter()
    kept: list[object] = []
    if keep:
        kept.extend(items)
    else:
        for _ in items:
            pass
    seconds = time.perf_counter() - start
    grown = resident() - before
    a_passage = f", {grown / len(kept):,.0f} bytes each" if kept else ""
    print(f"  {what:26} {count / seconds:10,.0f} passages/s   {grown / 1e6:8,.0f} MB more{a_passage}")


if __name__ == "__main__":
    main()
