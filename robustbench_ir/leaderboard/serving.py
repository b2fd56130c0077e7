"""Show the page of a board to the browsers of this machine, and nothing else to anyone."""

from __future__ import annotations

from pathlib import Path

from robustbench_ir._base.serving import HTML, JSON, LocalServer
from robustbench_ir.leaderboard.building import BOARD

_TYPES = {".html": HTML, ".json": JSON}


class BoardServer(LocalServer):
    """Serves the page and its data from memory.

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

    def __init__(self, page: Path, port: int) -> None:
        names = (page.name, BOARD)
        files = {f"/{name}": (_TYPES[Path(name).suffix], page.with_name(name).read_bytes()) for name in names}
        pages = {"/": files[f"/{page.name}"], **files}
        super().__init__(lambda path, _query: pages.get(path), port)
