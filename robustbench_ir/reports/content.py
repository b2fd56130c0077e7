"""The content of a report as numbers and names: every form of the report (page, table, picture) shows these."""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robustbench_ir._base.listed import in_words
from robustbench_ir.encoders.choices import choices_in_words
from robustbench_ir.encoders.options import options_as_words
from robustbench_ir.errors import OptionError
from robustbench_ir.evaluation.score_runs import is_run
from robustbench_ir.metrics.at_damage import DropAtDamage
from robustbench_ir.metrics.bias_findings import BiasFinding
from robustbench_ir.metrics.bias_measures import mean_rank_by_language
from robustbench_ir.metrics.clusters import ClusterMeans, cluster_means
from robustbench_ir.metrics.findings import AttackGroup, Finding, OverSeeds, covered_queries, only, over_seeds, ratio
from robustbench_ir.metrics.measures import Floats
from robustbench_ir.metrics.settings import (
    Judgements,
    Setting,
    by_language,
    macro_average,
    per_query_scores,
    rank_distances,
)
from robustbench_ir.metrics.statistics import RESAMPLES, SEED, Estimate, bootstrap_intervals, draws
from robustbench_ir.metrics.summary import Summary
from robustbench_ir.metrics.worst_case import WorstCase
from robustbench_ir.perturb.identity import (
    CLEAN,
    PROMPT,
    AttackIdentity,
    FloorIdentity,
    PerturbedSide,
    SearchIdentity,
)
from robustbench_ir.perturb.recipe import usual_severity
from robustbench_ir.reports.notes import notes
from robustbench_ir.reports.terminal import language_name, short_name
from robustbench_ir.resources.languages import languages
from robustbench_ir.results.result import Cell, Result
from robustbench_ir.results.trigger_identity import TriggerIdentity, without_trigger
from robustbench_ir.results.verdict import AttackVerdict, attack_verdicts
from robustbench_ir.tasks.questions import questions_of
from robustbench_ir.tasks.task import TaskIdentity

# The commands that make a result again.


@dataclass(frozen=True)
class _Together:
    """Options that all attacks of one command share.

    Attributes
    ----------
    floor : FloorIdentity, optional
        Sentence-encoder constraint on every perturbation.
    search : SearchIdentity, optional
        Goal, budget and settings of the adversary; its method is empty.
    severities : tuple of int
        Severities of every recipe.
    seeds : int
        Number of seeds of every severity.
    on : {"queries", "passages", "both"}
        Which texts were perturbed.
    """

    floor: FloorIdentity | None
    search: SearchIdentity | None
    severities: tuple[int, ...]
    seeds: int
    on: PerturbedSide = "queries"


def command_of(result: Result) -> str:
    """Return the command line that makes a result again, with all options that decide the numbers.

    Attacks that do not fit into one command, such as searches with different budgets, get a line each.
    """
    if is_run(result.encoder):
        return shlex.join(_score(result))
    before, trigger = without_trigger(result.task)
    if trigger:
        return shlex.join(_trigger(replace(result, task=before), trigger))
    lines: list[list[str]] = []
    for together, mixes in _grouped(result).items():
        # One command tries every method on every recipe.
        by_methods: dict[tuple[str, ...], list[str]] = {}
        for mix, found in mixes.items():
            by_methods.setdefault(tuple(found), []).append(mix)
        for methods, names in by_methods.items():
            if together.search and together.search.crafted_on:
                lines += _transfers(result, together, together.search.crafted_on, names, methods)
            else:
                lines.append(_attack(result, together, names, methods))
    return "\n".join(map(shlex.join, lines))


def _grouped(result: Result) -> dict[_Together, dict[str, list[str]]]:
    """Return the attacks that one command can run: each recipe or mix of recipes with the methods that searched it."""
    severities: dict[tuple[AttackIdentity, int], list[int]] = {}
    for (attack, severity), cells in result.groups.items():
        severities.setdefault((attack, len(cells)), []).append(severity)
    found: dict[_Together, dict[str, list[str]]] = {}
    for (attack, seeds), some in severities.items():
        search = replace(attack.search, method="") if attack.search else None
        mixes = found.setdefault(_Together(attack.floor, search, tuple(some), seeds, attack.on), {})
        methods = mixes.setdefault("+".join(recipe.name for recipe in attack.recipes), [])
        methods += [attack.search.method] if attack.search else []
    return found or {_Together(None, None, (), 1): {CLEAN.label: []}}


def _attack(result: Result, together: _Together, recipes: list[str], methods: tuple[str, ...]) -> list[str]:
    who = result.encoder
    prompts = [name.removeprefix(PROMPT) for name in recipes if name.startswith(PROMPT)]
    plain = [name for name in recipes if not name.startswith(PROMPT)] or [CLEAN.label]
    return [
        *("irbench", "attack", "--model", who.loaded_by, *_given({"--name": who.name if who.given else ""})),
        *_task(result),
        *(word for name in plain for word in ("--recipe", name)),
        *(("--prompts", ",".join(prompts)) if prompts else ()),
        *(word for severity in together.severities for word in ("--severity", str(severity))),
        *("--seeds", str(together.seeds)),
        *(word for method in methods for word in ("--search", method)),
        *_means(together),
        *_encoder_options(result),
    ]


def _trigger(result: Result, how: TriggerIdentity) -> list[str]:
    return [
        *("irbench", "trigger", "--model", result.encoder.loaded_by, *_task(result)),
        *("--words", str(how.words), "--unseen", repr(how.unseen), "--place", how.place, "--seed", str(how.seed)),
        *_encoder_options(result),
    ]


def _encoder_options(result: Result) -> list[str]:
    """Return the words that give the encoder's options; the revision is the commit that was loaded."""
    who = result.encoder
    if result.options is None:
        return _given(
            {"--revision": who.revision, "--query-prompt": who.query_prompt, "--passage-prompt": who.passage_prompt}
        )
    given = {name: value for name, value in result.options.items() if name != "revision"}
    return [*_given({"--revision": who.revision}), *options_as_words(given)]


def _transfers(
    result: Result, together: _Together, source: str, recipes: list[str], methods: tuple[str, ...]
) -> Iterator[list[str]]:
    """Yield a line for each recipe, method and severity: `irbench transfer` takes one of each."""
    for recipe in recipes:
        for method in methods:
            for severity in together.severities:
                yield [
                    *("irbench", "transfer", "--source", source, "--targets", result.encoder.loaded_by),
                    *(*_task(result), "--recipe", recipe, "--severity", str(severity), "--seeds", str(together.seeds)),
                    *("--search", method, *_means(together), *options_as_words(result.options or {})),
                    *("--out", "results"),
                ]


def _score(result: Result) -> list[str]:
    """Return the command for TREC runs, with the file names that `irbench attack --run-out` gives them."""
    runs = [
        f"{cell.recipe.recipes[0].name}@{cell.severity}:{cell.seed}={cell.recipe.slug}-severity{cell.severity}"
        f"-seed{cell.seed}.trec"
        for cell in result.attacked
    ]
    return ["irbench", "score", *_task(result), *(word for run in ("clean.trec", *runs) for word in ("--run", run))]


def _task(result: Result) -> list[str]:
    languages = dict.fromkeys((*result.judgements.query_languages, *result.judgements.pool))
    drawn = questions_of(result.task)
    asked = ["--questions", f"{drawn.number}:{drawn.seed}" if drawn.seed else f"{drawn.number}"] if drawn else []
    return ["--task", task_name(TaskIdentity.parse(result.task)), "--languages", ",".join(languages), *asked]


_OF_A_FOLD = re.compile(r"[^-]+-fold-(?P<fold>(?:not)?[0-9]+of[0-9]+)(?:-.*)?")
_OF_A_FOLDER = re.compile(r"[0-9a-f]{12}(?:-split-(?P<split>.+?))?(?:-without-own)?(?:-[0-9]+-questions.*)?")


def task_name(task: TaskIdentity) -> str:
    """Return a task as `--task` takes it; a folder, whose version is a digest, is one of the current folder."""
    if part := _OF_A_FOLD.fullmatch(task.version):
        return f"{task.name}:{part['fold']}"
    found = _OF_A_FOLDER.fullmatch(task.version)
    if not found or ":" in task.name:
        return task.name
    return f"./{task.name}:{found['split']}" if found["split"] else f"./{task.name}"


def _means(together: _Together) -> list[str]:
    """Return the options of search and constraint."""
    search, floor = together.search, together.floor
    parts: list[str] = []
    if search:
        parts += ["--goal", search.goal, "--budget-words", str(search.words), "--budget-queries", str(search.queries)]
        parts += ["--budget-edit-rate", f"{search.edit_rate!r}"] if search.edit_rate != 1 else []
        parts += ["--until-reached"] if search.until_reached else []
        parts += ["--starts", str(search.starts)] if search.starts is not None else []
        parts += ["--alternatives", str(search.alternatives)] if search.alternatives is not None else []
    if together.on != "queries":
        parts += ["--on", together.on]
    if floor:
        parts += ["--semantic-floor", f"{floor.minimum!r}", "--semantic-encoder", floor.encoder]
    return parts


def _given(options: Mapping[str, str]) -> list[str]:
    return [word for option, value in options.items() if value for word in (option, value)]


# The numbers of a report with their intervals: drops of each setting, drops by language, means over recipes.
#
# Drops and intervals are those of `Result.findings`, from the same resamples of the questions; only what a report
# shows is estimated, all of it from the same resamples, because a page may hold hundreds of rows.


@dataclass(frozen=True)
class Score:
    """A drop under one recipe and severity in one setting: macro averages, means over seeds.

    Attributes
    ----------
    recipe : AttackIdentity
        The attack.
    severity : int
        Its severity.
    setting : str
        The setting.
    clean : float
        Clean value of the measure, over the query languages that the recipe covers, as all numbers.
    drop : Estimate
        Clean - attacked.
    clean_rank_distance : float
        Mean rank distance of the clean queries in the multilingual pool.
    rank_distance_change : Estimate
        Attacked - clean, in the multilingual pool whatever the setting.
    coverage, text_coverage, touched, edit_rate, changed_only : float
        See `Finding`.
    """

    recipe: AttackIdentity
    severity: int
    setting: Setting
    clean: float
    drop: Estimate
    clean_rank_distance: float
    rank_distance_change: Estimate
    coverage: float
    text_coverage: float
    touched: float
    edit_rate: float
    changed_only: float

    @property
    def attacked(self) -> float:
        """Attacked value of the measure."""
        return self.clean - self.drop.value

    @property
    def relative(self) -> float:
        """The drop divided by the clean value; NaN where that is 0."""
        return self.drop.value / self.clean if self.clean else float("nan")


@dataclass(frozen=True)
class MacroMean:
    """A macro mean to estimate.

    Attributes
    ----------
    groups : tuple of (AttackIdentity, int)
        Attacks with their severity, over which the mean is taken.
    languages : tuple of str
        Query languages over which the mean is taken; empty for all.
    """

    groups: tuple[AttackGroup, ...]
    languages: tuple[str, ...] = ()


def macro_scores(
    result: Result, measure: str, settings: Sequence[Setting], resamples: int
) -> dict[Setting, list[Score]]:
    """Return the macro drops of each setting by recipe and severity, in the order of `Result.drops`.

    Parameters
    ----------
    result : Result
        Result of an attack.
    measure : str
        Such as ``"AP"``.
    settings : sequence of str
        Settings to return.
    resamples : int
        Number of resamples of the intervals.
    """
    layout, groups = result.judgements, result.groups
    if not groups:
        return {setting: [_clean_score(result, measure, setting, resamples)] for setting in settings}
    wanted = [MacroMean((group,)) for group in groups]
    attacked = [_attacked(result, measure, setting, list(groups)) for setting in settings]
    drops = [{group: one.clean - one.value for group, one in of.items()} for of in attacked]
    found = _estimates(layout, [*drops, _rank_distance_changes(result)], wanted, resamples)
    clean_distance = rank_distances(layout, result.clean.ranks)
    return {
        setting: [
            Score(
                *group,
                setting,
                macro_average(layout, one.clean),
                drop,
                macro_average(layout, only(one.covered, clean_distance)),
                distance,
                *(
                    macro_average(layout, found)
                    for found in (one.coverage, one.text_coverage, one.touched, one.edit_rate, one.changed_only)
                ),
            )
            for (group, one), drop, distance in zip(of.items(), estimates, found[-1], strict=True)
        ]
        for setting, of, estimates in zip(settings, attacked, found, strict=False)
    }


def _clean_score(result: Result, measure: str, setting: Setting, resamples: int) -> Score:
    """Return the row of a result that was not attacked: whatever an attack would change is NaN."""
    (row,) = result.findings(setting, measure, resamples=resamples)
    return Score(
        *(row.recipe, row.severity, setting, row.clean.value, NO_INTERVAL, row.clean_rank_distance.value, NO_INTERVAL),
        *(row.coverage, row.text_coverage, row.touched, row.edit_rate, row.changed_only.value),
    )


def drop_estimates(
    result: Result, measure: str, setting: Setting, wanted: Sequence[MacroMean], resamples: int
) -> list[tuple[Estimate, Estimate]]:
    """Return clean - attacked for each macro mean, and the same divided by the clean mean; NaN where that is 0.

    Parameters
    ----------
    result : Result
        Result of an attack.
    measure : str
        Such as ``"AP"``.
    setting : str
        The setting.
    wanted : sequence of MacroMean
        Means to estimate.
    resamples : int
        Number of resamples of the intervals.
    """
    if not wanted:
        return []
    layout = result.judgements
    groups = list(dict.fromkeys(group for one in wanted for group in one.groups))
    attacked = _attacked(result, measure, setting, groups)
    drops = {group: one.clean - one.value for group, one in attacked.items()}
    tables = [_macro(layout, one, wanted) for one in (drops, {group: one.clean for group, one in attacked.items()})]
    drop, before = draws(tables, np.random.default_rng(SEED), resamples)
    absolute, relative = (
        bootstrap_intervals(draw, layout.questions, having=tables[0].clusters) for draw in (drop, ratio(drop, before))
    )
    return list(zip(absolute, relative, strict=True))


def _attacked(
    result: Result, measure: str, setting: Setting, groups: Sequence[AttackGroup]
) -> dict[AttackGroup, OverSeeds]:
    clean = per_query_scores(result.judgements, result.clean.ranks, measure, setting)
    return {group: over_seeds(result.judgements, clean, result.groups[group], setting, measure) for group in groups}


def _rank_distance_changes(result: Result) -> dict[AttackGroup, Floats]:
    clean = rank_distances(result.judgements, result.clean.ranks)
    return {
        group: only(
            covered_queries(result.judgements, cells),
            np.mean([rank_distances(result.judgements, cell.ranks) for cell in cells], axis=0) - clean,
        )
        for group, cells in result.groups.items()
    }


def _estimates(
    layout: Judgements, changes: Sequence[Mapping[AttackGroup, Floats]], wanted: Sequence[MacroMean], resamples: int
) -> list[list[Estimate]]:
    """Return the estimates of `wanted` for each kind of change, all from the same resamples."""
    if not wanted:
        return [[] for _ in changes]
    tables = [_macro(layout, one, wanted) for one in changes]
    found = draws(tables, np.random.default_rng(SEED), resamples)
    return [
        bootstrap_intervals(draw, layout.questions, having=table.clusters)
        for draw, table in zip(found, tables, strict=True)
    ]


def _macro(layout: Judgements, changes: Mapping[AttackGroup, Floats], wanted: Sequence[MacroMean]) -> ClusterMeans:
    """Sum up by question and stratum: recipe and severity, query language, passage language."""
    place = {group: number for number, group in enumerate(changes)}
    value = np.stack([one.reshape(len(layout.query_ids), -1) for one in changes.values()])
    languages, passages = len(layout.query_languages), value.shape[2]
    number_of_language = {name: number for number, name in enumerate(layout.query_languages)}
    group = np.arange(len(place))[:, None, None]
    stratum = (group * languages + layout.query_language[:, None]) * passages + np.arange(passages)
    members = np.zeros((len(place), languages, passages, len(wanted)), dtype=bool)
    for number, one in enumerate(wanted):
        rows = [number_of_language[name] for name in one.languages or layout.query_languages]
        for group_of_one in one.groups:
            members[place[group_of_one], rows, :, number] = True
    cluster = np.broadcast_to(layout.question[:, None], value.shape)
    return cluster_means(value, cluster, stratum, members.reshape(-1, len(wanted)), layout.questions)


_FEW_RESULTS = 3
_RESAMPLES_OF_MANY = 2_000  # the ends of an interval are then uncertain by some 3% of its width
_MOST_MARGINS = 1024  # cells of a matrix
NO_INTERVAL = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class LanguageDrop:
    """The drop in one query language: under one recipe, or the mean over recipes that cover all compared languages.

    Attributes
    ----------
    language : str
        Code of the language.
    estimate : Estimate
        The drop; NaN if the recipe does not cover the language.
    relative : Estimate
        The drop divided by the clean value. Languages are compared by it, because a language with a high clean value
        has more to lose.
    reason : str
        Why the recipe does not cover the language; empty if it does.
    """

    language: str
    estimate: Estimate
    relative: Estimate
    reason: str = ""

    @property
    def name(self) -> str:
        """English name."""
        return language_name(self.language)

    @property
    def resource_class(self) -> int | None:
        """Resource class of Joshi et al. 2020, 0 to 5; None if unknown."""
        facts = languages().get(self.language)
        return facts.resource_class if facts else None


@dataclass(frozen=True)
class Sheet:
    """One result, and the choice of what a report shows of it.

    Attributes
    ----------
    result : Result
        Source of all numbers.
    name : str
        Short name of the encoder, different from those of the other results.
    measure : str
        Such as ``"AP"``.
    setting : str
        Setting of everything that is shown for one setting only; multilingual where the task has it.
    severity : int
        Severity of everything that is shown for one severity only; 3 where it was run, else the middle one.
    resamples : int
        Number of resamples of the bootstrap.
    detailed : bool
        Whether robustness, language bias and intervals of rank changes are shown too; not if there are many results.
    damage : float, optional
        Mean edit rate at which drops are shown too.
    file : str
        File of the result; empty if it has none.
    """

    result: Result
    name: str
    measure: str
    setting: Setting
    severity: int
    resamples: int = RESAMPLES
    detailed: bool = True
    damage: float | None = None
    file: str = ""

    @property
    def shown_file(self) -> str:
        """File of the result as a command names it; of an absolute path the end, without folders of this machine."""
        path = Path(self.file)
        return shlex.quote(path.name if path.is_absolute() else path.as_posix()) if self.file else "RESULT.json"

    @property
    def measure_name(self) -> str:
        """Usual name of the measure: mAP for the mean of AP."""
        return "mAP" if self.measure == "AP" else self.measure

    @property
    def choices(self) -> list[str]:
        """What decides the numbers and is seen in none: kind, similarity, prompts, limit; a line each."""
        return choices_in_words(self.result.encoder, self.result.cut)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers do not say by themselves, a sentence each."""
        return notes(self.result)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that are shown: each that has numbers of its own, or the one that was asked for in its place."""
        found = self.result.distinct_settings
        return found if self.setting in found else (self.setting,)

    @property
    def severities(self) -> list[int]:
        """All severities that were run, ascending."""
        return sorted({severity for _, severity in self.result.groups})

    @property
    def recipes(self) -> list[AttackIdentity]:
        """Identities of the recipes, in the order of the run."""
        return list(dict.fromkeys(recipe for recipe, _ in self.result.groups))

    @cached_property
    def recipe_names(self) -> dict[AttackIdentity, str]:
        """Short name of each recipe: its name, or its whole identity if two recipes share the name."""
        shared = Counter(recipe.label for recipe in self.recipes)
        return {recipe: recipe.label if shared[recipe.label] == 1 else str(recipe) for recipe in self.recipes}

    def heading(self, recipe: AttackIdentity | None) -> str:
        """Return the short name of a recipe, or that of the mean over recipes for None."""
        if recipe:
            return self.recipe_names[recipe]
        shared = self.shared_recipes
        whole = len(shared) == len(self._recipes_here)
        return "mean over recipes" if whole else f"mean over {in_words([self.recipe_names[one] for one in shared])}"

    @cached_property
    def scores(self) -> dict[Setting, list[Score]]:
        """The macro drops of each setting, by recipe and severity."""
        return macro_scores(self.result, self.measure, self.settings, self.resamples)

    @cached_property
    def relations(self) -> dict[Setting, list[Finding]]:
        """The macro drops of each setting by relation, such as into the passages' language; see `Result.findings`."""
        return {
            setting: self.result.findings(setting, self.measure, "relation", resamples=self.resamples)
            for setting in self.settings
        }

    @property
    def related(self) -> bool:
        """Whether any setting has rows by relation."""
        return any(self.relations.values())

    @cached_property
    def at_severity(self) -> list[Score]:
        """The macro drops in the one setting at the one severity, largest first."""
        found = [one for one in self.scores[self.setting] if one.severity == self.severity]
        return sorted(found, key=lambda one: -one.drop.value)

    @cached_property
    def verdicts(self) -> list[AttackVerdict]:
        """The verdict on each attack in the one setting at the one severity."""
        return attack_verdicts(self.result, self.setting, self.severity, self.measure, self.resamples)

    @cached_property
    def _reasons(self) -> dict[AttackIdentity, dict[str, str]]:
        """By recipe, the languages that it does not cover and why."""
        return {cell.recipe: dict(cell.not_covered) for cell in self.result.attacked}

    @property
    def _recipes_here(self) -> list[AttackIdentity]:
        """The recipes that were run at the one severity."""
        return [recipe for recipe in self.recipes if (recipe, self.severity) in self.result.groups]

    @cached_property
    def shared_recipes(self) -> list[AttackIdentity]:
        """The recipes that cover every language that any recipe covers.

        Languages are compared over these only: a mean over more of them in one language than in another would say
        which recipes cover it, and not how the encoder does in it.
        """
        here = self._recipes_here
        touched = {name for name in self.result.judgements.query_languages if not self._reason(None, name)}
        return [recipe for recipe in here if touched.isdisjoint(self._reasons[recipe])]

    @cached_property
    def by_language(self) -> dict[AttackIdentity | None, list[LanguageDrop]]:
        """The drop in each query language, the largest relative one first: by recipe; under None their mean.

        The mean is over `shared_recipes`. Without at least two of them there is none, and the recipe that covers most
        languages comes first.
        """
        here, shared = self._recipes_here, self.shared_recipes
        if len(shared) > 1:
            return {None: self.mean_by_language(shared), **self._by_recipe(here)}
        return self._by_recipe(sorted(here, key=lambda one: len(self._reasons[one])))

    def mean_by_language(self, recipes: Sequence[AttackIdentity]) -> list[LanguageDrop]:
        """Return the mean drop over recipes in each query language that all of them cover; the largest comes first."""
        names = [name for name in self.result.judgements.query_languages if not self._reason(None, name)]
        groups = tuple((recipe, self.severity) for recipe in recipes)
        return self._sorted_drops(None, dict(zip(names, self._drops([(groups, name) for name in names]), strict=True)))

    def _by_recipe(self, recipes: Sequence[AttackIdentity]) -> dict[AttackIdentity | None, list[LanguageDrop]]:
        names = self.result.judgements.query_languages
        cells = [(recipe, name) for recipe in recipes for name in names if name not in self._reasons[recipe]]
        found = self._drops([(((recipe, self.severity),), name) for recipe, name in cells])
        known = dict(zip(cells, found, strict=True))
        return {
            recipe: self._sorted_drops(recipe, {name: one for (other, name), one in known.items() if other == recipe})
            for recipe in recipes
        }

    def _drops(self, wanted: Sequence[tuple[tuple[AttackGroup, ...], str]]) -> list[tuple[Estimate, Estimate]]:
        means = [MacroMean(groups, (name,)) for groups, name in wanted]
        return drop_estimates(self.result, self.measure, self.setting, means, self.resamples)

    def _sorted_drops(
        self, recipe: AttackIdentity | None, known: Mapping[str, tuple[Estimate, Estimate]]
    ) -> list[LanguageDrop]:
        names = self.result.judgements.query_languages
        drops = [LanguageDrop(one, *known.get(one, (NO_INTERVAL,) * 2), self._reason(recipe, one)) for one in names]
        return sorted(drops, key=lambda one: (math.isnan(one.relative.value), -one.relative.value))

    def _reason(self, recipe: AttackIdentity | None, language: str) -> str:
        if recipe:
            return self._reasons[recipe].get(language, "")
        touched = any(language not in reasons for reasons in self._reasons.values())
        return "" if touched else "no recipe covers it"

    @cached_property
    def rank_changes(self) -> dict[AttackIdentity, Floats]:
        """By recipe, the change of the mean rank, shape (query languages, passage languages), mean over seeds.

        Rows of languages that a recipe does not cover are NaN.
        """
        clean = self._mean_ranks(self.result.clean)
        found = {
            recipe: np.mean([self._mean_ranks(cell) for cell in cells], axis=0) - clean
            for (recipe, severity), cells in self.result.groups.items()
            if severity == self.severity
        }
        for recipe, changes in found.items():
            changes[[name in self._reasons[recipe] for name in self.result.judgements.query_languages]] = np.nan
        return found

    @cached_property
    def rank_margins(self) -> dict[AttackIdentity, Floats]:
        """By recipe, half of the 95% interval of each rank change; none where there are many."""
        layout = self.result.judgements
        if not self.detailed or len(layout.query_languages) * len(layout.pool) > _MOST_MARGINS:
            return {}
        found = {
            recipe: self.result.mean_ranks(recipe, self.severity, resamples=self.resamples)
            for recipe in self.rank_changes
        }
        return {recipe: (one.high - one.low) / 2 for recipe, one in found.items()}

    @cached_property
    def summaries(self) -> list[Summary]:
        """Robustness against each recipe in the one setting."""
        return self.result.summaries(self.setting, self.measure, resamples=self.resamples)

    @cached_property
    def at_damage(self) -> list[DropAtDamage]:
        """The drops at a common edit rate in each setting, and by language in the one setting, if one was given."""
        if self.damage is None:
            return []
        asked = self.damage, self.measure
        return [
            *self.result.at_damage(*asked, settings=self.settings, resamples=self.resamples),
            *self.result.at_damage(*asked, "language", settings=[self.setting], resamples=self.resamples),
        ]

    @cached_property
    def worst_cases(self) -> list[WorstCase]:
        """Each search against its average case in the one setting."""
        return self.result.worst_cases(self.setting, self.measure, resamples=self.resamples)

    @cached_property
    def bias(self) -> list[BiasFinding]:
        """Language bias at the one severity; none where queries have one relevant passage."""
        found = self.result.bias_findings(severity=self.severity, resamples=self.resamples)
        return found if any(not one.refusal for one in found) else []

    def _mean_ranks(self, cell: Cell) -> Floats:
        layout = self.result.judgements
        shape = len(layout.query_languages), len(layout.pool)
        return mean_rank_by_language(
            cell.ranks.in_pool, layout.query, layout.passage_language, layout.query_language, shape
        )

    @cached_property
    def coverage(self) -> dict[str, dict[AttackIdentity, float]]:
        """By language and recipe, the share of queries whose change reached the encoder at the one severity."""
        return self._shares(lambda cell: cell.reached)

    @cached_property
    def text_coverage(self) -> dict[str, dict[AttackIdentity, float]]:
        """By language and recipe, the share of queries whose text changed at the one severity."""
        return self._shares(lambda cell: cell.changed)

    def _shares(self, changed: Callable[[Cell], NDArray[np.bool_]]) -> dict[str, dict[AttackIdentity, float]]:
        layout = self.result.judgements
        rows: dict[str, dict[AttackIdentity, float]] = {name: {} for name in layout.query_languages}
        for (recipe, severity), cells in self.result.groups.items():
            if severity == self.severity:
                found = np.mean([changed(cell) for cell in cells], axis=0, dtype=float)
                for name, share in zip(layout.query_languages, by_language(layout, found).tolist(), strict=True):
                    rows[name][recipe] = share
        return rows

    @property
    def not_covered(self) -> list[tuple[str, str, str]]:
        """Recipe, language and reason for each language that a recipe cannot change."""
        return [
            (self.recipe_names[recipe], language_name(language), reason)
            for recipe in self.recipes
            for language, reason in self._reasons[recipe].items()
        ]

    @property
    def signatures(self) -> list[str]:
        """One line for each recipe and severity, in the one setting."""
        return [self.result.signature(self.setting, *group, self.measure) for group in self.result.groups]

    @property
    def command(self) -> str:
        """Command line that makes the result again; several lines if one command cannot."""
        return command_of(self.result)


def prepare_sheets(
    results: Sequence[tuple[str, Result]],
    measure: str = "AP",
    setting: Setting | None = None,
    severity: int | None = None,
    resamples: int | None = None,
    damage: float | None = None,
) -> list[Sheet]:
    """Prepare results for a report.

    Parameters
    ----------
    results : sequence of (str, Result)
        Each with the name of its file, which distinguishes two results of one encoder.
    measure : str
        Such as ``"AP"``.
    setting, severity : optional
        What is shown where there is room for one only; by default the widest setting, and severity 3 or the middle one.
    resamples : int, optional
        Number of resamples of the bootstrap; by default 10,000, and 2,000 for more than three results.
    damage : float, optional
        Mean edit rate at which drops are shown too.

    Raises
    ------
    OptionError
        If a result does not have the setting or severity.
    """
    drawn = resamples or (RESAMPLES if len(results) <= _FEW_RESULTS else _RESAMPLES_OF_MANY)
    found = []
    for (file, result), name in zip(results, _names(results), strict=True):
        if setting is not None and setting not in result.settings:
            raise OptionError(f"{file}: no setting {setting!r}; there are: {', '.join(result.settings)}")
        severities = sorted({one for _, one in result.groups})
        if severity is not None and severity not in severities:
            ran = ", ".join(map(str, severities)) or "none"
            raise OptionError(f"{file}: severity {severity} was not run; there are: {ran}")
        found.append(
            Sheet(
                result,
                name,
                measure,
                setting or result.distinct_settings[-1],
                severity if severity is not None else usual_severity(severities),
                drawn,
                len(results) <= _FEW_RESULTS,
                damage,
                file if Path(file).suffix else "",
            )
        )
    return found


def _names(results: Sequence[tuple[str, Result]]) -> list[str]:
    """Return the last part of each encoder's name; with the file name, or at last a number, where several share it."""
    short = [short_name(result.encoder.name) for _, result in results]
    files = [
        name if short.count(name) == 1 else f"{name} ({Path(file).stem})"
        for name, (file, _) in zip(short, results, strict=True)
    ]
    return [
        name if files.count(name) == 1 else f"{name} {files[: number + 1].count(name)}"
        for number, name in enumerate(files)
    ]


# A result in two plain sentences.

_POOLS: dict[Setting, str] = {
    "monolingual": "with the passages of the query's own language as the pool",
    "cross-lingual": "with the passages of one other language as the pool",
    "multilingual": "with the passages of all languages in one pool",
}


def summary_sentences(sheet: Sheet) -> list[str]:
    """Return sentences on which recipe costs most, and which query languages lose most, each with its interval."""
    if not sheet.at_severity:
        return [_not_attacked(sheet)]
    return [_recipes(sheet, sheet.at_severity), *_languages(sheet)]


def _not_attacked(sheet: Sheet) -> str:
    clean = sheet.result.score(sheet.result.clean, sheet.setting, sheet.measure)
    return (
        f"{sheet.name} was not attacked: there are clean scores only. Its clean {sheet.measure_name} is {clean:.3f}, "
        f"{_POOLS[sheet.setting]}."
    )


def _recipes(sheet: Sheet, found: list[Score]) -> str:
    worst, *others = found
    drop, name = worst.drop, sheet.recipe_names[worst.recipe]
    when = f"At severity {sheet.severity}, {_POOLS[sheet.setting]},"
    if drop.value <= 0:
        return f"{when} no recipe lowers the {sheet.measure_name} of {sheet.name}, which is {worst.clean:.3f}."
    most = " most" if others else ""
    share = "" if math.isnan(worst.relative) else f" or {worst.relative:.0%}"
    sentence = (
        f"{when} {name} costs {sheet.name}{most}: {sheet.measure_name} falls from {worst.clean:.3f} to "
        f"{worst.attacked:.3f}, by {_shown(drop)}{share}"
    )
    near = [sheet.recipe_names[one.recipe] for one in others if one.drop.value >= drop.low]
    if near:
        return f"{sentence}; {in_words(near)} cost{'s' if len(near) == 1 else ''} about as much."
    return f"{sentence}."


def _languages(sheet: Sheet) -> list[str]:
    drops = [one for one in next(iter(sheet.by_language.values())) if not math.isnan(one.relative.value)]
    if len(drops) < 2:
        return []
    several = _compared_over(sheet)
    *most, least = drops
    losing = [one for one in most[: 3 if len(most) > 3 else 1] if one.relative.value > 0]
    if not losing:
        return [f"{several} in no language lose; those in {_named(least)} gain most."]
    first, *then = losing
    after = f", then {in_words([_named(one) for one in then])}" if then else ""
    last = "gain" if least.relative.high < 0 else "lose least"
    return [f"{several} in {_named(first)} lose most{after}; those in {_named(least)} {last}."]


def _compared_over(sheet: Sheet) -> str:
    """Return the beginning of a sentence on languages: they are compared over what all of them have."""
    first = next(iter(sheet.by_language))
    if len(sheet.at_severity) < 2:
        return "Queries"
    names = [sheet.recipe_names[one] for one in sheet.shared_recipes]
    if first is None and len(names) == len(sheet.at_severity):
        return "Averaged over the recipes, queries"
    if first is None:
        return f"Averaged over {in_words(names)}, which alone cover all these languages, queries"
    return (
        f"Under {sheet.recipe_names[first]}, which {'alone covers all' if names else 'covers most'} languages, queries"
    )


def _named(one: LanguageDrop) -> str:
    return f"{one.name} ({_share(one.relative)}; {one.estimate.value:.3f} in absolute terms)"


def _share(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return f"{estimate.value:z.1%} of the clean score"
    return f"{estimate.value:z.1%} of the clean score, {estimate.low:z.1%} to {estimate.high:z.1%}"


def _shown(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f}"
    ends = f"{estimate.low:.3f} to {estimate.high:.3f}"
    return f"{estimate.value:.3f} (95% interval {ends})"
