"""Rerankers: a CrossEncoder scores pairs of query and passage, and so orders the best passages of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import regex
from numpy.typing import NDArray

from robustbench_ir.encoders.encoder import Embeddings, Encoder, EncoderDescription, PoolEncoder
from robustbench_ir.encoders.fingerprint import fingerprint, libraries
from robustbench_ir.encoders.kinds import RERANKED, kind_of
from robustbench_ir.encoders.loading import find_model, quiet, refuse_code
from robustbench_ir.encoders.options import EncoderOptions
from robustbench_ir.encoders.weights import check_weights, load_reports, settle_poolers
from robustbench_ir.errors import EncoderError, OptionError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

RERANKED_PREFIX = "reranked:"
DEFAULT_TOP_K = 100
_NAME = regex.compile(rf"{RERANKED_PREFIX}(?P<reranker>.+?)@(?P<top_k>\d+):(?P<encoder>.+)", regex.DOTALL)
_PROBES = (("what is this?", "an answer"), ("what is this?", "nothing, but many more words than before"), ("a", "b"))
_OLDEST = 6
_INSTALL = "rerankers need sentence-transformers 6 or later; pip install -U sentence-transformers"

Scores = NDArray[np.float64]


class Reranker(Protocol):
    """Scores pairs of a query and a passage."""

    @property
    def description(self) -> EncoderDescription:
        """Name and fingerprint; nothing is cached if the fingerprint is empty."""

    def score_pairs(self, queries: Sequence[str], passages: Sequence[str]) -> Scores:
        """Return the score of each pair, float64 of shape (pairs,); a higher one is better, and all are finite."""


@dataclass(frozen=True)
class Reranked:
    """An encoder whose best passages a reranker puts into another order. An `Encoder`.

    Attributes
    ----------
    passage_encoder : Encoder
        The first stage: it ranks all passages.
    reranker : Reranker
        Orders the first of them; equal scores keep the order of the first stage.
    top_k : int
        Number of passages that are reranked, 1 or more.
    description : EncoderDescription
        Description that names both.
    """

    passage_encoder: Encoder
    reranker: Reranker
    top_k: int
    description: EncoderDescription

    # Rows of the first stage do not show by how much a passage wins.
    access = "rank"

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Encode queries for the first stage."""
        return self.passage_encoder.encode_queries(texts)

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Encode passages for the first stage."""
        return self.passage_encoder.encode_passages(texts)

    def score_pairs(self, queries: Sequence[str], passages: Sequence[str]) -> Scores:
        """Return the reranker's score of each pair; it reads queries as repaired as the first stage does.

        Raises
        ------
        EncoderError
            If the reranker does not give one finite number for each pair.
        """
        repaired = getattr(self.passage_encoder, "repaired", None)
        texts = [repaired(text) for text in queries] if repaired else queries
        found = np.asarray(self.reranker.score_pairs(texts, passages), dtype=np.float64)
        if found.shape != (len(passages),) or not np.isfinite(found).all():
            raise EncoderError(
                f"{self.reranker.description.name}: a reranker must give one finite score for each pair, and this one "
                f"gave an array of shape {found.shape} for {len(passages)} pairs"
                f"{'' if np.isfinite(found).all() else ', not all of it finite'}; correct the reranker"
            )
        return found


@dataclass(frozen=True)
class RerankedByPool:
    """A reranked encoder whose vectors depend on the pool. A `PoolEncoder`; its attributes are those of `Reranked`."""

    passage_encoder: PoolEncoder
    reranker: Reranker
    top_k: int
    description: EncoderDescription

    access = "rank"

    def fitted(self, passages: Sequence[str]) -> Reranked:
        """Return the encoder for this pool."""
        return Reranked(self.passage_encoder.fitted(passages), self.reranker, self.top_k, self.description)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Raise an error: the pool is not known yet."""
        raise OptionError(
            f"{self.description.name} depends on the pool; call fitted(passages) first ({len(texts)} texts)"
        )

    encode_passages = encode_queries


def reranked(encoder: Encoder, reranker: Reranker, top_k: int = DEFAULT_TOP_K) -> Reranked | RerankedByPool:
    """Return an encoder whose best passages are reranked.

    Each pool is reranked by itself: the whole pool for the multilingual setting, and the passages of each language for
    the other two. Passages after the first `top_k` keep the ranks that the encoder gives them.

    Parameters
    ----------
    encoder : Encoder
        The first stage.
    reranker : Reranker
        See `load_reranker`.
    top_k : int
        Number of passages that are reranked, 1 or more.

    Raises
    ------
    OptionError
        If `top_k` is below 1, or if the encoder is reranked already.

    Examples
    --------
    >>> from robustbench_ir.encoders import load_encoder
    >>> reranker = load_reranker("cross-encoder/mmarco-mMiniLMv2-L12-H384-v1")  # doctest: +SKIP
    >>> reranked(load_encoder("bm25"), reranker, 50).description.name  # doctest: +SKIP
    'reranked:cross-encoder/mmarco-mMiniLMv2-L12-H384-v1@50:bm25'
    """
    check_top_k(top_k)
    refuse_reranked(encoder, "a reranker")
    first, second = encoder.description, reranker.description
    description = replace(
        first,
        name=f"{RERANKED_PREFIX}{second.name}@{top_k}:{first.name}",
        fingerprint=f"reranked@{top_k}({second.fingerprint}):{first.fingerprint}"
        if first.fingerprint and second.fingerprint
        else "",
        versions=tuple(dict(first.versions + second.versions).items()),
        kind=RERANKED,
        notes=(
            *first.notes,
            *second.notes,
            f"{second.name} orders the first {top_k} passages of each pool; later ones keep the ranks of {first.name}",
        ),
    )
    if isinstance(encoder, PoolEncoder):
        return RerankedByPool(encoder, reranker, top_k, description)
    return Reranked(encoder, reranker, top_k, description)


def check_top_k(top_k: int) -> None:
    """Raise OptionError for a number of passages below 1."""
    if top_k < 1:
        raise OptionError(f"top_k {top_k}: at least 1 passage must be reranked")


def refuse_reranked(encoder: object, what: str) -> None:
    """Refuse an encoder that is reranked, where something is to be put around it.

    Raises
    ------
    OptionError
        If it is reranked.
    """
    if isinstance(encoder, Reranked | RerankedByPool):
        raise OptionError(
            f"{encoder.description.name}: {what} cannot stand around a reranker; "
            f"write the reranker first, as in reranked:RERANKER@100:normalised:nfkc:ENCODER"
        )


class RerankedName(NamedTuple):
    """Parts of a name such as ``reranked:RERANKER@100:ENCODER``."""

    reranker: str
    top_k: int
    encoder: str


def parse_reranked(name: str) -> RerankedName:
    """Return the parts of the name of a reranked encoder.

    Raises
    ------
    OptionError
        If it is not of the form ``reranked:RERANKER@NUMBER:ENCODER``.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise OptionError(f"{name}: write it {RERANKED_PREFIX}RERANKER@100:ENCODER")
    return RerankedName(match["reranker"], int(match["top_k"]), match["encoder"])


@dataclass(frozen=True)
class CrossEncoderReranker:
    """A CrossEncoder of sentence-transformers. A `Reranker`.

    Scores are taken before the activation, whose rounding would make ties of the best ones.
    """

    model: CrossEncoder
    description: EncoderDescription
    batch_size: int

    def score_pairs(self, queries: Sequence[str], passages: Sequence[str]) -> Scores:
        """Return the score of each pair; equal pairs are scored once, so that they have equal scores."""
        import torch

        pairs = list(zip(queries, passages, strict=True))
        if not pairs:
            return np.empty(0)
        distinct = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
        scores = self.model.predict(
            list(distinct),
            batch_size=self.batch_size,
            show_progress_bar=False,
            activation_fn=torch.nn.Identity(),
            convert_to_numpy=True,
        )
        return np.asarray(scores, dtype=np.float64)[[distinct[pair] for pair in pairs]]


def load_reranker(given: str | CrossEncoder, options: EncoderOptions | None = None) -> CrossEncoderReranker:
    """Load a reranker, or take one that is loaded.

    Parameters
    ----------
    given : str or CrossEncoder
        Name on the hub, path of a folder, or a model of sentence-transformers.
    options : EncoderOptions, optional
        Device, batch size, and whether code of the model's author may run; nothing else of them concerns a reranker.

    Raises
    ------
    EncoderError
        If it is not a reranker that gives one score for a pair, cannot be loaded, or needs weights that its files do
        not have.
    """
    options = EncoderOptions(
        device=(options.device or next(iter(options.devices), None)) if options else None,
        batch_size=options.batch_size if options else EncoderOptions().batch_size,
        trust_remote_code=bool(options and options.trust_remote_code),
    )
    model, name = (_load(given, options), given) if isinstance(given, str) else (given, _name_of(given))
    scores = _probe(model, name)
    limit = getattr(model, "max_seq_length", None)
    description = EncoderDescription(
        name=name,
        fingerprint=fingerprint(
            model,
            {"prompts": model.prompts, "default prompt": model.default_prompt_name},
            options,
            name,
            [scores.astype(np.float32)[:, None]],
        ),
        similarity="",
        dimensions=1,
        versions=libraries("torch"),
        kind="reranker",
        dtype=str(next(model.parameters()).dtype).removeprefix("torch."),
        token_limit=limit if isinstance(limit, int) else 0,
    )
    return CrossEncoderReranker(model, description, options.batch_size)


def _name_of(model: CrossEncoder) -> str:
    card = model.model_card_data
    return str(card.base_model or card.model_id or card.model_name or type(model).__name__)


def _load(name: str, options: EncoderOptions) -> CrossEncoder:
    from sentence_transformers import CrossEncoder, __version__

    if int(__version__.partition(".")[0]) < _OLDEST:
        raise EncoderError(f"{name}: {_INSTALL}")
    saved = find_model(name, options)
    if kind_of(saved) != "reranker":
        raise EncoderError(f"{name}: is no reranker (CrossEncoder), which scores pairs of texts; name one that is")
    if not options.trust_remote_code:
        refuse_code(name, saved)
    with quiet(), load_reports() as reports:
        try:
            model: CrossEncoder = CrossEncoder(
                saved.place,
                device=options.device,
                trust_remote_code=options.trust_remote_code,
                local_files_only=saved.local_files_only,
            )
        except Exception as error:  # a faulty model file can raise any error of many libraries
            why = " ".join(str(error).split())[:160]
            raise EncoderError(f"{name}: this reranker cannot be loaded ({why})") from error
    check_weights(name, reports)
    # Half precision is several times slower than float32 on most CPUs.
    if model.device.type == "cpu":
        model.float()
    settle_poolers(name, reports, lambda: bool(np.isfinite(_predicted(model)).all()))
    return model


def _predicted(model: CrossEncoder) -> Scores:
    import torch

    found = model.predict(list(_PROBES), show_progress_bar=False, activation_fn=torch.nn.Identity())
    return np.asarray(found, dtype=np.float64)


def _probe(model: CrossEncoder, name: str) -> Scores:
    """Score a few pairs, so that what cannot be used is refused before hours of encoding.

    Raises
    ------
    EncoderError
        If the model gives several scores for a pair, fails, or gives what is not finite.
    """
    try:
        found = _predicted(model)
    except Exception as error:  # whatever the model's own code raises
        why = " ".join(str(error).split())[:160]
        raise EncoderError(f"{name}: this reranker fails on a short pair of texts ({why})") from error
    if found.ndim != 1:
        raise EncoderError(
            f"{name}: gives {found.shape[1]} scores for a pair, so it is a classifier; a reranker gives one"
        )
    if not np.isfinite(found).all():
        raise EncoderError(f"{name}: gives scores that are not finite; load it in float32, or save it again")
    return found
