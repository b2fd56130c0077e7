"""Pages: generated ones are what their tools write now; all are in the index, and their links lead somewhere."""

from __future__ import annotations

import json
import os
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from robustbench_ir.resources.plugins import PluginKind

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


def tables(text: str) -> list[list[str]]:
    """Return the tables of a page, each as its lines."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [table.splitlines() for table in re.findall(r"(?:^\|.*\n)+", prose, flags=re.MULTILINE)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_rows_of_a_table_have_as_many_cells_as_its_head(page: Path) -> None:
    """Renderers drop the cells that the head has no column for."""
    for table in tables(page.read_text(encoding="utf-8")):
        cells = [len(re.split(r"(?<!\\)\|", line.strip().strip("|"))) for line in table]
        assert set(cells) == {cells[0]}, table[:2]


def test_every_environment_variable_is_documented() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "robustbench_ir").rglob("*.py"))
    page = (DOCS / "environment-variables.md").read_text(encoding="utf-8")
    read = set(re.findall(r"ROBUSTBENCH_IR_[A-Z_]*[A-Z]", code))
    assert read == set(re.findall(r"ROBUSTBENCH_IR_[A-Z_]*[A-Z]", page))
    assert {name for name in ("OPENAI_API_KEY", "HF_ENDPOINT", "OMP_NUM_THREADS") if f'"{name}"' in code} <= set(
        re.findall(r"[A-Z]+(?:_[A-Z]+)+", page)
    )


def test_the_examples_of_ones_own_run(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them in one namespace, as a reader would type them; what is printed is what the comment says."""
    page = (DOCS / "write-your-own.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "write-your-own.md", "exec"), names)  # noqa: S102
        said = re.findall(r"^print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
        assert [line for line in said if line not in capsys.readouterr().out] == []
    assert len(blocks) > 5


def test_the_groups_of_entry_points_are_documented() -> None:
    page = (DOCS / "write-your-own.md").read_text(encoding="utf-8")
    assert {f"| `robustbench_ir.{kind}` |" for kind in get_args(PluginKind)} <= set(
        re.findall(r"^\| `\S+` \|", page, re.M)
    )


def test_the_walks_lead_through_code_that_is_there() -> None:
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rooms = "|".join(path.name for path in (ROOT / "robustbench_ir").iterdir() if path.is_dir())
    named = re.findall(rf"`((?:{rooms})(?:\.[A-Za-z_]+)+)`", page)
    assert len(named) > 25
    for name in named:
        pkgutil.resolve_name(f"robustbench_ir.{name}")
    files = re.findall(r"`((?:attacks|tasks|studies|leaderboard|tests|robustbench_ir|docs)/[\w./-]*)`", page)
    assert [path for path in files if not (ROOT / path).exists()] == []


def test_the_picture_of_the_layers_is_that_of_the_code() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "layers.py"))
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert tool["page_with"](page, tool["section"]()) == page, "stale: python tools/layers.py --write"


def is_as_recorded(page: str) -> bool:
    """Return whether neither a page nor anything that it depends on has changed since it was made."""
    hashes = runpy.run_path(str(ROOT / "tools" / "page_inputs.py"))
    recorded = json.loads(hashes["RECORD"].read_text(encoding="utf-8"))
    return page in recorded and bool(recorded[page] == hashes["hashes_of"](page))


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
    if is_as_recorded(page):
        return
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    written = (DOCS / page).read_text(encoding="utf-8")
    assert done.stdout == written, f"docs/{page} is stale; write it again with ./check --docs"


@pytest.mark.slow
def test_the_tables_of_the_findings_are_those_of_the_entries(shared_data: Path, tmp_path: Path) -> None:
    if is_as_recorded("findings.md"):
        return
    page = tmp_path / "findings.md"
    shutil.copy(DOCS / "findings.md", page)
    subprocess.run(
        [sys.executable, str(ROOT / "tools" / "findings.py"), "--page", str(page)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    written = (DOCS / "findings.md").read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8") == written, "docs/findings.md is stale; write it again with ./check --docs"


def test_the_tables_about_injected_passages_are_those_of_the_numbers() -> None:
    page, numbers = ((DOCS / name).read_text(encoding="utf-8") for name in ("poison.md", "poison-numbers.md"))
    tool = runpy.run_path(str(ROOT / "benchmarks" / "poison_page.py"))
    assert tool["with_tables"](page, numbers) == page
    assert "| ASR@10 | ar | de |" in page
    assert tool["with_tables"](page, numbers.replace("| ar | 100", "| ar | 99")) != page


def test_the_board_has_eight_encoders_on_four_tasks() -> None:
    board = json.loads((ROOT / "leaderboard" / "leaderboard.json").read_text(encoding="utf-8"))
    assert len(board["across"]["tasks"]) == 4
    assert len(board["across"]["rows"]) >= 8
    assert all(row["gap"] is not None for row in board["across"]["rows"])
    assert all(row["digests"] == "checked" for one in board["boards"] for row in one["rows"])


def test_the_readme_says_of_hybrid_batches_what_the_verdicts_say() -> None:
    sentence = runpy.run_path(str(ROOT / "tools" / "study_sentence.py"))["sentence"]
    record = json.loads((ROOT / "docs" / "hybrid-batch-claims.json").read_text(encoding="utf-8"))
    assert sentence(record) in (ROOT / "README.md").read_text(encoding="utf-8"), "stale: tools/study_sentence.py"
    assert record["plan"]["sha256"] in (ROOT / "docs" / "hybrid-batch.md").read_text(encoding="utf-8")
    first = record["claims"][0]
    for verdict, words in (
        ("supported", "more robust than"),
        ("refuted", "less robust than"),
        ("unresolved", "not shown"),
    ):
        assert words in sentence({**record, "claims": [{**first, "verdict": verdict}]})
