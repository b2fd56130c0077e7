"""Pictures as values, which a notebook shows and a script saves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import OptionError

PictureForm = Literal["png", "svg"]


@dataclass(frozen=True)
class Plot:
    """A picture of a result; a notebook shows it.

    Attributes
    ----------
    name : str
        What it shows: ``"severity"``, ``"languages"`` or ``"bias"``.
    draw : callable
        Takes ``"png"`` or ``"svg"`` and returns the bytes of the picture.
    """

    name: str
    draw: Callable[[PictureForm], bytes] = field(repr=False)

    def save(self, path: str | Path) -> Path:
        """Write the picture, and return its path.

        Parameters
        ----------
        path : str or pathlib.Path
            File to write; its ending, .png or .svg, decides the form.

        Raises
        ------
        OptionError
            If it has another ending.
        """
        target = Path(path)
        form = target.suffix.removeprefix(".")
        if form not in {"png", "svg"}:
            raise OptionError(f"{path}: no picture of that kind; let it end in .png or .svg")
        write_whole(target, self.draw(cast("PictureForm", form)))
        return target

    def _repr_svg_(self) -> str:
        return self.draw("svg").decode()
