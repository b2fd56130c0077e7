"""A report of a task whose texts are hostile."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robustbench_ir import Result, attack, load_task, save_result
from robustbench_ir.reports import worst as examples_module
from robustbench_ir.reports.content import prepare_sheets
from robustbench_ir.reports.page import report_page
from robustbench_ir.reports.worst import find_examples

EVIL = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"


def hostile_report(folder: Path) -> Path:
    """Write a report of a task whose texts, names and numbers want to be markup; return its path."""
    mini = load_task("mini", ["en", "ar", "hi", "zh"])
    queries = [replace(one, query_id=EVIL + one.query_id, text=f"{one.text} {EVIL}") for one in mini.queries]
    passages = [replace(one, text=f"{EVIL} {one.text} {'x' * 300}") for one in mini.passages]
    notes = (f"left out: {EVIL}", "x" * 300)
    task = replace(mini, name="hostile", queries=tuple(queries), passages=tuple(passages), lexicons={}, notes=notes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(folder))
        patch.setattr(examples_module, "task_of_result", lambda *_: task)
        result = attack("char-ngram", task, ["typo", "word-order", "repeat", "spacing", "slip"], severities=[1, 3])
        prepared = prepare_sheets([("a.json", result), ("b.json", result)], resamples=200)
        text = report_page(prepared, find_examples(prepared, 5))
    assert EVIL not in text
    assert "The relevant passage that fell furthest" in text, "there must be queries to show"
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


RIGHT_TO_LEFT = "\u202eمرحبا"
LONG = "x" * 180


def made(name: str = "made", after: int = 2) -> Result:
    """Return the result of 100 questions that all fall from rank 1 to another one."""
    from tests.support.results import result_of_ranks

    ranks = [np.full((100, 1), one, dtype=np.int32) for one in (1, after)]
    return result_of_ranks(ranks[0], {("typo@5", 3): ranks[1]}, name=name)


def hostile_results(folder: Path) -> Path:
    """Write results, and files that are none, whose names want to be markup, are very long, or run from the right."""
    deep = folder / "deep" / f"{RIGHT_TO_LEFT} <b>"
    deep.mkdir(parents=True)
    save_result(made("first"), folder / "first.json")
    save_result(made(EVIL, after=1), deep / f"{LONG}.json")
    save_result(made(RIGHT_TO_LEFT * 40), deep / "<img src=x onerror=alert(1)>.json")
    (folder / "none.json").write_text('{"<script>": 1}', encoding="utf-8")
    (deep / "<script>.json").write_text("no JSON", encoding="utf-8")
    (folder / "notes.txt").write_text("not looked at", encoding="utf-8")
    (folder / "linked.json").symlink_to(folder / "first.json")
    os.mkfifo(folder / "pipe.json")
    return folder
