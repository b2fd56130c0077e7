"""Load sentence-transformers models; if one cannot be loaded, the error says why in one line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ir.encoders.kinds import Kind, kind_of, refuse_kind
from robustbench_ir.encoders.options import SIMILARITIES, EncoderOptions
from robustbench_ir.encoders.prompts import Declared, has_family
from robustbench_ir.encoders.saved_model import SavedModel
from robustbench_ir.encoders.weights import LoadReport, check_weights, load_reports
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.resources.hub_connection import hub_is_offline

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SparseEncoder

SPARSE_PREFIX = "sparse:"
_HUB_TIMEOUT_SECONDS = 10
# Modules of PyLate are replaced by those of sentence-transformers.
_TRUSTED_MODULES = ("sentence_transformers.", "torch.nn.", "pylate.")
_HALVES = ("float16", "bfloat16")


@dataclass(frozen=True)
class LoadedModel:
    """A model with what its files say of it.

    Attributes
    ----------
    model : SentenceTransformer or SparseEncoder
        Every weight of it was found in its files.
    kind : str
        See `robustbench_ir.encoders.kinds.Kind`.
    declared : Declared
        Prompts and similarity, as far as the files name them.
    notes : tuple of str
        What the user should know of how it was loaded, a line each.
    reports : tuple of LoadReport
        What transformers said of the weights; none for a model that the user loaded.
    """

    model: SentenceTransformer | SparseEncoder
    kind: Kind
    declared: Declared
    notes: tuple[str, ...] = ()
    reports: tuple[LoadReport, ...] = ()


def load_transformer_model(name: str, options: EncoderOptions) -> LoadedModel:
    """Load a sentence-transformers model, dense or sparse as it is marked.

    Parameters
    ----------
    name : str
        Name on the hub or path of a folder; behind ``sparse:`` it is loaded as a SPLADE model.
    options : EncoderOptions
        How it is loaded.

    Raises
    ------
    EncoderError
        If it is not a sentence-transformers model, is not available, or needs weights that its files do
        not have; the message says the next step.
    OptionError
        If this kind of model does not have one of the options.
    """
    saved = find_model(name, options)
    kind = _checked_kind(name, saved)
    if not options.trust_remote_code:
        refuse_code(name, saved)
    _check_adapter(name, saved)
    loaded = _load(name, saved, kind, options)
    if options.max_length is not None:
        try:
            loaded.model.max_seq_length = options.max_length
        except AttributeError as error:
            raise OptionError(f"{name}: reads texts of any length; do not set the maximum length") from error
    return loaded


def find_model(name: str, options: EncoderOptions) -> SavedModel:
    """Find the files of a model, before anything of it is loaded.

    Parameters
    ----------
    name : str
        Name on the hub or path of a folder, perhaps behind ``sparse:``; a name without an owner is one that
        sentence-transformers knows.
    options : EncoderOptions
        Its `revision` on the hub.

    Raises
    ------
    EncoderError
        If it is no folder, and the hub cannot be reached, or does not have or does not give the model.
    """
    plain = name.removeprefix(SPARSE_PREFIX)
    owned = "/" in plain or Path(plain).expanduser().is_dir()
    saved = SavedModel(plain if owned else f"sentence-transformers/{plain}", options.revision)
    if not saved.folder:
        _check_reachable(saved.name, options)
    return saved


def _checked_kind(name: str, saved: SavedModel) -> Kind:
    """Return the kind of a saved model, and refuse one that gives no row for each text."""
    kind = kind_of(saved)
    place = "folder" if saved.folder else "model"
    if kind == "transformer" and not saved.config:
        raise EncoderError(f"{name}: not a sentence-transformers {place} (it has no modules.json); name one that is")
    if name.startswith(SPARSE_PREFIX):
        # A SPLADE model on the hub is often a masked language model and nothing else.
        kind = "sparse" if kind in {"transformer", "dense"} else kind
    elif kind == "transformer" and _is_mean_pooled(saved):
        kind = "dense"
    refuse_kind(name, kind, str(saved.settings.get("model_type", "")), place)
    return kind


def _is_mean_pooled(saved: SavedModel) -> bool:
    """Return whether a plain transformer is documented to be pooled as sentence-transformers does by default.

    https://huggingface.co/facebook/contriever
    """
    return saved.folder is None and saved.name.lower().startswith(("facebook/contriever", "facebook/mcontriever"))


def _declared(saved: SavedModel) -> Declared:
    prompts = saved.settings.get("prompts")
    similarity = saved.settings.get("similarity_fn_name")
    return Declared(
        prompts={str(key): str(text) for key, text in prompts.items() if text is not None}
        if isinstance(prompts, dict)
        else {},
        similarity=str(similarity) if similarity in SIMILARITIES else "",
        family=next(filter(has_family, saved.family_names), ""),
    )


def _check_reachable(name: str, options: EncoderOptions) -> None:
    """Ask the hub once, unless the model is in the hub's cache: the loaders would try for a minute."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, HFValidationError

    try:
        for file in ("modules.json", "config.json"):
            if isinstance(try_to_load_from_cache(name, file, revision=options.revision), str):
                return
        if hub_is_offline():
            raise ConnectionError
        HfApi().model_info(name, revision=options.revision, timeout=_HUB_TIMEOUT_SECONDS)
    except HFValidationError:
        raise EncoderError(f"{name}: neither a folder on this machine nor a valid name on the model hub") from None
    except GatedRepoError:
        raise EncoderError(f"{name}: its author grants access on the hub; ask there, then `hf auth login`") from None
    except Exception as error:  # the hub's transport library, and so its errors, differ by version
        raise EncoderError(
            f"{name}: neither a folder on this machine nor a model that can be downloaded now "
            f"({type(error).__name__}); check the name and the network, or give the path of a saved model; "
            f"`irbench encoders` lists what needs no download"
        ) from None


def refuse_code(name: str, saved: SavedModel) -> None:
    """Refuse modules from anywhere but sentence-transformers, some versions of which would run them without a word."""
    named = [kind for kind, _ in saved.modules]
    for _, path in saved.modules:
        # Classes that modules of sentence-transformers look up by their name.
        config = saved.read("config.json", path) if path else {}
        named += [str(config[key]) for key in ("tokenizer_class", "activation_function") if "." in str(config.get(key))]
    if not all(kind.startswith(_TRUSTED_MODULES) for kind in named):
        raise EncoderError(_explain(name, ValueError("trust_remote_code"), "torch"))


def _check_adapter(name: str, saved: SavedModel) -> None:
    """Refuse an adapter whose base model was a folder on another machine."""
    for path in {"", *(path for _, path in saved.modules)}:
        base = str(saved.read("adapter_config.json", path).get("base_model_name_or_path") or "")
        if base.startswith(("/", "./", "../", "~")) and not Path(base).expanduser().is_dir():
            raise EncoderError(
                f"{name}: is an adapter, and its base model {base} is not here; "
                f"put the right path or hub name into base_model_name_or_path of adapter_config.json"
            )


def _load(name: str, saved: SavedModel, kind: Kind, options: EncoderOptions) -> LoadedModel:
    import torch
    from sentence_transformers import SentenceTransformer, SparseEncoder

    sparse = kind == "sparse"
    if sparse and options.truncate_dim is not None:
        raise OptionError(
            f"{name}: the columns of a sparse encoder are words, which cannot be cut off; do not set truncate_dim"
        )
    device = options.device or (options.devices[0] if options.devices else None)
    _check_device(device)
    dtype, notes = chosen_dtype(saved, device, options)
    more: dict[str, int] = {} if options.truncate_dim is None else {"truncate_dim": options.truncate_dim}
    make: Callable[..., SentenceTransformer | SparseEncoder] = SparseEncoder if sparse else SentenceTransformer
    with quiet(), load_reports() as reports:
        try:
            model = make(
                saved.place,
                device=device,
                revision=options.revision,
                trust_remote_code=options.trust_remote_code,
                local_files_only=saved.local_files_only,
                model_kwargs={**options.model_kwargs, **({"dtype": dtype} if dtype else {})} or None,
                backend=options.backend,
                **more,
            )
            if dtype is None and options.backend == "torch" and model.device.type == "cpu":
                dtype, notes = float32_for(sorted({str(weight.dtype) for weight in model.parameters()}))
            # Modules that are not transformers ignore the type above.
            model = model.to(getattr(torch, dtype)) if dtype else model
        except Exception as error:  # a faulty model file can raise any error of many libraries
            raise EncoderError(_explain(name, error, options.backend)) from error
    check_weights(name, reports)
    return LoadedModel(model, kind, _declared(saved), notes, tuple(reports))


def _check_device(device: str | None) -> None:
    import torch

    if device is not None:
        try:
            torch.empty(0, device=device)
        except Exception as error:  # torch has an error of its own for each kind of device
            why = " ".join(str(error).split())[:80]
            raise OptionError(f"device {device}: torch cannot use it here ({why}); leave it out or say cpu") from error


def chosen_dtype(saved: SavedModel, device: str | None, options: EncoderOptions) -> tuple[str | None, tuple[str, ...]]:
    """Choose the type of the weights: half precision is several times slower than float32 on most CPUs.

    Parameters
    ----------
    saved : SavedModel
        Names the type in which the weights are saved.
    device : str or None
        Device that was asked for.
    options : EncoderOptions
        Its type and backend decide, where they are given.

    Returns
    -------
    str or None
        The type; None for that in which they are saved.
    tuple of str
        What the user should know of it, a line each.
    """
    from sentence_transformers.util import get_device_name

    if options.dtype or options.backend != "torch" or not (device or get_device_name()).startswith("cpu"):
        return options.dtype, ()
    return float32_for([stored_dtype(saved)])


def stored_dtype(saved: SavedModel) -> str:
    """Return the type of the weights that the configuration of a model names; empty if it names none."""
    return str(saved.config.get("dtype") or saved.config.get("torch_dtype") or "").removeprefix("torch.")


def float32_for(types: list[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return float32, with a note, if one of the types of some weights is of half precision; otherwise None."""
    half = next((name for name in _HALVES if f"torch.{name}" in types or name in types), None)
    if half is None:
        return None, ()
    return "float32", (f"saved as {half}, run in float32 on this CPU; --dtype {half} runs it as it was saved",)


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the libraries' own progress bars, load reports and deprecation warnings."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def _explain(name: str, error: Exception, backend: str) -> str:
    text = " ".join(str(error).split())
    if "trust_remote_code" in text:
        return f"{name}: contains code of its own; if you trust its author, give --trust-remote-code"
    if backend != "torch" and "requires installing" in text:
        return f"backend {backend} is not installed; pip install 'robustbench-ir[{backend}]'"
    if "Repo id must be" in text or "is not a local folder" in text:
        return (
            f"{name}: names another model that is neither a folder here nor on the hub ({text[:160]}); correct the name"
        )
    if Path(name.removeprefix(SPARSE_PREFIX)).expanduser().is_dir():
        return f"{name}: not a sentence-transformers folder that can be loaded ({text[:160]})"
    return f"{name}: cannot be loaded as a sentence-transformers model ({text[:160]})"
