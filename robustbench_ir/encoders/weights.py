"""Whether every weight of a model was found in its files: what transformers reports while it loads is read here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import regex

from robustbench_ir.errors import EncoderError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LOADING = threading.Lock()  # transformers has one loader for all threads
_NUMBER = regex.compile(r"(?<=\.)\d+(?=\.)")
_NAMED = 2


class LoadReport(NamedTuple):
    """What was not as it should be in the files of one transformer."""

    model: PreTrainedModel
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]


@contextmanager
def load_reports() -> Iterator[list[LoadReport]]:
    """Gather the report of each transformer that is loaded meanwhile.

    Transformers prints its report and returns it only to who asks `from_pretrained` for it; those who call it here are
    sentence-transformers and the code of models. A weight of another shape would end loading with a reference to the
    printed report, so it is reported as well.
    """
    from transformers import PreTrainedModel

    reports: list[LoadReport] = []
    finished: list[tuple[PreTrainedModel, Any]] = []
    plain: Any = PreTrainedModel.__dict__["from_pretrained"]
    # With an adapter, transformers 5 returns the report of the adapter alone, and that of its base passes here.
    finalize: Any = PreTrainedModel.__dict__.get("_finalize_model_loading")

    def finalized(model: PreTrainedModel, config: object, info: Any) -> Any:
        finished.append((model, finalize.__func__(model, config, info)))
        return finished[-1][1]

    def from_pretrained(cls: type[PreTrainedModel], *places: Any, **options: Any) -> Any:
        asked = options.pop("output_loading_info", False)
        options["ignore_mismatched_sizes"] = True
        model, info = plain.__func__(cls, *places, output_loading_info=True, **options)
        sources = [info, *(vars(of_base) for one, of_base in finished if one is model)]
        found = {
            key: tuple(sorted({_name(weight) for source in sources for weight in source.get(f"{key}_keys", ())}))
            for key in ("missing", "unexpected", "mismatched")
        }
        reports.append(LoadReport(model, **found))
        return (model, info) if asked else model

    with _LOADING:
        PreTrainedModel.from_pretrained = classmethod(from_pretrained)  # type: ignore[assignment, method-assign]
        if finalize is not None:
            PreTrainedModel._finalize_model_loading = staticmethod(finalized)  # type: ignore[assignment, method-assign]
        try:
            yield reports
        finally:
            PreTrainedModel.from_pretrained = plain  # type: ignore[method-assign]
            if finalize is not None:
                PreTrainedModel._finalize_model_loading = finalize  # type: ignore[method-assign]


def _name(entry: str | tuple[Any, ...]) -> str:
    """Return the name of a weight; one of another shape comes with both shapes."""
    if isinstance(entry, str):
        return entry
    name, there, wanted = entry
    return f"{name} ({tuple(there)} in the file, {tuple(wanted)} in the model)"


def check_weights(name: str, reports: Sequence[LoadReport]) -> None:
    """Refuse a model whose rows would come from random numbers, or that leaves layers of its file out.

    A pooler may be missing; whether the rows depend on it says `settle_poolers`.

    Parameters
    ----------
    name : str
        Name of the model, for the error.
    reports : sequence of LoadReport
        Reports of `load_reports`.

    Raises
    ------
    EncoderError
        If weights are missing, of another shape, or left over.
    """
    for report in reports:
        if report.mismatched:
            raise EncoderError(f"{name}: weights of another shape than config.json says: {_such_as(report.mismatched)}")
        poolers = _poolers(report)
        lacking = [weight for weight in report.missing if weight not in poolers]
        if lacking:
            total = len(report.model.state_dict())
            there = f"; the file has {_such_as(report.unexpected)}" if report.unexpected else ""
            raise EncoderError(
                f"{name}: {len(lacking)} of {total} weights are not in the file, such as {_such_as(lacking)}{there}; "
                f"save the model again with the names that its class has"
            )
        left = _of_the_trunk(report)
        if left:
            raise EncoderError(
                f"{name}: {len(left)} weights of the file are not used, such as {_such_as(left)}; "
                f"config.json describes another model, or an adapter was not merged"
            )


def settle_poolers(name: str, reports: Sequence[LoadReport], rows_are_finite: Callable[[], bool]) -> None:
    """Refuse a model whose rows come from a pooler that its file lacks.

    A pooler that no row depends on is set to zero, so that the model is the same each time it is loaded.

    Parameters
    ----------
    name : str
        Name of the model, for the error.
    reports : sequence of LoadReport
        Reports of `load_reports`.
    rows_are_finite : callable
        Encodes a text and returns whether its row is finite.

    Raises
    ------
    EncoderError
        If the rows depend on the missing pooler.
    """
    import torch

    for report in reports:
        poolers = _poolers(report)
        parameters = dict(report.model.named_parameters())
        for value in (float("nan"), 0.0) if poolers else ():
            with torch.no_grad():
                for weight in poolers:
                    parameters[weight].fill_(value)
            if value != 0 and not rows_are_finite():
                raise EncoderError(
                    f"{name}: its pooler is not in the file ({_such_as(poolers)}), and its rows come from there; "
                    f"choose another pooling, or save the model again"
                )


def _poolers(report: LoadReport) -> list[str]:
    return [weight for weight in report.missing if "pooler" in weight.split(".")]


def _such_as(weights: Sequence[str]) -> str:
    return ", ".join(weights[:_NAMED]) + (", ..." if len(weights) > _NAMED else "")


def _of_the_trunk(report: LoadReport) -> list[str]:
    """Return the left-over weights that are layers of the model itself, or adapters; heads may be left over."""
    numbered = {_NUMBER.sub("#", f".{weight}") for weight in report.model.state_dict()}
    own = {weight for weight in numbered if "#" in weight}

    def is_a_layer(weight: str) -> bool:
        # A model with a head has the name of the model without one before its weights.
        name = _NUMBER.sub("#", f".{weight}")
        return bool({name, name.removeprefix(f".{report.model.base_model_prefix}")} & own)

    return [weight for weight in report.unexpected if "lora_" in weight or is_a_layer(weight)]
