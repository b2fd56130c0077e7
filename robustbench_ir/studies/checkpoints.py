"""What a study trains: arms (ways to train) and their checkpoints, one for each seed, each with its own folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from robustbench_ir.leaderboard.names import slug
from robustbench_ir.studies.config import FOLD, UNTRAINED, StudyCard, StudyTask, Variant, short_digest


@dataclass(frozen=True)
class Arm:
    """One way to train from one base.

    Attributes
    ----------
    base : str
        Model that the training starts from.
    sampler : str
        ``"hybrid"``, ``"mono"``, ``"cross"``, or ``"untrained"`` for the base without training.
    alpha : float
        Share of monolingual batches of the hybrid sampler; NaN for other samplers.
    variant : Variant
        Other changes of the training.
    label : str
        Name in tables, such as ``hybrid``, ``hybrid alpha=0.3``, ``mono+typo``.
    """

    base: str
    sampler: str
    alpha: float
    variant: Variant
    label: str


@dataclass(frozen=True)
class Checkpoint:
    """One model of a study.

    Attributes
    ----------
    arm : Arm
        How it is trained.
    seed : int
        Seed of the training.
    fold : int
        Number of the fold that it is tested on, from 1.
    training : mapping
        Arguments of `robustbench_ir.training.record.Training`; empty for an untrained base.
    """

    arm: Arm
    seed: int
    fold: int
    training: Mapping[str, object]

    @property
    def name(self) -> str:
        """Name of its files. Other arguments of the training give another name, so that files are never confused."""
        base = slug(Path(self.arm.base).name)
        if not self.training:
            return f"{base}-{UNTRAINED}-{short_digest(self.arm.base)}"
        return f"{base}-{slug(self.arm.label)}-seed{self.seed}-{short_digest(dict(self.training))}"

    def encoder(self, out: Path) -> str:
        """Return the name under which `robustbench_ir.attack` loads the model."""
        return str(out / "models" / self.name) if self.training else self.arm.base

    def result(self, out: Path, task: StudyTask, attack_digest: str) -> Path:
        """Return the file of its result on a task.

        Parameters
        ----------
        out : pathlib.Path
            Folder of the study.
        task : StudyTask
            The task.
        attack_digest : str
            See `StudyCard.attack_digest`.
        """
        name = task.of_fold(self.fold)
        which = short_digest([attack_digest, name, list(task.languages)])
        return out / "results" / f"{self.name}-{slug(name)}-{which}.json"


def arms(card: StudyCard, base: str) -> list[Arm]:
    """Return the arms of a study from one base; the arms that the claims are about come first.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    base : str
        Model that the training starts from.
    """
    main, *others = card.variants
    first, *alphas = card.alphas
    found = [_arm(base, sampler, first, main, main) for sampler in card.samplers]
    if "hybrid" in card.samplers:
        found += [_arm(base, "hybrid", alpha, main, main, f" alpha={alpha:g}") for alpha in alphas]
    found += [
        _arm(base, sampler, first, variant, main) for variant in others for sampler in variant.samplers or card.samplers
    ]
    if card.untrained:
        found.append(Arm(base, UNTRAINED, float("nan"), main, UNTRAINED))
    return found


def _arm(base: str, sampler: str, alpha: float, variant: Variant, main: Variant, suffix: str = "") -> Arm:
    added = "" if variant == main else f"+{variant.name}"
    return Arm(base, sampler, alpha if sampler == "hybrid" else float("nan"), variant, f"{sampler}{suffix}{added}")


def checkpoints(card: StudyCard, arm: Arm) -> list[Checkpoint]:
    """Return the checkpoints of an arm, one for each seed and fold; all folds of a seed follow each other.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    arm : Arm
        How they are trained.
    """
    folds = range(1, card.folds + 1)
    if arm.sampler == UNTRAINED:
        return [Checkpoint(arm, 0, fold, {}) for fold in folds]
    settings: dict[str, object] = {
        **card.training,
        **({"languages": card.languages} if card.languages else {}),
        **arm.variant.training,
        "base": arm.base,
        "sampler": arm.sampler,
        "augment": tuple(arm.variant.augment.items()),
        "consistency": arm.variant.consistency,
    }
    if arm.sampler == "hybrid":
        settings["alpha"] = arm.alpha
    seeds = card.seeds if arm.label == arm.sampler else card.further_seeds or card.seeds
    return [
        Checkpoint(arm, seed, fold, {**settings, "data": data_of_fold(card, arm.variant, fold), "seed": seed})
        for seed in seeds
        for fold in folds
    ]


def data_of_fold(card: StudyCard, variant: Variant, fold: int) -> tuple[str, ...]:
    """Return the names of the training data of a fold's checkpoints."""
    return tuple(name.replace(FOLD, str(fold)) for name in variant.data or card.data)


def all_checkpoints(card: StudyCard) -> list[tuple[Arm, list[Checkpoint]]]:
    """Return the checkpoints of a study, arm by arm."""
    return [(arm, checkpoints(card, arm)) for base in card.bases for arm in arms(card, base)]


def in_order_of_work(planned: Sequence[tuple[Arm, Sequence[Checkpoint]]]) -> list[Checkpoint]:
    """Return all checkpoints, one of each arm after the other, so that a study that was stopped has some of each."""
    rounds = zip_longest(*(ones for _, ones in planned))
    return [one for each in rounds for one in each if one is not None]
