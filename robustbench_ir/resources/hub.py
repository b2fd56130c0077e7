"""Files of the Hugging Face hub, pinned by commit: downloaded and cached by huggingface_hub, and checked here."""

from __future__ import annotations

import hashlib
import os
import re
from functools import partial
from pathlib import Path
from typing import Literal

from robustbench_ir._base.cache import entry_key
from robustbench_ir._base.files import cannot_be_written, sha256_of
from robustbench_ir.errors import DataError, DataUnavailableError, OptionError

_HUB_VARIABLE = "HF_ENDPOINT"
_HUB = "https://huggingface.co"
_SAFE = ("https://", "http://127.0.0.1:", "http://localhost:")
_CHUNK_BYTES = 1 << 20
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ACCOUNT = frozenset({401, 403})

RepositoryKind = Literal["dataset", "model"]


def download_from_hub(
    repository: str, revision: str, name: str, *, kind: RepositoryKind, sha256: str | None, folder: Path, offline: bool
) -> Path:
    """Return the path of a file of the hub, or of the mirror that `HF_ENDPOINT` names.

    Parameters
    ----------
    repository, revision, name : str
        Name such as ``miracl/miracl``, the 40 digits of a commit, and the path in the repository.
    kind : {"dataset", "model"}
        Kind of the repository.
    sha256 : str or None
        Expected hash. If it is None, the hub's own hash is expected, by which huggingface_hub names the cached file.
    folder : pathlib.Path
        Cache of huggingface_hub; a mirror has one of its own beside it, so that it never speaks for the hub.
    offline : bool
        Whether only the cache may be used.

    Raises
    ------
    DataUnavailableError
        If the file is not in the cache and cannot be downloaded.
    DataError
        If the file does not match the commit, or if the cache cannot be written to.
    OptionError
        If `HF_ENDPOINT` is not https.
    """
    endpoint = os.environ.get(_HUB_VARIABLE, "").rstrip("/") or None
    if endpoint and not endpoint.startswith(_SAFE):
        raise OptionError(
            f"{_HUB_VARIABLE}={endpoint} is not https, so {name} could not be verified; name another endpoint"
        )
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    get = partial(
        hf_hub_download,
        repository,
        name,
        repo_type=kind,
        revision=revision,
        cache_dir=folder if endpoint in {None, _HUB} else folder.with_name(f"{folder.name}-{entry_key(endpoint)[:16]}"),
        endpoint=endpoint,
        local_files_only=offline,
    )
    disabled = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        path = Path(get())
        if not _is_whole(path, sha256):  # it was damaged on the disk or on its way
            discard(path)
            path = Path(get())
    except Exception as error:  # also those of its HTTP client, which differs by version
        if isinstance(error, OSError) and error.errno:
            raise cannot_be_written(folder, error) from error
        raise DataUnavailableError(_reason(error)) from None
    finally:
        if not disabled:
            enable_progress_bars()
    if sha256 is None and path.is_symlink() and not _HASH.fullmatch(path.resolve().name):
        discard(path)
        raise DataError(f"{endpoint or _HUB} gives no hash of {name}, so that it cannot be verified; try again later")
    if not _is_whole(path, sha256) or revision not in path.parts:
        fault = "has another hash" if revision in path.parts else f"is of another revision than {revision}"
        discard(path)
        raise DataError(f"{path}: {fault}; the download was deleted, run the same command to try again")
    return path


def discard(path: Path) -> None:
    """Remove a file from huggingface_hub's cache: the name in the snapshot, and the file that it points to."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _is_whole(path: Path, sha256: str | None) -> bool:
    """Return True if a file matches its hash: the given one, or the one that it is named by.

    That is the SHA-256 of large files, and git's name of small ones. On a disk without symbolic links it is unknown.
    """
    if sha256:
        return sha256_of(path) == sha256
    return has_own_hash(path.resolve())


def has_own_hash(path: Path) -> bool:
    """Return True if a file matches the hash that it is named by, or is not named by one."""
    kept_as = path.name
    if re.fullmatch(r"[0-9a-f]{64}", kept_as):
        return sha256_of(path) == kept_as
    return not re.fullmatch(r"[0-9a-f]{40}", kept_as) or _git_blob(path) == kept_as


def _git_blob(path: Path) -> str:
    """Return git's name of a file's content: SHA-1 over ``blob``, size, a zero byte, content."""
    hasher = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()


def _reason(error: Exception) -> str:
    from huggingface_hub.errors import LocalEntryNotFoundError

    answer = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    if answer is not None:
        account = " (it may require an account: run `hf auth login`)" if answer.status_code in _ACCOUNT else ""
        return f"the hub answered {answer.status_code}{account}"
    if isinstance(error, LocalEntryNotFoundError):
        return "no connection to the hub"
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
