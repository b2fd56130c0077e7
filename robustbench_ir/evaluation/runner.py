"""An encoder with the pool of a task: it takes query texts and returns ranks.

Loading, fitting, encoding the pool, encoding queries and ranking are implemented only here; attacks, searches,
verification of entries and reports all use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from robustbench_ir._base.cache import current_cache
from robustbench_ir._base.progress import Clock, Silence
from robustbench_ir.encoders import Embeddings, Encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.piece_embeddings import PieceEmbeddings, Pool
from robustbench_ir.encoders.pool import fitted_on, passage_store
from robustbench_ir.encoders.reranker import Reranked
from robustbench_ir.encoders.store.store import embedding_store
from robustbench_ir.encoders.truncation import changed_inputs
from robustbench_ir.perturb import Perturbation, digest
from robustbench_ir.retrieval.ranking import DEFAULT_MEMORY, Ranks, rank_relevant
from robustbench_ir.retrieval.reranking import PairScorer, rerank_relevant, reranked_passages
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.retrieval.top_k import BestPassages
from robustbench_ir.tasks import Task


@dataclass(frozen=True)
class Runner:
    """An encoder with the pool of a task, which is encoded when it is first needed.

    Attributes
    ----------
    encoder : Encoder
        The encoder as it was loaded.
    task : Task
        Task with the pool and the judgements.
    clock : Clock
        Receives the stages and their seconds.
    memory : int
        Bytes that ranking may use, without the embeddings.
    device : str, optional
        Device on which dense scores are computed; see `robustbench_ir.retrieval.ranking.rank_relevant`.
    keeps_embeddings : bool
        Whether embeddings are read from the store and written to it.
    compact : bool
        Whether dimensions in which a sparse pool is zero are left out. This is faster when many small batches of
        queries are ranked, since the cost of each product of sparse rows depends on the number of columns.
    noise : str
        Digest of the passages if they were perturbed; the rows of what the clean pool does not have are kept under it,
        because the last bits of a row depend on the texts that it was encoded with.
    """

    encoder: Encoder
    task: Task
    clock: Clock = field(default_factory=lambda: Clock(Silence()))
    memory: int = DEFAULT_MEMORY
    device: str | None = None
    keeps_embeddings: bool = True
    compact: bool = False
    noise: str = ""

    @cached_property
    def fitted(self) -> Encoder:
        """The encoder fitted on this pool; the encoder itself if its vectors do not depend on the pool."""
        return fitted_on(self.encoder, self.task.encoded_texts)

    @cached_property
    def ties(self) -> TieOrder:
        """The order of passages that score alike."""
        return TieOrder.of(self.task, retrieves_zero=self.encoder.description.retrieves_zero)

    @property
    def pool(self) -> Pool:
        """The embeddings of the passages, shape (passages, dimensions)."""
        return self._pool[0]

    @cached_property
    def _pool(self) -> tuple[Pool, NDArray[np.intp] | None]:
        """The embeddings of the pool, and the indices of the dimensions that are left; None if all are."""
        texts = self.task.encoded_texts
        fitted = self.fitted
        store = passage_store(self.encoder, self.noise) if self.keeps_embeddings else None
        clean = passage_store(self.encoder) if store and self.noise else None
        with self.clock.stage("encode passages", len(texts)):
            pool = encode_texts(fitted.encode_passages, texts, self.clock.advance, store, clean)
        if not self.compact or not isinstance(pool, sp.csr_array):
            return self._of_passages(pool), None
        columns: NDArray[np.intp] = np.unique(pool.indices).astype(np.intp)
        return self._of_passages(pool[:, columns]), columns

    def _of_passages(self, pieces: Embeddings) -> Pool:
        if not self.task.words_a_piece:
            return pieces
        return PieceEmbeddings.in_order(pieces, [len(own) for own in self.task.pieces])

    def encode(self, texts: Sequence[str], label: str = "", query_set: str | None = None) -> Embeddings:
        """Encode query texts.

        Parameters
        ----------
        texts : sequence of str
            Texts; they may repeat.
        label : str
            Name of the queries, for the progress.
        query_set : str, optional
            Digest of their query set, under which the embeddings are stored. By default they are not stored.

        Returns
        -------
        float32 array of shape (len(texts), dimensions)
            Embeddings, dense or sparse.
        """
        columns = self._pool[1]  # the pool comes first, since some encoders are fitted on it
        with self.clock.stage("encode queries", len(texts), label):
            store = None
            if query_set and self.keeps_embeddings:
                store = embedding_store(self.encoder, current_cache().of("embeddings"), "query", query_set)
            rows = encode_texts(self.fitted.encode_queries, texts, self.clock.advance, store)
        return rows[:, columns] if columns is not None and isinstance(rows, sp.csr_array) else rows

    def changed_inputs(
        self, perturbed: Sequence[Perturbation], side: Literal["query", "passage"] = "query"
    ) -> NDArray[np.bool_] | None:
        """Return whether what the encoder reads of each text changed; None if it does not know.

        Parameters
        ----------
        perturbed : sequence of Perturbation
            Texts before and after.
        side : {"query", "passage"}
            What the texts are.
        """
        with self.clock.stage("compare tokens"):
            return changed_inputs(self.fitted, [one.clean for one in perturbed], [one.text for one in perturbed], side)

    def rank(
        self,
        rows: Sequence[int],
        texts: Sequence[str],
        queries: Embeddings,
        label: str = "",
        *,
        task: Task | None = None,
        ties: TieOrder | None = None,
    ) -> Ranks:
        """Rank the judged passages of some queries against the whole pool.

        Parameters
        ----------
        rows : sequence of int
            Ascending rows of the task's queries.
        texts : sequence of str
            Their texts, for an encoder that is reranked.
        queries : float32 array of shape (len(rows), dimensions)
            Their embeddings, from `encode`.
        label : str
            Name of the queries, for the progress.
        task : Task, optional
            The same pool with other judgements.
        ties : TieOrder, optional
            Order of equal scores, where `task` has other queries.
        """
        pool, fitted, asked = self.pool, self.fitted, task or self.task
        order = self.ties.for_queries(rows) if ties is None else ties
        with self.clock.stage("rank", len(rows), label):
            ranks = rank_relevant(
                asked,
                pool,
                queries,
                rows,
                self.clock.advance,
                memory=self.memory,
                device=self.device,
                ties=order,
            )
        if not isinstance(fitted, Reranked):
            return ranks
        with self.clock.stage("rerank", len(rows), label):
            score = self._pair_scorer(fitted, texts)
            return rerank_relevant(
                asked,
                pool,
                queries,
                rows,
                ranks,
                score,
                fitted.top_k,
                self.clock.advance,
                memory=self.memory,
                ties=order,
            )

    def reranked(self, texts: Sequence[str], found: BestPassages) -> BestPassages:
        """Return the best passages of some queries as the encoder orders them, if it is reranked.

        Parameters
        ----------
        texts : sequence of str
            Texts of the queries.
        found : BestPassages
            Their best passages in the first stage.
        """
        fitted = self.fitted
        if not isinstance(fitted, Reranked):
            return found
        return reranked_passages(found, self._pair_scorer(fitted, texts), fitted.top_k)

    def _pair_scorer(self, encoder: Reranked, texts: Sequence[str]) -> PairScorer:
        passages = self.task.passages
        return lambda query, passage: encoder.score_pairs(
            [texts[place] for place in query], [passages[row].text for row in passage]
        )


@dataclass(frozen=True)
class QuerySet:
    """Perturbed queries that a runner ranks; unchanged queries are not ranked again.

    Attributes
    ----------
    runner : Runner
        Encodes and ranks.
    perturbed : sequence of Perturbation
        All queries of the task, in its order.
    rows : sequence of int
        Rows of the queries that are ranked, ascending.
    label : str
        Name of the set, for the progress.
    """

    runner: Runner
    perturbed: Sequence[Perturbation]
    rows: Sequence[int]
    label: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all perturbed queries, 64 hexadecimal digits."""
        return digest(self.perturbed)

    @property
    def texts(self) -> Sequence[str]:
        """Texts of the ranked queries."""
        return [self.perturbed[row].text for row in self.rows]

    @cached_property
    def embeddings(self) -> Embeddings:
        """Embeddings of the ranked queries, shape (len(rows), dimensions)."""
        # With noisy passages, all queries are ranked, and not those alone that changed: another batch, if some did.
        batch = self.runner.noise if any(one.changed for one in self.perturbed) else ""
        return self.runner.encode(self.texts, self.label, f"{self.digest}{batch}")

    @cached_property
    def ranks(self) -> Ranks:
        """Ranks of the judged passages of the ranked queries."""
        return self.runner.rank(self.rows, self.texts, self.embeddings, self.label)

    def ranks_over(self, clean: Ranks) -> Ranks:
        """Return the ranks of all queries: those of `ranks`, and the clean ones for the other queries."""
        if not self.rows:
            return clean
        return clean.updated(np.flatnonzero(np.isin(self.runner.task.qrels.query, self.rows)), self.ranks)
