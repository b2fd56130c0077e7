"""Collections of the Hugging Face hub: small samples in their layout, from a local server, read by the real code."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b, sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir._base.cache import cache_folder
from robustbench_ir.cli import irbench
from robustbench_ir.errors import CardError, DataError, DataUnavailableError, OptionError
from robustbench_ir.resources.cards import validate
from robustbench_ir.resources.downloads import HubFile, locate, without_network
from robustbench_ir.resources.languages import languages
from robustbench_ir.tasks import Task, load_task, task_card
from robustbench_ir.tasks.formats.corpus import judged_and_sampled, numbered_lines
from robustbench_ir.tasks.formats.trec import HubShards, _read_grades, read_questions

MIRACL = "5be20db9509754dadad47689368639fcec739c00"
MIRACL_CORPUS = "d921ec7e349ce0d28daf30b2da9da5ee698bef0d"

YORUBA_PASSAGES = [
    ("12#0", "Èkó", "Èkó ni ìlú tó tóbi jù ní Nàìjíríà."),
    ("12#1", "Èkó", "Ó wà ní etí òkun."),
    ("30#0", "Ìbàdàn", "Ìbàdàn ni olú-ìlú Ìpínlẹ̀ Ọ̀yọ́."),
    ("41#0", "Ojú ọjọ́", "Òjò máa ń rọ̀ ní oṣù keje."),
    ("41#1", "Ojú ọjọ́", "Ọyẹ́ máa ń fẹ́ ní Dìsẹ́ḿbà."),
]
MIRACL_YO = {
    "topics": "0#0\tKí ni olú-ìlú Ìpínlẹ̀ Ọ̀yọ́?\n7#0\tÌlú wo ló tóbi jù ní Nàìjíríà?\n",
    "qrels": "0#0\tQ0\t30#0\t1\n0#0\tQ0\t12#0\t0\n7#0\tQ0\t12#0\t1\n7#0\tQ0\t12#1\t1\n",
}


def shard(passages: list[tuple[str, str, str]]) -> bytes:
    lines = [json.dumps({"docid": i, "title": t, "text": x}, ensure_ascii=False) + "\n" for i, t, x in passages]
    return gzip.compress("".join(lines).encode())


class Hub:
    """A folder that a local server shows under the addresses of the hub."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, repository: str, revision: str, file: str, content: str | bytes) -> None:
        path = self.root / "datasets" / repository / "resolve" / revision / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def put_miracl(self, topics: str | bytes, qrels: str | bytes, *shards: bytes, language: str = "yo") -> None:
        one = f"miracl-v1.0-{language}"
        self.put("miracl/miracl", MIRACL, f"{one}/topics/topics.{one}-dev.tsv", topics)
        self.put("miracl/miracl", MIRACL, f"{one}/qrels/qrels.{one}-dev.tsv", qrels)
        for number, content in enumerate(shards):
            self.put(
                "miracl/miracl-corpus", MIRACL_CORPUS, f"miracl-corpus-v1.0-{language}/docs-{number}.jsonl.gz", content
            )


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    class Quiet(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            path = Path(self.translate_path(self.path))
            if path.is_file():
                self.send_header("ETag", f'"{sha256(path.read_bytes()).hexdigest()}"')
                self.send_header("X-Repo-Commit", self.path.partition("/resolve/")[2].partition("/")[0])
            super().end_headers()

        def log_message(self, *_: object) -> None:
            pass

    root = tmp_path / "hub"
    root.mkdir()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{httpd.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield Hub(root)
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def relevant(task: Task) -> set[tuple[str, str, int]]:
    columns = zip(task.qrels.query, task.qrels.passage, task.qrels.grade, strict=True)
    return {(task.queries[q].query_id, task.passages[p].passage_id, int(g)) for q, p, g in columns}


def test_miracl_is_downloaded_and_read(hub: Hub) -> None:
    hub.put_miracl(MIRACL_YO["topics"], MIRACL_YO["qrels"], shard(YORUBA_PASSAGES))
    task = load_task("miracl", ["yo"])
    assert [query.query_id for query in task.queries] == ["yo:0#0", "yo:7#0"]
    assert [passage.passage_id for passage in task.passages] == [f"yo:{docid}" for docid, _, _ in YORUBA_PASSAGES]
    assert task.passages[2].text == "Ìbàdàn\nÌbàdàn ni olú-ìlú Ìpínlẹ̀ Ọ̀yọ́."
    # Judged and found irrelevant is no judgement of relevance.
    assert relevant(task) == {("yo:0#0", "yo:30#0", 1), ("yo:7#0", "yo:12#0", 1), ("yo:7#0", "yo:12#1", 1)}
    # The second time nothing is asked of the hub.
    (hub.root / "datasets").rename(hub.root / "gone")
    assert load_task("miracl", ["yo"]).digest == task.digest


def test_a_file_of_a_model_comes_by_commit_and_hash_and_the_users_own_folder_comes_first(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"weights"
    served = hub.root / "owner" / "model" / "resolve" / MIRACL / "model.safetensors"
    served.parent.mkdir(parents=True)
    served.write_bytes(content)
    pinned = sha256(content).hexdigest()
    file = HubFile(repository="owner/model", revision=MIRACL, file=served.name, sha256=pinned, kind="model")
    found = locate(file)
    assert (found.name, found.read_bytes()) == (served.name, content)
    with pytest.raises(DataError, match=r"model\.safetensors: has another hash"):
        locate(file.model_copy(update={"sha256": "0" * 64}))
    mine = tmp_path / "mine" / "models" / "owner" / "model" / MIRACL / served.name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(content)
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path / "mine"))
    assert locate(file) == mine


def test_without_a_network_the_hub_is_not_asked_and_what_is_here_is_used(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put("a/b", MIRACL, "x/y.tsv", "here")
    file = HubFile(repository="a/b", revision=MIRACL, file="x/y.tsv")
    with without_network(), pytest.raises(DataUnavailableError, match=r"^a/b/x/y\.tsv is not on this machine \("):
        locate(file)
    assert locate(file).read_text(encoding="utf-8") == "here"
    monkeypatch.setenv("ROBUSTBENCH_IR_OFFLINE", "1")
    assert locate(file).read_text(encoding="utf-8") == "here"


def test_an_attack_runs_on_it(hub: Hub) -> None:
    hub.put_miracl(MIRACL_YO["topics"], MIRACL_YO["qrels"], shard(YORUBA_PASSAGES))
    result = rb.attack("char-ngram", task="miracl", languages=["yo"], recipes=["typo"])
    frame = result.to_frame(["R@10"]).query("setting == 'monolingual' and language == 'all'")
    # Five passages: each is among the first ten, whatever becomes of the question.
    assert frame[["clean", "attacked"]].to_numpy().tolist() == [[1.0, 1.0]]


def test_the_shards_of_a_language_are_read_in_order(hub: Hub) -> None:
    topics, qrels = "1\tఏ ఊరు?\n", "1 Q0 9#0 1\n"
    hub.put_miracl(topics, qrels, shard([("1#0", "ఊరు", "ఒకటి")]), shard([("9#0", "ఊరు", "రెండు")]), language="te")
    task = load_task("miracl", ["te"])
    assert [passage.passage_id for passage in task.passages] == ["te:1#0", "te:9#0"]
    (hub.root / "datasets" / "miracl" / "miracl-corpus" / "resolve").rename(hub.root / "gone")
    for cached in cache_folder().rglob("docs-1.jsonl.gz"):
        cached.unlink()
    with pytest.raises(DataUnavailableError, match=r"docs-1\.jsonl\.gz is not on this machine .*answered 404"):
        load_task("miracl", ["te"])


def test_hard_negatives_are_the_judged_and_a_sample(hub: Hub) -> None:
    others = [(f"{number}#0", "", f"ọ̀rọ̀ {number}") for number in range(1000, 7000)]
    hub.put_miracl(MIRACL_YO["topics"], MIRACL_YO["qrels"], shard([*others[:3000], *YORUBA_PASSAGES, *others[3000:]]))
    task = load_task("miracl-hard-negatives", ["yo"])
    ids = [passage.passage_id.removeprefix("yo:") for passage in task.passages]
    assert ids[:3] == ["12#0", "12#1", "30#0"]
    rest = [docid for docid, _, _ in (*others, *YORUBA_PASSAGES) if docid not in ids[:3]]
    expected = sorted(rest, key=lambda docid: blake2b(docid.encode(), digest_size=8).digest())[:5000]
    assert ids[3:] == expected


def test_a_sample_is_the_same_in_any_order_and_part_of_a_larger_one(tmp_path: Path) -> None:
    passages = [(f"{number}#0", "t", f"text {number}") for number in range(500)]
    forth, back = tmp_path / "forth.gz", tmp_path / "back.gz"
    forth.write_bytes(shard(passages))
    back.write_bytes(shard(passages[::-1]))

    def sample(path: Path, size: int) -> list[str]:
        return [passage.passage_id for passage in judged_and_sampled([path], "en", set(), size)]

    assert sample(forth, 40) == sample(back, 40) == sample(forth, 90)[:40]
    assert len(sample(forth, 9999)) == 500


def test_mr_tydi(hub: Hub) -> None:
    revision = "1d43c80218d06d0ef80f5b172ccabd848b948bc1"
    hub.put("castorini/mr-tydi", revision, "mrtydi-v1.1-bengali/ir-format-data/topics.test.txt", "3\tরাজধানী কোথায়?\n")
    hub.put("castorini/mr-tydi", revision, "mrtydi-v1.1-bengali/ir-format-data/qrels.test.txt", "3 Q0 608#0 1\n")
    corpus = shard([("608#0", "ঢাকা", "ঢাকা রাজধানী।"), ("608#1", "ঢাকা", "নদী।")])
    hub.put(
        "castorini/mr-tydi-corpus",
        "3a3aa212bbe94a8cc0dc858710a3dad49d532054",
        "mrtydi-v1.1-bengali/corpus.jsonl.gz",
        corpus,
    )
    task = load_task("mr-tydi", ["bn"])
    assert relevant(task) == {("bn:3", "bn:608#0", 1)}
    assert len(task.passages) == 2


def put_ciral(hub: Hub, name: str, code: str) -> None:
    topics, qrels = (
        "22\tWho won?\n23\tWho lost?\n24\tWho knows?\n",
        "22\tQ0\tVOA#1#0\t1\n23\tQ0\tVOA#2#0\t1\n24\tQ0\tVOA#2#0\t0\n",
    )
    queries = "b70d52ca77d3c462db447c65377aee0406512570"
    hub.put("CIRAL/ciral", queries, f"ciral-{name}/topics/topics.ciral-v1.0-{code}-test-b.tsv", topics)
    hub.put("CIRAL/ciral", queries, f"ciral-{name}/qrels/qrels.ciral-v1.0-{code}-test-b.tsv", qrels)
    lines = [{"docid": f"VOA#{n}#0", "title": name, "text": f"{name} {n}", "url": "https://x.org"} for n in (1, 2)]
    lines.append({"docid": "VOA#3#0", "title": "", "text": "", "url": ""})
    corpus = "".join(json.dumps(line) + "\n" for line in lines)
    hub.put(
        "CIRAL/ciral-corpus", "81644d6e18427ab79a36bb31141c9281239ba40c", f"passages-v1.0/{name}_passages.jsonl", corpus
    )


def test_a_collection_without_translations_asks_in_english(hub: Hub, tmp_path: Path) -> None:
    put_ciral(hub, "hausa", "ha")
    shipped = (Path(__file__).parents[1] / "tasks" / "ciral.toml").read_text(encoding="utf-8")
    without = [line for line in shipped.splitlines() if not line.startswith("translations.")]
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "ciral.toml").write_text("\n".join(without), encoding="utf-8")
    task = load_task("ciral", ["en", "ha"], cards=tmp_path)
    assert task.query_languages == ("en",)
    # The empty passage is left out, and so is the question that nothing answers.
    assert relevant(task) == {("en:ha:22", "ha:VOA#1#0", 1), ("en:ha:23", "ha:VOA#2#0", 1)}
    assert len(task.passages) == 2
    with pytest.raises(DataError, match=r"the questions on ha are in en: ask for both, --languages en,ha"):
        load_task("ciral", ["ha"], cards=tmp_path)


def test_the_questions_of_ciral_in_hausa_are_pinned_by_their_hash() -> None:
    pinned = task_card("ciral").languages["ha"]["translations"]
    assert isinstance(pinned, dict)
    assert pinned["sha256"] == "094a09c35477629ebe372b1164725c69b7ca2564827acaceb0872d8a88e9a47d"
    assert "/43add835e20bd66b48f9a640be9bad95a4762d82/" in pinned["url"]
    notes = " ".join(task_card("ciral").notes)
    for fact in ("312 questions on Hausa", "147, 231, 238 and 565 are Hausa; 231 and 565 are swapped", "(361, 473)"):
        assert fact in notes


def test_ciral_has_translated_questions(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_ciral(hub, "yoruba", "yo")
    native = tmp_path / "castorini/anserini-tools/topics-and-qrels/topics.ciral-v1.0-yo-test-b-native.tsv"
    native.parent.mkdir(parents=True)
    native.write_text("22\tTa ló borí?\n", encoding="utf-8")
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path))
    task = load_task("ciral", ["en", "yo"])
    assert [(query.query_id, query.parallel_id) for query in task.queries] == [
        ("en:yo:22", "yo:22"), ("en:yo:23", "yo:23"), ("yo:22", "yo:22"),
    ]  # fmt: skip
    assert load_task("ciral", ["yo"]).query_languages == ("yo",)


@pytest.mark.parametrize("name", ["miracl", "miracl-hard-negatives", "mr-tydi", "ciral"])
def test_every_file_of_the_cards_is_pinned(name: str) -> None:
    """Each language's row leads to files of a commit."""
    rows = task_card(name).languages
    assert set(rows) <= set(languages())
    for language, row in rows.items():
        if "queries_only" not in row:
            files = [*validate(HubShards, row["passages"], language).files()]
            assert all(file.revision and "{" not in file.path for file in files)
    if name.startswith("miracl"):
        assert len(rows) == 18
        assert sum(validate(HubShards, row["passages"], "").shards for row in rows.values()) == 222


@pytest.mark.parametrize("name", ["miracl", "miracl-hard-negatives", "mr-tydi", "ciral"])
def test_nobody_downloads_gigabytes_by_leaving_out_the_languages(hub: Hub, name: str) -> None:
    with pytest.raises(OptionError, match=f"{name}: all languages are .* passages, a download of about ") as caught:
        load_task(name)
    assert "\n" not in str(caught.value)
    smallest = "yo" if name != "mr-tydi" else "sw"
    assert f"name some, such as --languages {smallest} " in str(caught.value)
    # "all" asks for them: the first file is wanted of the hub, which has nothing.
    with pytest.raises(DataUnavailableError, match=r"is not on this machine .*answered 404"):
        load_task(name, ["all"])


def test_runs_on_one_language_of_a_large_collection_are_scored(hub: Hub, tmp_path: Path) -> None:
    hub.put_miracl(MIRACL_YO["topics"], MIRACL_YO["qrels"], shard(YORUBA_PASSAGES))
    run = tmp_path / "clean.trec"
    run.write_text("yo:0#0 Q0 yo:30#0 1 2.0 engine\nyo:7#0 Q0 yo:12#1 1 1.0 engine\n", encoding="utf-8")
    asked = ["score", "--task", "miracl", "--run", f"{run}", "--out", f"{tmp_path / 'out.json'}"]
    done = CliRunner().invoke(irbench, [*asked, "--languages", "yo"])
    assert done.exit_code == 0, done.output
    assert rb.load_result(tmp_path / "out.json").judgements.pool == {"yo": 5}
    assert isinstance(CliRunner().invoke(irbench, asked).exception, OptionError)


def test_the_size_of_miracl_is_told_before_it_is_downloaded() -> None:
    done = CliRunner().invoke(irbench, ["attack", "--task", "miracl", "--model", "char-ngram", "--plan"])
    assert isinstance(done.exception, OptionError)
    assert "all languages are 106,332,152 passages, a download of about 16 GB" in str(done.exception)
    shown = CliRunner().invoke(irbench, ["tasks", "show", "miracl"]).output
    assert "sw 131,924" in " ".join(shown.split())
    assert "irbench attack --task miracl --languages yo" in shown


# What goes wrong: one line that says where and what to do.


def load_yoruba(hub: Hub, **changed: str | bytes) -> Task:
    parts = {**MIRACL_YO, "corpus": shard(YORUBA_PASSAGES), **changed}
    corpus = parts["corpus"]
    hub.put_miracl(parts["topics"], parts["qrels"], corpus if isinstance(corpus, bytes) else corpus.encode())
    return load_task("miracl", ["yo"])


def bad_line(line: bytes) -> bytes:
    return gzip.compress(gzip.decompress(shard(YORUBA_PASSAGES)) + line)


FAULTS = {
    "no question": ({"topics": ""}, r"dev\.tsv: holds no question; leave its language out by --languages"),
    "no tab": ({"topics": "0#0 Kí ni\n"}, r"dev\.tsv:1: expected id<TAB>question"),
    "question twice": ({"topics": "1\ta\n1\tb\n"}, r"dev\.tsv:2: question id '1' occurs twice; correct the file"),
    "question not UTF-8": ({"topics": b"1\ta\n2\t\xff\xfe\n"}, r"dev\.tsv:2: byte 3 is not UTF-8; save the file as"),
    "two columns": ({"qrels": "0#0\t30#0\n"}, r"dev\.tsv:1: expected query-id"),
    "grade no number": ({"qrels": "0#0 Q0 30#0 yes\n"}, r"dev\.tsv:1: grade 'yes' is not an integer"),
    "two grades": ({"qrels": "0#0 Q0 30#0 1\n0#0 Q0 30#0 2\n"}, r"dev\.tsv:2: passage '30#0' was judged 1 before"),
    "unknown question": ({"qrels": "9 Q0 30#0 1\n"}, r"dev\.tsv:1: judges question '9', which does not exist"),
    "unknown passage": (
        {"qrels": "0#0 Q0 99#9 1\n"},
        r"dev\.tsv: judges 1 passages that the corpus does not hold, '99#9' among them.*correct their revisions",
    ),
    "nothing relevant": ({"qrels": "0#0 Q0 30#0 0\n"}, r"dev\.tsv: finds no passage relevant; leave its language out"),
    "no passage": ({"corpus": gzip.compress(b"")}, r"judges 3 passages that the corpus does not hold"),
    "passage twice": ({"corpus": shard(YORUBA_PASSAGES * 2)}, r"passage id 'yo:12#0' occurs 2 times"),
    "not JSON": ({"corpus": bad_line(b"{\n")}, r"docs-0\.jsonl\.gz:6: Invalid JSON"),
    "no docid": ({"corpus": bad_line(b'{"text": "x"}\n')}, r"docs-0\.jsonl\.gz:6: key 'docid': Field required"),
    "passage not UTF-8": ({"corpus": bad_line(b'{"docid": "1", "text": "\xff"}\n')}, r"docs-0\.jsonl\.gz:6: .*unicode"),
    "lone surrogate": ({"corpus": bad_line(rb'{"docid": "1", "text": "\ud800"}' + b"\n")}, r"docs-0\.jsonl\.gz:6: "),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_in_one_line(hub: Hub, fault: str) -> None:
    changed, message = FAULTS[fault]
    with pytest.raises(DataError, match=message) as caught:
        load_yoruba(hub, **changed)
    assert "\n" not in str(caught.value)


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda whole: whole[: len(whole) // 2],
    "no checksum": lambda whole: whole[:-8],
    "wrong checksum": lambda whole: whole[:-8] + bytes(4) + whole[-4:],
    "garbled": lambda whole: whole[:60] + bytes(40) + whole[100:],
    "no gzip": lambda _: b"<html>Too many requests</html>",
}


@pytest.mark.parametrize("cut", CUTS)
def test_a_damaged_corpus_is_thrown_away_and_comes_anew(hub: Hub, cut: str) -> None:
    with pytest.raises(DataError, match=r"docs-0\.jsonl\.gz: cannot be unpacked .*was deleted, run the same command"):
        load_yoruba(hub, corpus=CUTS[cut](shard(YORUBA_PASSAGES)))
    assert not list(cache_folder().rglob("docs-0.jsonl.gz*[!k]"))
    assert len(load_yoruba(hub).passages) == 5


def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path) -> None:
    """1 GiB of spaces is 1 MiB of gzip: refused after 16 MiB, in a process that could not hold it."""
    path = tmp_path / "bomb.jsonl.gz"
    block = gzip.compress(b" " * (1 << 26))
    path.write_bytes(block * 16)
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from robustbench_ir.tasks.formats.corpus import numbered_lines\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (size + (256 << 20),) * 2)\n"
        "list(numbered_lines(Path(sys.argv[1])))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, capture_output=True, text=True)
    assert done.stderr.strip().endswith(
        "bomb.jsonl.gz:1: a line of over 16 MiB, which is not a passage; correct the file"
    )


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "topics.tsv"
    path.write_text("1\tone\u2028line\r\n\n2\ttwo\ttabs", encoding="utf-8")
    assert read_questions(path) == {"1": "one\u2028line", "2": "two\ttabs"}
    assert [number for number, _ in numbered_lines(path)] == [1, 2, 3]


def test_qrels_are_separated_by_spaces_or_tabs(tmp_path: Path) -> None:
    path = tmp_path / "qrels.tsv"
    path.write_text("1 Q0 a 3\n1\tQ0\tb\t0\n1   0\tc  -1\n", encoding="utf-8")
    assert _read_grades(path, {"1"}) == {"1": {"a": 3, "b": 0, "c": -1}}


def test_a_card_gives_a_hash_for_each_shard_or_none() -> None:
    shards = {"repository": "a/b", "revision": MIRACL, "file": "docs-{shard}.gz", "shards": 2}
    assert [file.path for file in validate(HubShards, shards, "").files()] == ["a/b/docs-0.gz", "a/b/docs-1.gz"]
    with pytest.raises(CardError, match="1 hashes for 2 shards"):
        validate(HubShards, {**shards, "sha256": ["0" * 64]}, "card")
    with pytest.raises(CardError, match=r"needs '\{shard\}'"):
        validate(HubShards, {**shards, "file": "docs.gz"}, "card")
