"""Injected passages whose words are chosen with the scores or gradients of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from robustbench_ir._base.progress import Clock
from robustbench_ir.adversary.crafting import Crafted, Draft, craft_passages
from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.adversary.guides import Aim, GradientGuide, ScoreGuide
from robustbench_ir.adversary.injection import Injection, check_not_relevant, ending, question_texts
from robustbench_ir.adversary.vocabulary import vocabulary
from robustbench_ir.encoders import Embeddings
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.tasks import Task


def optimised(
    injection: Injection,
    runner: Runner,
    queries: Embeddings,
    craft: Craft,
    encodings: int,
    unseen: Collection[str] = (),
) -> tuple[Injection, list[Crafted]]:
    """Return passages that were optimised, and how near to their questions they came.

    Each begins with what `injection` has, and takes words of its own language from the task's texts. The attacker
    knows the questions in all query languages.

    Parameters
    ----------
    injection : Injection
        The passages before.
    runner : Runner
        The encoder that crafts, with the task.
    queries : Embeddings
        Embeddings of the task's queries by this encoder.
    craft : Craft
        The search.
    encodings : int
        Number of encodings for each passage.
    unseen : collection of str
        Questions that the attacker does not know, by their `parallel_id`.

    Raises
    ------
    DataError
        If a language has no words, or if a crafted passage is a relevant one.
    """
    task, clock = runner.task, runner.clock
    number = {aims: place for place, aims in enumerate(dict.fromkeys(injection.aims))}
    of = {question: place for aims, place in number.items() for question in aims}
    aim = Aim.at(runner, queries, np.array([of.get(query.parallel_id, -1) for query in task.queries]))
    drafts = [
        Draft(number[aims], one.language, one.text.removesuffix(behind), behind)
        for aims, one in zip(injection.aims, injection.passages, strict=True)
        for behind in (ending(craft, one.language),)
    ]
    languages = dict.fromkeys(one.language for one in drafts)
    words = {language: vocabulary(task, language, _questions(task, language, unseen)) for language in languages}
    by_gradients = craft.search == "hotflip"
    count = encodings * len(drafts) + (0 if by_gradients else sum(map(len, words.values())))
    clock.expect_more(count)
    with clock.stage("craft passages", count):
        guide = (
            GradientGuide.of(aim, words, _teller(clock))
            if by_gradients
            else ScoreGuide.of(aim, drafts, words, clock.advance)
        )
        crafted = craft_passages(drafts, aim.measure, guide, encodings, craft.width, clock.advance)
    passages = tuple(replace(passage, text=one.text) for passage, one in zip(injection.passages, crafted, strict=True))
    found = replace(injection, passages=passages)
    check_not_relevant(task, found)
    return found, crafted


def _questions(task: Task, language: str, unseen: Collection[str]) -> list[str]:
    """Return the questions in a language that the attacker knows."""
    return [text for (question, _), text in question_texts(task, [language]).items() if question not in unseen]


def _teller(clock: Clock) -> Callable[[int], None]:
    """Return a function that tells of smaller batches, of each size once."""
    told: set[int] = set()

    def tell(size: int) -> None:
        if size not in told:
            told.add(size)
            clock.progress.stage(f"craft passages: memory is too small, {size} gradients at once")

    return tell
