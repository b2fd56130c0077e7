"""Turn the row numbers of a batch into its texts, and perturb queries where the training asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from robustbench_ir.errors import OptionError
from robustbench_ir.perturb import RecipeLike, as_recipe, load_recipe
from robustbench_ir.perturb.recipe import SEVERITIES, Recipe
from robustbench_ir.tasks import Query
from robustbench_ir.training.table import text_hash

if TYPE_CHECKING:
    import torch

QUERY_PREFIX = "Query: "
PASSAGE_PREFIX = "Passage: "

Tokenize = Callable[[list[str]], Mapping[str, "torch.Tensor"]]
"""The tokeniser of a model: takes texts and returns the tensors for `forward`."""


class TrainingRow(TypedDict, total=False):
    """A row of `ParallelTable.dataset`; its keys are the fields of `ParallelRow`, and `split`."""

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
    """Perturbs queries during training.

    Attributes
    ----------
    recipes : tuple of (Recipe, float)
        Each recipe with the probability that it perturbs a query; at most 1 in sum.
    severity : int
        Severity of the perturbations, 1 to 5.
    seed : int
        Seed of the perturbations.
    """

    recipes: tuple[tuple[Recipe, float], ...]
    severity: int
    seed: int

    def perturb(self, queries: Sequence[TrainingRow]) -> list[str]:
        """Return the texts of the queries, some of them perturbed.

        The outcome depends only on the seed and on the rows of the batch. So a resumed training sees the same texts,
        and a query that occurs again in another batch gets another perturbation.
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


def make_augmentation(
    recipes: Mapping[str, float], severity: int, seed: int, own: Iterable[RecipeLike] = ()
) -> Augmentation | None:
    """Load the recipes of an augmentation.

    Parameters
    ----------
    recipes : mapping of str to float
        Recipe name to the probability that it perturbs a query, above 0 and at most 1.
    severity : int
        Severity of the perturbations, 1 to 5.
    seed : int
        Seed of the perturbations.
    own : iterable of Recipe or callable
        Recipes of your own, which `recipes` names.

    Returns
    -------
    Augmentation or None
        None if there are no recipes.

    Raises
    ------
    OptionError
        If a probability or the severity is out of range.
    UnknownNameError
        If there is no such recipe.
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
    known = {recipe.name: recipe for recipe in map(as_recipe, own)}
    chosen = tuple((known.get(name) or load_recipe(name), share) for name, share in recipes.items())
    return Augmentation(chosen, severity, seed)


@dataclass(frozen=True)
class PairCollator:
    """Turns the rows of a batch into what a loss of sentence-transformers reads.

    Rows are query row, passage row, query row, passage row, and so on. The batch has `query`, `passage`, `negative`
    where the rows have one, and, with `keep_clean`, `clean`: the query before it was perturbed.

    Attributes
    ----------
    tokenize : callable
        Tokeniser of the model.
    augmentation : Augmentation, optional
        Perturbs the queries.
    keep_clean : bool
        Whether the batch also has the clean queries.
    query_prefix, passage_prefix : str
        Texts put before each query and each passage.
    valid_label_columns : tuple of str
        Read by the trainer; there are none.
    """

    tokenize: Tokenize
    augmentation: Augmentation | None = None
    keep_clean: bool = False
    query_prefix: str = QUERY_PREFIX
    passage_prefix: str = PASSAGE_PREFIX
    valid_label_columns: tuple[str, ...] = ()

    def __call__(self, rows: Sequence[TrainingRow]) -> dict[str, torch.Tensor]:
        """Return the tensors under the names that the trainer expects; `label` has one value for each pair."""
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
