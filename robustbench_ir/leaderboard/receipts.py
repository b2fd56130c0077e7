"""Receipts: what a check said of which bytes, for whoever wants to sign it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from robustbench_ir._base.files import sha256_of
from robustbench_ir._version import __version__
from robustbench_ir.leaderboard.building import FileCheck


def receipt(checks: Sequence[FileCheck], date: str, base: str = "") -> str:
    """Return a receipt as JSON; it is worth as much as the signature under it.

    Parameters
    ----------
    checks : sequence of FileCheck
        Outcome of a check.
    date : str
        The day.
    base : str
        What the files were compared with, as it was named; empty without it.
    """
    files = [
        {
            "file": f"{one.path.parent.name}/{one.path.name}",
            "sha256": sha256_of(one.path) if one.path.is_file() else None,
            "accepted": not one.faults,
            "said": list(one.faults) or [one.remark],
        }
        for one in checks
    ]
    return json.dumps({"irbench": __version__, "date": date, "base": base, "files": files}, indent=1) + "\n"
