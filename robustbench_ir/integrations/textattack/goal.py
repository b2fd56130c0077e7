"""Retrieval as a goal of TextAttack: lower the average precision of the query."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import torch
from textattack.goal_function_results import GoalFunctionResult
from textattack.goal_functions import GoalFunction
from textattack.models.wrappers import ModelWrapper
from textattack.shared import AttackedText

from robustbench_ir.encoders import Embeddings, Encoder, PoolEncoder, TokenEmbeddings
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.encoder import stack
from robustbench_ir.encoders.reranker import refuse_reranked
from robustbench_ir.errors import OptionError
from robustbench_ir.integrations.query_precision import query_precision
from robustbench_ir.retrieval.ties import TieOrder
from robustbench_ir.tasks import Task


class EncoderWrapper(ModelWrapper):
    """An encoder with a pool, as a model of TextAttack.

    Parameters
    ----------
    encoder : Encoder
        Any encoder; see `robustbench_ir.load_encoder`.
    task : Task
        Its passages are the pool; they are encoded once, when the wrapper is made.
    """

    def __init__(self, encoder: Encoder, task: Task) -> None:
        refuse_reranked(encoder, "TextAttack")
        if task.words_a_piece:
            raise OptionError(f"{task.name}: TextAttack ranks whole passages; use a task without words_a_piece")
        texts = [passage.text for passage in task.passages]
        self.task = task
        self.model = encoder.fitted(texts) if isinstance(encoder, PoolEncoder) else encoder
        self.pool = encode_texts(self.model.encode_passages, texts)
        self.ties = TieOrder.of(task, retrieves_zero=encoder.description.retrieves_zero)

    def __call__(self, text_input_list: Sequence[str]) -> torch.Tensor | list[sp.csr_array | TokenEmbeddings]:
        """Encode queries: one row each, in the two forms that TextAttack does not change."""
        rows = self.model.encode_queries(list(text_input_list))
        return torch.from_numpy(rows) if isinstance(rows, np.ndarray) else [rows[[row]] for row in range(rows.shape[0])]

    def average_precision(self, query: int, embeddings: Embeddings) -> list[float]:
        """Return the AP of a query for several embeddings of it.

        Parameters
        ----------
        query : int
            Row of the query in the task.
        embeddings : array of shape (texts, dimensions)
            Embeddings, dense or sparse.
        """
        return query_precision(self.task, self.pool, query, embeddings, self.ties)


class RetrievalGoalResult(GoalFunctionResult):
    """Outcome for a text: `raw_output` is the AP, `score` is 1 - AP."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments, goal_function_result_type="Retrieval")

    def get_text_color_input(self) -> str:
        """Return the colour of the clean words."""
        return "red"

    def get_text_color_perturbed(self) -> str:
        """Return the colour of the perturbed words."""
        return "blue"

    def get_colored_output(self, color_method: str | None = None) -> str:  # noqa: ARG002
        """Return the AP as it is printed."""
        return f"AP {self.raw_output:.3f}"


class RetrievalGoal(GoalFunction):
    """Lower the AP of the query over the whole pool. The goal is reached at a share of the clean AP.

    Parameters
    ----------
    model_wrapper : EncoderWrapper
        Encoder and pool.
    share : float
        Share of the clean AP, 0 to 1. With ``maximizable=True`` a search continues as long as there are candidates.
    options
        Options of TextAttack's `GoalFunction`: `query_budget`, `model_batch_size`, `maximizable` and others.

    Raises
    ------
    OptionError
        If the share is out of range.
    """

    def __init__(self, model_wrapper: EncoderWrapper, share: float = 0.5, **options: object) -> None:
        if not 0 <= share <= 1:
            raise OptionError(f"share {share:g} is out of range; 0 to 1")
        # TextAttack logs a warning for every model and goal function that is not its own.
        log = logging.getLogger("textattack")
        level = log.level
        log.setLevel(logging.ERROR)
        super().__init__(model_wrapper, **options)
        log.setLevel(level)
        self.share = share
        self.clean = np.nan

    def init_attack_example(
        self, attacked_text: AttackedText, ground_truth_output: int
    ) -> tuple[RetrievalGoalResult, bool]:
        """Begin with a query.

        Parameters
        ----------
        attacked_text : AttackedText
            The query.
        ground_truth_output : int
            Its row in the task, as `TaskDataset` gives it.
        """
        self.clear_cache()  # the same text may be another query, with another AP
        self.ground_truth_output = ground_truth_output
        (self.clean,) = self._call_model([attacked_text])
        found: tuple[RetrievalGoalResult, bool] = super().init_attack_example(attacked_text, ground_truth_output)
        return found

    def _process_model_outputs(
        self, _: Sequence[AttackedText], outputs: torch.Tensor | list[sp.csr_array | TokenEmbeddings]
    ) -> list[float]:
        rows = outputs.numpy() if isinstance(outputs, torch.Tensor) else stack(outputs)
        wrapper: EncoderWrapper = self.model
        return wrapper.average_precision(self.ground_truth_output, rows)

    def _is_goal_complete(self, model_output: float, _: AttackedText) -> bool:
        return model_output <= self.share * self.clean

    def _should_skip(self, model_output: float, _: AttackedText) -> bool:
        return model_output == 0 or np.isnan(model_output)

    def _get_score(self, model_output: float, _: AttackedText) -> float:
        return 1 - model_output

    def _get_displayed_output(self, raw_output: float) -> str:
        return f"AP {raw_output:.3f}"

    def _goal_function_result_type(self) -> type[RetrievalGoalResult]:
        return RetrievalGoalResult
