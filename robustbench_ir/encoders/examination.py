"""A close look at an encoder: what it is, and whether it gives the same rows each time."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from robustbench_ir.encoders import load_encoder
from robustbench_ir.encoders.encoder import Dense, Embeddings, Encoder, as_dense
from robustbench_ir.encoders.loading import find_model, stored_dtype
from robustbench_ir.encoders.multi_vector import LateInteractionEncoder
from robustbench_ir.encoders.options import EncoderOptions
from robustbench_ir.encoders.sentence_transformer import PROBES, SentenceTransformerEncoder
from robustbench_ir.encoders.speed import FASTER, Speed, measured_speeds
from robustbench_ir.encoders.token_embeddings import TokenEmbeddings
from robustbench_ir.errors import EncoderError


@dataclass(frozen=True)
class Examination:
    """Findings of a close look at an encoder.

    Attributes
    ----------
    encoder : Encoder
        The loaded encoder.
    modules : tuple of str
        Classes of its modules; empty for an encoder that is not from sentence-transformers.
    weights : int
        Number of tensors, each of which was found in the files of the model.
    own_prompts : tuple of str
        Names of the prompts that the model has.
    batch_difference : float
        Largest difference between rows of the same texts encoded one by one and together.
    speeds : tuple of Speed
        How fast it is in other types of its weights; empty where that means nothing.
    """

    encoder: Encoder
    modules: tuple[str, ...]
    weights: int
    own_prompts: tuple[str, ...]
    batch_difference: float
    speeds: tuple[Speed, ...] = ()

    @property
    def faster(self) -> Speed | None:
        """The fastest type, if it is worth naming beside the one that the model runs in."""
        best = max(self.speeds, key=lambda one: one.ratio, default=None)
        return best if best and best.ratio >= FASTER else None


def examine(name: str, options: EncoderOptions) -> Examination:
    """Load an encoder here and in another process, and encode some texts one by one, together, and in other types.

    Parameters
    ----------
    name : str
        Name of the encoder; see `robustbench_ir.encoders.load_encoder`.
    options : EncoderOptions
        Options with which it is loaded.

    Raises
    ------
    EncoderError
        If it cannot be loaded, or has another fingerprint in another process.
    """
    encoder = load_encoder(name, options)
    fingerprint = encoder.description.fingerprint
    # A new process, since a copy of this one would have what is in memory here.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        again = elsewhere.submit(_fingerprint_of, name, options).result()
    if again != fingerprint:
        raise EncoderError(
            f"{name}: has the fingerprint {fingerprint} here and {again} in another process, so that nothing of it can "
            f"be kept or verified; is a part of it random when it is loaded?"
        )
    if not isinstance(encoder, SentenceTransformerEncoder | LateInteractionEncoder):
        return Examination(encoder, (), 0, (), 0.0)
    model = encoder.model
    alone, together = replace(encoder, batch_size=1), replace(encoder, batch_size=len(PROBES))
    rows = [
        np.concatenate([_rows(one.encode_queries(PROBES)), _rows(one.encode_passages(PROBES))])
        for one in (alone, together)
    ]
    return Examination(
        encoder,
        tuple(type(module).__name__ for module in model.children()),
        len(model.state_dict()),
        tuple(key for key, text in (model.prompts or {}).items() if text),
        float(np.abs(rows[0] - rows[1]).max()),
        measured_speeds(encoder, stored_dtype(find_model(name, options)), options.backend),
    )


def _rows(encoded: Embeddings) -> Dense:
    return encoded.gathered() if isinstance(encoded, TokenEmbeddings) else as_dense(encoded)


def _fingerprint_of(name: str, options: EncoderOptions) -> str:
    return load_encoder(name, options).description.fingerprint
