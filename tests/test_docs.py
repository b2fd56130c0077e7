"""Generated pages are what their tools write now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("tool", "page"),
    [
        ("coverage_tables.py", "coverage.md"),
        ("keyboard_tables.py", "keyboards.md"),
        ("lexicon_coverage.py", "lexicons.md"),
        ("task_pages.py", "tasks.md"),
    ],
)
def test_the_page_is_not_stale(tool: str, page: str, shared_data: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert done.stdout == written, f"docs/{page} is stale; write it anew with ./check --docs"
