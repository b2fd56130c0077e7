"""Measure average and worst case on the first questions of XQuAD-R against the whole pool; print the docs' tables.

python benchmarks/worst_case.py [--model use-multilingual] [--questions 100] [--languages en,hi,th,tr,ar]
"""

from __future__ import annotations

import argparse

from robustbench_ir.adversary import Budget, search
from robustbench_ir.adversary.subset import first_questions
from robustbench_ir.encode import EncoderOptions
from robustbench_ir.languages import languages
from robustbench_ir.report.table import recipe_name
from robustbench_ir.tasks import load_task


def main() -> None:
    """Print Markdown: AP by language, then what each search cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="use-multilingual")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--languages", default="en,hi,th,tr,ar")
    parser.add_argument("--recipe", default="typo")
    parser.add_argument("--methods", default="random,best-of-20,greedy,beam-4")
    parser.add_argument("--goal", default="map:monolingual")
    parser.add_argument("--words", type=int, default=2)
    parser.add_argument("--queries", type=int, default=500)
    arguments = parser.parse_args()
    codes = arguments.languages.split(",")
    task = first_questions(load_task("xquad-r", codes), arguments.questions)
    found = search(
        arguments.model,
        task,
        [arguments.recipe],
        methods=arguments.methods.split(","),
        goal=arguments.goal,
        budget=Budget(arguments.words, arguments.queries),
        options=EncoderOptions(batch_size=64),
    )
    names = [recipe_name(one.cell.recipe).partition("(")[0] for one in found.attacked]
    setting = arguments.goal.partition(":")[2] or "multilingual"
    print(f"| {setting} mAP | clean | {' | '.join(names)} |\n|---|{'---:|' * (1 + len(names))}")
    rows = {
        code: [drop for drop in found.result.drops(setting, by="language") if drop.language == code] for code in codes
    }
    for code, drops in rows.items():
        cells = " | ".join(f"{drop.attacked:.3f}" for drop in drops)
        print(f"| {languages()[code].name} | {drops[0].clean:.3f} | {cells} |")
    drops = found.result.drops(setting)
    print(f"| all | {drops[0].clean:.3f} | {' | '.join(f'{drop.attacked:.3f}' for drop in drops)} |\n")
    print("| search | success | texts a question | texts a success | words changed |\n|---|---:|---:|---:|---:|")
    for name, one in zip(names, found.attacked, strict=True):
        cost = f"{one.encodings_per_query:.1f} | {one.encodings_per_success:,.1f}"
        print(f"| {name} | {one.success_rate:.1%} | {cost} | {one.words:.2f} |")
    print(f"\n{found.result.timings}")


if __name__ == "__main__":
    main()
