"""Measure average and worst case on the first questions of XQuAD-R against the whole pool; print the docs' tables.

    python benchmarks/worst_case.py [--model use-multilingual] [--questions 40] [--languages en,hi,th,tr,ar]
    python benchmarks/worst_case.py --model build/me5-small --name "multilingual-e5-small" --page docs/worst-case.md

With --page the tables replace those between the two marks of that page. Run it again after it was stopped: it goes on.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from robustbench_ir.adversary.candidates import Budget
from robustbench_ir.adversary.search import Searched, SearchOptions, search
from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.metrics.settings import Setting
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import load_task
from robustbench_ir.tasks.task import first_questions

_MARKED = re.compile(r"(<!-- worst_case.py -->\n).*(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Print Markdown: AP by language, then what each search cost."""
    given = arguments().parse_args()
    codes = given.languages.split(",")
    task = first_questions(load_task("xquad-r", codes), given.questions)
    found = search(
        given.model,
        task,
        [given.recipe],
        SearchOptions(
            methods=given.methods.split(","),
            goal=f"map:{given.setting}",
            budget=Budget(given.words, given.queries),
            alternatives=given.alternatives,
        ),
        options=EncoderOptions(batch_size=64),
    )
    page = "\n".join([*said(given), "", *by_language(found, codes, given.setting), "", *costs(found)])
    print(f"{page}\n\n{found.result.timings}")
    if given.page:
        text, count = _MARKED.subn(
            lambda marks: f"{marks[1]}{page}\n{marks[2]}", given.page.read_text(encoding="utf-8")
        )
        if count != 1:
            raise SystemExit(f"{given.page} has not the two marks <!-- worst_case.py --> and <!-- end -->")
        given.page.write_text(text, encoding="utf-8")


def arguments() -> argparse.ArgumentParser:
    """Return what may be asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="use-multilingual")
    parser.add_argument("--name", help="of the model on the page")
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--languages", default="en,hi,th,tr,ar")
    parser.add_argument("--recipe", default="typo")
    parser.add_argument("--methods", default="random,best-of-20,greedy,greedy-rare,beam-4")
    parser.add_argument("--setting", default="monolingual", choices=("monolingual", "cross-lingual", "multilingual"))
    parser.add_argument("--words", type=int, default=2)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--alternatives", type=int, default=4)
    parser.add_argument("--page", type=Path)
    return parser


def said(given: argparse.Namespace) -> Iterator[str]:
    """Say what was measured, and how to do it again."""
    yield f"Encoder {given.name or given.model}, the first {given.questions} questions in each language, recipe"
    yield f"`{given.recipe}` with {given.alternatives} rewritings a place, at most {given.words} words and"
    yield f"{given.queries} texts a question, one seed, {given.setting} pool."
    yield ""
    yield "```"
    options = ("questions", "languages", "recipe", "setting", "words", "queries", "alternatives")
    default = arguments()
    changed = [
        f"--{name} {getattr(given, name)}" for name in options if getattr(given, name) != default.get_default(name)
    ]
    yield " ".join(["python benchmarks/worst_case.py", f"--model {given.model}", *changed])
    yield "```"


def by_language(found: Searched, codes: Sequence[str], setting: Setting) -> Iterator[str]:
    """Tabulate mAP, clean and under each search."""
    names = [one.cell.recipe.search.method for one in found.attacked]
    yield f"| {setting} mAP | clean | {' | '.join(names)} |"
    yield f"|---|{'---:|' * (1 + len(names))}"
    for code in codes:
        drops = [drop for drop in found.result.drops(setting, by="language") if drop.language == code]
        cells = " | ".join(f"{drop.attacked:.3f}" for drop in drops)
        yield f"| {languages()[code].name} | {drops[0].clean:.3f} | {cells} |"
    drops = list(found.result.drops(setting))
    yield f"| all | {drops[0].clean:.3f} | {' | '.join(f'{drop.attacked:.3f}' for drop in drops)} |"


def costs(found: Searched) -> Iterator[str]:
    """Tabulate what each search cost."""
    yield "| search | success | texts a question | texts a success | words changed |"
    yield "|---|---:|---:|---:|---:|"
    for one in found.attacked:
        cost = f"{one.encodings_per_query:.1f} | {one.encodings_per_success:,.1f}"
        yield f"| {one.cell.recipe.search.method} | {one.success_rate:.1%} | {cost} | {one.words:.2f} |"


if __name__ == "__main__":
    main()
