"""Words replaced by proposals of a masked language model: words of the same language that fit the sentence.

The word is masked in its query, and the model's most probable whole words are the candidates. One mask stands for the
word, however many pieces it has, so that all candidates are single pieces of the model's vocabulary.

All words of a query go through the model together and without other queries, so that these make no difference. The
model runs on the CPU in float32. Another processor or version of torch may still round differently, and so exchange two
candidates that are almost equally probable; the digest of the perturbed queries then differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import regex
from pydantic import Field

from robustbench_ir._base.files import sha256_of
from robustbench_ir._base.text import Span, chunk_spans, graphemes, nfc, scripts, upper
from robustbench_ir.errors import CardError, DataError, DataUnavailableError
from robustbench_ir.perturb.constraints import stop_words
from robustbench_ir.perturb.randomness import Random, pick_early
from robustbench_ir.perturb.transformation import NoOptions, Targets, Transformation
from robustbench_ir.resources.cards import Card, Tables, validate
from robustbench_ir.resources.downloads import DATA_VARIABLE, HubFile, locate
from robustbench_ir.resources.languages import languages

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# A masked language model: its pinned files, and its proposals for a masked word.

_CONTEXT = 128  # code points on either side of the word
_PIECES_REMEMBERED = 1 << 18
_DIGITS = 6  # of a probability: further digits are rounding errors; ties are decided by the text

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ModelFiles(Card):
    """The exact files of a model.

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
    files: dict[Annotated[str, Field(pattern=r"^[\w\-][\w\-.]*$")], _Sha256] = Field(min_length=1)

    @property
    def hub_files(self) -> list[HubFile]:
        """The files on the hub, and their places below `ROBUSTBENCH_IR_DATA`: ``models/OWNER/MODEL/REVISION/``.

        Raises
        ------
        CardError
            If there is no revision.
        """
        if self.revision is None:
            raise CardError(f"key 'revision' is missing: pin the commit of {self.model}, or name a folder by its path")
        return [
            HubFile(repository=self.model, revision=self.revision, file=name, sha256=sha256, kind="model")
            for name, sha256 in self.files.items()
        ]


class VocabularyPiece(NamedTuple):
    """A piece of the vocabulary.

    Attributes
    ----------
    text : str
        The piece as it reads.
    begins_word : bool
        Whether it begins a word.
    """

    text: str
    begins_word: bool


Proposal = tuple[VocabularyPiece, float]
"""A piece and its probability, 0 to 1."""


@dataclass(frozen=True)
class MaskedModel:
    """A masked language model, loaded.

    Attributes
    ----------
    network, tokenizer
        From transformers, on the CPU, in float32.
    piece : callable
        Takes the number of a piece of the vocabulary, and returns the piece.
    longest : int
        Largest number of pieces that the network takes.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    piece: Callable[[int], VocabularyPiece]
    longest: int

    def proposals(self, text: str, words: Sequence[Span], count: int) -> list[list[Proposal]]:
        """Return proposals for the place of each word, from one forward pass.

        Parameters
        ----------
        text : str
            The query.
        words : sequence of (int, int)
            Its words to mask, one at a time.
        count : int
            Number of proposals for each word, 1 or more.

        Returns
        -------
        list of list of (VocabularyPiece, float)
            For each word the pieces and their probabilities, the most probable first; empty if the mask was cut off.
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
        # Only the masks are scored against the vocabulary, because this is most of the work of a multilingual model.
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


def load_masked_model(files: ModelFiles) -> MaskedModel:
    """Load a model on the CPU, from safetensors; code that comes with it is not run.

    Raises
    ------
    CardError
        If a model of the hub has no revision.
    DataUnavailableError
        If its files are not available, or the extra `mlm` is not installed.
    DataError
        If a file is not the pinned one, or the files are not a masked language model.
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
        except Exception as error:  # faults of a model file are raised as errors of a dozen libraries
            text = " ".join(str(error).split())
            raise DataError(
                f"{folder}: not a masked language model that can be loaded ({text[:160]}); safetensors are needed"
            ) from error
    if report["missing_keys"]:
        raise DataError(
            f"{folder}: has no masked-language-model head ({', '.join(sorted(report['missing_keys'])[:2])} missing); "
            f"name a model that was saved with it"
        )
    return network.float().eval(), tokenizer


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the progress bars and load reports of the library."""
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
    """Return a piece after which others are decoded."""
    return int(tokenizer.encode("a", add_special_tokens=False)[-1])


def _piece(tokenizer: PreTrainedTokenizerBase, anchor: int, number: int) -> VocabularyPiece:
    """Decode a piece after another one: every kind of tokeniser then writes a space if the piece begins a word."""
    before, both = (str(tokenizer.decode(numbers)) for numbers in ([anchor], [anchor, number]))
    text = both.removeprefix(before)
    return VocabularyPiece(text.strip(), text[:1].isspace())


_WORDS_AT_ONCE = 32
_BLOCKS_REMEMBERED = 1 << 15  # the same queries occur again with another severity and another seed
_LETTERS = regex.compile(r"[\p{L}\p{M}]+(?:['’\-\u200c\u200d·][\p{L}\p{M}]+)*")

Candidates = Mapping[str, tuple[str, ...]]
"""A word of the query to its replacements, the most probable first."""


class MaskedLanguageModelParameters(ModelFiles):
    """The card's `[parameters]`: the files of a model, and the choice among its proposals.

    Attributes
    ----------
    operation : str
        Name of the operation in the edits.
    top_k : int
        Number of proposals that are considered, before any is refused.
    minimum_probability : float
        Proposals with a smaller probability are refused, 0 to 1.
    """

    operation: str = "synonym"
    top_k: int = Field(ge=1, le=1000)
    minimum_probability: float = Field(ge=0, lt=1)


@dataclass(frozen=True)
class MaskedLanguageModel:
    """Replacement by proposals of a masked language model. A `Transformation`.

    Attributes
    ----------
    candidates : callable
        Takes a text and some of its words, and runs the model for all of them at once.
    operation : str
        Name of the operation in the edits.
    """

    candidates: Callable[[str, tuple[Span, ...]], Candidates]
    operation: str

    def targets(self, text: str, words: Sequence[Span], random: Random) -> Targets:  # noqa: ARG002
        """Offer every word; the model runs when the first is rewritten. See `Transformation.targets`.

        A word that occurs twice gets the candidates of its first place.
        """
        first: dict[str, Span] = {}
        for start, end in words:
            first.setdefault(text[start:end], (start, end))
        spans = tuple(first.values())
        blocks = [spans[start : start + _WORDS_AT_ONCE] for start in range(0, len(spans), _WORDS_AT_ONCE)]
        block_of = {word: blocks[place // _WORDS_AT_ONCE] for place, word in enumerate(first)}

        def replace(original: str, random: Random) -> tuple[str, str] | None:
            found = self.candidates(text, block_of[original])[original]
            return (pick_early(found, random), self.operation) if found else None

        return Targets(words, replace)


def make_masked_language_model(
    language: str,
    parameters: Mapping[str, object],
    options: Mapping[str, object],
    tables: Tables,
) -> Transformation:
    """Make the mechanism `masked-language-model` for a language; see `TransformationFactory`.

    Raises
    ------
    DataUnavailableError
        If the files of the model are not available, or the extra `mlm` is not installed.
    DataError
        If the files are not those that the card pins, or not a masked language model.
    """
    validate(NoOptions, dict(options), f"[languages.{language}]")
    card = validate(MaskedLanguageModelParameters, dict(parameters), "[parameters]")
    choose = partial(_candidates, load_masked_model(card), card, language, stop_words(language, tables))
    return MaskedLanguageModel(lru_cache(maxsize=_BLOCKS_REMEMBERED)(choose), card.operation)


def _candidates(
    model: MaskedModel,
    card: MaskedLanguageModelParameters,
    language: str,
    stops: frozenset[str],
    text: str,
    words: tuple[Span, ...],
) -> Candidates:
    found = {}
    first = next((place for place, character in enumerate(text) if character.isalnum()), 0)
    for span, proposals in zip(words, model.proposals(text, words, card.top_k), strict=True):
        original = text[span[0] : span[1]]
        likely = [piece for piece, probability in proposals if probability >= card.minimum_probability]
        whole = (nfc(piece.text) for piece in likely if piece.begins_word or not _has_spaces(language))
        fitting = (one for one in whole if one.lower() not in stops and _fits(one, original, language))
        cased = dict.fromkeys(_cased(one, original, span[0] <= first, language) for one in fitting)
        found[original] = tuple(one for one in cased if one and one.casefold() != original.casefold())
    return found


def _has_spaces(language: str) -> bool:
    facts = languages().get(language)
    return facts is None or facts.has_spaces


def _fits(proposal: str, original: str, language: str) -> bool:
    """Return True if a proposal is one word in the script of the original, and not one letter for a long word."""
    return (
        _LETTERS.fullmatch(proposal) is not None
        and chunk_spans(proposal, language) == ((0, len(proposal)),)
        and scripts(proposal) <= scripts(original)
        and len(graphemes(proposal)) >= min(2, len(graphemes(original)))
    )


def _cased(proposal: str, original: str, opens: bool, language: str) -> str:
    """Return a proposal with the case of the original; empty if its case would make it another kind of word."""
    if len(original) > 1 and original.isupper():
        return upper(proposal, language)
    if opens and original[0].isupper():
        return upper(proposal[0], language) + proposal[1:]
    return proposal if proposal[0].isupper() == original[0].isupper() else ""
