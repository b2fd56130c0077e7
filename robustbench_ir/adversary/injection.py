"""Injected passages: what an attacker who knows only the questions adds to the pool, in a language of their choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import regex

from robustbench_ir._base.listed import listed
from robustbench_ir._base.text import nfc
from robustbench_ir.errors import DataError, OptionError, nearest
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.resources.languages import language_and_script
from robustbench_ir.tasks import Passage, Task
from robustbench_ir.tasks.task import IntArray

Craft = Literal["copy", "payload"]
CRAFTS: tuple[Craft, ...] = get_args(Craft)

_READ = regex.compile(r"[\p{L}\p{N}\p{S}\p{P}]")
"""What is left of a text once blanks, controls and invisible characters are taken out."""

_Texts = Mapping[tuple[str, str], str]
"""Text of a question by its `parallel_id` and language."""


@dataclass(frozen=True)
class Injection:
    """The passages of an attack. Each query has its own: those of other questions are not in its pool.

    Attributes
    ----------
    passages : tuple of Passage
        All injected passages. Their ids tell question, language and craft, so that they are the same in every run.
    aimed : mapping of str to int32 array of shape (queries, budget)
        Source language to the rows of the passages that are injected for each query; -1 in all columns for a query
        whose question has no text in that language.
    """

    passages: tuple[Passage, ...]
    aimed: Mapping[str, IntArray]


def inject(task: Task, sources: Iterable[str] | None = None, budget: int = 1, craft: Craft = "copy") -> Injection:
    """Write passages for every question of a task.

    The first passage is the question's text in the source language, and further ones are its texts in the languages
    that follow it in the list, from whose end it goes on at the beginning: translations are paraphrases that cost no
    query to the encoder.

    Parameters
    ----------
    task : Task
        Task whose questions are aimed at.
    sources : iterable of str, or str, optional
        Source languages, tags or English names. Default: the query languages of the task.
    budget : int
        Number of passages for each question, at most one in each source language.
    craft : {"copy", "payload"}
        The question itself, or the question and a harmless marked sentence; see `attacks/_payloads.toml`.

    Raises
    ------
    OptionError
        If the budget or the craft is out of range.
    DataError
        If no question has a text in a source language, if a passage would be empty, or if one is a relevant passage.
    """
    languages = _source_languages(task, sources)
    _check_asked(budget, craft, languages)
    _check_answered(task)
    asked = dict.fromkeys(query.parallel_id for query in task.queries)
    texts = _question_texts(task, languages)
    crafted: dict[tuple[str, str], str] = {
        (question, language): _crafted(texts[question, language], language, craft)
        for question in asked
        for language in languages
        if (question, language) in texts
    }
    for language in languages:
        if not any((question, language) in crafted for question in asked):
            known = sorted({of for question, of in _question_texts(task, task.query_languages) if question in asked})
            raise DataError(
                f"{task.name}: no question has a text in the source language {language}; {nearest('', known)}"
            )
    _check_not_relevant(task, crafted)
    row = {key: number for number, key in enumerate(crafted)}
    passages = tuple(
        Passage(f"injected-{craft}-{language}-{question}", language, text)
        for (question, language), text in crafted.items()
    )
    return Injection(passages, {source: _rows(task, languages, source, budget, row) for source in languages})


def _source_languages(task: Task, chosen: Iterable[str] | None) -> tuple[str, ...]:
    named = task.query_languages if chosen is None else listed(chosen)
    known = set(task.query_languages)
    return tuple(dict.fromkeys(name if name in known else language_and_script(name) for name in named))


def _check_asked(budget: int, craft: str, languages: Sequence[str]) -> None:
    if craft not in CRAFTS:
        raise OptionError(f"unknown craft {craft!r}: {nearest(craft, CRAFTS)}")
    if not languages:
        raise OptionError("no source language is given; name one or more, such as hi,de")
    if budget < 1:
        raise OptionError(f"budget {budget}: an attack without an injected passage changes nothing; give 1 or more")
    if budget > len(languages):
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


def _question_texts(task: Task, languages: Sequence[str]) -> _Texts:
    """Return the texts of all questions, also those in languages whose queries were not selected."""
    found: dict[tuple[str, str], str] = {}
    for one in task.translations.read(languages) if task.translations else task.queries:
        if one.text.strip() and one.language in languages:
            found.setdefault((one.parallel_id, one.language), one.text.strip())
    return found


def _crafted(text: str, language: str, craft: Craft) -> str:
    if not _READ.search(nfc(text)):
        raise DataError(f"the question {text!a} in {language} is empty once it is normalised; leave it out of the task")
    return nfc(text if craft == "copy" else f"{text} {payload(language)}")


def payload(language: str) -> str:
    """Return the harmless sentence of a language, in English where there is none."""
    sentences = SHIPPED.rows("_payloads.toml")
    return str(sentences.get(language, sentences["en"]))


def _check_not_relevant(task: Task, crafted: _Texts) -> None:
    """Refuse a passage that already answers the question: it would be no false answer to it."""
    pairs = zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True)
    relevant = {(task.queries[query].parallel_id, passage) for query, passage in pairs}
    answers = {(question, _plain(task.passages[passage].text)): passage for question, passage in relevant}
    for (question, language), text in crafted.items():
        row = answers.get((question, _plain(text)))
        if row is not None:
            raise DataError(
                f"{task.name}: the injected passage for question {question!r} in {language} is the relevant passage "
                f"{task.passages[row].passage_id!r}; leave out the question, or craft a payload"
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
