"""A model that is named as on the hub is downloaded from it: here from a local server that answers as the hub does."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.hub

ROOT = Path(__file__).parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENCODE = """
import sys, numpy
from robustbench_ir import RobustBenchError, load_encoder
for number, name in enumerate(sys.argv[2:]):
    try:
        numpy.save(f"{sys.argv[1]}/{number}.npy", load_encoder(name).encode_queries(["one", "two"]))
    except RobustBenchError as error:
        print(error)
"""


@pytest.fixture
def hub(tiny_model: Path) -> Iterator[str]:
    """Serve the tiny model as `someone/tiny`."""
    files = {str(path.relative_to(tiny_model)): path for path in tiny_model.rglob("*") if path.is_file()}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/api/models/someone/tiny":
                siblings = [{"rfilename": name} for name in files]
                told = {"id": "someone/tiny", "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
                return self.answer(json.dumps(told).encode(), "application/json")
            name = path.partition("/someone/tiny/resolve/")[2].partition("/")[2]
            if name in files:
                return self.answer(files[name].read_bytes(), "application/octet-stream")
            self.send_response(404)
            code = "EntryNotFound" if "/someone/tiny/" in path else "RepoNotFound"
            for header, value in (("X-Error-Code", code), ("X-Repo-Commit", COMMIT), ("Content-Length", "0")):
                self.send_header(header, value)
            return self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            tag = f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"'
            for header, value in (("Content-Type", kind), ("ETag", tag), ("X-Repo-Commit", COMMIT)):
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def encode(endpoint: str, folder: Path, *names: str) -> str:
    """Encode two texts with each encoder, the n-th into n.npy; return the errors, one a line."""
    # The hub's library reads its variables when it is loaded: so in a process of its own.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "home"), "HF_ENDPOINT": endpoint}
    environment["HF_HUB_OFFLINE"] = "0"
    arguments = [sys.executable, "-c", ENCODE, str(folder), *names]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_model_of_the_hub_is_downloaded_once_and_is_the_model(hub: str, tiny_model: Path, tmp_path: Path) -> None:
    errors = encode(hub, tmp_path, "someone/tiny", str(tiny_model), "someone/tinny")
    assert errors.startswith("someone/tinny: neither a folder on this machine nor a model that can be downloaded now (")
    assert errors.count("\n") == 1
    downloaded = (tmp_path / "0.npy").read_bytes()
    assert downloaded == (tmp_path / "1.npy").read_bytes()
    (tmp_path / "0.npy").unlink()
    assert not encode("http://127.0.0.1:1", tmp_path, "someone/tiny")  # now from the cache, without the hub
    assert downloaded == (tmp_path / "0.npy").read_bytes()
