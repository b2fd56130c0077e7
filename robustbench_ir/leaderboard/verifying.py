"""Run a sample of the queries of an entry again, and judge whether its numbers hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_ir.encoders import BUILT_IN, EncoderOptions, load_encoder
from robustbench_ir.encoders.encoder import Encoder
from robustbench_ir.encoders.options import options_from
from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation.runner import QuerySet, Runner
from robustbench_ir.leaderboard.canonical import perturbed_queries, task_of_entry, threat_model
from robustbench_ir.leaderboard.schema import Entry, EntryCell
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import Judgements, judgements_of, mean_over_passage_languages, per_query_scores
from robustbench_ir.perturb import digest
from robustbench_ir.retrieval.ranking import Ranks

_CLOSE = 0.02
_SHARE = 0.95
_KEYWORDS = {"encode_kwargs", "model_kwargs"}


@dataclass(frozen=True)
class Verification:
    """Outcome of a verification.

    Attributes
    ----------
    sample : int
        Number of queries.
    compared, equal : int
        Number of values that were compared, and of those that differ by at most 0.02.
    largest : float
        Largest absolute difference of an AP.
    mean : float
        Mean of entry minus rerun; near 0 unless the entry is too good.
    searched : int
        Number of query sets that were left out, because a search made them against the model and the entry lacks them.
    exact : bool
        Whether all values must agree, because no model computed them.
    """

    sample: int
    compared: int
    equal: int
    largest: float
    mean: float
    searched: int = 0
    exact: bool = False

    @property
    def holds(self) -> bool:
        """Whether the numbers of the entry hold.

        At least 95% of the values must agree, and the mean difference must be below 0.005, because other hardware may
        give slightly other values.
        """
        if self.exact:
            return self.equal == self.compared
        return self.equal >= _SHARE * self.compared and abs(self.mean) < _CLOSE / 4


def verify(entry: Entry, sample: int, seed: int, model: str | None = None, revision: str | None = None) -> Verification:
    """Rank a random sample of the queries of an entry, clean and attacked, with the encoder that it names.

    Parameters
    ----------
    entry : Entry
        Entry without faults.
    sample : int
        Number of queries.
    seed : int
        Seed of the sample; best chosen after the entry was submitted.
    model : str, optional
        Name or folder of the encoder, if it is not the one in the entry.
    revision : str, optional
        Commit of the encoder, if it is not the one in the entry.

    Raises
    ------
    ResultError
        If the task or a recipe is not that of the entry, a query set has another digest, or the entry is of runs.
    """
    if entry.model.kind == "run":
        raise ResultError(
            f"{entry.model.name}: cannot be run again, the entry is of a system's TREC runs; "
            f"ask its author for the run files, and score them again with --run"
        )
    task = task_of_entry(entry)
    if (task.identity, task.digest) != (entry.task.identity, entry.task.sha256):
        raise ResultError(f"{entry.task.identity}: the texts here are not those of the entry; it cannot be verified")
    # No kept embeddings are used: they may be what the entry was made from, and the entry is in doubt.
    runner = Runner(_encoder(entry, model, revision), task, keeps_embeddings=False)
    drawn = np.random.default_rng(seed).choice(len(task.queries), min(sample, len(task.queries)), replace=False)
    rows = sorted(int(row) for row in drawn)
    layout = judgements_of(task)
    drawn_cells = [cell for cell in entry.cells if threat_model(cell.recipe) == "average case"]
    found = np.concatenate([_differences(cell, runner, layout, rows) for cell in drawn_cells])
    close = int((np.abs(found) <= _CLOSE).sum())
    largest, searched = float(np.abs(found).max()), len(entry.cells) - len(drawn_cells)
    return Verification(len(rows), len(found), close, largest, float(found.mean()), searched)


def _encoder(entry: Entry, model: str | None, revision: str | None) -> Encoder:
    """Load the encoder. An entry may name one that ships or one on the hub, but no path or address."""
    who = entry.model
    if model is None and who.encoder not in BUILT_IN and not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", who.encoder):
        raise ResultError(f"{who.name}: the entry names no encoder of the hub; say where it is with --model")
    commit = revision or who.revision or None
    if who.options is None:
        return load_encoder(
            model or who.encoder, EncoderOptions(who.query_prompt or None, who.passage_prompt or None, revision=commit)
        )
    keywords = sorted(_KEYWORDS & set(who.options))
    if keywords:
        # They reach the code that loads a model, and a submitted file must not decide what that does.
        named = " and ".join(keywords)
        raise ResultError(f"{who.name}: its {named} are not taken from an entry, so that it cannot be verified")
    return load_encoder(model or who.encoder, options_from({**who.options, "revision": commit}))


def _differences(cell: EntryCell, runner: Runner, layout: Judgements, rows: Sequence[int]) -> Floats:
    """Return the entry's AP minus that of the rerun, for each setting and query of the sample that has a case."""
    perturbed = perturbed_queries(runner.task, cell)
    if perturbed is None or digest(perturbed) != cell.queries_sha256:
        raise ResultError(f"{cell.recipe}: the queries here are not those of the entry; it cannot be verified")
    queries = QuerySet(runner, perturbed, rows, cell.recipe)
    nowhere = np.ones(len(layout.query), dtype=np.int32)
    ranks = queries.ranks_over(Ranks(nowhere, nowhere))
    found = []
    for setting, said in cell.average_precision.items():
        rerun = mean_over_passage_languages(per_query_scores(layout, ranks, "AP", setting))[rows]
        found.append((np.array(said)[rows] - rerun)[~np.isnan(rerun)])
    return np.concatenate(found)
