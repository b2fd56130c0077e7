"""Show the page of a board to the browsers of this machine, and nothing else to anyone."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from robustbench_ir.errors import OptionError
from robustbench_ir.leaderboard.building import BOARD

_HERE = "127.0.0.1"
_OWN_NAMES = {"localhost", _HERE}
_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json"}


class BoardServer(ThreadingHTTPServer):
    """Serves the page and its data from memory, so that no link in the folder leads anywhere.

    It answers only those who call it by a name of this machine: a page on the web can make a browser ask a local
    server, but not by its name.

    Parameters
    ----------
    page : pathlib.Path
        The page that `build_board` wrote.
    port : int
        Port to listen on; 0 for a free one.

    Raises
    ------
    OptionError
        If the port cannot be used.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, page: Path, port: int) -> None:
        names = (page.name, BOARD)
        files = {f"/{name}": (_TYPES[Path(name).suffix], page.with_name(name).read_bytes()) for name in names}
        self.files: Mapping[str, tuple[str, bytes]] = {"/": files[f"/{page.name}"], **files}
        try:
            super().__init__((_HERE, port), _Answer)
        except OSError as error:
            raise OptionError(
                f"port {port} cannot be used ({error.strerror}); name another one with --port, or 0 for a free one"
            ) from error

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{_HERE}:{self.server_address[1]}/"


class _Answer(BaseHTTPRequestHandler):
    server: BoardServer

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in _OWN_NAMES:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        found = self.server.files.get(urlsplit(self.path).path)
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
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the inherited parameter
        """Print nothing: a request could hold anything."""
