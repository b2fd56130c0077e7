"""The command line in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from robustbench_ir.cli import main; main()", "attack", "--languages", "en,hi,zh"]


def irbench(cache: Path, out: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--out", str(out), *more],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ROBUSTBENCH_IR_CACHE": str(cache), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def without_timings(path: Path) -> str:
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["timings_seconds"]
    return json.dumps(record)
