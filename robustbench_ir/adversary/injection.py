"""Injected passages: what an attacker who knows only the questions adds to the pool, in a language of their choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_ir._base.listed import listed
from robustbench_ir._base.numbers import whole_number
from robustbench_ir._base.text import is_visible, nfc
from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.adversary.topics import Topics
from robustbench_ir.errors import DataError, OptionError, nearest
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.resources.languages import language_and_script
from robustbench_ir.tasks import Passage, Task
from robustbench_ir.tasks.task import IntArray

_Texts = Mapping[tuple[str, str], str]
"""Text of a question by its `parallel_id` and language."""


@dataclass(frozen=True)
class Injection:
    """The passages of an attack. Each query has its own: those of other questions are not in its pool.

    Attributes
    ----------
    passages : tuple of Passage
        All injected passages. Their ids tell question, language and craft, so that they are the same in every run.
    aims : tuple of tuple of str
        The questions that each passage should resemble, by their `parallel_id`; it begins with the text of the first.
    aimed : mapping of str to int32 array of shape (queries, budget)
        Source language to the rows of the passages that are injected for each query, and -1 where there are fewer; -1
        in all columns for a query that is not attacked, such as one whose question has no text in that language.
    """

    passages: tuple[Passage, ...]
    aims: tuple[tuple[str, ...], ...]
    aimed: Mapping[str, IntArray]


COPY = Craft()


def inject(
    task: Task,
    sources: Iterable[str] | None = None,
    budget: int = 1,
    craft: Craft = COPY,
    topics: Topics | None = None,
) -> Injection:
    """Write passages for every question of a task; those that a search begins with, where the craft is one.

    The first passage is the question's text in the source language, and further ones are its texts in the languages
    that follow it in the list, from whose end it goes on at the beginning: translations are paraphrases that cost no
    query to the encoder. With `topics`, the passages of a topic share its known questions, and are injected for its
    unseen ones.

    Parameters
    ----------
    task : Task
        Task whose questions are aimed at.
    sources : iterable of str, or str, optional
        Source languages, tags or English names. Default: the query languages of the task.
    budget : int
        Number of passages for each question, at most one in each source language; with `topics`, for each topic.
    craft : Craft
        The question itself, or the question and a harmless marked sentence; see `attacks/_payloads.toml`.
    topics : Topics, optional
        Questions that the attacker knows, and questions that are attacked. Default: each is known and attacked.

    Raises
    ------
    OptionError
        If the budget is out of range.
    DataError
        If no question has a text in a source language, if a passage would be empty, or if one is a relevant passage.
    """
    languages = _source_languages(task, sources)
    _check_asked(budget, languages, topics)
    _check_answered(task)
    asked = (
        {query.parallel_id: (query.parallel_id,) for query in task.queries}
        if topics is None
        else {
            own[0]: own
            for known in topics.known.values()
            for own in (known[place::budget] for place in range(min(budget, len(known))))
        }
    )
    texts = question_texts(task, languages)
    written: dict[tuple[str, str], str] = {
        (question, language): _readable(texts[question, language], language) + ending(craft, language)
        for question in asked
        for language in languages
        if (question, language) in texts
    }
    for language in languages:
        if not any((question, language) in written for question in asked):
            known = sorted({of for question, of in question_texts(task, task.query_languages) if question in asked})
            raise DataError(
                f"{task.name}: no question has a text in the source language {language}; {nearest('', known)}"
            )
    row = {key: number for number, key in enumerate(written)}
    passages = tuple(
        Passage(f"injected-{craft}-{language}-{question}", language, nfc(text))
        for (question, language), text in written.items()
    )
    injection = Injection(
        passages,
        tuple(asked[question] for question, _ in written),
        {
            source: _rows(task, languages, source, budget, row)
            if topics is None
            else _topic_rows(task, topics, source, budget, row)
            for source in languages
        },
    )
    check_not_relevant(task, injection)
    return injection


def _source_languages(task: Task, chosen: Iterable[str] | None) -> tuple[str, ...]:
    named = task.query_languages if chosen is None else map(str, listed(chosen))
    known = set(task.query_languages)
    return tuple(dict.fromkeys(name if name in known else language_and_script(name) for name in named))


def check_budget(budget: object) -> None:
    """Check a number of injected passages.

    Raises
    ------
    OptionError
        If it is no whole number, or less than one.
    """
    if whole_number(budget, "budget") < 1:
        raise OptionError(f"budget {budget}: an attack without an injected passage changes nothing; give 1 or more")


def _check_asked(budget: int, languages: Sequence[str], topics: Topics | None) -> None:
    if not languages:
        raise OptionError("no source language is given; name one or more, such as hi,de")
    check_budget(budget)
    if topics is None and budget > len(languages):
        raise OptionError(
            f"budget {budget}, and each question has a text in {len(languages)} source language"
            f"{'s' if len(languages) > 1 else ''}; name more of them, or a budget of {len(languages)} at most"
        )


def _check_answered(task: Task) -> None:
    """Refuse a target without a relevant passage: nothing could fall. Tasks of `build_task` have none."""
    unanswered = np.setdiff1d(np.arange(len(task.queries)), task.qrels.query)
    if len(unanswered):
        query = task.queries[unanswered[0]].query_id
        raise DataError(f"{task.name}: query {query!r} has no relevant passage; leave it out of the task")


def question_texts(task: Task, languages: Sequence[str]) -> _Texts:
    """Return the texts of all questions, also those in languages whose queries were not selected."""
    found: dict[tuple[str, str], str] = {}
    for one in task.translations.read(languages) if task.translations else task.queries:
        if one.text.strip() and one.language in languages:
            found.setdefault((one.parallel_id, one.language), one.text.strip())
    return found


def _readable(text: str, language: str) -> str:
    if not is_visible(nfc(text)):
        raise DataError(f"the question {text!a} in {language} is empty once it is normalised; leave it out of the task")
    return nfc(text)


def ending(craft: Craft, language: str) -> str:
    """Return what stands behind the question; a search leaves it as it is."""
    return nfc(f" {payload(language)}") if craft.payload else ""


def payload(language: str) -> str:
    """Return the harmless sentence of a language, in English where there is none."""
    sentences = SHIPPED.rows("_payloads.toml")
    return str(sentences.get(language, sentences["en"]))


def check_not_relevant(task: Task, injection: Injection) -> None:
    """Refuse a passage that already answers the question: it would be no false answer to it."""
    pairs = zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True)
    relevant = {(task.queries[query].parallel_id, passage) for query, passage in pairs}
    answers = {(question, _plain(task.passages[passage].text)): passage for question, passage in relevant}
    aims = zip(injection.aims, injection.passages, strict=True)
    for question, passage in ((question, passage) for questions, passage in aims for question in questions):
        row = answers.get((question, _plain(passage.text)))
        if row is not None:
            raise DataError(
                f"{task.name}: the injected passage for question {question!r} in {passage.language} is the relevant "
                f"passage {task.passages[row].passage_id!r}; leave out the question, or craft a payload"
            )


def _plain(text: str) -> str:
    return " ".join(nfc(text).casefold().split())


def _rows(
    task: Task, languages: Sequence[str], source: str, budget: int, row: Mapping[tuple[str, str], int]
) -> IntArray:
    """Return the rows of the passages for each query, shape (queries, budget)."""
    first = languages.index(source)
    used = [languages[(first + step) % len(languages)] for step in range(budget)]
    rows = [[row.get((query.parallel_id, language), -1) for language in used] for query in task.queries]
    return np.array([one if min(one) >= 0 else [-1] * budget for one in rows], dtype=np.int32)


def _topic_rows(task: Task, topics: Topics, source: str, budget: int, row: Mapping[tuple[str, str], int]) -> IntArray:
    """Return the rows of the passages of each unseen query's topic, shape (queries, budget)."""
    of_topic = {
        topic: [row[question, source] for question in known[:budget] if (question, source) in row]
        for topic, known in topics.known.items()
    }
    attacked = {question: of_topic[topic] for topic, unseen in topics.unseen.items() for question in unseen}
    rows = [attacked.get(query.parallel_id, []) for query in task.queries]
    return np.array([[*one, *[-1] * (budget - len(one))] for one in rows], dtype=np.int32)
