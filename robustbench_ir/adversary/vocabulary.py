"""The words of a language that a crafted passage may use: whole words, as the task's own texts write them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from robustbench_ir._base.text import nfc, script, word_spans
from robustbench_ir.errors import DataError
from robustbench_ir.tasks import Task

_LEAST = 2  # words that occur once are often names, slips and words of other languages
_OWN_SCRIPT = 0.1  # share of the words of a language from which on a script is one of its own


def words_of(text: str, language: str) -> list[str]:
    """Return the words of a text that have a letter, in order."""
    words = (text[start:end] for start, end in word_spans(text, language))
    return [word for word in words if any(map(str.isalpha, word))]


def vocabulary(task: Task, language: str, questions: Iterable[str]) -> tuple[str, ...]:
    """Return the words of the questions and passages of a task in one language.

    Words are left out that occur once in all texts, and those in a script that is not the language's own.

    Parameters
    ----------
    task : Task
        Task with passages.
    language : str
        Code of the language.
    questions : iterable of str
        Questions in the language.

    Returns
    -------
    tuple of str
        In alphabetical order.

    Raises
    ------
    DataError
        If no word is left.
    """
    texts = [*questions, *(passage.text for passage in task.passages if passage.language == language)]
    counts = Counter(word for text in texts for word in words_of(nfc(text), language))
    scripts: Counter[str] = Counter()
    for word, count in counts.items():
        scripts[script(word)] += count
    own = {name for name, count in scripts.items() if count >= _OWN_SCRIPT * scripts.total()}
    found = tuple(sorted(word for word, count in counts.items() if count >= _LEAST and script(word) in own))
    if not found:
        raise DataError(
            f"{task.name}: no word of {language} occurs twice in its texts, so that there is none to craft passages "
            f"of; name other source languages, or --craft copy"
        )
    return found
