"""How a batch is filled: monolingual, cross-lingual, or sometimes one and sometimes the other (arXiv 2408.10536).

A batch of B pairs is a list of 2B row numbers: query row, passage row, query row, passage row. So a pair may consist of
two rows without a table of all pairs, and a batch that is cut between two pairs is still a batch.

Batch n of epoch e depends only on the seed, e and n. So a training that is resumed continues with the same batches, and
processes that take every other batch take different ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from torch.utils.data import BatchSampler

from robustbench_ir.errors import DataError, OptionError

if TYPE_CHECKING:
    import pyarrow as pa
    import torch
    from datasets import Dataset

_Numbers = npt.NDArray[np.int64]
_FEWEST = 2  # a pair alone in its batch has no negative


@dataclass(frozen=True)
class _Pool:
    """Rows from which a batch is drawn, ordered by parallel id.

    Attributes
    ----------
    rows : int64 array of shape (rows,)
        Row numbers.
    starts, counts : int64 array of shape (parallel ids,)
        Where in `rows` those of a parallel id begin, and their number.
    languages, passage_languages : int64 array of shape (rows,)
        Codes of the languages of each row.
    """

    rows: _Numbers
    starts: _Numbers
    counts: _Numbers
    languages: _Numbers
    passage_languages: _Numbers

    def monolingual(self, size: int, random: np.random.Generator) -> _Numbers:
        """Draw different parallel ids, and one row of each; shape (pairs, 2)."""
        chosen = self._different(size, random)
        rows = self.rows[self.starts[chosen] + random.integers(self.counts[chosen])]
        return np.stack([rows, rows], axis=1)

    def cross_lingual(self, size: int, random: np.random.Generator) -> _Numbers:
        """Draw different parallel ids, and a query and a passage of each in different languages; shape (pairs, 2).

        Each such choice of two rows is equally likely: two rows are drawn again until their languages differ.
        """
        chosen = self._different(size, random)
        places = np.empty((len(chosen), 2), dtype=np.int64)
        open_ = np.arange(len(chosen))
        while len(open_):
            ids = chosen[open_]
            places[open_] = self.starts[ids][:, None] + random.integers(self.counts[ids][:, None], size=(len(ids), 2))
            same = self.languages[places[open_, 0]] == self.passage_languages[places[open_, 1]]
            open_ = open_[same]
        return self.rows[places]

    def _different(self, size: int, random: np.random.Generator) -> _Numbers:
        number = len(self.starts)
        return random.choice(number, min(size, number), replace=False, shuffle=False)


@dataclass(frozen=True)
class _Mode:
    """The pools of one way to fill a batch.

    Attributes
    ----------
    pools : list of lists of _Pool
        The pools of each data set.
    shares : float64 array of shape (data sets,)
        Probability of each data set, by its number of rows.
    rows : int
        Number of rows in the pools.
    left_out : int
        Number of rows that this way cannot use.
    """

    pools: list[list[_Pool]]
    shares: npt.NDArray[np.float64]
    rows: int
    left_out: int

    def draw(self, random: np.random.Generator) -> _Pool:
        pools = self.pools[random.choice(len(self.pools), p=self.shares)] if len(self.pools) > 1 else self.pools[0]
        return pools[random.integers(len(pools))]


@dataclass(frozen=True)
class _Codes:
    """The columns of a data set as numbers."""

    parallel: _Numbers
    language: _Numbers
    passage_language: _Numbers
    source: _Numbers
    everything: _Numbers = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "everything", np.arange(len(self.parallel)))

    def pool(self, rows: _Numbers) -> _Pool:
        ordered = rows[np.argsort(self.parallel[rows], kind="stable")]
        _, starts, counts = np.unique(self.parallel[ordered], return_index=True, return_counts=True)
        return _Pool(ordered, starts, counts, self.language[ordered], self.passage_language[ordered])

    def monolingual(self) -> _Mode:
        """Return one pool for each language of each data set: rows whose query and passage are in that language."""
        same = self.everything[self.language == self.passage_language]
        return self._mode(
            [self.pool(same[(self.source[same] == source) & (self.language[same] == language)]) for language in known]
            for source, known in self._languages_by_source(same)
        )

    def cross_lingual(self) -> _Mode:
        """Return one pool for each data set: parallel ids with a query and a passage in different languages."""
        first_language = np.full(self.parallel.max(initial=-1) + 1, -1)
        first_language[self.parallel[::-1]] = self.language[::-1]
        # A pair in different languages exists unless all queries and all passages are in one language.
        differs = (self.language != first_language[self.parallel]) | (
            self.passage_language != first_language[self.parallel]
        )
        joined = np.zeros(len(first_language), dtype=bool)
        joined[self.parallel[differs]] = True
        able = self.everything[joined[self.parallel]]
        return self._mode([self.pool(able[self.source[able] == source])] for source in np.unique(self.source[able]))

    def _languages_by_source(self, rows: _Numbers) -> Iterator[tuple[int, _Numbers]]:
        for source in np.unique(self.source[rows]):
            yield int(source), np.unique(self.language[rows[self.source[rows] == source]])

    def _mode(self, found: Iterator[list[_Pool]]) -> _Mode:
        usable = [[pool for pool in pools if len(pool.starts) >= _FEWEST] for pools in found]
        pools = [some for some in usable if some]
        sizes = np.array([sum(len(pool.rows) for pool in some) for some in pools], dtype=np.float64)
        rows = int(sizes.sum())
        return _Mode(pools, sizes / rows if rows else sizes, rows, len(self.everything) - rows)


class HybridBatchSampler(BatchSampler):
    """Batches that are monolingual with probability `alpha`, else cross-lingual.

    Monolingual: all queries and passages of the batch are in one language, which is drawn uniformly. Cross-lingual:
    query and passage of each pair are in different languages, and a batch has many languages. If the rows are from
    several data sets, a batch is from one of them, drawn by size. No parallel id occurs twice in a batch.

    An epoch has as many pairs as there are rows that can be used. Because languages are drawn uniformly, it does not
    visit each row once. A language with fewer parallel ids than a batch has pairs gives smaller batches.

    Parameters
    ----------
    dataset : datasets.Dataset
        With the columns `parallel_id` and `language`, and optionally `passage_language` and `source`.
    batch_size : int
        Number of pairs in a batch, at least 2; a batch has twice as many row numbers.
    drop_last : bool
        Whether the last batch of an epoch is left out if it would be smaller.
    valid_label_columns, generator
        Given by the trainer, and not needed.
    seed : int
        Seed of all draws, at least 0.
    alpha : float
        Share of monolingual batches, in [0, 1].

    Raises
    ------
    OptionError
        If an argument is out of range.
    DataError
        If no batch of one of the two kinds can be made from the rows.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        drop_last: bool = False,
        valid_label_columns: Sequence[str] | None = None,  # noqa: ARG002
        generator: torch.Generator | None = None,  # noqa: ARG002
        seed: int = 0,
        alpha: float = 0.5,
    ) -> None:
        if batch_size < _FEWEST:
            raise OptionError(f"batch size {batch_size}: at least 2, a pair alone has no negatives")
        if not 0 <= alpha <= 1:
            raise OptionError(f"alpha {alpha}: the share of monolingual batches is from 0 to 1")
        codes = _read_codes(dataset)
        self.pairs = batch_size
        self.alpha = alpha
        self.seed = seed
        self.epoch = 0
        self.drop_last = drop_last
        # None tells accelerate that batches differ in size; with a number it would discard smaller ones.
        self.batch_size = None  # type: ignore[assignment]
        self._mono = _wanted(codes.monolingual(), alpha > 0, "no language has two parallel ids with a passage in it")
        self._cross = _wanted(codes.cross_lingual(), alpha < 1, "no two parallel ids are in two languages")

    @property
    def left_out(self) -> dict[str, int]:
        """Number of rows that cannot be used, by kind of batch; kinds that alpha excludes are left out."""
        modes = {"monolingual": self._mono, "cross-lingual": self._cross}
        return {name: mode.left_out for name, mode in modes.items() if mode is not None}

    def set_epoch(self, epoch: int) -> None:
        """Set the number of the epoch; another epoch has other batches."""
        self.epoch = epoch

    def __len__(self) -> int:
        rows = max(mode.rows for mode in (self._mono, self._cross) if mode is not None)
        return rows // self.pairs if self.drop_last else -(-rows // self.pairs)

    def __iter__(self) -> Iterator[list[int]]:
        rows = max(mode.rows for mode in (self._mono, self._cross) if mode is not None)
        for number in range(len(self)):
            yield self.batch(number, min(self.pairs, rows - number * self.pairs))

    def batch(self, number: int, size: int | None = None) -> list[int]:
        """Return a batch of this epoch: query row, passage row, query row, passage row.

        Parameters
        ----------
        number : int
            Number of the batch, from 0.
        size : int, optional
            Number of pairs; by default that of the sampler.
        """
        random = np.random.default_rng((self.seed, self.epoch, number))
        wanted = self.pairs if size is None else size
        if self._cross is None or (self._mono is not None and random.random() < self.alpha):
            found = self._mono.draw(random).monolingual(wanted, random) if self._mono else np.empty((0, 2), np.int64)
        else:
            found = self._cross.draw(random).cross_lingual(wanted, random)
        flat: list[int] = found.ravel().tolist()
        return flat


class MonolingualBatchSampler(HybridBatchSampler):
    """Batches of one language each, which is drawn uniformly: `HybridBatchSampler` with an alpha of 1."""

    def __init__(
        self, dataset: Dataset, batch_size: int, drop_last: bool = False, *, seed: int = 0, **_: object
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, seed=seed, alpha=1.0)


class CrossLingualBatchSampler(HybridBatchSampler):
    """Batches of pairs in two languages each: `HybridBatchSampler` with an alpha of 0."""

    def __init__(
        self, dataset: Dataset, batch_size: int, drop_last: bool = False, *, seed: int = 0, **_: object
    ) -> None:
        super().__init__(dataset, batch_size, drop_last, seed=seed, alpha=0.0)


def _wanted(mode: _Mode, wanted: bool, fault: str) -> _Mode | None:
    if wanted and not mode.pools:
        raise DataError(f"the training data has nothing for this sampler: {fault}; choose another sampler or more data")
    return mode if wanted else None


def _read_codes(dataset: Dataset) -> _Codes:
    import pyarrow as pa

    columns = set(dataset.column_names)
    for name in ("parallel_id", "language"):
        if name not in columns:
            raise DataError(f"the training data has no column {name}; there are: {', '.join(sorted(columns))}")
    table = dataset.with_format("arrow")[:]
    language = table["language"]
    passage_language = table["passage_language"] if "passage_language" in columns else language
    both = _numbered(pa.chunked_array([*language.chunks, *passage_language.chunks]))
    source = _numbered(table["source"]) if "source" in columns else np.zeros(len(language), dtype=np.int64)
    # A batch is from one data set: rows of the same id in another data set are not translations of its rows.
    places = np.stack([source, _numbered(table["parallel_id"])])
    parallel: _Numbers = np.unique(places, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return _Codes(parallel, both[: len(language)], both[len(language) :], source)


def _numbered(column: pa.ChunkedArray) -> _Numbers:
    """Return a number for each distinct value."""
    codes: _Numbers = column.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return codes
