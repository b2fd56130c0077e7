"""What a search for the words of injected passages asks of an encoder: similarities, and which words are promising."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from robustbench_ir._base.text import word_spans
from robustbench_ir.adversary.crafting import Draft, Gains, spaced
from robustbench_ir.encoders import Embeddings
from robustbench_ir.encoders.encoder import Dense
from robustbench_ir.encoders.gradients import Differentiable
from robustbench_ir.encoders.piece_embeddings import Pool
from robustbench_ir.errors import EncoderError
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.retrieval.similarity import pair_scores, product_with
from robustbench_ir.tasks import Passage
from robustbench_ir.tasks.task import IntArray

_DECIMALS = 6  # digits that the company of a text in its batch cannot change
_QUERIES_AT_ONCE = 512


@dataclass(frozen=True)
class Aim:
    """The questions that passages are crafted for: a passage should resemble its question in all query languages.

    Several questions about one topic are one here.

    Attributes
    ----------
    runner : Runner
        Encodes passages; its own pool is not encoded.
    queries : Embeddings
        Embeddings of the queries by the same encoder, those of each question side by side.
    first : int array of shape (questions + 1,)
        Row of the first query of each question, and the number of queries.
    """

    runner: Runner
    queries: Embeddings
    first: IntArray

    @classmethod
    def at(cls, runner: Runner, queries: Embeddings, question: IntArray) -> Aim:
        """Return the aim for queries in any order, given the number of each query's question; -1 for none."""
        order = np.argsort(question, kind="stable")[(question < 0).sum() :]
        first = np.searchsorted(question[order], np.arange(question.max() + 2))
        return cls(runner, queries[order], first.astype(np.int32))

    def measure(self, drafts: Sequence[Draft], texts: Sequence[str]) -> Floats:
        """Return the mean score of each text with the queries of its question."""
        question = np.array([draft.question for draft in drafts])
        count = np.diff(self.first)[question]
        of_text = np.repeat(np.arange(len(texts)), count)
        query = np.arange(len(of_text)) + np.repeat(self.first[question] - (np.cumsum(count) - count), count)
        order = np.argsort(query, kind="stable")
        scores = np.empty(len(query))
        rows = self.encoded(texts, [draft.language for draft in drafts])
        scores[order] = pair_scores(self.queries, query[order], rows, of_text[order])
        sums = np.bincount(of_text, scores, minlength=len(texts)).astype(np.float64)
        return np.asarray((sums / count).round(_DECIMALS))

    def encoded(self, texts: Sequence[str], languages: Sequence[str], *, keeps: bool = False) -> Pool:
        """Return the embeddings of texts as those of injected passages are made; `keeps` says whether to store them."""
        passages = tuple(Passage(str(row), *one) for row, one in enumerate(zip(languages, texts, strict=True)))
        task = replace(self.runner.task, passages=passages, own_passage=None)
        return replace(self.runner, task=task, keeps_embeddings=keeps and self.runner.keeps_embeddings).pool

    @cached_property
    def means(self) -> Dense:
        """The mean row of the queries of each question; shape (questions, dimensions)."""
        if not isinstance(self.queries, np.ndarray):
            raise EncoderError(f"{self.runner.encoder.description.name}: gives no dense rows, which gradients need")
        sums = np.add.reduceat(self.queries, self.first[:-1], axis=0, dtype=np.float64)
        return np.asarray(sums / np.diff(self.first)[:, None], dtype=np.float32)

    def mean_scores(self, passages: Pool) -> Dense:
        """Return the mean score of each passage with the queries of each question; shape (questions, passages)."""
        product, found = product_with(passages), []
        for start in range(0, len(self.first) - 1, _QUERIES_AT_ONCE):
            bounds = self.first[start : start + _QUERIES_AT_ONCE + 1]
            scores = product(self.queries[bounds[0] : bounds[-1]])
            found.append(np.add.reduceat(scores, bounds[:-1] - bounds[0], axis=0) / np.diff(bounds)[:, None])
        return np.concatenate(found)


@dataclass(frozen=True)
class ScoreGuide:
    """Takes the similarity of a text to be the mean of those of its words, each encoded alone: black box with scores.

    Attributes
    ----------
    vocabulary : mapping of str to sequence of str
        The words of each language that may be used.
    rows : mapping of str to mapping
        For each language, the column of every word that was encoded.
    scores : mapping of str to float32 array of shape (questions, words)
        Mean similarity of each word with each question, those of the vocabulary first.
    """

    vocabulary: Mapping[str, Sequence[str]]
    rows: Mapping[str, Mapping[str, int]]
    scores: Mapping[str, Dense]
    cost: int = 0

    @classmethod
    def of(
        cls,
        aim: Aim,
        drafts: Sequence[Draft],
        vocabulary: Mapping[str, Sequence[str]],
        advance: Callable[[int], None] = lambda _: None,
    ) -> ScoreGuide:
        """Encode the words of the vocabulary and of the drafts, once for all questions.

        `advance` is called with the number of words of the vocabulary of each language.
        """
        rows, scores = {}, {}
        for language, words in vocabulary.items():
            own = (word for one in drafts if one.language == language for word in _words(one.text, language))
            known = list(dict.fromkeys([*words, *own]))
            rows[language] = {word: row for row, word in enumerate(known)}
            scores[language] = aim.mean_scores(aim.encoded(known, [language] * len(known), keeps=True))
            advance(len(words))
        return cls(vocabulary, rows, scores)

    def gains(self, drafts: Sequence[Draft], texts: Sequence[str]) -> list[Gains]:
        """Return the estimates; see `Guide`. A word that was not encoded is like the mean of the others."""
        found = []
        for (question, language, *_), text in zip(drafts, texts, strict=True):
            scores, rows = self.scores[language][question], self.rows[language]
            of_words = scores[: len(self.vocabulary[language])]
            known = [float(scores[rows[word]]) for word in _words(text, language) if word in rows]
            mean = sum(known) / len(known) if known else float(of_words.mean())
            own = np.array([scores[rows[word]] if word in rows else mean for word in _words(text, language)])
            count = len(own)
            found.append(Gains((of_words - own[:, None]) / max(count, 1), (mean - own) / max(count - 1, 1)))
        return found


@dataclass(frozen=True)
class GradientGuide:
    """Takes what a word adds to first order from the gradient on the input embeddings: white box, as HotFlip.

    A word of several pieces stands for the mean of their embeddings, and replaces all pieces of a word.

    Attributes
    ----------
    vocabulary : mapping of str to sequence of str
        The words of each language that may be used.
    aim : Aim
        The questions.
    encoder : Differentiable
        Gives the gradients.
    vectors : mapping of str to float32 array of shape (words, dimensions)
        Input embeddings of the vocabulary.
    told : callable
        Called with the size of smaller batches, where memory does not suffice for gradients.
    """

    vocabulary: Mapping[str, Sequence[str]]
    aim: Aim
    encoder: Differentiable
    vectors: Mapping[str, Dense]
    told: Callable[[int], None]
    cost: int = 1

    @classmethod
    def of(cls, aim: Aim, vocabulary: Mapping[str, Sequence[str]], told: Callable[[int], None]) -> GradientGuide:
        """Look up the input embeddings of the vocabulary."""
        encoder = aim.runner.encoder
        if not isinstance(encoder, Differentiable):
            raise EncoderError(f"{encoder.description.name}: has no similarity_gradients and word_vectors")
        vectors = {
            language: encoder.word_vectors(words, "passage", spaced=spaced(language))
            for language, words in vocabulary.items()
        }
        return cls(vocabulary, aim, encoder, vectors, told)

    def gains(self, drafts: Sequence[Draft], texts: Sequence[str]) -> list[Gains]:
        """Return the estimates; see `Guide`."""
        targets = self.aim.means[[draft.question for draft in drafts]]
        whole = [text + draft.ending for draft, text in zip(drafts, texts, strict=True)]
        found = []
        gradients = self.encoder.similarity_gradients(whole, targets, "passage", self.told)
        for draft, text, pieces in zip(drafts, texts, gradients, strict=True):
            gradient, own = pieces.of_words(word_spans(text, draft.language))
            replaced = gradient @ self.vectors[draft.language].T - own[:, None]
            found.append(Gains(replaced, replaced.mean(axis=1)))
        return found


def _words(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text, language)]
