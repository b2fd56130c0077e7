"""An encoder whose queries are repaired before they are encoded."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from robustbench_ir._version import __version__
from robustbench_ir.defences.repairs import Repair, RepairLike, RepairMaker, as_repair
from robustbench_ir.encoders.encoder import Embeddings, Encoder, EncoderDescription, PoolEncoder, TakesPrompt
from robustbench_ir.encoders.reranker import refuse_reranked
from robustbench_ir.encoders.truncation import read_of, share_cut_of
from robustbench_ir.errors import OptionError


@dataclass(frozen=True)
class Normalised:
    """An encoder with repaired queries. An `Encoder`.

    Only queries are repaired: an adversary cannot change the passages, and their rows are those of the encoder alone.

    Attributes
    ----------
    passage_encoder : Encoder
        The encoder behind the repairs; it encodes the passages.
    repairs : tuple of callable
        The repairs, in the order in which they are applied.
    description : EncoderDescription
        Description that names the repairs.
    """

    passage_encoder: Encoder
    repairs: tuple[Repair, ...]
    description: EncoderDescription

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Repair and encode queries."""
        return self.passage_encoder.encode_queries([self.repaired(text) for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        """Encode passages as they are."""
        return self.passage_encoder.encode_passages(texts)

    def share_cut(self, texts: Sequence[str], side: Literal["query", "passage"]) -> float | None:
        """Return the share of texts that the encoder behind the repairs cuts; None if it does not know."""
        read = [self.repaired(text) for text in texts] if side == "query" else texts
        return share_cut_of(self.passage_encoder, read, side)

    def query_inputs(self, texts: Sequence[str]) -> Sequence[Hashable] | None:
        """Return what the encoder behind the repairs reads of each repaired query; None if it does not know."""
        return read_of(self.passage_encoder, [self.repaired(text) for text in texts])

    def with_query_prompt(self, prompt: str) -> Normalised:
        """Return the same repairs before the encoder with another query prompt.

        Raises
        ------
        OptionError
            If the encoder behind the repairs has no prompts.
        """
        inner = self.passage_encoder
        if not isinstance(inner, TakesPrompt):
            raise OptionError(f"{inner.description.name}: has no query prompt that could be another one")
        return replace(self, passage_encoder=inner.with_query_prompt(prompt))

    def repaired(self, text: str) -> str:
        """Return the repaired query."""
        for one in self.repairs:
            text = one(text)
        return text


@dataclass(frozen=True)
class NormalisedByPool:
    """An encoder with repaired queries, where the repairs or the encoder depend on the pool. A `PoolEncoder`.

    Attributes
    ----------
    passage_encoder : Encoder
        The encoder behind the repairs.
    makers : tuple of RepairMaker
        The repairs, in the order in which they are applied.
    description : EncoderDescription
        Description that names the repairs.
    """

    passage_encoder: Encoder
    makers: tuple[RepairMaker, ...]
    description: EncoderDescription

    def fitted(self, passages: Sequence[str]) -> Normalised:
        """Return the encoder for this pool."""
        inner = self.passage_encoder
        fitted = inner.fitted(passages) if isinstance(inner, PoolEncoder) else inner
        return Normalised(fitted, tuple(one.make(passages) for one in self.makers), self.description)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Raise an error: the pool is not known yet."""
        raise OptionError(
            f"{self.description.name} depends on the pool; call fitted(passages) first ({len(texts)} texts)"
        )

    encode_passages = encode_queries


def normalised(encoder: Encoder, repairs: Sequence[RepairLike] | RepairLike) -> Normalised | NormalisedByPool:
    """Return an encoder that repairs queries before they are encoded.

    Parameters
    ----------
    encoder : Encoder
        Encodes the repaired queries.
    repairs : str, callable or RepairMaker, or sequence of these
        One or more repairs, in the order in which they are applied: names (see `load_repair`; several in one string are
        joined by ``+``), functions from text to text, or results of `repair`. No work is kept for a function without a
        version.

    Raises
    ------
    UnknownNameError
        If there is no such repair.
    OptionError
        If a repair is named twice, or the encoder is reranked.

    Examples
    --------
    >>> from robustbench_ir.encoders import load_encoder
    >>> normalised(load_encoder("char-ngram"), ["nfkc", "invisible"]).description.name
    'normalised:nfkc+invisible:char-ngram'
    """
    refuse_reranked(encoder, "a defence")
    several = repairs.split("+") if isinstance(repairs, str) else repairs
    makers = tuple(map(as_repair, several if isinstance(several, Sequence) else (several,)))
    plain = [one.name for one in makers]
    if len(set(plain)) < len(plain):
        raise OptionError(f"repairs {'+'.join(plain)}: one of them is named twice; name each once")
    who = described(encoder.description, f"normalised:{'+'.join(plain)}", *(one.version for one in makers))
    if isinstance(encoder, PoolEncoder) or any(one.needs_pool for one in makers):
        return NormalisedByPool(encoder, makers, who)
    return Normalised(encoder, tuple(one.make(()) for one in makers), who)


def described(who: EncoderDescription, defence: str, *versions: int | None) -> EncoderDescription:
    """Return the description of an encoder behind a defence.

    Parameters
    ----------
    who : EncoderDescription
        Description of the encoder alone.
    defence : str
        Name of the defence, part of the new name and fingerprint.
    *versions : int or None
        Versions of the parts of the defence, part of the fingerprint; if one is None, the fingerprint is empty.
    """
    own = ",".join(map(str, versions)) if any(version != 1 for version in versions) else ""
    known = bool(who.fingerprint) and None not in versions
    return replace(
        who,
        name=f"{defence}:{who.name}",
        fingerprint=f"{defence}@{__version__}{f'({own})' if own else ''}:{who.fingerprint}" if known else "",
        preprocessing="|".join(filter(None, (defence, who.preprocessing))),
    )
