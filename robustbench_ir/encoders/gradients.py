"""Gradients of a similarity on the input embeddings of a model, for an adversary who may look into it.

The layer of `get_input_embeddings` turns the pieces of a text into vectors. The gradient says how the similarity of the
text with a target changes with each of these vectors, and so, to first order, with each other piece in its place
(HotFlip, https://arxiv.org/abs/1712.06751).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.text import Span
from robustbench_ir.encoders.encoder import Dense
from robustbench_ir.encoders.memory import within_memory
from robustbench_ir.encoders.model_inputs import features_of
from robustbench_ir.encoders.truncation import first_module
from robustbench_ir.errors import EncoderError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from torch import nn

_TEXTS_AT_ONCE = 512

_Side = Literal["query", "passage"]


class PieceGradients(NamedTuple):
    """How the similarity of one text changes with each piece that the model reads of it.

    Attributes
    ----------
    spans : int array of shape (pieces, 2)
        Code points of each piece in the text. Pieces of the prompt and those that stand for no text are left out, and
        so is what lies beyond the limit of the model.
    vectors : float32 array of shape (pieces, dimensions)
        What the model reads in the place of each piece.
    gradients : float32 array of shape (pieces, dimensions)
        The gradient of the similarity on these vectors.
    """

    spans: NDArray[np.int64]
    vectors: Dense
    gradients: Dense

    def of_words(self, spans: Sequence[Span]) -> tuple[Dense, Dense]:
        """Return the sum of the gradients of the pieces of each word, and what its pieces give to first order.

        Parameters
        ----------
        spans : sequence of (int, int)
            The words of the text.

        Returns
        -------
        float32 array of shape (words, dimensions)
            Its product with a vector is the contribution of that vector in the place of all pieces of the word.
        float32 array of shape (words,)
            The contribution of the pieces that are there.
        """
        words = np.array(spans, dtype=np.int64).reshape(-1, 2)
        overlap = (self.spans[None, :, 0] < words[:, None, 1]) & (words[:, None, 0] < self.spans[None, :, 1])
        share = overlap.astype(np.float32)
        return share @ self.gradients, share @ np.einsum("ij,ij->i", self.gradients, self.vectors)


@runtime_checkable
class Differentiable(Protocol):
    """An encoder that gives gradients. One that has these methods and cannot use them declares less access."""

    def similarity_gradients(
        self, texts: Sequence[str], targets: Dense, side: _Side, told: Callable[[int], None] = lambda _: None
    ) -> list[PieceGradients]:
        """Return the gradients of the score of each text with its target, a row of the other side."""

    def word_vectors(self, words: Sequence[str], side: _Side, *, spaced: bool = True) -> Dense:
        """Return the mean of the input vectors of the pieces of each word; shape (words, dimensions)."""


def embedding_layer(model: object, route: str) -> nn.Module | None:
    """Return the layer that turns the pieces of a side into vectors; None where it cannot be reached.

    Parameters
    ----------
    model : SentenceTransformer
        The model.
    route : {"query", "document"}
        The side.
    """
    from torch import nn

    first = first_module(cast("SentenceTransformer", model), route)
    transformer = getattr(first, "auto_model", None)
    if not isinstance(transformer, nn.Module) or not getattr(getattr(first, "tokenizer", None), "is_fast", False):
        return None
    try:
        layer = cast("Any", transformer).get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None
    return layer if isinstance(layer, nn.Module) else None


@dataclass(frozen=True)
class ModelGradients:
    """The gradients of one side of a sentence-transformers model.

    Attributes
    ----------
    model : SentenceTransformer
        The model.
    route : {"query", "document"}
        The side.
    prompt : str
        Put before each text.
    keywords : mapping
        Further keywords of the model's ``encode``.
    cosine : bool
        Whether rows are compared by cosine; otherwise by their product.
    """

    model: SentenceTransformer
    route: Literal["query", "document"]
    prompt: str
    keywords: Mapping[str, object]
    cosine: bool

    def of(
        self, texts: Sequence[str], targets: Dense, batch_size: int, told: Callable[[int], None] = lambda _: None
    ) -> list[PieceGradients]:
        """Return the gradients of the similarity of each text with its target.

        Parameters
        ----------
        texts : sequence of str
            Texts without their prompt.
        targets : float32 array of shape (texts, dimensions)
            What each text is compared with.
        batch_size : int
            Number of texts in a batch, at most.
        told : callable, optional
            Called with the size of a smaller batch, where memory does not suffice.

        Raises
        ------
        EncoderError
            If the pieces that the model reads cannot be found in a text.
        """
        order = sorted(range(len(texts)), key=lambda place: (-len(texts[place]), texts[place], place))
        found: dict[int, PieceGradients] = {}
        for start in range(0, len(order), _TEXTS_AT_ONCE):
            places = order[start : start + _TEXTS_AT_ONCE]

            def batches(size: int, places: list[int] = places) -> list[PieceGradients]:
                parts = [places[first : first + size] for first in range(0, len(places), size)]
                return [one for part in parts for one in self._batch([texts[row] for row in part], targets[part])]

            found |= zip(places, within_memory(batches, batch_size, told), strict=True)
        return [found[place] for place in range(len(texts))]

    def _batch(self, texts: list[str], targets: Dense) -> list[PieceGradients]:
        import torch

        features = features_of(self.model, texts, self.prompt, self.keywords)
        ids, mask = (features[name].cpu().numpy() for name in ("input_ids", "attention_mask"))
        vectors, gradients = self._backward(features, torch.as_tensor(targets))
        if vectors.shape[:2] != ids.shape:
            raise _not_found()
        spans = self._spans(texts, [row[read] for row, read in zip(ids, mask.astype(bool), strict=True)])
        rows = zip(spans, vectors, gradients, mask.astype(bool), strict=True)
        return [
            PieceGradients(places[own], vector[read][own], gradient[read][own])
            for places, vector, gradient, read in rows
            for own in (places[:, 1] > places[:, 0],)
        ]

    def _backward(self, features: Mapping[str, Any], targets: torch.Tensor) -> tuple[Dense, Dense]:
        """Return the output of the layer of input embeddings, and the gradient on it."""
        import torch

        device, read = self.model.device, list[torch.Tensor]()

        def read_out(layer: nn.Module, given: object, output: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
            if read:
                return output  # a head that shares the weight
            read.append(output.detach().requires_grad_())
            return read[0]

        inputs = {key: one.to(device) if isinstance(one, torch.Tensor) else one for key, one in features.items()}
        layer = cast("nn.Module", embedding_layer(self.model, self.route))
        self.model.eval()
        # T5 reads by another layer with the same weight.
        same = [one for one in self.model.modules() if getattr(one, "weight", None) is layer.weight]
        handles = [one.register_forward_hook(read_out) for one in same]
        try:
            with torch.enable_grad():
                rows = self.model(inputs, **self.keywords)["sentence_embedding"][:, : self.model.truncate_dim]
                rows = torch.nn.functional.normalize(rows, dim=1) if self.cosine else rows
                similarity = (rows * targets.to(rows)).sum()
                (gradient,) = torch.autograd.grad(similarity, read)
        finally:
            for handle in handles:
                handle.remove()
        return read[0].detach().float().cpu().numpy(), gradient.float().cpu().numpy()

    def _spans(self, texts: Sequence[str], ids: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        """Return the span of each piece in its text; empty ones for pieces that are not of the text."""
        first = cast("Any", first_module(self.model, self.route))
        whole = [self.prompt + text for text in texts]
        read = first.tokenizer(
            whole, truncation=True, max_length=first.max_seq_length, return_offsets_mapping=True, padding=False
        )
        if not all(np.array_equal(*pair) for pair in zip(read["input_ids"], ids, strict=True)):
            raise _not_found()
        before = len(self.prompt)
        return [np.maximum(np.array(offsets, dtype=np.int64) - before, 0) for offsets in read["offset_mapping"]]

    def word_vectors(self, words: Sequence[str], *, spaced: bool) -> Dense:
        """Return the mean of the input vectors of the pieces of each word; shape (words, dimensions).

        Parameters
        ----------
        words : sequence of str
            Words.
        spaced : bool
            Whether a space stands before each word in a text.
        """
        import torch

        tokenizer = cast("Any", first_module(self.model, self.route)).tokenizer
        read = tokenizer([" " * spaced + word for word in words], add_special_tokens=False, return_offsets_mapping=True)
        pieces = [
            [piece for piece, (start, end) in zip(ids, offsets, strict=True) if end > start] or ids[:1]
            for ids, offsets in zip(read["input_ids"], read["offset_mapping"], strict=True)
        ]
        layer = cast("nn.Module", embedding_layer(self.model, self.route))
        counts = np.array([len(one) for one in pieces])
        ids = torch.tensor([piece for one in pieces for piece in one], device=self.model.device)
        with torch.inference_mode():
            rows = layer(ids[None])[0].float().cpu().numpy()
        sums = np.add.reduceat(rows, np.cumsum(counts) - counts)
        return np.asarray(sums / counts[:, None], dtype=np.float32)


def _not_found() -> EncoderError:
    return EncoderError(
        "the pieces that the model reads cannot be found in the text; craft without gradients, such as greedy"
    )
