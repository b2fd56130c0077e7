"""A report of a task whose texts are hostile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from robustbench_ir import attack, load_task
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
