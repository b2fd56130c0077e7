"""Checkpoints that are damaged on the disk, trainings that are killed at any moment, and disks that are full."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("datasets", reason="DATASETS ABSENT: pip install -e '.[train]'")
pytest.importorskip("accelerate", reason="ACCELERATE ABSENT: pip install -e '.[train]'")

from robustbench_ir.errors import DataWarning, TrainingError
from robustbench_ir.training.checkpoints import best_of, checkpoint_folder, last_checkpoint, seal
from robustbench_ir.training.record import read_trained
from robustbench_ir.training.train import train
from tests.support.command_line import ROOT
from tests.support.disks import mounted
from tests.test_train import SMALL, TABLE, same_weights

TRAINING = SMALL.model_copy(update={"evaluate_every": 5})
STOPPED = """
import os, sys
from pathlib import Path
from robustbench_ir.training.record import Training
from robustbench_ir.training.train import train
from tests.test_train import TABLE

class Stopper:
    steps = 0
    def stage(self, name, total=None):
        self.steps = 0
    def advance(self, steps):
        self.steps += steps
        if self.steps == 18:
            os._exit(0)

train(Training.model_validate_json(sys.argv[1]), Path(sys.argv[2]), table=TABLE, device="cpu", progress=Stopper())
"""


def child(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "model"
    train(TRAINING, out, table=TABLE, device="cpu")
    return out


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stop a training after step 18 of 20, with checkpoints at 5 (gone), 10 and 15."""
    out = tmp_path_factory.mktemp("stopped") / "model"
    with child(STOPPED, TRAINING.model_dump_json(), str(out)) as process:
        assert process.wait(120) == 0, process.stderr.read().decode() if process.stderr else ""
    assert sorted(path.name for path in checkpoint_folder(out).iterdir()) == ["checkpoint-10", "checkpoint-15"]
    return out


@pytest.fixture
def stopped(stopped_once: Path, tmp_path: Path) -> Path:
    """Copy the stopped training, so that its checkpoints also lie in another place than when they were written."""
    return Path(shutil.copytree(stopped_once, tmp_path / "model"))


def flip(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "flipped": flip,
    "truncated": lambda path, chance: os.truncate(path, chance.randrange(path.stat().st_size)),
    "missing": lambda path, _: path.unlink(),
}
FILES = ["config_sentence_transformers.json", "model.safetensors", "modules.json", "optimizer.pt", "rng_state.pth"]
FILES += ["scheduler.pt", "trainer_state.json", "training_args.bin", "checksums"]


def test_a_training_goes_on_where_it_was_in_another_folder(stopped: Path, whole: Path) -> None:
    found = train(TRAINING, stopped, table=TABLE, device="cpu")
    assert found.outcome.resumed_from == 15
    assert same_weights(stopped, whole)
    assert not checkpoint_folder(stopped).exists()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_not_used(stopped: Path, name: str, damage: str) -> None:
    last = last_checkpoint(stopped, "best")
    assert last is not None
    assert last.name == "checkpoint-15"
    (path,) = last.rglob(name)
    DAMAGES[damage](path, random.Random(name))
    before = last_checkpoint(stopped, "best")
    assert before is not None
    assert before.name == "checkpoint-10"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "trainer_state.json"])
def test_a_training_goes_on_from_the_checkpoint_before_and_says_so_once(stopped: Path, whole: Path, name: str) -> None:
    (path,) = (checkpoint_folder(stopped) / "checkpoint-15").rglob(name)
    flip(path, random.Random(0))
    line = rf"damaged or not finished: checkpoint-15 \(.*{name}\); the training goes on from checkpoint-10"
    with pytest.warns(DataWarning, match=line) as said:
        found = train(TRAINING, stopped, table=TABLE, device="cpu")
    assert len(said) == 1
    assert found.outcome.resumed_from == 10
    assert same_weights(stopped, whole)


@pytest.mark.slow
def test_without_a_whole_checkpoint_a_training_begins_again(stopped: Path, whole: Path) -> None:
    for path in checkpoint_folder(stopped).rglob("model.safetensors"):
        flip(path, random.Random(1))
    with pytest.warns(DataWarning, match=r"checkpoint-15 .*, checkpoint-10 .*; the training begins again"):
        found = train(TRAINING, stopped, table=TABLE, device="cpu")
    assert found.outcome.resumed_from == 0
    assert same_weights(stopped, whole)


def test_a_checkpoint_whose_best_weights_are_damaged_is_not_used(stopped: Path) -> None:
    """The best weights are read from their own checkpoint at the end, perhaps hours later."""
    last = last_checkpoint(stopped, "best")
    assert last is not None
    state = last / "trainer_state.json"
    text = state.read_text(encoding="utf-8")
    state.write_text(text.replace('"best_global_step": 15', '"best_global_step": 10'), encoding="utf-8")
    seal(last)
    best = best_of(last)
    assert best is not None
    assert best.name == "checkpoint-10"
    assert last_checkpoint(stopped, "best") == last
    flip(next(best.rglob("model.safetensors")), random.Random(2))
    assert last_checkpoint(stopped, "best") is None
    assert last_checkpoint(stopped, "last") == last


def test_a_model_that_has_changed_since_its_training_is_said(whole: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole, tmp_path / "model"))
    train(TRAINING, out, table=TABLE, device="cpu")
    flip(next(out.rglob("model.safetensors")), random.Random(4))
    with pytest.raises(TrainingError, match=r"model\.safetensors is not as the training wrote it; restore it, or rem"):
        train(TRAINING, out, table=TABLE, device="cpu")


def test_what_a_kill_left_before_the_first_record_is_no_obstacle(tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    (out / ".training.json.0123abcd").write_bytes(b'{"training"')
    assert read_trained(out) is None
    found = train(TRAINING.model_copy(update={"steps": 1}), out, table=TABLE, device="cpu")
    assert found.outcome.steps == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real file system of 200 kB."""
    with mounted(tmp_path / "small", "200k") as disk:
        yield disk


def grown(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)


@pytest.mark.parametrize("kilobytes", [0, 40, 80, 120, 160])
def test_a_full_disk_is_one_line_and_the_training_goes_on_when_there_is_room(
    small_disk: Path, whole: Path, kilobytes: int
) -> None:
    out = small_disk / "model"
    (small_disk / "filling").write_bytes(bytes(1000 * kilobytes))
    with pytest.raises(TrainingError, match=r"cannot be written \(.*(No space left|disk is full).*\); free") as caught:
        train(TRAINING, out, table=TABLE, device="cpu")
    assert "\n" not in str(caught.value)
    grown(small_disk)
    train(TRAINING, out, table=TABLE, device="cpu")
    assert same_weights(out, whole)
