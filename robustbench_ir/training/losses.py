"""The loss: InfoNCE over cosine with in-batch negatives, and a term for clean and perturbed queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from robustbench_ir.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sentence_transformers import SentenceTransformer

_Features = dict[str, torch.Tensor]


class RetrievalLoss(nn.Module):
    """InfoNCE, plus `consistency` times the mean of 1 - cosine(clean query, perturbed query).

    Parameters
    ----------
    model : SentenceTransformer
        Model to train.
    scale : float
        Inverse of the temperature, above 0.
    consistency : float
        Weight of the second term, at least 0. With 0 the batch has no clean queries.
    mini_batch : int, optional
        Number of texts per forward pass. The loss is then that of GradCache (arXiv 2101.06983): the same value in less
        memory.

    Raises
    ------
    TrainingError
        If the loss is not a finite number.
    """

    def __init__(
        self, model: SentenceTransformer, scale: float = 20.0, consistency: float = 0.0, mini_batch: int | None = None
    ) -> None:
        try:
            from sentence_transformers.sentence_transformer import losses
        except ImportError:  # before 6
            from sentence_transformers import losses  # type: ignore[attr-defined,no-redef]

        super().__init__()
        self.model = model
        self.consistency = consistency
        self.contrast: nn.Module = (
            losses.MultipleNegativesRankingLoss(model, scale=scale)
            if mini_batch is None
            else losses.CachedMultipleNegativesRankingLoss(model, scale=scale, mini_batch_size=mini_batch)
        )

    def forward(self, features: Iterable[_Features], labels: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        features : iterable of dict
            Queries, passages, negatives if there are any, and, during training with `consistency`, clean queries.
        labels : torch.Tensor
            Required by sentence-transformers.
        """
        parts = list(features)
        apart = self.consistency > 0 and self.model.training
        clean = parts.pop() if apart else None
        query = dict(parts[0])  # the model writes its embeddings into what it is given
        loss: torch.Tensor = self.contrast(parts, labels)
        if clean is not None:
            loss = loss + self.consistency * disagreement(self._embed(clean), self._embed(query))
        if not torch.isfinite(loss):
            raise TrainingError("the loss is not a finite number; lower the learning rate")
        return loss

    def _embed(self, features: _Features) -> torch.Tensor:
        embedding: torch.Tensor = self.model(dict(features))["sentence_embedding"]
        return embedding


def disagreement(clean: torch.Tensor, perturbed: torch.Tensor) -> torch.Tensor:
    """Return the mean of 1 - cosine over pairs of embeddings, from 0 to 2.

    Parameters
    ----------
    clean, perturbed : torch.Tensor of shape (pairs, dimensions)
        Embeddings of the two versions of each query.
    """
    return (1 - nn.functional.cosine_similarity(clean, perturbed)).mean()
