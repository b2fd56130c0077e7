"""Run a sample of the queries of an entry again, and judge whether its numbers hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from robustbench_ir.adversary.crafts import Craft
from robustbench_ir.adversary.poison import places_of_some
from robustbench_ir.adversary.poisoning import DEPTHS
from robustbench_ir.encoders import BUILT_IN, EncoderOptions, load_encoder
from robustbench_ir.encoders.encoder import Encoder
from robustbench_ir.encoders.multi_vector import LateInteractionEncoder
from robustbench_ir.encoders.options import options_from
from robustbench_ir.encoders.sentence_transformer import SentenceTransformerEncoder
from robustbench_ir.errors import ResultError
from robustbench_ir.evaluation.runner import QuerySet, Runner
from robustbench_ir.leaderboard.canonical import layout_faults, perturbed_queries, task_of_entry, threat_model
from robustbench_ir.leaderboard.entry import kind_on_board
from robustbench_ir.leaderboard.poisoned import places_of
from robustbench_ir.leaderboard.ranks import judgements_of_entry, ranks_of_entry
from robustbench_ir.leaderboard.schema import Entry, EntryCell, ModelRecord, PoisonRecord, RanksEntry
from robustbench_ir.leaderboard.sheet import values_of_ranks
from robustbench_ir.metrics.measures import Floats, Integers
from robustbench_ir.metrics.settings import Judgements
from robustbench_ir.perturb import digest, unchanged
from robustbench_ir.retrieval.ranking import Ranks

LEAST_SAMPLE = 100
"""Queries that a mark needs: a change of 3% of the queries is then in the sample in 95 of 100 cases."""

MEAN_TOLERANCE = 0.002
"""Largest difference of a mean AP, or of a drop: the smallest drop of a default recipe is three times as large."""

SHARE_TOLERANCE = 0.01
"""Largest difference of the share of queries that find an injected passage."""

RANK_SHARE = 0.95
_CLOSE = 0.02
_RANK_CLOSE = 0.1
_PLACES_CLOSE = 2
_DISTANCE_CLOSE = 0.01
_ROUNDED = 0.05
_KEYWORDS = ("encode_kwargs", "model_kwargs")
_ON_THE_HUB = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_COUNTED = frozenset({"bm25", "char-ngram"})
"""Encoders that count words or characters, so that no other hardware changes a rank."""


@dataclass(frozen=True)
class Difference:
    """How a cell of an entry differs from the rerun over the sample.

    Attributes
    ----------
    cell : str
        Recipe, severity and seed.
    mean, drop : float
        Entry minus rerun, of the mean AP and of its drop; of the setting in which they differ most.
    close : float
        Smallest share, over settings, of AP that differ by at most 0.02.
    ranks : float
        Share of the ranks that agree: exactly if the encoder counts words or characters, otherwise within two places
        and a tenth.
    distance : float
        Relative difference of the mean rank distance; 0 where it is not known.
    largest : float
        Largest absolute difference of an AP.
    """

    cell: str
    mean: float
    drop: float
    close: float
    ranks: float
    distance: float
    largest: float

    def fault(self, exact: bool) -> str:
        """Return what does not hold; empty if everything does."""
        if exact and self.ranks < 1:
            return f"{1 - self.ranks:.1%} of the ranks differ"
        if self.ranks < RANK_SHARE:
            return f"only {self.ranks:.1%} of the ranks agree"
        if abs(self.mean) > MEAN_TOLERANCE or self.close < RANK_SHARE:
            return f"mean AP differs by {self.mean:+.4f}, and {1 - self.close:.1%} of the queries by more than {_CLOSE}"
        if abs(self.drop) > MEAN_TOLERANCE:
            return f"the drop differs by {self.drop:+.4f}"
        return f"rank distance differs by {self.distance:.1%}" * (self.distance > _DISTANCE_CLOSE)


@dataclass(frozen=True)
class PoisonDifference:
    """How injected passages of an entry differ from those that were injected again for the sample.

    Attributes
    ----------
    attack : str
        What was injected.
    places : float
        Share of the places of the best injected passages that agree, as ranks do.
    share : float
        Entry minus rerun, of ASR@1 or ASR@10; whichever differs more.
    """

    attack: str
    places: float
    share: float

    def fault(self, exact: bool) -> str:
        """Return what does not hold; empty if everything does."""
        if self.places < (1 if exact else RANK_SHARE):
            return f"{1 - self.places:.1%} of the places of injected passages differ"
        return f"the share of queries that find one differs by {self.share:+.4f}" * (abs(self.share) > SHARE_TOLERANCE)


@dataclass(frozen=True)
class Verification:
    """Outcome of a verification.

    Attributes
    ----------
    sample, seed : int
        Number of queries, and the seed that they were drawn with.
    differences : tuple of Difference
        One for each cell that was run again.
    searched : int
        Number of query sets and injections that were left out, because a search made them against the model and the
        entry lacks them.
    exact : bool
        Whether all ranks must agree, because no hardware changes them.
    poison : tuple of PoisonDifference
        One for each attack by passages that was run again.
    """

    sample: int
    seed: int
    differences: tuple[Difference, ...]
    searched: int = 0
    exact: bool = False
    poison: tuple[PoisonDifference, ...] = ()

    @property
    def faults(self) -> tuple[str, ...]:
        """What does not hold, one line for each cell: tested for each recipe and setting, never for all together."""
        of_cells = ((one.cell, one.fault(self.exact)) for one in self.differences)
        of_passages = ((f"injected {one.attack}", one.fault(self.exact)) for one in self.poison)
        return tuple(f"{name}: {fault}" for name, fault in (*of_cells, *of_passages) if fault)

    @property
    def holds(self) -> bool:
        """Whether the numbers of the entry hold in every cell."""
        return not self.faults

    @property
    def largest(self) -> float:
        """Largest absolute difference of an AP."""
        return max(one.largest for one in self.differences)

    @property
    def largest_mean_difference(self) -> float:
        """Largest difference, over cells and settings, of a mean AP or of its drop."""
        return max(max(abs(one.mean), abs(one.drop)) for one in self.differences)

    @property
    def rank_agreement(self) -> float:
        """Smallest share, over cells, of the ranks that agree; of the places of injected passages too."""
        return min((*(one.ranks for one in self.differences), *(one.places for one in self.poison)))


def verify(
    entry: Entry,
    sample: int,
    seed: int,
    model: str | None = None,
    keywords: Mapping[str, Mapping[str, object]] | None = None,
) -> Verification:
    """Rank a random sample of the queries of an entry, clean and attacked, with the encoder that it names.

    Parameters
    ----------
    entry : Entry
        Entry without faults.
    sample : int
        Number of queries.
    seed : int
        Seed of the sample, drawn after the entry was submitted.
    model : str, optional
        Name or folder of the encoder, if it is not the one in the entry.
    keywords : mapping, optional
        ``encode_kwargs`` and ``model_kwargs`` of the encoder. They reach code that loads a model, so that they are
        never taken from the entry, but must be those that it names.

    Raises
    ------
    ResultError
        If task, recipes or encoder are not those of the entry, or if it is of runs or of format 1.
    """
    _refuse_what_cannot_be_run(entry)
    if not isinstance(entry, RanksEntry):
        raise ResultError(f"{entry.model.name}: format 1 has no ranks to compare; submit the result again")
    task = task_of_entry(entry)
    if (task.identity, task.digest) != (entry.task.identity, entry.task.sha256):
        raise ResultError(f"{entry.task.identity}: the texts here are not those of the entry; it cannot be verified")
    wrong = layout_faults(entry, task)
    if wrong:
        raise ResultError(f"{entry.model.name}: {wrong[0]}")
    encoder = _encoder(entry, model, keywords or {})
    _compare_model(entry.model, encoder, model is None)
    # No kept embeddings are used: they may be what the entry was made from, and the entry is in doubt.
    runner = Runner(encoder, task, keeps_embeddings=False)
    drawn = np.random.default_rng(seed).choice(len(task.queries), min(sample, len(task.queries)), replace=False)
    rows = sorted(int(row) for row in drawn)
    numbers = [number for number, cell in enumerate(entry.cells) if threat_model(cell.recipe) == "average case"]
    exact = encoder.description.name in _COUNTED
    again = [one for one in entry.poison if not one.encodings]
    found = [_ranked_again(entry.cells[number], number, runner, rows) for number in numbers]
    return Verification(
        sample=len(rows),
        seed=seed,
        differences=tuple(differences(entry, numbers, found, rows, exact)),
        searched=len(entry.cells) - len(numbers) + len(entry.poison) - len(again),
        exact=exact,
        poison=tuple(_injected_again(entry, one, runner, rows, exact) for one in again),
    )


def _injected_again(
    entry: RanksEntry, poison: PoisonRecord, runner: Runner, rows: Sequence[int], exact: bool
) -> PoisonDifference:
    """Inject passages again, for the queries of the sample alone, and compare where they find them."""
    clean = [unchanged(one.query_id, one.text) for one in runner.task.queries]
    queries = QuerySet(runner, clean, rows, "clean").embeddings
    craft = Craft.parse(poison.craft)
    found = places_of_some(runner, rows, queries, poison.sources, poison.budget, craft)
    said = np.stack([place[list(rows)] for place in places_of(entry, poison).values()])
    again = np.stack(list(found.values()))
    shares = [
        float((((said > 0) & (said <= depth)).mean()) - (((again > 0) & (again <= depth)).mean())) for depth in DEPTHS
    ]
    return PoisonDifference(poison.attack, _agreement(said, again, exact), max(shares, key=abs))


def _refuse_what_cannot_be_run(entry: Entry) -> None:
    if entry.model.kind == "run":
        raise ResultError(
            f"{entry.model.name}: cannot be run again, the entry is of a system's TREC runs; "
            f"ask its author for the run files, and score them again with --run"
        )


def _encoder(entry: Entry, model: str | None, keywords: Mapping[str, Mapping[str, object]]) -> Encoder:
    """Load the encoder. An entry may name one that ships or one on the hub, but no path or address."""
    who = entry.model
    if model is None and not _says_who_it_is(who.encoder):
        raise ResultError(f"{who.name}: the entry names no encoder of the hub; say where it is with --model")
    commit = who.revision or None
    if who.options is None:
        return load_encoder(
            model or who.encoder, EncoderOptions(who.query_prompt or None, who.passage_prompt or None, revision=commit)
        )
    for name in _KEYWORDS:
        said, given = who.options.get(name, {}), dict(keywords.get(name, {}))
        if said != given:
            option = f"--{name.removesuffix('s').replace('_', '-')}"
            raise ResultError(
                f"{who.name}: its {name} are not taken from an entry, since they reach code that loads a model; "
                f"look at {said!a}, and give the same with {option} KEY=VALUE"
            )
    return load_encoder(model or who.encoder, options_from({**who.options, "revision": commit}))


def _says_who_it_is(encoder: str) -> bool:
    """Return whether a name stands for one encoder everywhere: it ships, or it is on the hub."""
    return encoder in BUILT_IN or _ON_THE_HUB.fullmatch(encoder) is not None


def _compare_model(said: ModelRecord, encoder: Encoder, as_named: bool) -> None:
    """Refuse an entry whose model is not the one that was loaded.

    Raises
    ------
    ResultError
        If something that the entry says of its model is another thing.
    """
    there = encoder.description
    expected: dict[str, object] = {
        "kind": kind_on_board(there),
        "fingerprint": there.fingerprint,
        "dimensions": there.dimensions,
        "similarity": there.similarity,
        "retrieves_zero": there.retrieves_zero,
        "query_prompt": there.query_prompt,
        "passage_prompt": there.passage_prompt,
    }
    if as_named:
        expected["revision"] = there.revision
    for name, value in expected.items():
        mine = getattr(said, name)
        if mine != value:
            versions = " (it names library versions too: see 'environment')" if name == "fingerprint" else ""
            raise ResultError(
                f"{said.name}: the entry says {name} {mine!a:.100}, the encoder has {value!a:.100}{versions}; "
                f"it cannot be verified"
            )
    weights = _weights(encoder)
    if said.parameters is not None and weights is not None and abs(said.parameters - weights) > _ROUNDED * weights:
        raise ResultError(f"{said.name}: the entry says {said.parameters} parameters, the encoder has {weights}")
    names = {name.lower() for name in BUILT_IN}
    if said.name.lower() in names - {there.name.lower()}:
        raise ResultError(f"{said.name}: its encoder is {there.name!a:.100}, and the name is that of another encoder")


def _weights(encoder: Encoder) -> int | None:
    """Return how many weights an encoder has; None if that is not known, as for packed ones."""
    if encoder.description.name in _COUNTED:
        return 0
    if not isinstance(encoder, SentenceTransformerEncoder | LateInteractionEncoder):
        return None
    weights = list(encoder.model.parameters())
    return sum(one.numel() for one in weights) if all(one.is_floating_point() for one in weights) else None


def is_named_after(name: str, encoder: str) -> bool:
    """Return whether a name on the board is that of an encoder: ``bm25``, or ``bm25 (my setting)``."""
    return name.lower() == encoder.lower() or name.lower().startswith((f"{encoder.lower()} ", f"{encoder.lower()}@"))


def _ranked_again(cell: EntryCell, number: int, runner: Runner, rows: Sequence[int]) -> Ranks:
    """Return the ranks of the judged passages of the sample, from queries that are made again."""
    perturbed = perturbed_queries(runner.task, cell)
    if perturbed is None or digest(perturbed) != cell.queries_sha256:
        raise ResultError(f"{cell.recipe}: the queries here are not those of the entry; it cannot be verified")
    if "".join("01"[one.changed] for one in perturbed) != cell.changed:
        raise ResultError(f"cells.{number}: 'changed' does not say which of these queries changed")
    return QuerySet(runner, perturbed, rows, cell.recipe).ranks


def differences(
    entry: RanksEntry, numbers: Sequence[int], found: Sequence[Ranks], rows: Sequence[int], exact: bool
) -> Iterator[Difference]:
    """Yield how cells of an entry differ from ranks that were made again.

    Parameters
    ----------
    entry : RanksEntry
        The entry.
    numbers : sequence of int
        Its cells that were made again, the clean one first.
    found : sequence of Ranks
        For each of them, the ranks of the judged passages of the queries in `rows`.
    rows : sequence of int
        Ascending rows of the queries.
    exact : bool
        Whether every rank must be the same.
    """
    judgements, ranks = judgements_of_entry(entry), ranks_of_entry(entry)
    drawn = np.isin(judgements.query, rows)
    sample = _of_queries(judgements, rows)
    said = [ranks[number].picked(drawn) for number in numbers]
    precision, distance = values_of_ranks(sample, said)
    again, distance_again = values_of_ranks(sample, found)
    for place, number in enumerate(numbers):
        cell = entry.cells[number]
        off = {one: (precision[one] - again[one])[:, again[one][0] > 0] for one in again}
        means = [float(found_off[place].mean()) for found_off in off.values()]
        drops = [float((found_off[0] - found_off[place]).mean()) for found_off in off.values()]
        yield Difference(
            cell=f"{cell.recipe} severity {cell.severity} seed {cell.seed}",
            mean=max(means, key=abs),
            drop=max(drops, key=abs),
            close=min(float((np.abs(found_off[place]) <= _CLOSE).mean()) for found_off in off.values()),
            ranks=min(
                _agreement(mine, its, exact)
                for mine, its in (
                    (said[place].in_pool, found[place].in_pool),
                    (said[place].in_language, found[place].in_language),
                )
            ),
            distance=_relative(distance[place], distance_again[place]),
            largest=max(float(np.abs(found_off[place]).max()) for found_off in off.values()),
        )


def _of_queries(judgements: Judgements, rows: Sequence[int]) -> Judgements:
    """Return the judgements of some queries."""
    kept = np.isin(judgements.query, rows)
    return replace(
        judgements,
        query_ids=tuple(judgements.query_ids[row] for row in rows),
        parallel_ids=tuple(judgements.parallel_ids[row] for row in rows),
        languages=tuple(judgements.languages[row] for row in rows),
        query=np.searchsorted(rows, judgements.query[kept]).astype(np.int32),
        passage_language=judgements.passage_language[kept],
        grade=judgements.grade[kept],
    )


def _agreement(said: Integers, found: Integers, exact: bool) -> float:
    """Return the share of ranks that agree; a passage that only one side retrieves never does."""
    if exact:
        return float((said == found).mean())
    near = np.abs(said - found) <= _PLACES_CLOSE + _RANK_CLOSE * np.minimum(said, found)
    return float((near & ((said == 0) == (found == 0))).mean())


def _relative(said: Floats, found: Floats) -> float:
    known = (said > 0) & (found > 0)
    return abs(float(said[known].mean() / found[known].mean() - 1)) if known.any() else 0.0
