"""Downloads against a real local server: whole, resumed, retried, refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from robustbench_ir.data import DataFile, locate
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.fetch import download

CONTENT = bytes(range(256)) * 8192  # 2 MiB
HASH = sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """What the local server answers, and what it was asked."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    honours_ranges: bool = True


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.ranges.append(asked)
            status = state.answers.pop(0) if state.answers else 200
            if status != 200:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and state.honours_ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            self.wfile.write(CONTENT[start:])

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}/file.bin"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_a_file_comes_whole_and_once(server: Server, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    target = tmp_path / "deep" / "file.bin"
    download(server.url, target, HASH, lambda *news: told.append(news))
    assert target.read_bytes() == CONTENT
    assert told[-1] == ("file.bin", len(CONTENT), len(CONTENT))
    download(server.url, target, HASH)
    assert len(server.ranges) == 1


@pytest.mark.parametrize("honours_ranges", [True, False])
def test_a_broken_download_goes_on(server: Server, tmp_path: Path, honours_ranges: bool) -> None:
    server.honours_ranges = honours_ranges
    target = tmp_path / "file.bin"
    target.with_name("file.bin.part").write_bytes(CONTENT[:1000])
    download(server.url, target, HASH)
    assert server.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    server.answers = [status, status]
    download(server.url, tmp_path / "file.bin", HASH)
    assert len(server.ranges) == 3


def test_another_hash_is_refused_and_thrown_away(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"SHA-256 is .* expected 0000"):
        download(server.url, tmp_path / "file.bin", "0" * 64)
    assert not list(tmp_path.glob("file.bin*[!k]"))


def test_a_missing_file_is_said(server: Server, tmp_path: Path) -> None:
    server.answers = [404]
    with pytest.raises(DataUnavailableError, match="the server answered 404"):
        download(server.url, tmp_path / "file.bin", HASH)


def test_no_server_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_ir.fetch.Retry", lambda **_: 0)
    with pytest.raises(DataUnavailableError, match="no connection to the server"):
        download("http://127.0.0.1:9/file.bin", tmp_path / "file.bin", HASH)


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


@pytest.mark.parametrize("path", ["../x/y", "/etc/passwd", "x", "a//b", "a/../b"])
def test_a_card_cannot_name_a_path_outside(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        DataFile(path=path, url="https://example.org/x", sha256=HASH)
