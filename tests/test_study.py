"""Studies: the card, uncertainty over questions and seeds, verdicts, and a tiny real one from end to end."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from robustbench_ir.cli import irbench
from robustbench_ir.errors import CardError, DataError, OptionError, ResultError, UnknownNameError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.metrics.clusters import cluster_means
from robustbench_ir.metrics.statistics import draws
from robustbench_ir.resources.cards import packaged
from robustbench_ir.resources.languages import resource_groups
from robustbench_ir.results.file import load_result
from robustbench_ir.results.result import Result
from robustbench_ir.studies.analysis import judge_claims
from robustbench_ir.studies.checkpoints import arms, checkpoints
from robustbench_ir.studies.claims import ArmComparison, adjusted, claim_tests, load_claims, verdict_of
from robustbench_ir.studies.config import Margins, StudyCard, load_study
from robustbench_ir.studies.measured import NOT_ESTIMATED, Interval, SeedResamples, arm_intervals, mean_of, seed_spread
from robustbench_ir.studies.page import study_page
from robustbench_ir.studies.picture import write_picture
from robustbench_ir.studies.plan import plan_study
from robustbench_ir.studies.record import Study, StudyPlan, StudyRow, load_study_record, save_study
from robustbench_ir.studies.registration import read_registration, register, resolution
from robustbench_ir.studies.run import run_study
from robustbench_ir.tasks import load_task

NAN = float("nan")
SHIPPED = ("hybrid-batch", "hybrid-batch-further", "hybrid-batch-transfer")


def number(value: float, low: float, high: float) -> Interval:
    return Interval(value, low, high, 0.001, 0.001, (value,), NAN, 10)


# The card


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_cards_are_whole(name: str) -> None:
    card = load_study(name, bases=("somewhere",))
    assert card.name == name
    assert set(card.pace.attack) == {task.name for task in card.tasks}
    assert len({arm.label for arm in arms(card, "somewhere")}) == len(arms(card, "somewhere"))


def test_the_default_study_is_three_samplers_six_seeds_and_two_folds() -> None:
    card = load_study("hybrid-batch", bases=("b",))
    assert set(card.samplers) == {"hybrid", "mono", "cross"}
    assert (len(card.seeds), card.folds, card.training["keep"]) == (6, 2, "last")
    assert [task.label for task in card.tasks] == [
        "xquad-r (el, en, hi, th, tr, vi)",
        "ntrex:1of8 (am, ar, de, fi, ha, so, sw, zu)",
    ]
    assert len([one for arm in arms(card, "b") for one in checkpoints(card, arm)]) == 3 * 6 * 2 + 2
    first, second = checkpoints(card, arms(card, "b")[0])[:2]
    assert (first.training["data"], second.training["data"]) == (("xquad-r:not1of2",), ("xquad-r:not2of2",))
    assert (first.seed, first.fold, second.seed, second.fold) == (0, 1, 0, 2)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seeds =", "sedes =", "key 'sedes' is unknown: did you mean 'seeds'"),
        ("seeds = [0, 1, 2, 3, 4, 5]", "seeds = []", "'seeds'"),
        ("seeds = [0, 1, 2, 3, 4, 5]", "seeds = [0, 0]", "'seeds' names something twice"),
        ("folds = 2", "folds = 2\nalphas = [1.5]", "'alphas' must lie between 0 and 1"),
        ('"cross", "hybrid"]', '"cross", "hybrd"]', "'samplers.2'"),
        ("severity = 3", "severity = 6", "'severity'"),
        ('[[tasks]]\nname = "xquad-r', '[[tasks]]\ntitle = "xquad-r', "tasks.0"),
        ("folds = 2", "folds = 1", "'folds' and {fold} in the names of data or tasks belong together"),
        (
            "[pace]",
            "[[variants]]\nname = 'plain'\n[[variants]]\nname = 'long'\ntraining = { steps = 41 }\n[pace]",
            "1,312 pairs",
        ),
        ("[pace]", "[margins]\nrelative_drop = 0\n[pace]", "margins.relative_drop"),
    ],
)
def test_a_card_is_strict(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = (packaged("studies") / "hybrid-batch.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "hybrid-batch.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CardError, match=told.replace("[", r"\[")):
        load_study("", config=path)


def test_an_unknown_study_or_recipe_or_no_base_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'hybrid-batch'"):
        load_study("hybrid-bach")
    with pytest.raises(OptionError, match="--base FOLDER"):
        load_study("hybrid-batch")
    text = (packaged("studies") / "hybrid-batch.toml").read_text(encoding="utf-8")
    path = tmp_path / "own.toml"
    path.write_text(text.replace('"typo", ', '"tpyo", '), encoding="utf-8")
    with pytest.raises(UnknownNameError, match="did you mean 'typo'"):
        load_study("", config=path)


def test_another_training_has_another_name_and_a_further_seed_keeps_the_names() -> None:
    card = load_study("hybrid-batch", bases=("b",)).model_copy(update={"untrained": False})

    def names(one: StudyCard) -> list[str]:
        return [each.name for arm in arms(one, "b") for each in checkpoints(one, arm)]

    before = names(card)
    assert len(set(before)) == len(card.samplers) * len(card.seeds) * card.folds
    assert set(before) < set(names(card.model_copy(update={"seeds": (*card.seeds, 99)})))
    longer = card.model_copy(update={"training": {**card.training, "steps": 7}})
    assert not set(before) & set(names(longer))


def test_alphas_and_variants_are_further_arms_that_share_the_models_of_the_main_study() -> None:
    card, main = (load_study(name, bases=("b",)) for name in ("hybrid-batch-further", "hybrid-batch"))
    by_label = {arm.label: checkpoints(card, arm) for arm in arms(card, "b")}
    assert list(by_label)[:5] == ["mono", "cross", "hybrid", "hybrid alpha=0.25", "hybrid alpha=0.75"]
    assert {"hybrid+batch-16", "mono+perturbed", "cross+translations"} <= set(by_label)
    assert "mono+batch-16" not in by_label
    assert len(by_label["hybrid"]) == 12
    assert len(by_label["hybrid+batch-16"]) == 4
    assert by_label["hybrid+batch-16"][0].training["steps"] == 80
    assert by_label["cross+translations"][0].training["data"] == ("tatoeba",)
    for arm in arms(main, "b")[:3]:
        assert [one.name for one in checkpoints(main, arm)] == [one.name for one in by_label[arm.label]]


# Uncertainty


def drawn(seeds: np.ndarray, random: np.random.Generator, resamples: int = 400) -> SeedResamples:
    """Draw questions anew for values of shape (seeds, questions)."""
    found = []
    resample = int(random.integers(1 << 30))
    for row in seeds:
        table = cluster_means(row, np.arange(len(row)), np.zeros(len(row), int), np.ones((1, 1), bool), len(row))
        (draw,) = draws([table], np.random.default_rng(resample), resamples)
        found.append((draw[0, np.r_[0, 1 + len(row) : draw.shape[1]]], table.contributions()[:, 0]))
    return SeedResamples(np.stack([one for one, _ in found]), np.stack([part for _, part in found]))


@pytest.mark.parametrize(("seeds", "of_seeds", "of_both"), [(3, 0.05, 0.2), (3, 0.0, 0.5), (5, 0.1, 0.0)])
def test_intervals_over_questions_and_seeds_cover(seeds: int, of_seeds: float, of_both: float) -> None:
    """Simulate differences with spread of questions, of seeds and of both together; the truth is 0."""
    random, covered, trials = np.random.default_rng(5), 0, 300
    for _ in range(trials):
        values = (
            0.3 * random.normal(size=(1, 60))
            + of_seeds * random.normal(size=(seeds, 1))
            + of_both * random.normal(size=(seeds, 60))
        )
        (found,) = arm_intervals([drawn(values, random, 150)], random, 100)
        covered += found.low <= 0 <= found.high
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
    # 95% or a little more: what question and seed do together counts twice. Binomial bounds of 300 trials.
    assert 0.92 <= covered / trials <= 1


def test_a_bootstrap_of_three_seeds_would_not_cover() -> None:
    """The reason for Student's t: no resample of three values leaves their range."""
    random = np.random.default_rng(6)
    values = random.normal(size=(2000, 3))
    resampled = values[:, random.integers(0, 3, size=(500, 3))].mean(axis=2)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=1)
    assert np.mean((low <= 0) & (high >= 0)) < 0.85


def test_one_seed_gives_the_interval_over_questions() -> None:
    random = np.random.default_rng(7)
    values = random.normal(0.2, 1, size=(1, 200))
    (found,) = arm_intervals([drawn(values, random, 4000)], random, 4000)
    error = values.std(ddof=1) / math.sqrt(200)
    reach = stats.t.ppf(0.975, 199) * error
    assert found.low == pytest.approx(values.mean() - reach, abs=0.05 * reach)
    assert found.high == pytest.approx(values.mean() + reach, abs=0.05 * reach)
    assert found.p == pytest.approx(stats.ttest_1samp(values[0], 0).pvalue, abs=0.02)
    assert found.p_questions == pytest.approx(found.p, abs=0.03)
    assert math.isnan(found.spread_of_seeds)


def test_seeds_alone_give_students_interval() -> None:
    """Where all questions agree, the interval is the t interval of the seeds' own numbers."""
    by_seed = np.array([0.1, 0.2, 0.6])
    (found,) = arm_intervals(
        [drawn(np.repeat(by_seed[:, None], 40, axis=1), np.random.default_rng(8))], np.random.default_rng(8), 100
    )
    low, high = stats.t.interval(0.95, 2, by_seed.mean(), by_seed.std(ddof=1) / math.sqrt(3))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)
    assert found.by_seed == pytest.approx(tuple(by_seed))


def test_arms_of_unequal_seeds_are_compared_by_their_means() -> None:
    random = np.random.default_rng(13)
    values = random.normal(size=(8, 30))
    three, five = drawn(values[:3], np.random.default_rng(1), 50), drawn(values[3:], np.random.default_rng(1), 50)
    (found,) = arm_intervals([three - five], random, 50, [seed_spread([three, five], [three, five])])
    assert found.value == pytest.approx(values[:3].mean() - values[3:].mean())
    variances = [np.var(one.mean(axis=1), ddof=1) for one in (values[:3], values[3:])]
    pooled = (2 * variances[0] + 4 * variances[1]) / 6
    of_questions = found.error**2 - pooled * (1 / 3 + 1 / 5)
    assert of_questions == pytest.approx(np.var((three - five).draw[0, 1:]) * 30 / 29)


def test_no_difference_has_no_width_and_what_is_missing_has_no_interval() -> None:
    random = np.random.default_rng(9)
    one = drawn(random.normal(size=(2, 30)), random)
    nothing, missing, none = arm_intervals([one - one, one / (one - one), None], random, 100)
    assert (nothing.value, nothing.low, nothing.high, nothing.p, nothing.p_questions) == (0, 0, 0, 1, 1)
    assert missing == none == NOT_ESTIMATED or (math.isnan(missing.value) and math.isnan(none.value))
    assert mean_of([one, one]).by_seed == one.by_seed


def test_seeds_of_several_arms_give_one_variance_unless_they_differ() -> None:
    """Three arms of six seeds: pooled variance and degrees of freedom of a one-way analysis of variance."""
    random = np.random.default_rng(10)
    values = random.normal(size=(3, 6))
    alike = [drawn(np.repeat(one[:, None], 20, axis=1), random, 50) for one in values]
    spread = seed_spread(alike[:2], alike)
    assert spread is not None
    assert spread.freedom == 15
    assert spread.variance == pytest.approx(2 * np.mean(np.var(values, axis=1, ddof=1)) / 6)
    values[2] *= 40
    wild = [drawn(np.repeat(one[:, None], 20, axis=1), random, 50) for one in values]
    assert stats.levene(*values).pvalue < 0.05
    alone = seed_spread(wild[:2], wild)
    assert alone is not None
    (found,) = arm_intervals([wild[0] - wild[1]], random, 50, [alone])
    welch = stats.ttest_ind(values[0], values[1], equal_var=False)
    assert found.p == pytest.approx(welch.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(welch.confidence_interval()))


def test_equivalence_is_two_one_sided_tests() -> None:
    """Against scipy's one-sided tests of a sample that is moved by the margin."""
    by_seed = np.array([0.002, -0.004, 0.006, 0.001, -0.003])
    (found,) = arm_intervals(
        [drawn(np.repeat(by_seed[:, None], 40, axis=1), np.random.default_rng(8))], np.random.default_rng(8), 100
    )
    for margin in (0.003, 0.01):
        above = stats.ttest_1samp(by_seed, -margin, alternative="greater").pvalue
        below = stats.ttest_1samp(by_seed, margin, alternative="less").pvalue
        assert found.p_equivalent(margin) == pytest.approx(max(above, below))
    assert math.isnan(NOT_ESTIMATED.p_equivalent(0.1))


def test_the_detectable_difference_has_a_power_of_80_percent() -> None:
    """Simulate samples of the standard error's size with the detectable difference as their mean."""
    random = np.random.default_rng(11)
    found = replace(NOT_ESTIMATED, value=0.0, error=1.0, freedom=15.0)
    values = random.normal(found.detectable, 4.0, size=(20_000, 16))
    power = np.mean(stats.ttest_1samp(values, 0, axis=1).pvalue < 0.05)
    assert power == pytest.approx(0.8, abs=0.02)


# Verdicts


def compared(value: float, p: float, p_equivalent: float = 1.0, claim: str = "c") -> ArmComparison:
    difference = replace(number(value, value - 1, value + 1), p=p)
    return ArmComparison(
        *(claim, "mAP", "multilingual", "", "hybrid", "mono", 0.6, 0.5),
        *(difference, 0.01, p_equivalent, 0.02, "higher"),
    )


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([compared(0.1, 0.01)], "supported"),
        ([compared(-0.1, 0.01)], "refuted"),
        ([compared(0.1, 0.06)], "unresolved"),
        ([compared(0.001, 0.6, 0.01)], "equivalent"),
        ([compared(0.001, 0.04, 0.01)], "supported"),
        ([compared(0.1, 0.01), compared(0.1, 0.04)], "supported"),
        ([compared(0.1, 0.01), compared(0.1, 0.2)], "unresolved"),
        ([compared(0.1, 0.01), compared(-0.1, 0.02)], "refuted"),
        ([compared(0.1, 0.01), compared(-0.1, 0.03)], "unresolved"),
        ([compared(0.001, 0.6, 0.01), compared(0.001, 0.6, 0.2)], "unresolved"),
        ([compared(NAN, NAN, NAN), compared(0.1, 0.01)], "supported"),
        ([compared(NAN, NAN, NAN)], "no case"),
        ([], "no case"),
    ],
)
def test_the_verdict_rule(found: list[ArmComparison], verdict: str) -> None:
    """A claim of several parts holds if all do; parts that refute it are adjusted for their number."""
    assert verdict_of(claim_tests(found)) == verdict


def test_the_claims_of_a_family_are_adjusted_for_each_other() -> None:
    """By Holm: 0.01, 0.02, 0.04 become 0.03, 0.04, 0.04; which side a claim fell on makes no difference."""
    three = [claim_tests([compared(value, p)]) for value, p in ((0.1, 0.01), (-0.1, 0.02), (0.1, 0.04))]
    found = adjusted(three)
    assert [min(one.supported, one.refuted) for one in found] == pytest.approx([0.03, 0.04, 0.04])
    assert [verdict_of(one) for one in found] == ["supported", "refuted", "supported"]
    assert math.isnan(adjusted([claim_tests([])])[0].supported)


def test_families_are_adjusted_apart_and_every_base_needs_more_than_one_to_be_confirmed() -> None:
    (claim,) = (one for one in load_claims() if one.every_base)
    row, worse = compared(0.1, 0.01, claim=claim.id), compared(-0.1, 0.01, claim=claim.id)
    assert [one.verdict for one in judge_claims([claim], "t", {"a": [row]}, 2)] == ["unresolved"]
    assert [one.verdict for one in judge_claims([claim], "t", {"a": [worse]}, 2)] == ["refuted"]
    (both,) = judge_claims([claim], "t", {"a": [row], "b": [row]}, 2)
    assert (both.base, both.verdict) == ("a, b", "supported")
    assert [one.verdict for one in judge_claims([claim], "t", {"a": [row], "b": [worse]}, 2)] == ["refuted"]
    kin = claim.model_copy(update={"id": "kin", "every_base": False})
    other = kin.model_copy(update={"id": "other", "family": "another"})
    weaker = replace(row.difference, p=0.03)
    evidence = [replace(row, claim=one, difference=weaker) for one in ("kin", "other", claim.id)]
    found = {one.id: one for one in judge_claims([claim, kin, other], "t", {"a": evidence}, 2)}
    assert found["kin"].p.supported == pytest.approx(0.06)
    assert found["other"].p.supported == pytest.approx(0.03)


def test_one_seed_gives_no_verdict() -> None:
    """The spread between trainings is as large as that of questions, and unknown then."""
    claim = next(one for one in load_claims() if not one.every_base)
    row = compared(0.1, 1e-9, claim=claim.id)
    for seeds, verdict in ((2, "supported" if row.as_claimed else "refuted"), (1, "unresolved")):
        assert [one.verdict for one in judge_claims([claim], "t", {"a": [row]}, seeds)] == [verdict]
    nothing = compared(NAN, NAN, NAN, claim=claim.id)
    assert [one.verdict for one in judge_claims([claim], "t", {"a": [nothing]}, 1)] == ["no case"]


def test_the_claims_are_those_of_the_paper_and_of_its_question() -> None:
    claims = {one.id: one for one in load_claims()}
    assert {"best-multilingual", "better-everywhere", "less-bias", "zero-shot"} <= set(claims)
    assert claims["less-bias"].direction == "lower"
    primary = [one for one in claims.values() if one.family == "primary"]
    assert [(one.measure, one.settings, one.recipes, one.against) for one in primary] == [
        ("relative drop", ("multilingual",), ("typo",), ("mono",)),
        ("relative drop", ("multilingual",), ("typo",), ("cross",)),
    ]
    assert resource_groups(["en", "el", "sw", "xx"]) == (("sw",), ("en",)), "Greek is of class 3"


# The plan


def test_a_card_that_changes_after_its_plan_is_refused_unless_it_is_planned_again(tmp_path: Path) -> None:
    card = load_study("hybrid-batch", bases=("b",))
    first = register(card, tmp_path)
    assert register(card, tmp_path) == first
    faster = card.model_copy(update={"pace": card.pace.model_copy(update={"step": 9.0})})
    assert register(faster, tmp_path) == first, "durations decide no number"
    other = card.model_copy(update={"seeds": (0, 1), "margins": Margins(relative_drop=0.5)})
    with pytest.raises(OptionError, match=r"have changed since the plan .* \(margins, seeds\); .*--replan"):
        register(other, tmp_path)
    second = register(other, tmp_path, replan=True)
    assert (second.replaced, register(other, tmp_path)) == ((first.sha256,), second)
    path = tmp_path / "plan.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"relative_drop": 0.5', '"relative_drop": 0.6'))
    with pytest.raises(OptionError, match="not the one whose hash it has"):
        read_registration(tmp_path)
    path.write_text("{}")
    with pytest.raises(OptionError, match="not a plan of this irbench"):
        register(card, tmp_path)


def test_a_plan_says_what_it_can_show() -> None:
    """By simulation: mean differences with the error that the plan states, judged by t tests with its freedom."""
    card = load_study("hybrid-batch", bases=("b",))
    found = resolution(card)
    assert found is not None
    assert found.error == pytest.approx(math.sqrt((3.2e-6 + (1.28e-5 + 3.6e-5) / 6) / 2))
    random, freedom, trials = np.random.default_rng(12), 15, 20_000
    error = found.error * np.sqrt(random.chisquare(freedom, trials) / freedom)
    seen = random.normal(found.detectable, found.error, trials)
    assert np.mean(np.abs(seen) / error > stats.t.ppf(0.975, freedom)) == pytest.approx(0.8, abs=0.02)
    equal = random.normal(0, found.error, trials)
    shown = np.abs(equal) + stats.t.ppf(0.95, freedom) * error < card.margins.relative_drop
    assert np.mean(shown) == pytest.approx(found.equality, abs=0.03)
    assert resolution(card.model_copy(update={"pilot": None})) is None


# From end to end

WORDS = {
    "en": ["river", "stone", "window", "morning", "bread", "garden", "winter", "letter", "silver", "bridge"],
    "es": ["rio", "piedra", "ventana", "manana", "pan", "jardin", "invierno", "carta", "plata", "puente"],
    "sw": ["mto", "jiwe", "dirisha", "asubuhi", "mkate", "bustani", "baridi", "barua", "fedha", "daraja"],
}
CARD = """
name = "tiny"
title = "Tiny"
description = "Three samplers."
bases = ["static-multilingual"]
data = [{data}]
samplers = ["hybrid", "mono", "cross"]
seeds = [0, 1]
recipes = ["typo"]
resamples = 200
training = {{ steps = 4, batch_size = 8, evaluate_every = 2, vocabulary = 300, dimensions = 8 }}
pace = {{ step = 0.1, start = 1, attack = {{ mini = 1 }} }}
tasks = [{{ name = "mini", languages = ["en", "es", "ha", "sw"] }}]
"""


def training_table(folder: Path) -> Path:
    """Write parallel sentences of a few words."""
    random, lines = np.random.default_rng(3), []
    for number in range(120):
        chosen = random.integers(0, 10, size=6)
        for language, words in WORDS.items():
            texts = [" ".join(words[one] for one in some) for some in (chosen[:3], chosen)]
            row = {"parallel_id": str(number), "language": language, "query": texts[0], "passage": texts[1]}
            lines.append(json.dumps(row))
    path = folder / "table.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def own_card(folder: Path, data: Path) -> Path:
    path = folder / "tiny.toml"
    path.write_text(CARD.format(data=json.dumps(str(data))), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_study_is_planned_stopped_resumed_and_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, out = own_card(tmp_path, training_table(tmp_path)), tmp_path / "out"
    runner = CliRunner()
    plan = runner.invoke(irbench, ["study", "--config", str(config), "--out", str(out), "--plan"])
    assert plan.exit_code == 0, plan.output
    assert "12 of 12 steps are left" in plan.output
    assert [path.name for path in out.iterdir()] == ["plan.json"]

    attacked: list[str] = []

    def attack_twice(encoder: str, *arguments: object, **options: object) -> Result:
        if len(attacked) == 2:
            raise KeyboardInterrupt
        attacked.append(encoder)
        return attack(encoder, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("robustbench_ir.studies.run.attack", attack_twice)
    with pytest.raises(KeyboardInterrupt):
        run_study(load_study("", config), out)
    trained = {path: path.stat().st_mtime_ns for path in out.glob("models/*/training.json")}
    assert len(trained) == 6
    assert len(list(out.glob("results/*.json"))) == 2
    card = load_study("", config)
    assert sum(not one.done for one in plan_study(card, out)) == 4

    monkeypatch.setattr("robustbench_ir.studies.run.attack", attack)
    run = runner.invoke(irbench, ["study", "--config", str(config), "--out", str(out)])
    assert run.exit_code == 0, run.output
    assert run.output.count("attacked") == 4
    assert {path: path.stat().st_mtime_ns for path in trained} == trained

    study = load_study_record(out / "study.json")
    again = run_study(card, out)
    assert [one.number.value for one in again.rows] == pytest.approx([one.number.value for one in study.rows])
    assert [one.verdict for one in again.claims] == [one.verdict for one in study.claims]
    check_numbers(study, out)

    # A further card has its own plan and report, and uses the models and results of this one.
    wider = config.with_name("wider.toml")
    wider.write_text(
        config.read_text(encoding="utf-8")
        .replace('"tiny"', '"wider"')
        .replace('samplers = ["hybrid", ', 'samplers = ["hybrid", "mono"]  #'),
        encoding="utf-8",
    )
    beside = tmp_path / "wider"
    shared = runner.invoke(irbench, ["study", "--config", str(wider), "--out", str(beside), "--reuse", str(out)])
    assert shared.exit_code == 0, shared.output
    assert "trained" not in shared.output.replace("pretrained", "")
    assert "attacked" not in shared.output
    assert sorted(path.name for path in beside.iterdir() if path.suffix == ".json") == [
        "claims.json",
        "plan.json",
        "study.json",
    ]
    assert load_study_record(out / "study.json").plan == study.plan


def test_a_study_of_an_earlier_version_is_told(tmp_path: Path) -> None:
    study = Study("s", "S", "", "0.3.0", "", "", "", {}, StudyPlan("", "", ()), (), (), (), (), (), (), (), (), {})
    save_study(study, tmp_path / "study.json")
    assert load_study_record(tmp_path / "study.json") == study
    text = (tmp_path / "study.json").read_text(encoding="utf-8")
    (tmp_path / "study.json").write_text(text.replace('"training_rows": []', '"training_rows": 3'), encoding="utf-8")
    with pytest.raises(ResultError, match="run `irbench study` again"):
        load_study_record(tmp_path / "study.json")


def check_numbers(study: Study, out: Path) -> None:
    """Compare what the record says with the result files."""
    assert {(one.arm, one.seed) for one in study.checkpoints} == {
        (arm, seed) for arm in ("hybrid", "mono", "cross") for seed in (0, 1)
    }
    scores = {
        arm: [load_result(path) for path in sorted(out.glob(f"results/*-{arm}-seed*.json"))]
        for arm in ("hybrid", "mono", "cross")
    }
    rows = {(one.arm, one.against, one.quantity, one.recipe, one.languages): one.number for one in study.rows}
    means = {}
    for arm, results in scores.items():
        clean = [one.score(one.clean, "multilingual") for one in results]
        lost = [one.drops("multilingual")[0].relative for one in results]
        means[arm] = np.mean(clean), np.mean(lost)
        found = rows[arm, "", "mAP multilingual", "", "all"]
        assert found.by_seed == pytest.approx(clean)
        assert found.low < found.value < found.high
        assert rows[arm, "", "relative drop multilingual", "typo", "all"].by_seed == pytest.approx(lost)
        own = [one.drops("multilingual", by="language") for one in results]
        sw = [next(row for row in drops if row.language == "sw").clean for drops in own]
        assert rows[arm, "", "mAP multilingual", "", "sw"].by_seed == pytest.approx(sw)
    for other in ("mono", "cross"):
        assert rows["hybrid", other, "mAP multilingual", "", "all"].value == pytest.approx(
            means["hybrid"][0] - means[other][0]
        )
    by_claim = {(one.id, one.recipe): one for one in study.claims}
    assert len(by_claim) == 4 + 2 + 3 + 2 + 3
    (against,) = by_claim["typo-hybrid-cross", "typo"].comparisons
    assert against.difference.value == pytest.approx(means["hybrid"][1] - means["cross"][1])
    assert by_claim["zero-shot", ""].comparisons[0].value == pytest.approx(
        rows["hybrid", "", "mAP multilingual", "", "ha"].value
    )
    report = (out / "report.md").read_text(encoding="utf-8")
    for one in study.claims:
        assert one.sentence in report
    assert "irbench study --config" in report
    claims = json.loads((out / "claims.json").read_text(encoding="utf-8"))
    assert [(one["id"], one["attack"], one["verdict"]) for one in claims["claims"]] == [
        (one.id, one.recipe, one.verdict) for one in study.claims
    ]
    assert claims["plan"]["sha256"] == json.loads((out / "plan.json").read_text(encoding="utf-8"))["sha256"]
    assert study.plan.sha256 in report
    assert "nan" not in report


def lose_from(record: Path, first: float) -> None:
    """Write another validation loss before the first step into the record of a training."""
    told = json.loads(record.read_text(encoding="utf-8"))
    told["outcome"]["validation_losses"][0][1] = first
    record.write_text(json.dumps(told), encoding="utf-8")


def test_a_training_that_diverged_is_kept_marked_and_left_out_beside(tmp_path: Path) -> None:
    """Where the loss has risen in one seed's folder, the numbers keep it, and the page says what it changes."""
    config, out = own_card(tmp_path, training_table(tmp_path)), tmp_path / "out"
    card = load_study("", config)
    run_study(card, out)
    for path in out.glob("models/*/training.json"):
        lose_from(path, 1e9)
    study = run_study(card, out)
    assert study is not None
    assert study.claims_without_diverged == ()
    assert "These trainings diverged" not in study_page(study)
    lose_from(next(out.glob("models/*-mono-seed1-*/training.json")), 0.0)
    again = run_study(card, out)
    assert again is not None
    assert [one.seed for one in again.checkpoints if one.has_diverged] == [1]
    assert [one.number.value for one in again.rows] == pytest.approx([one.number.value for one in study.rows])
    by_id = {one.id: one for one in again.claims_without_diverged if one.recipe == "typo"}
    assert by_id["typo-hybrid-mono"].comparisons[0].other == pytest.approx(
        next(
            one.number.by_seed[0]
            for one in again.rows
            if (one.arm, one.against, one.quantity) == ("mono", "", "relative drop multilingual")
        )
    )
    assert "These trainings diverged" in study_page(again)
    evil = "\x1b[2J<b onclick='x'>\n# [a](http://evil)"
    named = tuple(replace(one, base=evil) for one in again.checkpoints)
    page = study_page(replace(again, title=evil, description=evil, checkpoints=named, machine=evil))
    assert "\x1b" not in page
    assert page.count("<b ") == page.count("\\<b ") > 3
    assert "[a](" not in page.replace("\\[a\\](", "")


def test_the_picture_shows_each_arm_and_attack(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="MATPLOTLIB ABSENT: pip install -e '.[plots]'")
    rows = tuple(
        StudyRow("b", "t", arm, "", quantity, recipe, "all", number(value, value - 0.01, value + 0.01))
        for quantity in ("relative drop multilingual", "rank distance change")
        for recipe in ("typo", "synonym")
        for value, arm in enumerate(("mono", "cross", "hybrid"), start=1)
    )
    claim = next(one for one in load_claims() if one.id == "typo-hybrid-mono")
    apart = replace(
        compared(0.1, 0.01, claim=claim.id), measure="relative drop", recipe="typo", against="mono", margin=0.015
    )
    judged = [replace(one, recipe="typo") for one in judge_claims([claim], "t", {"b": [apart]}, 2)]
    study = Study(
        "s", "S", "", "", "", "", "", {}, StudyPlan("", "", ()), (), (), (), (), (), rows, tuple(judged), (), {}
    )
    write_picture(study, "t", tmp_path / "drops.svg")
    text = (tmp_path / "drops.svg").read_text(encoding="utf-8")
    for word in ("typo", "synonym"):
        assert text.count(f">{word}<") == 2
    for word in ("monolingual batches", "hybrid batches", "hybrid minus monolingual", "equal within the margin"):
        assert text.count(f">{word}<") == 1


def test_data_that_has_texts_of_a_task_is_refused_and_where_allowed_marked(tmp_path: Path) -> None:
    task = load_task("mini", ["en", "es"])
    lines = [
        json.dumps(
            {"parallel_id": one.parallel_id, "language": one.language, "query": one.text, "passage": "x " + one.text}
        )
        for one in task.queries
    ]
    data = tmp_path / "own.jsonl"
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = own_card(tmp_path, data)
    config.write_text(
        config.read_text(encoding="utf-8").replace('"hybrid", ', "").replace(", 1]", "]"), encoding="utf-8"
    )
    card, out = load_study("", config), tmp_path / "out"
    with pytest.raises(DataError, match="no row to train on"):
        run_study(card, out)
    assert not list(out.glob("models/*"))
    study = run_study(card, out, allow_overlap=True)
    assert "The training data holds texts of the evaluation: 120 of 240 queries" in study_page(study)
    assert {one.id for one in study.claims} == {"own-language-mono-cross"}, "there is no hybrid arm to judge"
    (card_of_model, _) = sorted(out.glob("models/*/README.md"))
    assert "texts seen in training" in card_of_model.read_text(encoding="utf-8")
