"""Draw the layers of the package, from the import contract and the code itself, into docs/architecture.md.

python tools/layers.py            print the section
python tools/layers.py --write    put it between the two marks of the page
"""

from __future__ import annotations

import argparse
import ast
import configparser
import re
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = "robustbench_ir"
GROUND = {"_base", "_version", "errors"}
"""What nearly every room imports; left out of the table."""
_BETWEEN = re.compile(r"(<!-- layers -->\n).*(<!-- end of layers -->)", re.DOTALL)


def layers() -> list[list[str]]:
    """Return the rooms of each layer of the import contract, from the top."""
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter", encoding="utf-8")
    lines = contract["importlinter:contract:one-way"]["layers"].split("\n")
    return [[room.strip() for room in line.split("|")] for line in lines if line.strip()]


def section() -> str:
    """Return the picture of the layers, and a table of the rooms."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    picture = [
        "Each line may import only the lines below it; rooms of one line do not import each other.",
        "",
        "```text",
        *("   ".join(f"{room:<12}" for room in rooms).rstrip() for rooms in layers()),
        "```",
        "",
        "| room | what it is for | modules | imports |",
        "|---|---|--:|---|",
    ]
    rooms = [room for line in layers() for room in line]
    return "\n".join([*picture, *(row(room, rooms, graph) for room in rooms)]) + "\n"


def row(room: str, rooms: list[str], graph: grimp.ImportGraph) -> str:
    """Return the row of a room."""
    name = f"{PACKAGE}.{room}"
    modules = {name, *graph.find_descendants(name)}
    imported = {target for module in modules for target in graph.find_modules_directly_imported_by(module)}
    below = [other for other in rooms if other != room and any(_is_in(target, other) for target in imported)]
    below = [f"`{other}`" for other in below if other not in GROUND]
    path = ROOT / PACKAGE / room
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    about = (ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or "").split("\n")[0]
    count = sum(1 for module in modules if module != name) or 1
    return f"| `{room}` | {about} | {count} | {', '.join(below)} |"


def _is_in(module: str, room: str) -> bool:
    return module == f"{PACKAGE}.{room}" or module.startswith(f"{PACKAGE}.{room}.")


def page_with(text: str, new: str) -> str:
    """Return the page with another section of layers."""
    return _BETWEEN.sub(lambda marks: f"{marks[1]}{new}{marks[2]}", text)


def main() -> None:
    """Print the section, or write it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/architecture.md")
    if parser.parse_args().write:
        PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), section()), encoding="utf-8")
    else:
        print(section())


if __name__ == "__main__":
    main()
