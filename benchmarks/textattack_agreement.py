"""Our greedy search beside TextAttack's own GreedyWordSwapWIR, with the same candidates.

Runs in the environment of TextAttack (docs/textattack.md):

    python benchmarks/textattack_agreement.py --queries 200 --encoder char-ngram

Both get the English XQuAD-R questions, the same rewritings of each word, two words, and no other limit. TextAttack
takes words of equal importance in whatever order numpy's argsort leaves them; --in-order makes it take the first one
first, as ours does, so that what is left are other differences.
"""

from __future__ import annotations

import argparse

import numpy as np

# isort: split
from textattack_peer import textattack_finds

# isort: split
from robustbench_ir import Budget, RunOptions, SearchOptions, load_encoder, load_recipe, load_task, search
from robustbench_ir._base.text import nfc
from robustbench_ir.adversary.candidates import Draws, search_spaces
from robustbench_ir.tasks.task import first_questions

WORDS = 2
ALTERNATIVES = 8


def main() -> None:
    """Print how many queries end alike, and the first that do not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--encoder", default="char-ngram")
    parser.add_argument(
        "--in-order", action="store_true", help="TextAttack: of equally important words the first first"
    )
    parser.add_argument("--show", type=int, default=5, help="differences to print")
    given = parser.parse_args()
    task = first_questions(load_task("xquad-r", ["en"]), given.queries)
    encoder, budget = load_encoder(given.encoder), Budget(WORDS, 1_000_000)
    searched = search(
        encoder,
        task,
        ["typo"],
        SearchOptions(budget=budget, starts=0, alternatives=ALTERNATIVES),
        run=RunOptions(resume=False),
    )
    mine = np.array([one.best.value for one in searched.attacked[0].outcomes])
    my_texts = [one.text for one in searched.attacked[0].outcomes]
    offered = search_spaces(task.queries, [load_recipe("typo")], budget, Draws(3, 0, 0, ALTERNATIVES))
    theirs = textattack_finds(encoder, task, offered, WORDS, to_the_end=True, in_order=given.in_order)
    same = np.isclose(mine, theirs.values, atol=1e-6)
    print(f"{given.encoder}, {len(task.queries)} questions, {WORDS} words, typo, {ALTERNATIVES} rewritings a word")
    print(f"same final AP {same.mean():.1%}; mean AP ours {mine.mean():.4f}, TextAttack's {np.mean(theirs.values):.4f}")
    print(f"same text {np.mean([a == b for a, b in zip(my_texts, theirs.texts, strict=True)]):.1%}")
    for row in np.flatnonzero(~same)[: given.show]:
        print(f"{mine[row]:.4f} {theirs.values[row]:.4f}  {nfc(task.queries[row].text)}")
        print(f"  {my_texts[row]}\n  {theirs.texts[row]}")


if __name__ == "__main__":
    main()
