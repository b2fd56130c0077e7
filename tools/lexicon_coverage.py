"""Write docs/lexicons.md: where the lexicons come from, how good the induced ones are, what they cover.

    python tools/lexicon_coverage.py > docs/lexicons.md

Questions: those of XQuAD-R, AfriQA (test) and `mini` (with its own lexicons).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner

from robustbench_ir.cli import irbench
from robustbench_ir.perturb import Recipe, load_recipe
from robustbench_ir.perturb.lexicons.catalogue import lexicon_sources
from robustbench_ir.perturb.lexicons.coverage import lexicon_coverage
from robustbench_ir.perturb.mechanisms.substitution import lexicon_rows
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Task, load_task

RECIPES = ("code-switching", "code-switching-mixed", "synonym")
PROSE = """\
# Lexicons of code-switching and synonyms

<!-- Made by tools/lexicon_coverage.py; do not edit. Made again by:
     python tools/lexicon_coverage.py > docs/lexicons.md -->

`irbench lexicon list` names every lexicon with its terms, `irbench lexicon show sw nchi maji` says where a language's
lexicon comes from and what stands for a word, `irbench lexicon coverage --task xquad-r` prints the shares below for
one task. `irbench audit code-switching --task xquad-r --languages hi` shows the most frequent edits, marks function
words and names among them, and says how often the word stands in the human translation of the question.

## Formats

`irbench lexicon build` makes a recipe of your own from two-column tables (`tsv`), MUSE's word pairs (`muse`),
FreeDict as Debian has it (`dictd`: `/usr/share/dictd/*.index`) or as FreeDict publishes it (`tei`). A line with a
wrong number of columns is an error that names file and line; `--on-bad-line skip` leaves such lines out and says how
many. `--reverse` turns a dictionary round: English-Hindi for Hindi questions. GPL dictionaries are read where they
lie and go only into your own folder of cards. `irbench lexicon wordnet omw-fi:1.4 --language fi --out cards` writes a
recipe of synonyms from a wordnet that the library [wn](https://github.com/goodmami/wn) has installed (`pip install
'robustbench-ir[wordnets]'`): what a query becomes never depends on what is installed. `irbench lexicon induce --task
xquad-r --from hi --to all --out cards` aligns a task's parallel queries.

## What is left out

Translations that are function words of the embedded language, notes in brackets, "to" before verbs, anything with a
digit or a list in it, phrases of more than three words, and phrases where a word will do. Where a word has everyday
translations (those of GATITOS), rare ones are left out. A synonym needs two witnesses: it has to share most of the
word's translations, by the words that parallel text links and by dictionaries, and a synset of the word's first two
senses, a dictionary or two sentences have to support it. English synonyms are words that many of GATITOS' 172 languages
translate by one word. Forms of one word, words that stand together in a phrase, names, and words with another class
prefix are no synonyms. Pairs that a reader has found to be wrong are in `attacks/audit/synonym.tsv`.
Single Chinese characters and Vietnamese syllables, which are mostly
pieces of other words, are not looked up, unless parallel text shows them as words.

## Lexicons induced from parallel text

Words are aligned by IBM model 1 in both directions (Brown et al. 1993), made symmetric by grow-diag (Koehn, Och &
Marcu 2003); no model is downloaded. A pair is kept when it was seen at least twice, its relative frequency (geometric
mean of both directions) is at least 0.4, and both translation models give it 0.5 (geometric mean; 0.25 where a row of
`attacks/_lexicons.toml` says so). Names that both languages capitalise are left out. These bounds were chosen by
looking at the pairs that come out. Texts: Tatoeba sentence pairs (CC BY 2.0) and the questions of AfriQA's *train and
dev* splits with their human translations (CC BY 4.0); the task `afriqa` attacks the test split, which is never read.
All pairs that came out were then read once, quickly, by the project's machine author, which speaks Bemba,
Kinyarwanda, Twi, Wolof and others poorly, and those that looked wrong were struck out (`wrong` in
`attacks/_lexicons.toml`). The last column is thus an upper bound of what was right before, and no measurement by
native speakers. A dozen further words were struck out of other lexicons, and function words of Fon, Khmer, Twi and
Wolof listed, after reading what the recipes make of questions of XQuAD-R and AfriQA's test split: the coverage below
is on questions that were looked at. Corrections by speakers are welcome.

"""


def induced_table() -> str:
    """Return how many pairs each induced lexicon has, and how many were struck out."""
    lines = [
        "| lexicon | sentence pairs from | pairs kept | struck out | not struck out |",
        "|---|---|---:|---:|---:|",
    ]
    for name, source in sorted(lexicon_sources().items()):
        if source.parallel:
            whole = source.model_copy(update={"wrong": []})
            everything, kept = len(list(whole.pairs(SHIPPED))), len(list(source.pairs(SHIPPED)))
            origin = "Tatoeba" if source.format == "bitext" else "AfriQA train, dev"
            lines.append(f"| {name} | {origin} | {kept} | {everything - kept} | {kept / everything:.0%} |")
    return "\n".join(lines)


def coverage_table(task: Task, recipe: Recipe) -> str:
    """Return a Markdown table: a row for each language that the recipe covers."""
    own = recipe.for_task(task)
    lines = ["| language | into | words | as written | queries | as written |", "|---|---|---:|---:|---:|---:|"]
    for code in task.query_languages:
        if own.covers(code):
            share = lexicon_coverage(own, [query for query in task.queries if query.language == code])
            into = " ".join(sorted({row.embedded or code for row in lexicon_rows(code, own.card.languages[code])}))
            shares = (share.words, share.exact_words, share.queries, share.exact_queries)
            cells = " | ".join(f"{one:.0%}" for one in shares)
            lines.append(f"| {languages()[code].name} ({code}) | {into} | {cells} |")
    left = [code for code in task.query_languages if not own.covers(code)]
    return "\n".join(lines) + (f"\n\nNot covered: {', '.join(left)}." if left else "")


def induced_recipe(folder: Path) -> Recipe:
    """Return the recipe that `irbench lexicon induce` makes of XQuAD-R's parallel questions."""
    CliRunner().invoke(
        irbench, ["lexicon", "induce", "--task", "xquad-r", "--out", str(folder)], catch_exceptions=False
    )
    return load_recipe("code-switching-induced", folder)


def main() -> None:
    """Print the page."""
    print(PROSE + induced_table())
    print(
        "\n## Coverage\n\n"
        "Share of the words that the recipe's constraints leave open (no names, numbers, function words) and of\n"
        "the queries that have such a word: known in any form, and as written. With several embedded languages\n"
        "one is drawn for each query.\n"
    )
    tasks = [load_task(name) for name in ("xquad-r", "afriqa", "mini")]
    for task in tasks:
        for name in RECIPES:
            if task.name == "mini" and name not in task.lexicons:
                continue
            print(f"### {task.name}: `{name}`\n\n{coverage_table(task, load_recipe(name))}\n")
    with TemporaryDirectory() as folder:
        print("### xquad-r: `irbench lexicon induce --task xquad-r`, words and phrases into English\n")
        print(coverage_table(tasks[0], induced_recipe(Path(folder))))


if __name__ == "__main__":
    main()
