"""Cards: the TOML tables under attacks/, tasks/ and studies/."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robustbench_ir.errors import CardError, UnknownNameError, nearest

_LONGEST_KEY = 2_000
_LONGEST_BRIEF = 160
_LONG_KEY = re.compile(rf"(?m)^[^\"'#=\n]{{{_LONGEST_KEY}}}")

CardKind = Literal["attacks", "tasks", "studies", "leaderboard"]


class Card(BaseModel):
    """Base class of every card: immutable, without unknown keys and silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnyCard = TypeVar("AnyCard", bound=Card)


class NamedCard(Card):
    """A card with its own name, which is also that of its file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")


AnyNamedCard = TypeVar("AnyNamedCard", bound=NamedCard)


def packaged(kind: CardKind) -> Traversable:
    """Return the folder of the cards that ship with the package, whether it is installed or not."""
    inside = files("robustbench_ir") / "_cards" / kind
    return inside if inside.is_dir() else Path(__file__).parents[2] / kind


def card_folders(kind: CardKind, extra: Path | None = None) -> list[Traversable]:
    """Return the folders that hold cards of this kind, the user's folder first.

    Parameters
    ----------
    kind : {"attacks", "tasks", "studies", "leaderboard"}
        Kind of the cards.
    extra : pathlib.Path, optional
        The user's folder (``--cards DIR``) with `attacks/` or `tasks/` inside.

    Raises
    ------
    CardError
        If `extra` is not a folder.
    """
    own: list[Traversable] = []
    if extra is not None:
        if not extra.is_dir():
            raise CardError(f"--cards {extra}: not a folder; name one that holds attacks/ or tasks/")
        if (extra / kind).is_dir():
            own.append(extra / kind)
    return [*own, packaged(kind)]


def card_names(kind: CardKind, extra: Path | None = None) -> list[str]:
    """Return the names of all cards of this kind, sorted.

    Parameters
    ----------
    kind : {"attacks", "tasks", "studies", "leaderboard"}
        Kind of the cards.
    extra : pathlib.Path, optional
        The user's folder of cards.
    """
    return sorted({stem for stem, _ in _card_files(kind, extra)})


def _card_files(kind: CardKind, extra: Path | None) -> Iterator[tuple[str, Traversable]]:
    for folder in card_folders(kind, extra):
        for entry in folder.iterdir():
            if entry.is_file() and entry.name.endswith(".toml") and not entry.name.startswith("_"):
                yield entry.name.removesuffix(".toml"), entry


def _find_card(kind: CardKind, name: str, what: str, extra: Path | None = None) -> Traversable:
    """Return the file of the card called `name`; raise UnknownNameError if there is none."""
    for stem, entry in _card_files(kind, extra):
        if stem == name:
            return entry
    raise UnknownNameError(what, name, card_names(kind, extra))


def resource(kind: CardKind, relative: str, extra: Path | None = None) -> Traversable:
    """Return a table or data file that a card names, such as ``keyboards/de.toml``.

    Parameters
    ----------
    kind : {"attacks", "tasks", "studies", "leaderboard"}
        Kind of the card.
    relative : str
        Path below the folder of the cards, with slashes.
    extra : pathlib.Path, optional
        The user's folder of cards.

    Raises
    ------
    CardError
        If the file is missing, or if the path leaves the folder of the cards.
    """
    parts = relative.split("/")
    if not relative or any(part in {"", ".", ".."} or "\\" in part or ":" in part for part in parts):
        raise CardError(f"{kind}: {relative!r} is not a path inside the folder of the cards")
    for folder in card_folders(kind, extra):
        entry = folder.joinpath(*parts)
        if entry.is_file():
            return entry
    raise CardError(f"{kind}/{relative}: no such file; a card names it")


@dataclass(frozen=True)
class Tables:
    """Where the tables that recipes name are found: in the user's folder of cards, then in the package.

    Attributes
    ----------
    extra : pathlib.Path, optional
        The user's folder (``--cards DIR``) with `attacks/` inside.
    state : str
        Hash of path, time and size of the files when a recipe was loaded; see `tables_of`. Content is kept in memory
        for each `Tables`, so that an edited file gives another `Tables` and is read again.
    """

    extra: Path | None = None
    state: str = ""

    def find(self, relative: str) -> Traversable:
        """Return a table such as ``keyboards/de.toml``; see `resource` for the errors raised."""
        return resource("attacks", relative, self.extra)

    def rows(self, name: str) -> dict[str, object]:
        """Return a table that a user's folder may extend, such as ``_lexicons.toml``; the user's rows are preferred."""
        merged: dict[str, object] = {}
        for folder in reversed(card_folders("attacks", self.extra)):
            if (folder / name).is_file():
                merged.update(read_toml(folder / name))
        return merged


SHIPPED = Tables()


def tables_of(extra: Path | None) -> Tables:
    """Return the tables as they are now; they equal those of an earlier call unless a file was edited."""
    places = [str(folder) for folder in card_folders("attacks", extra) if isinstance(folder, Path)]
    return Tables(extra, sha256(repr([_stamps(place) for place in places]).encode()).hexdigest())


def _stamps(folder: str) -> list[tuple[str, int, int]]:
    """Return path, time of the last edit and size of all files below a folder; 200 files take a millisecond."""
    stamps = []
    with os.scandir(folder) as found:
        for entry in found:
            if entry.is_dir():
                stamps += _stamps(entry.path)
            else:
                state = entry.stat()
                stamps.append((entry.path, state.st_mtime_ns, state.st_size))
    return sorted(stamps)


def read_toml(entry: Traversable) -> dict[str, object]:
    """Return the content of a TOML file.

    Raises
    ------
    CardError
        If it is not UTF-8 or not TOML, or is nested too deep; the message names the file and the line.
    """
    try:
        text = entry.read_text(encoding="utf-8-sig")
        if _LONG_KEY.search(text):  # the time that it takes grows with the square of its length
            raise CardError(f"{entry}: a key of more than {_LONGEST_KEY:,} characters; a card has short names")
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{entry}: not a TOML file: {error}") from error
    except RecursionError as error:
        raise CardError(f"{entry}: lists or tables nested too deep; a card has a few levels") from error


def read_card(model: type[AnyCard], entry: Traversable) -> AnyCard:
    """Return one card, after checking it.

    Parameters
    ----------
    model : type
        Class of the card.
    entry : Traversable
        File of the card.

    Raises
    ------
    CardError
        If the card has a fault; the message names the first one, with file, key and valid values.
    """
    return validate(model, read_toml(entry), str(entry))


def read_named(
    model: type[AnyNamedCard], kind: CardKind, name: str, what: str, extra: Path | None = None
) -> AnyNamedCard:
    """Return the card called `name`.

    Parameters
    ----------
    model : type
        Class of the card.
    kind : {"attacks", "tasks", "studies", "leaderboard"}
        Kind of the card.
    name : str
        Name of the card.
    what : str
        What the name stands for, such as ``"recipe"``, for the message.
    extra : pathlib.Path, optional
        The user's folder of cards.

    Raises
    ------
    UnknownNameError
        If there is no such card; the message shows the nearest name.
    CardError
        If the card has a fault; the message names the first one, with file, key and valid values.
    """
    entry = _find_card(kind, name, what, extra)
    card = read_card(model, entry)
    if card.name != name:
        raise CardError(f"{entry}: key 'name' is {card.name!r}, the file says {name!r}")
    return card


def validate(model: type[AnyCard], table: object, where: str) -> AnyCard:
    """Return a table as an instance of a model, after checking it.

    Parameters
    ----------
    model : type
        Class of the card.
    table : object
        The table.
    where : str
        Name of the file (and key), for the message.

    Raises
    ------
    CardError
        If the table has a fault; the message names the first one, with file, key and valid values.
    """
    try:
        return model.model_validate(table, strict=None)
    except ValidationError as error:
        raise CardError(f"{where}: {_explain(model, error)}") from error


def _explain(model: type[Card], error: ValidationError) -> str:
    # An unknown key is often a misspelt missing one, so it is named first.
    first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _fields_at(model, first["loc"][:-1])
        return f"key {key!r} is unknown: {nearest(str(first['loc'][-1]), known)}"
    if first["type"] == "missing":
        return f"key {key!r} is missing"
    given = f", not {first['input']!r}" if isinstance(first["input"], str | int | float | bool) else ""
    return f"key {key!r}: {first['msg']}{given}" if key else first["msg"]


def _fields_at(model: type[Card], location: tuple[int | str, ...]) -> list[str]:
    """Return the field names of the card inside `model` that lies at `location`."""
    for part in location:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, Card):
            model = inner
    return list(model.model_fields)


def first_fault(error: ValidationError) -> str:
    """Return the first thing that a file of an unknown author has wrong, without what stands there."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(map(str, first["loc"]))
    return f"{brief(key) or 'file'}: {brief(first['msg'])}"


def brief(text: str) -> str:
    """Return a text of an unknown author in ASCII, and not all of it if it is long."""
    return ascii(text)[1:-1][:_LONGEST_BRIEF]
