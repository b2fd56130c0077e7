"""Transfer: queries that were attacked on one encoder are ranked by others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robustbench_ir._base.cache import using_cache
from robustbench_ir._base.text import nfc
from robustbench_ir.adversary.goals import make_goal
from robustbench_ir.adversary.search import DEFAULT_SEARCH, Searched, SearchOptions
from robustbench_ir.adversary.search import search as find_worst
from robustbench_ir.encoders import Encoder, EncoderOptions, load_encoder
from robustbench_ir.encoders.options import decisive_options, running_options
from robustbench_ir.encoders.pool import fitted_on
from robustbench_ir.encoders.truncation import changed_inputs
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.request import DEFAULT_RUN, RecipeMix, Request, RunOptions
from robustbench_ir.evaluation.semantic_floor import SemanticFloor, name_in_identity
from robustbench_ir.metrics.clusters import ClusterMeans
from robustbench_ir.metrics.findings import Finding, macro_means, over_seeds
from robustbench_ir.metrics.settings import Setting, per_query_scores
from robustbench_ir.metrics.significance import minimum_detectable, sign_flip_tests
from robustbench_ir.metrics.statistics import RESAMPLES, SEED, IntervalMethod
from robustbench_ir.results.result import Drop, Result
from robustbench_ir.tasks import Task


@dataclass(frozen=True)
class UniversalSubstitution:
    """A substitution that lowers retrieval for several queries.

    Attributes
    ----------
    language : str
        Language of the queries.
    before, after : str
        The replaced text and its replacement, in lower case.
    queries : int
        Number of queries whose retrieval was worse with it, on the source encoder.
    gain : float
        Mean gain of the goal in these queries, 0 to 1; other edits of the same query contribute to it.
    """

    language: str
    before: str
    after: str
    queries: int
    gain: float


@dataclass(frozen=True)
class Transfer:
    """Results of ranking queries crafted on each source by each target.

    Attributes
    ----------
    sources, targets : tuple of str
        Names of the encoders; every source is also a target.
    results : mapping of (str, str) to Result
        Source and target to the clean and attacked ranks of the target.
    substitutions : mapping of str to tuple of UniversalSubstitution
        Source to the most harmful substitutions.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    results: Mapping[tuple[str, str], Result]
    substitutions: Mapping[str, tuple[UniversalSubstitution, ...]]

    def drop(self, source: str, target: str, setting: Setting, measure: str = "AP") -> Drop:
        """Return the drop of a target under the queries crafted on a source, quickly and without an interval.

        Parameters
        ----------
        source, target : str
            Names of the encoders.
        setting, measure
            See `Result.drops`.
        """
        (found,) = self.results[source, target].drops(setting, measure)
        return found

    def matrix(
        self, setting: Setting, measure: str = "AP", *, resamples: int = RESAMPLES, method: IntervalMethod = "wider"
    ) -> dict[tuple[str, str], Finding]:
        """Return the drop of each target under the queries of each source, with 95% intervals and tests.

        Parameters
        ----------
        setting, measure, resamples, method
            See `Result.findings`; the resamples of the questions are the same in all cells of the matrix.

        Returns
        -------
        dict of (str, str) to Finding
            By source and target; `p_adjusted` is adjusted for all cells of the matrix.
        """
        drops = [_drop_means(result, setting, measure) for result in self.results.values()]
        (family,) = sign_flip_tests([drops], np.random.default_rng(SEED), resamples)
        tests = zip(self.results.items(), drops, family.p, family.p_adjusted, strict=True)
        matrix = {}
        for (pair, result), drop, p, adjusted in tests:
            (found,) = result.findings(setting, measure, resamples=resamples, method=method)
            if not np.isnan(found.p):
                found = replace(found, p=float(p), p_adjusted=float(adjusted))
            detectable = float(minimum_detectable(drop, family.critical)[0])
            matrix[pair] = replace(found, minimum_detectable=detectable)
        return matrix


def _drop_means(result: Result, setting: Setting, measure: str) -> ClusterMeans:
    """Return the drop of a result with a single attack."""
    (cells,) = result.groups.values()
    clean = per_query_scores(result.judgements, result.clean.ranks, measure, setting)
    attacked = over_seeds(result.judgements, clean, cells, setting, measure)
    return macro_means(result.judgements, clean - attacked.value)


def transfer(  # noqa: PLR0913
    sources: Sequence[str | Encoder] | str | Encoder,
    targets: Sequence[str | Encoder] | str | Encoder = (),
    task: str | Path | Task = "mini",
    recipe: RecipeMix = "typo",
    search: SearchOptions = DEFAULT_SEARCH,
    *,
    languages: Iterable[str] | None = None,
    severity: int = 3,
    seeds: int = 1,
    semantic_floor: SemanticFloor | float | None = None,
    options: EncoderOptions | None = None,
    run: RunOptions = DEFAULT_RUN,
) -> Transfer:
    """Craft queries on each source and rank them by each target; the sources are also targets.

    Parameters
    ----------
    sources, targets : sequence of str or Encoder, or one of these
        Names, folders, or encoder objects.
    recipe : str, Recipe, callable or tuple of these
        Recipe that makes the rewritings; see `robustbench_ir.search`.
    search : SearchOptions, optional
        Goal, budget and one method; ``"random"`` gives the drop without an adversary.
    task, languages, severity, seeds, semantic_floor, options, run
        See `robustbench_ir.search`.

    Raises
    ------
    OptionError
        If there is no source, if there is more than one method, or if two encoders have the same name.
    RobustBenchError
        See `robustbench_ir.errors`. Finished work is kept.
    """
    sources, targets = _listed(sources), _listed(targets)
    if not sources:
        raise OptionError("no source to craft the queries on; name one")
    if len(search.methods) != 1:
        raise OptionError(f"{len(search.methods)} search methods; a transfer takes one")
    with using_cache(run.cache):
        whole = Request(task=task, languages=languages).load_task(run.cards)
    make_goal(search.goal, whole)
    loaded = _loaded([*sources, *targets], options)
    names = list(loaded)
    # Options are those of encoders that are loaded here; the others come with theirs.
    chosen = {
        one: decisive_options(options or EncoderOptions()) for one in (*sources, *targets) if isinstance(one, str)
    }
    running = running_options(options or EncoderOptions())
    crafted = {
        name: find_worst(
            loaded[name],
            whole,
            [recipe],
            search,
            severities=[severity],
            seeds=seeds,
            semantic_floor=semantic_floor,
            options=running,
            run=run,
        )
        for name in names[: len(dict.fromkeys(_name(one) for one in sources))]
    }
    results = {
        (source, target): replace(
            found.result if source == target else _rank_crafted(loaded[target], found, source, running, run),
            options=chosen.get(target),
        )
        for source, found in crafted.items()
        for target in names
    }
    substitutions = {name: universal_substitutions(found) for name, found in crafted.items()}
    return Transfer(tuple(crafted), tuple(names), results, substitutions)


def _listed(given: Sequence[str | Encoder] | str | Encoder) -> Sequence[str | Encoder]:
    return given if isinstance(given, Sequence) and not isinstance(given, str) else [given]


def _name(encoder: str | Encoder) -> str:
    return encoder if isinstance(encoder, str) else encoder.description.name


def _loaded(encoders: Sequence[str | Encoder], options: EncoderOptions | None) -> dict[str, Encoder]:
    found: dict[str, Encoder] = {}
    for one in encoders:
        name = _name(one)
        if name not in found:
            found[name] = load_encoder(one, options) if isinstance(one, str) else one
        elif not isinstance(one, str) and found[name] is not one:
            raise OptionError(f"two encoders have the name {name}; give each its own name")
    return found


def _rank_crafted(encoder: Encoder, crafted: Searched, source: str, options: EncoderOptions, run: RunOptions) -> Result:
    """Rank the queries that were crafted on another encoder, as a task of their own without any attack."""
    task = crafted.task
    clean = attack(encoder, task, [], options=options, run=run)
    reader = fitted_on(encoder, task.encoded_texts)
    before = [nfc(query.text) for query in task.queries]
    cells = []
    for one in crafted.attacked:
        pairs = zip(task.queries, one.outcomes, strict=True)
        asked = replace(task, queries=tuple(replace(query, text=outcome.text) for query, outcome in pairs))
        found = attack(encoder, asked, [], options=options, run=run).clean.ranks
        # Unchanged queries keep their clean ranks, so that their drop is exactly zero.
        changed = np.isin(task.qrels.query, np.flatnonzero(one.cell.changed))
        ranks = clean.clean.ranks.updated(np.flatnonzero(changed), found.picked(changed))
        identity = one.cell.recipe.crafted_on(name_in_identity(source))
        read = changed_inputs(reader, before, [nfc(outcome.text) for outcome in one.outcomes])
        cells.append(replace(one.cell, recipe=identity, ranks=ranks, input_changed=read))
    return replace(clean, attacked=tuple(cells))


def universal_substitutions(found: Searched, most: int = 20) -> tuple[UniversalSubstitution, ...]:
    """Return the most harmful substitutions, by the sum of their gains.

    Parameters
    ----------
    found : Searched
        Result of the search on the source.
    most : int
        Largest number of substitutions.
    """
    gains: dict[tuple[str, str, str], dict[str, float]] = {}
    for one in found.attacked:
        for query, outcome in zip(found.task.queries, one.outcomes, strict=True):
            gain = outcome.clean.value - outcome.best.value
            for edit in outcome.edits if gain > 0 else ():
                key = query.language, edit.before.lower(), edit.after.strip().lower()
                gains.setdefault(key, {})[query.query_id] = gain
    rows = [UniversalSubstitution(*key, len(each), sum(each.values()) / len(each)) for key, each in gains.items()]
    return tuple(sorted(rows, key=_most_harm)[:most])


def _most_harm(row: UniversalSubstitution) -> tuple[float, str, str, str]:
    return -row.queries * row.gain, row.language, row.before, row.after
