"""Time adversarial search on English XQuAD-R, ours beside TextAttack's GreedyWordSwapWIR, in one run.

    python benchmarks/search.py [--model char-ngram] [--questions 200] [--alone 20] [--peer 20] [--alternatives 1]

Same encoder, rewritings, words, and end: a query is left when its AP is half of the clean AP. TextAttack attacks the
first questions only (--peer), where it is installed (docs/textattack.md); ours attacks them too, and more of them,
because lock step wins more with more. Pool and clean queries are encoded before, and count neither here nor there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

from robustbench_ir.adversary import run as search_run
from robustbench_ir.adversary.candidates import Budget, Draws, search_spaces
from robustbench_ir.adversary.search import Searched, SearchOptions, search
from robustbench_ir.encoders import Embeddings, Encoder, EncoderDescription, load_encoder
from robustbench_ir.perturb import load_recipe
from robustbench_ir.tasks import Task, load_task
from robustbench_ir.tasks.task import first_questions


@dataclass
class Timed:
    """An encoder that counts the seconds of its attacked queries; nothing is kept for it between runs."""

    encoder: Encoder
    clean: frozenset[str] = frozenset()
    seconds: float = 0.0
    passages: dict[tuple[str, ...], Embeddings] = field(default_factory=dict)

    @property
    def description(self) -> EncoderDescription:
        """Without a fingerprint."""
        return EncoderDescription(self.encoder.description.name, "", self.encoder.description.similarity, 0)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Count."""
        start = time.perf_counter()
        rows = self.encoder.encode_queries(texts)
        # The clean queries come first, all together, and are no part of the search.
        self.seconds += 0.0 if self.clean.issuperset(texts) else time.perf_counter() - start
        return rows

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Do not count, and do it once for all the runs of this process."""
        if tuple(texts) not in self.passages:
            self.passages[tuple(texts)] = self.encoder.encode_passages(texts)
        return self.passages[tuple(texts)]


def ours(timed: Timed, task: Task, given: argparse.Namespace, method: str) -> Searched:
    """Search, with an encoder that has not been asked anything yet."""
    timed.seconds, timed.clean = 0.0, frozenset(query.text for query in task.queries)
    return search(
        timed,
        task,
        [given.recipe],
        SearchOptions(
            methods=[method],
            budget=Budget(given.words, given.queries),
            starts=given.starts,
            alternatives=given.alternatives,
            until_reached=True,
        ),
    )


def say(label: str, questions: int, seconds: float, encodings: int, successes: int, rest: str = "") -> None:
    """Print a line."""
    a_success = encodings / successes if successes else float("inf")
    print(
        f"{label}: {questions} questions, {questions / seconds:.2f} questions/s, {encodings / questions:.1f} encodings "
        f"a question, {a_success:.1f} a success ({successes / questions:.1%} of all questions){rest}",
        flush=True,
    )


def say_ours(label: str, timed: Timed, task: Task, given: argparse.Namespace, method: str) -> float:
    """Search, print a line, and return the questions a second."""
    found = ours(timed, task, given, method)
    seconds, (one,) = found.result.timings["search"], found.attacked
    share = f", {timed.seconds / seconds:.1%} of {seconds:.1f} s inside the encoder"
    say(f"ours, {label}", len(task.queries), seconds, one.encodings, one.successes, share)
    return len(task.queries) / seconds


def say_peer(timed: Timed, task: Task, given: argparse.Namespace) -> float:
    """Let TextAttack attack, print a line, and return the questions a second."""
    from textattack_peer import textattack_finds

    draws = Draws(3, 0, 0, given.alternatives)
    offered = search_spaces(task.queries, [load_recipe(given.recipe)], Budget(given.words, given.queries), draws)
    timed.seconds, timed.clean = 0.0, frozenset()
    found = textattack_finds(timed, task, offered, given.words, to_the_end=False)
    share = f", {timed.seconds / found.seconds:.1%} of {found.seconds:.1f} s inside the encoder"
    say("TextAttack", len(task.queries), found.seconds, found.encodings, sum(found.reached), share)
    return len(task.queries) / found.seconds


def main() -> None:
    """Print a line for each way to search, and how many times as fast as TextAttack ours is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="char-ngram")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--methods", default="greedy", help="the first is compared with TextAttack")
    parser.add_argument("--recipe", default="typo")
    parser.add_argument("--starts", type=int, default=0)
    parser.add_argument("--alternatives", type=int, default=1)
    parser.add_argument("--words", type=int, default=2)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--alone", type=int, default=20, help="questions of the run with one at a time; 0 for none")
    parser.add_argument("--peer", type=int, default=20, help="questions that TextAttack attacks; 0 for none")
    given = parser.parse_args()
    timed = Timed(load_encoder(given.model))
    english = load_task("xquad-r", ["en"])
    print(f"{given.model}, {given.recipe}, {given.alternatives} rewritings a word, {given.words} words")
    ours(timed, first_questions(english, 5), given, "greedy")  # encodes the pool, and loads what is loaded late
    speeds = []
    for method in given.methods.split(","):
        speeds.append(say_ours(f"{method}, lock step", timed, first_questions(english, given.questions), given, method))
        if given.peer:
            say_ours(f"{method}, lock step", timed, first_questions(english, given.peer), given, method)
    if given.alone:
        together, search_run.QUERIES_AT_ONCE = search_run.QUERIES_AT_ONCE, 1
        say_ours("greedy, one at a time", timed, first_questions(english, given.alone), given, "greedy")
        search_run.QUERIES_AT_ONCE = together
    if given.peer and find_spec("textattack"):
        peer = say_peer(timed, first_questions(english, given.peer), given)
        print(f"ours is {speeds[0] / peer:.1f} x as fast as TextAttack")
    elif given.peer:
        print("TEXTATTACK IS NOT INSTALLED HERE: nothing to compare with (docs/textattack.md)")


if __name__ == "__main__":
    main()
