"""Lexicons induced from parallel text: readers of the texts, and the choice of the aligned words to keep.

Precision comes first: a wrong word in a query is worse than an unchanged word. A pair is kept if it occurs twice, the
word alignments agree on it, and both translation models give it much of their probability. The last condition leaves
out rare words that always occur in the same sentences and cannot be distinguished.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources.abc import Traversable
from typing import Literal

import regex

from robustbench_ir.errors import DataError
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.lexicons.sources import Pair, read_text

ParallelFormat = Literal["bitext", "afriqa"]
PARALLEL_FORMATS = ("bitext", "afriqa")

_MINIMUM_COUNT = 2
_MINIMUM_SCORE = 0.4
_WORD = regex.compile(r"[\p{L}\p{M}\p{Pd}\u200c]{2,}|\p{Han}|\p{Hangul}")  # no single letters, no "don't"
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


def induced_pairs(languages: tuple[str, str], texts: Sequence[Pair], minimum_probability: float) -> list[Pair]:
    """Return the reliable word pairs of parallel text.

    Parameters
    ----------
    languages : (str, str)
        Codes of the language of the words and of that of their translations.
    texts : sequence of (str, str)
        Sentences and their translations.
    minimum_probability : float
        Smallest geometric mean of the two translation probabilities of a pair, 0 to 1.

    Returns
    -------
    list of (str, str)
        Word in lower case, and translation; the best translation of a word first. No translation is a function word,
        and no pair is a name in both languages.
    """
    from robustbench_ir.perturb.lexicons.alignment import induce, names_among, sentence

    pairs = [(sentence(text, languages[0]), sentence(other, languages[1])) for text, other in texts]
    names = names_among(source for source, _ in pairs)
    function_words = stop_words(languages[1])
    return [
        (one.entry, one.substitute)
        for one in induce(pairs, minimum_score=_MINIMUM_SCORE)
        if one.count >= _MINIMUM_COUNT
        and one.probability >= minimum_probability
        and _WORD.fullmatch(one.entry)
        and _WORD.fullmatch(one.substitute)
        and one.substitute.lower() not in function_words
        and not (one.entry in names and one.substitute[0].isupper())
    ]
