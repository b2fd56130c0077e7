"""TextAttack's GreedyWordSwapWIR with the very rewritings of our search; for the benchmarks beside this file.

Runs in the environment of TextAttack (docs/textattack.md).
"""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from dataclasses import dataclass

from robustbench_ir._base.text import replace_spans
from robustbench_ir.adversary.candidates import SearchSpace
from robustbench_ir.encoders import Encoder
from robustbench_ir.integrations.textattack import EncoderWrapper, RetrievalGoal, TaskDataset
from robustbench_ir.tasks import Task

# isort: split
from textattack import Attack
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.constraints.pre_transformation import RepeatModification
from textattack.search_methods import GreedyWordSwapWIR
from textattack.shared import AttackedText
from textattack.transformations import WordSwap

_LEAST = 1e-12  # far below any difference of two APs


@dataclass(frozen=True)
class Found:
    """What TextAttack found: for each query AP, text, whether AP is half or less; texts asked about, and seconds."""

    values: list[float]
    texts: list[str]
    reached: list[bool]
    encodings: int
    seconds: float


class GivenRewritings(WordSwap):
    """The rewritings of our search for a query, offered word by word."""

    def begin(self, space: SearchSpace) -> None:
        """Turn to the next query."""
        clean = AttackedText(space.clean)
        self.clean: list[str] = clean.words
        self.rewritten: list[list[str]] = []
        reached = 0
        for word in clean.words:
            start = space.clean.index(word, reached)
            reached = start + len(word)
            inside = [
                edit for place in space.places for edit in place if start <= edit.span[0] and edit.span[1] <= reached
            ]
            spans = [(edit.span[0] - start, edit.span[1] - start) for edit in inside]
            self.rewritten.append(
                [replace_spans(word, [(span, edit.after)]) for span, edit in zip(spans, inside, strict=True)]
            )

    def _get_transformations(self, current_text: AttackedText, indices_to_modify: Set[int]) -> list[AttackedText]:
        return [
            current_text.replace_word_at_index(number, new)
            for number, word in enumerate(self.clean)
            if number in indices_to_modify and current_text.words[number] == word
            for new in self.rewritten[number]
        ]


class InOrder(RetrievalGoal):
    """The goal, with ties between the deletions broken by the place of the word: the first comes first."""

    def begin(self, clean: str) -> None:
        """Turn to the next query."""
        text = AttackedText(clean)
        self.place = {text.delete_word_at_index(place).text: place for place in range(len(text.words))}

    def _get_score(self, model_output: float, text: AttackedText) -> float:
        return 1 - model_output - _LEAST * self.place.get(text.text, 0)


def textattack_finds(
    encoder: Encoder, task: Task, spaces: Sequence[SearchSpace], words: int, *, to_the_end: bool, in_order: bool = False
) -> Found:
    """Attack each query in turn.

    Parameters
    ----------
    encoder, task
        Who is attacked, and whose queries and pool.
    spaces : sequence of SearchSpace
        What may be done to each query.
    words : int
        That may be changed.
    to_the_end : bool
        Whether to go on when AP is half of the clean AP.
    in_order : bool
        Whether words of equal importance are taken in the order of the text. Else numpy's argsort decides, whose
        order of equal numbers depends on the processor.
    """
    transformation = GivenRewritings()
    wrapper = EncoderWrapper(encoder, task)
    goal = (InOrder if in_order else RetrievalGoal)(wrapper, maximizable=to_the_end)
    constraints = [RepeatModification(), MaxWordsPerturbed(max_num_words=words)]
    attack = Attack(goal, constraints, transformation, GreedyWordSwapWIR("delete"))
    values, texts, reached, encodings = [], [], [], 0
    start = time.perf_counter()
    for space, (text, row) in zip(spaces, TaskDataset(task), strict=True):
        transformation.begin(space)
        if isinstance(goal, InOrder):
            goal.begin(text["text"])
        attack.clear_cache()  # what was offered for one query is not offered for another
        result = attack.attack(text, row)
        found = result.perturbed_result
        values.append(float(found.raw_output))
        texts.append(found.attacked_text.text)
        reached.append(found.raw_output <= result.original_result.raw_output / 2)
        encodings += goal.num_queries - 1  # the clean query is counted by neither
    return Found(values, texts, reached, encodings, time.perf_counter() - start)
