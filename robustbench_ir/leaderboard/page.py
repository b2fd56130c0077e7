"""The page: one HTML file with its data inside, so that it works from a disk; it asks nobody for anything.

The policy in its head allows the one style and the one script that are in it, by their hashes, and nothing else. The
data is a JSON block in which ``<`` is escaped, and the script writes strangers' texts as text, never as markup.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

_SITE = files("robustbench_ir.leaderboard") / "site"


def page(board: str) -> str:
    """Return the page of a board.

    Parameters
    ----------
    board : str
        Text of `leaderboard.json`.
    """
    script, style, body = (
        (_SITE / name).read_text(encoding="utf-8") for name in ("board.js", "board.css", "board.html")
    )
    data = board.replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; "
        "form-action 'none'; img-src data:"
    )
    parts = {"policy": policy, "style": style, "script": script, "data": data}
    before, *pieces = body.split("{{")
    return before + "".join(parts[name] + rest for name, _, rest in (piece.partition("}}") for piece in pieces))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
