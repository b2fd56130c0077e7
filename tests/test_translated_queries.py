"""Code-switching by human translation: the alignment model by enumeration, phrases and fallbacks by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from robustbench_ir.perturb import Recipe, load_recipe
from robustbench_ir.perturb.lexicons import hidden_markov
from robustbench_ir.perturb.lexicons.alignment import sentence
from robustbench_ir.perturb.lexicons.hidden_markov import link_posteriors
from robustbench_ir.perturb.lexicons.query_alignment import (
    AlignedPhrase,
    LanguagePair,
    _Phrases,
    align_queries,
    sound_alike,
)
from robustbench_ir.perturb.randomness import generator
from robustbench_ir.tasks import Passage, Query, Task, build_task, load_task
from robustbench_ir.tasks.formats.bitext import read_bitext
from robustbench_ir.tasks.task import first_questions

ENGLISH = LanguagePair(
    "de", "en", (frozenset({"der", "die", "ist", "wie"}), frozenset({"the", "of", "is", "how"})), lambda _: ()
)


def test_digamma_is_that_of_scipy() -> None:
    """Values of scipy.special.digamma 1.17.1."""
    values = np.array([0.01, 0.5, 1.0, 5.0, 1000.0])
    theirs = [-100.56088545786867, -1.9635100260214235, -0.5772156649015329, 1.5061176684318003, 6.907255195648812]
    assert hidden_markov._digamma(values) == pytest.approx(theirs, abs=1e-9)


def test_posteriors_are_those_of_all_paths() -> None:
    """Every path through two source words, each with an empty word that keeps its place, is enumerated."""
    generator = np.random.default_rng(0)
    emissions = generator.random((3, 3))
    jumps = generator.random(2 * hidden_markov._FARTHEST + 1)
    found, _ = hidden_markov._forward_backward(emissions, np.ones(3, dtype=np.int64), np.array([2]), jumps)
    step = np.array([[jumps[to - start + hidden_markov._FARTHEST] for to in (0, 1)] for start in (0, 1)])
    step /= step.sum(axis=1, keepdims=True)
    expected = np.zeros((3, 3))
    states = list(product((0, 1), (False, True)))
    for path in product(states, repeat=3):
        weight = 1.0
        for place, (word, empty) in enumerate(path):
            before = path[place - 1][0] if place else None
            if empty:
                weight *= 0.1 * emissions[place, 0] * (0.5 if before is None else float(before == word))
            else:
                weight *= 0.9 * emissions[place, 1 + word] * (0.5 if before is None else step[before, word])
        for place, (word, empty) in enumerate(path):
            expected[place, 0 if empty else 1 + word] += weight
    assert found == pytest.approx(expected / expected.sum(axis=1, keepdims=True))


def test_sentences_of_several_lengths_in_one_group_are_as_each_alone() -> None:
    generator, lengths = np.random.default_rng(1), [(5, 4), (6, 2), (4, 7), (6, 7)]  # words of source and target
    jumps = generator.random(2 * hidden_markov._FARTHEST + 1)
    alone = [generator.random((target, 1 + source)) for source, target in lengths]
    order = sorted(range(4), key=lambda pair: -lengths[pair][1])
    together = [
        np.pad(alone[pair][word], (0, 6 - lengths[pair][0]))
        for word in range(7)
        for pair in order
        if word < lengths[pair][1]
    ]
    alive = np.array([sum(word < target for _, target in lengths) for word in range(7)])
    sources = np.array([lengths[pair][0] for pair in order])
    found, moved = hidden_markov._forward_backward(np.array(together), alive, sources, jumps)
    rest, sums = iter(found), np.zeros(len(jumps))
    rows: dict[int, list[np.ndarray]] = {pair: [] for pair in order}
    for word in range(7):
        for pair in order:
            if word < lengths[pair][1]:
                rows[pair].append(next(rest))
    for pair, (source, target) in enumerate(lengths):
        expected, of_pair = hidden_markov._forward_backward(
            alone[pair], np.ones(target, dtype=np.int64), np.array([source]), jumps
        )
        sums += of_pair
        assert np.array(rows[pair])[:, : 1 + source] == pytest.approx(expected)
        assert not np.array(rows[pair])[:, 1 + source :].any()
    assert moved == pytest.approx(sums)


def test_words_that_come_and_go_together_are_linked() -> None:
    """Each sentence shares one word with another, so that only one translation explains each."""
    pairs = [
        (("blaues", "haus"), ("blue", "house")),
        (("blaues", "buch"), ("blue", "book")),
        (("altes", "haus"), ("old", "house")),
        (("altes", "buch"), ("old", "book")),
    ]
    for forth, back in link_posteriors(pairs):
        assert np.sqrt(forth * back) == pytest.approx(np.eye(2), abs=0.2)


def test_a_dictionary_decides_where_nothing_is_counted() -> None:
    """One sentence tells nothing about its order; the prior count does."""
    ((forth, back),) = link_posteriors(
        [(("a", "b"), ("y", "x"))], lambda one, other: 3.0 * ((one, other) == ("a", "x"))
    )
    assert np.argmax(forth * back, axis=1).tolist() == [1, 0]


def test_names_sound_alike_in_two_scripts() -> None:
    assert sound_alike("नेपोलियन", "napoleon")
    assert sound_alike("टेस्ला", "tesla")
    assert not sound_alike("की", "kin"), "short words are alike by chance"
    assert not sound_alike("सरकार", "government")


def phrases_of(text: str, translation: str, links: set[tuple[int, int]]) -> list[tuple[str, str]]:
    """Return the phrases of links that are certain."""
    query, other = sentence(text, "de"), sentence(translation, "en")
    sure = np.zeros((len(query.words), len(other.words)))
    for link in links:
        sure[link] = 1
    found = _Phrases(ENGLISH, query, other, frozenset()).found((sure, sure), 0.5)
    return [(text[one.span[0] : one.span[1]], one.translation) for one in found]


def test_a_phrase_moves_as_a_whole_and_can_be_taken_apart() -> None:
    assert phrases_of("Anzahl der Menschen", "Number of people", {(0, 0), (1, 1), (2, 2)}) == [
        ("Anzahl der Menschen", "Number of people"),
        ("Anzahl", "Number"),
        ("Menschen", "people"),
    ]


def test_a_function_word_that_means_another_one_joins_nothing() -> None:
    found = phrases_of("Anzahl der Menschen", "Number of people", {(0, 0), (2, 2)})
    assert found == [("Anzahl", "Number"), ("Menschen", "people")]


def test_no_phrase_begins_or_ends_with_a_function_word() -> None:
    """The article is linked to the noun in both languages, and stays."""
    assert phrases_of("wie ist die Hauptstadt", "how is the capital", {(2, 3), (3, 2), (3, 3)}) == [
        ("Hauptstadt", "capital")
    ]


def test_a_word_goes_to_its_best_translation_and_not_to_a_stray_one() -> None:
    query, other = sentence("Islam", "de"), sentence("Islam old book islamism", "en")
    posterior = np.array([[0.6, 0.0, 0.0, 0.7]])
    (one,) = _Phrases(ENGLISH, query, other, frozenset()).found((posterior, posterior), 0.5)
    assert one == AlignedPhrase((0, 5), ((0, 5),), "Islamism"), "the capital that begins the query stays"


def test_hyphens_make_one_word() -> None:
    pair = LanguagePair("yo", "en", (frozenset(), frozenset()), lambda word: {"orilẹ-ede": ("country",)}.get(word, ()))
    texts = {"orilẹ-ede Ghana": "country Ghana", "ọba Ghana": "king Ghana", "orilẹ-ede": "country"}
    likely, _ = align_queries(pair, texts, [])["orilẹ-ede Ghana"]
    assert likely == (AlignedPhrase((0, 9), ((0, 5), (6, 9)), "country"),), "Ghana is equal in both and not offered"


def task_of(texts: dict[str, list[str]]) -> Task:
    """Return a task whose n-th queries are parallel; an empty text is no query."""
    queries = [
        Query(f"{language}{number}", language, text, str(number))
        for language, own in texts.items()
        for number, text in enumerate(own)
        if text
    ]
    passage = Passage("p", "en", "a passage")
    return build_task("own", 1, queries, [passage], {query.query_id: {"p": 1} for query in queries})


def switched(recipe: Recipe, task: Task, language: str) -> dict[str, list[tuple[str, str, str]]]:
    queries = [query for query in task.queries if query.language == language]
    made = recipe.perturb(queries, 5, 0)
    return {one.query_id: [edit[1:] for edit in one.edits] for one in made}


TEXTS = {
    "ha": ["littafi Musa", "gidan Musa", "littafi Amina", "gidan"],
    "en": ["Musa notebook", "Musa building", "Amina notebook", ""],
}


def test_the_lexicon_is_for_queries_without_a_translation() -> None:
    """Mini's lexicon says book; the translation says notebook. The last query has none."""
    task = task_of(TEXTS)
    mini = load_recipe("code-switching").for_task(load_task("mini"))
    recipe = Recipe(
        mini.card.model_copy(
            update={"languages": {"ha": {"embedded": "en", "lexicons": ["mini/ha-en"], "inflected": False}}}
        ),
        mini.factory,
    ).for_task(task)
    found = switched(recipe, task, "ha")
    assert found["ha0"] == [("littafi", "notebook", "switch-translated")]
    assert found["ha1"] == [("gidan", "building", "switch-translated")]
    assert found["ha3"] == [("gidan", "house", "switch")]
    assert str(recipe.identity).endswith("+own")


def test_a_task_without_translations_into_an_embedded_language_uses_the_lexicon() -> None:
    """English is switched into Spanish, which the task lacks."""
    task = task_of(TEXTS)
    recipe = load_recipe("code-switching").for_task(task)
    plain = load_recipe("code-switching")
    assert recipe.card.languages["en"] == plain.card.languages["en"]
    assert task.translations is not None
    assert task.translations.into("en", "es") == {}


def test_a_task_without_parallel_queries_changes_nothing() -> None:
    recipe = load_recipe("code-switching")
    assert recipe.for_task(task_of({"ha": ["littafi", "gidan"]})) is recipe


def test_of_equal_queries_the_first_with_a_translation_counts() -> None:
    task = task_of({"ha": ["gidan", "gidan", "gidan"], "en": ["", "home", "house"]})
    assert task.translations is not None
    assert task.translations.into("ha", "en") == {"gidan": "home"}


def test_selection_limit_and_company_make_no_difference() -> None:
    """One query alone, in a selection of languages, and in the whole task."""
    whole = load_task("mini")
    recipe = load_recipe("code-switching")
    here = {one.query_id: one for one in recipe.for_task(whole).perturb(whole.queries, 5, 0)}
    assert any(edit.operation == "switch-translated" for one in here.values() for edit in one.edits)
    few = first_questions(load_task("mini", ["sw"]), 7)
    assert len(few.queries) == 7
    for query in few.queries:
        assert recipe.for_task(few).perturb([query], 5, 0) == [here[query.query_id]]


def test_english_is_switched_by_its_spanish_translation() -> None:
    task = load_task("mini", ["en"])
    recipe = load_recipe("code-switching").for_task(task)
    spanish = {one.parallel_id: one.text.lower() for one in load_task("mini", ["es"]).queries}
    edits = [
        (edit.after.lower() in spanish[query.parallel_id])
        for query, one in zip(task.queries, recipe.perturb(task.queries, 5, 0), strict=True)
        for edit in one.edits
        if edit.operation == "switch-translated"
    ]
    assert len(edits) > 60
    assert all(edits)


def test_of_several_languages_those_are_drawn_into_which_the_task_translates() -> None:
    task = task_of({"hi": ["किताब कहाँ है", "घर कहाँ है"], "bn": ["বই কোথায়", "বাড়ি কোথায়"]})
    row = load_recipe("code-switching-mixed").for_task(task).card.languages["hi"]
    several = row["any_of"]
    assert isinstance(several, list)
    assert [one["embedded"] for one in several] == ["bn"]


def test_protected_words_take_a_phrase_apart() -> None:
    """The whole phrase is not offered if one of its words may not be changed."""
    from robustbench_ir.perturb.mechanisms.substitution import LexiconSubstitution
    from robustbench_ir.perturb.mechanisms.translated_query import TranslatedQueries

    whole = AlignedPhrase((0, 15), ((0, 6), (10, 15)), "king of Accra")
    part = AlignedPhrase((0, 6), ((0, 6),), "king")
    made = TranslatedQueries({"koenig von Accra": ((whole, part), ())}, LexiconSubstitution((), "switch"), "switched")
    random = generator("any")
    assert made.targets("koenig von Accra", [(0, 6)], random).spans == [(0, 6)]
    assert made.targets("koenig von Accra", [(0, 6), (10, 15)], random).spans == [(0, 15)]


PINNED = f"https://example.org/{'0' * 40}/file"


def test_passages_translate_the_queries_of_a_bitext(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = {"de": [("Das Haus", "The house")], "fr": [("La maison", "The house")]}
    monkeypatch.setattr("robustbench_ir.tasks.formats.bitext.locate", lambda file, _: file.path)
    monkeypatch.setattr("robustbench_ir.tasks.formats.bitext._pairs", lambda one, _: pairs[one.removeprefix("t/")])
    rows = {
        "en": {"asks": False},
        **{
            code: {
                "sentences": {"path": f"t/{code}", "url": PINNED},
                "english": {"path": "t/en", "url": PINNED},
            }
            for code in pairs
        },
    }
    raw = read_bitext(rows, ["de", "fr", "en"], None, None)
    assert {(one.language, one.text, one.parallel_id) for one in raw.translations} == {
        ("en", "The house", raw.queries[0].parallel_id)
    }
