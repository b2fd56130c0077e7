"""TextAttack in both directions. Runs in an environment of its own: see docs/textattack.md and .ci/run."""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

if find_spec("textattack") is None:
    reason = "TEXTATTACK ABSENT: these tests run in an environment of their own, see docs/textattack.md"
    pytest.skip(reason, allow_module_level=True)

# First, since it gives TextAttack the stop words without which it cannot be imported.
from robustbench_ir.integrations.textattack import (  # isort: skip
    EncoderWrapper,
    RecipeTransformation,
    RetrievalGoal,
    TaskDataset,
)
from textattack import Attack, AttackArgs, Attacker
from textattack.attack_results import SkippedAttackResult, SuccessfulAttackResult
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.constraints.pre_transformation import RepeatModification
from textattack.search_methods import GreedyWordSwapWIR
from textattack.shared import AttackedText
from textattack.transformations import WordSwapNeighboringCharacterSwap

import robustbench_ir as rb
from robustbench_ir._base.text import replace_spans
from robustbench_ir.errors import DataUnavailableError, OptionError, UnknownNameError

pytestmark = pytest.mark.textattack


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path))


@pytest.fixture(scope="module")
def task() -> rb.Task:
    return rb.load_task("mini", ["en", "sw"])


WORD_BY_WORD = [
    "WordSwapQWERTY",
    "WordSwapNeighboringCharacterSwap",
    "WordSwapRandomCharacterDeletion",
    "WordSwapRandomCharacterInsertion",
    "WordSwapRandomCharacterSubstitution",
    "WordSwapContract",
    "WordSwapExtend",
    "WordDeletion",
    "CharSwapAugmenter",
    "DeletionAugmenter",
]


@pytest.mark.parametrize("name", WORD_BY_WORD)
def test_a_transformation_runs_as_a_recipe(name: str, task: rb.Task) -> None:
    recipe = rb.load_recipe(f"textattack:{name}")
    assert str(recipe.identity) == f"textattack:{name}@0.3.11"
    english = [query for query in task.queries if query.language == "en"]
    perturbed = recipe.perturb(english, 3, 0)
    if name not in {"WordSwapContract", "WordSwapExtend"}:  # only where there is something to contract
        assert sum(one.changed for one in perturbed) > 0.5 * len(english)
    for one in perturbed:
        assert one.text == replace_spans(one.clean, [(edit.span, edit.after) for edit in one.edits])
        assert len(one.edits) <= max(1, int(0.35 * one.eligible + 0.5))


def test_the_same_query_gets_the_same_text_in_any_company_and_nobody_notices(task: rb.Task) -> None:
    recipe = rb.load_recipe("textattack:WordSwapQWERTY")
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    expected = random.Random(7).random(), np.random.RandomState(7).random()
    together = recipe.perturb(task.queries[:20], 4, 1)
    assert (random.random(), np.random.random()) == expected  # noqa: NPY002
    alone = [recipe.perturb([query], 4, 1)[0] for query in reversed(task.queries[:20])]
    assert together == alone[::-1]
    assert together != recipe.perturb(task.queries[:20], 4, 2)


def test_what_a_recipe_makes_is_what_textattack_makes(task: rb.Task) -> None:
    recipe = rb.load_recipe("textattack:WordSwapNeighboringCharacterSwap")
    every = WordSwapNeighboringCharacterSwap(random_one=False)
    for one in recipe.perturb(task.queries[:20], 1, 0):
        (edit,) = one.edits
        assert one.text in {text.text for text in every(AttackedText(one.clean))}
        assert edit.operation == "WordSwapNeighboringCharacterSwap"


def test_word_lists_that_are_wanted_late_are_missed_in_one_line(task: rb.Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise LookupError("****\n  Resource 'wordnet' not found.\n")

    recipe = rb.load_recipe("textattack:WordSwapContract")
    monkeypatch.setattr("textattack.transformations.WordSwapContract._get_transformations", missing)
    with pytest.raises(DataUnavailableError, match=r"Resource 'wordnet' not found.*NLTK_DATA") as raised:
        recipe.perturb(task.queries[:1], 5, 0)
    assert "\n" not in str(raised.value)


def test_a_whole_run_in_irbench() -> None:
    result = rb.attack("char-ngram", "mini", ["textattack:WordSwapQWERTY"], languages=["en", "hi"], severities=[5])
    assert "recipe=textattack:WordSwapQWERTY@0.3.11|" in result.signature("monolingual", result.attacked[0].recipe, 5)
    assert result.score(result.attacked[0], "monolingual") < result.score(result.clean, "monolingual")
    hindi = np.array(result.judgements.languages) == "hi"
    assert result.attacked[0].changed[hindi].mean() < 0.2  # TextAttack's keyboard has no key for it
    assert result.attacked[0].changed[~hindi].mean() > 0.9


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("textattack:WordSwapQwert", UnknownNameError, "did you mean 'textattack:Word"),
        ("textattack:WordInnerSwapRandom", OptionError, "more than one word at a time"),
        ("textattack:WordSwapGradientBased", OptionError, "needs arguments"),
        ("textattack:WordSwapEmbedding", DataUnavailableError, "TA_CACHE_DIR"),
        ("textattack:WordSwapWordNet", DataUnavailableError, r"Resource .wordnet. not found"),
        ("textattack:WordSwapHomoglyphSwap", DataUnavailableError, "intentional_homoglyphs"),  # not in their wheel
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(name: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        rb.load_recipe(name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("encoder", ["char-ngram", "use-multilingual", "bm25"])
def test_textattack_attacks_a_task(task: rb.Task, encoder: str) -> None:
    goal = RetrievalGoal(EncoderWrapper(rb.load_encoder(encoder), task), share=0.5)
    constraints = [RepeatModification(), MaxWordsPerturbed(max_num_words=2)]
    attack = Attack(goal, constraints, WordSwapNeighboringCharacterSwap(), GreedyWordSwapWIR("delete"))
    arguments = AttackArgs(num_examples=12, disable_stdout=True, silent=True)
    results = Attacker(attack, TaskDataset(task, "en"), arguments).attack_dataset()
    clean = rb.attack(encoder, task, [])
    rows = [row for row, query in enumerate(task.queries) if query.language == "en"]
    expected = rb_average_precision(clean)
    for row, result in zip(rows, results, strict=False):
        if isinstance(result, SkippedAttackResult):
            continue
        assert result.original_result.raw_output == pytest.approx(expected[row], abs=1e-6)
        after = result.perturbed_result.raw_output
        assert after <= result.original_result.raw_output
        assert isinstance(result, SuccessfulAttackResult) == (after <= 0.5 * result.original_result.raw_output)


def rb_average_precision(result: rb.Result) -> list[float]:
    from robustbench_ir.metrics.measures import Ranked, average_precision

    layout = result.judgements
    ranked = Ranked(result.clean.ranks.in_pool, layout.query, layout.grade, len(layout.query_ids))
    return average_precision(ranked).tolist()


def test_a_recipe_runs_in_textattack(task: rb.Task) -> None:
    transformation = RecipeTransformation(rb.load_recipe("typo"), "en", alternatives=4)
    text = AttackedText(task.queries[0].text)
    found = transformation(text, [RepeatModification()])
    assert len(found) > len(text.words)
    assert [one.text for one in found] == [one.text for one in transformation(text)]
    for one in found:
        assert len(text.all_words_diff(one)) == 1
    only = transformation(text, indices_to_modify=[1])
    assert {text.first_word_diff_index(one) for one in only} == {1}
    goal = RetrievalGoal(EncoderWrapper(rb.load_encoder("char-ngram"), task), maximizable=True)
    attack = Attack(goal, [RepeatModification()], transformation, GreedyWordSwapWIR("delete"))
    result = attack.attack(*TaskDataset(task)[0])
    assert result.perturbed_result.score >= result.original_result.score


def test_a_recipe_runs_where_textattack_sees_one_word() -> None:
    thai = "ใครเป็นผู้ชนะการแข่งขัน"
    transformation = RecipeTransformation(rb.load_recipe("typo"), "th")
    assert transformation(AttackedText(thai))
    with pytest.raises(OptionError, match="does not touch"):
        RecipeTransformation(rb.load_recipe("wrong-layout"), "en")


def test_the_share_has_a_range(task: rb.Task) -> None:
    with pytest.raises(OptionError, match="0 to 1"):
        RetrievalGoal(EncoderWrapper(rb.load_encoder("char-ngram"), task), share=2)


def test_our_greedy_search_finds_what_theirs_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As benchmarks/textattack_agreement.py does on XQuAD-R: the same rewritings, two words, goal AP."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    from textattack_peer import textattack_finds

    from robustbench_ir.adversary.candidates import Draws, search_spaces

    task, budget = rb.load_task("mini", ["en"]), rb.Budget(words=2, queries=10**6)
    found = rb.search("char-ngram", task, ["typo"], rb.SearchOptions(budget=budget, starts=0, alternatives=4))
    offered = search_spaces(task.queries, [rb.load_recipe("typo")], budget, Draws(3, 0, 0, 4))
    encoder = rb.load_encoder("char-ngram")
    theirs = textattack_finds(encoder, task, offered, 2, to_the_end=True, in_order=True)
    ours = found.attacked[0].outcomes
    assert [one.text for one in ours] == theirs.texts
    assert [one.best.value for one in ours] == pytest.approx(theirs.values, abs=1e-6)
    assert found.attacked[0].value < found.attacked[0].clean_value
    assert any(theirs.reached)
