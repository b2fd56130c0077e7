"""Servers on this machine that lie, stall, never end or change their mind, and cards that want to speak for others."""

from __future__ import annotations

import gzip
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from robustbench_ir._base.cache import cache_folder
from robustbench_ir.errors import DataError, DataUnavailableError
from robustbench_ir.resources.downloads import DataFile, HubFile, locate
from robustbench_ir.resources.transport import Pin, download, record_of
from robustbench_ir.tasks import task_card

FIRST = bytes(range(256)) * 1200
SECOND = FIRST[::-1]
COMMIT = "5be20db9509754dadad47689368639fcec739c00"
BY_HASH = Pin(sha256(FIRST).hexdigest(), COMMIT)
BY_COMMIT = Pin(None, COMMIT)
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Gives the answers of its server one after the other, the last one for ever."""

    server: Server

    def do_GET(self) -> None:
        state = self.server.state
        state.ranges.append((self.headers.get("Range"), self.headers.get("If-Range")))
        answer = state.answers[0] if len(state.answers) == 1 else state.answers.pop(0)
        with suppress(OSError):  # the client has gone
            answer(self)

    def do_HEAD(self) -> None:
        self.do_GET()  # a client ignores the body

    def head(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class State:
    """What a server answers, and what it was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    ranges: list[tuple[str | None, str | None]] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """A server on this machine."""

    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.state = State(f"{scheme}://localhost:{self.server_port}/resolve/{COMMIT}/file.bin")


def serving(server: Server) -> Iterator[State]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("resources.transport", "_base.retries"):
        monkeypatch.setattr(f"robustbench_ir.{module}.FIRST_WAIT_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[State]:
    yield from serving(Server())


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """Serve over https, with a certificate that only this test trusts."""
    certificate = tmp_path / "localhost.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(certificate), "-out", str(tmp_path / "one.pem")]
    try:
        subprocess.run(["openssl", "req", "-x509", "-days", "2", *name, *key], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("OPENSSL ABSENT: apt install openssl")
    with certificate.open("ab") as stream:
        stream.write((tmp_path / "one.pem").read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "one.pem"))
    yield from serving(Server(certificate))


def sends(content: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(status, Content_Length=str(len(content)), **headers)
        handler.wfile.write(content)

    return answer


def breaks_off(content: bytes, after: int, **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=str(len(content)), **headers)
        handler.wfile.write(content[:after])

    return answer


def rest_of(content: bytes, start: int, **headers: str) -> Answer:
    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return sends(content[start:], 206, **{"Content_Range": span, **headers})


def without_length(content: bytes) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(200, ETag='"1"')
        handler.wfile.write(content)

    return answer


def in_chunks(chunks: Iterator[bytes], **headers: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.head(200, Transfer_Encoding="chunked", Connection="close", ETag='"1"', **headers)
        for chunk in chunks:
            handler.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def endless(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


# A server must prove what it sends where the card has no hash. --------------------------------------------------------

UNPROVEN: dict[str, tuple[Answer, str]] = {
    "nothing that names the version": (sends(FIRST), "names neither commit nor ETag"),
    "another commit": (sends(FIRST, X_Repo_Commit="0" * 40, ETag='"1"'), "sends the commit '0000000"),
    "a length of 5,000 digits": (
        lambda handler: handler.head(200, Content_Length="9" * 5000, ETag='"1"'),
        "does not say how long the file is",
    ),
    "no length, as HTTP/1.0 allows": (without_length(FIRST[:1000]), "does not say how long the file is"),
    "a part that nobody asked for": (rest_of(FIRST, 1000, ETag='"1"'), "answered 206 where it was asked for a whole"),
    "another kind of success": (sends(b"", 204, ETag='"1"'), "answered 204 where it was asked for a whole"),
}


@pytest.mark.parametrize("case", UNPROVEN)
def test_a_file_without_a_hash_needs_a_server_that_proves_it(server: State, tmp_path: Path, case: str) -> None:
    answer, fault = UNPROVEN[case]
    server.answers = [answer]
    with pytest.raises(DataUnavailableError, match=fault) as caught:
        download(server.url, tmp_path / "file.bin", BY_COMMIT)
    assert "so that a file without a SHA-256 in its card cannot be verified; try again later" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {"ETag": 'W/"1"'}, {"X_Repo_Commit": COMMIT}])
def test_a_server_that_names_the_version_is_believed(server: State, tmp_path: Path, headers: dict[str, str]) -> None:
    server.answers = [sends(FIRST, 200, **headers)]
    assert download(server.url, tmp_path / "file.bin", BY_COMMIT).read_bytes() == FIRST


def test_a_file_with_a_hash_may_come_from_any_server(server: State, tmp_path: Path) -> None:
    server.answers = [without_length(FIRST)]
    assert download(server.url, tmp_path / "file.bin", BY_HASH).read_bytes() == FIRST


def test_two_versions_are_never_joined(server: State, tmp_path: Path) -> None:
    """The content changes after the connection broke, and the server sends the rest of the new one."""
    server.answers = [
        breaks_off(FIRST, 65_536, ETag='"1"'),
        rest_of(SECOND, 65_536, ETag='"2"'),
        sends(SECOND, ETag='"2"'),
    ]
    assert download(server.url, tmp_path / "file.bin", BY_COMMIT).read_bytes() == SECOND
    assert server.ranges == [(None, None), ("bytes=65536-", '"1"'), (None, None)]


def test_the_same_version_goes_on(server: State, tmp_path: Path) -> None:
    server.answers = [breaks_off(FIRST, 65_536, ETag='"1"'), rest_of(FIRST, 65_536, ETag='"1"')]
    assert download(server.url, tmp_path / "file.bin", BY_COMMIT).read_bytes() == FIRST
    assert server.ranges == [(None, None), ("bytes=65536-", '"1"')]


@pytest.mark.parametrize("tag", ['W/"1"', None])
def test_a_version_without_a_strong_name_begins_again(server: State, tmp_path: Path, tag: str | None) -> None:
    headers = {"ETag": tag} if tag else {"X_Repo_Commit": COMMIT}
    server.answers = [breaks_off(FIRST, 65_536, **headers), sends(SECOND, 200, **headers)]
    assert download(server.url, tmp_path / "file.bin", BY_COMMIT).read_bytes() == SECOND
    assert server.ranges == [(None, None), (None, None)]


def test_what_an_earlier_process_left_is_of_no_known_version(server: State, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(FIRST[:1000])
    server.answers = [sends(SECOND, ETag='"2"')]
    assert download(server.url, tmp_path / "file.bin", BY_COMMIT).read_bytes() == SECOND
    assert server.ranges == [(None, None)]


SPANS = ["bytes 1000-{last}/999999", "bytes 999-{last}/{total}", "bytes 1000-1500/{total}", "bytes 1000-{last}/*", "x"]


@pytest.mark.parametrize("span", SPANS)
def test_a_range_that_does_not_fit_begins_again(server: State, tmp_path: Path, span: str) -> None:
    (tmp_path / "file.bin.part").write_bytes(FIRST[:1000])
    wrong = span.format(last=len(FIRST) - 1, total=len(FIRST))
    server.answers = [sends(FIRST[1000:], 206, Content_Range=wrong), sends(FIRST)]
    assert download(server.url, tmp_path / "file.bin", BY_HASH).read_bytes() == FIRST
    assert server.ranges == [("bytes=1000-", None), (None, None)]


# Where a redirect may lead. ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", [BY_HASH, BY_COMMIT])
def test_https_never_leads_to_http(secure: State, server: State, tmp_path: Path, pin: Pin) -> None:
    server.answers = [sends(FIRST, ETag='"1"')]
    secure.answers = [sends(b"", 302, Location=server.url)]
    with pytest.raises(DataUnavailableError, match="the server leads from https to http, which is not followed"):
        download(secure.url, tmp_path / "file.bin", pin)
    assert server.ranges == []


def test_https_may_lead_to_https(secure: State, tmp_path: Path) -> None:
    secure.answers = [sends(b"", 302, Location="/elsewhere"), sends(FIRST, ETag='"1"')]
    assert download(secure.url, tmp_path / "file.bin", BY_COMMIT).read_bytes() == FIRST


# A server may take no more than its share of time and disk. ----------------------------------------------------------


def test_a_server_that_sends_a_byte_at_a_time_is_left(
    server: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustbench_ir.resources.transport._GRACE_SECONDS", 0.5)

    def slowly(handler: Handler) -> None:
        handler.head(200, Content_Length="300000")
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    server.answers = [slowly]
    began = time.monotonic()
    with pytest.raises(DataUnavailableError, match=r"bytes came in 1 seconds, which is too slow; try again later"):
        download(server.url, tmp_path / "file.bin", BY_HASH)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("over", ["server", "secure"])
def test_a_server_that_sends_its_headers_a_byte_at_a_time_is_left(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    monkeypatch.setattr("robustbench_ir.resources.transport._GRACE_SECONDS", 0.3)
    monkeypatch.setattr("robustbench_ir.resources.transport._TRIES", 1)

    def slowly(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Long: ")
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.05)

    state: State = request.getfixturevalue(over)
    state.answers = [slowly]
    began = time.monotonic()
    with pytest.raises(DataUnavailableError, match="no connection to the server"):
        download(state.url, tmp_path / "file.bin", BY_HASH)
    assert time.monotonic() - began < 5


def test_a_server_that_breaks_off_after_each_byte_is_left(
    server: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try brings a new byte, so that the number of tries without one never grows."""
    monkeypatch.setattr("robustbench_ir.resources.transport._GRACE_SECONDS", 10)

    def a_byte(handler: Handler) -> None:
        start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        span = {"Content_Range": f"bytes {start}-299999/300000"} if start else {}
        handler.head(206 if start else 200, Content_Length=str(300_000 - start), **span)
        handler.wfile.write(b"x")

    server.answers = [a_byte]
    with pytest.raises(DataUnavailableError, match=r"which is too slow; try again later"):
        download(server.url, tmp_path / "file.bin", BY_HASH)
    assert 5 < len(server.ranges) < 20


@pytest.mark.parametrize("pin", [BY_HASH, BY_COMMIT])
@pytest.mark.parametrize("packed", [False, True])
def test_a_body_without_an_end_is_left_at_the_largest_size(
    server: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pin: Pin, packed: bool
) -> None:
    monkeypatch.setattr("robustbench_ir.resources.transport.LARGEST_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(50_000_000))
    server.answers = [sends(bomb, Content_Encoding="gzip", ETag='"1"') if packed else in_chunks(endless(bytes(8192)))]
    with pytest.raises(DataError, match=r"sends more than 1,000,000 bytes, the largest size of a file whose card does"):
        download(server.url, tmp_path / "file.bin", pin)
    assert not (tmp_path / "file.bin.part").exists()


def test_a_pinned_size_is_the_limit_and_said_before_a_byte_is_read(server: State, tmp_path: Path) -> None:
    server.answers = [sends(FIRST + b"!")]
    with pytest.raises(DataError, match=r"sends more than 307,200 bytes, the pinned size; the download was deleted"):
        download(server.url, tmp_path / "file.bin", Pin(BY_HASH.sha256, None, len(FIRST)))


# Encodings. ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pin", [BY_HASH, BY_COMMIT])
def test_a_server_that_packs_what_it_sends_is_understood(server: State, tmp_path: Path, pin: Pin) -> None:
    server.answers = [sends(gzip.compress(FIRST), Content_Encoding="gzip", ETag='W/"1"')]
    assert download(server.url, tmp_path / "file.bin", pin).read_bytes() == FIRST


def test_a_packed_answer_that_breaks_off_begins_again(server: State, tmp_path: Path) -> None:
    packed = gzip.compress(FIRST)
    server.answers = [
        breaks_off(packed, len(packed) // 2, Content_Encoding="gzip"),
        sends(packed, Content_Encoding="gzip"),
    ]
    assert download(server.url, tmp_path / "file.bin", BY_HASH).read_bytes() == FIRST
    assert server.ranges == [(None, None), (None, None)]


def test_a_packed_file_stays_packed(server: State, tmp_path: Path) -> None:
    """Some servers call the compression of a .gz file itself an encoding."""
    packed = gzip.compress(FIRST)
    server.answers = [sends(packed, Content_Encoding="gzip")]
    assert download(server.url, tmp_path / "file.gz", Pin(sha256(packed).hexdigest())).read_bytes() == packed


def test_another_encoding_is_refused(server: State, tmp_path: Path) -> None:
    server.answers = [sends(FIRST, Content_Encoding="br")]
    with pytest.raises(DataUnavailableError, match="sends the encoding 'br', which was not asked for"):
        download(server.url, tmp_path / "file.bin", BY_HASH)


# No card speaks for the file of another. -----------------------------------------------------------------------------


def test_a_card_cannot_put_a_file_where_another_looks(server: State) -> None:
    """The same path below the cache and the same commit, but another address."""
    server.answers = [sends(SECOND, ETag='"1"'), sends(FIRST, ETag='"1"')]
    evil = locate(DataFile(path="data/file.bin", url=server.url + "?evil"))
    good = locate(DataFile(path="data/file.bin", url=server.url))
    assert (evil.read_bytes(), good.read_bytes()) == (SECOND, FIRST)


def test_two_pins_of_one_address_have_a_place_each(server: State) -> None:
    server.answers = [sends(FIRST), sends(SECOND)]
    files = [DataFile(path="data/file.bin", url=server.url, sha256=sha256(one).hexdigest()) for one in (FIRST, SECOND)]
    paths = [locate(one) for one in files]
    assert [path.read_bytes() for path in paths] == [FIRST, SECOND]
    assert [locate(one) for one in files] == paths
    assert len(server.ranges) == 2


def test_what_a_stranger_put_at_the_place_of_an_earlier_version_is_not_used(server: State) -> None:
    """Up to 0.2.0 a file had a place by its path, or by its commit and its path."""
    places = [
        cache_folder() / "downloads" / "data" / "file.bin",
        cache_folder() / "downloads" / COMMIT / "data" / "file.bin",
    ]
    for place in places:
        place.parent.mkdir(parents=True)
        place.write_bytes(SECOND)
        record_of(place).write_text(f"{sha256(SECOND).hexdigest()}  file.bin\n", encoding="utf-8")
    server.answers = [sends(FIRST, ETag='"1"')]
    assert locate(DataFile(path="data/file.bin", url=server.url)).read_bytes() == FIRST
    assert locate(DataFile(path="data/file.bin", url=server.url, sha256=BY_HASH.sha256)).read_bytes() == FIRST
    assert len(server.ranges) == 2


def test_a_damaged_record_of_a_file_is_mended_and_a_changed_file_refused(server: State) -> None:
    """Of the record, the file and a new download, two agree."""
    file = DataFile(path="data/file.bin", url=server.url)
    server.answers = [sends(FIRST, ETag='"1"'), sends(FIRST, ETag='"1"'), sends(SECOND, ETag='"2"')]
    cached = locate(file)
    record = record_of(cached)
    whole = record.read_text(encoding="utf-8")
    record.write_text(whole.replace(whole[7], "q"), encoding="utf-8")
    assert locate(file).read_bytes() == FIRST
    assert record.read_text(encoding="utf-8") == whole
    cached.write_bytes(b"rotten")
    with pytest.raises(DataError, match=r"SHA-256 is .* expected"):
        locate(file)


def test_a_file_of_an_earlier_version_whose_hash_is_known_is_moved(server: State) -> None:
    old = cache_folder() / "downloads" / "data" / "file.bin"
    old.parent.mkdir(parents=True)
    old.write_bytes(FIRST)
    found = locate(DataFile(path="data/file.bin", url=server.url, sha256=BY_HASH.sha256))
    assert found.read_bytes() == FIRST
    assert not old.exists()
    assert server.ranges == []


# The hub, and mirrors of it. ------------------------------------------------------------------------------------------

ON_HUB = HubFile(repository="owner/data", revision=COMMIT, file="file.bin")


@pytest.fixture
def mirror(server: State, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setenv("HF_ENDPOINT", server.url.split("/resolve")[0])
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    return server


@pytest.mark.hub
def test_a_mirror_must_give_a_hash(mirror: State) -> None:
    mirror.answers = [sends(FIRST, ETag='"version-1"', X_Repo_Commit=COMMIT)]
    with pytest.raises(DataError, match=r"gives no hash of file\.bin, so that it cannot be verified"):
        locate(ON_HUB)
    pinned = ON_HUB.model_copy(update={"sha256": BY_HASH.sha256})
    assert locate(pinned).read_bytes() == FIRST


@pytest.mark.hub
def test_a_mirror_does_not_speak_for_the_hub(mirror: State, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.answers = [sends(SECOND, ETag=f'"{sha256(SECOND).hexdigest()}"', X_Repo_Commit=COMMIT)]
    assert locate(ON_HUB).read_bytes() == SECOND
    monkeypatch.delenv("HF_ENDPOINT")
    monkeypatch.setenv("ROBUSTBENCH_IR_OFFLINE", "1")
    with pytest.raises(DataUnavailableError, match="is not on this machine"):
        locate(ON_HUB)


def test_the_card_of_a_stranger_does_not_poison_a_shipped_task(server: State, monkeypatch: pytest.MonkeyPatch) -> None:
    """The attempt itself: path and commit are those of a file of CIRAL that has no hash, the server is another."""
    shipped = DataFile.model_validate(task_card("ciral").languages["so"]["translations"])
    assert shipped.sha256 is None
    assert shipped.revision is not None
    server.answers = [sends(b"1\tpoisoned\n", ETag='"1"')]
    locate(DataFile(path=shipped.path, url=server.url.replace(COMMIT, shipped.revision)))
    monkeypatch.setenv("ROBUSTBENCH_IR_OFFLINE", "1")
    with pytest.raises(DataUnavailableError, match="is not on this machine"):
        locate(shipped)
