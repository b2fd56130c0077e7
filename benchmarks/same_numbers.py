"""Digest every number of a few runs, so that two commits can be compared bit for bit.

Run it in a checkout of each commit, with an empty cache each time, and compare the two outputs:

    ROBUSTBENCH_IR_CACHE=$(mktemp -d) python benchmarks/same_numbers.py > before.tsv
    git switch ... ; ROBUSTBENCH_IR_CACHE=$(mktemp -d) python benchmarks/same_numbers.py > after.tsv
    diff before.tsv after.tsv

Each line is one cell (encoder, task, recipe, severity, seed; digests of the queries and of all ranks) or one table of
findings. Without ROBUSTBENCH_IR_DATA, xquad-r is downloaded.
"""

from __future__ import annotations

import argparse
from hashlib import sha256

import numpy as np

import robustbench_ir as rb

RUNS = (
    ("char-ngram", "mini", (1, 3, 5), 2),
    ("use-multilingual", "mini", (3,), 1),
    ("char-ngram", "xquad-r", (3,), 1),
    ("use-multilingual", "xquad-r", (3,), 1),
)


def main(tasks: list[str]) -> None:
    for encoder, task, severities, seeds in RUNS:
        if task not in tasks:
            continue
        result = rb.attack(encoder, task=task, severities=severities, seeds=seeds)
        for cell in (result.clean, *result.attacked):
            arrays = cell.ranks.in_pool, cell.ranks.in_language, cell.changed, cell.touched, cell.edit_rate
            digest = sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()
            show(encoder, task, cell.recipe, cell.severity, cell.seed, cell.digest, digest)
        frame = result.to_frame(resamples=500).drop(columns=["signature"], errors="ignore")
        text = frame.astype({"recipe": str}).to_csv(index=False, float_format="%.17g")
        show(encoder, task, "findings", len(frame), sha256(text.encode()).hexdigest())


def show(*columns: object) -> None:
    print("\t".join(map(str, columns)), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=["mini", "xquad-r"], help="mini, xquad-r or both (the default)")
    main(parser.parse_args().tasks)
