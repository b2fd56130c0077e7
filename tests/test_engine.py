"""Cells made by other processes: the same bytes, whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from robustbench_ir import EncoderDescription, attack, load_task
from robustbench_ir.cli import irbench as command_line
from robustbench_ir.cli.options import read_bytes
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.plan import plan_run
from robustbench_ir.evaluation.request import CellName, Request, RunOptions
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from tests.support.command_line import ROOT, irbench, without_timings

LINUX = Path("/proc/self/task").exists()
MANY_CELLS = ("--model", "char-ngram", "--recipe", "typo", "--recipe", "synonym", "--seeds", "16")


def finished(process: subprocess.Popen[str], status: int = 0) -> str:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == status, errors
    return errors


def workers(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
    return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def wait_for_cells(process: subprocess.Popen[str], cache: Path, count: int) -> None:
    while len(list((cache / "cells").glob("*.json"))) < count:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)


def test_the_table_of_cells_is_the_product_of_what_is_asked() -> None:
    request = Request("char-ngram", recipes=("typo", "synonym", "typo"), severities=(1, 3), seeds=2)
    assert request.cells(request.load_recipes(None)) == (
        *(CellName("typo", severity, seed) for severity in (1, 3) for seed in (0, 1)),
        *(CellName("synonym", severity, seed) for severity in (1, 3) for seed in (0, 1)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", ["char-ngram", "tiny"])
def test_two_jobs_give_the_bytes_of_one(model: str, tiny_model: Path, tmp_path: Path) -> None:
    """The dense encoder has another number of threads in each process."""
    name = str(tiny_model) if model == "tiny" else model
    for jobs in ("1", "2"):
        options = ("--model", name, "--recipe", "typo", "--recipe", "synonym", "--severity", "1", "--severity", "5")
        finished(irbench(tmp_path / f"cache-{jobs}", tmp_path / f"{jobs}.json", *options, "--jobs", jobs))
    assert without_timings(tmp_path / "1.json") == without_timings(tmp_path / "2.json")
    kept = [
        {path.name: path.read_bytes() for path in (tmp_path / f"cache-{jobs}" / "cells").iterdir()} for jobs in "12"
    ]
    assert kept[0] == kept[1], "the cells are kept under the same names"


@pytest.mark.slow
@pytest.mark.skipif(not LINUX, reason="looks for the workers in /proc")
def test_a_killed_worker_is_told_in_one_line_and_the_next_run_goes_on(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    process = irbench(cache, tmp_path / "out.json", *MANY_CELLS, "--jobs", "2")
    wait_for_cells(process, cache, 4)
    others = workers(process)
    os.kill(others[0], signal.SIGKILL)
    errors = finished(process, 2)
    last = errors.strip().splitlines()[-1]
    assert last.startswith("irbench: a process was killed or ran out of memory; ")
    assert "of 32 cells are finished and kept: run the same command again" in last
    assert "Traceback" not in errors
    assert not any(Path(f"/proc/{one}").exists() for one in others), "nobody is left behind"
    finished(irbench(cache, tmp_path / "out.json", *MANY_CELLS, "--jobs", "2"))
    finished(irbench(tmp_path / "undisturbed", tmp_path / "whole.json", *MANY_CELLS))
    assert without_timings(tmp_path / "out.json") == without_timings(tmp_path / "whole.json")


@pytest.mark.slow
@pytest.mark.skipif(not LINUX, reason="looks for the workers in /proc")
@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_when_the_first_process_ends_all_end(how: signal.Signals, status: int, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    process = irbench(cache, tmp_path / "out.json", *MANY_CELLS, "--jobs", "2")
    wait_for_cells(process, cache, 3)
    others = workers(process)
    assert others
    process.send_signal(how)
    errors = finished(process, status)
    assert "Traceback" not in errors
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{one}").exists() for one in others):
        assert time.monotonic() < deadline, "a worker outlives the run"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to begin fifty times in seconds")
def test_fifty_kills_at_random_moments_end_in_the_same_result() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "kills.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "50 of " in done.stdout


@pytest.mark.slow
def test_two_runs_may_share_a_cache_at_once(tmp_path: Path, tiny_model: Path) -> None:
    options = ("--model", str(tiny_model), "--recipe", "typo", "--seeds", "3")
    both = [irbench(tmp_path / "cache", tmp_path / f"{run}.json", *options) for run in "ab"]
    for process in both:
        finished(process)
    finished(irbench(tmp_path / "cache-alone", tmp_path / "alone.json", *options))
    for run in "ab":
        assert without_timings(tmp_path / f"{run}.json") == without_timings(tmp_path / "alone.json")


class Nameless:
    description = EncoderDescription("nameless", "", "dot", 2)

    def encode_queries(self, texts: list[str]) -> np.ndarray:
        return np.ones((len(texts), 2), dtype=np.float32)

    encode_passages = encode_queries


class Bound(Nameless):
    """Holds what cannot be sent to another process."""

    description = EncoderDescription("bound", "bound@1", "dot", 2)

    def __init__(self) -> None:
        self.held = lambda: None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"jobs": 0}, "0 jobs; at least 1"),
        ({"jobs": 2, "encoder": Nameless()}, "without a fingerprint"),
        ({"jobs": 2, "encoder": Bound()}, "cannot be sent to another process"),
        ({"memory": 1000}, "memory of 1000 bytes; at least 16 MiB"),
    ],
)
def test_what_cannot_be_shared_out_is_refused(arguments: dict[str, object], message: str) -> None:
    def refused() -> None:
        run = RunOptions(**{name: arguments[name] for name in arguments if name != "encoder"})
        attack(arguments.get("encoder", "char-ngram"), recipes=["typo"], languages=["en", "sw"], run=run)

    with pytest.raises(OptionError, match=message):
        refused()


RAY = """
import sys, time, os, json
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from robustbench_ir import attack, save_result
from robustbench_ir._base.progress import Silence
from robustbench_ir.evaluation.request import RunOptions

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
lost = cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False)
assert sum(node["Alive"] for node in ray.nodes()) == 2

class Killer(Silence):
    "Takes a node away, workers and all, when some cells are finished."
    done = 0
    def stage(self, name, total=None):
        self.counting = name.endswith("cells")
    def advance(self, steps):
        self.done += steps * self.counting
        if self.counting and self.done == 3:
            cluster.remove_node(lost, allow_graceful=False)

killer = Killer()
asked = {"languages": ["en", "hi", "zh"], "recipes": ["typo", "synonym"], "seeds": 6}
result = attack("char-ngram", **asked, run=RunOptions(jobs=2, engine="ray", progress=killer))
assert killer.done == 12
deadline = time.monotonic() + 60  # Ray notices the loss a while after it
while sum(node["Alive"] for node in ray.nodes()) != 1:
    assert time.monotonic() < deadline
    time.sleep(0.1)
save_result(result, Path(sys.argv[1]))
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("ray"), reason="RAY ABSENT: pip install 'robustbench-ir[ray]' to test --engine ray")
def test_a_ray_cluster_that_loses_a_node_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two nodes of one processor on this machine; one is killed with what it was making."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ROBUSTBENCH_IR_CACHE": str(tmp_path / "cache")}
    environment |= {"RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RAY, str(tmp_path / "ray.json")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    options = ("--model", "char-ngram", "--recipe", "typo", "--recipe", "synonym")
    finished(irbench(tmp_path / "cache-2", tmp_path / "one.json", *options, "--seeds", "6"))
    assert without_timings(tmp_path / "ray.json") == without_timings(tmp_path / "one.json")


@pytest.mark.slow
@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="needs to mount a small file system")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_cache_that_is_full_or_read_only_is_told_in_one_line_and_the_run_goes_on(jobs: str, tmp_path: Path) -> None:
    """A real file system of 100 KiB, then a read-only one: the results of a cache that keeps everything."""
    cache = tmp_path / "cache"
    cache.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(cache)], check=False).returncode:
        pytest.skip("CANNOT MOUNT a file system here")
    options = ("--model", "char-ngram", "--recipe", "typo", "--recipe", "repeat", "--seeds", "4", "--jobs", jobs)

    def told(name: str) -> list[str]:
        errors = finished(irbench(cache, tmp_path / name, *options))
        assert "Traceback" not in errors
        return [line for line in errors.splitlines() if "cannot be cached" in line]

    try:
        (full,) = told("full.json")
        assert "finished work cannot be cached (No space left on device); this run continues" in full
        kept = len(list((cache / "cells").glob("*.json")))
        assert kept, "what had room is kept"
        subprocess.run(["mount", "-o", "remount,ro,size=64m", str(cache)], check=True)
        (read_only,) = told("read-only.json")
        assert "finished work cannot be cached (Read-only file system); this run continues" in read_only
        subprocess.run(["mount", "-o", "remount,rw", str(cache)], check=True)
        assert told("roomy.json") == []
        assert len(list((cache / "cells").glob("*.json"))) == 9 > kept
    finally:
        subprocess.run(["umount", "-l", str(cache)], check=True)
    finished(irbench(tmp_path / "cache-2", tmp_path / "whole.json", *options[:-2]))
    for name in ("full", "read-only", "roomy"):
        assert without_timings(tmp_path / f"{name}.json") == without_timings(tmp_path / "whole.json")


def test_a_plan_says_what_a_run_will_do_and_does_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    request = Request("char-ngram", recipes=("typo", "transliteration"), languages=("en", "hi"), severities=(1, 3))
    before = plan_run(request)
    assert not (tmp_path / "cells").exists()
    assert not (tmp_path / "embeddings").exists()
    assert [(cell.name, cell.finished) for cell in before.cells] == [
        ("clean", False),
        *((str(name), False) for name in request.cells(request.load_recipes(None))),
    ]
    assert before.cells[0].texts == len({query.text for query in load_task("mini", ["en", "hi"]).queries})
    assert before.passages == len({one.text for one in load_task("mini", ["en", "hi"]).passages})
    assert before.cells[3].texts == 60, "transliteration leaves English alone"
    assert before.seconds is not None
    result = attack("char-ngram", recipes=["typo"], languages=["en", "hi"], severities=[1])
    assert before.cells[1].texts == result.attacked[0].changed.sum()
    after = plan_run(request)
    assert [cell.finished for cell in after.cells] == [True, True, False, False, False]
    assert after.queries == before.queries - before.cells[0].texts - before.cells[1].texts


def test_a_plan_downloads_no_model_and_runs_none_on_every_query() -> None:
    plan = plan_run(Request("nobody/no-such-model", recipes=("typo", "synonym-masked"), languages=("en", "sw")))
    assert (plan.seconds, plan.memory) == (None, None)
    assert [cell.exact for cell in plan.cells] == [True, True, False]
    floored = plan_run(
        Request(
            "char-ngram", recipes=("typo",), languages=("en", "sw"), semantic_floor=SemanticFloor(0.9, "char-ngram")
        )
    )
    assert [cell.exact for cell in floored.cells] == [True, False]


def test_the_command_prints_the_plan() -> None:
    done = CliRunner().invoke(command_line, ["attack", "--model", "char-ngram", "--languages", "en,sw", "--plan"])
    assert done.exit_code == 0, done.output
    assert "char-ngram on mini@1: 6 cells, 6 to be made" in done.output
    assert "texts to encode: 300 passages and " in done.output


@pytest.mark.parametrize(
    ("written", "size"),
    [("2GiB", 2 << 30), ("512 MiB", 512 << 20), ("1.5G", 1_500_000_000), ("64m", 64_000_000), ("2TB", 2 * 10**12)],
)
def test_memory_is_written_as_people_write_it(written: str, size: int) -> None:
    context = click.Context(click.Command("x"))
    assert read_bytes(context, click.Option(["--memory"]), written) == size
    with pytest.raises(click.BadParameter, match="write it like 5GB or 512MiB"):
        read_bytes(context, click.Option(["--memory"]), "much")
