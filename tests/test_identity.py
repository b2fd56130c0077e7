"""Identities of attacks, tasks and signatures: what is written is read again as the same value."""

from __future__ import annotations

import doctest
from dataclasses import astuple, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some

from robustbench_ir._base.escaping import escaped, unescaped
from robustbench_ir.errors import DataError
from robustbench_ir.perturb.identity import (
    CLEAN,
    PERTURBED_SIDES,
    AttackIdentity,
    FloorIdentity,
    RecipeIdentity,
    SearchIdentity,
    Signature,
)
from robustbench_ir.tasks.task import TaskIdentity

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

PLAIN = (
    "clean",
    "typo@3",
    "synonym@1+mini",
    "synonym-masked@1+d585f47b",
    "synonym-masked@1+d585f47b+mini",
    "textattack:WordSwapQWERTY@0.3.11",
    "typo@3~use-multilingual>=0.8",
    "synonym@3+mini~intfloat/e5>=0.75",
    "typo@3|on=passages",
    "typo@3~use-multilingual>=0.8|on=both",
    "random(typo@3)|goal=map|words=1|queries=10|starts=5",
    "greedy(typo@3~char-ngram>=0.8,synonym@2~char-ngram>=0.8)|goal=map|words=2|queries=500",
    "beam-4(typo@3)|goal=beyond@10+language=en|words=2|queries=500|edit-rate=0.25",
    "greedy(typo@3,synonym@2)|goal=map|words=2|queries=500|until-reached|starts=0|alternatives=3|crafted-on=char-ngram",
)

awkward = some.text(some.sampled_from("|~(),+@=>%0d2ea \n\té語😀-/:."), min_size=1, max_size=8)
names = awkward | some.text(some.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
digests = some.text("0123456789abcdef", min_size=8, max_size=8)
shares = some.floats(min_value=0, max_value=1, exclude_min=True, allow_subnormal=False)
counts = some.integers(min_value=0, max_value=10**15)
recipes = some.builds(
    RecipeIdentity, names, names, model_digest=some.just("") | digests, lexicons=some.just("") | names | digests
)
floors = some.none() | some.builds(FloorIdentity, names, shares)
searches = some.builds(
    SearchIdentity,
    method=names,
    goal=names,
    words=counts,
    queries=counts,
    edit_rate=some.just(1.0) | shares,
    until_reached=some.booleans(),
    starts=some.none() | counts,
    alternatives=some.none() | counts,
    crafted_on=some.just("") | names,
)
attacks: SearchStrategy[AttackIdentity] = (
    some.just(CLEAN)
    | some.builds(AttackIdentity, some.tuples(recipes), floors, on=some.sampled_from(PERTURBED_SIDES))
    | some.builds(AttackIdentity, some.lists(recipes, min_size=1, max_size=3).map(tuple), floors, searches)
)
plain_fields = {
    "task": names,
    "languages": some.lists(names, max_size=3).map(tuple),
    "pool": names,
    "measure": names,
    "irbench": names,
    "defence": some.just("") | names,
}
signatures: SearchStrategy[Signature] = some.builds(Signature, **plain_fields) | some.builds(
    Signature,
    **plain_fields,
    recipes=some.lists(attacks, min_size=1, max_size=3).map(tuple),
    severity=counts,
    seeds=some.lists(counts, max_size=3).map(tuple),
)


@pytest.mark.parametrize("text", PLAIN)
def test_plain_identities_are_written_as_ever(text: str) -> None:
    assert str(AttackIdentity.parse(text)) == text


@given(recipes)
def test_a_recipe_is_read_as_it_was_written(recipe: RecipeIdentity) -> None:
    assert RecipeIdentity.parse(str(recipe)) == recipe
    assert "\n" not in str(recipe)


@given(attacks)
def test_an_attack_is_read_as_it_was_written(attack: AttackIdentity) -> None:
    again = AttackIdentity.parse(str(attack))
    assert astuple(again) == astuple(attack)
    assert again == attack == str(attack)
    assert hash(again) == hash(str(attack))
    assert {str(attack): 1}[again] == 1


@given(signatures)
def test_a_signature_is_read_as_it_was_written(signature: Signature) -> None:
    assert astuple(Signature.parse(str(signature))) == astuple(signature)
    assert "\n" not in str(signature)


@given(names, names)
def test_a_task_is_read_as_it_was_written(name: str, version: str) -> None:
    task = TaskIdentity(name, version)
    assert TaskIdentity.parse(str(task)) == task


@given(names)
def test_escapes_are_taken_back(name: str) -> None:
    assert unescaped(escaped(name)) == name
    assert not set(escaped(name)) & set("|~(),+@=>\n")


@given(attacks, attacks)
def test_two_attacks_with_one_text_are_one(first: AttackIdentity, second: AttackIdentity) -> None:
    assert (str(first) == str(second)) == (first == second) == (astuple(first) == astuple(second))


@given(
    some.lists(
        some.sampled_from([*"|~(),+@=>%\n1x", "typo@3", ">=0.8", "|goal=map", "|words=2|queries=9"]), max_size=12
    ).map("".join)
)
def test_what_is_no_identity_is_refused_in_one_line(text: str) -> None:
    for parse in (AttackIdentity.parse, RecipeIdentity.parse, Signature.parse, TaskIdentity.parse):
        try:
            found = parse(text)
        except DataError as error:
            said = str(error)
        else:
            said = str(found)
            assert parse(said) == found
        assert said.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "typo",
        "typo@",
        "@3",
        "typo@3@4",
        "typo@3+",
        "typo@3+mini+mini",
        "typo@3~use-multilingual",
        "typo@3~use-multilingual>=much",
        "typo@3,synonym@2",
        "typo@3|on=queries",
        "typo@3|on=",
        "typo@3|on=both|on=both",
        "clean|on=passages",
        "greedy(typo@3)|goal=map|words=2|queries=500|on=passages",
        "greedy()|goal=map|words=2|queries=500",
        "greedy(typo@3)",
        "greedy(typo@3)|goal=map|words=two|queries=500",
        "greedy(typo@3)|goal=map|words=\u0662|queries=500",
        "greedy(typo@3)|goal=map|words=2|queries=500|luck=3",
        "greedy(typo@3~a>=0.8,synonym@2~b>=0.8)|goal=map|words=2|queries=500",
        f"greedy(typo@3)|goal=map|words={'9' * 5000}|queries=500",
    ],
)
def test_malformed_attacks(text: str) -> None:
    with pytest.raises(DataError, match=r"is not the identity of an attack, such as typo@3; docs/identity\.md"):
        AttackIdentity.parse(text)


def test_the_judge_of_a_floor_may_have_any_name() -> None:
    """A folder `model(v2)` made an average case look like the worst case."""
    judged = AttackIdentity((RecipeIdentity("typo", "3"),), FloorIdentity("model(v2)", 0.8))
    assert str(judged) == "typo@3~model%28v2%29>=0.8"
    assert judged.threat == "average case"
    older = AttackIdentity.parse("typo@3~model(v2)>=0.8")
    assert older == judged, "as it was written before there were escapes"


def test_digits_of_a_floor_are_not_lost() -> None:
    near = AttackIdentity((RecipeIdentity("typo", "3"),), FloorIdentity("use-multilingual", 0.80000001))
    assert near != "typo@3~use-multilingual>=0.8"
    assert AttackIdentity.parse(str(near)).floor == near.floor


def test_names_without_versions_and_settings_for_people() -> None:
    search = AttackIdentity.parse(PLAIN[-1])
    assert search.label == "greedy(typo,synonym)"
    assert search.head == "greedy(typo@3,synonym@2)"
    assert search.threat == "transfer"
    assert replace(search, search=replace(search.search, crafted_on="")).threat == "worst case"
    assert [AttackIdentity.parse(text).label for text in PLAIN[:3]] == ["clean", "typo", "synonym"]


def test_a_signature_with_a_search_can_be_split_again() -> None:
    search = AttackIdentity.parse("greedy(typo@3~char-ngram>=0.8)|goal=map|words=1|queries=10")
    written = str(
        Signature("mini@1", ("sw",), "multilingual", "AP", "0.1.0", recipes=(search,), severity=3, seeds=(0, 1))
    )
    fields = dict(part.split("=", 1) for part in written.split("|"))
    assert list(fields) == ["task", "languages", "recipe", "severity", "seeds", "pool", "measure", "irbench"]
    assert unescaped(fields["recipe"]) == search
    assert Signature.parse(written).recipes == (search,)


def test_a_signature_names_the_scoring_that_made_the_ranks() -> None:
    plain = "task=mini@1|languages=en|recipe=none|pool=monolingual|measure=AP"
    named = f"{plain}|scoring=4|irbench=0.2.0"
    assert Signature.parse(named).scoring == 4
    assert str(Signature.parse(named)) == named
    assert Signature.parse(f"{plain}|irbench=0.1.0").scoring == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "task=mini@1",
        "task=mini@1|languages=en|recipe=none|pool=x|measure=AP|scoring=1|irbench=0.1.0",
        "task=mini@1|languages=en|recipe=none|pool=x|measure=AP|scoring=x|irbench=0.1.0",
        "task=mini@1|languages=en|recipe=|severity=3|seeds=0|pool=x|measure=AP|irbench=0.1.0",
        "task=mini@1|languages=en|recipe=none|severity=3|seeds=0|pool=x|measure=AP|irbench=0.1.0",
        "task=mini@1|languages=en|recipe=typo@3|severity=x|seeds=0|pool=x|measure=AP|irbench=0.1.0",
        "task=a@1|task=b@1|languages=en|recipe=none|pool=x|measure=AP|irbench=0.1.0",
        "task=mini@1|languages=en|recipe=greedy(typo@3)|goal=map|severity=3|seeds=0|pool=x|measure=AP|irbench=0.1.0",
    ],
)
def test_malformed_signatures(text: str) -> None:
    with pytest.raises(DataError, match="is not a signature"):
        Signature.parse(text)


def test_attacks_that_cannot_be() -> None:
    typo = RecipeIdentity("typo", "3")
    with pytest.raises(DataError, match="several recipes"):
        AttackIdentity((typo, typo))
    with pytest.raises(DataError, match="has a recipe"):
        AttackIdentity((), FloorIdentity("use-multilingual", 0.8))
    with pytest.raises(DataError, match="has one recipe and no search"):
        AttackIdentity((typo,), search=AttackIdentity.parse(PLAIN[-1]).search, on="both")
    with pytest.raises(DataError, match="eight hexadecimal digits"):
        RecipeIdentity("typo", "3", model_digest="mini")
    with pytest.raises(DataError, match="has a recipe"):
        Signature("mini@1", ("en",), "multilingual", "AP", "0.1.0", severity=3)


def test_the_examples_of_the_page_hold() -> None:
    page = Path(__file__).parents[1] / "docs" / "identity.md"
    found = doctest.testfile(str(page), module_relative=False)
    assert found.attempted > 15
    assert found.failed == 0
