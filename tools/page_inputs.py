"""Tell what the generated pages were made from, so that a page which could have changed is known without making it.

    python tools/page_inputs.py --write    after `./check --docs`, which calls it

`tools/generated-pages.json` has two hashes for each page that takes long: that of the page, and one of the tool, of
the code, the tables and the entries that it is made from, of the list of real data, and of the libraries that decide a
result.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "tools" / "generated-pages.json"


@dataclass(frozen=True)
class Source:
    """What a page is made from.

    Attributes
    ----------
    tool : str
        File in `tools/`.
    rooms : tuple of str
        Rooms of the package whose code decides what it says.
    folders : tuple of str
        Folders of the repository that it reads.
    """

    tool: str
    rooms: tuple[str, ...]
    folders: tuple[str, ...]


_TEXTS, _TABLES = ("_base", "perturb", "resources", "tasks"), ("attacks", "tasks")
PAGES = {
    "coverage.md": Source("coverage_tables.py", _TEXTS, _TABLES),
    "findings.md": Source("findings.py", (*_TEXTS, "leaderboard", "metrics"), (*_TABLES, "leaderboard/submissions")),
    "lexicons.md": Source("lexicon_coverage.py", _TEXTS, _TABLES),
    "tasks.md": Source("task_pages.py", ("_base", "resources", "tasks"), ("tasks",)),
}

_LIBRARIES = ("langcodes", "numpy", "pyicu-wheels", "regex", "simplemma")


def inputs_of(page: str) -> str:
    """Return the SHA-256 of everything that a page depends on."""
    found, source = sha256(), PAGES[page]
    files = [ROOT / "tools" / source.tool, Path(os.environ["ROBUSTBENCH_IR_DATA"]) / "MANIFEST.tsv"]
    for room in source.rooms:
        files += sorted((ROOT / "robustbench_ir" / room).rglob("*.py"))
    for folder in source.folders:
        files += sorted(path for path in (ROOT / folder).rglob("*") if path.is_file())
    for path in files:
        found.update(f"{path.name}\n".encode() + path.read_bytes() + b"\0")
    for name in _LIBRARIES:
        found.update(f"{name} {version(name)}\n".encode())
    found.update(f"python {sys.version_info[:2]}".encode())
    return found.hexdigest()


def hashes_of(page: str) -> dict[str, str]:
    """Return the hash of a page and that of its inputs."""
    content = (ROOT / "docs" / page).read_bytes()
    return {"page": sha256(content).hexdigest(), "inputs": inputs_of(page)}


def main() -> None:
    """Write the record, or print what it would be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write tools/generated-pages.json")
    text = json.dumps({page: hashes_of(page) for page in PAGES}, indent=1) + "\n"
    if parser.parse_args().write:
        RECORD.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
