"""Adversaries: goals worth what they say, searches held against the optimum, the same alone and together."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner

from robustbench_ir.adversary import run as search_run
from robustbench_ir.adversary.candidates import Budget, Draws, passage_frequency, place_frequencies, search_spaces
from robustbench_ir.adversary.driver import advance_together
from robustbench_ir.adversary.goals import TargetRanks, make_goal
from robustbench_ir.adversary.methods import make_method
from robustbench_ir.adversary.outcomes import outcomes_from_json, outcomes_to_json, write_queries
from robustbench_ir.adversary.search import Searched, SearchOptions, search
from robustbench_ir.adversary.victim import score_margins
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import Embeddings, EncoderDescription, load_encoder
from robustbench_ir.errors import OptionError, RobustBenchError, UnknownNameError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.evaluation.semantic_floor import SemanticFloor, load_floor
from robustbench_ir.perturb import Perturbation, load_recipe
from robustbench_ir.results.file import result_from_json, result_to_json
from robustbench_ir.tasks import Passage, Qrels, Query, Task, build_task, load_task
from robustbench_ir.tasks.task import first_questions

SMALL = ["en", "hi", "sw"]


def target_ranks(*ranks: Sequence[int], languages: Sequence[int] = (0, 1, 2), own: int = 0) -> TargetRanks:
    """Return the target ranks of some texts with three relevant passages, one in each language of ten passages."""
    texts = len(ranks)
    ones = np.ones(3 * texts, dtype=np.int64)
    rank = np.array(ranks, dtype=np.int64).ravel()
    return TargetRanks(
        rank,
        np.minimum(rank, 10),
        np.repeat(np.arange(texts), 3),
        np.tile([0, 10, 20], texts),
        np.tile(languages, texts),
        ones,
        np.full(texts, own),
        (10, 10, 10),
    )


@pytest.fixture(scope="module")
def mini() -> Task:
    return load_task("mini", SMALL)


COUNTING = EncoderDescription("counting", "counting@1", "cosine", 0)


@dataclass
class Counting:
    """The character n-grams, and every query text that they were asked about."""

    asked: list[str] = field(default_factory=list)
    description: EncoderDescription = COUNTING

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        self.asked += texts
        return self.encode_passages(texts)

    def encode_passages(self, texts: Sequence[str]) -> Embeddings:
        return load_encoder("char-ngram").encode_passages(texts)


@pytest.mark.parametrize(
    ("goal", "value"),
    [
        ("map", (1 / 2 + 2 / 5 + 3 / 7) / 3),
        ("map:multilingual", (1 / 2 + 2 / 5 + 3 / 7) / 3),
        ("map:monolingual", 1 / 2),
        ("map:cross-lingual", (1 / 5 + 1 / 7) / 2),
        ("beyond@4", (4 + 1 - 2) / 4),
        ("beyond@1", 0),
        ("rank-distance", 1 - 5 / 29),
        ("language=hi", (1 + (math.log(5) - (math.log(2) + math.log(7)) / 2) / math.log(30)) / 2),
        ("passage=p", math.log(5) / math.log(30)),
    ],
)
def test_a_goal_is_worth_what_it_says(goal: str, value: float, mini: Task) -> None:
    """The worked example of the design: relevant passages at ranks 2, 5 and 7, one a language."""
    passages = [
        Passage("p" if language == "hi" and number == 0 else f"{language}{number}", language, "text")
        for language in SMALL
        for number in range(10)
    ]
    relevant = {"q": {"en0": 1, "p": 1, "sw0": 1}}
    task = build_task("three", 1, [Query("q", "en", "text", "q")], passages, relevant)
    aim = make_goal(goal, task)
    assert aim.aim_values(target_ranks([2, 5, 7]))[0, 0] == pytest.approx(value)


def test_several_goals_are_averaged_and_all_must_be_reached(mini: Task) -> None:
    goal = make_goal("map + language=hi", mini)
    clean, after = target_ranks([1, 2, 3], [1, 2, 3]), target_ranks([9, 8, 10], [1, 2, 3])
    before = goal.aim_values(clean)
    assert goal.name == "map+language=hi"
    assert goal.aim_values(after).shape == (2, 2)
    assert goal.reached(after, goal.aim_values(after), before).tolist() == [True, False]


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ("mop", r"unknown goal 'mop': did you mean 'map'\?"),
        ("beyond", r"unknown goal 'beyond': did you mean 'beyond@10'\?"),
        ("map@10", r"unknown goal"),
        ("map:bilingual", r"unknown setting 'bilingual'"),
        ("language=xx", r"unknown language 'xx': there are: en, hi, sw"),
        ("passage=nothing", r"unknown passage 'nothing'"),
        ("beyond@450", r"only 450 passages"),
        ("language=en+language=hi", r"contradict each other"),
        ("beyond@10+beyond@20", r"of the same kind"),
        ("map+passage=en:market-1", r"contradict each other: the passage is relevant"),
        ("map+", r"unknown goal ''"),
    ],
)
def test_a_goal_that_cannot_be_is_refused_in_one_line(goal: str, message: str, mini: Task) -> None:
    with pytest.raises(RobustBenchError, match=message) as refused:
        make_goal(goal, mini)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("goal", ["rank-distance", "language=en", "map+rank-distance"])
def test_goals_of_fairness_need_parallel_passages(goal: str, mini: Task) -> None:
    with pytest.raises(OptionError, match="needs parallel passages"):
        make_goal(goal, mini.select(["en"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"words": 0}, "a budget of 0 words changes nothing"),
        ({"queries": 0}, "a budget of 0 encoder queries tries nothing"),
        ({"edit_rate": 0.0}, "edit rate 0 is out of range"),
    ],
)
def test_a_budget_of_nothing_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Budget(**changes)


@pytest.mark.parametrize("name", ["gredy", "greedy-4", "beam-x", "best-of", ""])
def test_methods_that_are_not_there(name: str) -> None:
    if name == "best-of":
        assert make_method(name).name == "best-of-20"
        return
    with pytest.raises(UnknownNameError, match="unknown search method"):
        make_method(name)


def test_sizes_and_starts_of_methods() -> None:
    assert [make_method(name).starts for name in ("random", "best-of-7", "greedy", "beam", "exhaustive")] == [
        1, 7, 20, 20, 0,
    ]  # fmt: skip
    assert make_method("beam").name == "beam-4"
    assert make_method("greedy", starts=0).starts == 0
    for wrong in (("beam-0", None), ("best-of-5", 3), ("greedy", -1)):
        with pytest.raises(OptionError):
            make_method(*wrong)


def test_candidates_are_distinct_within_the_budget_and_the_same_alone(mini: Task) -> None:
    recipes, budget, draws = (
        [load_recipe("typo"), load_recipe("homoglyph")],
        Budget(words=2, edit_rate=0.4),
        Draws(3, 0, 5, 4),
    )
    queries = [*mini.queries[::7]]
    together = search_spaces(queries, recipes, budget, draws)
    assert together == [search_spaces([query], recipes, budget, draws)[0] for query in queries]
    several = [space for space in together if len(space.places) > 1]
    assert len(several) > 20
    for space in together:
        for place in space.places:
            assert len({edit.after for edit in place}) == len(place) <= 4 * len(recipes)
            assert all(space.clean[slice(*edit.span)] == edit.before != edit.after for edit in place)
        assert len(space.starts) == 5
        for start in space.starts:
            assert len(start.edits) <= 2
            assert sum(len(edit.before) for edit in start.edits) <= 0.4 * len(space.clean)


def test_constraints_of_the_recipe_hold_for_candidates(mini: Task) -> None:
    """Numbers and addresses are protected by the card of `typo`."""
    query = Query("q", "en", "Who called 911 from www.example.org yesterday?", "q")
    (space,) = search_spaces([query], [load_recipe("typo")], Budget(), Draws(5, 0, 3, 8))
    touched = {edit.before for place in space.places for edit in place}
    assert touched == {"Who", "called", "from", "yesterday"}


SEARCH = {field.name for field in fields(SearchOptions)}


def run(mini: Task, *methods: str, encoder: object = "char-ngram", **more: object) -> Searched:
    how = {name: more.pop(name) for name in SEARCH & more.keys()}
    run = RunOptions(resume=bool(more.pop("resume", True)))
    options = SearchOptions(methods=methods, **how)  # type: ignore[arg-type]
    return search(encoder, mini, ["typo"], options, run=run, **more)  # type: ignore[arg-type]


def values(searched: Searched) -> list[list[float]]:
    return [[one.best.value for one in cell.outcomes] for cell in searched.attacked]


def test_no_search_beats_the_optimum_and_a_wide_beam_finds_it(mini: Task) -> None:
    """Four questions, all pairs of edits tried: `exhaustive` is the truth that the others are held against."""
    few = first_questions(mini.select(["sw"]), 4)
    budget = Budget(words=2, queries=10**6)
    best, *others = values(
        run(few, "exhaustive", "beam-10000", "beam", "greedy", "annealing-20", budget=budget, starts=0, alternatives=3)
    )
    wide, narrow, greedily, annealed = others
    assert wide == best
    for found in (narrow, greedily, annealed):
        assert all(one >= truth for one, truth in zip(found, best, strict=True))
    assert np.mean(narrow) <= np.mean(greedily) + 1e-12
    assert np.mean(narrow) < np.mean(best) + 0.05


def test_a_search_is_never_worse_than_the_best_of_its_random_starts(mini: Task) -> None:
    starts, *searches = values(
        run(first_questions(mini, 15), "best-of-20", "greedy", "beam-2", "annealing-10", budget=Budget(2, 100))
    )
    for found in searches:
        assert all(one <= start for one, start in zip(found, starts, strict=True))
        assert np.mean(found) < np.mean(starts)


@pytest.mark.parametrize("method", ["random", "best-of-5", "greedy", "greedy-score", "beam-2", "annealing-8"])
@pytest.mark.parametrize("goal", ["map", "beyond@3"])
def test_lock_step_gives_what_one_query_at_a_time_gives(method: str, goal: str, mini: Task) -> None:
    few = first_questions(mini.select(["en", "hi"]), 3)
    together = run(few, method, goal=goal, budget=Budget(2, 60), resume=False).attacked[0].outcomes
    for row, query in enumerate(few.queries):
        judged = few.qrels.query == row
        qrels = Qrels(np.zeros(judged.sum(), np.int32), few.qrels.passage[judged], few.qrels.grade[judged])
        alone = run(replace(few, queries=(query,), qrels=qrels), method, goal=goal, budget=Budget(2, 60), resume=False)
        assert alone.attacked[0].outcomes == (together[row],)


def test_nothing_is_encoded_twice_and_the_budget_of_queries_is_kept(mini: Task) -> None:
    encoder, few = Counting(), first_questions(mini, 6)
    found = run(few, "beam", encoder=encoder, budget=Budget(2, 47)).attacked[0]
    asked = encoder.asked[len(few.queries) :]
    assert len(asked) == len(set(asked)) == found.encodings
    assert max(one.encodings for one in found.outcomes) == 47
    assert not set(asked) & {query.text for query in few.queries}


def test_searches_of_one_run_share_what_they_learn(mini: Task) -> None:
    """The random starts of all of them, the deletions and the first rewritings are encoded once, and count for each."""
    encoder, few = Counting(), first_questions(mini, 4)
    methods = ("random", "best-of-20", "greedy", "greedy-rare", "greedy-score", "beam-2", "annealing-10")
    found = run(few, *methods, encoder=encoder, budget=Budget(2, 60)).attacked
    asked = encoder.asked[2 * len(few.queries) :]  # the clean queries twice: their scores are wanted, too
    assert len(asked) == len(set(asked)) < sum(one.encodings for one in found)
    for method, one in zip(methods, found, strict=True):
        assert one.outcomes == run(few, method, encoder=Counting(), budget=Budget(2, 60)).attacked[0].outcomes


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Who won the match?", ["won the match?", "Who the match?", "Who won match?", "Who won the?"]),
        ("\u00bfWho won?", ["\u00bfwon?", "\u00bfWho?"]),
    ],
)
def test_a_deleted_word_takes_a_space_along_as_in_textattack(text: str, left: list[str]) -> None:
    """What `AttackedText.delete_word_at_index` of TextAttack 0.3.11 gives."""
    (space,) = search_spaces([Query("q", "en", text, "q")], [load_recipe("typo")], Budget(), Draws(3, 0, 0, 2))
    assert [space.without(place).text for place in range(len(space.places))] == left


@dataclass
class Fooled(Counting):
    """Every text but the clean queries is lost, one as badly as the other."""

    clean: frozenset[str] = frozenset()

    def encode_queries(self, texts: Sequence[str]) -> Embeddings:
        return self.encode_passages([text if text in self.clean else "?" for text in texts])


def test_of_rewritings_that_are_equally_good_the_first_in_the_alphabet_is_taken(mini: Task) -> None:
    few = first_questions(mini.select(["en"]), 6)
    encoder = Fooled(clean=frozenset(query.text for query in few.queries))
    found = run(few, "greedy", encoder=encoder, starts=0).attacked[0].outcomes
    offered = search_spaces(few.queries, [load_recipe("typo")], Budget(), Draws(3, 0, 0, 8))
    hurt = [(space, one) for space, one in zip(offered, found, strict=True) if one.edits]
    assert len(hurt) > 2
    for space, one in hurt:
        assert one.text == min(trial.text for trial in space.extended((), 0))


def test_rare_words_come_first_and_no_deletion_is_asked_about(mini: Task) -> None:
    encoder, few = Counting(), first_questions(mini.select(["en"]), 8)
    found = run(few, "greedy-rare", encoder=encoder, starts=0, budget=Budget(1, 500)).attacked[0]
    counts = passage_frequency(few)
    assert counts["the"] > 20 > counts["market"] > 0
    offered = search_spaces(few.queries, [load_recipe("typo")], Budget(1), Draws(3, 0, 0, 8))
    asked = set(encoder.asked[len(few.queries) :])
    for space, one in zip(offered, found.outcomes, strict=True):
        places = range(len(space.places))
        frequency = place_frequencies(space, "en", counts)
        order = sorted(places, key=lambda place: (frequency[place], place))
        tried = [place for place in order if {trial.text for trial in space.extended((), place)} <= asked]
        assert tried == order[: len(tried)] != []
        assert one.encodings == sum(len(space.places[place]) for place in tried)


def test_a_query_may_be_left_at_its_first_success(mini: Task) -> None:
    few = first_questions(mini, 10)
    worst, first = (
        run(few, "greedy", until_reached=until_reached, starts=0, resume=False).attacked[0]
        for until_reached in (False, True)
    )
    assert first.successes == worst.successes > 0
    assert first.encodings < worst.encodings
    assert first.cell.recipe == "greedy(typo@5)|goal=map|words=2|queries=500|until-reached|starts=0"


@pytest.mark.parametrize("method", ["random", "greedy", "beam-2", "annealing-10"])
def test_a_search_keeps_the_semantic_floor(method: str, mini: Task) -> None:
    few, judge = first_questions(mini, 4), load_encoder("char-ngram")
    above, free = (
        run(few, method, encoder=Counting(), semantic_floor=SemanticFloor(floor, judge), budget=Budget(2, 60))
        if floor
        else run(few, method, encoder=Counting(), budget=Budget(2, 60))
        for floor in (0.9, None)
    )
    name = "typo@5~char-ngram>=0.9"
    assert str(above.attacked[0].cell.recipe).startswith(f"{method}({name})|goal=map")
    floor = load_floor(SemanticFloor(0.9, judge))
    assert floor is not None
    for found, holds in ((above, True), (free, False)):
        pairs = [(query.text, one.text) for query, one in zip(few.queries, found.attacked[0].outcomes, strict=True)]
        near = floor.judge([clean for clean, _ in pairs])([Perturbation("", *pair, (), 0) for pair in pairs])
        assert (min(near) >= 0.9) == holds
    assert any(one.edits for one in above.attacked[0].outcomes)
    assert above.attacked[0].value >= free.attacked[0].value or method != "beam-2"


def test_what_is_below_the_floor_costs_no_budget_and_leaves_nothing_where_all_is_below(mini: Task) -> None:
    encoder, few = Counting(), first_questions(mini, 3)
    found = run(few, "greedy", "beam-2", "best-of-5", encoder=encoder, semantic_floor=SemanticFloor(1.0, "char-ngram"))
    deletions = {one.encodings for one in found.attacked[0].outcomes}
    assert max(deletions) < 20, "deletions only, which are never a result"
    for cell in found.attacked:
        assert all(one.text == query.text for one, query in zip(cell.outcomes, few.queries, strict=True))
    assert not any(one.encodings for cell in found.attacked[1:] for one in cell.outcomes)


@pytest.mark.parametrize("budget", [Budget(1, 30), Budget(3, 1), Budget(5, 80, 0.3)])
def test_budgets_are_kept(budget: Budget, mini: Task) -> None:
    for cell in run(first_questions(mini, 4), "greedy", "beam-2", "annealing-10", budget=budget).attacked:
        for one in cell.outcomes:
            assert len(one.edits) <= budget.words
            assert one.encodings <= budget.queries
        assert cell.cell.touched.max() <= budget.edit_rate


def test_a_search_that_reaches_its_goal_stops(mini: Task) -> None:
    """`map` can always fall further, a passage beyond rank 1 is beyond rank 1."""
    encoder = Counting()
    found = run(first_questions(mini, 20), "greedy", goal="beyond@1", encoder=encoder, starts=0).attacked[0]
    for one in found.outcomes:
        if one.clean.reached:
            assert one.encodings == 0
            assert one.edits == ()
    reached = [one.encodings for one in found.outcomes if one.attackable and one.best.reached]
    missed = [one.encodings for one in found.outcomes if not one.best.reached]
    assert reached
    assert np.mean(reached) < np.mean(missed)


def test_seeds_differ_and_runs_do_not(mini: Task) -> None:
    few = first_questions(mini, 6)
    first, second = (run(few, "greedy", seeds=2, budget=Budget(2, 60), resume=False) for _ in range(2))
    assert first.attacked[0].outcomes == second.attacked[0].outcomes
    assert result_to_json(replace(first.result, timings={})) == result_to_json(replace(second.result, timings={}))
    assert first.attacked[0].cell.digest != first.attacked[1].cell.digest


def test_the_result_is_a_result_like_any_other(mini: Task, tmp_path: Path) -> None:
    """The ranks are those of the attacked queries, asked anew; the file can be written, read and shown."""
    found = run(mini, "greedy", budget=Budget(2, 60))
    (cell,) = found.result.attacked
    assert cell.recipe == "greedy(typo@5)|goal=map|words=2|queries=60"
    path = tmp_path / "queries.jsonl"
    write_queries(path, mini, found.attacked[0])
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    asked = replace(
        mini, queries=tuple(replace(query, text=line["text"]) for query, line in zip(mini.queries, lines, strict=True))
    )
    again = attack("char-ngram", asked, []).clean
    assert again.digest == cell.digest
    assert again.ranks.in_pool.tolist() == cell.ranks.in_pool.tolist()
    assert again.ranks.in_language.tolist() == cell.ranks.in_language.tolist()
    assert found.attacked[0].value == pytest.approx(found.result.score(cell, "multilingual"))
    read = result_from_json(result_to_json(found.result))
    assert read.drops("multilingual") == found.result.drops("multilingual")


def test_an_interrupted_search_goes_on_with_the_next_block(mini: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_run, "QUERIES_AT_ONCE", 8)
    few = first_questions(mini, 10)
    whole = run(few, "greedy", budget=Budget(2, 60), resume=False).attacked[0].outcomes
    rounds: list[int] = []

    def stopped(*arguments: object, **named: object) -> object:
        rounds.append(1)
        if len(rounds) == 3:
            raise KeyboardInterrupt
        return advance_together(*arguments, **named)  # type: ignore[arg-type]

    # Another budget names other files: nothing of the undisturbed run is of use.
    monkeypatch.setattr(search_run, "advance_together", stopped)
    with pytest.raises(KeyboardInterrupt):
        run(few, "greedy", budget=Budget(2, 61))
    encoder_calls = len(rounds)
    done = run(few, "greedy", budget=Budget(2, 61)).attacked[0].outcomes
    assert len(rounds) == encoder_calls + 2, "two of four blocks were kept"
    monkeypatch.setattr(search_run, "advance_together", advance_together)
    assert done == run(few, "greedy", budget=Budget(2, 61), resume=False).attacked[0].outcomes
    assert len(done) == len(whole)


def test_searches_of_an_earlier_scoring_are_not_read(mini: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def counting(*arguments: object, **named: object) -> object:
        rounds.append(1)
        return advance_together(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(search_run, "advance_together", counting)
    for version, expected in (("first", 1), ("first", 1), ("second", 2)):
        monkeypatch.setattr("robustbench_ir.evaluation.cell_cache.SCORING_VERSION", version)
        run(first_questions(mini, 2), "greedy", budget=Budget(1, 31))
        assert len(rounds) == expected


def test_kept_outcomes_survive_the_file(mini: Task) -> None:
    found = run(first_questions(mini, 5), "greedy", goal="map:cross-lingual+language=hi").attacked[0].outcomes
    assert tuple(outcomes_from_json(outcomes_to_json(found))) == found


def test_a_query_to_which_the_goal_does_not_apply_is_left_alone() -> None:
    """Questions in Swahili, whose answers are in English only: they have no monolingual AP."""
    passages = [Passage(f"{code}{number}", code, f"passage {number}") for code in ("en", "sw") for number in range(3)]
    queries = [Query("a", "en", "Which passage is it?", "a"), Query("b", "sw", "Ni kifungu gani hicho?", "b")]
    task = build_task("two", 1, queries, passages, {"a": {"en0": 1}, "b": {"en1": 1}})
    _, other = run(task, "greedy", goal="map:monolingual").attacked[0].outcomes
    assert np.isnan(other.clean.value)
    assert other.encodings == 0
    assert not other.attackable


def test_languages_that_no_recipe_covers_are_said_and_stay(mini: Task) -> None:
    found = search("char-ngram", mini, ["transliteration"])
    assert set(found.result.attacked[0].not_covered) == {"en", "sw"}
    rows = [row for row, query in enumerate(mini.queries) if query.language != "hi"]
    assert not any(found.attacked[0].outcomes[row].encodings for row in rows)
    with pytest.raises(OptionError, match="transliteration has no candidates for the queries of mini: English is"):
        search("char-ngram", "mini", ["transliteration"], languages=["en"])


def test_a_mix_offers_the_rewritings_of_all_its_recipes(mini: Task) -> None:
    single, mixed = (
        search("char-ngram", first_questions(mini, 8), [name], SearchOptions(methods=["beam"], starts=0)).attacked[0]
        for name in ("typo", "typo+synonym")
    )
    operations = {edit.operation for one in mixed.outcomes for edit in one.edits}
    assert operations & {"synonym"}
    assert operations & {"transpose", "delete", "substitute", "insert"}
    assert str(mixed.cell.recipe).startswith("beam-4(typo@5,synonym@5+mini)|")
    assert mixed.value != single.value


def test_a_target_passage_rises(mini: Task) -> None:
    target = mini.passages[100].passage_id
    found = run(first_questions(mini, 10), "greedy", goal=f"passage={target}").attacked[0]
    assert found.value < found.clean_value
    for one in found.outcomes:
        assert len(one.best.in_pool) == 3, "ranks of the relevant passages, without that of the target"


def test_bm25_is_attacked_on_its_pool(mini: Task) -> None:
    found = run(first_questions(mini, 10), "greedy", encoder="bm25").attacked[0]
    assert found.value < found.clean_value


def test_an_encoder_that_shows_no_ranks_is_refused(mini: Task) -> None:
    @dataclass
    class Answers(Counting):
        access: str = "text"

    with pytest.raises(OptionError, match="search greedy needs rank access and counting gives text access only"):
        run(mini, "greedy", encoder=Answers())


def test_scores_that_cannot_be_seen_are_not_gone_by(mini: Task) -> None:
    @dataclass
    class Ranking(Counting):
        access: str = "rank"

    with pytest.raises(OptionError, match="search greedy-score needs score access and counting gives rank access only"):
        run(mini, "greedy-score", encoder=Ranking())
    assert run(first_questions(mini, 2), "greedy-rare", encoder=Ranking()).attacked


def test_the_lead_is_that_of_the_best_relevant_passage() -> None:
    """Two texts, four passages; of the second text the first passage is judged and not relevant."""
    pool = np.array([[1, 0], [0.6, 0.8], [0, 1], [-1, 0]], dtype=np.float32)
    queries = np.array([[1, 0], [0, 1]], dtype=np.float32)
    text, passage, grade = np.array([[0, 0, 1, 1], [1, 3, 0, 2], [1, 1, 0, 2]], dtype=np.int32)
    for as_given in (np.asarray, sp.csr_array):
        found = score_margins(as_given(queries), as_given(pool), text, passage, grade)
        assert found == pytest.approx([0.6 - 1, 1 - 0.8], abs=1e-6)


def test_where_ranks_do_not_move_the_score_gives_a_direction(mini: Task) -> None:
    """Of questions whose passage stays first, one word changed or not, the lead falls; and AP is never worse for it."""
    few = first_questions(mini.select(["en"]), 20)
    blind, seeing = run(few, "greedy-rare", "greedy-score", starts=0, budget=Budget(1, 500)).attacked
    flat = [
        (without, with_scores)
        for without, with_scores in zip(blind.outcomes, seeing.outcomes, strict=True)
        if not without.edits
    ]
    assert flat
    assert all(with_scores.edits for _, with_scores in flat)
    assert all(one.best.value <= one.clean.value for one in seeing.outcomes)


def test_the_table_of_a_search_says_what_its_own_goal_is(tmp_path: Path) -> None:
    words = ["attack", "--model", "bm25", "--languages", "sw", "--recipe", "typo", "--search", "random"]
    more = ["--goal", "beyond@3", "--budget-queries", "2", "--out", str(tmp_path / "x.json")]
    done = CliRunner().invoke(irbench, [*words, *more])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "60 queries in 1 language, 150 passages in 1" in said
    assert "reach the goal (beyond: no relevant passage is ranked that high)" in said
