"""Time the static study: three samplers x three seeds, XQuAD-R, four recipes; the target is 60 minutes on two cores.

    python benchmarks/study.py [--out FOLDER] [--steps 1000]

Everything is made anew, with a cache of its own: trainings, perturbed queries, embeddings, ranks and the analysis.
Without --out the folder goes away at the end; with it models and results stay, and `irbench study hybrid-batch --out
FOLDER` goes on with the other tasks.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from robustbench_ir._base.files import write_whole
from robustbench_ir.studies.config import load_study
from robustbench_ir.studies.page import study_page
from robustbench_ir.studies.run import machine_class, run_study

TARGET_MINUTES = 60


def main() -> None:
    """Print a line for each step, and the wall time against the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--steps", type=int)
    arguments = parser.parse_args()
    card = load_study("hybrid-batch")
    card = card.model_copy(update={"tasks": card.tasks[:1]})
    if arguments.steps:
        card = card.model_copy(update={"training": {**card.training, "steps": arguments.steps}})
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ROBUSTBENCH_IR_CACHE"] = folder
        out = arguments.out or Path(folder) / "study"
        start = time.perf_counter()
        study = run_study(card, out, command="python benchmarks/study.py", tell=print)
        write_whole(out / "report.md", study_page(study).encode())
        minutes = (time.perf_counter() - start) / 60
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 2**30
    print(
        f"{len(study.checkpoints)} checkpoints on {card.tasks[0].label}, {len(card.recipes)} recipes: {machine_class()}"
    )
    print(f"training {study.seconds['training'] / 60:.1f} min, attacking {study.seconds['attacking'] / 60:.1f} min")
    print(f"wall time {minutes:.1f} min; target {TARGET_MINUTES} min; {size:.1f} GiB of cache and results")


if __name__ == "__main__":
    main()
