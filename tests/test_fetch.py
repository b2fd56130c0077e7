"""Downloads against a real local server: whole, resumed, retried, refused; and what a full or closed disk does."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from robustbench_ir._base.cache import cache_folder
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.resources.downloads import DataFile, HubFile, damaged_file, locate
from robustbench_ir.resources.transport import Pin, download
from tests.support.disks import mounted

CONTENT = bytes(range(256)) * 8192  # 2 MiB
HASH = sha256(CONTENT).hexdigest()
PIN = Pin(HASH)
COMMIT = "5be20db9509754dadad47689368639fcec739c00"
needs_mounts = pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")


@dataclass
class Server:
    """What the local server answers, and what it was asked."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    honours_ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    on_trouble: dict[str, str] = field(default_factory=dict)
    breaks_after: list[int] = field(default_factory=list)
    """After so many bytes the connection is closed, once each."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for module in ("resources.transport", "_base.retries"):
        monkeypatch.setattr(f"robustbench_ir.{module}.FIRST_WAIT_SECONDS", 0.01)
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            state.sent.append(str(self.headers))
            status = state.answers.pop(0) if state.answers else 200
            if status != 200:
                self.answer(status, {"Content-Length": "0", **state.on_trouble})
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and state.honours_ranges else 0
            if start >= len(CONTENT):
                self.answer(416, {"Content-Range": f"bytes */{len(CONTENT)}", "Content-Length": "0", **state.headers})
                return
            span = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"} if start else {}
            self.answer(206 if start else 200, {"Content-Length": str(len(CONTENT) - start), **span, **state.headers})
            stop = start + state.breaks_after.pop(0) if state.breaks_after else len(CONTENT)
            self.wfile.write(CONTENT[start:stop])

        def answer(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}/resolve/{COMMIT}/file.bin"
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real file system of 1 MiB: half of what is downloaded fits."""
    with mounted(tmp_path / "small", "1m") as disk:
        yield disk


def left_in(folder: Path) -> set[str]:
    """Return the names of all files below a folder but locks and the hashes of downloads."""
    return {path.name for path in folder.rglob("*") if path.is_file() and path.suffix not in {".lock", ".sha256"}}


def test_a_file_comes_whole_and_once(server: Server, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    target = tmp_path / "deep" / "file.bin"
    download(server.url, target, PIN, lambda *news: told.append(news))
    assert target.read_bytes() == CONTENT
    assert told[-1] == ("file.bin", len(CONTENT), len(CONTENT))
    download(server.url, target, PIN)
    assert len(server.ranges) == 1


def test_the_token_of_the_hub_is_sent_to_no_other_address(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    download(server.url, tmp_path / "file.bin", PIN)
    assert "Host" in server.sent[0]
    assert "hf_secret" not in server.sent[0]


@pytest.mark.parametrize("honours_ranges", [True, False])
def test_a_broken_download_goes_on(server: Server, tmp_path: Path, honours_ranges: bool) -> None:
    server.honours_ranges = honours_ranges
    target = tmp_path / "file.bin"
    target.with_name("file.bin.part").write_bytes(CONTENT[:1000])
    download(server.url, target, PIN)
    assert server.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    server.answers = [status, status]
    download(server.url, tmp_path / "file.bin", PIN)
    assert len(server.ranges) == 3


def test_another_hash_is_refused_and_thrown_away(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"SHA-256 is .* expected 0000"):
        download(server.url, tmp_path / "file.bin", Pin("0" * 64))
    assert left_in(tmp_path) == set()


def test_a_missing_file_is_said(server: Server, tmp_path: Path) -> None:
    server.answers = [404]
    with pytest.raises(DataUnavailableError, match="the server answered 404"):
        download(server.url, tmp_path / "file.bin", PIN)


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_ir._base.retries.FIRST_WAIT_SECONDS", 0.01)
    with pytest.raises(DataUnavailableError, match="no connection to the server"):
        download("http://127.0.0.1:9/file.bin", tmp_path / "file.bin", PIN)


def test_own_folder_comes_before_cache_and_network(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = DataFile(path="some/file.bin", url=server.url, sha256=HASH)
    cached = locate(file)
    assert cached.read_bytes() == CONTENT
    assert locate(file) == cached
    assert len(server.ranges) == 1
    mine = tmp_path / "some" / "file.bin"
    mine.parent.mkdir()
    mine.write_bytes(CONTENT)
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(tmp_path))
    assert locate(file) == mine


def test_a_connection_that_breaks_is_taken_up_again(server: Server, tmp_path: Path) -> None:
    server.breaks_after = [131_072, 655_360]
    target = tmp_path / "file.bin"
    download(server.url, target, PIN)
    assert server.ranges == [None, "bytes=131072-", "bytes=786432-"]
    assert target.read_bytes() == CONTENT
    assert left_in(tmp_path) == {"file.bin"}


def test_half_a_file_stays_for_the_next_time(server: Server, tmp_path: Path) -> None:
    """A server that sends 64 KiB and then nothing more, however often it is asked."""
    server.breaks_after = [65_536, 0, 0, 0, 0]
    with pytest.raises(DataUnavailableError, match=r"broke off after 65,536 bytes; run the same command again"):
        download(server.url, tmp_path / "file.bin", PIN)
    assert left_in(tmp_path) == {"file.bin.part"}
    download(server.url, tmp_path / "file.bin", PIN)
    assert server.ranges[-1] == "bytes=65536-"
    assert left_in(tmp_path) == {"file.bin"}


def test_a_part_that_is_whole_already_is_taken(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "file.bin", PIN)
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    download(server.url, tmp_path / "file.bin", PIN)
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7), ("1.5", 1.5), ("date", 7), ("soon", 0), ("-1", 0)])
def test_a_server_says_how_long_to_wait(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, seconds: float
) -> None:
    """In the two forms of RFC 9110; what cannot be read counts as not said."""
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    header = formatdate(time.time() + 7.9, usegmt=True) if asked == "date" else asked
    server.answers, server.on_trouble = [429, 503], {"Retry-After": header}
    download(server.url, tmp_path / "file.bin", PIN)
    tolerance = 1 if asked == "date" else 0.03
    assert sum(waits) == pytest.approx(2 * seconds, abs=2 * tolerance)


def test_nobody_waits_an_hour(server: Server, tmp_path: Path) -> None:
    server.answers, server.on_trouble = [429], {"Retry-After": "3600"}
    with pytest.raises(DataUnavailableError, match=r"answered 429 and asks to wait 3600 s"):
        download(server.url, tmp_path / "file.bin", PIN)


def test_a_server_that_stays_in_trouble_is_left(server: Server, tmp_path: Path) -> None:
    server.answers = [500] * 9
    with pytest.raises(DataUnavailableError, match="the server answered 500"):
        download(server.url, tmp_path / "file.bin", PIN)
    assert len(server.ranges) == 5
    assert left_in(tmp_path) == set()


def test_two_processes_download_a_file_once(server: Server, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=download, args=(server.url, tmp_path / "file.bin", PIN)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(timeout=60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(server.ranges) == 1
    assert left_in(tmp_path) == {"file.bin"}


@needs_mounts
def test_a_full_disk_is_said_and_cleared(server: Server, small_disk: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\); free some space") as caught:
        download(server.url, small_disk / "file.bin", PIN)
    assert "\n" not in str(caught.value)
    assert left_in(small_disk) == set()


@needs_mounts
def test_a_folder_that_cannot_be_written_to(server: Server, small_disk: Path) -> None:
    (small_disk / "whole.bin").write_bytes(CONTENT[:1000])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(DataError, match=r"cannot be written \(Read-only file system\).*ROBUSTBENCH_IR_CACHE"):
        download(server.url, small_disk / "deep" / "file.bin", PIN)
    with pytest.raises(DataError, match=r"cannot be written \(Read-only file system\).*ROBUSTBENCH_IR_CACHE"):
        download(server.url, small_disk / "file.bin", PIN)
    assert server.ranges == []


@needs_mounts
def test_a_read_only_cache_serves_what_it_has(
    server: Server, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = CONTENT[:1000]
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(small_disk))
    file = DataFile(path="some/file.bin", url=server.url, sha256=sha256(content).hexdigest())
    cached = small_disk / "downloads" / "some" / "file.bin"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(content)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert locate(file) == cached


def test_the_first_download_is_remembered(server: Server, tmp_path: Path) -> None:
    server.headers = {"ETag": '"1"'}
    file = DataFile(path="some/file.bin", url=server.url)
    cached = locate(file)
    assert locate(file) == cached
    assert len(server.ranges) == 1
    cached.write_bytes(b"rotten")
    assert locate(file).read_bytes() == CONTENT
    cached.write_bytes(b"rotten")
    record = cached.with_name("file.bin.sha256")
    record.write_text("0" * 64, encoding="utf-8")
    with pytest.raises(DataError, match=r"SHA-256 is .* expected 0000"):
        locate(file)


def test_a_damaged_download_is_thrown_away_but_not_a_file_of_the_users(tmp_path: Path) -> None:
    mine, ours = tmp_path / "corpus.gz", cache_folder() / "downloads" / "some" / "corpus.gz"
    ours.parent.mkdir(parents=True)
    for path in (mine, ours):
        path.write_bytes(b"half")
    assert "it was deleted, run the same command again" in str(damaged_file(ours, "is cut short"))
    assert not ours.exists()
    assert str(damaged_file(mine, "is cut short")) == f"{mine}: is cut short; put a whole copy there"
    assert mine.exists()


def test_a_card_must_pin_its_files() -> None:
    with pytest.raises(ValueError, match="names no commit"):
        DataFile(path="some/file.bin", url="https://huggingface.co/datasets/a/b/resolve/main/file.bin")
    with pytest.raises(ValueError, match="not https"):
        DataFile(path="some/file.bin", url=f"http://example.org/{COMMIT}/file.bin")
    with pytest.raises(ValueError, match="revision"):
        HubFile(repository="a/b", revision="main", file="file.bin")
    with pytest.raises(ValueError, match="file"):
        HubFile(repository="a/b", revision=COMMIT, file="../file.bin")


@pytest.mark.parametrize("path", ["../x/y", "/etc/passwd", "x", "a//b", "a/../b"])
def test_a_card_cannot_name_a_path_outside(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        DataFile(path=path, url="https://example.org/x", sha256=HASH)
