"""Our greedy search beside TextAttack's own GreedyWordSwapWIR, with the same candidates.

Runs in the environment of TextAttack (docs/textattack.md):

    python benchmarks/textattack_agreement.py --queries 200 --encoder char-ngram

Both get the English XQuAD-R questions, the same rewritings of each word, two words, and no other limit. Among
rewritings that are equally good, ours takes the one drawn first and TextAttack the first in the alphabet; --same-ties
makes it take ours, so that what is left are true differences.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence, Set
from dataclasses import replace

import numpy as np

from robustbench_ir import adversary, load_encoder, load_recipe, load_task
from robustbench_ir.score.measures import Ranked, average_precision
from robustbench_ir.tasks import Task
from robustbench_ir.text import nfc, replace_spans
from robustbench_ir.textattack import EncoderWrapper, RetrievalGoal, TaskDataset  # before TextAttack: it lets it load

# isort: split
from textattack import Attack
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.constraints.pre_transformation import RepeatModification
from textattack.search_methods import GreedyWordSwapWIR
from textattack.shared import AttackedText
from textattack.transformations import WordSwap

WORDS = 2
ALTERNATIVES = 8
_LEAST = 1e-12  # far below any difference of two APs


class GivenRewritings(WordSwap):
    """The rewritings of our search for a query, offered word by word to TextAttack."""

    def __init__(self, found: Sequence[adversary.candidates.Space]) -> None:
        super().__init__()
        self.spaces = {space.clean: space for space in found}
        self.clean = ""

        self.turn: dict[str, int] = {}

    def begin(self, clean: str) -> None:
        """Forget the last query; deletions take turns by their place, as ours do."""
        text = AttackedText(clean)
        self.clean = clean
        self.turn = {text.delete_word_at_index(place).text: place for place in range(len(text.words))}

    def _get_transformations(self, current_text: AttackedText, indices_to_modify: Set[int]) -> list[AttackedText]:
        clean = AttackedText(self.clean)
        offered = []
        reached = 0
        for number, word in enumerate(clean.words):
            start = self.clean.index(word, reached)
            reached = start + len(word)
            if number in indices_to_modify and current_text.words[number] == word:
                for place in self.spaces[self.clean].places:
                    for edit in place:
                        if start <= edit.span[0] and edit.span[1] <= reached:
                            inside = (edit.span[0] - start, edit.span[1] - start)
                            new = replace_spans(word, [(inside, edit.after)])
                            offered.append(current_text.replace_word_at_index(number, new))
                            self.turn.setdefault(offered[-1].text, len(self.turn))
        return offered


class InTurn(RetrievalGoal):
    """The goal, with ties broken by the turn in which texts were offered."""

    def __init__(self, wrapper: EncoderWrapper, turn: GivenRewritings) -> None:
        super().__init__(wrapper, maximizable=True)
        self.offers = turn

    def _get_score(self, model_output: float, text: AttackedText) -> float:
        return 1 - model_output - _LEAST * self.offers.turn.get(text.text, 0)


def ours(encoder: str, task: Task) -> tuple[list[float], list[str], float]:
    start = time.perf_counter()
    found = adversary.search(
        encoder,
        task,
        ["typo"],
        methods=["greedy"],
        budget=adversary.Budget(WORDS, 1_000_000),
        starts=0,
        alternatives=ALTERNATIVES,
        resume=False,
    )
    seconds = time.perf_counter() - start
    (attacked,), layout = found.attacked, found.result.layout
    ranks = attacked.cell.ranks.in_pool
    values = average_precision(Ranked(ranks, layout.query, layout.grade, len(layout.query_ids)))
    return values.tolist(), [one.text for one in attacked.outcomes], seconds


def theirs(
    encoder: str, task: Task, found: Sequence[adversary.candidates.Space], same_ties: bool
) -> tuple[list[float], list[str], float]:
    transformation = GivenRewritings(found)
    wrapper = EncoderWrapper(load_encoder(encoder), task)
    goal = InTurn(wrapper, transformation) if same_ties else RetrievalGoal(wrapper, maximizable=True)
    constraints = [RepeatModification(), MaxWordsPerturbed(max_num_words=WORDS)]
    attack = Attack(goal, constraints, transformation, GreedyWordSwapWIR("delete"))
    values, texts = [], []
    start = time.perf_counter()
    for text, row in TaskDataset(task):
        transformation.begin(text["text"])
        attack.clear_cache()  # what was offered for one query is not offered for another
        result = attack.attack(text, row)
        values.append(float(result.perturbed_result.raw_output))
        texts.append(result.perturbed_result.attacked_text.text)
    return values, texts, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--encoder", default="char-ngram")
    parser.add_argument("--same-ties", action="store_true", help="break TextAttack's ties as ours are broken")
    parser.add_argument("--show", type=int, default=5, help="differences to print")
    given = parser.parse_args()
    whole = load_task("xquad-r", ["en"])
    kept = whole.qrels.query < given.queries
    judged = whole.qrels
    qrels = type(judged)(judged.query[kept], judged.passage[kept], judged.grade[kept])
    task = replace(whole, queries=whole.queries[: given.queries], qrels=qrels)
    draws = adversary.candidates.Draws(severity=3, seed=0, starts=0, alternatives=ALTERNATIVES)
    found = adversary.candidates.spaces(task.queries, [load_recipe("typo")], adversary.Budget(WORDS, 1_000_000), draws)
    mine, my_texts, my_seconds = ours(given.encoder, task)
    other, their_texts, their_seconds = theirs(given.encoder, task, found, given.same_ties)
    same = np.isclose(mine, other, atol=1e-6)
    print(f"{given.encoder}, {len(task.queries)} questions, {WORDS} words, typo, {ALTERNATIVES} rewritings a word")
    print(f"same final AP {same.mean():.1%}; mean AP ours {np.mean(mine):.4f}, TextAttack's {np.mean(other):.4f}")
    print(f"same text {np.mean([a == b for a, b in zip(my_texts, their_texts, strict=True)]):.1%}")
    print(f"questions/s ours {len(mine) / my_seconds:.1f}, TextAttack's {len(other) / their_seconds:.1f}")
    for row in np.flatnonzero(~same)[: given.show]:
        print(f"{mine[row]:.4f} {other[row]:.4f}  {nfc(task.queries[row].text)}")
        print(f"  {my_texts[row]}\n  {their_texts[row]}")


if __name__ == "__main__":
    main()
