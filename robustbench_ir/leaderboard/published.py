"""Numbers that papers report, for comparison only: not run here, recomputed by nobody, without a rank."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from robustbench_ir.errors import ResultError
from robustbench_ir.leaderboard.reading import json_of
from robustbench_ir.leaderboard.schema import Link, Share, Short, Strict, Tag, Text
from robustbench_ir.metrics.settings import Setting

_FILE = "reported.json"


class PublishedRow(Strict):
    """A row of somebody's table: mAP of the clean queries by setting, and mean rank distance where it is given.

    `source` is the address of the paper, `table` says where in it, `note` what keeps it from being comparable.
    """

    task: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,60}$")]
    languages: list[Tag] = Field(min_length=1, max_length=500)
    model: Short = Field(min_length=1)
    average_precision: Annotated[dict[Setting, Share], Field(min_length=1)]
    rank_distance: float | None = Field(ge=0, le=10**10)
    source: Link = Field(min_length=1)
    table: Text = Field(min_length=1)
    note: Text


_ROWS: TypeAdapter[list[PublishedRow]] = TypeAdapter(list[PublishedRow])


def read_published(folder: Path) -> list[PublishedRow]:
    """Read the rows in the leaderboard's folder; none where there is no file.

    Raises
    ------
    ResultError
        A row against the schema; one line.
    """
    path = folder / _FILE
    if not path.is_file():
        return []
    try:
        return _ROWS.validate_python(json_of(path.read_bytes()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ResultError(f"{path}: {place}: {first['msg']}; mend the row") from error
    except ValueError as error:
        raise ResultError(f"{path}: not JSON ({error}); restore it from git") from error
