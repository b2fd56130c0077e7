"""Files of answers that reviewers send back: their schema, strict reading, one judgement for each reviewer and item.

A file is the work of an unknown author: it is read only if it is small, has every key and no other, and if
its items are those of the set that it names.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robustbench_ir._base.bounded_json import bounded_json
from robustbench_ir._base.plain_files import plain_bytes
from robustbench_ir.errors import DataError, ResultError
from robustbench_ir.perturb import digest, unchanged
from robustbench_ir.perturb.identity import RecipeIdentity
from robustbench_ir.reports.review.items import ItemKey, set_identity
from robustbench_ir.resources.cards import brief, first_fault
from robustbench_ir.resources.languages import languages

Answer = Literal["real", "odd", "never"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
"""In their order on the scale: real > odd > never."""

Level = Literal["native", "fluent", "some"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""How well a reviewer knows the language, the best first."""

SCHEMA_VERSION = 1
KIND = "irbench review answers"

_MAX_BYTES = 8 << 20
_MEMORY = 64 << 20
_MOST_ITEMS = 5_000
_NAMED = 3

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Remark = Annotated[str, Field(max_length=5_000)]
_Text = Annotated[str, Field(max_length=20_000)]
_Seed = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]


class _Strict(BaseModel):
    """Nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AnsweredItem(_Strict):
    """An item of a page, with what the reviewer said of it.

    Attributes
    ----------
    recipe, severity, seed, task, language, query_id, digest
        See `robustbench_ir.reports.review.items.ItemKey`.
    clean, text : str
        The query before and after.
    answer : {"real", "odd", "never"}, optional
        None where the reviewer gave none.
    comment : str
        Empty without one.
    """

    recipe: _Name
    severity: Annotated[int, Field(ge=1, le=5)]
    seed: _Seed
    task: _Name
    language: _Name
    query_id: _Name
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    clean: _Text
    text: _Text
    answer: Answer | None
    comment: _Remark

    @property
    def key(self) -> ItemKey:
        """What the item is."""
        return ItemKey(*(getattr(self, name) for name in ItemKey._fields))


class Reviewer(_Strict):
    """Who judged.

    Attributes
    ----------
    name : str
        Name or initials.
    level : {"native", "fluent", "some"}
        How well the reviewer knows the language.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    level: Level

    @property
    def key(self) -> str:
        """The name as two spellings of it are compared."""
        return " ".join(unicodedata.normalize("NFKC", self.name).casefold().split())


class ReviewAnswers(_Strict):
    """Content of a file of answers.

    Attributes
    ----------
    schema_version, kind
        What says that it is such a file.
    irbench : str
        Release that made the page.
    language : str
        The language that was reviewed.
    set : str
        Identity of the set of items.
    saved : str
        When the file was saved, in UTC.
    reviewer : Reviewer
        Who judged.
    remarks : str
        What the reviewer said of the page.
    items : list of AnsweredItem
        All items of the page, also those without an answer.
    """

    schema_version: Literal[1]
    kind: Literal["irbench review answers"]
    irbench: _Name
    language: _Name
    set: _Name
    saved: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    reviewer: Reviewer
    remarks: _Remark
    items: Annotated[list[AnsweredItem], Field(min_length=1, max_length=_MOST_ITEMS)]


def read_answers(path: Path) -> ReviewAnswers:
    """Read a file of answers.

    Parameters
    ----------
    path : pathlib.Path
        File that the page has saved.

    Raises
    ------
    ResultError
        If it is not a plain file of at most 8 MiB, is not JSON, has an unknown key, lacks one, has a value of another
        type, is of another version, or if its items are not those of the set that it names.
    """
    content = plain_bytes(path, _MAX_BYTES, "a file of answers")
    try:
        table = bounded_json(content, _MEMORY)
    except ValueError as error:
        raise ResultError(f"{path}: not a file of answers: {brief(str(error))}") from error
    if not isinstance(table, dict) or table.get("kind") != KIND:
        raise ResultError(f"{path}: not a file of answers; name what a page of `irbench review pages` has saved")
    if table.get("schema_version") != SCHEMA_VERSION:
        version = brief(str(table.get("schema_version")))
        raise ResultError(f"{path}: answers of version {version}; this release reads version {SCHEMA_VERSION}")
    try:
        answers = ReviewAnswers.model_validate(table)
    except ValidationError as error:
        raise ResultError(f"{path}: {first_fault(error)}") from error
    fault = _fault(answers)
    if fault:
        raise ResultError(f"{path}: {fault}; ask the reviewer to save the answers again")
    return answers


def _fault(answers: ReviewAnswers) -> str:
    """Return what the schema cannot tell; empty if there is nothing."""
    try:
        datetime.fromisoformat(answers.saved)
        for recipe in {item.recipe for item in answers.items}:
            RecipeIdentity.parse(recipe)
    except (ValueError, DataError) as error:
        return brief(str(error))
    if answers.language not in languages():
        return f"unknown language {brief(answers.language)}"
    if not answers.reviewer.key:
        return "the reviewer has no name"
    return _fault_of_items(answers)


def _fault_of_items(answers: ReviewAnswers) -> str:
    for number, item in enumerate(answers.items, start=1):
        if item.language != answers.language:
            return f"item {number} is of another language"
        if item.digest != digest([unchanged(item.query_id, item.text)]):
            return f"the text of item {number} is not the one that the page showed"
    keys = [item.key for item in answers.items]
    if len(set(keys)) < len(keys):
        return "an item occurs twice"
    return "" if set_identity(keys) == answers.set else "the items are not those of the set that it names"


@dataclass(frozen=True)
class Judgement:
    """What one reviewer said of one item.

    Attributes
    ----------
    item : AnsweredItem
        The item, with the answer that counts.
    reviewer : Reviewer
        Who said it.
    """

    item: AnsweredItem
    reviewer: Reviewer


@dataclass(frozen=True)
class MergedAnswers:
    """The answers of several files.

    Attributes
    ----------
    judgements : tuple of Judgement
        One for each reviewer and item, also those with a comment alone.
    notes : tuple of str
        What a reader of the numbers must know: answers that contradict each other, files that are left out.
    remarks : tuple of (str, str, str)
        Language, reviewer and remark, of those who said something of the page.
    sources : dict of str to tuple of str
        Files that are counted, by language.
    date : str
        Day of the last file, such as ``2026-11-29``.
    """

    judgements: tuple[Judgement, ...]
    notes: tuple[str, ...]
    remarks: tuple[tuple[str, str, str], ...]
    sources: dict[str, tuple[str, ...]]
    date: str


def merge_answers(files: Mapping[str, ReviewAnswers], least: Level = "fluent") -> MergedAnswers:
    """Return one judgement for each reviewer and item.

    A reviewer is a name in a language. What was saved last counts where files of one reviewer contradict each other.

    Parameters
    ----------
    files : mapping of str to ReviewAnswers
        Name of each file, with its content.
    least : {"native", "fluent", "some"}
        Reviewers who know the language less well are left out.

    Raises
    ------
    ResultError
        If no file is left.
    """
    counted = LEVELS[: LEVELS.index(least) + 1]
    of_reviewer: dict[tuple[str, str], list[tuple[str, ReviewAnswers]]] = {}
    for name, one in sorted(files.items(), key=lambda file: (file[1].saved, file[0])):
        of_reviewer.setdefault((one.language, one.reviewer.key), []).append((name, one))
    notes: list[str] = []
    judgements: list[Judgement] = []
    kept: list[tuple[str, ReviewAnswers]] = []
    for _, saved in sorted(of_reviewer.items()):
        latest = saved[-1][1]
        who = f"{latest.reviewer.name} ({latest.language})"
        if latest.reviewer.level not in counted:
            level = latest.reviewer.level
            notes.append(f"{who} knows the language less well ({level}) and is left out; --level {level} counts them")
            continue
        kept += saved
        found, told = _of_one_reviewer(saved)
        judgements += found
        notes += [f"{who}: {note}" for note in told]
    if not kept:
        raise ResultError("no reviewer is left; --level some counts all of them")
    remarks = dict.fromkeys((one.language, one.reviewer.name, one.remarks) for _, one in kept if one.remarks.strip())
    sources = {
        language: tuple(sorted(name for name, one in kept if one.language == language))
        for language in sorted({one.language for _, one in kept})
    }
    day = max(one.saved for _, one in kept)[:10]
    return MergedAnswers(tuple(judgements), tuple(notes), tuple(remarks), sources, day)


def _of_one_reviewer(saved: Sequence[tuple[str, ReviewAnswers]]) -> tuple[list[Judgement], list[str]]:
    """Return the judgements of one reviewer, from files in the order of time, and what is to be told of them."""
    reviewer = saved[-1][1].reviewer
    last: dict[ItemKey, AnsweredItem] = {}
    contradicted: Counter[ItemKey] = Counter()
    for _, answers in saved:
        for item in answers.items:
            before = last.get(item.key)
            if before is None or item.answer is not None or before.answer is None:
                last[item.key] = item
            if before is not None and None not in (before.answer, item.answer) and before.answer != item.answer:
                contradicted[item.key] += 1
    said = [item for item in last.values() if item.answer is not None or item.comment.strip()]
    answered = sum(item.answer is not None for item in said)
    notes = []
    if len(saved) > 1:
        notes.append(f"{len(saved)} files ({_names([name for name, _ in saved])}), each item counted once")
    if contradicted:
        texts = _names([last[key].text for key in contradicted])
        notes.append(
            f"{len(contradicted)} items with another answer in an earlier file, the last one counts ({texts}); "
            "if they are two people, give one of them another name in the file"
        )
    if answered < len(last):
        notes.append(f"{answered} of {len(last)} items have an answer")
    return [Judgement(item, reviewer) for item in said], notes


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
