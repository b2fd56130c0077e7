"""An encoder whose queries are repaired before they are encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from robustbench_ir._version import __version__
from robustbench_ir.defences.repairs import Repair, RepairMaker, repair
from robustbench_ir.encoders.encoder import Embeddings, Encoder, EncoderDescription, PoolEncoder
from robustbench_ir.errors import OptionError


@dataclass(frozen=True)
class Normalised:
    """An encoder behind repairs. An `Encoder`.

    Only queries are repaired: an adversary cannot touch the passages, and their rows are those of the encoder alone.

    Attributes
    ----------
    passage_encoder : Encoder
        The encoder behind the repairs; it encodes the passages.
    repairs : tuple of callable
        In the order in which they are done.
    description : EncoderDescription
        Says that, and how, queries are repaired.
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

    def repaired(self, text: str) -> str:
        """Return a query as the encoder gets it."""
        for one in self.repairs:
            text = one(text)
        return text


@dataclass(frozen=True)
class NormalisedByPool:
    """An encoder behind repairs that know the pool's words, or one that itself depends on the pool. A `PoolEncoder`."""

    passage_encoder: Encoder
    makers: tuple[RepairMaker, ...]
    description: EncoderDescription

    def fitted(self, passages: Sequence[str]) -> Normalised:
        """Return the encoder for this pool."""
        inner = self.passage_encoder
        fitted = inner.fitted(passages) if isinstance(inner, PoolEncoder) else inner
        return Normalised(fitted, tuple(one.make(passages) for one in self.makers), self.description)

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        """Refuse: the pool is not known yet."""
        raise OptionError(
            f"{self.description.name} depends on the pool; call fitted(passages) first ({len(texts)} texts)"
        )

    encode_passages = encode_queries


def normalised(encoder: Encoder, names: Sequence[str]) -> Normalised | NormalisedByPool:
    """Put repairs before an encoder.

    Parameters
    ----------
    encoder : Encoder
        Encodes what was repaired.
    names : sequence of str
        One or more names of `repair`, in the order in which they are done.

    Raises
    ------
    UnknownNameError
        No such repair.
    OptionError
        A repair twice.

    Examples
    --------
    >>> from robustbench_ir.encoders import load_encoder
    >>> normalised(load_encoder("char-ngram"), ["nfkc", "invisible"]).description.name
    'normalised:nfkc+invisible:char-ngram'
    """
    plain = [name.strip() for name in names]
    makers = tuple(map(repair, plain))
    if len(set(plain)) < len(plain):
        raise OptionError(f"repairs {'+'.join(plain)}: one of them twice; name each once")
    who = described(encoder.description, f"normalised:{'+'.join(plain)}")
    if isinstance(encoder, PoolEncoder) or any(one.needs_pool for one in makers):
        return NormalisedByPool(encoder, makers, who)
    return Normalised(encoder, tuple(one.make(()) for one in makers), who)


def described(who: EncoderDescription, defence: str) -> EncoderDescription:
    """Return the description of an encoder behind a defence: another name, another fingerprint (none stays none)."""
    return replace(
        who,
        name=f"{defence}:{who.name}",
        fingerprint=f"{defence}@{__version__}:{who.fingerprint}" if who.fingerprint else "",
        preprocessing="|".join(filter(None, (defence, who.preprocessing))),
    )
