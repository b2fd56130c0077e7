"""A quick look: some questions of a task against its whole pool, drawn so that more of them only add to the first."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from hashlib import blake2b

from robustbench_ir.errors import OptionError
from robustbench_ir.tasks.task import Task, TaskIdentity, with_questions

_IN_VERSION = re.compile(r"-(?P<number>[1-9][0-9]*)-questions(?:-seed-(?P<seed>[1-9][0-9]*))?$")


@dataclass(frozen=True)
class Questions:
    """How many questions of a task are drawn.

    Attributes
    ----------
    number : int
        Number of questions, 1 or more. All translations of a question are one.
    seed : int
        Seed of the draw, 0 or more.

    Raises
    ------
    OptionError
        If one of them is out of range.

    Examples
    --------
    >>> str(Questions(200)), str(Questions(200, seed=1))
    ('200-questions', '200-questions-seed-1')
    """

    number: int
    seed: int = 0

    def __post_init__(self) -> None:
        given: tuple[tuple[object, int, str], ...] = (
            (self.number, 1, "questions"),
            (self.seed, 0, "as the seed of questions"),
        )
        for value, least, what in given:
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise OptionError(f"{value!r} {what}: give a whole number, {least} or more")

    def __str__(self) -> str:
        return f"{self.number}-questions" + (f"-seed-{self.seed}" if self.seed else "")


def draw_questions(task: Task, questions: Questions | int | None) -> Task:
    """Return a task with some of its questions, in all their languages; its version says how many.

    The pool stays whole, so that the scores estimate those of the whole task. Questions that exist in different
    languages are drawn in proportion, and a larger draw has all of a smaller one with the same seed.

    Parameters
    ----------
    task : Task
        Task whose questions are distinguished by `parallel_id`.
    questions : Questions, int or None
        Number of questions; the task itself for None, and where it has no more than that.

    Raises
    ------
    OptionError
        If a query language would have no question.
    """
    if questions is None:
        return task
    asked = questions if isinstance(questions, Questions) else Questions(questions)
    chosen = set(_in_order(task, asked.seed)[: asked.number])
    if len(chosen) < asked.number or chosen == {query.parallel_id for query in task.queries}:
        return task
    drawn = with_questions(task, chosen)
    missing = [language for language in task.query_languages if language not in drawn.query_languages]
    if missing:
        raise OptionError(f"{asked.number} questions leave none in {', '.join(missing)}; draw more, or fewer languages")
    return replace(drawn, version=f"{task.version}-{asked}")


def questions_of(task: str) -> Questions | None:
    """Return how many questions were drawn of a task, by its identity; None for a whole task.

    Parameters
    ----------
    task : str
        Identity, such as ``"xquad-r@1-200-questions"``.

    Examples
    --------
    >>> questions_of("xquad-r@1-200-questions-seed-1")
    Questions(number=200, seed=1)
    """
    found = _IN_VERSION.search(TaskIdentity.parse(task).version)
    return Questions(int(found["number"]), int(found["seed"] or 0)) if found else None


def _in_order(task: Task, seed: int) -> list[str]:
    """Return the questions in the order in which they are drawn."""
    languages: dict[str, set[str]] = defaultdict(set)
    for query in task.queries:
        languages[query.parallel_id].add(query.language)
    strata: dict[frozenset[str], list[str]] = defaultdict(list)
    for question, found in languages.items():
        strata[frozenset(found)].append(question)
    # By hash, and not by a generator's stream, so that other questions and languages make no difference.
    keys = {one: blake2b(f"{seed}\t{one}".encode(), digest_size=8).digest() for one in languages}
    place = {
        question: (number + 0.5) / len(some)
        for some in strata.values()
        for number, question in enumerate(sorted(some, key=keys.__getitem__))
    }
    return sorted(languages, key=lambda one: (place[one], keys[one]))
