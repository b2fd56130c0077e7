"""Searches whose order is that of gradients: an adversary who may look into the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import robustbench_ir as rb
from robustbench_ir.adversary.candidates import Budget, Draws, search_spaces
from robustbench_ir.adversary.goals import make_goal
from robustbench_ir.adversary.promise import promises
from robustbench_ir.adversary.victim import Victim, score_margins, target_passages
from robustbench_ir.encoders import Encoder
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.tasks import Task
from robustbench_ir.tasks.questions import draw_questions

BUDGET = rb.Budget(words=2, queries=12)


@pytest.fixture(scope="module")
def few() -> Task:
    """Ten questions in two languages."""
    return draw_questions(rb.load_task("mini", ["en", "sw"]), 10)


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    """A model with random weights."""
    return rb.load_encoder(str(tiny_model))


def test_the_most_promising_edits_do_more_harm_than_others(few: Task, encoder: Encoder) -> None:
    """The margin between the best relevant passage and the best other one is measured for every edit by itself."""
    victim = Victim(Runner(encoder, few), target_passages(few, make_goal("map", few)))
    recipe = rb.load_recipe("typo")
    spaces = search_spaces(few.queries, [recipe], Budget(1, 100), Draws(3, 0, 0, 8))
    found = promises(victim, range(len(spaces)), spaces, [query.language for query in few.queries])
    most, others = [], []
    for row, (space, promise) in enumerate(zip(spaces, found, strict=True)):
        edits = sorted(promise, key=lambda edit: -promise[edit])
        texts = [space.clean, *(space.candidate([edit]).text for edit in edits)]
        first, last = victim.targets.first[row], victim.targets.first[row + 1]
        passage, grade = victim.targets.passage[first:last], victim.targets.grade[first:last]
        text = np.repeat(np.arange(len(texts)), last - first).astype(np.int32)
        margins = score_margins(
            victim.runner.encode(texts),
            victim.runner.pool,
            text,
            np.tile(passage, len(texts)),
            np.tile(grade, len(texts)),
        )
        harm = margins[0] - margins[1:]
        most.append(harm[: len(harm) // 4].mean())
        others.append(harm[len(harm) // 4 :].mean())
    assert np.mean(most) > np.mean(others)
    assert np.mean(np.array(most) > np.array(others)) > 0.7


@pytest.mark.parametrize("method", ["greedy-gradient", "beam-gradient-2"])
def test_gradients_stay_within_the_budget_and_repeat(few: Task, encoder: Encoder, method: str) -> None:
    options = rb.SearchOptions((method,), budget=BUDGET, starts=0)
    one, two = (rb.search(encoder, few, "typo", options, run=rb.RunOptions(resume=False)) for _ in range(2))
    (cell,) = one.attacked
    assert cell.outcomes == two.attacked[0].outcomes
    assert all(1 <= outcome.encodings <= 12 for outcome in cell.outcomes)
    assert all(outcome.best.value <= outcome.clean.value for outcome in cell.outcomes)
    assert cell.value < cell.clean_value
    assert str(cell.cell.recipe).startswith(f"{'greedy-gradient-8' if method == 'greedy-gradient' else method}(typo@")


def test_who_gives_no_gradients_or_wants_another_goal_is_told(few: Task, encoder: Encoder) -> None:
    with pytest.raises(OptionError, match="search greedy-gradient-8 needs gradient access and char-ngram gives score"):
        rb.search("char-ngram", few, "typo", rb.SearchOptions(("greedy-gradient",)))
    options = rb.SearchOptions(("greedy-gradient",), goal="map+language=sw")
    with pytest.raises(OptionError, match=r"goal language=sw: gradients follow the relevant passages"):
        rb.search(encoder, few, "typo", options)
