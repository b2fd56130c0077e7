"""Results from papers: neither computed here nor verified, so they are shown for comparison and not ranked."""

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
    """A row of a table in a paper.

    Attributes
    ----------
    task : str
        Name of the task, without its version.
    languages : list of str
        Query languages.
    model : str
        Name of the model in the paper.
    average_precision : dict of str to float
        Setting to the mAP of the clean queries, 0 to 1.
    rank_distance : float or None
        Mean rank distance, where the paper has it.
    source, table : str
        Address of the paper, and the place in it.
    note : str
        Why the row cannot be compared with entries.
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
    """Read the rows in the folder of the leaderboard; an empty list if there is no file.

    Raises
    ------
    ResultError
        If a row does not fit the schema, or the file is not JSON.
    """
    path = folder / _FILE
    if not path.is_file():
        return []
    try:
        return _ROWS.validate_python(json_of(path.read_bytes()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ResultError(f"{path}: {place}: {first['msg']}; correct the row") from error
    except ValueError as error:
        raise ResultError(f"{path}: not JSON ({error}); restore it from git") from error
