"""A task of one's own in BEIR's layout: what loads, and what is said of what does not."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.errors import CardError, DataError, RobustBenchError
from robustbench_ir.tasks import load_task, task_card
from robustbench_ir.tasks.faults import LONGEST_LINE, Fault
from robustbench_ir.tasks.formats.beir import check_folder

ROOT = Path(__file__).parents[1]
CORPUS = (
    {"_id": "d1", "title": "Mto", "text": "Mto Nile ni mrefu.", "language": "sw"},
    {"_id": "d2", "text": "The Nile is long.", "language": "en"},
    {"_id": "d3", "title": "", "text": "Bread is baked.", "language": "en"},
)
QUERIES = (
    {"_id": "q1", "text": "Mto upi ni mrefu?", "language": "sw", "parallel_id": "river"},
    {"_id": "q2", "text": "Which river is long?", "metadata": {"language": "eng", "parallel_id": "river"}},
)
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t1\nq2\td2\t1\nq2\td3\t0\n"


def as_lines(rows: tuple[dict[str, object], ...]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def make(
    folder: Path,
    corpus: str | bytes = as_lines(CORPUS),
    queries: str | bytes = as_lines(QUERIES),
    **qrels: str,
) -> Path:
    """Write a folder that loads, but for what a test puts in place of its files."""
    (folder / "qrels").mkdir(parents=True)
    for name, content in (("corpus.jsonl", corpus), ("queries.jsonl", queries)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for split, text in (qrels or {"test": QRELS}).items():
        (folder / "qrels" / f"{split}.tsv").write_text(text, encoding="utf-8")
    return folder


def faults_of(folder: Path) -> list[Fault]:
    found: list[Fault] = []
    check_folder(folder, found.append)
    return found


def serious(folder: Path) -> list[str]:
    return [str(fault).removeprefix(f"{folder}/") for fault in faults_of(folder) if not fault.note]


def test_a_folder_is_a_task(tmp_path: Path) -> None:
    task = load_task(f"{make(tmp_path / 'My Rivers')}")
    assert task.name == "my-rivers"
    assert [(one.query_id, one.language, one.parallel_id) for one in task.queries] == [
        ("q1", "sw", "river"),
        ("q2", "en", "river"),
    ]
    assert [passage.text for passage in task.passages] == [
        "Mto Mto Nile ni mrefu.",
        "The Nile is long.",
        "Bread is baked.",
    ]
    judged = zip(task.qrels.query, task.qrels.passage, task.qrels.grade, strict=True)
    assert [tuple(map(int, one)) for one in judged] == [(0, 0, 2), (0, 1, 1), (1, 1, 1)]


def test_its_identity_changes_with_its_content_and_with_nothing_else(tmp_path: Path) -> None:
    task = load_task(f"{make(tmp_path / 'a' / 'rivers')}")
    same = load_task(f"{make(tmp_path / 'b' / 'rivers')}/")
    other = load_task(f"{make(tmp_path / 'c' / 'rivers', corpus=as_lines(CORPUS).replace('long', 'short'))}")
    assert task.identity == same.identity == f"rivers@{task.digest[:12]}"
    assert other.identity != task.identity
    assert load_task(f"{tmp_path}/a/rivers", ["en"]).identity == task.identity


def test_trec_judgements_and_no_header(tmp_path: Path) -> None:
    trec = "q1 0 d1 2\nq1 0 d2 1\nq2\t0\td2\t1\nq2 Q0 d3 0\n"
    no_header = QRELS.partition("\n")[2]
    expected = load_task(f"{make(tmp_path / 'x')}").digest
    assert load_task(f"{make(tmp_path / 'y', test=trec)}").digest == expected
    assert load_task(f"{make(tmp_path / 'z', all=no_header)}").digest == expected


def test_the_test_split_is_used_where_there_are_several(tmp_path: Path) -> None:
    folder = make(tmp_path / "x", test="q1\td1\t1\n", train="query-id\tcorpus-id\tscore\nq2\td2\t1\n")
    assert [query.query_id for query in load_task(f"{folder}").queries] == ["q1"]
    told = [fault.message for fault in faults_of(folder) if fault.note]
    assert told[0] == "judgements are those of test; there are: test, train"
    assert told[1] == "queries left out, since no passage is relevant to them: 1, such as 'q2'"
    assert load_task(f"{folder}").left_out.queries == {"q2"}


def test_one_language_for_all_lines(tmp_path: Path) -> None:
    rows = tuple({key: row[key] for key in ("_id", "text")} for row in CORPUS)
    questions = tuple({key: row[key] for key in ("_id", "text")} for row in QUERIES)
    folder = make(tmp_path / "x", as_lines(rows), as_lines(questions))
    assert serious(folder) == [
        'corpus.jsonl:1: no line of the file says its language: add "language": "sw" to each line, '
        f'or passage_language = "sw" to {folder}/task.toml',
        'queries.jsonl:1: no line of the file says its language: add "language": "sw" to each line, '
        f'or query_language = "sw" to {folder}/task.toml',
    ]
    (folder / "task.toml").write_text('passage_language = "en"\nquery_language = "swh_Latn"\nlicence = "CC0"\n')
    task = load_task(f"{folder}")
    assert (task.query_languages, task.passage_languages) == (("sw",), ("en",))
    assert [query.parallel_id for query in task.queries] == ["q1", "q2"], "its own id by default"
    assert task_card(f"{folder}").licence == "CC0"
    (folder / "task.toml").write_text('query_langage = "sw"\n')
    with pytest.raises(CardError, match=r"task\.toml: key 'query_langage' is unknown: did you mean 'query_language'"):
        load_task(f"{folder}")
    assert any("key 'query_langage' is unknown" in one for one in serious(folder))


GOOD = {"_id": "d9", "text": "x", "language": "en"}
BAD_CORPUS_LINES = {
    '{"_id": "d9", "text": ': "not JSON: column 23: Expecting value",
    "[" * 100_000: "not JSON: a number without end, or brackets nested too deep",
    "7": 'a line must be an object, such as {"_id": "1", "text": "..."}',
    '{"id": "d9", "text": "x", "language": "en"}': """key "_id" is missing (did you mean 'id'?)""",
    '{"_id": 9, "text": "x", "language": "en"}': 'key "_id" must be a string between quotation marks, not a number',
    '{"_id": " ", "text": "x", "language": "en"}': 'key "_id" is empty',
    '{"_id": "d1", "text": "x", "language": "en"}': "\"_id\" 'd1' is taken already, on line 1",
    '{"_id": "d9", "language": "en"}': 'key "text" is missing',
    '{"_id": "d9", "text": null, "language": "en"}': 'key "text" must be a string between quotation marks, not null',
    '{"_id": "d9", "text": "\\ud800", "language": "en"}': (
        'key "text" holds a lone surrogate, which is not Unicode text'
    ),
    '{"_id": "d9", "title": [], "text": "x", "language": "en"}': (
        'key "title" must be a string between quotation marks, not a list'
    ),
    '{"_id": "d9", "text": "x", "language": ""}': 'key "language" is empty; write a code such as "sw"',
    '{"_id": "d9", "text": "x", "language": "klingonese"}': (
        'language \'klingonese\' is no language code; write one such as "sw" or "swh"'
    ),
    '{"_id": "d9", "text": "x", "language": 3}': (
        'key "language" must be a string between quotation marks, not a number'
    ),
}


@pytest.mark.parametrize("line", BAD_CORPUS_LINES, ids=range(len(BAD_CORPUS_LINES)))
def test_a_bad_line_is_named_when_checking_and_when_loading(tmp_path: Path, line: str) -> None:
    folder = make(tmp_path / "x", corpus=as_lines(CORPUS) + "\n" + line + "\n")
    expected = f"corpus.jsonl:5: {BAD_CORPUS_LINES[line]}"
    assert serious(folder) == [expected]
    with pytest.raises(DataError) as caught:
        load_task(f"{folder}")
    assert str(caught.value) == f"{folder}/{expected}"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"corpus": b'{"_id": "d1", "text": "caf\xe9", "language": "en"}\n'}, "corpus.jsonl:1: byte 27 is not UTF-8; "),
        ({"corpus": ""}, "corpus.jsonl: nothing in it could be read"),
        ({"queries": "\n \n"}, "queries.jsonl: nothing in it could be read"),
        ({"test": "query-id\tcorpus-id\tscore\n", "train": QRELS}, "qrels: no query is judged"),
        (
            {"test": "q2\td9\t1\nq1\td9\t1\n"},
            "queries.jsonl: judgements: no judgement names both a query and a passage that exist: the first is on "
            "query 'q2' and passage 'd9', where ids are like 'q1' and 'd1'",
        ),
        ({"test": "q9\td1\t1\n"}, "queries.jsonl: judgements: no judgement names both"),
        ({"test": "q1\td1\t0\n"}, "queries.jsonl: judgements: no query has a relevant passage"),
        (
            {"corpus": as_lines((*CORPUS, {**GOOD, "text": " \n "})), "test": QRELS + "q2\td9\t1\n"},
            'corpus.jsonl:4: key "text" is empty, and judgements name it',
        ),
        ({"test": QRELS + "q2\td1\t0.5\n"}, "qrels/test.tsv:6: grade '0.5' is not an integer of at most 9 digits"),
        ({"test": QRELS + "q2\td1\t9999999999\n"}, "qrels/test.tsv:6: grade '9999999999' is not an integer"),
        ({"test": QRELS + "q2\td1\n"}, "qrels/test.tsv:6: expected query-id<TAB>corpus-id<TAB>score, or TREC's"),
        ({"test": QRELS + "q2\td2\t0\n"}, "qrels/test.tsv:6: passage 'd2' was judged 1 before and is judged 0 here"),
        (
            {"queries": as_lines((*QUERIES, {**GOOD, "parallel_id": 7}))},
            'queries.jsonl:3: key "parallel_id" must be a ',
        ),
    ],
)
def test_faults_of_whole_files_and_judgements(tmp_path: Path, files: dict[str, str | bytes], expected: str) -> None:
    folder = make(tmp_path / "x", **files)  # type: ignore[arg-type]
    assert serious(folder)[0].startswith(expected)
    with pytest.raises(DataError, match="x/"):
        load_task(f"{folder}")


def test_what_is_missing_is_said_once(tmp_path: Path) -> None:
    folder = make(tmp_path / "x")
    (folder / "corpus.jsonl").unlink()
    (folder / "qrels" / "test.tsv").unlink()
    assert serious(folder) == [
        "corpus.jsonl: no such file; the folder has qrels, queries.jsonl",
        'qrels: no judgements; write "query-id<TAB>corpus-id<TAB>score" lines into qrels/test.tsv; the folder has '
        "qrels, queries.jsonl",
    ]
    with pytest.raises(DataError, match=r"nowhere: no such folder; a task of your own is a folder with corpus\.jsonl"):
        load_task(f"{tmp_path}/nowhere")


def test_a_line_of_a_gigabyte_is_refused_with_little_memory(tmp_path: Path) -> None:
    folder = make(tmp_path / "x")
    with (folder / "corpus.jsonl").open("r+b") as stream:
        stream.seek(0, 2)
        size = stream.tell()
        stream.truncate(size + (1 << 30))  # zeros, without taking room on the disk
        stream.seek(0, 2)
        stream.write(b"\n" + json.dumps({**GOOD, "_id": "d1"}).encode() + b"\n")
    tracemalloc.start()
    found = serious(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [
        "corpus.jsonl:4: the line is longer than 16 MiB; split its text",
        "corpus.jsonl:5: \"_id\" 'd1' is taken already, on line 1",
    ]
    assert peak < 4 * LONGEST_LINE


def test_every_fault_is_told_by_file_and_line_and_the_status_is_2(tmp_path: Path) -> None:
    corpus = as_lines(CORPUS) + "\n".join(BAD_CORPUS_LINES) + "\n"
    folder = make(tmp_path / "x", corpus=corpus, test=QRELS + "q9\td9\tx\n")
    program = "from robustbench_ir.cli import main; main()"
    arguments = [sys.executable, "-c", program, "tasks", "check", "--all", str(folder)]
    answer = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    told = answer.stdout.splitlines()
    for number, message in enumerate(BAD_CORPUS_LINES.values(), start=4):
        assert f"{folder}/corpus.jsonl:{number}: {message}" in told
    assert f"{folder}/qrels/test.tsv:6: grade 'x' is not an integer of at most 9 digits" in told
    faults = sum(line.startswith(f"{folder}/") for line in told)
    assert answer.stderr == f"irbench: {folder}: it would not load; correct the {faults} faults above and check again\n"


def test_of_many_faults_of_a_kind_five_are_told_and_the_rest_is_counted(tmp_path: Path) -> None:
    queries = "".join(f'{{"_id": "q{number}", "text": "", "language": "ha"}}\n' for number in range(160))
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q{number}\td1\t1\n" for number in range(160))
    folder = make(tmp_path / "x", queries=queries, test=qrels)
    told = CliRunner().invoke(irbench, ["tasks", "check", str(folder)])
    faults = [line for line in told.output.splitlines() if line.startswith(f"{folder}/") and "note" not in line]
    assert [line.split(":")[1] for line in faults[:5]] == ["1", "2", "3", "4", "5"]
    assert "155 more like this" in faults[5]
    assert len(faults) == 6
    assert "correct the 160 faults above" in str(told.exception)
    whole = CliRunner().invoke(irbench, ["tasks", "check", str(folder), "--all"]).output
    assert sum("is empty" in line for line in whole.splitlines()) == 160


def test_a_good_folder_is_summed_up(tmp_path: Path) -> None:
    corpus = as_lines(CORPUS).replace("baked", "bake\u0301d")
    queries = as_lines((*QUERIES, {"_id": "q3", "text": "Wani kogi ne?", "language": "ha"}))
    folder = make(tmp_path / "x", corpus=corpus, queries=queries, test=QRELS + "q3\td1\t1\n")
    answer = CliRunner().invoke(irbench, ["tasks", "check", str(folder)])
    assert answer.exit_code == 0
    told = answer.output
    assert "corpus.jsonl:3: note: 1 texts are not in Unicode normalisation form C" in told
    assert "note: no passage is in ha: its queries have cross-lingual and multilingual scores only" in told
    for line in (
        "en 1 queries, 2 passages",
        "in all 3 queries, 3 passages",
        "5, of which 4 relevant",
        "1 questions in",
    ):
        assert line in " ".join(told.split())
    assert load_task(f"{folder}").passages[2].text == "Bread is bak\u00e9d."


def test_it_can_be_attacked_and_its_perturbed_queries_are_a_task_again(tmp_path: Path) -> None:
    folder = make(tmp_path / "rivers")
    result = rb.attack("char-ngram", task=f"{folder}", recipes=["typo"])
    assert result.task == load_task(f"{folder}").identity
    out = tmp_path / "perturbed"
    arguments = ["perturb", "--task", f"{folder}", "--recipe", "typo", "--out", f"{out}"]
    answer = CliRunner().invoke(irbench, arguments)
    assert answer.exit_code == 0, answer.output
    copy = make(tmp_path / "copy", queries=(out / "queries.jsonl").read_bytes())
    typed = load_task(f"{copy}")
    assert [(one.query_id, one.language, one.parallel_id) for one in typed.queries] == [
        (one.query_id, one.language, one.parallel_id) for one in load_task(f"{folder}").queries
    ]
    assert [one.text for one in typed.queries] != [one.text for one in load_task(f"{folder}").queries]
    assert rb.attack("char-ngram", task=f"{copy}", recipes=[]).clean.digest == result.attacked[0].digest


junk = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([*BAD_CORPUS_LINES][2:]).map(str.encode),
    st.sampled_from([*CORPUS, *QUERIES]).map(lambda row: json.dumps(row).encode()),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    corpus=st.lists(junk, max_size=4),
    queries=st.lists(junk, max_size=4),
    qrels=st.lists(st.one_of(st.text(max_size=12), st.sampled_from(QRELS.splitlines())), max_size=5),
)
def test_what_the_check_passes_loads_and_what_it_does_not_is_refused(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[bytes], queries: list[bytes], qrels: list[str]
) -> None:
    folder = make(
        tmp_path_factory.mktemp("junk") / "x",
        corpus=as_lines(CORPUS).encode() + b"\n".join(corpus),
        queries=as_lines(QUERIES).encode() + b"\n".join(queries),
        test=QRELS + "\n".join(qrels).encode("utf-8", "replace").decode(),
    )
    found = serious(folder)
    if found:
        with pytest.raises(RobustBenchError) as caught:
            load_task(f"{folder}")
        assert str(caught.value).removeprefix(f"{folder}/") == found[0]
    else:
        assert load_task(f"{folder}").queries
