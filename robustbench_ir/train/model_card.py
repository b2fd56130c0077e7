"""The README.md beside a trained model."""

from __future__ import annotations

from robustbench_ir.files import write_whole
from robustbench_ir.result import Result
from robustbench_ir.train.record import Trained


def write_model_card(trained: Trained, results: tuple[Result, ...] = ()) -> None:
    """Write README.md into the model's folder; again, with results, once it was evaluated."""
    write_whole(trained.folder / "README.md", model_card(trained, results).encode())


def model_card(trained: Trained, results: tuple[Result, ...] = ()) -> str:
    """Return the card: Markdown behind the header that model hubs read."""
    return "# \n"
