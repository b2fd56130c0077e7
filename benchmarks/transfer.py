"""Measure what carries over between encoders on the first questions of XQuAD-R, and print the docs' table.

python benchmarks/transfer.py [--encoders use-multilingual,char-ngram,bm25] [--questions 50] [--languages en,th,tr,ar]
"""

from __future__ import annotations

import argparse

from robustbench_ir.adversary.candidates import Budget
from robustbench_ir.adversary.search import SearchOptions
from robustbench_ir.adversary.transfer import transfer
from robustbench_ir.metrics.findings import Finding
from robustbench_ir.tasks import load_task
from robustbench_ir.tasks.task import first_questions


def shown(one: Finding) -> str:
    """Return such as ``+0.295 ±0.041 (+55%)``."""
    return f"{one.drop.value:+.3f} ±{one.drop.half_width:.3f} ({one.relative_drop.value:+.0%})"


def main() -> None:
    """Print Markdown: the drop of each pair, without an adversary and with one, and the changes that did most harm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", default="use-multilingual,char-ngram,bm25")
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--languages", default="en,th,tr,ar")
    parser.add_argument("--method", default="greedy")
    arguments = parser.parse_args()
    names = arguments.encoders.split(",")
    task = first_questions(load_task("xquad-r", arguments.languages.split(",")), arguments.questions)
    budget, goal = Budget(words=2, queries=200), "map:monolingual"
    average = transfer(names[:1], names[1:], task, search=SearchOptions(["random"], goal, budget))
    worst = transfer(names, (), task, search=SearchOptions([arguments.method], goal, budget))
    print(f"| crafted on | {' | '.join(names)} |\n|---|{'---:|' * len(names)}")
    chance, crafted = (found.matrix("monolingual") for found in (average, worst))
    clean = [chance[names[0], name].clean.value for name in names]
    print(f"| (clean mAP) | {' | '.join(f'{one:.3f}' for one in clean)} |")
    for label, found, source in [("nothing: random", chance, names[0]), *((name, crafted, name) for name in names)]:
        drops = [found[source, name] for name in names]
        print(f"| {label} | {' | '.join(map(shown, drops))} |")
    print(f"\nmost harm to {names[0]}:")
    for row in worst.substitutions[names[0]][:8]:
        print(f"- {row.language}: {row.before} → {row.after}, {row.queries} queries, {row.gain:.3f} AP each")


if __name__ == "__main__":
    main()
