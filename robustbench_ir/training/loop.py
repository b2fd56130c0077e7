"""The training loop: sentence-transformers' trainer with our batches, loss and checkpoints."""

from __future__ import annotations

import shutil
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from accelerate import PartialState
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from robustbench_ir._base.progress import Progress
from robustbench_ir.encoders.fingerprint import libraries
from robustbench_ir.encoders.loading import quiet
from robustbench_ir.errors import DataWarning
from robustbench_ir.training.bases import default_learning_rate, load_base, texts_of
from robustbench_ir.training.batches import Augmentation, PairCollator
from robustbench_ir.training.checkpoints import (
    checkpoint_folder,
    damaged_checkpoints,
    last_checkpoint,
    one_line_if_the_disk_is_full,
    remove_outdated,
    seal,
    step_of,
)
from robustbench_ir.training.losses import RetrievalLoss
from robustbench_ir.training.record import Kept, Training, TrainingOutcome
from robustbench_ir.training.samplers import HybridBatchSampler
from robustbench_ir.training.table import ParallelTable
from robustbench_ir.training.vocabulary import read_texts

if TYPE_CHECKING:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from transformers import TrainerControl, TrainerState, TrainingArguments


class _ProgressCallback(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Reports the progress of the training to a `Progress`. The trainer accepts subclasses of its own class only."""

    def __init__(self, progress: Progress, steps: int) -> None:
        self._progress = progress
        self._steps = steps

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        del args, control
        self._progress.stage("train", self._steps)
        self._progress.advance(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        del args, state, control
        self._progress.advance(1)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        del args, control
        loss = (metrics or {}).get("eval_loss", float("nan"))
        self._progress.stage(
            f"train: step {state.global_step} of {self._steps}, validation loss {loss:.4f}", self._steps
        )
        self._progress.advance(state.global_step)


class _SealingCallback(TrainerCallback):  # type: ignore[misc,unused-ignore]
    """Seals each checkpoint when all processes have written their part of it, and removes older ones only then."""

    def __init__(self, keep: Kept) -> None:
        self._keep = keep

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        del control
        best = self._best(args, state)
        if best:  # the path in the checkpoint is wrong if the folder was moved since
            state.best_model_checkpoint = str(best)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        del control
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir or "") / f"checkpoint-{state.global_step}"
            seal(checkpoint)
            remove_outdated(checkpoint, self._best(args, state))

    def _best(self, args: TrainingArguments, state: TrainerState) -> Path | None:
        if self._keep == "last" or not state.best_global_step:
            return None
        return Path(args.output_dir or "") / f"checkpoint-{state.best_global_step}"


def run_training(
    training: Training,
    table: ParallelTable,
    augmentation: Augmentation | None,
    out: Path,
    device: str | None,
    progress: Progress,
) -> TrainingOutcome:
    """Train from the base, or from the last checkpoint in `out`, and save the best model into `out`.

    Where `torchrun` has started several processes, the first one writes.

    Parameters
    ----------
    training : Training
        What to train.
    table : ParallelTable
        Training data.
    augmentation : Augmentation, optional
        Perturbs the queries.
    out : pathlib.Path
        Folder of the model and its checkpoints.
    device : str, optional
        Such as ``"cpu"``; by default sentence-transformers chooses.
    progress : Progress
        Receives the progress.
    """
    progress.stage("prepare the base")
    resumed = last_checkpoint(out, training.keep)
    if PartialState().is_main_process:
        _remove_damaged(out, training.keep)
    PartialState().wait_for_everyone()
    held_in, held_out = table.split(training.validation)
    with quiet():
        model = load_base(
            training.base,
            held_in,
            seed=training.seed,
            vocabulary=training.vocabulary,
            dimensions=training.dimensions,
            max_length=training.max_length,
            device=device,
            prune_to=[*texts_of(table), *read_texts(training.prune_vocabulary)] if training.prune_vocabulary else (),
            freeze=training.freeze,
        )
        rows = held_in.dataset()
        arguments = _arguments(training, out, model.device, is_new=resumed is None)
        trainer = _trainer(arguments, training, model, rows, held_out.dataset("validation"), augmentation, progress)
        with one_line_if_the_disk_is_full(out):
            trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
            if trainer.is_world_process_zero():
                model.save_pretrained(str(out), create_model_card=False)
    state = trainer.state
    losses = [(int(entry["step"]), float(entry["eval_loss"])) for entry in state.log_history if "eval_loss" in entry]
    sampler = _sampler(training)(rows, training.batch_size, seed=training.seed)
    return TrainingOutcome(
        validation_losses=tuple(losses),
        steps=int(state.global_step),
        best_step=int((training.keep == "best" and state.best_global_step) or state.global_step),
        seconds=0.0,
        resumed_from=step_of(resumed) if resumed else 0,
        left_out=sampler.left_out,
        learning_rate=_learning_rate(training),
        loss=_loss_name(training),
        precision="float32, forward pass in bfloat16" if arguments.bf16 else "float32",
        processes=arguments.world_size,
        versions=dict(libraries("torch")),
    )


def _trainer(
    arguments: SentenceTransformerTrainingArguments,
    training: Training,
    model: SentenceTransformer,
    rows: Dataset,
    held_out: Dataset,
    augmentation: Augmentation | None,
    progress: Progress,
) -> SentenceTransformerTrainer:
    trainer = SentenceTransformerTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        eval_dataset=held_out,
        loss=RetrievalLoss(model, training.scale, training.consistency, training.mini_batch),
        data_collator=PairCollator(  # type: ignore[arg-type]
            getattr(model, "preprocess", model.tokenize), augmentation, keep_clean=training.consistency > 0
        ),
        callbacks=[
            *([EarlyStoppingCallback(early_stopping_patience=training.patience)] if training.keep == "best" else []),
            _ProgressCallback(progress, training.steps),
            _SealingCallback(training.keep),
        ],
    )
    trainer.remove_callback(PrinterCallback)
    for callback in list(trainer.callback_handler.callbacks):
        if "ModelCardCallback" in type(callback).__name__:  # it embeds examples for a card that is not written
            trainer.remove_callback(callback)
    return trainer


def _arguments(
    training: Training, out: Path, device: torch.device, *, is_new: bool
) -> SentenceTransformerTrainingArguments:
    on_gpu = device.type == "cuda"
    every = min(training.evaluate_every, training.steps)
    return SentenceTransformerTrainingArguments(
        output_dir=str(checkpoint_folder(out)),
        max_steps=training.steps,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=training.batch_size,
        # The annotation asks for a subclass of its own class, but the methods of torch's class suffice.
        batch_sampler=_sampler(training),  # type: ignore[arg-type]
        gradient_accumulation_steps=training.accumulate,
        learning_rate=_learning_rate(training),
        weight_decay=training.weight_decay,
        warmup_steps=int(training.warmup * training.steps),
        seed=training.seed,
        eval_strategy="steps",
        # `trainer.evaluate()` before the training would keep processes from sharing gradients.
        eval_on_start=is_new,
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        load_best_model_at_end=training.keep == "best",
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        restore_callback_states_from_checkpoint=True,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        bf16=_in_bfloat16(training, on_gpu=on_gpu),
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=on_gpu,
    )


def _in_bfloat16(training: Training, *, on_gpu: bool) -> bool:
    automatic = on_gpu and torch.cuda.is_bf16_supported()
    return automatic if training.precision == "auto" else training.precision == "bfloat16"


def _sampler(training: Training) -> partial[HybridBatchSampler]:
    return partial(HybridBatchSampler, alpha=training.monolingual_share)


def _learning_rate(training: Training) -> float:
    return default_learning_rate(training.base) if training.learning_rate is None else training.learning_rate


def _loss_name(training: Training) -> str:
    name = "InfoNCE over cosine, in-batch negatives"
    return (
        f"{name}, plus {training.consistency:g} x (1 - cosine of clean and perturbed query)"
        if (training.consistency)
        else name
    )


def _remove_damaged(out: Path, keep: Kept) -> None:
    """Remove the checkpoints that the training does not go on from, so that nothing of them gets into new ones."""
    damaged = damaged_checkpoints(out, keep)
    if damaged:
        kept = last_checkpoint(out, keep)
        names = ", ".join(f"{path.name} ({fault})" for path, fault in damaged.items())
        where = f"goes on from {kept.name}" if kept else "begins again"
        warnings.warn(f"{out}: damaged or not finished: {names}; the training {where}", DataWarning, stacklevel=3)
    for path in damaged:
        shutil.rmtree(path)
