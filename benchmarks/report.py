"""Time and size of `irbench report` on 10 results x 10 recipes x 5 severities.

    python benchmarks/report.py

The ranks are made up; task, recipes and perturbed queries are real (mini: 720 queries in 12 languages), so that the
texts of the worst queries are made again and checked as they are for real results.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.metrics.settings import Judgements, judgements_of
from robustbench_ir.perturb import digest, load_recipe
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity
from robustbench_ir.results.file import save_result
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import Ranks
from robustbench_ir.tasks import load_task

RESULTS = 10
RECIPES = (
    "casing-spacing", "code-switching", "diacritics", "homoglyph", "invisible", "repeat", "synonym", "transliteration",
    "typo", "word-order",
)  # fmt: skip
SEVERITIES = (1, 2, 3, 4, 5)


def cells_without_ranks(layout: Judgements) -> list[Cell]:
    """Return the cells of all recipes and severities, with real digests, all ranks 1."""
    task = load_task("mini")
    ones = np.ones(len(layout.query), dtype=np.int32)
    cells = []
    for name in RECIPES:
        recipe = load_recipe(name).for_task(task)
        missed = {one: recipe.reason_not_covered(one) for one in task.query_languages if not recipe.covers(one)}
        for severity in SEVERITIES:
            made = recipe.perturb(task.queries, severity, 0)
            changed = np.array([one.changed for one in made])
            touched, rate = (np.array([getattr(one, name) for one in made]) for name in ("touched", "edit_rate"))
            cells.append(
                Cell(
                    AttackIdentity((recipe.identity,)),
                    severity,
                    0,
                    digest(made),
                    changed,
                    touched,
                    rate,
                    missed,
                    Ranks(ones, ones),
                )
            )
    return cells


def made_up(layout: Judgements, severity: int, random: np.random.Generator) -> Ranks:
    """Draw ranks that sink with the severity."""
    sizes = np.array(list(layout.pool.values()))[layout.passage_language]
    own = np.minimum(random.geometric(1 / (1.5 + severity), len(sizes)), sizes)
    in_pool = (own - 1) * len(layout.pool) + 1 + layout.passage_language
    return Ranks(in_pool.astype(np.int32), own.astype(np.int32))


def main() -> None:
    task = load_task("mini")
    layout = judgements_of(task)
    none = np.zeros(len(layout.query_ids))
    clean = Cell(CLEAN, 0, 0, "0" * 64, none > 0, none, none, {}, made_up(layout, 0, np.random.default_rng(0)))
    cells = cells_without_ranks(layout)
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in range(RESULTS):
            random = np.random.default_rng(number)
            encoder = EncoderDescription(f"owner/a-multilingual-encoder-{number}", f"made-up-{number}", "cosine", 384)
            attacked = tuple(replace(one, ranks=made_up(layout, one.severity, random)) for one in cells)
            result = Result("0.1.0", task.identity, task.digest, encoder, layout, clean, attacked)
            paths.append(str(save_result(result, Path(folder) / f"{number}.json")))
        page = Path(folder) / "report.html"
        program = "from robustbench_ir.cli import main; main()"
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program, "report", *paths, "--out", str(page)], check=True)
        seconds = time.perf_counter() - start
        megabytes = sum(Path(path).stat().st_size for path in paths) / 1e6
        print(f"{RESULTS} results ({megabytes:.0f} MB) x {len(RECIPES)} recipes x {len(SEVERITIES)} severities")
        print(f"{seconds:.1f} s, {page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
