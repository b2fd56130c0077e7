"""A close look at an encoder: what it is, and whether it gives the same rows each time."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from robustbench_ir.encoders import load_encoder
from robustbench_ir.encoders.encoder import Encoder, as_dense
from robustbench_ir.encoders.options import EncoderOptions
from robustbench_ir.encoders.sentence_transformer import PROBES, SentenceTransformerEncoder
from robustbench_ir.errors import EncoderError


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes
    ----------
    encoder : Encoder
        As it was loaded.
    modules : tuple of str
        Classes of its modules; empty for an encoder that is not from sentence-transformers.
    weights : int
        Number of tensors, each of which was found in the files of the model.
    own_prompts : tuple of str
        Names of the prompts that the model has.
    batch_difference : float
        Largest difference between rows of the same texts encoded one by one and together.
    """

    encoder: Encoder
    modules: tuple[str, ...]
    weights: int
    own_prompts: tuple[str, ...]
    batch_difference: float


def examine(name: str, options: EncoderOptions) -> Examination:
    """Load an encoder here and in another process, and encode some texts one by one and together.

    Parameters
    ----------
    name : str
        As `robustbench_ir.encoders.load_encoder` takes it.
    options : EncoderOptions
        How it is loaded.

    Raises
    ------
    EncoderError
        It cannot be loaded, or has another fingerprint in another process.
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
    if not isinstance(encoder, SentenceTransformerEncoder):
        return Examination(encoder, (), 0, (), 0.0)
    model = encoder.model
    alone, together = replace(encoder, batch_size=1), replace(encoder, batch_size=len(PROBES))
    rows = [
        np.concatenate([as_dense(one.encode_queries(PROBES)), as_dense(one.encode_passages(PROBES))])
        for one in (alone, together)
    ]
    return Examination(
        encoder,
        tuple(type(module).__name__ for module in model.children()),
        len(model.state_dict()),
        tuple(key for key, text in (model.prompts or {}).items() if text),
        float(np.abs(rows[0] - rows[1]).max()),
    )


def _fingerprint_of(name: str, options: EncoderOptions) -> str:
    return load_encoder(name, options).description.fingerprint
