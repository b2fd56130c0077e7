"""Settings and outcome of a training: `training.json` beside the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from robustbench_ir._base.files import write_whole
from robustbench_ir.errors import OptionError, ResultError

_RECORD = "training.json"

SamplerName = Literal["hybrid", "mono", "cross"]
Precision = Literal["auto", "float32", "bfloat16"]
Kept = Literal["best", "last"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Training(_Frozen):
    """All settings that decide a model: the same `Training` on the same data gives the same weights on a CPU.

    Attributes
    ----------
    base : str
        ``"static-multilingual"``, the path of a folder, or a name on the hub.
    data : tuple of str
        Names of tables, as `load_table` takes them.
    sampler : {"hybrid", "mono", "cross"}
        How batches are filled.
    alpha : float
        Share of monolingual batches of the hybrid sampler, in [0, 1].
    seed : int
        Seed of batches, first weights, dropout and perturbations.
    languages : tuple of str, optional
        Only queries in these languages are used.
    batch_size : int
        Number of pairs in a batch.
    steps : int
        Largest number of steps.
    learning_rate : float, optional
        By default 3e-5, and 0.01 for a static base.
    weight_decay, warmup : float
        Weight decay of AdamW; share of the steps in which the learning rate rises.
    scale : float
        Inverse of the temperature of the loss.
    max_length : int, optional
        Number of tokens after which a text is cut; by default that of the base.
    mini_batch : int, optional
        Number of texts in a forward pass, to save memory.
    augment : tuple of (str, float)
        Recipes, each with the probability that it perturbs a query.
    severity : int
        Severity of the perturbations, 1 to 5.
    consistency : float
        Weight of 1 - cosine(clean query, perturbed query) in the loss.
    validation : float
        Share of the parallel ids that is used for validation.
    evaluate_every : int
        Number of steps between two validations, each followed by a checkpoint.
    keep : {"best", "last"}
        Which weights are kept: those of the best validation loss, or those after the last step. Arms that are to be
        compared need the last, since each kind of batch has a validation loss of its own.
    patience : int
        Number of validations without a better loss after which the training ends, where the best weights are kept.
    precision : {"auto", "float32", "bfloat16"}
        Type of the forward pass; weights and their updates are in float32. "auto" is bfloat16 on a GPU that has it.
    freeze : tuple of str
        Parts of a transformer that are not trained: ``"embeddings"``, and ranges of layers such as ``"layers:0-5"``.
    accumulate : int
        Number of batches whose gradients are added up for one step. Negatives are of one batch.
    prune_vocabulary : tuple of str
        Text files. The base keeps only those tokens that their texts and the training data need.
    tasks : tuple of str
        Tasks that the model will be evaluated on; the data must not overlap with them.
    vocabulary, dimensions : int
        Number of tokens and size of the embeddings of a static base.
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
    keep: Kept = "best"
    patience: int = Field(default=5, ge=1)
    precision: Precision = "auto"
    freeze: tuple[str, ...] = ()
    accumulate: int = Field(default=1, ge=1)
    prune_vocabulary: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    vocabulary: int = Field(default=16000, gt=256)
    dimensions: int = Field(default=256, ge=1)

    @property
    def monolingual_share(self) -> float:
        """Probability that a batch is monolingual: 1, 0 or alpha."""
        return {"mono": 1.0, "cross": 0.0, "hybrid": self.alpha}[self.sampler]


class DataRecord(_Frozen):
    """The table that a model was trained on.

    Attributes
    ----------
    name, digest, licence : str
        Name, hash of the rows, and terms of the texts.
    rows : int
        Number of rows.
    languages : tuple of str
        Languages of the queries.
    notes : tuple of str
        What was left out, and why.
    """

    name: str
    rows: int
    digest: str
    languages: tuple[str, ...]
    licence: str
    notes: tuple[str, ...]


class Overlap(_Frozen):
    """Texts that a training table and a task have in common.

    Attributes
    ----------
    task : str
        Identity of the task, or its name in a study.
    queries, passages : int
        Number of distinct texts of the task.
    shared_queries, shared_passages : int
        Number of those that occur in the table, as query, passage or negative.
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
    """Outcome of a training.

    Attributes
    ----------
    validation_losses : tuple of (int, float)
        Steps and their losses.
    steps : int
        Number of steps that were done.
    best_step : int
        Step of the best validation loss, whose weights were kept.
    seconds : float
        Duration of the last process; earlier processes that were killed are not counted.
    resumed_from : int
        Step from which the last process resumed; 0 if it did all steps.
    left_out : dict
        Kind of batch to the number of rows that the sampler could not use.
    learning_rate : float
        The learning rate.
    loss : str
        Name and parts of the loss.
    precision : str
        Type of the weights, and of the forward pass where it is another one; empty in records of earlier versions.
    processes : int
        Number of processes, each of which had batches of its own at every step.
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
    precision: str = ""
    processes: int = 1
    versions: dict[str, str]


class Record(_Frozen):
    """The content of `training.json`.

    Attributes
    ----------
    training : Training
        The settings.
    data : DataRecord
        The training data.
    overlap : tuple of Overlap
        Texts that the data has in common with each task.
    first_loss : float or None
        Validation loss before the training; None until the training has ended.
    outcome : TrainingOutcome or None
        None until the training has ended.
    """

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
        Content of its `training.json`.
    outcome : TrainingOutcome
        The same as ``record.outcome``.
    """

    folder: Path
    record: Record
    outcome: TrainingOutcome

    @property
    def validation_losses(self) -> tuple[tuple[int, float], ...]:
        """Steps and validation losses; the first is the loss of the base."""
        return self.outcome.validation_losses

    @property
    def steps(self) -> int:
        """Number of steps that were done."""
        return self.outcome.steps

    @property
    def seconds(self) -> float:
        """Duration of the last process that trained."""
        return self.outcome.seconds


def make_training(**values: object) -> Training:
    """Make a `Training` from values that were not checked yet.

    Raises
    ------
    OptionError
        If a value is out of its range, or a name is unknown.
    """
    try:
        return Training.model_validate(values)
    except ValidationError as error:
        raise OptionError(_first(error)) from error


def read_record(folder: Path) -> Record | None:
    """Read `training.json`; return None if there is none.

    Raises
    ------
    ResultError
        If this package did not write the file.
    """
    path = folder / _RECORD
    if not path.is_file():
        return None
    try:
        return Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ResultError(f"{path}: {_first(error)}; name another folder") from error


def write_record(folder: Path, record: Record) -> None:
    """Write `training.json` in one step, so that no part of it is ever read.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the model.
    record : Record
        The content.
    """
    write_whole(folder / _RECORD, record.model_dump_json(indent=2).encode() + b"\n")


def read_trained(folder: Path) -> Trained | None:
    """Return the model that a training left in a folder; None if it has not ended."""
    record = read_record(folder)
    return Trained(folder, record, record.outcome) if record and record.outcome else None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"])).replace("_", "-")
    return f"{key}: {first['msg']}" if key else str(first["msg"])
