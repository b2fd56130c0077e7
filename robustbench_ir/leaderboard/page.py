"""The page of a board: one HTML file that contains its data, so that it works from a disk and makes no request.

The policy in its head allows only the one style and the one script that it contains, by their hashes. The data is a
JSON block in which ``<`` is escaped. The script writes submitted texts as text, never as markup.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from robustbench_ir._base.showing import html_text

_SITE = files("robustbench_ir.leaderboard") / "site"
_SCRIPTS = ("data", "scores", "table", "pictures", "model", "comparison", "overview", "address")


def page(board: str, built: str = "") -> str:
    """Return the page of a board.

    Parameters
    ----------
    board : str
        Text of `leaderboard.json`.
    built : str, optional
        What the foot of the page says of its making, such as ``on 2026-11-29``.
    """
    script = "\n".join(_part(f"{name}.js") for name in _SCRIPTS)
    style, body, citation = map(_part, ("board.css", "board.html", "citation.bib"))
    data = board.replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; "
        "form-action 'none'; img-src data:"
    )
    parts = {"policy": policy, "style": style, "script": script, "data": data}
    parts |= {"built": html_text(built), "citation": html_text(citation.strip())}
    before, *pieces = body.split("{{")
    return before + "".join(parts[name] + rest for name, _, rest in (piece.partition("}}") for piece in pieces))


def _part(name: str) -> str:
    return (_SITE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
