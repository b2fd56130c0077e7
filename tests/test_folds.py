"""Folds of a task by document, and tables to train on that are made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robustbench_ir.errors import DataError, OptionError, UnknownNameError
from robustbench_ir.tasks import Passage, Query, Task, build_task, load_task
from robustbench_ir.tasks.folds import Fold, name_and_fold, select_fold
from robustbench_ir.training.sources import load_table
from robustbench_ir.training.table import overlap, without_queries_of


def made(documents: int = 5) -> Task:
    """Two languages; a question for each document, answered in both."""
    queries, passages, relevant = [], [], {}
    for number in range(documents):
        for language in ("en", "sw"):
            queries.append(Query(f"{language}:{number}", language, f"{language} question {number}", str(number)))
            passages.append(Passage(f"{language}:p{number}", language, f"{language} text {number}", f"d{number}"))
            relevant[f"{language}:{number}"] = {f"en:p{number}": 1, f"sw:p{number}": 1}
    return build_task("made", 1, queries, passages, relevant)


def test_folds_cut_a_task_into_parts_without_common_documents() -> None:
    task = made()
    first, second = (select_fold(task, Fold(number, 2)) for number in (1, 2))
    assert [one.parallel_id for one in first.queries] == ["0", "2", "4", "0", "2", "4"]
    assert [one.parallel_id for one in second.queries] == ["1", "3", "1", "3"]
    assert not {one.document for one in first.passages} & {one.document for one in second.passages}
    assert len(first.passages) + len(second.passages) == len(task.passages)
    assert select_fold(task, Fold(1, 2, rest=True)).digest == second.digest
    assert (first.identity, select_fold(task, None)) == ("made@1-fold-1of2", task)
    for query, passage in zip(first.qrels.query, first.qrels.passage, strict=True):
        assert first.passages[passage].document == f"d{first.queries[query].parallel_id}"


def test_names_of_folds() -> None:
    assert name_and_fold("xquad-r:not2of3") == ("xquad-r", Fold(2, 3, rest=True))
    assert name_and_fold("mteb:NFCorpus") == ("mteb:NFCorpus", None)
    for name in ("xquad-r:0of2", "xquad-r:3of2", "xquad-r:1of1"):
        with pytest.raises(OptionError, match="such as 1of2"):
            name_and_fold(name)


def test_a_task_that_cannot_be_cut() -> None:
    with pytest.raises(DataError, match="into 6 folds; its passages do not name enough documents"):
        select_fold(made(), Fold(1, 6))
    with pytest.raises(DataError, match="documents"):
        load_task("mini:1of2")
    passages = [Passage(str(place), "en", f"text {place}", f"d{place}") for place in range(2)]
    across = build_task("across", 1, [Query("q", "en", "ask", "q")], passages, {"q": {"0": 1, "1": 1}})
    with pytest.raises(DataError, match="answered in several folds"):
        select_fold(across, Fold(1, 2))


def test_a_query_that_does_not_find_itself_keeps_that_in_a_fold() -> None:
    queries = [Query(f"{n}", "en", f"text {n}", f"{n}") for n in range(4)]
    passages = [Passage(f"{n}", "en", f"text {n}", f"d{n}") for n in range(4)]
    passages += [Passage(f"x{n}", "sw", f"maandishi {n}", f"d{n}") for n in range(4)]
    task = build_task("self", 1, queries, passages, {f"{n}": {f"x{n}": 1} for n in range(4)})
    part = select_fold(task, Fold(2, 2))
    assert part.own_passage is not None
    assert [part.passages[row].passage_id for row in part.own_passage] == [one.query_id for one in part.queries]


def test_a_fold_of_xquad_r_trains_and_the_other_tests(shared_data: Path) -> None:
    del shared_data
    table = load_table("xquad-r:not1of2", ["en", "hi"])
    held = load_task("xquad-r:1of2", ["en", "hi"])
    assert table.languages == ("en", "hi")
    assert {row.language for row in table.rows} == {row.passage_language for row in table.rows}
    assert len({row.parallel_id for row in table.rows}) == len(table.rows) / 2 == 578
    assert len(held.queries) == 2 * 612
    assert not overlap(table, held)
    assert table.licence == "CC BY-SA 4.0"


def test_a_task_is_training_data_too(shared_data: Path) -> None:
    del shared_data
    table = load_table("masakhanews-dev", ["ha", "yo"])
    assert table.name == "masakhanews-dev"
    assert table.languages == ("ha", "yo")
    assert all(row.language == row.passage_language and row.query != row.passage for row in table.rows)


def test_a_query_that_is_also_asked_in_the_test_is_left_out_and_counted(shared_data: Path) -> None:
    del shared_data
    table, task = load_table("xquad-r:not1of2", ["en"]), load_task("xquad-r:not1of2", ["en"])
    some = {one.text for one in task.queries[:10]}
    first = load_task("xquad-r:2of2", ["en"])
    kept = without_queries_of(table, build_task("ten", 1, *_only(first, some)))
    assert len(kept.rows) == len(table.rows) - 10
    assert kept.notes[-1] == "10 rows left out, which have a query of ten@1"
    with pytest.raises(DataError, match="no row to train on"):
        without_queries_of(table, task)


def _only(task: Task, texts: set[str]) -> tuple[list[Query], list[Passage], dict[str, dict[str, int]]]:
    rows = [row for row, query in enumerate(task.queries) if query.text in texts]
    passages = {row: task.qrels.passage[np.flatnonzero(task.qrels.query == row)[0]] for row in rows}
    relevant = {task.queries[row].query_id: {task.passages[place].passage_id: 1} for row, place in passages.items()}
    return [task.queries[row] for row in rows], [task.passages[place] for place in set(passages.values())], relevant


def test_neighbours_in_the_news_are_a_table_to_train_on(shared_data: Path) -> None:
    del shared_data
    table = load_table("ntrex-next:not1of8", ["sw", "zu"])
    held = load_task("ntrex:1of8", ["sw", "zu"])
    texts = {one.query_id: one for one in load_task("ntrex", ["sw", "zu"]).queries}
    for row in (*table.rows[:200], *table.rows[-200:]):
        assert row.query == texts[f"{row.language}:{row.parallel_id}"].text
        after = texts[f"{row.language}:{int(row.parallel_id) + 1}"]
        assert row.passage == after.text
    assert len({row.parallel_id for row in table.rows}) == len(table.rows) // 2
    assert not overlap(table, held)
    with pytest.raises(UnknownNameError):
        load_table("ntrex-next", ["xx"])


def test_ntrex_is_translations_among_neighbours(shared_data: Path) -> None:
    del shared_data
    task = load_task("ntrex-12", ["sw", "zu"])
    assert task.own_passage is not None
    assert task.pool_sizes["sw"] == task.pool_sizes["zu"] == len(task.queries) // 2
    for query, passage in zip(task.qrels.query[:50], task.qrels.passage[:50], strict=True):
        one, other = task.queries[query], task.passages[passage]
        assert other.passage_id.partition(":")[2] == one.parallel_id
        assert other.language != one.language
    assert len({one.document for one in task.passages}) == 123
