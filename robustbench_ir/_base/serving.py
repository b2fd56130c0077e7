"""Pages for the browsers of this machine, and nothing for any other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from robustbench_ir.errors import OptionError

_HERE = "127.0.0.1"
_OWN_NAMES = {"localhost", _HERE}

HTML = "text/html; charset=utf-8"
JSON = "application/json"

Answers = Callable[[str, str], tuple[str, bytes] | None]
"""Takes the path of an address and what stands behind its question mark; returns type and content of what lies there,
or None. It opens no file of that name."""


class LocalServer(ThreadingHTTPServer):
    """Serves what a function answers, so that no link in a folder leads anywhere.

    It answers only those who call it by a name of this machine: a page on the web can make a browser ask a local
    server, but not by its name.

    Parameters
    ----------
    answers : callable
        The pages.
    port : int
        Port to listen on; 0 for a free one.

    Raises
    ------
    OptionError
        If the port cannot be used.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: Answers, port: int) -> None:
        self.answers = answers
        try:
            super().__init__((_HERE, port), _Answer)
        except OSError as error:
            raise OptionError(
                f"port {port} cannot be used ({error.strerror}); name another one with --port, or 0 for a free one"
            ) from error

    @property
    def address(self) -> str:
        """Address of the first page."""
        return f"http://{_HERE}:{self.server_address[1]}/"


class _Answer(BaseHTTPRequestHandler):
    server: LocalServer

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in _OWN_NAMES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        asked = urlsplit(self.path)
        found = self.server.answers(asked.path, asked.query)
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind, content = found
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_content:
            with suppress(ConnectionError):  # the browser went on to another page
                self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the inherited parameter
        """Print nothing: a request could hold anything."""
