"""Readers of parallel text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable
from typing import Literal

from robustbench_ir.errors import DataError
from robustbench_ir.perturb.lexicons.sources import Pair, read_text

ParallelFormat = Literal["bitext", "afriqa", "lines"]
PARALLEL_FORMATS = ("bitext", "afriqa", "lines")

_NAMED = ("question", "translated_question")


def read_parallel_files(text: Traversable, translation: Traversable) -> list[Pair]:
    """Read two files whose lines are translations of each other.

    Parameters
    ----------
    text, translation : Traversable
        The two files.

    Raises
    ------
    DataError
        If the files have different numbers of lines, or one is not UTF-8.
    """
    left, right = (read_text(entry).removesuffix("\n").split("\n") for entry in (text, translation))
    if len(left) != len(right):
        raise DataError(
            f"{text} has {len(left)} lines and {translation} has {len(right)}; line n of one must translate line n of "
            "the other"
        )
    return [
        (one.strip(), other.strip()) for one, other in zip(left, right, strict=True) if one.strip() and other.strip()
    ]


def read_translated_questions(entries: Iterable[Traversable]) -> list[Pair]:
    """Read AfriQA's questions and their human translations, from JSON Lines.

    Raises
    ------
    DataError
        If a line has no question or no translation.
    """
    return [pair for entry in entries for pair in _translated(entry)]


def _translated(entry: Traversable) -> Iterator[Pair]:
    for number, line in enumerate(read_text(entry).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            question, translation = (json.loads(line)[key] for key in _NAMED)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{entry}:{number}: no JSON object with {' and '.join(map(repr, _NAMED))}") from error
        if question and translation:
            yield str(question), str(translation)
