"""How rare the words of a query are among the passages: importance that no encoder is asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from robustbench_ir.adversary.candidates import Space
from robustbench_ir.tasks import Task
from robustbench_ir.text import nfc, word_spans


def passage_frequency(task: Task) -> Mapping[str, int]:
    """Count the passages that have each word, case folded, whatever its language."""
    counts: Counter[str] = Counter()
    for passage in task.passages:
        counts.update(set(_words(nfc(passage.text), passage.language)))
    return counts


def place_frequencies(space: Space, language: str, counts: Mapping[str, int]) -> tuple[int, ...]:
    """Return, for each place of a query, the number of passages that have its rarest word; 0 for one without words."""
    words = [
        (start, end, counts.get(space.clean[start:end].casefold(), 0))
        for start, end in word_spans(space.clean, language)
    ]
    spans = [place[0].span for place in space.places]
    return tuple(
        min((count for left, right, count in words if left < end and start < right), default=0) for start, end in spans
    )


def _words(text: str, language: str) -> list[str]:
    return [text[start:end].casefold() for start, end in word_spans(text, language)]
