"""The contract of the task cards: terms, languages, and whatever holds of every task whose data is at hand."""

from __future__ import annotations

import runpy
from collections import defaultdict
from pathlib import Path

import pytest
from langcodes import tag_is_valid

from robustbench_ir.errors import DataUnavailableError
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Task, load_task, task_card, task_names
from robustbench_ir.testing import check_task

ROOT = Path(__file__).parents[1]
PARALLEL = {"belebele", "mini", "mlqa-r", "ntrex", "ntrex-12", "xquad-r"}

_LOADED = 20


@pytest.mark.parametrize("name", task_names())
def test_contract(name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = task_card(name)
    assert card.title
    assert card.description.endswith(".")
    assert card.licence
    assert "http" in card.citation or card.synthetic
    assert card.homepage.startswith("https://")
    assert card.notes, "what a user of the scores must know"
    assert all(note.endswith(".") for note in card.notes)
    assert not card.synthetic or "Synthetic" in card.notes[0]
    assert card.parallel == (name in PARALLEL)
    assert len(card.languages) > 1
    for language in card.languages:
        assert language in languages() or tag_is_valid(language), "a language tag, at least"

    monkeypatch.setenv("ROBUSTBENCH_IR_OFFLINE", "1")
    chosen = sorted(card.languages)[: _LOADED if card.parallel else None]  # all 66 of ntrex take minutes
    task = at_hand(name, chosen)
    if task:
        keeps_the_contract(task, set(chosen), parallel=card.parallel)
    else:
        with pytest.raises(DataUnavailableError, match=r"^\S+ is not on this machine .*ROBUSTBENCH_IR_DATA.*$"):
            load_task(name, ["all"])


def at_hand(name: str, languages: list[str]) -> Task | None:
    try:
        return load_task(name, languages)
    except DataUnavailableError:
        return None


def keeps_the_contract(task: Task, languages_of_card: set[str], *, parallel: bool) -> None:
    assert {*task.query_languages, *task.passage_languages} == languages_of_card
    check_task(task)
    if parallel:
        asked = defaultdict(set)
        for query in task.queries:
            asked[query.parallel_id].add(query.language)
        assert all(len(found) > 1 for found in asked.values()), "every question in several languages"
        per_language = [sum(query.language == one for query in task.queries) for one in task.query_languages]
        assert sum(per_language) == sum(map(len, asked.values())), "and in each of them once"


def test_the_page_of_the_tasks_is_up_to_date() -> None:
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    for card in map(task_card, task_names()):
        for part in (f"## {card.title}: `{card.name}@{card.version}`", card.citation, *card.notes):
            assert part in page, "stale: `python tools/task_pages.py > docs/tasks.md`, with ROBUSTBENCH_IR_DATA set"


def test_the_page_counts_what_is_at_hand_and_downloads_nothing() -> None:
    page = runpy.run_path(str(ROOT / "tools" / "task_pages.py"))["page"]()
    assert "- Queries: 720\n- Passages: 1,800\n" in page
    assert "| Swahili (sw) | 2 | 60 | 150 |" in page
    assert "| Amharic (am) | 2 |  |  |" in page, "belebele is not here"
