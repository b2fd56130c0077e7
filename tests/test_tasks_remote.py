"""Tasks whose data is downloaded: small files in the same layout, served by a local server through the real cards."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import robustbench_ir as rb
from robustbench_ir._base.cache import cache_folder
from robustbench_ir.errors import CardError, DataError, DataUnavailableError, OptionError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.resources.cards import packaged
from robustbench_ir.tasks import Task, load_task
from robustbench_ir.tasks.formats.mlqa import sentence_spans


@dataclass
class Server:
    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """What was downloaded: the hub is asked for the headers alone before."""
    tag: str = ""
    commit: str = ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    state = Server()
    monkeypatch.setattr("robustbench_ir._base.retries.FIRST_WAIT_SECONDS", 0)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            state.asked.append(self.path)
            self.wfile.write(self.answer())

        def answer(self) -> bytes:
            content = state.files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("X-Repo-Commit", state.commit or self.path.partition("/resolve/")[2].partition("/")[0])
            self.send_header("ETag", f'"{state.tag or sha256(content or b"").hexdigest()}"')
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            return content or b""

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def card_at(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Copy a shipped card with other addresses or hashes; return the folder of cards."""
    text = (packaged("tasks") / f"{name}.toml").read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


HINDI = "राम कहाँ रहता है?"
LATIN = "Ram kahan rehta hai?"
BELEBELE = {
    "hin_Deva": [("a", 1, "राम दिल्ली में रहता है।", HINDI), ("b", 1, "नदी लंबी है।", "नदी कैसी है?")],
    "hin_Latn": [("b", 1, "Nadi lambi hai.", "Nadi kaisi hai?"), ("a", 1, "Ram Dilli mein rehta hai.", LATIN)],
    "eng_Latn": [
        ("a", 1, "Ram lives in Delhi.", "Where does Ram live?"),
        ("b", 1, "The river is long.", "How is the river?"),
    ],
}
"""Variant to link, question number, passage, question; in another order in the twin."""


def belebele_lines(variant: str) -> bytes:
    rows = [
        {
            "link": f"https://en.wikibooks.org/wiki/{link}",
            "question_number": number,
            "flores_passage": passage,
            "question": question,
            "mc_answer1": "x",
            "correct_answer_num": "1",
            "dialect": variant,
            "ds": "2023-05-03",
        }
        for link, number, passage, question in BELEBELE[variant]
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@pytest.fixture
def belebele(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    folder = "/datasets/facebook/belebele/resolve/75b399394a9803252cfec289d103de462763db7c/data"
    server.files = {f"{folder}/{variant}.jsonl": belebele_lines(variant) for variant in BELEBELE}


def answers(task: Task, query: int) -> set[str]:
    rows = task.qrels.passage[task.qrels.query == query]
    return {task.passages[row].text for row in rows}


def test_belebele_is_parallel_through_link_and_question_number(belebele: None) -> None:
    task = load_task("belebele", ["en", "hi"])
    assert (task.query_languages, task.passage_languages) == (("en", "hi"), ("en", "hi"))
    assert len(task.queries) == len(task.passages) == 4
    hindi = next(row for row, query in enumerate(task.queries) if query.text == HINDI)
    assert answers(task, hindi) == {"राम दिल्ली में रहता है।", "Ram lives in Delhi."}
    english = next(query for query in task.queries if query.text == "Where does Ram live?")
    assert english.parallel_id == task.queries[hindi].parallel_id


def test_belebele_latin_asks_what_a_person_wrote(belebele: None) -> None:
    result = rb.attack("char-ngram", "belebele", ["belebele-latin"], languages=["en", "hi"], severities=[1, 5])
    mild, strong = result.attacked
    assert mild.digest == strong.digest, "the whole query at every severity"
    assert mild.recipe == "belebele-latin@1+belebele"
    assert mild.not_covered == {
        "en": "no human-made questions in Latin script: Belebele has them in ar, bn, hi, ne, si and ur"
    }
    task = load_task("belebele", ["hi"])
    recipe = load_recipe("belebele-latin").for_task(task)
    assert [one.text for one in recipe.perturb(task.queries, 3, 0)] == [LATIN, "Nadi kaisi hai?"]
    assert all(one.touched == 1 for one in recipe.perturb(task.queries, 3, 0))


def test_belebele_latin_is_refused_on_other_tasks_with_the_reason() -> None:
    task = load_task("mini", ["en", "hi"])
    recipe = load_recipe("belebele-latin").for_task(task)
    assert not any(one.changed for one in recipe.perturb(task.queries, 5, 0))
    assert recipe.reason_not_covered("hi") == "only the task belebele has this language's questions in Latin script"


def test_a_file_of_the_hub_is_downloaded_once_and_again_when_it_has_rotted(belebele: None, server: Server) -> None:
    load_task("belebele", ["en"])
    (kept,) = {path.resolve() for path in cache_folder().rglob("eng_Latn.jsonl")}
    assert kept.name == sha256(kept.read_bytes()).hexdigest()
    load_task("belebele", ["en"])
    assert len(server.asked) == 1, "not downloaded again"
    kept.write_bytes(kept.read_bytes()[:-3])
    load_task("belebele", ["en"])
    assert len(server.asked) == 2, "what has rotted is"


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_gits_name_of_a_small_file_is_checked(belebele: None, server: Server) -> None:
    server.tag = git_blob(belebele_lines("eng_Latn"))
    load_task("belebele", ["en"])


@pytest.mark.parametrize("tag", ["0" * 64, "0" * 40], ids=["SHA-256", "git"])
def test_what_the_hub_names_otherwise_is_refused_and_thrown_away(belebele: None, server: Server, tag: str) -> None:
    server.tag = tag
    with pytest.raises(DataError, match=r"eng_Latn\.jsonl: has another hash; .* was deleted, run the same command"):
        load_task("belebele", ["en"])
    assert not [path for path in cache_folder().rglob("*") if path.name in {tag, "eng_Latn.jsonl"}]


def test_another_revision_is_refused(belebele: None, server: Server) -> None:
    server.commit = "0" * 40
    with pytest.raises(DataError, match="is of another revision than 75b399394a98"):
        load_task("belebele", ["en"])


def test_a_mirror_of_the_hub_must_be_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hf-mirror.com")
    with pytest.raises(OptionError, match=r"HF_ENDPOINT=http://hf-mirror\.com is not https"):
        load_task("belebele", ["en"])


def test_a_folder_of_the_users_comes_first(
    belebele: None, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine" / "facebook" / "belebele" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "facebook" / "belebele" / "data" / "eng_Latn.jsonl").write_bytes(belebele_lines("eng_Latn"))
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path / "mine"))
    assert len(load_task("belebele", ["en"]).queries) == 2
    assert not server.asked


def test_a_variant_that_is_not_there_is_named(belebele: None) -> None:
    with pytest.raises(
        DataUnavailableError, match=r"belebele/data/fra_Latn\.jsonl is not on this machine .*answered 404"
    ):
        load_task("belebele", ["fr"])


MLQA = {
    "en": ("Mr. Smith left. The Nile is 6,650 km long! It is in Africa.", "How long is the Nile?", "6,650 km"),
    "hi": ("यह एक देश है। नील नदी 6,650 किमी लंबी है। वह बड़ी है।", "नील कितनी लंबी है?", "6,650 किमी"),
    "zh": ("😀他走了。尼罗河长6650公里。它在非洲。", "尼罗河有多长？", "6650公里"),
}


def mlqa_archive(**replaced: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for language, (context, question, answer) in MLQA.items():
            answers = [{"text": answer, "answer_start": context.index(answer)}]
            paragraph = {"context": context, "qas": [{"question": question, "answers": answers, "id": "0f1e"}]}
            whole = {"version": 1.0, "data": [{"title": "Nile", "paragraphs": [paragraph]}]}
            member = f"MLQA_V1/dev/dev-context-{language}-question-{language}.json"
            archive.writestr(member, replaced.get(language, json.dumps(whole)))
    return content.getvalue()


def mlqa_at(server: Server, folder: Path, content: bytes) -> Path:
    server.files["/MLQA/MLQA_V1.zip"] = content
    pinned = "246e8089933d13007fe80684d5c5c0713d6834cf8b3b4a0ec7c66f0a0d2baac8"
    own = (pinned, sha256(content).hexdigest())
    return card_at(folder, "mlqa-r", ("https://dl.fbaipublicfiles.com", server.url), own)


def test_mlqa_is_cut_into_sentences_and_parallel_by_question(server: Server, tmp_path: Path) -> None:
    task = load_task("mlqa-r", ["en", "hi", "zh"], mlqa_at(server, tmp_path, mlqa_archive()))
    assert server.asked == ["/MLQA/MLQA_V1.zip"], "one archive, once"
    gold = {"The Nile is 6,650 km long!", "नील नदी 6,650 किमी लंबी है।", "尼罗河长6650公里。"}
    assert all(answers(task, row) == gold for row in range(3))
    assert {query.parallel_id for query in task.queries} == {"0f1e"}
    assert [passage.text for passage in task.passages if passage.language == "zh"] == [
        "😀他走了。",
        "尼罗河长6650公里。",
        "它在非洲。",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK nothing", r"MLQA_V1\.zip: not a whole ZIP archive"),
        (mlqa_archive()[:-30], r"MLQA_V1\.zip: not a whole ZIP archive"),
        (mlqa_archive(en="{}"), r"dev-context-en-question-en\.json: data: Field required"),
        (mlqa_archive(en=json.dumps({"data": [{"paragraphs": [{"context": "A. B.", "qas": [
            {"id": "7", "question": "?", "answers": [{"text": "x", "answer_start": 99}]}]}]}]})),
         "question 7: no sentence holds its answer"),
    ],
)  # fmt: skip
def test_a_bad_archive_is_named(server: Server, tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_task("mlqa-r", ["en"], mlqa_at(server, tmp_path, content))


def test_an_archive_of_another_hash_is_refused(server: Server, tmp_path: Path) -> None:
    cards = mlqa_at(server, tmp_path, mlqa_archive())
    server.files["/MLQA/MLQA_V1.zip"] += b"x"
    with pytest.raises(DataError, match=r"SHA-256 is .* expected .* was deleted"):
        load_task("mlqa-r", ["en"], cards)


def test_sentences_end_where_lareqas_do(shared_data: Path) -> None:
    """LAReQA's own sentence breaks of XQuAD are the reference: MLQA-R was made by the same breaker."""
    for language in ("ar", "de", "en", "es", "hi", "vi", "zh"):
        raw = json.loads((shared_data / "xquad-r" / f"{language}.json").read_text(encoding="utf-8"))
        found = wanted = 0
        for paragraph in (one for article in raw["data"] for one in article["paragraphs"]):
            text = paragraph["context"]
            ends = {end for _, end in sentence_spans(text, language)}
            theirs = {len(text[:end].rstrip()) for _, end in paragraph["sentence_breaks"]}
            found, wanted = found + len(ends & theirs), wanted + len(theirs)
        assert found / wanted > 0.96, language


def test_tatoeba_asks_in_one_direction_at_a_time(shared_data: Path) -> None:
    into = load_task("tatoeba", ["sw"])
    assert (into.query_languages, into.passage_languages) == (("sw",), ("en",))
    assert len(into.queries) == len(into.qrels.query) == 390
    first = next(row for row, query in enumerate(into.queries) if query.text == "Alinileta kahawa.")
    assert answers(into, first) == {"He brought me coffee."}
    out_of = load_task("tatoeba-from-en", ["en", "sw"])
    assert (out_of.query_languages, out_of.passage_languages) == (("en",), ("sw",))
    first = next(row for row, query in enumerate(out_of.queries) if query.text == "He brought me coffee.")
    assert answers(out_of, first) == {"Alinileta kahawa."}
    with pytest.raises(DataError, match="no query in sw has a relevant passage in them; queries are in en"):
        load_task("tatoeba-from-en", ["sw"])


def test_tatoeba_has_112_languages_and_merges_equal_english_sentences(shared_data: Path) -> None:
    task = load_task("tatoeba")
    assert len(task.query_languages) == 112
    assert len(task.queries) == sum(path.read_bytes().count(b"\n") for path in (shared_data / "tatoeba").glob("*.eng"))
    texts = [passage.text for passage in task.passages]
    assert len(texts) == len(set(texts))
    result = rb.attack("char-ngram", "tatoeba", ["typo"], languages=["kzj", "sw"])
    assert result.attacked[0].not_covered == {"kzj": "no row for kzj in attacks/typo.toml"}


BITEXT_CARD = """
name = "pairs"
version = 1
title = "Pairs"
description = "Two files."
format = "bitext"
licence = "CC0"
citation = "me"
homepage = "https://example.org"
[languages.en]
asks = true
[languages.sw]
sentences = {{ path = "pairs/sw", url = "{url}/sw", sha256 = "{sw}" }}
english = {{ path = "pairs/en", url = "{url}/en", sha256 = "{en}" }}
"""


def pairs(server: Server, folder: Path, swahili: bytes, english: bytes) -> Path:
    server.files = {"/sw": swahili, "/en": english}
    hashes = {"sw": sha256(swahili).hexdigest(), "en": sha256(english).hexdigest()}
    (folder / "tasks").mkdir()
    (folder / "tasks" / "pairs.toml").write_text(BITEXT_CARD.format(url=server.url, **hashes), encoding="utf-8")
    return folder


def test_a_sentence_with_two_translations_is_one_query(server: Server, tmp_path: Path) -> None:
    task = load_task("pairs", cards=pairs(server, tmp_path, b"Ndiyo.\nNaam.\nHapana.\n", b"Yes.\nYes.\nNo.\n"))
    assert [query.text for query in task.queries] == ["Yes.", "No."]
    assert answers(task, 0) == {"Ndiyo.", "Naam."}


@pytest.mark.parametrize(
    ("swahili", "message"),
    [
        (b"Ndiyo.\n", "sw:2: no sentence, or none in en"),
        (b"\nHapana.\n", "sw:1: no sentence"),
        (b"\xff\n\n", "sw: byte 1 is"),
    ],
)
def test_lines_that_do_not_pair_are_named(server: Server, tmp_path: Path, swahili: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_task("pairs", cards=pairs(server, tmp_path, swahili, b"Yes.\nNo.\n"))


def test_a_row_of_another_kind_is_refused(tmp_path: Path) -> None:
    cards = card_at(tmp_path, "tatoeba", ("asks = false", 'ask = "no"'))
    with pytest.raises(CardError, match=r"\[languages\.en\]: key 'ask' is unknown: did you mean 'asks'"):
        load_task("tatoeba", ["sw"], cards)
