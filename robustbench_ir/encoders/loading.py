"""Load sentence-transformers models; if one cannot be loaded, the error says why in one line."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from robustbench_ir.encoders.options import EncoderOptions
from robustbench_ir.errors import EncoderError, OptionError
from robustbench_ir.resources.downloads import is_offline

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SparseEncoder

SPARSE_PREFIX = "sparse:"
_HUB_TIMEOUT_SECONDS = 10


def load_transformer_model(name: str, options: EncoderOptions) -> SentenceTransformer | SparseEncoder:
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
        If it is not a sentence-transformers model, or is not available; the message says the next step.
    OptionError
        If this kind of model does not have one of the options.
    """
    plain = name.removeprefix(SPARSE_PREFIX)
    folder = Path(plain).expanduser()
    # A SPLADE model on the hub is often a masked language model and nothing else.
    required = "config.json" if plain != name else "modules.json"
    if folder.is_dir() and not any((folder / file).is_file() for file in {required, "modules.json"}):
        raise EncoderError(f"{name}: not a sentence-transformers folder (it has no {required}); name another folder")
    if not folder.is_dir():
        check_reachable(plain, options)
    elif not options.trust_remote_code:
        _refuse_code(name, folder)
    place = str(folder) if folder.is_dir() else plain
    model = _load(name, place, plain != name or _is_sparse(place, options), options)
    if options.max_length is not None:
        try:
            model.max_seq_length = options.max_length
        except AttributeError as error:
            raise OptionError(f"{name}: reads texts of any length; do not set the maximum length") from error
    return model


def check_reachable(name: str, options: EncoderOptions) -> None:
    """Ask the hub once, unless the model is in the hub's cache: the loaders would try for a minute.

    Raises
    ------
    EncoderError
        If the hub cannot be reached, or if it does not have or does not give the model.
    """
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import GatedRepoError, HFValidationError

    try:
        for file in ("modules.json", "config.json"):
            if isinstance(try_to_load_from_cache(name, file, revision=options.revision), str):
                return
        if not is_offline():
            HfApi().model_info(name, revision=options.revision, timeout=_HUB_TIMEOUT_SECONDS)
    except HFValidationError as error:
        raise EncoderError(f"{name}: neither a folder on this machine nor a valid name on the model hub") from error
    except GatedRepoError as error:
        raise EncoderError(f"{name}: its author grants access on the hub; ask there, then `hf auth login`") from error
    except Exception as error:  # the hub's transport library, and so its errors, differ by version
        raise EncoderError(
            f"{name}: neither a folder on this machine nor a model that can be downloaded now "
            f"({type(error).__name__}); check the name and the network, or give the path of a saved model; "
            f"`irbench encoders` lists what needs no download"
        ) from error


def _refuse_code(name: str, folder: Path) -> None:
    """Refuse a local folder with code: sentence-transformers before 6 runs it without permission."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        for module in json.loads((folder / "modules.json").read_bytes()):
            if (folder / f"{module['type'].split('.')[0]}.py").exists():
                raise EncoderError(_explain(name, ValueError("trust_remote_code"), "torch"))


def _is_sparse(place: str, options: EncoderOptions) -> bool:
    from sentence_transformers.util import load_file_path

    try:
        path = load_file_path(place, "config_sentence_transformers.json", revision=options.revision)
        return path is not None and json.loads(Path(path).read_bytes()).get("model_type") == "SparseEncoder"
    except (OSError, ValueError):
        return False


def _load(name: str, place: str, sparse: bool, options: EncoderOptions) -> SentenceTransformer | SparseEncoder:
    import torch
    from sentence_transformers import SentenceTransformer, SparseEncoder

    if sparse and options.truncate_dim is not None:
        raise OptionError(
            f"{name}: the columns of a sparse encoder are words, which cannot be cut off; do not set truncate_dim"
        )
    more: dict[str, int] = {} if options.truncate_dim is None else {"truncate_dim": options.truncate_dim}
    make: Callable[..., SentenceTransformer | SparseEncoder] = SparseEncoder if sparse else SentenceTransformer
    with quiet():
        try:
            model = make(
                place,
                device=options.device or (options.devices[0] if options.devices else None),
                revision=options.revision,
                trust_remote_code=options.trust_remote_code,
                local_files_only=is_offline(),
                model_kwargs={"dtype": options.dtype} if options.dtype else None,
                backend=options.backend,
                **more,
            )
            # Modules that are not transformers ignore `dtype` above.
            return model.to(getattr(torch, options.dtype)) if options.dtype else model
        except Exception as error:  # a faulty model file can raise any error of many libraries
            raise EncoderError(_explain(name, error, options.backend)) from error


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
    if Path(name.removeprefix(SPARSE_PREFIX)).expanduser().is_dir():
        return f"{name}: not a sentence-transformers folder that can be loaded ({text[:160]})"
    return f"{name}: cannot be loaded as a sentence-transformers model ({text[:160]})"
