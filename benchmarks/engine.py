"""Time `irbench attack` against bare `SentenceTransformer.encode` of the same distinct texts, in one run.

    ROBUSTBENCH_IR_DATA=... python benchmarks/engine.py MODEL_FOLDER [--languages hi,th] [--questions 60] [--mteb]

Takes the first questions of XQuAD-R and a part of the pool of the languages. Times the bare encoding, an attack with
an empty cache, and a second attack with another recipe beside the bare encoding of its queries; the model is loaded
before. Each is done --repeats times, in turn; medians are shown, and the median of the ratios of neighbours. With
--mteb, also a clean evaluation beside that of mteb on the same data, where it is installed.
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
from robustbench_ir.encoders.sentence_transformer import SentenceTransformerEncoder
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


def measured(
    encoder: SentenceTransformerEncoder, task: Task, recipes: Sequence[str], *, with_mteb: bool
) -> dict[str, float]:
    """Return the seconds of each kind of work, done once with empty caches."""
    passages = list(dict.fromkeys(one.text for one in task.passages))
    clean = list(dict.fromkeys(one.text for one in task.queries))
    first, second = (
        list(dict.fromkeys(one.text for one in load_recipe(recipe).perturb(task.queries, 3, 0) if one.changed))
        for recipe in recipes
    )
    found = {}
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as other:
        # The clean queries and a cell's are encoded apart, here as there.
        found["bare"] = seconds(lambda: (bare(encoder, passages, clean), bare(encoder, [], first)))
        os.environ["ROBUSTBENCH_IR_CACHE"] = cache
        found["attack"] = seconds(lambda: attack(encoder, task, recipes[:1]))
        found["bare second"] = seconds(lambda: bare(encoder, [], second))
        found["second"] = seconds(lambda: attack(encoder, task, recipes[1:]))
        if with_mteb:
            os.environ["ROBUSTBENCH_IR_CACHE"] = other
            found["clean"] = seconds(lambda: attack(encoder, task, []))
            taken = mteb_seconds(encoder, task)
            if taken is None:
                raise SystemExit("mteb is not installed here: pip install mteb")
            found["mteb"] = taken
    return found


def tell(what: str, ours: str, theirs: str, runs: Sequence[dict[str, float]]) -> None:
    """Print the medians of two kinds of work, and the median of the ratios of each pair."""
    one, other = (statistics.median(run[name] for run in runs) for name in (ours, theirs))
    ratios = [run[ours] / run[theirs] for run in runs]
    pairs = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"{what}: {one:.1f} s over {other:.1f} s; ratio {statistics.median(ratios):.2f} (pairs {pairs})")


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--languages", default="hi,th")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--passages", type=int, default=150, help="Others than those of the questions, a language.")
    parser.add_argument("--recipes", nargs=2, default=["typo", "casing-spacing"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--mteb", action="store_true")
    arguments = parser.parse_args()
    encoder = load_encoder(arguments.model)
    if not isinstance(encoder, SentenceTransformerEncoder):
        parser.error("name a sentence-transformers model")
    task = few_questions(load_task("xquad-r", arguments.languages.split(",")), arguments.questions, arguments.passages)
    bare(encoder, [task.passages[0].text], [task.queries[0].text])  # what is done once, such as starting threads
    runs = [measured(encoder, task, arguments.recipes, with_mteb=arguments.mteb) for _ in range(arguments.repeats)]
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(f"{len(task.passages):,} passages, {len(task.queries):,} queries; median of {len(runs)}; {load}")
    tell("attack over bare encoding of the same texts", "attack", "bare", runs)
    tell("a second recipe over bare encoding of its queries", "second", "bare second", runs)
    if arguments.mteb:
        tell("clean evaluation over mteb", "clean", "mteb", runs)


if __name__ == "__main__":
    main()
