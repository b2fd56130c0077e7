"""How much of a training step the batch samplers take: `python benchmarks/samplers.py` (needs Tatoeba).

The step is that of static-multilingual, the cheapest base there is, on a CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from robustbench_ir.training.bases import STATIC, load_base
from robustbench_ir.training.batches import PairCollator
from robustbench_ir.training.losses import RetrievalLoss
from robustbench_ir.training.samplers import HybridBatchSampler
from robustbench_ir.training.sources import load_table

LANGUAGES = ("en", "ar", "de", "el", "es", "hi", "ru", "sw", "th", "tr", "vi", "zh")
PAIRS = 100
STEPS = 40


def milliseconds(work: Callable[[int], object]) -> float:
    """Return the median of one call."""
    times = []
    for number in range(STEPS):
        start = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - start)
    return 1000 * median(times)


def main() -> None:
    table = load_table("tatoeba", LANGUAGES)
    dataset = table.dataset()
    samplers = {
        name: HybridBatchSampler(dataset, PAIRS, alpha=alpha)
        for name, alpha in (("mono", 1.0), ("cross", 0.0), ("hybrid", 0.5))
    }
    model = load_base(STATIC, table, seed=0, vocabulary=16000, dimensions=256, device="cpu")
    loss, collator = RetrievalLoss(model), PairCollator(model.preprocess)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)

    def step(number: int) -> None:
        batch = collator(dataset.__getitems__(samplers["hybrid"].batch(number)))
        parts = [
            {key.removeprefix(f"{part}_"): value for key, value in batch.items() if key.startswith(f"{part}_")}
            for part in ("query", "passage")
        ]
        loss(parts, batch["label"]).backward()
        optimiser.step()
        optimiser.zero_grad()

    whole = milliseconds(step)
    print(f"step of {STATIC}, {PAIRS} pairs, {len(table.rows)} rows: {whole:.1f} ms")
    for name, sampler in samplers.items():
        share = milliseconds(sampler.batch)
        print(f"{name}: {share:.2f} ms a batch, {share / whole:.2%} of a step")


if __name__ == "__main__":
    main()
