"""Semantic floor, a sentence-encoder constraint: undo edits until a second encoder finds the queries similar enough.

Recipes do not use any encoder; this constraint is applied to their perturbations, which lose edits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from robustbench_ir._base.cache import read_cached, write_cached
from robustbench_ir.encoders import Encoder, PoolEncoder, load_encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.encoder import Vectors
from robustbench_ir.encoders.token_embeddings import TOKEN_SIMILARITIES, TokenEmbeddings
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.cell_cache import scored_path
from robustbench_ir.perturb import Perturbation
from robustbench_ir.perturb.identity import FloorIdentity
from robustbench_ir.perturb.perturbation import with_edits

DEFAULT_ENCODER = "use-multilingual"
_QUERIES_AT_ONCE = 2048  # the embeddings of all their reduced forms take about 100 MB
_DECIMALS = 6  # of a cosine: equal rows give 1 up to rounding

_Similarities = NDArray[np.float64]
Judge = Callable[[Sequence[Perturbation]], list[float]]
"""Takes perturbations; returns the cosine of each with its clean query, 1 if nothing is changed."""


@dataclass(frozen=True)
class SemanticFloor:
    """The smallest cosine between a query before and after, under a second encoder (a sentence-encoder constraint).

    Attributes
    ----------
    minimum : float
        Smallest cosine, in (0, 1], compared after rounding to six decimals.
    encoder : str or Encoder
        Second encoder; it should not be the one that is attacked. A name of `irbench encoders`, a folder,
        ``owner/model`` on the hub, or an encoder object.

    Raises
    ------
    OptionError
        If the minimum is out of range.
    """

    minimum: float
    encoder: str | Encoder = DEFAULT_ENCODER

    def __post_init__(self) -> None:
        if not 0 < self.minimum <= 1:
            raise OptionError(f"semantic floor {self.minimum:g} is out of range; above 0, at most 1")


@dataclass(frozen=True)
class FloorJudge:
    """A semantic floor with its encoder loaded.

    Attributes
    ----------
    encoder : Encoder
        Second encoder, which judges the meaning.
    minimum : float
        Smallest cosine, in (0, 1].
    """

    encoder: Encoder
    minimum: float

    @property
    def identity(self) -> FloorIdentity:
        """The floor as a part of an attack's identity: ``use-multilingual>=0.8``."""
        return FloorIdentity(name_in_identity(self.encoder.description.name), self.minimum)

    def applied(
        self, perturbed: Sequence[Perturbation], advance: Callable[[int], None] = lambda _: None
    ) -> list[Perturbation]:
        """Undo edits, one at a time, until each query satisfies the floor or is unchanged.

        In each round, every query below the floor loses the edit without which it is most similar to the clean query;
        of several such edits, the last one. A round encodes the texts of all queries together (2,048 at a time), each
        distinct text once.

        Parameters
        ----------
        perturbed : sequence of Perturbation
            Perturbations that a recipe has made.
        advance : callable, optional
            Called with the number of texts that were encoded since the last call.

        Returns
        -------
        list of Perturbation
            In the same order; those that satisfy the floor are unchanged.

        Raises
        ------
        EncoderError
            If the encoder's output is unusable.
        """
        path = self._file(perturbed)
        content = read_cached(path) if path else None
        if content is not None:
            places: dict[int, list[int]] = {int(row): left for row, left in json.loads(content).items()}
        else:
            places = self._places_left(perturbed, advance)
            if path:
                write_cached(path, json.dumps(places).encode())
        return [with_edits(one, places[row]) if row in places else one for row, one in enumerate(perturbed)]

    def _file(self, perturbed: Sequence[Perturbation]) -> Path | None:
        """Return the cache file, named by everything that decides the outcome; a resumed run need not encode again."""
        fingerprint = self.encoder.description.fingerprint
        if not fingerprint:
            return None
        before = [(one.query_id, one.clean, one.edits) for one in perturbed]
        return scored_path("floors", fingerprint, self.minimum, before)

    def _places_left(self, perturbed: Sequence[Perturbation], advance: Callable[[int], None]) -> dict[int, list[int]]:
        """Return, for each query that loses edits, the indices of the edits that stay."""
        rows = [row for row, one in enumerate(perturbed) if one.changed]
        left: dict[int, list[int]] = {}
        for start in range(0, len(rows), _QUERIES_AT_ONCE):
            block = {row: perturbed[row] for row in rows[start : start + _QUERIES_AT_ONCE]}
            left |= _reduced(block, self.minimum, self.judge([one.clean for one in block.values()], advance))
        return left

    def judge(self, clean: Sequence[str], advance: Callable[[int], None] = lambda _: None) -> Judge:
        """Encode clean queries, and return the function that compares their perturbations with them.

        Parameters
        ----------
        clean : sequence of str
            Clean queries.
        advance : callable, optional
            Called with the number of texts that were encoded since the last call.
        """
        before = self._rows(clean, advance)
        place_of = {text: place for place, text in enumerate(clean)}

        def judge(trials: Sequence[Perturbation]) -> list[float]:
            found = np.ones(len(trials))
            changed = [place for place, one in enumerate(trials) if one.changed]
            if changed:
                after = self._rows([trials[place].text for place in changed], advance)
                found[changed] = _cosines(before[[place_of[trials[place].clean] for place in changed]], after)
            return found.tolist()

        return judge

    def _rows(self, texts: Sequence[str], advance: Callable[[int], None]) -> Vectors:
        rows = encode_texts(self.encoder.encode_queries, texts, advance)
        if isinstance(rows, TokenEmbeddings):
            raise _refusal(self.encoder.description.name)
        return rows


def _reduced(block: Mapping[int, Perturbation], minimum: float, judge: Judge) -> dict[int, list[int]]:
    """Return, for each query below the floor, the indices of the edits that stay."""
    first = zip(block.items(), judge(list(block.values())), strict=True)
    left = {row: list(range(len(one.edits))) for (row, one), found in first if found < minimum}
    below = list(left)
    while below:
        options = [(row, place) for row in below for place in left[row]]
        trials = [with_edits(block[row], {*left[row]} - {place}) for row, place in options]
        best: dict[int, tuple[float, int]] = {}
        for (row, place), found in zip(options, judge(trials), strict=True):
            best[row] = max(best.get(row, (found, place)), (found, place))
        for row, (_, place) in best.items():
            left[row].remove(place)
        below = [row for row, (found, _) in best.items() if found < minimum]
    return left


def name_in_identity(encoder: str) -> str:
    """Return the name of an encoder as it stands in identities: for a folder, the last part of its path."""
    folder = Path(encoder).expanduser()
    return folder.resolve().name if folder.is_dir() else encoder


def load_floor(floor: SemanticFloor | float | None) -> FloorJudge | None:
    """Load the encoder of a semantic floor; None if there is no floor.

    Parameters
    ----------
    floor : SemanticFloor or float, optional
        The floor; a number alone is a cosine under ``use-multilingual``.

    Raises
    ------
    OptionError
        If it is out of range, or if the encoder needs a pool of passages or gives a row for each token.
    UnknownNameError, EncoderError
        If there is no such encoder, or if it cannot be loaded.
    """
    if floor is None:
        return None
    asked = floor if isinstance(floor, SemanticFloor) else SemanticFloor(floor)
    judge = load_encoder(asked.encoder) if isinstance(asked.encoder, str) else asked.encoder
    if isinstance(judge, PoolEncoder):
        name = judge.description.name
        raise OptionError(f"{name} depends on the pool and cannot compare two queries; name another semantic encoder")
    if judge.description.similarity in TOKEN_SIMILARITIES:
        raise _refusal(judge.description.name)
    if judge.description.similarity == "euclidean":
        raise OptionError(
            f"{judge.description.name} is compared by distance, and a floor is a cosine; name another one"
        )
    return FloorJudge(judge, asked.minimum)


def _refusal(name: str) -> OptionError:
    return OptionError(
        f"{name} gives a row for each token and has no cosine of two queries; name another semantic encoder"
    )


def _cosines(before: Vectors, after: Vectors) -> _Similarities:
    """Return the cosine of each pair of rows, -1 to 1; 0 if a row is all zeros."""
    lengths = np.sqrt(_dots(before, before) * _dots(after, after))
    cosines: _Similarities = _dots(before, after) / np.where(lengths > 0, lengths, 1)
    return cosines.round(_DECIMALS)


def _dots(left: Vectors, right: Vectors) -> _Similarities:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return np.asarray((left * right).sum(axis=1, dtype=np.float64))
    return np.asarray(sp.csr_array(left).multiply(sp.csr_array(right)).sum(axis=1, dtype=np.float64))
