"""Write docs/tasks.md from the task cards; sizes are counted where the data is at hand.

    python tools/task_pages.py > docs/tasks.md

The same data gives the same page. A task without its data at hand is not downloaded: its sizes stay empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import langcodes

from robustbench_ir.errors import DataUnavailableError
from robustbench_ir.resources.downloads import without_network
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Task, TaskCard, load_task, task_card, task_names
from robustbench_ir.tasks.formats.trec import corpora

HEAD = """# Tasks

<!-- Made by tools/task_pages.py; do not edit. -->

`irbench attack --task NAME` takes any of these by name, a folder of your own, or a retrieval task of `mteb`. Resource
class: 0 (left behind) to 5 (winners) after [Joshi et al. 2020](https://aclanthology.org/2020.acl-main.560); empty where
`attacks/_languages.toml` has no row for the language: the recipes then leave its queries as they are.

## Your own folder

`--task ./my-folder`: the name of a task with a slash in it is a folder in [BEIR](https://github.com/beir-cellar/beir)'s
layout, with a language for each text.

```
my-folder/
  corpus.jsonl    {"_id": "d1", "title": "", "text": "...", "language": "sw"}
  queries.jsonl   {"_id": "q1", "text": "...", "language": "sw", "parallel_id": "1"}
  qrels/test.tsv  query-id<TAB>corpus-id<TAB>score, with or without a header, or TREC's four columns
  task.toml       optional: query_language, passage_language, split, relevant_from, ignore_identical_ids,
                  words_a_piece, title, licence, citation, homepage, notes
```

BEIR's ZIP archives load as they are (`--task ./scifact.zip`), and so do gzipped JSON Lines (`corpus.jsonl.gz`),
judgements as `qrels.tsv` beside the texts or as JSON Lines (`{"query-id": "q1", "corpus-id": "d1", "score": 1}`), the
Parquet files of a data set of the hub (with pyarrow), and Anserini's names: `collection/*.jsonl` with `id` and
`contents`, `topics*.tsv`, `qrels*.txt`.

- Languages are BCP 47 or ISO 639-3 codes. A script that is not the usual one of the language is kept: `hin_Deva` is
  `hi` and `hin_Latn` is `hi-Latn`, `zho_Hans` is `zh` and `zho_Hant` is `zh-Hant`. `language` and `parallel_id` may
  stand inside `metadata`. Where no line of a file names a language, `task.toml` does: `query_language = "sw"`.
- Queries that are translations of each other share a `parallel_id`; its default is the query's own id. Two queries of
  one language with one `parallel_id` are refused.
- `words_a_piece = 100` has long passages read in pieces of 100 words: the score of a passage is then that of its best
  piece (MaxP), so that encoders that read few tokens read all of it. The pool stays that of the passages.
- Title and text of a passage are joined. Texts and ids are read in Unicode normalisation form C.
- The first line of `qrels/*.tsv` may be a header; the columns are then taken by their names, and names that say
  nothing are refused. Grades are whole numbers, `1.0` among them. Those above 0 are relevant; `relevant_from = 2`
  asks for more, as trec_eval's `-l 2` does: nDCG still gains from grade 1.
- Where `qrels/` has several files, `test` is used alone; all of them where there is no `test`. `--task ./my-folder:dev`
  chooses another split, and so does `split = "dev"` in `task.toml`; the identity of the task then ends in `-split-dev`.
- Left out, with their number above the table and in the result: queries without a relevant passage, passages without
  text that nothing finds relevant, judgements of passages and queries that do not exist.
- **A passage with the id of a query is left out of that query's ranking**, as BEIR and mteb do (ArguAna, Quora): the
  query was taken from the pool, and finds itself first whatever is done to it. The identity of the task then ends in
  `-without-own`. A passage that has another text and is judged relevant stays. `ignore_identical_ids = false` keeps
  all.
- Results name the task `my-folder@` and the beginning of the SHA-256 of its texts and judgements. Where
  `results/MODEL-TASK.json` is the result of another encoder or folder of that name, the new one gets some digits in
  its name.

`irbench tasks check ./my-folder` says the faults by file and line (the first five of a kind, `--all` for every one),
then what is there; its status is 2 where the task would not load. It goes on with what loads and may mislead all the
same: copies of relevant passages without a judgement, queries that stand in the pool, near-duplicates, very short
queries and long passages, ids that a TREC run cannot hold, texts in another script than the rest of their language.
`--repair OUT` writes a clean copy and says what it did. Lines above 16 MiB are refused.

## Tasks from question-answering files

Question-answering data of many low-resource languages (TiQuAD, AmQA, KenSwQuAD and others) is published in the format
of SQuAD. A question then looks for the sentence of its answer among all sentences, as in LAReQA (arXiv 2004.05484):

```
irbench tasks import squad ti=tiquad-dev.json --out tiquad
irbench attack --task ./tiquad
```

Several files, `am=a.json en=b.json`, make one task; `--parallel` says that questions with the same id are translations
of each other, and then the passages of each are relevant to all. `--passages paragraphs` keeps contexts whole, which is
better for Thai, Lao and Khmer, where sentences have no mark. The words of the answer count, not their stated place,
which many files count in other units. Questions without an answer (version 2) or with one that their context does not
have are left out and counted.

## Tasks of mteb

`--task mteb:NFCorpus`, with the extra: `pip install 'robustbench-ir[mteb]'`. The monolingual subsets of a text
retrieval task are taken, one a language, at mteb's pinned revision. `--task mteb:MLQARetrieval:pairs` takes the subsets
whose queries and passages are in different languages, too, as one task: `--languages ar,de` chooses those in these
languages. mteb does not say which language is that of the queries, so that this goes for tasks whose loaders were read:
BelebeleRetrieval, CUREv1, MLQARetrieval and XPQARetrieval. Questions with the same id are parallel where all their
judgements agree. Refused with the reason: pairs of other tasks, reranking of given lists, instructions and
conversations. What counts and what is left out is as in folders; a query's own passage is left out of its ranking where
mteb does so.
"""


def page() -> str:
    """Return the page, Markdown."""
    return "\n".join([HEAD, *(line for name in task_names() for line in _section(task_card(name)))])


def _section(card: TaskCard) -> Iterator[str]:
    task = _at_hand(card.name)
    published = Counter({code: corpus.count or 0 for code, corpus in corpora(card.languages).items()})
    yield f"## {card.title}: `{card.name}@{card.version}`\n"
    yield f"{card.description}\n"
    yield f"- Languages: {len(card.languages)}{', parallel' if card.parallel else ''}"
    if task:
        yield f"- Queries: {len(task.queries):,}"
        yield f"- Passages: {len(task.passages):,}"
    else:
        yield f"- Sizes: {'as published' if published else 'not counted'}, for its data was not at hand"
    yield f"- Licence of the data: {card.licence}"
    yield f"- Cite: {card.citation}"
    yield f"- Home: <{card.homepage}>\n"
    yield from (f"- {note}" for note in card.notes)
    yield "\n| language | class | queries | passages |\n|---|---:|---:|---:|"
    queries = Counter(query.language for query in task.queries) if task else Counter()
    passages = Counter(passage.language for passage in task.passages) if task else published
    for code in sorted(card.languages):
        facts = languages().get(code)
        name = facts.name if facts else langcodes.get(code).display_name()
        cells = [f"{name} ({code})", str(facts.resource_class) if facts else ""]
        cells += [f"{counts[code]:,}" if task or counts[code] else "" for counts in (queries, passages)]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _at_hand(name: str) -> Task | None:
    """Load a task without a network; None where its data is not here."""
    with without_network():
        try:
            return load_task(name, ["all"])
        except DataUnavailableError:
            return None


def main() -> None:
    """Print the page."""
    print(page(), end="")


if __name__ == "__main__":
    main()
