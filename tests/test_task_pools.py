"""Folders as people have them: what counts, what is left out, and that the numbers are those of pytrec_eval."""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytrec_eval
from click.testing import CliRunner
from click.testing import Result as Answer

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.cli.attack import distinct_file_name_parts
from robustbench_ir.encoders import Dense, as_encoder
from robustbench_ir.errors import DataError, OptionError
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.evaluation.score_runs import score_runs
from robustbench_ir.integrations.query_precision import query_precision
from robustbench_ir.metrics.settings import judgements_of, mean_over_passage_languages, per_query_scores
from robustbench_ir.resources.languages import language_code, languages
from robustbench_ir.results.file import load_result, result_from_json, result_to_json
from robustbench_ir.retrieval.ranking import rank_relevant
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.retrieval.top_k import best_passages
from robustbench_ir.tasks import Passage, Query, Task, load_task
from robustbench_ir.tasks.audit import audit
from robustbench_ir.tasks.faults import Fault
from robustbench_ir.tasks.formats.beir import check_folder
from robustbench_ir.tasks.task import first_questions
from tests.support.tasks import full_run, written
from tests.support.ties import rows_by_score

MEASURES = {"AP": "map", "nDCG@10": "ndcg_cut_10", "R@10": "recall_10", "RR@1000": "recip_rank"}
TOPICS = (
    "the long river carries water to the northern sea",
    "bread is baked every morning in the old oven",
    "the school teaches children to read and to write",
    "a doctor heals the sick in the village hospital",
    "farmers plant maize before the heavy rains begin",
    "the train leaves the station early every monday",
    "mountains covered with snow feed the small streams",
    "the market sells fruit fish and many colourful clothes",
)
TOML = 'query_language = "en"\npassage_language = "en"\n'


def make(
    folder: Path,
    corpus: list[dict[str, object]],
    queries: list[dict[str, object]],
    qrels: str | dict[str, str],
    toml: str = TOML,
) -> Path:
    (folder / "qrels").mkdir(parents=True)
    for name, rows in (("corpus", corpus), ("queries", queries)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    for split, text in ({"test": qrels} if isinstance(qrels, str) else qrels).items():
        (folder / "qrels" / f"{split}.tsv").write_text(text, encoding="utf-8")
    (folder / "task.toml").write_text(toml, encoding="utf-8")
    return folder


def told(folder: Path) -> list[Fault]:
    found: list[Fault] = []
    check_folder(folder, found.append)
    return found


def call(*arguments: str) -> Answer:
    return CliRunner().invoke(irbench, arguments)


def numbered(texts: tuple[str, ...] = TOPICS, prefix: str = "d") -> list[dict[str, object]]:
    return [{"_id": f"{prefix}{number}", "title": "", "text": text} for number, text in enumerate(texts)]


def arguana(folder: Path) -> Path:
    """Each query is a passage of the pool, with its id and text; a paraphrase of it answers it."""
    corpus = numbered() + numbered(tuple(f"{text} as everyone knows" for text in TOPICS), "a")
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"d{number}\ta{number}\t1\n" for number in range(8))
    return make(folder, corpus, numbered(), qrels)


def test_a_query_does_not_find_itself(tmp_path: Path) -> None:  # case 4
    task = load_task(f"{arguana(tmp_path / 'arguana')}")
    assert task.identity == f"arguana@{task.digest[:12]}-without-own"
    result = rb.attack("char-ngram", task=task, recipes=["typo"])
    assert result.score(result.clean, "multilingual") == result.score(result.clean, "monolingual") == 1.0
    assert result.task_notes == ("queries that do not find the passage with their own id: 8, such as 'd0'",)
    kept = replace(task, own_passage=None)
    found = rb.attack("char-ngram", task=kept, recipes=[])
    assert found.score(found.clean, "multilingual") == 0.5
    assert kept.digest != task.digest, "another task, as far as caches and boards know"


def built(own: dict[str, str] | None = None) -> Task:
    """Make the task of `arguana` by hand, in the library."""
    queries = [Query(f"d{n}", "en", text, f"d{n}") for n, text in enumerate(TOPICS)]
    pool = [(f"d{n}", text) for n, text in enumerate(TOPICS)]
    pool += [(f"a{n}", f"{text} as everyone knows") for n, text in enumerate(TOPICS)]
    passages = [Passage(passage_id, "en", text) for passage_id, text in pool]
    return rb.build_task(
        "arguana", 1, queries, passages, {f"d{n}": {f"a{n}": 1, f"d{n}": 1} for n in range(8)}, own=own
    )


def test_a_task_that_is_built_by_hand_has_the_same_rule(tmp_path: Path) -> None:
    task = built()
    assert task.identity == "arguana@1-without-own"
    assert task.notes == ("queries that do not find the passage with their own id: 8, such as 'd0'",)
    assert task.digest == load_task(f"{arguana(tmp_path / 'arguana')}").digest
    found = rb.attack("char-ngram", task=task, recipes=[])
    assert found.score(found.clean, "multilingual") == 1.0
    kept = built(own={})
    assert kept.identity == "arguana@1"
    assert kept.own_passage is None
    assert len(kept.qrels.query) == 16


def test_searches_of_other_packages_leave_the_own_passage_out() -> None:
    task, encoder = built(), as_encoder("char-ngram")
    pool = encoder.encode_passages([one.text for one in task.passages])
    texts = encoder.encode_queries([TOPICS[2], f"{TOPICS[2]} as"])
    assert query_precision(task, pool, 2, texts) == [1.0, 1.0]
    everything = replace(built(own={}), qrels=task.qrels)
    assert query_precision(everything, pool, 2, texts[[0]]) == [0.5]  # the query itself comes first


def test_the_rule_can_be_switched_off_and_spares_what_is_judged(tmp_path: Path) -> None:
    folder = arguana(tmp_path / "arguana")
    (folder / "task.toml").write_text(TOML + "ignore_identical_ids = false\n")
    assert load_task(f"{folder}").own_passage is None
    # Questions and answers that are merely counted alike.
    answers = [{"_id": f"{n}", "text": text} for n, text in enumerate(TOPICS)]
    asked = [{"_id": f"{n}", "text": text.upper() + "?"} for n, text in enumerate(TOPICS)]
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"{n}\t{n}\t1\n" for n in range(8))
    assert load_task(f"{make(tmp_path / 'faq', answers, asked, qrels)}").own_passage is None


def test_runs_of_other_engines_and_selections_know_the_own_passage_too(tmp_path: Path) -> None:
    task = load_task(f"{arguana(tmp_path / 'arguana')}")
    run = written(tmp_path / "run.trec", full_run(task, [query.text for query in task.queries]))
    result = score_runs(task, run)
    assert result.score(result.clean, "multilingual") == 1.0
    random = np.random.default_rng(3)
    drawn = _random_task(random)
    own = random.integers(-1, len(drawn.passages), len(drawn.queries)).astype(np.int32)
    drawn = replace(drawn, own_passage=own)
    for fewer in (drawn.select(["bb", "cc"]), drawn.select(["aa"]), first_questions(drawn, 7)):
        expected, found = named_own(drawn), named_own(fewer)
        there = {one.passage_id for one in fewer.passages}
        assert found == {
            one.query_id: expected.get(one.query_id) for one in fewer.queries if expected.get(one.query_id) in there
        }


def named_own(task: Task) -> dict[str, str]:
    assert task.own_passage is not None
    pairs_of = zip(task.queries, task.own_passage.tolist(), strict=True)
    return {query.query_id: task.passages[row].passage_id for query, row in pairs_of if row >= 0}


def test_a_search_does_not_find_the_query_itself_either(tmp_path: Path) -> None:
    from robustbench_ir.adversary.candidates import Budget
    from robustbench_ir.adversary.goals import make_goal
    from robustbench_ir.adversary.search import SearchOptions
    from robustbench_ir.adversary.victim import Victim, target_passages

    task = load_task(f"{arguana(tmp_path / 'arguana')}")
    options = SearchOptions(methods=("greedy",), budget=Budget(queries=20))
    found = rb.search("char-ngram", task=task, recipes=["typo"], search=options, severities=[1])
    assert found.attacked[0].clean_value == 1.0
    runner = Runner(rb.load_encoder("char-ngram"), task)
    victim = Victim(runner, target_passages(task, make_goal("map", task)), shows_scores=True)
    texts = [query.text for query in task.queries]
    for _, standings in victim.target_ranks(range(len(texts)), texts):
        assert set(standings.rank.tolist()) == {1}
        assert standings.score_margin is not None
        assert (standings.score_margin > 0).all()


@pytest.mark.parametrize("memory", [1 << 28, 1 << 11])
def test_ranks_without_the_own_passage_are_those_of_a_pool_without_it(memory: int) -> None:
    random = np.random.default_rng(7)
    task = _random_task(random)
    # Few values, so that many scores are equal and only the order of ties decides.
    passages = random.integers(-2, 3, (len(task.passages), 6)).astype(np.float32)
    queries = random.integers(-2, 3, (len(task.queries), 6)).astype(np.float32)
    own = random.integers(-1, len(task.passages), len(task.queries)).astype(np.int32)
    judged = set(zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True))
    own = np.array([-1 if (row, one) in judged else one for row, one in enumerate(own.tolist())], dtype=np.int32)
    task = replace(task, own_passage=own)
    rows = range(3, len(task.queries))
    found = rank_relevant(task, passages, queries[3:], rows, memory=memory)
    best = best_passages(passages, queries, 5, memory=memory, own=own, ties=TieOrder.of(task))
    place = 0
    languages_of = [one.language for one in task.passages]
    for query, passage in zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True):
        scores = passages.astype(np.float64) @ queries[query]
        order = [row for row in rows_by_score(task, query, scores) if row != own[query]]
        assert best.rows[query].tolist() == order[:5]
        if query < 3:
            continue
        assert found.in_pool[place] == order.index(passage) + 1
        alike = [one for one in order if languages_of[one] == languages_of[passage]]
        assert found.in_language[place] == alike.index(passage) + 1
        place += 1
    assert place == len(found.in_pool)


def _random_task(random: np.random.Generator) -> Task:
    from tests.support.tasks import random_task

    return random_task(int(random.integers(100)), queries=30, passages=12)


def shaped(shape: str, folder: Path) -> Path:
    """A tiny folder with what is odd about a data set of BEIR."""
    if shape == "arguana":
        made = arguana(folder)
        with (made / "qrels" / "test.tsv").open("a") as stream:
            stream.write("d0\tnot-in-the-corpus\t1\n")
        return made
    queries = [{"_id": f"q{n}", "text": " ".join(text.split()[1:6])} for n, text in enumerate(TOPICS)]
    corpus = numbered()
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q{n}\td{n}\t1\nq{n}\td{(n * 3 + 1) % 8}\t1\n" for n in range(8))
    if shape == "fiqa":
        return make(
            folder, [*corpus, {"_id": "empty", "title": "", "text": ""}], queries, {"test": qrels, "dev": qrels}
        )
    if shape == "quora":
        return make(folder, [*corpus, *({**one, "text": f"{one['text']} now"} for one in queries)], queries, qrels)
    if shape == "ms-marco":
        few = qrels.split("q5")[0]
        return make(folder, corpus, queries, {"dev": qrels, "test": few}, TOML + 'split = "test"\n')
    if shape == "trec-covid":
        graded = qrels.replace("\t1\n", "\t2\n", 5) + "q0\td5\t0\nq1\td6\t-1\nq2\td5\t1.0\n"
        return make(folder, corpus, queries, graded)
    ids = [{**one, "_id": f"822_q{n}<::>{n}"} for n, one in enumerate(queries)]
    renamed = "".join(f"822_q{n}<::>{n}\td{n}\t1\n822_q{n}<::>{n}\td{(n * 3 + 1) % 8}\t1\n" for n in range(8))
    return make(folder, corpus, ids, "query-id\tcorpus-id\tscore\n" + renamed)


SHAPES = ("arguana", "fiqa", "quora", "ms-marco", "trec-covid", "mt-rag")


@pytest.mark.parametrize("shape", SHAPES)
def test_folders_shaped_as_those_of_beir_agree_with_trec_eval(shape: str, tmp_path: Path) -> None:
    folder = shaped(shape, tmp_path / shape)
    task = load_task(f"{folder}")
    agrees_with_trec_eval(task, folder)


def agrees_with_trec_eval(task: Task, folder: Path, relevant_from: int = 1) -> None:
    """Compare with pytrec_eval on the judgements as they stand in the file, and rankings without the query itself."""
    qrels: dict[str, dict[str, int]] = {}
    passages = {one.passage_id for one in task.passages}
    for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, passage, grade = line.split("\t")
        if passage in passages:
            qrels.setdefault(query, {})[passage] = int(float(grade))
    runner = Runner(rb.load_encoder("char-ngram"), task)
    scores = (runner.encode([one.text for one in task.queries]) @ runner.pool.T).toarray()
    run = {}
    for query, row in zip(task.queries, scores, strict=True):
        order = np.lexsort((np.arange(len(row)), -row)).tolist()
        ids = [task.passages[one].passage_id for one in order if task.passages[one].passage_id != query.query_id]
        run[query.query_id] = {one: -float(place) for place, one in enumerate(ids)}
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values()), relevance_level=relevant_from)
    expected = evaluator.evaluate(run)
    result = rb.attack(runner.encoder, task=task, recipes=[])
    for ours, theirs in MEASURES.items():
        found = mean_over_passage_languages(
            per_query_scores(result.judgements, result.clean.ranks, ours, "multilingual")
        )
        assert found == pytest.approx([expected[one.query_id][theirs] for one in task.queries], abs=1e-9), ours


def test_empty_passages_unjudged_queries_and_dangling_judgements_are_left_out_and_counted(tmp_path: Path) -> None:
    task = load_task(f"{shaped('fiqa', tmp_path / 'fiqa')}")  # case 5
    assert task.notes == (
        "judgements are those of test; there are: dev, test",
        "passages left out, since they have no text: 1, such as 'empty'",
    )
    assert task.left_out.passages == {"empty"}
    task = load_task(f"{shaped('arguana', tmp_path / 'arguana')}")  # case 6
    assert task.notes[0] == (
        "judgements left out, since they name a passage that does not exist: 1, such as 'not-in-the-corpus'"
    )
    folder = shaped("ms-marco", tmp_path / "msmarco")  # cases 7 and 28
    assert load_task(f"{folder}").notes == (
        "judgements are those of test; there are: dev, test",
        "queries left out, since no passage is relevant to them: 3, such as 'q5'",
    )
    (folder / "task.toml").write_text(TOML + 'split = "dev"\n')
    assert len(load_task(f"{folder}").queries) == 8
    (folder / "task.toml").write_text(TOML + 'split = "train"\n')
    with pytest.raises(DataError, match="no judgements of the split 'train'; there are: dev, test"):
        load_task(f"{folder}")
    answer = call(
        "attack",
        "--task",
        f"{shaped('fiqa', tmp_path / 'again')}",
        "--model",
        "char-ngram",
        "--recipe",
        "typo",
        "--out",
        f"{tmp_path}/fiqa.json",
    )
    assert "note: passages left out, since they have no text: 1" in answer.output
    assert load_result(tmp_path / "fiqa.json").task_notes == task_notes(tmp_path / "again")


def task_notes(folder: Path) -> tuple[str, ...]:
    return load_task(f"{folder}").notes


def test_a_split_is_chosen_behind_a_colon_and_named_in_the_identity(tmp_path: Path) -> None:  # case 28
    qrels = {"test": "q0\td0\t1\n", "dev": "q1\td1\t1\nq2\td2\t1\n"}
    folder = make(tmp_path / "x", numbered(), numbered(TOPICS, "q"), qrels)
    usual, dev = load_task(f"{folder}"), load_task(f"{folder}:dev")
    assert [query.query_id for query in usual.queries] == ["q0"]
    assert [query.query_id for query in dev.queries] == ["q1", "q2"]
    assert dev.identity == f"x@{dev.digest[:12]}-split-dev"
    assert load_task(f"{folder}:test").identity == usual.identity == f"x@{usual.digest[:12]}"
    with pytest.raises(DataError, match="no judgements of the split 'train'; there are: dev, test"):
        load_task(f"{folder}:train")
    with pytest.raises(OptionError, match=r"no split behind the colon; write such as .*x:dev"):
        load_task(f"{folder}:")
    (folder / "task.toml").write_text(TOML + 'split = "dev"\n')
    assert load_task(f"{folder}").identity == dev.identity
    assert load_task(f"{folder}:test").identity == usual.identity  # the command line comes first
    (folder / "qrels" / "test.tsv").unlink()
    assert load_task(f"{folder}:dev").identity == f"x@{dev.digest[:12]}"  # nothing else could have been read
    colon = make(tmp_path / "a:dev", numbered(), numbered(TOPICS, "q"), qrels)
    assert len(load_task(f"{colon}").queries) == 1
    assert len(load_task(f"{colon}:dev").queries) == 2


def test_the_command_line_takes_a_split(tmp_path: Path) -> None:  # case 28
    qrels = {"test": "q0\td0\t1\n", "dev": "q1\td1\t1\nq2\td2\t1\n"}
    folder = make(tmp_path / "x", numbered(), numbered(TOPICS, "q"), qrels)
    out = tmp_path / "r.json"
    call("attack", "--task", f"{folder}:dev", "--model", "char-ngram", "--recipe", "typo", "--out", f"{out}")
    assert load_result(out).task.endswith("-split-dev")
    told = call("tasks", "check", f"{folder}:dev").output
    assert "2, of which 2 relevant" in told
    assert f"irbench attack --task {folder}:dev" in told


def test_splits_that_are_used_together_are_named(tmp_path: Path) -> None:  # case 28
    qrels = {"train": "q0\td0\t1\n", "dev": "q1\td1\t1\n"}
    folder = make(tmp_path / "x", numbered(), numbered(TOPICS, "q"), qrels)
    assert load_task(f"{folder}").notes[0] == ("judgements of dev, train are used together; ./folder:dev chooses one")


@pytest.mark.parametrize("grade", ["1.0", "1", "1.", "1e0"])
def test_grades_are_whole_numbers_however_they_are_written(grade: str, tmp_path: Path) -> None:  # case 8
    folder = make(
        tmp_path / "x", numbered(), numbered(TOPICS, "q"), "".join(f"q{n}\td{n}\t{grade}\n" for n in range(8))
    )
    assert load_task(f"{folder}").qrels.grade.tolist() == [1] * 8


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("q{0}\td{0}\t0.5\n", "grade '0.5' is not an integer"),
        ("q{0},d{0},1\n", "expected query-id<TAB>corpus-id<TAB>score"),
        ('"q{0}"\t"d{0}"\t1\n', "ids stand between quotation marks"),
    ],
)
def test_a_cause_is_told_once_and_its_consequences_are_not(line: str, cause: str, tmp_path: Path) -> None:
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(line.format(n) for n in range(8))
    found = told(make(tmp_path / "x", numbered(), numbered(TOPICS, "q"), qrels))
    (fault,) = [one for one in found if not one.note]
    assert (fault.message[: len(cause)], fault.line) == (cause, 2)
    assert [one.message for one in found if one.note] == ["7 more lines are at fault in the same way"]


def test_a_tab_at_the_end_of_lines_is_no_column(tmp_path: Path) -> None:
    folder = make(tmp_path / "x", numbered(), numbered(TOPICS, "q"), "".join(f"q{n}\td{n}\t2\t\n" for n in range(8)))
    assert load_task(f"{folder}").qrels.grade.tolist() == [2] * 8


HEADERS = {
    "query-id\tcorpus-id\tscore": "{q}\t{d}\t1",
    "corpus-id\tquery-id\tscore": "{d}\t{q}\t1",
    "score\tdocument_id\tqid": "1\t{d}\t{q}",
    "topic\titer\tdocno\trel": "{q}\t0\t{d}\t1",
    "\ufeffQuery ID\tDoc ID\tRelevance": "{q}\t{d}\t1",
}


@pytest.mark.parametrize("header", HEADERS)
def test_the_header_says_which_column_is_which(header: str, tmp_path: Path) -> None:  # case 9
    corpus = [{"_id": f"{(n + 1) % 4}", "text": text} for n, text in enumerate(TOPICS[:4])]
    queries = [{"_id": f"{n}", "text": text.upper()} for n, text in enumerate(TOPICS[:4])]
    rows = "".join(HEADERS[header].format(q=n, d=(n + 1) % 4) + "\n" for n in range(4))
    task = load_task(f"{make(tmp_path / 'x', corpus, queries, header + chr(10) + rows)}")
    result = rb.attack("char-ngram", task=task, recipes=[])
    assert result.score(result.clean, "multilingual") == 1.0


@pytest.mark.parametrize("header", ["from\tto\thow", "query-id\tcorpus-id\tcorpus-id", "query-id\tcorpus-id"])
def test_an_unknown_header_is_refused(header: str, tmp_path: Path) -> None:  # case 9
    folder = make(tmp_path / "x", numbered(), numbered(TOPICS, "q"), f"{header}\nq0\td0\t1\n")
    (fault,) = [one for one in told(folder) if not one.note]
    assert fault.message.endswith("name the columns query-id, corpus-id and score, in any order, parted by tabs")


def test_scripts_of_one_language_are_two_languages(tmp_path: Path) -> None:  # case 16
    corpus, queries = [], []
    for tag in ("hin_Deva", "hin_Latn", "zho_Hans", "zh-Hant", "zh-TW"):
        for n in range(2):
            corpus.append({"_id": f"{tag}{n}", "text": f"text {tag} {n}", "language": tag})
            queries.append({"_id": f"q{tag}{n}", "text": f"text {n}", "language": tag, "parallel_id": f"{n}"})
    queries = [one for one in queries if one["language"] != "zh-TW"]
    qrels = "".join(f"{one['_id']}\t{str(one['_id'])[1:]}\t1\n" for one in queries)
    task = load_task(f"{make(tmp_path / 'x', corpus, queries, qrels)}")
    assert task.query_languages == ("hi", "hi-Latn", "zh", "zh-Hant")
    assert task.pool_sizes == {"hi": 2, "hi-Latn": 2, "zh": 2, "zh-Hant": 4}
    assert task.select(["hin_Latn"]).query_languages == ("hi-Latn",)
    again = [{**one, "language": "hi"} for one in queries]
    faults = [one for one in told(make(tmp_path / "y", corpus, again, qrels)) if not one.note]
    assert "has parallel_id '0' and language hi, as has 'qhin_Deva0'" in faults[0].message


def test_a_language_in_another_script_than_the_task_has_is_not_the_same(tmp_path: Path) -> None:
    toml = 'query_language = "hi"\npassage_language = "hi"\n'
    qrels = "q0\td0\t1\n"
    task = load_task(f"{make(tmp_path / 'x', numbered(), numbered(TOPICS, 'q'), qrels, toml)}")
    assert task.select(["hin_Deva"]).query_languages == ("hi",)
    with pytest.raises(OptionError, match="hi in Latin script has no row"):
        task.select(["hin_Latn"])


def test_every_iso_639_3_code_of_a_language_with_a_row_leads_to_it() -> None:  # case 17
    import langcodes

    assert language_code("twi") == "tw"
    for code in languages():
        if "-" in code:
            continue  # in another than its usual script
        assert language_code(langcodes.get(code).to_alpha3()) == code


def test_rank_distance_is_of_languages_and_not_of_passages(tmp_path: Path) -> None:  # case 19
    qrels = "".join(f"q0\td{n}\t1\nq1\td{n + 2}\t1\n" for n in range(6))
    one_language = make(tmp_path / "multirel", numbered(), numbered(TOPICS[:2], "q"), qrels)
    result = rb.attack("char-ngram", task=f"{one_language}/", recipes=["typo"])
    assert np.isnan(result.bias(result.clean).rank_distance)
    assert np.isnan(result.findings("multilingual")[0].p_rank_distance)
    swahili = [{**one, "language": "sw" if n % 2 else "en"} for n, one in enumerate(numbered())]
    two = load_task(f"{make(tmp_path / 'two', swahili, numbered(TOPICS[:2], 'q'), qrels)}")
    result = rb.attack("char-ngram", task=two, recipes=[])
    for row, distance in enumerate(result.per_query()["rank_distance"].tolist()):
        own = result.judgements.query == row
        best = [result.clean.ranks.in_pool[own & (result.judgements.passage_language == one)].min() for one in (0, 1)]
        assert distance == abs(best[0] - best[1])


def test_one_language_is_one_table_and_a_clean_run_has_its_number(tmp_path: Path) -> None:  # cases 19 and 21
    folder = shaped("trec-covid", tmp_path / "graded")
    task = load_task(f"{folder}")
    ranked = {one.query_id: {p.passage_id: -float(n) for n, p in enumerate(task.passages)} for one in task.queries}
    run = written(tmp_path / "ok.trec", ranked)
    with run.open("a") as stream:
        stream.write("\n  \n")
    answer = call("score", "--task", f"{folder}", "--run", f"{run}", "--out", f"{tmp_path}/score.json")
    assert answer.exit_code == 0, answer.output
    result = load_result(tmp_path / "score.json")
    (row,) = [line.split() for line in answer.output.splitlines() if line.startswith("clean  ")][-1:]
    assert row[1] == f"{result.score(result.clean, 'monolingual'):.3f}"
    assert "monolingual" in answer.output
    assert "multilingual (" not in answer.output
    assert "RD" not in answer.output.split("drop = ")[0]
    by_language = call(
        "score", "--task", f"{folder}", "--run", f"{run}", "--by", "language", "--out", f"{tmp_path}/b.json"
    )
    assert "English" in by_language.output


def test_a_run_over_all_queries_of_the_folder_is_scored(tmp_path: Path) -> None:  # case 20
    folder = shaped("ms-marco", tmp_path / "splits")
    run = written(tmp_path / "all.trec", {f"q{n}": {f"d{n}": 1.0} for n in range(8)})
    answer = call("score", "--task", f"{folder}", "--run", f"{run}", "--out", f"{tmp_path}/x.json")
    assert answer.exit_code == 0, answer.output
    assert len(load_result(tmp_path / "x.json").judgements.query_ids) == 5
    written(run, {"q99": {"d0": 1.0}})
    assert "has no query 'q99'" in str(call("score", "--task", f"{folder}", "--run", f"{run}").exception)


def test_a_byte_order_mark_is_no_part_of_any_file(tmp_path: Path) -> None:  # case 22
    folder = shaped("trec-covid", tmp_path / "bom")
    plain = load_task(f"{folder}").digest
    for path in (*folder.glob("*.*"), *folder.glob("qrels/*")):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_task(f"{folder}").digest == plain
    (folder / "task.toml").write_text("query_language = \n")
    faults = [one for one in told(folder) if not one.note]
    assert [one.path.name for one in faults] == ["task.toml"], "that no line says its language is its fault alone"


def test_ids_are_read_in_normalisation_form_c(tmp_path: Path) -> None:
    corpus, queries = numbered(), numbered(TOPICS, "q")
    corpus[0]["_id"] = "cafe\u0301"
    qrels = "q0\tcaf\u00e9\t1\n"
    task = load_task(f"{make(tmp_path / 'x', corpus, queries[:1], qrels)}")
    assert task.passages[0].passage_id == "caf\u00e9"
    run = written(tmp_path / "run.trec", {"q0": {"cafe\u0301": 1.0}})
    answer = call("score", "--task", f"{tmp_path}/x", "--run", f"{run}", "--out", f"{tmp_path}/x.json")
    assert answer.exit_code == 0, answer.output


def test_ids_that_a_run_cannot_hold_are_refused_before_anything_is_encoded(tmp_path: Path) -> None:  # case 23
    queries = [{**one, "_id": f"query {one['_id']}"} for one in numbered()]
    qrels = "".join(f"query d{n}\td{n}\t1\n" for n in range(8))
    folder = make(tmp_path / "blanks", numbered(), queries, qrels)
    encoded: list[int] = []

    def encode(texts: list[str]) -> Dense:
        encoded.append(len(texts))
        return np.ones((len(texts), 2), dtype=np.float32)

    from robustbench_ir.evaluation.request import RunOptions
    from robustbench_ir.evaluation.run_export import RunExport

    with pytest.raises(DataError, match="id 'query d0' contains white space"):
        rb.attack(encode, task=f"{folder}/", recipes=["typo"], run=RunOptions(runs=RunExport(tmp_path / "runs")))
    assert not encoded
    assert "ids with white space in them: 8, such as 'query d0'" in call("tasks", "check", f"{folder}").output


def test_results_of_namesakes_stand_beside_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # 24
    for language, shape in (("sw", "mt-rag"), ("yo", "fiqa")):
        shaped(shape, tmp_path / language / "qa")
    monkeypatch.chdir(tmp_path)
    for language in ("sw", "yo", "sw"):
        answer = call("attack", "--task", f"./{language}/qa", "--model", "char-ngram", "--recipe", "typo")
        assert answer.exit_code == 0, answer.output
    files = sorted((tmp_path / "results").iterdir())
    assert len(files) == 2
    tasks = {load_result(path).task for path in files}
    assert tasks == {load_task(f"{tmp_path}/{one}/qa").identity for one in ("sw", "yo")}
    out = tmp_path / "results" / "char-ngram-qa.json"
    same = ("attack", "--model", "char-ngram", "--recipe", "typo", "--out", f"{out}")
    assert call(*same, "--task", "./sw/qa").exit_code == 0, "the same run, again"
    refused = call(*same, "--task", "./yo/qa")
    assert "name another file, or say --force" in str(refused.exception)
    assert load_result(out).task == load_task("./sw/qa").identity
    assert call(*same, "--task", "./yo/qa", "--force", "--name", "mine").exit_code == 0
    assert load_result(out).encoder.name == "mine"


def test_results_of_two_checkpoints_of_one_name_stand_beside_each_other(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # case 24
    import shutil

    monkeypatch.chdir(tmp_path)
    for run in ("runA", "runB"):
        shutil.copytree(tiny_model, tmp_path / run / "final")
    config = tmp_path / "runB" / "final" / "config_sentence_transformers.json"
    said = json.loads(config.read_text()) if config.exists() else {}
    config.write_text(json.dumps({**said, "prompts": {"query": "ask: ", "document": ""}}))
    for run in ("runA", "runB"):
        asked = ("attack", "--model", f"./{run}/final", "--languages", "en,sw", "--recipe", "typo")
        answer = call(*asked)
        assert answer.exit_code == 0, answer.output
    found = [load_result(path) for path in (tmp_path / "results").iterdir()]
    assert {one.encoder.name for one in found} == {"./runA/final", "./runB/final"}


def test_encoders_of_one_last_name_have_files_of_their_own() -> None:  # case 24, in transfer
    found = distinct_file_name_parts(["./m/runA/final", "./m/runB/final", "bm25", "bm25"])
    assert found == {"./m/runA/final": "m-runA-final", "./m/runB/final": "m-runB-final", "bm25": "bm25"}


def test_variants_that_people_wrote_are_attacked_and_scored(tmp_path: Path) -> None:
    folder, cards = shaped("mt-rag", tmp_path / "asked"), tmp_path / "mine"
    page = (Path(__file__).parents[1] / "docs" / "write-your-own.md").read_text(encoding="utf-8")
    card = page.split("```toml\n")[1].split("```")[0]
    (cards / "attacks").mkdir(parents=True)
    (cards / "attacks" / "human.toml").write_text(card.replace("which river is long", "long river carries water to"))
    runs = tmp_path / "runs"
    asked = ("attack", "--task", f"{folder}", "--model", "char-ngram", "--recipe", "human", "--cards", f"{cards}")
    answer = call(*asked, "--run-out", f"{runs}", "--out", f"{tmp_path}/a.json")
    assert answer.exit_code == 0, answer.output
    given = ("--run", f"{runs}/clean.trec", "--run", f"human@3={runs}/human-severity3-seed0.trec")
    answer = call(
        "score",
        "--task",
        f"{folder}",
        "--cards",
        f"{cards}",
        *given,
        "--languages",
        "en",
        "--out",
        f"{tmp_path}/s.json",
    )
    assert answer.exit_code == 0, answer.output
    attacked, scored = (load_result(tmp_path / name) for name in ("a.json", "s.json"))
    assert attacked.attacked[0].changed.tolist() == scored.attacked[0].changed.tolist() == [True] + [False] * 7
    assert attacked.attacked[0].ranks.in_pool.tolist() == scored.attacked[0].ranks.in_pool.tolist()


def test_relevance_may_begin_at_grade_2(tmp_path: Path) -> None:  # case 29
    folder = shaped("trec-covid", tmp_path / "deep-learning")
    (folder / "task.toml").write_text(TOML + "relevant_from = 2\n")
    task = load_task(f"{folder}")
    assert "relevant, but to nDCG, are grades from 2 on" in task.notes
    agrees_with_trec_eval(task, folder, relevant_from=2)
    result = rb.attack("char-ngram", task=task, recipes=["typo"])
    again = result_from_json(result_to_json(result))
    assert again.judgements.relevant_from == 2
    assert again.score(again.clean, "multilingual") == result.score(result.clean, "multilingual")
    assert judgements_of(replace(task, relevant_from=1)).relevant_from == 1


def _zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder.parent))
    return folder.with_suffix(".zip")


def _gzipped(folder: Path) -> Path:
    for path in (*folder.glob("*.jsonl"), *folder.glob("qrels/*.tsv")):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder


def _beside(folder: Path) -> Path:
    (folder / "qrels" / "test.tsv").rename(folder / "qrels.tsv")
    (folder / "qrels").rmdir()
    return folder


def _json_lines(folder: Path) -> Path:
    rows = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    lines = [json.dumps({"query-id": q, "corpus-id": d, "score": float(grade)}) for q, d, grade in rows]
    (folder / "qrels" / "test.jsonl").write_text("\n".join(lines))
    (folder / "qrels" / "test.tsv").unlink()
    return folder


def _anserini(folder: Path) -> Path:
    for name, kind in (("corpus", "collection"), ("queries", "topics")):
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        (folder / f"{name}.jsonl").unlink()
        if name == "corpus":
            (folder / kind).mkdir()
            lines = [json.dumps({"id": row["_id"], "contents": row["text"]}) for row in rows]
            (folder / kind / "docs00.jsonl").write_text("\n".join(lines))
        else:
            (folder / f"{kind}.covid.tsv").write_text("".join(f"{row['_id']}\t{row['text']}\n" for row in rows))
    rows = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    (folder / "qrels.covid.txt").write_text("".join(f"{q} 0 {d} {int(float(grade))}\n" for q, d, grade in rows))
    (folder / "qrels" / "test.tsv").unlink()
    (folder / "qrels").rmdir()
    return folder


def _parquet(folder: Path) -> Path:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("corpus", "queries"):
        rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        (folder / f"{name}.jsonl").unlink()
        (folder / name).mkdir()
        for part in (0, 1):
            table = pa.Table.from_pylist([{"id": row["_id"], "text": row["text"]} for row in rows[part::2]])
            parquet.write_table(table, folder / name / f"{name}-0000{part}-of-00002.parquet")
    rows = [line.split("\t") for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]]
    table = pa.Table.from_pylist([{"query-id": q, "corpus-id": d, "score": float(grade)} for q, d, grade in rows])
    parquet.write_table(table, folder / "qrels" / "test-00000-of-00001.parquet")
    (folder / "qrels" / "test.tsv").unlink()
    return folder


@pytest.mark.parametrize("form", [_zipped, _gzipped, _beside, _json_lines, _anserini, _parquet])
def test_other_forms_of_the_same_folder_are_the_same_task(form: object, tmp_path: Path) -> None:
    folder = shaped("trec-covid", tmp_path / "covid")
    plain = load_task(f"{folder}")
    found = load_task(f"{form(folder)}")  # type: ignore[operator]
    assert sorted(one.text for one in found.passages) == sorted(one.text for one in plain.passages)
    assert pairs(found) == pairs(plain)
    assert found.name == "covid"


def pairs(task: Task) -> set[tuple[str, str, int]]:
    columns = (task.qrels.query, task.qrels.passage, task.qrels.grade)
    return {
        (task.queries[query].text, task.passages[passage].text, grade)
        for query, passage, grade in zip(*(column.tolist() for column in columns), strict=True)
    }


def messy(folder: Path) -> Path:
    corpus = [
        *numbered(),
        {"_id": "copy", "text": TOPICS[0]},
        {"_id": "copy of q", "text": "who carries water?"},
        {"_id": "near", "text": TOPICS[7] + " and hats of every size"},
        {"_id": "nearly", "text": TOPICS[7] + " and hats of every sort"},
        {"_id": "greek", "text": "\u03bf \u03c0\u03bf\u03c4\u03b1\u03bc\u03cc\u03c2 \u03b5\u03af\u03bd\u03b1\u03b9"},
        {"_id": "empty", "text": ""},
    ]
    queries = [{"_id": "q0", "text": "who carries water?"}, {"_id": "q 1", "text": "bread?"}]
    return make(folder, corpus, queries, "q0\td0\t1\nq 1\td1\t1\nq0\tgone\t1\n")


def test_the_check_is_an_audit_and_the_repair_says_what_it_did(tmp_path: Path) -> None:
    folder, clean = messy(tmp_path / "messy"), tmp_path / "clean"
    answer = call("tasks", "check", f"{folder}", "--repair", f"{clean}")
    assert answer.exit_code == 0, answer.output
    for line in (
        "note: passages with the text of a relevant one, and not judged: 1, such as 'copy'",
        "note: queries that stand in the pool as a passage that is not relevant: 1, such as 'q0'",
        "note: passages that are nearly another one: 1, such as 'nearly'",
        "note: queries of fewer than 3 words: 1, such as 'q 1'",
        "note: ids with white space in them: 2, such as 'q 1'",
        "note: passages mostly in another script than most of their language: 1, such as 'greek'",
        "repaired: judgements left out, since they name a passage that does not exist: 1, such as 'gone'",
        "repaired: passages left out, since they have no text: 1, such as 'empty'",
        "repaired: copies of relevant passages left out: 1, such as 'copy'",
        "repaired: passages left out that are a query, word for word: 1, such as 'copy of q'",
        "repaired: ids renamed, since they had white space in them: 1, such as 'q 1'",
        "words in a query",
    ):
        assert line in answer.output, line
    task = load_task(f"{clean}")
    assert not task.notes
    assert [query.query_id for query in task.queries] == ["q0", "q_1"]
    what = {one.what for one in audit(task)}
    assert what == {
        "passages that are nearly another one",
        "queries of fewer than 3 words",
        "passages mostly in another script than most of their language",
    }
    assert "is not empty" in str(call("tasks", "check", f"{folder}", "--repair", f"{clean}").exception)


def test_a_loaded_model_is_called_by_where_it_came_from(tiny_model: Path) -> None:  # case 24
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_model))
    assert as_encoder(model).description.name == str(tiny_model)
    model.model_card_data.model_id = "me/rivers"
    assert as_encoder(model).description.name == "me/rivers"
