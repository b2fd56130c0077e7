"""What a training is asked to do, and what it did: `training.json` beside the model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import OptionError, ResultError

_RECORD = "training.json"

SamplerName = Literal["hybrid", "mono", "cross"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Training(_Frozen):
    """All that decides a model: the same `Training` on the same data gives the same weights on a CPU.

    Attributes
    ----------
    base : str
        ``"static-multilingual"``, the path of a folder, or a name on the hub.
    data : tuple of str
        Tables, as `load_table` knows them.
    sampler : {"hybrid", "mono", "cross"}
        How batches are filled.
    alpha : float
        Share of monolingual batches of the hybrid sampler, in [0, 1].
    seed : int
        Of batches, first weights and dropout, perturbations.
    languages : tuple of str, optional
        Queries in these languages only.
    batch_size : int
        Pairs in a batch.
    steps : int
        At most so many.
    learning_rate : float, optional
        By default 3e-5, for a static base 0.01.
    weight_decay, warmup : float
        Of AdamW; share of the steps in which the learning rate rises.
    scale : float
        Inverse of the loss's temperature.
    max_length : int, optional
        Tokens after which a text is cut; by default the base's own.
    mini_batch : int, optional
        Texts in a forward pass, to save memory.
    augment : tuple of (str, float)
        Recipes, each with the probability that a query is perturbed by it.
    severity : int
        Of the perturbations, 1 to 5.
    consistency : float
        Weight of 1 - cosine(clean query, perturbed query) in the loss.
    validation : float
        Share of the parallel ids that is validated on.
    evaluate_every : int
        Steps between two validations, each followed by a checkpoint.
    patience : int
        Validations without a better loss after which the training ends.
    tasks : tuple of str
        What the model will be evaluated on; the data must not overlap with it.
    vocabulary, dimensions : int
        Of a static base.
    """

    base: str = Field(min_length=1)
    data: tuple[str, ...] = Field(min_length=1)
    sampler: SamplerName = "hybrid"
    alpha: float = Field(default=0.5, ge=0, le=1)
    seed: int = Field(default=0, ge=0, lt=2**32)
    languages: tuple[str, ...] | None = None
    batch_size: int = Field(default=100, ge=2)
    steps: int = Field(default=1000, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.0, ge=0, lt=1)
    scale: float = Field(default=20.0, gt=0)
    max_length: int | None = Field(default=None, ge=1)
    mini_batch: int | None = Field(default=None, ge=1)
    augment: tuple[tuple[str, float], ...] = ()
    severity: int = Field(default=3, ge=1, le=5)
    consistency: float = Field(default=0.0, ge=0)
    validation: float = Field(default=0.05, gt=0, lt=1)
    evaluate_every: int = Field(default=100, ge=1)
    patience: int = Field(default=5, ge=1)
    tasks: tuple[str, ...] = ()
    vocabulary: int = Field(default=16000, gt=256)
    dimensions: int = Field(default=256, ge=1)

    @property
    def monolingual_share(self) -> float:
        """Probability that a batch is monolingual: 1, 0 or alpha."""
        return {"mono": 1.0, "cross": 0.0, "hybrid": self.alpha}[self.sampler]


class DataRecord(_Frozen):
    """The table of a training."""

    name: str
    rows: int
    digest: str
    languages: tuple[str, ...]
    licence: str
    notes: tuple[str, ...]


class Overlap(_Frozen):
    """What a training table and a task share.

    Attributes
    ----------
    task : str
        Identity of the task, or what else it is called.
    queries, passages : int
        The task's distinct texts.
    shared_queries, shared_passages : int
        Those that occur, as query, passage or negative, in the table.
    """

    task: str
    queries: int
    shared_queries: int
    passages: int
    shared_passages: int

    @property
    def query_share(self) -> float:
        """Share of the task's queries, from 0 to 1."""
        return self.shared_queries / self.queries if self.queries else 0.0

    @property
    def passage_share(self) -> float:
        """Share of the task's passages, from 0 to 1."""
        return self.shared_passages / self.passages if self.passages else 0.0

    def __bool__(self) -> bool:
        return bool(self.shared_queries or self.shared_passages)

    def __str__(self) -> str:
        return (
            f"{self.shared_queries} of {self.queries} queries ({self.query_share:.1%}) and {self.shared_passages} of "
            f"{self.passages} passages ({self.passage_share:.1%}) of {self.task}"
        )


class TrainingOutcome(_Frozen):
    """How a training ended.

    Attributes
    ----------
    validation_losses : tuple of (int, float)
        Step and loss.
    steps : int
        Steps done.
    best_step : int
        Step of the best validation loss, whose weights were kept.
    seconds : float
        Of the last process; one that was killed before is not counted.
    resumed_from : int
        Step at which the last process went on; 0 if it did all.
    left_out : dict
        Rows that the sampler could not use, by kind of batch.
    learning_rate : float
        That was used.
    loss : str
        Its name and parts.
    versions : dict
        Libraries and their versions.
    """

    validation_losses: tuple[tuple[int, float], ...]
    steps: int
    best_step: int
    seconds: float
    resumed_from: int
    left_out: dict[str, int]
    learning_rate: float
    loss: str
    versions: dict[str, str]


class Record(_Frozen):
    """`training.json`: what was asked, of which data, and, once it has ended, what came of it."""

    training: Training
    data: DataRecord
    overlap: tuple[Overlap, ...] = ()
    first_loss: float | None = None
    outcome: TrainingOutcome | None = None


@dataclass(frozen=True)
class Trained:
    """A trained model.

    Attributes
    ----------
    folder : pathlib.Path
        ``SentenceTransformer(folder)`` loads it.
    record : Record
        What is in its `training.json`.
    outcome : Outcome
        The same as ``record.outcome``.
    """

    folder: Path
    record: Record
    outcome: TrainingOutcome

    @property
    def validation_losses(self) -> tuple[tuple[int, float], ...]:
        """Steps and validation losses; the first is that of the base."""
        return self.outcome.validation_losses

    @property
    def steps(self) -> int:
        """Steps done."""
        return self.outcome.steps

    @property
    def seconds(self) -> float:
        """Duration of the last process that trained."""
        return self.outcome.seconds


def make_training(**values: object) -> Training:
    """Make a `Training` of values of unknown origin.

    Raises
    ------
    OptionError
        A value out of its range, or a name that there is not.
    """
    try:
        return Training.model_validate(values)
    except ValidationError as error:
        raise OptionError(_first(error)) from error


def read_record(folder: Path) -> Record | None:
    """Read `training.json`; None where there is none.

    Raises
    ------
    ResultError
        It is not what this package writes.
    """
    path = folder / _RECORD
    if not path.is_file():
        return None
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ResultError(f"{path}: {_first(error)}; name another folder") from error


def write_record(folder: Path, record: Record) -> None:
    """Write `training.json`, whole or not at all."""
    write_whole(folder / _RECORD, record.model_dump_json(indent=2).encode() + b"\n")


def read_trained(folder: Path) -> Trained | None:
    """Return the model that a training left in a folder; None if it has not ended."""
    record = read_record(folder)
    return Trained(folder, record, record.outcome) if record and record.outcome else None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"])).replace("_", "-")
    return f"{key}: {first['msg']}" if key else str(first["msg"])


def checkpoint_folder(out: Path) -> Path:
    """Return the folder of a training's checkpoints."""
    return out / "checkpoints"


def last_checkpoint(out: Path) -> Path | None:
    """Return the newest whole checkpoint; the trainer writes its state last, so one without it was cut short."""
    whole = [path.parent for path in checkpoint_folder(out).glob("checkpoint-*/trainer_state.json") if _is_json(path)]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True
