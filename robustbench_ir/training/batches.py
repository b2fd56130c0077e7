"""From row numbers to the texts of a batch, perturbed on the way where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.recipe import SEVERITIES, Recipe
from robustbench_ir.tasks import Query
from robustbench_ir.training.table import text_hash

if TYPE_CHECKING:
    import torch

QUERY_PREFIX = "Query: "
PASSAGE_PREFIX = "Passage: "

Tokenize = Callable[[list[str]], Mapping[str, "torch.Tensor"]]
"""A model's own: texts to the tensors of its `forward`."""


class TrainingRow(TypedDict, total=False):
    """A row of `ParallelTable.dataset`."""

    parallel_id: str
    language: str
    query: str
    passage: str
    negative: str
    passage_language: str
    source: str
    split: str


@dataclass(frozen=True)
class Augmentation:
    """Perturbs queries while training.

    Attributes
    ----------
    recipes : tuple of (Recipe, float)
        Each with the probability that a query is perturbed by it; together at most 1.
    severity : int
        1 to 5.
    seed : int
        Another seed, other perturbations.
    """

    recipes: tuple[tuple[Recipe, float], ...]
    severity: int
    seed: int

    def perturb(self, queries: Sequence[TrainingRow]) -> list[str]:
        """Return the texts, some of them perturbed.

        What happens depends on the seed and on the rows of the batch alone: a resumed training sees the same, and a
        query that comes again in another batch is perturbed anew.
        """
        names = [f"{row['source']}\x1f{row['parallel_id']}\x1f{row['language']}" for row in queries]
        batch = text_hash("\x1e".join(names))
        draws = np.random.default_rng((self.seed, batch)).random(len(queries))
        texts = [row["query"] for row in queries]
        low = 0.0
        for recipe, probability in self.recipes:
            chosen = np.flatnonzero((low <= draws) & (draws < low + probability)).tolist()
            asked = [Query(names[place], queries[place]["language"], texts[place], "") for place in chosen]
            for place, found in zip(chosen, recipe.perturb(asked, self.severity, self.seed ^ batch), strict=True):
                texts[place] = found.text
            low += probability
        return texts


def make_augmentation(recipes: Mapping[str, float], severity: int, seed: int) -> Augmentation | None:
    """Look the recipes up; None where there are none.

    Raises
    ------
    OptionError
        A probability or the severity out of range.
    UnknownNameError
        No such recipe.
    """
    if severity not in SEVERITIES[1:]:
        raise OptionError(f"severity {severity} of the augmentation is out of range; 1 to 5")
    for name, probability in recipes.items():
        if not 0 < probability <= 1:
            raise OptionError(f"augment {name}:{probability}: a probability is above 0 and at most 1")
    if sum(recipes.values()) > 1 + 1e-9:
        raise OptionError(f"augment: the probabilities add up to {sum(recipes.values()):g}; at most 1")
    if not recipes:
        return None
    return Augmentation(tuple((load_recipe(name), share) for name, share in recipes.items()), severity, seed)


@dataclass(frozen=True)
class PairCollator:
    """Makes of the rows of a batch sampler what a loss of sentence-transformers reads.

    Rows are query row, passage row, query row, passage row. The batch has `query`, `passage`, `negative` where there is
    one, and, if `keep_clean`, `clean`: the query before it was perturbed.
    """

    tokenize: Tokenize
    augmentation: Augmentation | None = None
    keep_clean: bool = False
    query_prefix: str = QUERY_PREFIX
    passage_prefix: str = PASSAGE_PREFIX
    valid_label_columns: tuple[str, ...] = ()

    def __call__(self, rows: Sequence[TrainingRow]) -> dict[str, torch.Tensor]:
        """Return the tensors, named as the trainer expects them; `label` says how many pairs there are."""
        import torch

        batch = {"label": torch.ones(len(rows) // 2)}
        for name, texts in self.texts(rows).items():
            batch |= {f"{name}_{key}": value for key, value in self.tokenize(texts).items()}
        return batch

    def texts(self, rows: Sequence[TrainingRow]) -> dict[str, list[str]]:
        """Return the texts of each part of the batch, with their prefixes."""
        queries, passages = rows[0::2], rows[1::2]
        clean = [row["query"] for row in queries]
        learning = queries[0]["split"] == "train"
        asked = self.augmentation.perturb(queries) if self.augmentation and learning else clean
        parts = {
            "query": [self.query_prefix + text for text in asked],
            "passage": [self.passage_prefix + row["passage"] for row in passages],
        }
        if "negative" in passages[0]:
            parts["negative"] = [self.passage_prefix + row["negative"] for row in passages]
        if self.keep_clean and learning:
            parts["clean"] = [self.query_prefix + text for text in clean]
        return parts
