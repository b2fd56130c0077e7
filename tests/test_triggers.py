"""Universal triggers: found on some questions, tried on others."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.adversary.triggers import RANDOM_WORDS, TRIGGER, Triggered
from robustbench_ir.adversary.vocabulary import vocabulary
from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.reports.content import command_of
from robustbench_ir.results.trigger_identity import PLACES, Place
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.task import with_questions


@pytest.fixture(scope="module")
def task() -> Task:
    return rb.load_task("mini", ["en", "zh"])


@pytest.fixture(scope="module")
def found(task: Task) -> Triggered:
    return rb.find_triggers("char-ngram", task, words=2)


def margins(task: Task, texts: list[str], rows: list[int]) -> np.ndarray:
    """Return best relevant minus best other score, the passages being those that are best for the clean queries.

    `texts` holds one text for each of `rows`, as often over as it likes: the result has one row each time.
    """
    encoder = rb.load_encoder("char-ngram")
    pool = encoder.encode_passages([one.text for one in task.passages]).astype(float)
    clean = (encoder.encode_queries([task.queries[row].text for row in rows]) @ pool.T).toarray()
    attacked = (encoder.encode_queries(texts) @ pool.T).toarray().reshape(-1, len(rows), pool.shape[0])
    each = []
    for number, row in enumerate(rows):
        relevant = set(task.qrels.passage[task.qrels.query == row].tolist())
        best = max(relevant, key=lambda passage: clean[number, passage])
        rival = max(set(range(len(task.passages))) - relevant, key=lambda passage: clean[number, passage])
        each.append(attacked[:, number, best] - attacked[:, number, rival])
    return np.stack(each, axis=1)


@pytest.mark.parametrize("place", PLACES)
def test_the_first_word_is_the_best_of_those_that_were_tried(place: Place, task: Task) -> None:
    """Every word of the vocabulary is tried by a plain loop; only 24 are by the search, so that some may be better."""
    found = rb.find_triggers(
        "char-ngram", with_questions(task, _questions(task, 12)), words=1, languages="en", place=place
    )
    (trigger,) = found.triggers
    chosen = with_questions(task.select(["en"]), _questions(task, 12)).select(["en"])
    unseen = set(found.result.judgements.parallel_ids)
    rows = [row for row, query in enumerate(chosen.queries) if query.parallel_id not in unseen]
    texts = [chosen.queries[row].text for row in rows]
    assert trigger.before == pytest.approx(margins(chosen, texts, rows).mean(), abs=1e-5)
    words = vocabulary(chosen, "en", texts)
    tried = margins(
        chosen, [f"{text} {word}" if place == "suffix" else f"{word} {text}" for word in words for text in texts], rows
    )
    means = dict(zip(words, tried.mean(axis=1).tolist(), strict=True))
    assert trigger.after == pytest.approx(means[trigger.words[0]], abs=1e-5)
    assert sum(mean < trigger.after - 1e-5 for mean in means.values()) <= len(words) // 20


def _questions(task: Task, number: int) -> list[str]:
    return list(dict.fromkeys(query.parallel_id for query in task.queries))[:number]


def test_unseen_questions_have_no_part_in_it_and_triggers_stand_behind_them(task: Task, found: Triggered) -> None:
    unseen = set(found.result.judgements.parallel_ids)
    everything = {query.parallel_id for query in task.queries}
    assert found.known == len(everything - unseen) == len(unseen) == 30
    assert found.result.task == "mini@1-trigger-2-unseen-0.5"
    assert [cell.recipe.label for cell in found.result.attacked] == [f"variants:{TRIGGER}", f"variants:{RANDOM_WORDS}"]
    for cell in found.result.attacked:
        assert cell.changed.all()
    assert all(one.after < one.before for one in found.triggers)
    assert all(len(one.words) == len(set(one.words)) == len(one.random_words) == 2 for one in found.triggers)
    drops = {row.recipe.label: row.absolute for row in found.result.drops("monolingual")}
    assert drops[f"variants:{TRIGGER}"] > drops[f"variants:{RANDOM_WORDS}"]


def test_the_same_again_whatever_other_languages_there_are(task: Task, found: Triggered) -> None:
    alone = rb.find_triggers("char-ngram", task, words=2)
    assert alone.triggers == found.triggers
    other = rb.find_triggers("char-ngram", task, words=2, seed=1)
    assert [one.words for one in other.triggers] == [one.words for one in found.triggers]
    assert [one.random_words for one in other.triggers] != [one.random_words for one in found.triggers]


def test_wrong_numbers_are_one_line(task: Task) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"words": 0}, "0 words"),
        ({"words": 11}, "11 words"),
        ({"words": "3"}, "number of words '3' is not a whole number"),
        ({"words": 2.5}, "number of words 2.5 is not a whole number"),
        ({"unseen": 1.0}, "between 0 and 1"),
        ({"unseen": None}, "None of the questions unseen: give a share between 0 and 1"),
        ({"seed": "a"}, "seed 'a' is not a whole number"),
        ({"place": "middle"}, "suffix or prefix"),
    ]
    for asked, said in wrong:
        with pytest.raises(OptionError, match=said):
            rb.find_triggers("./no-such-model", task, **asked)
    with pytest.raises(DataError, match="one question"):
        rb.find_triggers("char-ngram", with_questions(task, _questions(task, 1)))


def test_the_command_in_a_report_makes_the_result_again(tmp_path: Path) -> None:
    first, again = tmp_path / "first.json", tmp_path / "again.json"
    asked = ["trigger", "--model", "char-ngram", "--languages", "en,zh", "--questions", "12:3", "--words", "1"]
    more = ["--unseen", "0.25", "--seed", "2", "--place", "prefix", "--batch-size", "7", "--out", str(first)]
    CliRunner().invoke(irbench, [*asked, *more], catch_exceptions=False)
    program, *words = shlex.split(command_of(rb.load_result(first)))
    assert program == "irbench"
    CliRunner().invoke(irbench, [*words, "--out", str(again)], catch_exceptions=False)
    made, remade = rb.load_result(first), rb.load_result(again)
    assert made.task == remade.task == "mini@1-12-questions-seed-3-trigger-prefix-1-unseen-0.25-seed-2"
    assert (made.task_digest, made.options) == (remade.task_digest, remade.options)
    for one, other in zip(made.attacked, remade.attacked, strict=True):
        assert one.ranks.in_pool.tolist() == other.ranks.in_pool.tolist()


def test_the_command_prints_triggers_and_scores(tmp_path: object) -> None:
    words = ["trigger", "--model", "char-ngram", "--languages", "en", "--words", "1", "--out", f"{tmp_path}/t.json"]
    printed = CliRunner().invoke(irbench, words, catch_exceptions=False).output
    for part in ("variants:trigger", "variants:random-words", "Triggers, found on 30 questions", "English"):
        assert part in printed
