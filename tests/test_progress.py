"""Progress: the whole run with the time that is left, the stage, and a line now and then where there is no terminal."""

from __future__ import annotations

import io
import sys
import time
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

import robustbench_ir as rb
from robustbench_ir._base.shown_progress import ShownProgress, Status, _Lines, shown


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Notes:
    """A progress that follows the whole run."""

    whole_run: list[tuple[int, int, int]] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append(name if total is None else f"{name} of {total}")

    def advance(self, steps: int) -> None:
        pass

    def whole(self, texts: int, all_texts: int, encoded: int) -> None:
        self.whole_run.append((texts, all_texts, encoded))


def test_the_time_that_is_left_follows_from_texts_a_second() -> None:  # M10
    clock = Hand()
    status = Status(clock=clock)
    status.all_texts = 1_000
    assert status.seconds_left is None
    status.stage("encode passages", 400)
    clock.now += 10
    status.done, status.texts, status.encoded = 100, 100, 100
    assert status.per_second == 10
    assert status.seconds_left == 90
    assert status.of_run() == "whole run: 10% of 1,000 texts, 10 a second, about 0:01:30 left"
    assert status.of_stage() == "encode passages 100 of 400"
    # An earlier run has finished half of it: that is done, and no measure of the speed.
    status.texts = 600
    assert status.seconds_left == 40


def test_the_whole_run_is_followed_to_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))
    for _again in range(2):  # the second time, an earlier run has finished all of it
        notes = Notes()
        rb.attack("char-ngram", recipes="typo,diacritics", languages="en,sw", progress=notes)
        texts = [done for done, _, _ in notes.whole_run]
        assert texts == sorted(texts)
        # 300 passages, and 120 queries in the clean cell and in two attacked ones.
        assert notes.whole_run[-1][:2] == (660, 660)
        assert any("typo severity 3 seed 0" in stage for stage in notes.stages)


def test_every_cell_of_other_processes_is_counted() -> None:
    notes = Notes()
    rb.attack("char-ngram", recipes="typo", languages="en", seeds=3, run=rb.RunOptions(jobs=2, progress=notes))
    assert notes.whole_run[-1][:2] == (150 + 4 * 60,) * 2


def test_without_a_terminal_there_is_a_line_now_and_then_whatever_happens() -> None:
    stream, status = io.StringIO(), Status()
    lines = _Lines(status, stream, seconds=0.05)
    progress = ShownProgress(status, lines)
    progress.stage("encode passages", 400)
    progress.advance(100)
    progress.whole(100, 1_000, 100)
    deadline = time.monotonic() + 5
    while "whole run" not in stream.getvalue() and time.monotonic() < deadline:
        time.sleep(0.01)  # the line comes without any further call
    lines.close()
    first, *then = stream.getvalue().splitlines()
    assert first == "encode passages"
    assert then[0].startswith("encode passages 100 of 400; whole run: 10% of 1,000 texts")


def test_true_shows_it_and_false_does_not(capfd: pytest.CaptureFixture[str]) -> None:
    rb.attack("char-ngram", recipes="typo", languages="en")
    assert capfd.readouterr().err == ""
    rb.attack("char-ngram", recipes="typo", languages="en", progress=True)
    assert "typo severity 3 seed 0: perturb" in capfd.readouterr().err
    rb.plan("char-ngram", recipes="typo", languages="en", run=rb.RunOptions(progress=True))
    assert "load" in capfd.readouterr().err


def test_a_terminal_shows_the_run_and_the_stage() -> None:
    from rich.console import Console

    stream = io.StringIO()
    with shown(True, Console(file=stream, force_terminal=True, width=100)) as progress:
        progress.stage("typo severity 3 seed 0: encode queries", 60)
        progress.advance(30)
        assert isinstance(progress, ShownProgress)
        progress.whole(210, 270, 30)
        time.sleep(0.25)
    said = stream.getvalue()
    assert "encode queries 30 of 60" in said
    assert "78% of 270 texts" in said


def test_a_notebook_has_one_line_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class ZMQInteractiveShell:
        """As ipykernel calls it."""

    def display(content: dict[str, str], **_: object) -> SimpleNamespace:
        said.append(content["text/plain"])
        return SimpleNamespace(update=lambda changed, **_: said.append(changed["text/plain"]))

    python, shows = ModuleType("IPython"), ModuleType("IPython.display")
    vars(python)["get_ipython"] = ZMQInteractiveShell
    vars(shows)["display"] = display
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", shows)
    rb.attack("char-ngram", recipes="typo", languages="en", progress=True)
    assert said[0] == ""
    assert said[-1].startswith("whole run: 100% of 270 texts")
