"""What the files of a saved model say, in a folder or on the hub, before any of it is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from robustbench_ir.resources.downloads import is_offline
from robustbench_ir.resources.hub_connection import hub_is_offline

Json = Mapping[str, object]


@dataclass(frozen=True)
class SavedModel:
    """The files of a model that decide how it is loaded.

    Attributes
    ----------
    name : str
        Path of a folder, or ``owner/model`` on the hub.
    revision : str, optional
        Commit, branch or tag on the hub.
    """

    name: str
    revision: str | None = None

    @cached_property
    def folder(self) -> Path | None:
        """The folder, None for a model on the hub."""
        folder = Path(self.name).expanduser()
        return folder if folder.is_dir() else None

    @property
    def place(self) -> str:
        """What the loaders are given."""
        return str(self.folder) if self.folder else self.name

    @property
    def local_files_only(self) -> bool:
        """Whether the loaders may download nothing; whether the hub can be reached matters to a model on it only."""
        return is_offline() if self.folder else hub_is_offline()

    def file(self, name: str, subfolder: str = "") -> Path | None:
        """Return the path of a file, None where the model has none of this name."""
        from sentence_transformers.util import load_file_path

        if self.folder:
            path = self.folder / subfolder / name
            return path if path.is_file() else None
        try:
            found = load_file_path(
                self.name, name, subfolder=subfolder, revision=self.revision, local_files_only=self.local_files_only
            )
        except OSError:
            return None
        return Path(found) if found else None

    def read(self, name: str, subfolder: str = "") -> Json:
        """Read a JSON object; an empty one where there is none."""
        content = self._content(name, subfolder)
        return cast("Json", content) if isinstance(content, dict) else {}

    def _content(self, name: str, subfolder: str = "") -> object:
        path = self.file(name, subfolder)
        if path is None:
            return None
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None

    @cached_property
    def has_modules(self) -> bool:
        """Whether it says of which modules it consists."""
        return self.file("modules.json") is not None

    @cached_property
    def modules(self) -> tuple[tuple[str, str], ...]:
        """The type and the subfolder of each module, those behind a router too."""
        listed = self._content("modules.json")
        return tuple(self._modules(listed)) if isinstance(listed, list) else ()

    def _modules(self, listed: list[object]) -> Iterator[tuple[str, str]]:
        for entry in listed:
            if not isinstance(entry, dict):
                continue
            kind, path = str(entry.get("type", "")), str(entry.get("path", ""))
            yield kind, path
            routes = self.read("router_config.json", path).get("types")
            for inner, routed in routes.items() if isinstance(routes, dict) else ():
                yield str(routed), f"{path}/{inner}".strip("/")

    @cached_property
    def settings(self) -> Json:
        """The settings of sentence-transformers: prompts, similarity, kind of model."""
        return self.read("config_sentence_transformers.json")

    @cached_property
    def config(self) -> Json:
        """The configuration of the transformer, in the folder itself or in that of the first module that has one."""
        found = self.read("config.json")
        for _, path in () if "model_type" in found else self.modules:
            inner = self.read("config.json", path) if path else {}
            if "model_type" in inner:
                return inner
        return found

    @property
    def architectures(self) -> tuple[str, ...]:
        """The classes of transformers that the configuration names."""
        named = self.config.get("architectures")
        return tuple(map(str, named)) if isinstance(named, list) else ()

    @cached_property
    def family_names(self) -> tuple[str, ...]:
        """The names on the hub by which its family is looked up: its own, and that of the base that its card names."""
        own = () if self.folder else (self.name,)
        return (*own, self._base) if self._base else own

    @property
    def _base(self) -> str:
        from huggingface_hub import ModelCardData
        from huggingface_hub.repocard import metadata_load

        path = self.file("README.md")
        try:
            card = (metadata_load(path) if path else None) or {}
            base = ModelCardData(ignore_metadata_errors=True, **card).base_model
        except Exception:  # a card is free text: whatever is wrong with it, it names no base
            return ""
        first = base[0] if isinstance(base, list) and base else base
        # A base that is a folder is a path of another machine, and paths tell no family.
        return first if isinstance(first, str) and first.count("/") == 1 and not first.startswith((".", "/")) else ""
