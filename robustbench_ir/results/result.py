"""Results. Everything but the ranks is derived from them, so that it can be computed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.listed import listed
from robustbench_ir._version import SCORING_VERSION
from robustbench_ir.encoders import EncoderDescription
from robustbench_ir.encoders.options import OptionValue
from robustbench_ir.errors import UnknownNameError
from robustbench_ir.metrics.at_damage import DropAtDamage, drops_at_damage
from robustbench_ir.metrics.bias_findings import Bias, BiasFinding, MeanRanks, bias_findings, language_bias, mean_ranks
from robustbench_ir.metrics.findings import (
    AttackGroup,
    Finding,
    OverSeeds,
    clean_findings,
    findings,
    only,
    over_seeds,
)
from robustbench_ir.metrics.measures import Floats, measure_name
from robustbench_ir.metrics.relations import relation_findings
from robustbench_ir.metrics.robust import RobustScore, robust_scores, worst_shares
from robustbench_ir.metrics.seeds import SeedEffect, seed_effects
from robustbench_ir.metrics.settings import (
    SETTINGS,
    Judgements,
    Setting,
    by_language,
    macro_average,
    mean_over_passage_languages,
    per_query_scores,
    rank_distances,
    reference_rank_distances,
)
from robustbench_ir.metrics.statistics import RESAMPLES, SEED, Estimate, IntervalMethod
from robustbench_ir.metrics.summary import Summary, summaries
from robustbench_ir.metrics.worst_case import WorstCase, worst_cases
from robustbench_ir.perturb import Perturbation, digest
from robustbench_ir.perturb.identity import CLEAN, AttackIdentity, Signature
from robustbench_ir.perturb.kinds import KindOfChange
from robustbench_ir.resources.plugins import shown_by
from robustbench_ir.results.presentation import Plot
from robustbench_ir.retrieval.ranking import Ranks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cell:
    """The ranks under one recipe, severity and seed, or the clean ranks.

    Attributes
    ----------
    recipe : AttackIdentity
        Identity of the attack, such as ``typo@1``; ``clean`` for the clean queries.
    severity, seed : int
        Severity and seed of the perturbation; 0 for the clean queries.
    digest : str
        SHA-256 of the query set that was ranked; see `robustbench_ir.perturb.digest`.
    changed : bool array of shape (queries,)
        Whether each query's text changed.
    touched : float64 array of shape (queries,)
        Share of each query's code points that are in edited words.
    edit_rate : float64 array of shape (queries,)
        Edit distance of each query to the clean one, divided by its length, both in graphemes; NaN if it is not known,
        in results of earlier versions.
    not_covered : mapping of str to str
        Query languages that the recipe does not cover, with the reason.
    ranks : Ranks
        Ranks of the judged passages.
    input_changed : bool array of shape (queries,), optional
        Whether what the encoder reads of each query changed, such as its token ids after the cut; None if it is not
        known. An edit behind the limit changes the text alone, and so does one that the tokeniser takes back.
    kinds : mapping of str to KindOfChange
        What the recipe does to each query language, where that is not the same in all; see `Recipe.kinds`.
    places : float
        Median number of places that the recipe could have changed, over the queries that changed; NaN if it is not
        known.
    """

    recipe: AttackIdentity
    severity: int
    seed: int
    digest: str
    changed: NDArray[np.bool_]
    touched: Floats
    edit_rate: Floats
    not_covered: Mapping[str, str]
    ranks: Ranks
    input_changed: NDArray[np.bool_] | None = None
    kinds: Mapping[str, KindOfChange] = field(default_factory=dict)
    places: float = float("nan")

    def __repr__(self) -> str:
        """Return one line; a cell may have millions of ranks."""
        ranked = f"{len(self.changed):,} queries, {int(self.changed.sum()):,} of them changed"
        return f"<Cell: {self.recipe.label} at severity {self.severity}, seed {self.seed}; {ranked}>"

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Whether each query's change reached the encoder; whether its text changed, if that is not known."""
        return self.changed if self.input_changed is None else self.input_changed

    @property
    def tied_share(self) -> float:
        """Share of the judged passages whose score another passage has, 0 to 1; 0 if it is not known."""
        return 0.0 if self.ranks.tied is None else float(self.ranks.tied.mean())

    @property
    def missing_share(self) -> float:
        """Share of the judged passages that are not retrieved, 0 to 1."""
        return float((self.ranks.in_pool == 0).mean())

    @classmethod
    def of(
        cls,
        recipe: AttackIdentity,
        severity: int,
        seed: int,
        perturbed: Sequence[Perturbation],
        ranks: Ranks,
        not_covered: Mapping[str, str] | None = None,
        input_changed: NDArray[np.bool_] | None = None,
        kinds: Mapping[str, KindOfChange] | None = None,
    ) -> Cell:
        """Return the cell of a perturbed query set and its ranks.

        Parameters
        ----------
        recipe, severity, seed, ranks, not_covered, input_changed, kinds
            Fields of the cell.
        perturbed : sequence of Perturbation
            The query set.
        """
        return cls(
            recipe=recipe,
            severity=severity,
            seed=seed,
            digest=digest(perturbed),
            changed=np.array([one.changed for one in perturbed]),
            touched=np.array([one.touched for one in perturbed]),
            edit_rate=np.array([one.edit_rate for one in perturbed]),
            not_covered=dict(not_covered or {}),
            ranks=ranks,
            input_changed=input_changed,
            kinds=dict(kinds or {}),
            places=_median_places(perturbed),
        )


def _median_places(perturbed: Sequence[Perturbation]) -> float:
    """Return the median number of eligible places of the changed queries; NaN if no query says how many it had."""
    known = [one.eligible for one in perturbed if one.changed and one.eligible]
    return float(np.median(known)) if known else float("nan")


@dataclass(frozen=True)
class Drop:
    """How far a measure falls under one recipe and severity in one setting, as means over seeds.

    Attributes
    ----------
    recipe, severity, setting, measure : AttackIdentity, int, str, str
        Attack, setting and measure.
    language : str
        Query language, or ``"all"`` for the macro average.
    clean, attacked : float
        The measure before and after.
    changed_only : float
        The absolute drop over the queries that `coverage` counts.
    clean_rank_distance, rank_distance_change : float
        Rank distance in the multilingual pool, whatever the setting, and its change; a positive change is more bias or
        deeper ranks.
    random_rank_distance, unbiased_rank_distance : float
        Expected rank distance of a random ranking, and of a perfect ranking that is blind to language; see `Bias`.
    coverage : float
        Share of queries whose change reached the encoder; see `Cell.reached`.
    text_coverage : float
        Share of queries whose text changed.
    touched : float
        Share of the code points that are in edited words.
    edit_rate : float
        Edit distance to the clean query, divided by its length, both in graphemes; see `Finding`.
    """

    recipe: AttackIdentity
    severity: int
    setting: Setting
    measure: str
    language: str
    clean: float
    attacked: float
    changed_only: float
    clean_rank_distance: float
    rank_distance_change: float
    random_rank_distance: float
    unbiased_rank_distance: float
    coverage: float
    text_coverage: float
    touched: float
    edit_rate: float

    @property
    def absolute(self) -> float:
        """Clean minus attacked."""
        return self.clean - self.attacked

    @property
    def relative(self) -> float:
        """Absolute drop divided by the clean value; NaN if the clean value is 0."""
        return self.absolute / self.clean if self.clean else float("nan")


def _without_attack(row: Drop) -> Drop:
    """Return the row of clean queries, in which whatever an attack would change is NaN."""
    none = float("nan")
    return replace(
        row,
        attacked=none,
        changed_only=none,
        rank_distance_change=none,
        coverage=none,
        text_coverage=none,
        touched=none,
        edit_rate=none,
    )


@dataclass(frozen=True)
class Result:
    """Clean and attacked ranks of one encoder on one task.

    Attributes
    ----------
    version : str
        Version of this package that made the result.
    task, task_digest : str
        Identity of the task, and SHA-256 of its texts and judgements.
    encoder : EncoderDescription
        The encoder that was attacked.
    judgements : Judgements
        Queries, languages of the pool, and judgements.
    clean : Cell
        The clean cell.
    attacked : tuple of Cell
        One for each recipe, severity and seed.
    timings : mapping of str to float
        Seconds of each stage; the only part that differs between equal runs.
    cut : mapping of str to float
        Share of the ``queries`` and ``passages`` that are longer than the encoder reads; empty if it is not known.
    task_notes : tuple of str
        What the task leaves out of its source; see `Task.notes`.
    options : mapping of str to value, optional
        Options of the encoder that were given and can change an embedding; see
        `robustbench_ir.encoders.options.decisive_options`. None if they are not known: in results of
        earlier versions, and for encoders that were loaded before.
    scoring : int
        Version of the scoring that made the ranks; 1 in results of 0.1. Measures are always those of this version.
    """

    version: str
    task: str
    task_digest: str
    encoder: EncoderDescription
    judgements: Judgements
    clean: Cell
    attacked: tuple[Cell, ...]
    timings: Mapping[str, float] = field(default_factory=dict, compare=False)
    cut: Mapping[str, float] = field(default_factory=dict)
    task_notes: tuple[str, ...] = ()
    options: Mapping[str, OptionValue] | None = None
    scoring: int = SCORING_VERSION

    @cached_property
    def groups(self) -> dict[AttackGroup, tuple[Cell, ...]]:
        """The attacked cells by recipe and severity; each group has one cell for each seed."""
        found: dict[AttackGroup, list[Cell]] = {}
        for cell in self.attacked:
            found.setdefault((cell.recipe, cell.severity), []).append(cell)
        return {key: tuple(cells) for key, cells in found.items()}

    def named(self, name: str | None) -> Result:
        """Return the same result with another name of its encoder; itself without one.

        Parameters
        ----------
        name : str or None
            What the encoder is called in tables.
        """
        who = self.encoder
        return (
            replace(self, encoder=replace(who, name=name, given=who.loaded_by)) if name and name != who.name else self
        )

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that the task has."""
        clean = self.judgements, self.clean.ranks
        return tuple(setting for setting in SETTINGS if not np.isnan(per_query_scores(*clean, "AP", setting)).all())

    @property
    def distinct_settings(self) -> tuple[Setting, ...]:
        """The settings that differ in their numbers: a pool of one language is also that of all languages together."""
        if len(self.judgements.pool) > 1 or len(self.settings) != 2:
            return self.settings
        return tuple(setting for setting in self.settings if setting != "multilingual")

    @property
    def has_rank_distance(self) -> bool:
        """Whether some query has relevant passages in two languages, so that rank distance is defined."""
        return not np.isnan(rank_distances(self.judgements, self.clean.ranks)).all()

    @property
    def knows_inputs(self) -> bool:
        """Whether coverage counts what the encoder reads; it counts texts where an encoder cannot say what it reads."""
        return any(cell.input_changed is not None for cell in self.attacked)

    def signature(
        self, setting: Setting, recipe: AttackIdentity | str | None = None, severity: int = 0, measure: str = "AP"
    ) -> str:
        """Return the signature of a number: all that it depends on but the encoder.

        `Signature.parse` reads it.

        Parameters
        ----------
        setting, measure : str
            Setting and measure.
        recipe : AttackIdentity or str, optional
            Identity of the attack; None for a clean number.
        severity : int
            Severity of the attack.

        Examples
        --------
        >>> result.signature("multilingual", "typo@1", 3)  # doctest: +SKIP
        'task=mini@1|languages=en|recipe=typo@1|severity=3|seeds=0|pool=multilingual|measure=AP|scoring=4|irbench=0.2.0'
        """
        with suppress(UnknownNameError):  # numbers of language bias have signatures too
            measure = measure_name(measure)
        return str(self.shared_signature(setting, [recipe] if recipe else [], severity, measure))

    def shared_signature(
        self, setting: Setting, recipes: Sequence[AttackIdentity | str], severity: int = 0, measure: str = "AP"
    ) -> Signature:
        """Return the signature that the numbers of several recipes share.

        Parameters
        ----------
        setting, measure : str
            Setting and measure.
        recipes : sequence of AttackIdentity or str
            Identities of the attacks; empty for clean numbers.
        severity : int
            Severity of the attacks.
        """
        attacks = tuple(map(AttackIdentity.of, recipes))
        return Signature(
            task=self.task,
            languages=self.judgements.query_languages,
            pool=setting,
            measure=measure,
            irbench=self.version,
            scoring=self.scoring,
            recipes=attacks,
            severity=severity if attacks else 0,
            seeds=tuple(cell.seed for cell in self.groups.get((attacks[0], severity), ())) if attacks else (),
            defence=self.encoder.preprocessing,
        )

    def score(self, cell: Cell, setting: Setting, measure: str = "AP") -> float:
        """Return the macro average of a measure over languages or ordered pairs.

        Parameters
        ----------
        cell : Cell
            The clean cell or an attacked one.
        setting, measure : str
            Setting and measure.
        """
        return macro_average(self.judgements, per_query_scores(self.judgements, cell.ranks, measure, setting))

    def bias(self, cell: Cell) -> Bias:
        """Return the language bias of one cell."""
        return language_bias(self.judgements, cell.ranks)

    def drops(self, setting: Setting, measure: str = "AP", by: str | None = None) -> list[Drop]:
        """Return the drop under each recipe and severity, quickly and without intervals; see `findings`.

        Where nothing was attacked, the rows are those of the clean queries, and their drop is NaN.

        Parameters
        ----------
        setting : str
            One of `SETTINGS`.
        measure : str
            Name of the measure, such as ``"AP"`` or ``"nDCG@10"``.
        by : {"language"}, optional
            Return one row for each query language instead of the macro average.
        """
        measure = measure_name(measure)
        names = self.judgements.query_languages if by == "language" else ("all",)
        clean = per_query_scores(self.judgements, self.clean.ranks, measure, setting)
        clean_distance = rank_distances(self.judgements, self.clean.ranks)
        rows = []
        for (recipe, severity), cells in self._rows.items():
            attacked = over_seeds(self.judgements, clean, cells, setting, measure)
            for name, numbers in zip(names, self._columns(clean_distance, attacked, by).T, strict=True):
                rows.append(Drop(recipe, severity, setting, measure, name, *map(float, numbers)))
        return rows if self.groups else list(map(_without_attack, rows))

    @property
    def _rows(self) -> dict[AttackGroup, tuple[Cell, ...]]:
        """The attacked cells by recipe and severity; the clean cell where nothing was attacked."""
        return self.groups or {(CLEAN, 0): (self.clean,)}

    def _columns(self, clean_distance: Floats, attacked: OverSeeds, by: str | None) -> Floats:
        """Return the numeric columns of `Drop`, shape (columns, rows)."""
        columns = (
            attacked.clean,
            attacked.value,
            attacked.changed_only,
            only(attacked.covered, clean_distance),
            attacked.rank_distance - clean_distance,
            *reference_rank_distances(self.judgements),
            attacked.coverage,
            attacked.text_coverage,
            attacked.touched,
            attacked.edit_rate,
        )
        if by == "language":
            return np.array([by_language(self.judgements, column) for column in columns])
        return np.array([[macro_average(self.judgements, column)] for column in columns])

    def findings(
        self,
        setting: Setting,
        measure: str = "AP",
        by: str | None = None,
        *,
        resamples: int = RESAMPLES,
        method: IntervalMethod = "wider",
        seed: int = SEED,
    ) -> list[Finding]:
        """Return the drops with 95% intervals, tests and effect sizes; the same arguments give the same numbers.

        Where nothing was attacked, the rows are those of the clean queries, and their drop is NaN.

        Parameters
        ----------
        setting, measure, by
            See `drops`; the rows are in the same order. With ``by="relation"`` there is a row for each relation of the
            recipes that have several, such as switching into the passages' language and into another one; results of
            earlier versions have none.
        resamples : int
            Number of bootstrap resamples, and of sign flips.
        method : {"wider", "bca", "percentile"}
            Kind of interval.
        seed : int
            Seed of the resamples.
        """
        measure = measure_name(measure)
        if by == "relation":
            attacked = self.judgements, self.clean.ranks, self.groups
            return relation_findings(*attacked, setting, measure, seed=seed, resamples=resamples, method=method)
        random, shown = np.random.default_rng(seed), (self.judgements, self.clean.ranks, self._rows)
        found = findings(*shown, setting, measure, by, random=random, resamples=resamples, method=method)
        return found if self.groups else clean_findings(found)

    def seed_effects(self, setting: Setting, measure: str = "AP") -> list[SeedEffect]:
        """Return for each recipe and severity the share of the variance that comes from seeds, and what one moves.

        Parameters
        ----------
        setting, measure
            See `drops`; the rows are in the same order.
        """
        return seed_effects(self.judgements, self.clean.ranks, self.groups, setting, measure_name(measure))

    def at_damage(
        self,
        edit_rate: float,
        measure: str = "AP",
        by: str | None = None,
        *,
        settings: Sequence[Setting] | None = None,
        resamples: int = RESAMPLES,
        method: IntervalMethod = "wider",
        seed: int = SEED,
    ) -> list[DropAtDamage]:
        """Return the drop of each setting and recipe where the queries are a given edit distance from the clean ones.

        At one severity, recipes and languages differ in how much of a query they change; here they are compared at the
        same mean edit rate, by linear interpolation over the severities that were run. Recipes that cover different
        languages remain means over different languages.

        Parameters
        ----------
        edit_rate : float
            Mean edit rate, such as 0.05: one character in twenty; see `Finding.edit_rate`.
        measure, by
            See `drops`.
        settings : sequence of str, optional
            Settings; by default `distinct_settings`.
        resamples, method, seed
            See `findings`.

        Raises
        ------
        OptionError
            If `edit_rate` is not above 0.
        """
        attacked, measure = (self.judgements, self.clean.ranks, self.groups, edit_rate), measure_name(measure)
        return [
            row
            for setting in settings or self.distinct_settings
            for row in drops_at_damage(
                *attacked,
                setting,
                measure,
                by,
                random=np.random.default_rng(seed),
                resamples=resamples,
                method=method,
            )
        ]

    def bias_findings(
        self,
        severity: int | None = None,
        *,
        resamples: int = RESAMPLES,
        method: IntervalMethod = "wider",
        seed: int = SEED,
    ) -> list[BiasFinding]:
        """Return the change of each number of language bias under each recipe and severity, with 95% intervals.

        Parameters
        ----------
        severity : int, optional
            Consider this severity only; p values are then adjusted for fewer tests.
        resamples, method, seed
            See `findings`.
        """
        random = np.random.default_rng(seed)
        groups = {key: cells for key, cells in self.groups.items() if severity in (None, key[1])}
        return bias_findings(
            self.judgements, self.clean.ranks, groups, random=random, resamples=resamples, method=method
        )

    def mean_ranks(
        self,
        recipe: AttackIdentity | str,
        severity: int,
        *,
        resamples: int = RESAMPLES,
        method: IntervalMethod = "wider",
        seed: int = SEED,
    ) -> MeanRanks:
        """Return the mean rank by query language and passage language, clean and attacked.

        Parameters
        ----------
        recipe : AttackIdentity or str
            Identity of the attack.
        severity : int
            Severity of the attack.
        resamples, method, seed
            See `findings`.

        Raises
        ------
        KeyError
            If the result has no such attack.
        """
        cells = self.groups[AttackIdentity.of(recipe), severity]
        return mean_ranks(self.judgements, self.clean.ranks, cells, seed=seed, resamples=resamples, method=method)

    def summaries(
        self,
        setting: Setting,
        measure: str = "AP",
        *,
        resamples: int = RESAMPLES,
        method: IntervalMethod = "wider",
        seed: int = SEED,
    ) -> list[Summary]:
        """Return for each recipe its severity curve, the area under it, the worst language and the resource gap.

        Parameters
        ----------
        setting, measure : str
            Setting and measure.
        resamples, method, seed
            See `findings`.
        """
        random = np.random.default_rng(seed)
        attacked = self.judgements, self.clean.ranks, self.groups
        return summaries(*attacked, setting, measure_name(measure), random=random, resamples=resamples, method=method)

    def worst_cases(
        self,
        setting: Setting,
        measure: str = "AP",
        *,
        resamples: int = RESAMPLES,
        method: IntervalMethod = "wider",
        seed: int = SEED,
    ) -> list[WorstCase]:
        """Return for each search how much larger its drop is than that of random perturbations in this result.

        Parameters
        ----------
        setting, measure : str
            Setting and measure.
        resamples, method, seed
            See `findings`.
        """
        random = np.random.default_rng(seed)
        attacked = self.judgements, self.clean.ranks, self.groups
        return worst_cases(*attacked, setting, measure_name(measure), random=random, resamples=resamples, method=method)

    def robust_scores(
        self,
        setting: Setting,
        measure: str = "AP",
        by: str | None = None,
        *,
        resamples: int = RESAMPLES,
        method: IntervalMethod = "wider",
        seed: int = SEED,
    ) -> list[RobustScore]:
        """Return a measure under the worst attack of this result for each query, beside its mean over the attacks.

        It is comparable between results with the same attacks only: see `robustbench_ir.load_suite`, whose `of` keeps
        those of a suite.

        Parameters
        ----------
        setting, measure : str
            Setting and measure: ``"AP"`` gives robust mAP; ``"Success@10"`` the share of the queries that keep a
            relevant passage among the first ten under all attacks.
        by : {"language"}, optional
            Return a row for each query language.
        resamples, method, seed
            See `findings`.
        """
        random, attacked = np.random.default_rng(seed), (self.judgements, self.clean.ranks, self.groups)
        return robust_scores(
            *attacked, setting, measure_name(measure), by, random=random, resamples=resamples, method=method
        )

    def worst_shares(self, setting: Setting, measure: str = "AP") -> Mapping[AttackGroup, float]:
        """Return the share of the queries that score lowest, and below the clean score, under each attack, 0 to 1.

        Parameters
        ----------
        setting, measure : str
            Setting and measure.
        """
        return worst_shares(self.judgements, self.clean.ranks, self.groups, setting, measure_name(measure))

    @property
    def adaptive(self) -> bool:
        """Whether some attack was searched on this very encoder, so that it saw the encoder's defences at work."""
        return any(cell.recipe.threat == "worst case" for cell in self.attacked)

    def to_frame(self, measures: str | Iterable[str] = ("AP",), *, resamples: int = RESAMPLES) -> pd.DataFrame:
        """Return a tidy table: one row for each setting, language (``all``, relation), recipe, severity and measure.

        Where nothing was attacked, the rows are those of the clean queries, and their drop is NaN.

        Parameters
        ----------
        measures : str or iterable of str
            Names of measures, such as ``["AP", "nDCG@10"]``.
        resamples : int
            Number of resamples for the intervals and tests; fewer are faster.

        Returns
        -------
        pandas.DataFrame
            Its columns are `encoder`, `task`, `recipe_name`, which is that of the recipe without its version, and the
            fields of `Finding`. `clean`, `attacked`, `drop`, `relative_drop`, `changed_only`,
            `clean_rank_distance` and `rank_distance_change` are followed by the ends of their 95% intervals, such as
            `drop_low` and `drop_high`. It has only plain numbers and strings, so that CSV and Parquet files keep it
            whole. Rows with a `relation` are of some pairs of languages only; `language` names their query languages.
        """
        return _findings_frame(self, measures, resamples)

    def per_query(self, measure: str = "AP") -> pd.DataFrame:
        """Return one row for each query and cell, with the clean cell first.

        Parameters
        ----------
        measure : str
            Name of the measure.

        Returns
        -------
        pandas.DataFrame
            Columns `encoder`, `task`, `query_id`, `parallel_id`, `language`, `recipe_name`, `recipe`, `severity`,
            `seed`, `changed`, `reached`, `touched`, `edit_rate`, the measure in each setting, and `rank_distance`.
        """
        return _queries_frame(self, measure_name(measure))

    def save(self, path: str | Path, *, force: bool = False) -> Path:
        """Write the result file, and return its path; `robustbench_ir.load_result` reads it.

        Parameters
        ----------
        path : str or pathlib.Path
            File to write.
        force : bool
            Replace a file that is there, even one of another run.

        Raises
        ------
        ResultError
            If the file is there and of another run, or cannot be written.

        Examples
        --------
        >>> result.save("results/mine.json")  # doctest: +SKIP
        """
        return presenter().save(self, Path(path), force=force)

    def report(self, path: str | Path = "report.html", measure: str = "AP", *, worst: int = 20) -> Path:
        """Write the page that `irbench report` writes, and return its path.

        Parameters
        ----------
        path : str or pathlib.Path
            File to write.
        measure : str
            Name of the measure.
        worst : int
            Number of the hardest-hit queries to show.

        Examples
        --------
        >>> result.report("report.html")  # doctest: +SKIP
        """
        presenter().write_page([self], Path(path), measure_name(measure), worst)
        return Path(path)

    def to_latex(self, measure: str = "AP", *, setting: Setting | None = None) -> str:
        """Return the table of a paper as LaTeX.

        Parameters
        ----------
        measure : str
            Name of the measure.
        setting : str, optional
            Setting of the table, where it shows one. Default: the widest.

        Examples
        --------
        >>> print(result.to_latex("nDCG@10"))  # doctest: +SKIP
        """
        return presenter().latex([self], measure_name(measure), setting)

    def plot(self, what: str = "severity", measure: str = "AP", *, setting: Setting | None = None) -> Plot:
        """Return a picture, which a notebook shows and `Plot.save` writes.

        Parameters
        ----------
        what : str
            ``"severity"``: the measure from clean queries to the highest severity; ``"languages"``: the drop by query
            language; ``"bias"``: the change of the mean rank by query and passage language.
        measure : str
            Name of the measure.
        setting : str, optional
            Setting of a picture that shows one. Default: the widest.

        Raises
        ------
        OptionError
            If the result has no such picture, or matplotlib is not installed.

        Examples
        --------
        >>> result.plot("languages").save("languages.png")  # doctest: +SKIP
        """
        return presenter().plot(self, what, measure_name(measure), setting)

    def __repr__(self) -> str:
        """Return one line; the ranks of a result may be millions."""
        who, asked = self.encoder.name, self.judgements
        names = ", ".join(dict.fromkeys(recipe.label for recipe, _ in self.groups)) or "clean only"
        severities = ",".join(map(str, dict.fromkeys(severity for _, severity in self.groups)))
        attacked = f"{names} at severity {severities}" if severities else names
        queries = f"{len(asked.query_ids):,} queries in {','.join(asked.query_languages)}"
        return f"<Result: {who} on {self.task}, {queries}, {asked.pool_size:,} passages; {attacked}>"

    def _repr_html_(self) -> str:
        return presenter().html_table(self)


# How a result is shown: the room of the reports, which stands above this one, is found by name.


class Presenter(Protocol):
    """Shows results; `robustbench_ir.reports.of_result` is one."""

    def html_table(self, result: Result) -> str:
        """Return the drops of a result as an HTML table, for a notebook."""

    def save(self, result: Result, path: Path, *, force: bool) -> Path:
        """Write a result file, unless that would overwrite another run."""

    def write_page(self, results: Sequence[Result], path: Path, measure: str, worst: int) -> None:
        """Write the page of a report."""

    def latex(self, results: Sequence[Result], measure: str, setting: Setting | None) -> str:
        """Return the tables of a paper."""

    def plot(self, result: Result, what: str, measure: str, setting: Setting | None) -> Plot:
        """Return a picture of a result."""


def presenter() -> Presenter:
    """Return what shows results, loaded when it is first needed."""
    return cast("Presenter", shown_by())


# A result as pandas tables: tidy, with intervals, and per query.


def _findings_frame(result: Result, measures: Iterable[str], resamples: int) -> pd.DataFrame:
    """Return the table of `Result.to_frame`."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"encoder": result.encoder.name, "task": result.task, "recipe_name": row.recipe.label, **_columns(row)}
            for measure in listed(measures)
            for setting in result.settings
            for by in (None, "relation", "language")
            for row in result.findings(setting, measure, by, resamples=resamples)
        ]
    )


def _columns(row: Finding) -> dict[str, object]:
    """Return the fields of a finding, with an estimate as three columns."""
    columns: dict[str, object] = {}
    for name, value in vars(row).items():
        if isinstance(value, Estimate):
            columns |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        elif isinstance(value, AttackIdentity):
            columns[name] = str(value)
        else:
            columns[name] = value
    return columns


def _queries_frame(result: Result, measure: str) -> pd.DataFrame:
    """Return the table of `Result.per_query`."""
    import pandas as pd

    judgements = result.judgements
    frames = []
    for cell in (result.clean, *result.attacked):
        settings: dict[str, object] = {
            setting: mean_over_passage_languages(per_query_scores(judgements, cell.ranks, measure, setting))
            for setting in result.settings
        }
        columns: dict[str, object] = {
            "encoder": result.encoder.name,
            "task": result.task,
            "query_id": judgements.query_ids,
            "parallel_id": judgements.parallel_ids,
            "language": judgements.languages,
            "recipe_name": cell.recipe.label,
            "recipe": str(cell.recipe),
            "severity": cell.severity,
            "seed": cell.seed,
            "changed": cell.changed,
            "reached": cell.reached,
            "touched": cell.touched,
            "edit_rate": cell.edit_rate,
            **settings,
            "rank_distance": rank_distances(judgements, cell.ranks),
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)
