"""Time `irbench attack` against bare `SentenceTransformer.encode` of the same distinct texts, in one run.

    ROBUSTBENCH_IR_DATA=... python benchmarks/engine.py MODEL_FOLDER [--languages hi,th] [--questions 150]

Takes the first questions of XQuAD-R and the pool of the languages. Prints seconds of the bare encoding, of an
attack with an empty cache, and of a second attack with another recipe; the model is loaded before. Each is done
--repeats times, in turn, and medians are shown. With --mteb, also mteb's clean evaluation of the same data, where it is
installed.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from robustbench_ir import attack, load_encoder, load_recipe, load_task
from robustbench_ir.encode.sentence_transformer import SentenceTransformerEncoder
from robustbench_ir.tasks import Qrels, Task


def few_questions(task: Task, questions: int, passages: int) -> Task:
    """Return the task with the first questions of each language, their passages, and the first of the others."""
    query_rows: list[int] = []
    for language in task.query_languages:
        query_rows += [row for row, query in enumerate(task.queries) if query.language == language][:questions]
    kept = np.isin(task.qrels.query, query_rows)
    wanted = set(task.qrels.passage[kept].tolist())
    passage_rows: list[int] = []
    for part in task.passage_slices.values():
        others = [row for row in range(part.start, part.stop) if row not in wanted][:passages]
        passage_rows += sorted({*others, *(wanted & set(range(part.start, part.stop)))})
    qrels = Qrels(
        np.searchsorted(query_rows, task.qrels.query[kept]).astype(np.int32),
        np.searchsorted(passage_rows, task.qrels.passage[kept]).astype(np.int32),
        task.qrels.grade[kept],
    )
    queries = tuple(task.queries[row] for row in query_rows)
    return replace(task, queries=queries, passages=tuple(task.passages[row] for row in passage_rows), qrels=qrels)


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare(encoder: SentenceTransformerEncoder, passages: Sequence[str], queries: Sequence[str]) -> None:
    """Encode as somebody would who wants the embeddings alone."""
    who = encoder.description
    for texts, prompt in ((passages, who.passage_prompt), (queries, who.query_prompt)):
        encoder.model.encode(
            list(texts), prompt=prompt or None, batch_size=encoder.batch_size, normalize_embeddings=True
        )


def mteb_seconds(encoder: SentenceTransformerEncoder, task: Task) -> float | None:
    """Return the seconds of mteb's clean evaluation of the multilingual pool; None without mteb."""
    try:
        mteb = importlib.import_module("mteb")
        datasets = importlib.import_module("datasets")
        retrieval = importlib.import_module("mteb.abstasks.retrieval")
    except ImportError:
        return None
    relevant: dict[str, dict[str, int]] = {}
    for query, passage, grade in zip(task.qrels.query, task.qrels.passage, task.qrels.grade, strict=True):
        relevant.setdefault(task.queries[query].query_id, {})[task.passages[passage].passage_id] = int(grade)
    metadata = mteb.get_task("BelebeleRetrieval").metadata.model_copy(
        update={"name": "Same", "eval_splits": ["test"], "eval_langs": ["eng-Latn"]}
    )

    def load_data(self: object, **_: object) -> None:
        split = {
            "corpus": datasets.Dataset.from_list(
                [{"id": one.passage_id, "title": "", "text": one.text} for one in task.passages]
            ),
            "queries": datasets.Dataset.from_list([{"id": one.query_id, "text": one.text} for one in task.queries]),
            "relevant_docs": relevant,
            "top_ranked": None,
        }
        vars(self).update(dataset={"default": {"test": split}}, data_loaded=True)

    same = type("Same", (retrieval.AbsTaskRetrieval,), {"metadata": metadata, "load_data": load_data})
    return seconds(lambda: mteb.evaluate(encoder.model, same(), cache=None, overwrite_strategy="always"))


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--languages", default="hi,th")
    parser.add_argument("--questions", type=int, default=150)
    parser.add_argument("--passages", type=int, default=10_000, help="Others than those of the questions, a language.")
    parser.add_argument("--recipe", default="typo")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--mteb", action="store_true")
    arguments = parser.parse_args()
    encoder = load_encoder(arguments.model)
    if not isinstance(encoder, SentenceTransformerEncoder):
        parser.error("name a sentence-transformers model")
    task = few_questions(load_task("xquad-r", arguments.languages.split(",")), arguments.questions, arguments.passages)
    perturbed = load_recipe(arguments.recipe).perturb(task.queries, 3, 0)
    passages = list(dict.fromkeys(one.text for one in task.passages))
    changed = [one.text for one in perturbed if one.changed]
    queries = [*dict.fromkeys(one.text for one in task.queries), *dict.fromkeys(changed)]
    found: dict[str, list[float]] = {"bare": [], "attack": [], "second": [], "clean": [], "mteb": []}
    for _ in range(arguments.repeats):
        with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as other:
            found["bare"].append(seconds(lambda: bare(encoder, passages, queries)))
            os.environ["ROBUSTBENCH_IR_CACHE"] = cache
            found["attack"].append(seconds(lambda: attack(encoder, task, [arguments.recipe])))
            found["second"].append(seconds(lambda: attack(encoder, task, ["casing-spacing"])))
            os.environ["ROBUSTBENCH_IR_CACHE"] = other
            if arguments.mteb:
                found["clean"].append(seconds(lambda: attack(encoder, task, [])))
                taken = mteb_seconds(encoder, task)
                found["mteb"] += [taken] if taken is not None else []
    median = {name: statistics.median(times) for name, times in found.items() if times}
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(f"{len(passages):,} passages, {len(queries):,} queries; {load}")
    ratio = median["attack"] / median["bare"]
    print(f"bare encoding {median['bare']:.1f} s; attack {median['attack']:.1f} s: {ratio:.2f} x")
    ratios = [attacked / alone for attacked, alone in zip(found["attack"], found["bare"], strict=True)]
    print(f"ratios of the pairs: {', '.join(f'{one:.2f}' for one in ratios)}; second recipe {median['second']:.1f} s")
    if "mteb" in median:
        ratio = median["clean"] / median["mteb"]
        print(f"clean alone {median['clean']:.1f} s; mteb {median['mteb']:.1f} s: {ratio:.2f} x")
    elif arguments.mteb:
        print("mteb is not installed here")


if __name__ == "__main__":
    main()
