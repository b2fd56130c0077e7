"""Time adversarial search on English XQuAD-R: questions/s, encodings a question, share of the time inside the encoder.

    python benchmarks/search.py [--model char-ngram] [--questions 200] [--method greedy] [--starts 0] [--alternatives 1]

The default is what TextAttack's GreedyWordSwapWIR does with one rewriting a word: no random starts. The same search is
also run with one question at a time, as TextAttack works, in the same process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_ir.adversary import Budget, Searched, search
from robustbench_ir.adversary import attack as attack_module
from robustbench_ir.adversary.subset import first_questions
from robustbench_ir.encode import Embeddings, Encoder, EncoderDescription, load_encoder
from robustbench_ir.tasks import Task, load_task


@dataclass
class Timed:
    """An encoder that counts the seconds of its attacked queries; nothing is kept for it between runs."""

    encoder: Encoder
    clean: frozenset[str]
    seconds: float = 0.0

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
        """Do not count."""
        return self.encoder.encode_passages(texts)


def main() -> None:
    """Print a line for lock step and one for one question at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="char-ngram")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--method", default="greedy")
    parser.add_argument("--recipe", default="typo")
    parser.add_argument("--starts", type=int, default=0)
    parser.add_argument("--alternatives", type=int, default=1)
    parser.add_argument("--words", type=int, default=2)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--alone", type=int, default=20, help="questions of the run with one at a time; 0 for none")
    arguments = parser.parse_args()
    encoder = load_encoder(arguments.model)
    english = load_task("xquad-r", ["en"])

    def run(task: Task) -> Searched:
        return search(
            timed,
            task,
            [arguments.recipe],
            methods=[arguments.method],
            goal="map:monolingual",
            budget=Budget(arguments.words, arguments.queries),
            starts=arguments.starts,
            alternatives=arguments.alternatives,
        )

    for label, questions, together in (
        ("lock step", arguments.questions, attack_module.QUERIES_AT_ONCE),
        ("one at a time", arguments.alone, 1),
    ):
        if not questions:
            continue
        task = first_questions(english, questions)
        timed = Timed(encoder, frozenset(query.text for query in task.queries))
        attack_module.QUERIES_AT_ONCE = together
        found = run(task)
        searching = found.result.timings["search"]
        (one,) = found.attacked
        print(
            f"{arguments.model}, {label}: {questions} questions, {questions / searching:.2f} questions/s, "
            f"{one.encodings_per_query:.1f} encodings a question, {one.encodings_per_success:.1f} a success "
            f"({one.success_rate:.1%}), mAP {one.clean_value:.3f} -> {one.value:.3f}, "
            f"{timed.seconds / searching:.1%} of {searching:.1f} s inside the encoder"
        )


if __name__ == "__main__":
    main()
