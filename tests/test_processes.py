"""Work for other processes: what comes back, and what becomes of those that fail or are killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from robustbench_ir._base.parallel import made_elsewhere
from robustbench_ir.errors import UnknownNameError, WorkerError


class NotToBeSentError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def open_worker(folder: Path) -> Callable[[str], object]:
    def make(name: str) -> object:
        match name:
            case "unknown":
                raise UnknownNameError("recipe", "tpyo", ["typo"])
            case "division":
                return 1 // 0
            case "not to be sent":
                raise NotToBeSentError("one", "two")
            case "a lambda":
                return lambda: None
            case "killed while it answers":
                while not (folder / "begin").exists():
                    time.sleep(0.01)
                threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGKILL)).start()
                return bytes(1 << 26)  # far more than a pipe holds: nobody reads it yet
        return name.upper()

    return make


def nobody_is_left() -> bool:
    deadline = time.monotonic() + 20
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not multiprocessing.active_children()


def test_everything_is_made_once_whatever_the_number_of_processes(tmp_path: Path) -> None:
    names = [f"name {number}" for number in range(7)]
    assert dict(made_elsewhere("local", open_worker, tmp_path, names, 2)) == {one: one.upper() for one in names}
    assert dict(made_elsewhere("local", open_worker, tmp_path, names[:1], 2)) == {"name 0": "NAME 0"}
    assert list(made_elsewhere("local", open_worker, tmp_path, [], 2)) == []
    assert nobody_is_left()


@pytest.mark.parametrize(
    ("name", "expected", "message"),
    [
        ("unknown", UnknownNameError, "unknown recipe 'tpyo': did you mean 'typo'"),
        ("division", ZeroDivisionError, "by zero"),
        ("not to be sent", WorkerError, "a process failed: NotToBeSentError: one and two"),
        ("a lambda", Exception, "pickle"),
    ],
)
def test_what_a_worker_raises_is_raised_here(
    name: str, expected: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(expected, match=message):
        list(made_elsewhere("local", open_worker, tmp_path, [name], 1))
    assert nobody_is_left()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a process")
def test_a_worker_that_is_killed_while_it_answers_is_told_and_not_waited_for(tmp_path: Path) -> None:
    made = made_elsewhere("local", open_worker, tmp_path, ["quick", "killed while it answers"], 2)
    assert next(made) == ("quick", "QUICK")
    (tmp_path / "begin").touch()
    assert len(multiprocessing.active_children()) == 2
    while len(multiprocessing.active_children()) == 2:
        time.sleep(0.02)
    with pytest.raises(WorkerError, match=r"a process was killed .* 1 of 2 cells are finished and kept"):
        next(made)
    assert nobody_is_left()
