"""Pages: generated ones are what their tools write now; all are in the index, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = [*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "leaderboard" / "README.md"]


def links(page: Path) -> set[str]:
    """Return the files that a page links to, without the places in them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)}
    return {target for target in found if target and not target.startswith(("https://", "http://"))}


def test_the_index_has_every_page() -> None:
    pages = {path.name for path in DOCS.iterdir() if path.suffix in {".md", ".html", ".json"}} - {"README.md"}
    assert pages - links(DOCS / "README.md") == set()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    assert [target for target in sorted(links(page)) if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_pages_name_no_folder_outside_the_repository(page: Path) -> None:
    assert re.findall(r"\.\./shared\S*|/home/\S*|/root/\S*|/work/\S*|/tmp/\S*", page.read_text(encoding="utf-8")) == []


def test_every_environment_variable_is_documented() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "robustbench_ir").rglob("*.py"))
    page = (DOCS / "environment-variables.md").read_text(encoding="utf-8")
    read = set(re.findall(r"ROBUSTBENCH_IR_[A-Z_]*[A-Z]", code))
    assert read == set(re.findall(r"ROBUSTBENCH_IR_[A-Z_]*[A-Z]", page))
    assert {name for name in ("OPENAI_API_KEY", "HF_ENDPOINT", "OMP_NUM_THREADS") if f'"{name}"' in code} <= set(
        re.findall(r"[A-Z]+(?:_[A-Z]+)+", page)
    )


@pytest.mark.slow
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
    written = (DOCS / page).read_text(encoding="utf-8")
    assert done.stdout == written, f"docs/{page} is stale; write it again with ./check --docs"
