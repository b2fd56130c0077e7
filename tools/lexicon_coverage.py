"""Write docs/lexicons.md: where the lexicons come from, how good the induced ones are, what they cover.

    python tools/lexicon_coverage.py > docs/lexicons.md

Questions: those of XQuAD-R, AfriQA (test) and `mini` (with its own lexicons).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner

from robustbench_ir.cli import irbench
from robustbench_ir.perturb import Recipe, load_recipe
from robustbench_ir.perturb.lexicons.audit import AuditName, audited_pairs
from robustbench_ir.perturb.lexicons.coverage import lexicon_coverage
from robustbench_ir.perturb.lexicons.evidence import dictionary, find_evidence, sentence_pairs
from robustbench_ir.perturb.mechanisms.substitution import lexicon_rows
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
digit or a list in it, phrases of more than three words, and phrases where a word will do. A synonym needs two
witnesses: it has to share most of the word's translations, by the words that parallel text links and by dictionaries,
and a synset of the word's first two senses, a dictionary or two sentences have to support it. English synonyms are
words that many of GATITOS' 172 languages translate by one word. In languages whose row says `read = true`, only pairs
that a reader has marked as right are used. Forms of one word, words that stand together in a
phrase, names, and words with another class prefix are no synonyms. Single Chinese characters, which are mostly pieces
of other words, are not looked up, unless parallel text shows them as words.

## Words of human translations

Where a task has its questions in the language that is mixed in too, `code-switching` and `code-switching-mixed` take
the words of that translation: all of XQuAD-R, MLQA-R, Belebele, AfriQA, Tatoeba and `mini`, and your own folders whose
queries share a `parallel_id`. The identity says so (`code-switching@3+xquad-r`), and each edit says whose word it is:
`switch-translated` that of the translation, `switch` that of the lexicon. The lexicon is for queries without a
translation, and for those of which no word can be aligned. Passages and judgements stay as they are. On Tatoeba the
translation is itself the relevant passage: there, switching brings a query nearer to its passage, and a drop may well
be a gain.

All queries of the whole task are aligned with their translations at once, whatever languages and however few of them
are attacked, together with the parallel text of the lexicons. Two hidden Markov models in both directions, one of
dictionary forms and one of the first four letters of words, must agree on a link. That a lexicon joins two words, or
that they look alike in Latin script, counts as having seen them together. "Number of people" moves as a whole, since
"of" has its own translation between the two; so does "prime number" into "número primo", where the order changes.
Names, numbers, addresses and function words stay. A language takes 1 to 5 seconds when it is first used; the alignment
is then in the cache.

Thirty random questions of each of five languages were read at severity 5, with their translations: 1% of the edits in
Spanish, 3% in Hindi, 6% in Chinese and Swahili and 16% in Yoruba put in a wrong word, or only a part of the right
ones. The readers were no native speakers. Rare words in languages with little parallel text are the ones to distrust.

## Translations ranked by evidence

Elsewhere, and for queries without a translation, words come from lexicons that are compiled when a language is first
used, from everything that is known of two languages: `irbench lexicon show hi` names the sources. Parallel text comes
first: NTREX-128 (1,997 news sentences by professional translators), Tatoeba sentence pairs, and the questions of
AfriQA's *train and dev* splits with their human translations; the task `afriqa` attacks the test split, which is never
read. Stems are linked by a hidden Markov model in both directions (Vogel et al. 1996), with priors from the
dictionaries; no model is downloaded. The probability of a translation is its share of the links of a word. A dictionary
(GATITOS, CC-CEDICT; through English where there is none between two languages) counts like two further links, so that
it decides where the text is silent and yields where the text speaks. A wordnet's translation, or one of the sentiment
lists of NaijaSenti, counts only where the text or a dictionary has it too, or where the two words have the same letters
for the most part: by itself, the first sense of a wordnet is often a rare one. `minimum_probability` in the card is the
bound, by language. It was chosen so that about 1.5 words of a question of XQuAD-R and three quarters of the questions
of AfriQA are switched; where the text is small, it is lower. In 18 languages of little text, `least_probability` is the
bound for queries in which no word reaches the other one, so that more queries are switched and the sure words still
come first. Nigerian Pidgin has most of its words from English: a word that English has too is no switch, and stays.

Forms of one word count together: by lemma where simplemma has a dictionary, by class and agreement prefixes in Bantu
languages, where the text has the stem in other words too. A form is translated by the form that it is linked to. In
Vietnamese, syllables that stand together are one word. A word is not switched beside a neighbour with which it is
hardly ever linked to its translation ("a la hora de"), and two neighbours that are translated by one word are switched
as a whole. In Kinyarwanda, Rundi and Luganda, a word behind an elided one is found, and the elided one stays
("n'abantu", "n'people"). Names are left out: words whose translation has a capital within
sentences, unless it is an adjective or the word itself is written without one. Function words and offensive words are
never put in.

`code-switching:fr` mixes in another language than the one that the card names. The table says who reports that
speakers mix a language in; where no corpus was found it says so.

"""


def embedded_table() -> str:
    """Return which language is mixed into which, who reports it, and how much is known of the two."""
    lines = ["| language | into | sentence pairs | dictionary words | who reports it |", "|---|---|---:|---:|---|"]
    for code, options in sorted(load_recipe("code-switching").card.languages.items()):
        for row in lexicon_rows(code, options):
            evidence = find_evidence(code, row.embedded or "")
            pairs, words = len(sentence_pairs(evidence)), len(dictionary(evidence))
            lines.append(
                f"| {languages()[code].name} ({code}) | {row.embedded} | {pairs:,} | {words:,} | {row.source} |"
            )
    return "\n".join(lines)


def audit_table(name: AuditName) -> str:
    """Return how many pairs a reader has marked as right, unsure and wrong, by language."""
    lines = ["| language | read | right | unsure | wrong |", "|---|---:|---:|---:|---:|"]
    for code in sorted(languages()):
        marks = Counter(pair.mark for pair in audited_pairs(name, code))
        if marks:
            shares = " | ".join(f"{marks[mark] / marks.total():.0%}" for mark in ("right", "unsure", "wrong"))
            lines.append(f"| {languages()[code].name} ({code}) | {marks.total()} | {shares} |")
    return "\n".join(lines)


def coverage_table(task: Task, recipe: Recipe) -> str:
    """Return a Markdown table: a row for each language that the recipe covers."""
    own = recipe.for_task(replace(task, translations=None))  # this page is about the lexicons
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


AUDIT = """\
## Pairs that were read

The most frequent pairs that the recipes make of questions and headlines (XQuAD-R, AfriQA, MasakhaNEWS) were read once
and marked in `attacks/audit/*.tsv`. The reader was this project's machine author, which is no native speaker and reads
Bemba, Fon, Kinyarwanda, Twi, Wolof and others poorly. Wrong pairs are struck out of the lexicons, so that the shares
below are those of the pairs before. A speaker can correct a line, or overrule it by `attacks/audit/code-switching.tsv`
in a folder of cards (`--cards`).
"""


def main() -> None:
    """Print the page."""
    print(f"{PROSE}{embedded_table()}\n\n{AUDIT}")
    for name in ("code-switching", "synonym"):
        print(f"### `{name}`\n\n{audit_table(name)}\n")
    print(
        "## Coverage\n\n"
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
