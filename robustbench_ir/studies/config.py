"""The card of a study: everything that decides its numbers, in one TOML file."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from robustbench_ir.errors import OptionError
from robustbench_ir.resources.cards import Card, NamedCard, read_card, read_named
from robustbench_ir.training.record import SamplerName

UNTRAINED = "untrained"


class StudyTask(Card):
    """A task on which every checkpoint is attacked.

    Attributes
    ----------
    name : str
        A name of `irbench tasks`.
    languages : tuple of str
        Only queries and passages in these languages; empty for all.
    """

    name: str
    languages: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name, with the languages if they were chosen: ``xquad-r (en, hi)``."""
        return f"{self.name} ({', '.join(self.languages)})" if self.languages else self.name


class Variant(Card):
    """One change of the training other than the sampler.

    Attributes
    ----------
    name : str
        ``"plain"``, or the suffix of the sampler in tables: ``typo`` in ``hybrid+typo``.
    augment : mapping of str to float
        Recipe to the share of queries that it perturbs, 0 to 1.
    consistency : float
        Weight of the loss that pulls clean and perturbed query together.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    augment: dict[str, float] = {}
    consistency: float = Field(default=0.0, ge=0)


class Pace(Card):
    """Measured durations of the parts of a study in seconds, for plans before the first checkpoint exists.

    Attributes
    ----------
    step : float
        Duration of one training step.
    start : float
        Duration of everything before and after the steps.
    attack : mapping of str to float
        Task to the duration of all attacks on one checkpoint.
    """

    step: float = Field(gt=0)
    start: float = Field(ge=0)
    attack: dict[str, float]


class StudyCard(NamedCard):
    """What is trained, what it is attacked with, and how often.

    Attributes
    ----------
    name, title, description : str
        Name of the study and of the file; a few words; one or two sentences.
    bases : tuple of str
        Models that trainings start from: ``static-multilingual``, a name on the hub, or a folder. If empty, `--base` is
        required.
    untrained : bool
        Whether the bases themselves are attacked too, without training.
    data : tuple of str
        Training data: names or files that `irbench train --data` takes.
    languages : tuple of str
        Only training rows in these languages; empty for all. Other languages of a task are zero-shot languages.
    samplers : tuple of str
        Ways to fill a batch.
    alphas : tuple of float
        Shares of monolingual batches in hybrid training; the claims are about the first.
    seeds : tuple of int
        Seeds of the trainings.
    variants : tuple of Variant
        Other changes of the training; the claims are about the first.
    training : mapping
        Further keys of `robustbench_ir.training.record.Training`, such as `steps` and `batch_size`.
    tasks : tuple of StudyTask
        Tasks to attack; the claim table has the verdicts on the first.
    recipes : tuple of str
        Recipes of the attacks.
    severity, perturbation_seeds : int
        Severity, 1 to 5; number of perturbations of each query.
    encode_batch : int
        Number of texts per forward pass in an attack.
    resamples : int
        Number of resamples of the bootstrap, and of sign flips of the test.
    pace : Pace
        Durations for plans.
    """

    title: str
    description: str
    bases: tuple[str, ...] = ()
    untrained: bool = False
    data: tuple[str, ...] = Field(min_length=1)
    languages: tuple[str, ...] = ()
    samplers: tuple[SamplerName, ...] = Field(min_length=1)
    alphas: tuple[float, ...] = Field(default=(0.5,), min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    variants: tuple[Variant, ...] = Field(default=(Variant(name="plain"),), min_length=1)
    training: dict[str, bool | int | float | str]
    tasks: tuple[StudyTask, ...] = Field(min_length=1)
    recipes: tuple[str, ...] = Field(min_length=1)
    severity: int = Field(default=3, ge=1, le=5)
    perturbation_seeds: int = Field(default=1, ge=1)
    encode_batch: int = Field(default=64, ge=1)
    resamples: int = Field(default=10_000, ge=100)
    pace: Pace

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = {
            "bases": self.bases,
            "samplers": self.samplers,
            "alphas": self.alphas,
            "seeds": self.seeds,
            "variants": tuple(one.name for one in self.variants),
            "tasks": tuple(one.label for one in self.tasks),
            "recipes": self.recipes,
        }
        for key, values in names.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{key!r} names something twice")
        if any(not 0 <= alpha <= 1 for alpha in self.alphas):
            raise ValueError("'alphas' must lie between 0 and 1")
        return self

    @property
    def attack_digest(self) -> str:
        """Eight hexadecimal digits that stand for everything that decides a result beside encoder and task."""
        from robustbench_ir._version import __version__
        from robustbench_ir.perturb import load_recipe

        recipes = [str(load_recipe(name).identity) for name in self.recipes]
        return short_digest([__version__, recipes, self.severity, self.perturbation_seeds])


def short_digest(value: object) -> str:
    """Return eight hexadecimal digits of a JSON value."""
    return sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:8]


def load_study(name: str, config: Path | None = None, bases: tuple[str, ...] = ()) -> StudyCard:
    """Read the card of a study.

    Parameters
    ----------
    name : str
        Name of a study that ships, such as ``hybrid-batch``; ignored if `config` is given.
    config : pathlib.Path, optional
        A card of your own.
    bases : tuple of str
        Replace the bases of the card; empty to keep them.

    Raises
    ------
    UnknownNameError
        If there is no such study; the message shows the nearest name.
    CardError
        If the card has a fault; the message names file, key and the right form.
    OptionError
        If neither the card nor the arguments name a base.
    """
    card = read_card(StudyCard, config) if config else read_named(StudyCard, "studies", name, "study")
    from robustbench_ir.perturb import load_recipe

    for recipe in card.recipes:
        load_recipe(recipe)
    if not (bases or card.bases):
        raise OptionError(f"the study {card.name} names no base; give --base FOLDER, or a name on the hub")
    return card.model_copy(update={"bases": bases}) if bases else card
