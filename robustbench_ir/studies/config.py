"""The card of a study: everything that decides its numbers, in one TOML file."""

from __future__ import annotations

import json
import math
from hashlib import sha256
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from robustbench_ir.errors import OptionError
from robustbench_ir.resources.cards import Card, NamedCard, read_card, read_named
from robustbench_ir.training.record import SamplerName, Training

UNTRAINED = "untrained"
FOLD = "{fold}"


class StudyTask(Card):
    """A task on which every checkpoint is attacked.

    Attributes
    ----------
    name : str
        A name of `irbench tasks`; ``{fold}`` stands for the number of the fold, as in ``xquad-r:{fold}of2``.
    languages : tuple of str
        Only queries and passages in these languages; empty for all.
    """

    name: str
    languages: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name, without the fold and with the languages if they were chosen: ``xquad-r (en, hi)``."""
        name = self.name.partition(":")[0] if self.is_folded else self.name
        return f"{name} ({', '.join(self.languages)})" if self.languages else name

    @property
    def is_folded(self) -> bool:
        """Whether each fold is tested on other questions."""
        return FOLD in self.name

    def of_fold(self, fold: int) -> str:
        """Return the name of the task on which the checkpoints of a fold are tested."""
        return self.name.replace(FOLD, str(fold))


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
    training : mapping
        Keys of `Training` with other values than in the card.
    data : tuple of str
        Other training data; empty for the card's.
    samplers : tuple of str
        The only samplers that the variant is trained with; empty for all.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    augment: dict[str, float] = {}
    consistency: float = Field(default=0.0, ge=0)
    training: dict[str, bool | int | float | str] = {}
    data: tuple[str, ...] = ()
    samplers: tuple[SamplerName, ...] = ()


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


class Margins(Card):
    """Largest differences between two ways to train that count as equal, fixed before the study is run.

    Attributes
    ----------
    relative_drop : float
        Margin of relative drops, and of their gaps between groups of languages: 0.015 is one and a half points.
    mean_average_precision : float
        Margin of mAP.
    rank_distance : float
        Margin of rank distances and of their growth under attack, as a share of the other arm's clean rank distance.
    """

    relative_drop: float = Field(default=0.015, gt=0)
    mean_average_precision: float = Field(default=0.01, gt=0)
    rank_distance: float = Field(default=0.1, gt=0)


class Pilot(Card):
    """Variances of a difference between two arms in the relative drop, as an earlier study on one fold found them.

    Attributes
    ----------
    of_questions : float
        Variance of the questions, the same for all seeds.
    of_both : float
        Variance of question and seed together, for one seed.
    of_seeds : float
        Variance of the seeds, for one seed.
    """

    of_questions: float = Field(ge=0)
    of_both: float = Field(ge=0)
    of_seeds: float = Field(gt=0)


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
        Training data: names or files that `irbench train --data` takes; ``{fold}`` as in `StudyTask.name`.
    folds : int
        Number of folds, each with checkpoints of its own. So every question of a task can be tested by models that
        were trained without its document.
    languages : tuple of str
        Only training rows in these languages; empty for all. Other languages of a task are zero-shot languages.
    samplers : tuple of str
        Ways to fill a batch.
    alphas : tuple of float
        Shares of monolingual batches in hybrid training; the claims are about the first.
    seeds : tuple of int
        Seeds of the trainings.
    further_seeds : tuple of int
        Seeds of the arms that the claims are not about: further alphas and variants; by default the same.
    variants : tuple of Variant
        Other changes of the training; the claims are about the first.
    training : mapping
        Further keys of `robustbench_ir.training.record.Training`, such as `steps` and `batch_size`.
    tasks : tuple of StudyTask
        Tasks to attack; the claim table has the verdicts on the first.
    recipes : tuple of str
        Recipes of the attacks.
    severity, perturbation_seeds : int
        Severity of the claims, 1 to 5; number of perturbations of each query.
    further_severities : tuple of int
        Other severities that are tested too; the claims are not about them.
    encode_batch : int
        Number of texts per forward pass in an attack.
    encode_dtype : str
        Type of the forward pass in an attack, such as ``"bfloat16"``; empty for that of the device.
    margins : Margins
        Largest differences that count as equal.
    resamples : int
        Number of resamples of the bootstrap, and of sign flips of the test.
    pilot : Pilot, optional
        Variances from which a plan computes what the study can show.
    pace : Pace
        Durations for plans.
    """

    title: str
    description: str
    bases: tuple[str, ...] = ()
    untrained: bool = False
    data: tuple[str, ...] = Field(min_length=1)
    folds: int = Field(default=1, ge=1)
    languages: tuple[str, ...] = ()
    samplers: tuple[SamplerName, ...] = Field(min_length=1)
    alphas: tuple[float, ...] = Field(default=(0.5,), min_length=1)
    seeds: tuple[int, ...] = Field(min_length=1)
    further_seeds: tuple[int, ...] = ()
    variants: tuple[Variant, ...] = Field(default=(Variant(name="plain"),), min_length=1)
    training: dict[str, bool | int | float | str]
    tasks: tuple[StudyTask, ...] = Field(min_length=1)
    recipes: tuple[str, ...] = Field(min_length=1)
    severity: int = Field(default=3, ge=1, le=5)
    perturbation_seeds: int = Field(default=1, ge=1)
    further_severities: tuple[int, ...] = ()
    encode_batch: int = Field(default=64, ge=1)
    encode_dtype: str = ""
    margins: Margins = Margins()
    resamples: int = Field(default=10_000, ge=100)
    pilot: Pilot | None = None
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
        if any(FOLD in name for name in (*self.data, *(one.name for one in self.tasks))) == (self.folds == 1):
            raise ValueError("'folds' and {fold} in the names of data or tasks belong together")
        for one in self.variants:
            if self._pairs(one) != self._pairs(self.variants[0]):
                raise ValueError(
                    f"the variant {one.name!r} is trained on {self._pairs(one):,} pairs, and the first one on "
                    f"{self._pairs(self.variants[0]):,}; give every arm as many"
                )
        if self.variants[0].training or self.variants[0].data or self.variants[0].samplers:
            raise ValueError("the first of 'variants' is the plain one, which changes nothing")
        return self

    def _pairs(self, variant: Variant) -> int:
        """Return the number of pairs that a training of a variant sees."""
        chosen = {**self.training, **variant.training}
        keys = ("steps", "batch_size", "accumulate")
        return math.prod(int(chosen.get(key, Training.model_fields[key].default)) for key in keys)

    @property
    def severities(self) -> tuple[int, ...]:
        """All severities that are tested, sorted."""
        return tuple(sorted({self.severity, *self.further_severities}))

    @property
    def attack_digest(self) -> str:
        """Eight hexadecimal digits that stand for everything that decides a result beside encoder and task."""
        from robustbench_ir._version import __version__
        from robustbench_ir.perturb import load_recipe

        recipes = [str(load_recipe(name).identity) for name in self.recipes]
        settings = [__version__, recipes, self.severity, self.perturbation_seeds]
        further = [self.further_severities, self.encode_dtype]
        return short_digest([*settings, *further] if any(further) else settings)


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
