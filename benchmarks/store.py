"""What reading kept embeddings costs, beside encoding them and beside a plain `numpy.load` of the same rows.

python benchmarks/store.py [--encode]     13,014 passages of 384 dimensions, made up; --encode times use-multilingual
                                          on a sample of the texts as well
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from robustbench_ir.encoders import Dense, EncoderDescription, load_encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.store.store import EmbeddingStore

PASSAGES, DIMENSIONS, RUNS, SAMPLE = 13_014, 384, 5, 256
WHO = EncoderDescription("benchmark", "benchmark@1", "cosine", DIMENSIONS)


def median_seconds(action: Callable[[], object]) -> float:
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((PASSAGES, DIMENSIONS), dtype=np.float32)
    # The lengths of XQuAD-R's sentences: 150 characters in the mean.
    texts = [f"{number} " + "passage " * int(generator.integers(5, 33)) for number in range(PASSAGES)]
    place = {text: row for row, text in enumerate(texts)}

    def known(chunk: Sequence[str]) -> Dense:
        return rows[[place[text] for text in chunk]]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "rows.npy", rows)
        start = time.perf_counter()
        encode_texts(known, texts, store=EmbeddingStore(folder, WHO, "passage"))
        kept = time.perf_counter() - start
        plain = median_seconds(lambda: np.load(folder / "rows.npy"))
        gather = median_seconds(lambda: encode_texts(known, texts))
        read = median_seconds(lambda: encode_texts(known, texts, store=EmbeddingStore(folder, WHO, "passage")))
    print(f"{PASSAGES} x {DIMENSIONS} float32, median of {RUNS}")
    print(f"numpy.load                         {plain * 1000:8.1f} ms   1.0")
    print(f"an encoder that takes no time      {gather * 1000:8.1f} ms   {gather / plain:.1f}")
    print(f"read from the store, checked       {read * 1000:8.1f} ms   {read / plain:.1f}")
    print(f"the same encoder, and kept         {kept * 1000:8.1f} ms   {kept / plain:.1f}")
    if "--encode" in sys.argv:
        encoder = load_encoder("use-multilingual")
        start = time.perf_counter()
        encoder.encode_passages(texts[:SAMPLE])
        encoded = (time.perf_counter() - start) / SAMPLE * PASSAGES
        print(f"encoded by use-multilingual, about {encoded * 1000:8.1f} ms   {encoded / read:.0f} times reading")


if __name__ == "__main__":
    main()
