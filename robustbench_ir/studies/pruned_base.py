"""A smaller base for a study: the tokens of its training data, of its tasks, and of the attacks on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from robustbench_ir.encoders import EncoderOptions
from robustbench_ir.encoders.loading import load_transformer_model
from robustbench_ir.errors import OptionError, TrainingError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.perturb.recipe import SEVERITIES
from robustbench_ir.studies.config import StudyCard
from robustbench_ir.studies.material import Material
from robustbench_ir.tasks import Task
from robustbench_ir.training.bases import texts_of
from robustbench_ir.training.batches import PASSAGE_PREFIX, QUERY_PREFIX
from robustbench_ir.training.checkpoints import one_line_if_the_disk_is_full
from robustbench_ir.training.vocabulary import PrunedVocabulary, prune_vocabulary


def prune_study_base(card: StudyCard, out: Path) -> PrunedVocabulary:
    """Write the base of a study with the tokens that the study needs.

    These are the tokens of the training data, and of the tasks' passages and queries, both clean and under each attack
    at every severity.

    Parameters
    ----------
    card : StudyCard
        Card of a study with one base.
    out : pathlib.Path
        Folder of the smaller base.

    Raises
    ------
    OptionError
        If the study has several bases, or the folder is not empty.
    EncoderError
        If the base is no transformer whose vocabulary can be pruned.
    TrainingError
        If the disk is full.
    """
    from sentence_transformers import SentenceTransformer

    if len(card.bases) != 1:
        raise OptionError(f"the study {card.name} has {len(card.bases)} bases; name the one to prune with --base")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OptionError(f"{out}: is not an empty folder; name another")
    model = load_transformer_model(card.bases[0], EncoderOptions(device="cpu")).model
    if not isinstance(model, SentenceTransformer):
        raise OptionError(f"{card.bases[0]}: a sparse encoder; only dense ones can be trained here")
    prefixes = {QUERY_PREFIX, PASSAGE_PREFIX, *(prompt for prompt in model.prompts.values() if prompt)}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        # In a folder beside it, so that a killed process leaves no half of a base under its name.
        with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as draft, one_line_if_the_disk_is_full(out):
            found = prune_vocabulary(model, _texts(card, prefixes), Path(draft) / "model")
            (Path(draft) / "model").replace(out)
            return found
    except TrainingError as error:
        raise TrainingError(f"{out}: {error}") from error


def _texts(card: StudyCard, prefixes: set[str]) -> Iterator[str]:
    """Yield every text with its prefix; those of tasks with each: a tokeniser may join a prefix with what follows."""
    material = Material(card)
    for data in material.all_data():
        yield from texts_of(data.table)
    for task in material.all_tasks():
        for text in (*(one.text for one in task.passages), *_asked(card, task)):
            for prefix in prefixes:
                yield prefix + text


def _asked(card: StudyCard, task: Task) -> Iterator[str]:
    yield from (one.text for one in task.queries)
    for recipe in (load_recipe(name).for_task(task) for name in card.recipes):
        for severity in SEVERITIES[1:]:
            for seed in range(card.perturbation_seeds):
                yield from (one.text for one in recipe.perturb(task.queries, severity, seed))
