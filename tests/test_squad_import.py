"""Tasks from SQuAD files: answers that move, questions without an answer, contexts that stand twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataError, DataUnavailableError, OptionError
from robustbench_ir.tasks import load_task
from robustbench_ir.tasks.squad_import import import_squad

CONTEXT = "Mto unapita mjini. Daraja ni la mawe. Soko liko karibu."
Write = Callable[..., Path]


@pytest.fixture
def squad(tmp_path: Path) -> Write:
    def write(name: str, *paragraphs: tuple[str, list[dict[str, object]]]) -> Path:
        data = [{"title": "t", "paragraphs": [{"context": text, "qas": asked} for text, asked in paragraphs]}]
        path = tmp_path / name
        path.write_text(json.dumps({"version": "v2.0", "data": data}), encoding="utf-8")
        return path

    return write


def asked(identity: str, text: str, answer: str, start: int, **more: object) -> dict[str, object]:
    return {"id": identity, "question": text, "answers": [{"text": answer, "answer_start": start}], **more}


def relevant_texts(folder: Path) -> dict[str, set[str]]:
    task = load_task(f"{folder}/")
    found: dict[str, set[str]] = {}
    for query, passage in zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True):
        found.setdefault(task.queries[query].text, set()).add(task.passages[passage].text)
    return found


def test_a_question_finds_the_sentence_of_its_answer(squad: Write, tmp_path: Path) -> None:
    place = CONTEXT.index("mawe")
    file = squad("a.json", (CONTEXT, [asked("1", "Daraja ni la nini?", "mawe", place)]))
    assert import_squad([("sw", file)], tmp_path / "s") == []
    assert relevant_texts(tmp_path / "s") == {"Daraja ni la nini?": {"Daraja ni la mawe."}}
    import_squad([("sw", file)], tmp_path / "p", unit="paragraphs")
    assert relevant_texts(tmp_path / "p") == {"Daraja ni la nini?": {CONTEXT}}


def test_an_answer_is_found_by_its_words_where_the_count_is_wrong(squad: Write, tmp_path: Path) -> None:
    """Bytes, UTF-16 units and texts edited after counting: of two places the nearer one holds."""
    text = "Soko ni kubwa. Mto ni mrefu. Soko ni dogo."
    file = squad("a.json", (text, [asked("1", "Nini ni dogo?", "Soko", 33), asked("2", "Nini ni kubwa?", "Soko", 4)]))
    import_squad([("sw", file)], tmp_path / "s")
    assert relevant_texts(tmp_path / "s") == {"Nini ni dogo?": {"Soko ni dogo."}, "Nini ni kubwa?": {"Soko ni kubwa."}}


def test_what_cannot_be_used_is_left_out_and_counted(squad: Write, tmp_path: Path) -> None:
    file = squad(
        "a.json",
        (
            CONTEXT,
            [
                asked("1", "Mto unapita wapi?", "mjini", 12),
                asked("2", "Nani?", "mjini", 12, is_impossible=True),  # version 2
                {"id": "3", "question": "Lini?", "answers": [], "is_impossible": True},
                asked("4", "Wapi?", "Nairobi", 3),  # outside of the context
                asked("5", "  ", "mjini", 12),
            ],
        ),
        (CONTEXT, [asked("1", "Soko liko wapi?", "karibu", 48)]),  # the same context and id
    )
    told = import_squad([("sw", file)], tmp_path / "s")
    assert sorted(told) == [
        "contexts that stand twice, kept once: 1",
        "questions left out, since their answer is not in their context: 1",
        "questions left out, since they are empty: 1",
        "questions left out, since they have no answer: 2",
        "questions whose id stands twice in a file, renamed: 1",
    ]
    task = load_task(f"{tmp_path / 's'}/")
    assert [one.query_id for one in task.queries] == ["sw:1", "sw:1-2"]
    assert len(task.passages) == 3


@pytest.mark.parametrize("parallel", [False, True])
def test_only_questions_that_are_said_to_be_parallel_are(parallel: bool, squad: Write, tmp_path: Path) -> None:
    swahili = squad("sw.json", (CONTEXT, [asked("1", "Mto unapita wapi?", "mjini", 12)]))
    english = squad("en.json", ("A river. It is in town.", [asked("1", "Where is it?", "town", 18)]))
    import_squad([("sw", swahili), ("en", english)], tmp_path / "s", parallel=parallel)
    found = relevant_texts(tmp_path / "s")
    assert found["Where is it?"] == {"It is in town.", *(["Mto unapita mjini."] if parallel else [])}


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('{"data": []}', DataError),
        ("[]", DataError),
        ('{"data": [{"paragraphs": [{"context": "x"}]}]}', DataError),
        (b"\xff", DataError),
        ('{"data": [{"paragraphs": [{"context": "x", "qas": []}]}]}', DataError),  # no question is left
        (None, DataUnavailableError),
    ],
)
def test_a_file_of_another_kind_is_one_line(
    content: str | bytes | None, error: type[Exception], tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error) as caught:
        import_squad([("sw", path)], tmp_path / "s")
    assert "\n" not in str(caught.value)


def test_the_command_makes_and_checks_a_folder(squad: Write, tmp_path: Path) -> None:
    file = squad("a.json", (CONTEXT, [asked("1", "Mto unapita wapi?", "mjini", 12)]))
    command = ["tasks", "import", "squad", f"swa={file}", "--out", str(tmp_path / "s")]
    done = CliRunner().invoke(irbench, command)
    assert done.exit_code == 0, done.output
    assert "It loads" in done.output
    again = CliRunner().invoke(irbench, command)
    assert isinstance(again.exception, OptionError)
    bare = CliRunner().invoke(irbench, [*command[:3], str(file), "--out", str(tmp_path / "t")])
    assert "write the language before the file" in str(bare.exception)
