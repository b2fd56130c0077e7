"""Cut the vocabulary of a base to the tokens that some texts need: a smaller model that reads them just the same.

Multilingual encoders hold most of their weights in the embeddings of tokens that a given task never uses. Without
them the same transformer trains on a small machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import DataError, DataUnavailableError, EncoderError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel

_AT_ONCE = 10_000
_WORD_BEGIN = ("▁", "##")
_TOKEN_IDS = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id", "mask_token_id")


@dataclass(frozen=True)
class PrunedVocabulary:
    """What was kept of a vocabulary.

    Attributes
    ----------
    kept : tuple of int
        Number that each token of the new vocabulary had in the old one.
    before : int
        Number of tokens of the old vocabulary.
    """

    kept: tuple[int, ...]
    before: int

    @property
    def after(self) -> int:
        """Number of tokens of the new vocabulary."""
        return len(self.kept)


def prune_vocabulary(model: SentenceTransformer, texts: Iterable[str], out: Path) -> PrunedVocabulary:
    """Save a model that keeps the tokens of some texts, all single characters, and all special tokens.

    The texts are cut into the same tokens as before, and have the same embeddings. Other texts may be cut into more
    and shorter tokens; a character that the old vocabulary did not have stays unknown.

    Parameters
    ----------
    model : SentenceTransformer
        A transformer with a Unigram (XLM-R) or WordPiece (BERT) tokeniser; it is not changed.
    texts : iterable of str
        The texts, with their prefixes.
    out : pathlib.Path
        Folder of the new model.

    Raises
    ------
    EncoderError
        If the model is no transformer, or its tokeniser is of another kind.
    """
    written = _written_tokeniser(model)
    pieces = _pieces(written)
    used = _used_tokens(model, texts)
    special = {int(token["id"]) for token in written["added_tokens"]}
    weights = input_embeddings(model)
    rows = weights.shape[0]
    kept = [
        number
        for number in range(rows)
        if number in used or number in special or (number < len(pieces) and _is_short(pieces[number]))
    ]
    place = {old: new for new, old in enumerate(kept)}
    model.save_pretrained(str(out), create_model_card=False)
    _write_weights(out, weights, kept)
    _write_json(out / "config.json", _renumbered_config(json.loads((out / "config.json").read_bytes()), place))
    _write_json(out / "tokenizer.json", _renumbered_tokeniser(written, kept, place))
    settings = out / "tokenizer_config.json"
    _write_json(settings, _renumbered_settings(json.loads(settings.read_bytes()), place))
    return PrunedVocabulary(tuple(kept), rows)


def transformer_of(model: SentenceTransformer, what: str) -> PreTrainedModel:
    """Return the transformer of a model.

    Parameters
    ----------
    model : SentenceTransformer
        A model.
    what : str
        What can be done to a transformer, for the message: ``layers can be frozen``.

    Raises
    ------
    EncoderError
        If the model is no transformer.
    """
    from transformers import PreTrainedModel

    transformer = getattr(model[0], "auto_model", None)
    if not isinstance(transformer, PreTrainedModel):
        raise EncoderError(f"only of a transformer {what}; train the base whole")
    return transformer


def input_embeddings(model: SentenceTransformer) -> torch.Tensor:
    """Return the embeddings of the tokens of a transformer, shape (tokens, dimensions), on the CPU.

    Raises
    ------
    EncoderError
        If the model is no transformer.
    """
    transformer = transformer_of(model, "the vocabulary can be pruned")
    return cast("torch.Tensor", transformer.get_input_embeddings().weight).detach().cpu()


def read_texts(files: Sequence[str]) -> list[str]:
    """Read the lines of text files that are not empty.

    Raises
    ------
    DataUnavailableError
        If there is no such file.
    DataError
        If a file is not UTF-8.
    """
    texts: list[str] = []
    for name in files:
        try:
            texts += [line for line in Path(name).expanduser().read_text(encoding="utf-8").splitlines() if line.strip()]
        except UnicodeDecodeError as error:
            raise DataError(f"{name}: byte {error.start + 1} is not UTF-8; save it as UTF-8") from error
        except OSError as error:
            raise DataUnavailableError(f"{name}: cannot be read ({error.strerror}); check the path") from error
    return texts


def pruned_copy(model: SentenceTransformer, texts: Iterable[str], device: str | None) -> SentenceTransformer:
    """Return a copy of a model with the vocabulary of some texts; see `prune_vocabulary`."""
    from sentence_transformers import SentenceTransformer

    with TemporaryDirectory(prefix="irbench-base-") as folder:
        prune_vocabulary(model, texts, Path(folder))
        return SentenceTransformer(folder, device=device)


def differently_read(pruned: SentenceTransformer, full: SentenceTransformer, texts: Sequence[str]) -> int:
    """Return the number of texts that the model with the pruned vocabulary cuts into other tokens than the full one.

    Parameters
    ----------
    pruned, full : SentenceTransformer
        The two models.
    texts : sequence of str
        Texts, with their prefixes.
    """
    different = 0
    for some in _blocks(texts):
        ours, theirs = (_tokens(one, some) for one in (pruned, full))
        different += sum(left != right for left, right in zip(ours, theirs, strict=True))
    return different


def _tokens(model: SentenceTransformer, texts: Sequence[str]) -> list[list[str]]:
    tokeniser = model.tokenizer
    return [tokeniser.convert_ids_to_tokens(row) for row in tokeniser(list(texts), add_special_tokens=False).input_ids]


def _blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(texts), _AT_ONCE):
        yield list(texts[first : first + _AT_ONCE])


def _used_tokens(model: SentenceTransformer, texts: Iterable[str]) -> set[int]:
    used: set[int] = set()
    for some in _blocks(list(dict.fromkeys(texts))):
        for row in model.tokenizer(some, add_special_tokens=True).input_ids:
            used.update(row)
    return used


def _written_tokeniser(model: SentenceTransformer) -> dict[str, Any]:
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise EncoderError("only the vocabulary of a fast tokeniser can be pruned; train the base whole")
    written: dict[str, Any] = json.loads(backend.to_str())
    return written


def _pieces(written: Mapping[str, Any]) -> list[str]:
    """Return the tokens by their number."""
    kind, vocabulary = written["model"]["type"], written["model"]["vocab"]
    if kind == "Unigram":
        return [piece for piece, _ in vocabulary]
    if kind == "WordPiece":
        return sorted(vocabulary, key=vocabulary.__getitem__)
    raise EncoderError(f"a {kind} tokeniser cannot be pruned; only Unigram and WordPiece can: train it whole")


def _is_short(piece: str) -> bool:
    for begin in _WORD_BEGIN:
        piece = piece.removeprefix(begin)
    return len(piece) <= 1


def _renumbered_tokeniser(written: Mapping[str, Any], kept: Sequence[int], place: Mapping[int, int]) -> dict[str, Any]:
    model = dict(written["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][old] for old in kept if old < len(model["vocab"])]
        model["unk_id"] = place[model["unk_id"]]
    else:
        model["vocab"] = {piece: place[old] for piece, old in model["vocab"].items() if old in place}
    added = [{**token, "id": place[token["id"]]} for token in written["added_tokens"]]
    processor = _renumbered_processor(written["post_processor"], place)
    return {**written, "model": model, "added_tokens": added, "post_processor": processor}


def _renumbered_processor(part: object, place: Mapping[int, int]) -> object:
    """Return a post-processor whose special tokens have their new numbers: `ids` lists, and `[token, number]` pairs."""
    if isinstance(part, dict):
        found = {key: _renumbered_processor(value, place) for key, value in part.items()}
        if isinstance(part.get("ids"), list):
            found["ids"] = [place[one] for one in part["ids"]]
        return found
    if isinstance(part, list):
        if len(part) == 2 and isinstance(part[0], str) and isinstance(part[1], int):  # ["</s>", 2]
            return [part[0], place[part[1]]]
        return [_renumbered_processor(one, place) for one in part]
    return part


def _renumbered_config(config: Mapping[str, Any], place: Mapping[int, int]) -> dict[str, Any]:
    numbered = {key: place[config[key]] for key in _TOKEN_IDS if isinstance(config.get(key), int)}
    return {**config, **numbered, "vocab_size": len(place)}


def _renumbered_settings(settings: Mapping[str, Any], place: Mapping[int, int]) -> dict[str, Any]:
    if "added_tokens_decoder" not in settings:
        return dict(settings)
    decoder = {str(place[int(old)]): token for old, token in settings["added_tokens_decoder"].items()}
    return {**settings, "added_tokens_decoder": decoder}


def _write_weights(out: Path, embeddings: torch.Tensor, kept: Sequence[int]) -> None:
    """Keep some rows of the embeddings in the file of the weights, where they are found by their values."""
    import torch
    from safetensors.torch import load_file, save_file

    path = out / "model.safetensors"
    weights = load_file(path)
    names = [name for name, one in weights.items() if one.shape == embeddings.shape and torch.equal(one, embeddings)]
    if not names:
        raise EncoderError("the embeddings of the tokens are not in the model's file; train it whole")
    save_file({**weights, **{name: weights[name][list(kept)] for name in names}}, path, metadata={"format": "pt"})


def _write_json(path: Path, value: object) -> None:
    write_whole(path, json.dumps(value, ensure_ascii=False).encode())
