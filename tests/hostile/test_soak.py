"""A short run of the soak: four kinds of trouble, a few times. docs/reliability.md counts all kinds in a long run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.command_line import ROOT

pytest.importorskip("datasets", reason="DATASETS ABSENT: pip install -e '.[train]'")
pytest.importorskip("accelerate", reason="ACCELERATE ABSENT: pip install -e '.[train]'")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["attack", "train", "full", "board"])
def test_nothing_is_lost_and_nothing_wrong(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/soak.py", "--times", "2", "--only", kind],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    total = done.stdout.splitlines()[-1].strip("| ").split(" | ")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert int(total[1]) >= (1 if kind == "full" else 2), "a full disk takes longer than the rest, and is tried once"
    assert total[2:] == ["0", "0"]
