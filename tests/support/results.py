"""Results whose numbers are known beforehand, made of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.retrieval.ranking import Ranks

Whole = NDArray[np.int32]


def result_of_ranks(
    clean: Whole,
    attacked: Mapping[tuple[str, int], Whole],
    languages: Sequence[str] = ("en",),
    *,
    name: str = "made",
    pool: int = 1000,
) -> Result:
    """Return the result of an encoder with the given ranks.

    Parameters
    ----------
    clean : int32 array of shape (questions, query languages)
        Rank of the one relevant passage of each query, 1 or more; AP is 1 / rank.
    attacked : mapping
        Attack and severity to ranks of that shape; every query counts as changed.
    languages : sequence of str
        Query languages; passages are in the first.
    name : str
        Name of the encoder, which its fingerprint is made of.
    pool : int
        Number of passages.
    """
    questions = len(clean)
    ids = [(f"q{question}", language) for question in range(questions) for language in languages]
    layout = Judgements(
        query_ids=tuple(f"{question}-{language}" for question, language in ids),
        parallel_ids=tuple(question for question, _ in ids),
        languages=tuple(language for _, language in ids),
        pool={languages[0]: pool},
        query=np.arange(len(ids), dtype=np.int32),
        passage_language=np.zeros(len(ids), dtype=np.int32),
        grade=np.ones(len(ids), dtype=np.int32),
    )

    def cell(attack: AttackIdentity, severity: int, ranks: Whole) -> Cell:
        flat = ranks.astype(np.int32).ravel()
        changed = np.full(len(flat), bool(attack.recipes))
        share = changed.astype(np.float64)
        digest = sha256(f"{attack} {severity}".encode()).hexdigest()
        return Cell(attack, severity, 0, digest, changed, share, share, {}, Ranks(flat, flat))

    who = EncoderDescription(name, name, "cosine", 8)
    cells = tuple(cell(AttackIdentity.parse(attack), severity, ranks) for (attack, severity), ranks in attacked.items())
    return Result("0.2.0", "hand@1", "2" * 64, who, layout, cell(CLEAN, 0, clean), cells)
