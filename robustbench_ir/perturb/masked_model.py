"""A masked language model: its files, pinned, and what it proposes for a masked word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import Field

from robustbench_ir.cards import Card
from robustbench_ir.data import DATA_VARIABLE, DataFile, locate
from robustbench_ir.errors import CardError, DataError, DataUnavailableError
from robustbench_ir.fetch import sha256_of
from robustbench_ir.text import Span

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_CONTEXT = 128  # code points on either side of the word
_PIECES_REMEMBERED = 1 << 18
_DIGITS = 6  # of a probability: what is beyond is rounding of the sums, and ties go by text

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ModelFiles(Card):
    """Which model, to the bit.

    Attributes
    ----------
    model : str
        ``owner/model`` on the Hugging Face hub, or the absolute path of a folder (``~`` is the home folder).
    revision : str, optional
        Commit on the hub, 40 hexadecimal digits; a folder needs none.
    files : dict
        Each file that the model is loaded from to its SHA-256.
    """

    model: str
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$")
    files: dict[Annotated[str, Field(pattern=r"^[\w\-][\w\-.]*$")], Sha256] = Field(min_length=1)

    @property
    def hub_files(self) -> list[DataFile]:
        """The files on the hub, and their places below `ROBUSTBENCH_IR_DATA`: ``models/OWNER/MODEL/REVISION/``.

        Raises
        ------
        CardError
            No revision.
        """
        if self.revision is None:
            raise CardError(f"key 'revision' is missing: pin the commit of {self.model}, or name a folder by its path")
        return [
            DataFile(
                path=f"models/{self.model}/{self.revision}/{name}",
                url=f"https://huggingface.co/{self.model}/resolve/{self.revision}/{name}",
                sha256=sha256,
            )
            for name, sha256 in self.files.items()
        ]


class Piece(NamedTuple):
    """A piece of the vocabulary as it reads, and whether it begins a word."""

    text: str
    begins_word: bool


Proposal = tuple[Piece, float]
"""A piece and its probability, 0 to 1."""


@dataclass(frozen=True)
class MaskedModel:
    """A masked language model, loaded.

    Attributes
    ----------
    network, tokenizer
        From transformers, on the CPU, in float32.
    piece : callable
        Number of a piece of the vocabulary to the piece.
    longest : int
        Most pieces that the network takes.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    piece: Callable[[int], Piece]
    longest: int

    def proposals(self, text: str, words: Sequence[Span], count: int) -> list[list[Proposal]]:
        """Ask what could stand in the place of each word, in one forward pass.

        Parameters
        ----------
        text : str
            The query.
        words : sequence of (int, int)
            Its words that are masked, one at a time.
        count : int
            Proposals for each word, 1 or more.

        Returns
        -------
        list of list of (Piece, float)
            For each word the pieces and their probabilities, the most probable first; none where the mask is cut off.
        """
        import torch

        mask = str(self.tokenizer.mask_token)
        contexts = [_masked(text, span, mask) for span in words]
        batch = self.tokenizer(
            contexts, padding=True, truncation=True, max_length=self.longest, return_tensors="pt"
        ).to("cpu")
        rows, places = (batch["input_ids"] == self.tokenizer.mask_token_id).nonzero(as_tuple=True)
        found: list[list[Proposal]] = [[] for _ in words]
        if not len(rows):
            return found
        # Only the masks are scored against the vocabulary, which is most of the work of a multilingual model.
        decoder = self.network.get_output_embeddings()
        hook = decoder.register_forward_pre_hook(lambda _, inputs: (inputs[0][rows, places],))
        try:
            with torch.inference_mode():
                logits = self.network(**batch).logits
        finally:
            hook.remove()
        best = logits.softmax(-1).topk(min(count, logits.shape[-1]))
        for row, numbers, probabilities in zip(rows.tolist(), best.indices.tolist(), best.values.tolist(), strict=True):
            found[row] = self._ranked(numbers, probabilities)
        return found

    def _ranked(self, numbers: Sequence[int], probabilities: Sequence[float]) -> list[Proposal]:
        special = set(self.tokenizer.all_special_ids)
        pairs = [
            (self.piece(number), round(probability, _DIGITS))
            for number, probability in zip(numbers, probabilities, strict=True)
            if number not in special
        ]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _masked(text: str, span: Span, mask: str) -> str:
    """Return the text around a word, with one mask in its place."""
    sides = text[max(0, span[0] - _CONTEXT) : span[0]], text[span[1] : span[1] + _CONTEXT]
    # A query may hold the mask itself, or a lone surrogate, which has no UTF-8 form.
    left, right = (side.replace(mask, " ").encode("utf-8", "replace").decode() for side in sides)
    return f"{left}{mask}{right}"


def load_model(files: ModelFiles) -> MaskedModel:
    """Load a model on the CPU, from safetensors; code that comes with it is not run.

    Raises
    ------
    CardError
        A model of the hub without a revision.
    DataUnavailableError
        Its files cannot be had, or the extra `mlm` is not installed.
    DataError
        A file that is not the pinned one, or files that are no masked language model.
    """
    return _loaded(files.model, files.revision, tuple(sorted(files.files.items())))


@cache
def _loaded(model: str, revision: str | None, files: tuple[tuple[str, str], ...]) -> MaskedModel:
    """Load once for all languages."""
    folder = _folder(ModelFiles(model=model, revision=revision, files=dict(files)))
    network, tokenizer = _from_folder(folder)
    if tokenizer.mask_token is None:
        raise DataError(f"{folder}: its tokeniser has no mask; name a masked language model, such as XLM-R or BERT")
    positions = int(getattr(network.config, "max_position_embeddings", 0) or tokenizer.model_max_length)
    longest = min(tokenizer.model_max_length, positions - 2)  # XLM-R counts positions from 2
    piece = lru_cache(maxsize=_PIECES_REMEMBERED)(partial(_piece, tokenizer, _anchor(tokenizer)))
    return MaskedModel(network, tokenizer, piece, longest)


def _folder(files: ModelFiles) -> Path:
    """Return the folder that has the files, all of them checked."""
    named = Path(files.model).expanduser()
    if not named.is_absolute():
        try:
            folders = {locate(file).parent for file in files.hub_files}
        except DataUnavailableError as error:
            raise DataUnavailableError(
                f"the model {files.model} is neither here nor to be downloaded now; connect to the network, set "
                f"{DATA_VARIABLE} to a folder that holds {Path(files.hub_files[0].path).parent}/, or name a saved "
                f"model's folder as 'model' in a card of your own (--cards)"
            ) from error
        if len(folders) > 1:
            raise DataError(f"the files of {files.model} lie in {' and '.join(map(str, folders))}; put all into one")
        return folders.pop()
    for name, sha256 in files.files.items():
        if not (named / name).is_file():
            raise DataUnavailableError(f"{named / name} is not there; a card names it: put the saved model there")
        found = sha256_of(named / name)
        if found != sha256:
            raise DataError(f"{named / name}: SHA-256 is {found}, the card says {sha256}; correct one of them")
    return named


def _from_folder(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        from transformers import AutoModelForMaskedLM, AutoTokenizer
    except ImportError as error:
        raise DataUnavailableError("transformers is not installed; pip install 'robustbench-ir[mlm]'") from error
    with _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            network, report = AutoModelForMaskedLM.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, output_loading_info=True
            )
        except Exception as error:  # what is wrong with a model file shows as any error of a dozen libraries
            text = " ".join(str(error).split())
            raise DataError(
                f"{folder}: not a masked language model that can be loaded ({text[:160]}); safetensors are wanted"
            ) from error
    if report["missing_keys"]:
        raise DataError(
            f"{folder}: has no masked-language-model head ({', '.join(sorted(report['missing_keys'])[:2])} missing); "
            f"name a model that was saved with it"
        )
    return network.float().eval(), tokenizer


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's own progress bars and load reports out of ours."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def _anchor(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return a piece that others are read behind."""
    return int(tokenizer.encode("a", add_special_tokens=False)[-1])


def _piece(tokenizer: PreTrainedTokenizerBase, anchor: int, number: int) -> Piece:
    """Read a piece behind another one: every kind of tokeniser writes a space there if the piece begins a word."""
    before, both = (str(tokenizer.decode(numbers)) for numbers in ([anchor], [anchor, number]))
    text = both.removeprefix(before)
    return Piece(text.strip(), text[:1].isspace())
