"""The embedding store: each text once, bit for bit, whatever happens to processes, disks and files."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from robustbench_ir._base.cache import (
    Cache,
    CacheEntry,
    cache_folder,
    entries,
    make_room,
    read_cached,
    remove,
    size_limit,
    to_prune,
    using_cache,
)
from robustbench_ir._base.files import write_checked
from robustbench_ir._base.sizes import parse_age, parse_size
from robustbench_ir.encoders import Embeddings, EncoderDescription
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.lexical import Bm25, CharacterNgrams
from robustbench_ir.encoders.store.limits import shard_owner
from robustbench_ir.encoders.store.limits import text_count as texts_of
from robustbench_ir.encoders.store.store import EmbeddingStore, embedding_store, text_key
from robustbench_ir.errors import EncoderError, OptionError

WHO = EncoderDescription("counting", "counting@1", "dot", 8)
TEXTS = [f"text number {number}" for number in range(1500)]


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Return the folder of embeddings in a cache of the test's own."""
    (tmp_path / "embeddings").mkdir()
    return tmp_path / "embeddings"


def shards(folder: Path) -> list[CacheEntry]:
    return entries(folder, "embeddings")


def encoders(listed: Sequence[CacheEntry]) -> list[str]:
    return [shard_owner(shard).encoder for shard in listed]


class Counting:
    """An encoder of rows that follow from the text alone; it counts what it encodes."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        self.encoded += texts
        return rows_of(texts)


def rows_of(texts: Sequence[str]) -> np.ndarray:
    """Eight float32 numbers in [0, 1) of every text, with all their bits in use."""
    numbers = np.frombuffer(b"".join(text_key(text) * 2 for text in texts), dtype="<u4").reshape(-1, 8)
    return (numbers / 2**32).astype(np.float32)


def encode(folder: Path, texts: Sequence[str], who: EncoderDescription = WHO) -> tuple[Embeddings, list[str]]:
    """Encode as a new run does; return the rows, and the texts that the encoder was asked for."""
    counting = Counting()
    rows = encode_texts(counting, texts, store=EmbeddingStore(folder, who, "passage"))
    return rows, counting.encoded


def test_a_text_is_encoded_once_whatever_pool_it_is_in(tmp_path: Path) -> None:
    first, encoded = encode(tmp_path, TEXTS[:1000])
    assert sorted(encoded) == sorted(TEXTS[:1000])
    second, encoded = encode(tmp_path, [*TEXTS[200:1500], TEXTS[3], TEXTS[3]])
    assert sorted(encoded) == sorted(TEXTS[1000:1500]), "only what is new"
    np.testing.assert_array_equal(first, rows_of(TEXTS[:1000]))
    np.testing.assert_array_equal(second, rows_of([*TEXTS[200:1500], TEXTS[3], TEXTS[3]]))


@pytest.mark.parametrize("odd", ["", "\0", "\ud800", "e\u0301", "𝄞", "a" * 100_000])
def test_any_text_is_found_again(odd: str, tmp_path: Path) -> None:
    encode(tmp_path, ["a", odd])
    assert encode(tmp_path, [odd])[1] == []


def test_another_encoder_or_side_is_another_row(tmp_path: Path) -> None:
    encode(tmp_path, TEXTS[:5])
    changed = EncoderDescription("counting", "counting@2", "dot", 8)
    assert len(encode(tmp_path, TEXTS[:5], changed)[1]) == 5
    counting = Counting()
    encode_texts(counting, TEXTS[:5], store=EmbeddingStore(tmp_path, WHO, "query"))
    assert len(counting.encoded) == 5


@pytest.mark.parametrize(
    ("scale", "bytes_of_a_number"), [(np.float32(1 / 3), 4), (np.float32(1 / 4), 2), (np.float32(1e30), 4)]
)
def test_rows_come_back_bit_for_bit_and_as_float16_only_where_nothing_is_lost(
    scale: np.float32, bytes_of_a_number: int, tmp_path: Path
) -> None:
    rows = np.array([[1, -0.0, 3], [4, 5, -6]], dtype=np.float32) * scale
    fresh = encode_texts(lambda _: rows, ["a", "b"], store=EmbeddingStore(tmp_path, WHO, "query"))
    again = encode_texts(lambda _: rows * 0, ["a", "b"], store=EmbeddingStore(tmp_path, WHO, "query"))
    assert isinstance(fresh, np.ndarray)
    assert isinstance(again, np.ndarray)
    assert fresh.tobytes() == again.tobytes() == rows.tobytes()
    assert next(tmp_path.glob("*/*.rows")).stat().st_size == 6 * bytes_of_a_number


def test_the_first_row_counts(tmp_path: Path) -> None:
    """Two processes may encode the same text in other company, so that the last bits differ; all read the first."""
    first, second = EmbeddingStore(tmp_path, WHO, "query"), EmbeddingStore(tmp_path, WHO, "query")
    first.keep(["a"], np.array([[1.0]], dtype=np.float32))
    second.keep(["a"], np.array([[2.0]], dtype=np.float32))
    for store in (first, second, EmbeddingStore(tmp_path, WHO, "query")):
        assert store.read(["a"])[1].tolist() == [[1.0]]


def test_what_depends_on_the_pool_or_has_no_fingerprint_has_no_store(tmp_path: Path) -> None:
    assert embedding_store(Bm25(), tmp_path, "passage") is None

    class Nameless:
        description = EncoderDescription("nameless", "", "dot", 8)

        def encode_queries(self, texts: Sequence[str]) -> Embeddings:
            return rows_of(texts)

        encode_passages = encode_queries

    assert embedding_store(Nameless(), tmp_path, "passage") is None


def sparse_rows(texts: Sequence[str]) -> sp.csr_array:
    """Rows with zeros where the numbers are small; one text in eight or so has no entry at all."""
    rows = rows_of(texts)
    rows[rows < 0.8] = 0
    return sp.csr_array(rows)


def test_sparse_rows_are_kept_as_they_are(tmp_path: Path) -> None:
    first = encode_texts(sparse_rows, TEXTS[:700], store=EmbeddingStore(tmp_path, WHO, "query"))
    counting = Counting()

    def counted(texts: Sequence[str]) -> Embeddings:
        return sp.csr_array(counting(texts)) if len(texts) > 5 else sparse_rows(texts)

    again = encode_texts(counted, [*TEXTS[695:705], *TEXTS[:700]], store=EmbeddingStore(tmp_path, WHO, "query"))
    assert counting.encoded == []
    for rows, texts in ((first, TEXTS[:700]), (again, [*TEXTS[695:705], *TEXTS[:700]])):
        assert sp.issparse(rows)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows.toarray(), sparse_rows(texts).toarray())
    assert sum(map(texts_of, shards(tmp_path))) == 705
    nothing = sp.csr_array((3, 8), dtype=np.float32)
    empty = EmbeddingStore(tmp_path / "empty", WHO, "query")
    empty.keep(["a", "b", "c"], nothing)
    np.testing.assert_array_equal(empty.read(["b"])[1].toarray(), np.zeros((1, 8)))


def test_damaged_sparse_rows_are_encoded_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    encode_texts(sparse_rows, TEXTS, store=EmbeddingStore(tmp_path, WHO, "query"))
    flip(next(tmp_path.glob("*/*.rows")), 5000)
    rows = encode_texts(sparse_rows, TEXTS, store=EmbeddingStore(tmp_path, WHO, "query"))
    np.testing.assert_array_equal(rows.toarray(), sparse_rows(TEXTS).toarray())
    assert len(caplog.messages) == 1


def test_what_is_made_faster_than_read_has_no_store(tmp_path: Path) -> None:
    assert embedding_store(CharacterNgrams(), tmp_path, "passage") is None


def test_another_width_under_the_same_fingerprint_is_refused(tmp_path: Path) -> None:
    encode(tmp_path, ["a"])
    with pytest.raises(EncoderError, match=r"returned 3 dimensions, and 8 in an earlier run; .*irbench cache prune"):
        encode_texts(
            lambda texts: np.ones((len(texts), 3), dtype=np.float32),
            ["b"],
            store=EmbeddingStore(tmp_path, WHO, "passage"),
        )


def test_large_embeddings_lie_in_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_ir.encoders.batches._MAPPED_BYTES", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    rows = encode_texts(rows_of, TEXTS)
    np.testing.assert_array_equal(rows, rows_of(TEXTS))
    mapped = Path("/proc/self/maps")
    if mapped.exists():
        assert f"{tmp_path}/" in mapped.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


# --- Faults -----------------------------------------------------------------------------------------------------------


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "a bit of a row": lambda index: flip(index.with_suffix(".rows"), 1234),
    "a bit of a key": lambda index: flip(index, 40),
    "a bit of a count": lambda index: flip(index, 16),
    "a bit of the header": lambda index: flip(index, 3),
    "rows cut short": lambda index: os.truncate(index.with_suffix(".rows"), 47_000),
    "no rows left": lambda index: os.truncate(index.with_suffix(".rows"), 0),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_a_damaged_shard_is_set_aside_told_once_and_encoded_again(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encode(tmp_path, TEXTS)
    DAMAGE[damage](next(tmp_path.glob("*/*.index")))
    with caplog.at_level(logging.WARNING):
        rows, encoded = encode(tmp_path, TEXTS)
        np.testing.assert_array_equal(rows, rows_of(TEXTS))
        assert encoded
        rows, encoded = encode(tmp_path, TEXTS)
    np.testing.assert_array_equal(rows, rows_of(TEXTS))
    assert encoded == []
    assert len(caplog.messages) == 1
    assert "is damaged (bit rot, or truncated); its texts are encoded again by counting" in caplog.messages[0]


@pytest.mark.parametrize("left", [0, 10, 16, 20, 40, 8000, 8252, 12_000])
def test_an_index_that_ends_early_is_a_writer_that_was_stopped(
    left: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encode(tmp_path, TEXTS)
    os.truncate(next(tmp_path.glob("*/*.index")), left)
    rows, encoded = encode(tmp_path, TEXTS)
    np.testing.assert_array_equal(rows, rows_of(TEXTS))
    assert len(encoded) in {1500, 1500 - 512, 1500 - 1024}
    assert encode(tmp_path, TEXTS)[1] == []
    assert caplog.messages == []


WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.test_store import TEXTS, WHO, rows_of
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.store.store import EmbeddingStore
encoded = 0
def slow(texts):
    global encoded
    encoded += len(texts)
    time.sleep({seconds})
    return rows_of(texts)
rows = encode_texts(slow, {texts}, store=EmbeddingStore(Path(sys.argv[1]), WHO, "passage"))
assert (rows == rows_of({texts})).all()
print(encoded)
"""


def start(folder: Path, texts: str = "TEXTS", seconds: float = 0.2) -> subprocess.Popen[str]:
    code = WRITER.format(root=str(Path(__file__).parents[1]), texts=texts, seconds=seconds)
    return subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_leaves_what_it_had(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    process = start(tmp_path, seconds=0.5)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.glob("*/*.index")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    rows, encoded = encode(tmp_path, TEXTS)
    np.testing.assert_array_equal(rows, rows_of(TEXTS))
    assert 0 < len(encoded) <= 1500 - 512, "what was kept is not encoded again, and no lock is left behind"
    assert caplog.messages == []


def test_two_runs_share_the_work_and_encode_nothing_twice(tmp_path: Path) -> None:
    processes = [start(tmp_path, "[f'passage {n}' for n in range(6000)]") for _ in range(2)]
    counts = [int(process.communicate(timeout=120)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(counts) == 6000
    assert sum(map(texts_of, shards(tmp_path))) == 6000


def test_a_killed_run_does_not_hold_up_the_one_that_waits_for_it(tmp_path: Path) -> None:
    first = start(tmp_path, "TEXTS[:400]", seconds=60)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/claims/*.lock")) and time.monotonic() < deadline:
        time.sleep(0.01)
    second = start(tmp_path, "TEXTS[:400]", seconds=0)
    with pytest.raises(subprocess.TimeoutExpired):
        second.communicate(timeout=3)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert int(second.communicate(timeout=60)[0]) == 400


def test_a_cache_that_cannot_be_written_is_told_once_and_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be", encoding="utf-8")
    rows, encoded = encode(blocked / "embeddings", TEXTS)
    np.testing.assert_array_equal(rows, rows_of(TEXTS))
    assert len(encoded) == len(TEXTS)
    assert len(caplog.messages) == 1
    assert "finished work cannot be cached (Not a directory); this run continues" in caplog.messages[0]


def mount(folder: Path, *options: str) -> None:
    folder.mkdir(exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", *options, str(folder)], check=False).returncode:
        pytest.skip("CANNOT MOUNT a file system here")


def test_a_read_only_cache_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = tmp_path / "disk"
    mount(disk, "-t", "tmpfs", "-o", "size=4m", "tmpfs")
    try:
        encode(disk, TEXTS[:800])
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        rows, encoded = encode(disk, TEXTS)
        np.testing.assert_array_equal(rows, rows_of(TEXTS))
        assert sorted(encoded) == sorted(TEXTS[800:])
        assert len(caplog.messages) == 1
        assert "Read-only file system" in caplog.messages[0]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_ends_the_keeping_not_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = tmp_path / "disk"
    mount(disk, "-t", "tmpfs", "-o", "size=48k", "tmpfs")
    try:
        rows, _ = encode(disk, TEXTS)
        np.testing.assert_array_equal(rows, rows_of(TEXTS))
        assert len(caplog.messages) == 1
        assert "No space left on device" in caplog.messages[0]
        rows, encoded = encode(disk, TEXTS)
        np.testing.assert_array_equal(rows, rows_of(TEXTS))
        assert len(encoded) < len(TEXTS), "what had room is whole"
        assert not list(disk.glob("*/*.damaged"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- What is kept, and for how long -----------------------------------------------------------------------------------


def age(folder: Path, days: float) -> None:
    for path in folder.glob("*/*.*"):
        os.utime(path, (time.time() - days * 86400,) * 2)


def test_reading_is_using(tmp_path: Path) -> None:
    encode(tmp_path, TEXTS)
    age(tmp_path, 40)
    encode(tmp_path, TEXTS[:3])
    assert to_prune(shards(tmp_path), unused_seconds=30 * 86400) == []


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    other = EncoderDescription("other", "other@1", "dot", 8)
    encode(tmp_path, TEXTS, other)
    age(tmp_path, 2)
    encode(tmp_path, TEXTS)
    assert encoders(shards(tmp_path)) == ["other", "counting"]
    total = sum(shard.size for shard in shards(tmp_path))
    gone = to_prune(shards(tmp_path), largest=total - 1)
    assert encoders(gone) == ["other"]
    assert len(shards(tmp_path)) == 2, "chosen only"
    remove(gone)
    assert encoders(shards(tmp_path)) == ["counting"]
    assert encode(tmp_path, TEXTS)[1] == []
    remove(to_prune(shards(tmp_path), everything=True))
    assert encode(tmp_path, TEXTS)[1] != []


def test_the_store_keeps_below_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE_SIZE", "60kB")
    for number in range(6):
        encode(tmp_path, [f"{number}: {text}" for text in TEXTS[:512]])
        age(tmp_path, 1)
    total = sum(shard.size for shard in shards(tmp_path))
    assert 0 < total <= 60_000 + 512 * (8 * 4 + 16) + 100


def test_sizes_and_ages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [parse_size(text) for text in ("5GB", "1.5 MiB", "10k", "7", "2TB")] == [
        5 * 10**9,
        3 * 2**19,
        10**4,
        7,
        2 * 10**12,
    ]
    assert [parse_age(text) for text in ("30d", "12h", "2w", "90s")] == [30 * 86400, 43200, 14 * 86400, 90]
    for parse, text in ((parse_size, "much"), (parse_size, "-1GB"), (parse_age, "30"), (parse_age, "1 year")):
        with pytest.raises(OptionError, match="cannot be read; write it like"):
            parse(text)
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE_SIZE", "none")
    assert size_limit() is None


def test_pruning_under_a_running_program_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = EmbeddingStore(tmp_path, WHO, "passage")
    encode_texts(rows_of, TEXTS, store=store)
    assert store.read(TEXTS)[0].all()
    remove(shards(tmp_path))
    assert not store.read(TEXTS)[0].any()
    np.testing.assert_array_equal(encode_texts(rows_of, TEXTS, store=store), rows_of(TEXTS))
    assert store.read(TEXTS)[0].all()
    assert caplog.messages == []


def test_leftovers_of_writers_and_damage_go_with_any_pruning(tmp_path: Path) -> None:
    encode(tmp_path, TEXTS)
    folder = next(tmp_path.glob("*/*.rows")).parent
    (folder / "x.rows.damaged").write_bytes(b"bad")
    (folder / "x.index.damaged").write_bytes(b"bad")
    (folder / "beginning.rows").write_bytes(b"rows whose index is about to be written")
    gone = to_prune(shards(tmp_path), unused_seconds=86400)
    assert [[path.name for path in shard.files] for shard in gone] == [["x.index.damaged", "x.rows.damaged"]]
    remove(gone)
    assert not list(folder.glob("*.damaged"))
    assert (folder / "beginning.rows").exists()


def irbench(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    from robustbench_ir.cli import irbench as group

    group.main(arguments, prog_name="irbench", standalone_mode=False)
    return capsys.readouterr().out


def test_irbench_cache(capsys: pytest.CaptureFixture[str]) -> None:
    folder = cache_folder() / "embeddings"
    assert irbench(capsys, "cache", "ls", "--kind", "embeddings") == f"nothing is kept in {cache_folder()}\n"
    encode(folder, TEXTS)
    age(folder, 31)
    encode(folder, TEXTS[:10], EncoderDescription("other", "other@1", "dot", 8))
    listed = irbench(capsys, "cache", "ls", "--kind", "embeddings").splitlines()
    assert listed[0].split()[:6] == ["counting", "passage", "1,500", "texts", "72.1", "kB"]
    assert listed[1].split()[:4] == ["other", "passage", "10", "texts"]
    assert "last used 20" in listed[1]
    assert "72.1 kB would be removed" in irbench(capsys, "cache", "prune", "--older-than", "30d", "--dry-run")
    assert "72.1 kB removed" in irbench(capsys, "cache", "prune", "--older-than", "30d", "--max-size", "5GB")
    assert irbench(capsys, "cache", "prune", "--older-than", "30d") == "0 B removed\n"
    assert irbench(capsys, "cache", "prune") == "0 B removed\n"
    assert "counting" not in irbench(capsys, "cache", "ls", "--kind", "embeddings")
    assert "other" in irbench(capsys, "cache", "ls", "--kind", "embeddings"), "without an option only what is of no use"
    assert irbench(capsys, "cache", "prune", "--encoder", "counting") == "0 B removed\n"
    assert "embeddings  1 entries" in irbench(capsys, "cache", "prune", "--encoder", "other")


KINDS = ("downloads", "cells", "searches", "floors", "lexicons")


def fill(cache: Cache) -> None:
    """Put an entry of 1,000 bytes of each kind into a cache, the first one being the oldest."""
    for age_in_days, kind in zip((5, 4, 3, 2, 1), KINDS, strict=True):
        path = cache.path(kind, "a part", 1, {"another": [2]})
        write_checked(path, bytes(935))
        os.utime(path, (time.time() - age_in_days * 86400,) * 2)


def kinds_in(folder: Path) -> list[str]:
    return sorted({path.parent.name for path in folder.rglob("*") if path.is_file()})


def test_all_kinds_are_listed_and_pruned_and_downloads_only_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with using_cache(Cache(tmp_path)):
        fill(Cache(tmp_path))
        listed = [line.split() for line in irbench(capsys, "cache", "ls").splitlines()]
        assert [(line[0], line[1]) for line in listed[:-1]] == [(kind, "1") for kind in KINDS]
        assert listed[-1][:3] == ["total", "5.0", "kB"]
        assert "4.0 kB would be removed" in irbench(capsys, "cache", "prune", "--max-size", "0B", "--dry-run")
        irbench(capsys, "cache", "prune", "--max-size", "2kB")
        assert kinds_in(tmp_path) == ["downloads", "floors", "lexicons"], "what was not used for longest goes first"
        irbench(capsys, "cache", "prune", "--kind", "downloads", "--older-than", "6d")
        assert "downloads" in kinds_in(tmp_path)
        irbench(capsys, "cache", "prune", "--kind", "downloads")
        assert kinds_in(tmp_path) == ["floors", "lexicons"]


def test_one_limit_holds_for_all_kinds_and_downloads_are_not_counted(tmp_path: Path) -> None:
    fill(Cache(tmp_path))
    read_cached(Cache(tmp_path).path("cells", "a part", 1, {"another": [2]}))
    make_room(Cache(tmp_path, limit=2_000))
    assert kinds_in(tmp_path) == ["cells", "downloads", "lexicons"], "what was read just now stays"


def test_all_that_can_be_checked_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(Cache(tmp_path))
    encode(tmp_path / "embeddings", TEXTS)
    download = tmp_path / "downloads" / "hub" / sha256(b"content").hexdigest()
    download.parent.mkdir()
    download.write_bytes(b"content")
    with using_cache(Cache(tmp_path)):
        said = irbench(capsys, "cache", "verify")
        assert "downloads: 2 of 2 entries are whole" in said
        assert "embeddings: 1 of 1 entries are whole" in said
        (cell,) = (tmp_path / "cells").iterdir()
        (rows,) = tmp_path.rglob("*.rows")
        for path in (cell, rows, download):
            path.write_bytes(path.read_bytes()[:-1] + b"!")
        said = irbench(capsys, "cache", "verify")
        for path in (cell, rows.with_suffix(".index"), download):
            assert f"{path}: is damaged\n" in said
        irbench(capsys, "cache", "verify", "--remove")
        assert not any(path.exists() for path in (cell, rows, download))
        assert "are damaged" not in irbench(capsys, "cache", "verify")


def test_the_cache_may_be_an_argument_and_other_processes_use_it_too(tmp_path: Path) -> None:
    from robustbench_ir import RunOptions, attack

    mine = tmp_path / "mine"
    asked = {"recipes": ["typo", "repeat"], "languages": ["en"]}
    attack("char-ngram", **asked, run=RunOptions(cache=mine))
    assert len([*(mine / "cells").iterdir()]) == 3
    attack("char-ngram", **asked, severities=[1], run=RunOptions(cache=Cache(mine), jobs=2))
    assert len([*(mine / "cells").iterdir()]) == 5
    assert not (cache_folder() / "cells").exists()


def test_what_killed_runs_had_begun_to_write_goes_and_what_is_being_written_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cells = cache_folder() / "cells"
    write_checked(cells / "finished.json", b"cell")
    left = []
    for name in ("killed", "writing"):
        program = (
            "import os, sys, pathlib; from robustbench_ir._base.files import opened_whole\n"
            "with opened_whole(pathlib.Path(sys.argv[1])) as stream:\n"
            "    stream.write(b'half'); stream.flush(); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", program, str(cells / f"{name}.json")], check=False)
        left.append(next(cells.glob(f".{name}.json.*")))
    an_hour_ago = time.time() - 3601
    for path in (left[0], cells / "finished.json"):
        os.utime(path, (an_hour_ago, an_hour_ago))
    assert irbench(capsys, "cache", "prune", "--dry-run") == "1 unfinished files of killed runs\n4 B would be removed\n"
    assert left[0].exists()
    assert irbench(capsys, "cache", "prune") == "1 unfinished files of killed runs\n4 B removed\n"
    assert sorted(cells.iterdir()) == sorted([left[1], cells / "finished.json"])


def test_a_second_recipe_encodes_only_its_queries_and_a_third_run_nothing() -> None:
    from robustbench_ir import RunOptions, attack

    class Counted:
        description = EncoderDescription("counted", "counted@1", "dot", 8)

        def __init__(self) -> None:
            self.queries = Counting()
            self.passages = Counting()
            self.encode_queries = self.queries
            self.encode_passages = self.passages

    first, second, third = Counted(), Counted(), Counted()
    attack(first, recipes=["typo"], languages=["en"])
    both = attack(second, recipes=["typo", "repeat"], languages=["en"], run=RunOptions(resume=False))
    assert second.passages.encoded == []
    assert second.queries.encoded
    assert not set(second.queries.encoded) & set(first.queries.encoded), "clean and typo queries are read"
    again = attack(third, recipes=["typo", "repeat"], languages=["en"], run=RunOptions(resume=False))
    assert third.passages.encoded == third.queries.encoded == []
    np.testing.assert_array_equal(both.attacked[1].ranks.in_pool, again.attacked[1].ranks.in_pool)


class Numbers:
    description = EncoderDescription("numbers", "numbers@1", "dot", 8)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        return rows_of(texts)

    encode_passages = encode_queries


def test_an_attack_without_a_cache_ends_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from robustbench_ir import attack

    with_cache = attack(Numbers(), recipes=["typo"], languages=["en"])
    (tmp_path / "file").write_text("a file where the folder should be", encoding="utf-8")
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path / "file" / "cache"))
    without = attack(Numbers(), recipes=["typo"], languages=["en"])
    np.testing.assert_array_equal(with_cache.attacked[0].ranks.in_pool, without.attacked[0].ranks.in_pool)
    assert len(caplog.messages) == 1, "once for queries, passages and cells"
    assert "cache: finished work cannot be cached (Not a directory)" in caplog.messages[0]
