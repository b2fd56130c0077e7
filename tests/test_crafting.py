"""Crafted passages: searches against trying everything, gradients against finite differences, transfer, bad input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise, permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustbench_ir._base.progress import Silence
from robustbench_ir.adversary import optimised
from robustbench_ir.adversary.crafting import Crafted, Draft, Gains, changes, craft_passages
from robustbench_ir.adversary.crafts import CRAFTS, Craft
from robustbench_ir.adversary.guides import Aim, GradientGuide, ScoreGuide
from robustbench_ir.adversary.poison import poison
from robustbench_ir.adversary.poison_file import load_poisoning, save_poisoning
from robustbench_ir.adversary.topics import split_topics
from robustbench_ir.adversary.vocabulary import vocabulary
from robustbench_ir.encoders import as_encoder, load_encoder
from robustbench_ir.encoders.memory import within_memory
from robustbench_ir.encoders.sentence_transformer import SentenceTransformerEncoder
from robustbench_ir.errors import DataError, OptionError, RobustBenchError
from robustbench_ir.evaluation.attack import attack
from robustbench_ir.evaluation.request import RunOptions
from robustbench_ir.evaluation.runner import Runner
from robustbench_ir.resources.cards import SHIPPED
from robustbench_ir.tasks import Passage, Query, Task, build_task, load_task
from robustbench_ir.tasks.task import first_questions
from robustbench_ir.tasks.translations import translations_among
from tests.support.models import KINDS

WORDS = ("market", "opens", "noon", "six", "bread")


@pytest.fixture(scope="module")
def few() -> Task:
    return first_questions(load_task("mini", ["en", "sw"]), 4)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformerEncoder:
    """Return a real model of random weights, large enough that words matter to it."""
    encoder = load_encoder(str(KINDS["transformer"](tmp_path_factory.mktemp("tiny") / "model")))
    assert isinstance(encoder, SentenceTransformerEncoder)
    return encoder


def bag(texts: Sequence[str]) -> np.ndarray:
    """Return a row for each text in which words and their neighbours count, so that the order matters."""
    rows = np.zeros((len(texts), 64))
    for row, text in zip(rows, texts, strict=True):
        words = text.split()
        for part in (*words, *pairwise(words)):
            row[:] += np.random.default_rng(sum(map(ord, "".join(part)))).standard_normal(64)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def naive_changes(text: str, words: Sequence[str]) -> set[str]:
    """Return all texts that differ from a text in one word, written down without the search's own code."""
    own = text.split()
    free = [word for word in words if word not in own]
    replaced = {" ".join([*own[:place], word, *own[place + 1 :]]) for place in range(len(own)) for word in free}
    shorter = {" ".join([*own[:place], *own[place + 1 :]]) for place in range(len(own)) if len(own) > 1}
    return replaced | shorter | {f"{text} {word}" for word in free}


class Blind:
    """A guide that knows nothing: every change is as promising as any other."""

    cost = 0

    def __init__(self, words: Sequence[str] = WORDS) -> None:
        self.vocabulary = {"en": words}

    def gains(self, drafts: Sequence[Draft], texts: Sequence[str]) -> list[Gains]:
        assert len(drafts) == len(texts)
        counts = [len(text.split()) for text in texts]
        return [Gains(np.zeros((count, len(self.vocabulary["en"]))), np.zeros(count)) for count in counts]


def aim_at(encode: Callable[[Sequence[str]], np.ndarray], task: Task, questions: Sequence[Sequence[str]]) -> Aim:
    """Return the aim for questions that are each asked in several texts."""
    number = np.repeat(np.arange(len(questions)), [len(texts) for texts in questions])
    rows = encode([text for texts in questions for text in texts])
    encoder = encode.__self__ if hasattr(encode, "__self__") else as_encoder(encode)
    return Aim.at(Runner(encoder, task, keeps_embeddings=False), rows, number)


QUESTIONS = (("when does the market open", "soko hufunguliwa lini"), ("what is sold at noon",))
DRAFTS = (Draft(0, "en", "market day"), Draft(1, "en", "noon", " and more"), Draft(0, "en", "day"))


def guide_of(name: str, aim: Aim) -> Any:
    words = {"en": WORDS}
    if name == "blind":
        return Blind()
    return ScoreGuide.of(aim, DRAFTS, words) if name == "scores" else GradientGuide.of(aim, words, lambda _: None)


@pytest.mark.parametrize("guide", ["blind", "scores", "gradients"])
def test_no_change_of_one_word_is_better_where_all_were_tried(
    guide: str, few: Task, tiny: SentenceTransformerEncoder
) -> None:
    """The bound of greedy search and HotFlip, confirmed by trying every change."""
    aim = aim_at(tiny.encode_queries if guide == "gradients" else bag, few, QUESTIONS)
    found = craft_passages(DRAFTS, aim.measure, guide_of(guide, aim), 2000)
    for draft, one in zip(DRAFTS, found, strict=True):
        text = one.text.removesuffix(draft.ending)
        others = [other + draft.ending for other in sorted(naive_changes(text, WORDS))]
        values = aim.measure([draft] * len(others), others)
        assert one.after == aim.measure([draft], [one.text])[0]
        assert one.after >= values.max()
        assert one.after > one.before
        assert one.encodings < 2000


def test_a_beam_that_drops_nothing_finds_the_best_of_all_texts(few: Task) -> None:
    """All orders of all words, each once: 325 texts with the two of the draft."""
    aim = aim_at(bag, few, QUESTIONS)
    draft = Draft(0, "en", "day")
    words = WORDS[:4]
    (found,) = craft_passages([draft], aim.measure, Blind(words), 5000, width=1000)
    everything = [" ".join(some) for size in range(1, 6) for some in permutations([*words, "day"], size)]
    assert len(everything) == 325
    assert found.encodings <= 324
    best = aim.measure([draft] * 325, everything).max()
    assert found.after == best


@pytest.mark.parametrize("guide", ["scores", "gradients"])
@pytest.mark.parametrize("encodings", [1, 2, 7, 25])
def test_a_search_keeps_to_its_encodings_and_is_never_worse(
    guide: str, encodings: int, few: Task, tiny: SentenceTransformerEncoder
) -> None:
    aim = aim_at(tiny.encode_queries, few, QUESTIONS)
    measured: list[str] = []
    steps: list[int] = []

    def measure(drafts: Sequence[Draft], texts: Sequence[str]) -> np.ndarray:
        measured.extend(texts)
        return aim.measure(drafts, texts)

    found = craft_passages(DRAFTS, measure, guide_of(guide, aim), encodings, advance=steps.append)
    assert all(one.after >= one.before and one.encodings <= encodings for one in found)
    assert len(measured) <= (1 + encodings) * len(DRAFTS)
    assert sum(steps) == encodings * len(DRAFTS), "the progress ends at its end"
    for draft, one in zip(DRAFTS, found, strict=True):
        (alone,) = craft_passages([draft], aim.measure, guide_of(guide, aim), encodings)
        assert alone.text == one.text
        assert one.text.endswith(draft.ending)


def test_guides_find_more_than_chance_with_few_encodings(few: Task, tiny: SentenceTransformerEncoder) -> None:
    words = sorted({word for passage in few.passages if passage.language == "en" for word in passage.text.split()})
    words = [word for word in words if word.isalpha()]
    drafts = [Draft(0, "en", text) for text in ("market day", "noon is here", "bread and water", "the school opens")]
    aim = aim_at(tiny.encode_queries, few, QUESTIONS)
    gained = {}
    guides = {
        "blind": Blind(words),
        "scores": ScoreGuide.of(aim, drafts, {"en": words}),
        "gradients": GradientGuide.of(aim, {"en": words}, lambda _: None),
    }
    for name, guide in guides.items():
        found = craft_passages(drafts, aim.measure, guide, 25)  # type: ignore[arg-type]
        gained[name] = sum(one.after - one.before for one in found)
    assert gained["scores"] > gained["blind"]
    assert gained["gradients"] > gained["blind"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Where is it?", "en", {"Where is it x?", "x is it?", "Where x it?", "Where is x?"}),
        ("是的？", "zh", {"是的x？", "x的？", "是x？"}),
        ("12", "en", {"12 x", "x"}),
    ],
)
def test_changes_keep_what_stands_between_words(text: str, language: str, expected: set[str]) -> None:
    from robustbench_ir._base.text import word_spans

    count = len(word_spans(text, language))
    gains = Gains(np.ones((count, 1)), np.full(count, -1.0))
    found = list(changes(text, language, gains, ["x"]))
    assert expected <= set(found)
    if text == "Where is it?":
        assert {*found} - expected == {"is it?", "Where it?", "Where is?"}
        assert expected < set(found[:5]), "each place has its turn"
    assert list(changes("?!", language, Gains(np.ones((0, 1)), np.ones(0)), ["x"])) == []


# Gradients.

GRADIENTS = ("transformer", "dense", "matryoshka", "dot", "decoder", "xlm-roberta", "t5 encoder", "router")


@pytest.mark.parametrize("kind", GRADIENTS)
def test_gradients_are_those_of_finite_differences(kind: str, tmp_path: Path) -> None:
    """On every input vector, along a few directions, in double precision."""
    import torch

    from robustbench_ir.encoders.gradients import embedding_layer

    encoder = load_encoder(str(KINDS[kind](tmp_path / "model")))
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert encoder.access == "gradient"
    texts = ["at noon", "the market opens at six"]
    targets = encoder.encode_queries(["when does it open", "who sells bread"])
    assert isinstance(targets, np.ndarray)
    encoder.model.double()
    found = encoder.similarity_gradients(texts, targets, "passage")
    layer = embedding_layer(encoder.model, "document")
    assert layer is not None
    cosine = encoder.description.similarity == "cosine"
    prompt = encoder.passage.prompt
    # T5 computes its norms in single precision, whatever the type of its weights.
    step, tolerance = (1e-3, 3e-2) if kind == "t5 encoder" else (1e-5, 1e-3)
    random = np.random.default_rng(1)
    for text, target, pieces in zip(texts, targets, found, strict=True):
        assert "".join(text[start:end] for start, end in pieces.spans) == text.replace(" ", "")
        direction = random.standard_normal(pieces.gradients.shape)

        def score(size: float, text: str = text, target: np.ndarray = target, along: np.ndarray = direction) -> float:
            def shifted(module: object, given: object, output: torch.Tensor) -> torch.Tensor:
                output = output.clone()
                first = output.shape[1] - len(along) - 1  # one piece ends the text
                output[0, first : first + len(along)] += torch.as_tensor(size * along)
                return output

            reader = encoder.model[0].auto_model.encoder.embed_tokens if kind == "t5 encoder" else layer
            handle = reader.register_forward_hook(shifted)
            rows = encoder.model.encode([prompt + text], prompt="", convert_to_tensor=True, normalize_embeddings=cosine)
            handle.remove()
            return float((rows[0] * torch.as_tensor(target).double()).sum())

        numeric = (score(step) - score(-step)) / (2 * step)
        given = float((pieces.gradients * direction).sum())
        assert given == pytest.approx(numeric, rel=tolerance, abs=1e-6)
        assert abs(numeric) > 1e-6


def test_pieces_are_added_up_by_word(tiny: SentenceTransformerEncoder) -> None:
    targets = np.asarray(tiny.encode_queries(["when"]))
    (pieces,) = tiny.similarity_gradients(["at noon"], targets, "passage")
    assert pieces.spans.tolist() == [[0, 1], [1, 2], [3, 4], [4, 5], [5, 6], [6, 7]]
    gradient, own = pieces.of_words([(0, 2), (3, 7)])
    assert gradient == pytest.approx(np.stack([pieces.gradients[:2].sum(axis=0), pieces.gradients[2:].sum(axis=0)]))
    products = (pieces.gradients * pieces.vectors).sum(axis=1)
    assert own == pytest.approx([products[:2].sum(), products[2:].sum()], rel=1e-4)
    vectors = tiny.word_vectors(["at", "noon"], "passage")
    assert vectors[0] == pytest.approx(pieces.vectors[:2].mean(axis=0), abs=1e-6)
    assert vectors[1] == pytest.approx(pieces.vectors[2:].mean(axis=0), abs=1e-6)


@pytest.mark.parametrize("kind", ["static", "splade", "euclidean", "bag of words", "word embeddings"])
def test_models_without_reachable_embeddings_declare_scores(kind: str, tmp_path: Path) -> None:
    encoder = load_encoder(str(KINDS[kind](tmp_path / "model")))
    assert getattr(encoder, "access", "score") == "score"


def test_batches_are_halved_until_they_fit_and_that_is_told() -> None:
    import torch

    told: list[int] = []

    def work(size: int) -> int:
        if size > 3:
            raise (
                torch.OutOfMemoryError("CUDA out of memory")
                if size > 7
                else RuntimeError(
                    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
                )
            )
        return size

    assert within_memory(work, 15, told.append) == 3
    assert told == [7, 3]

    def broken(size: int) -> int:
        raise RuntimeError(f"shapes differ in a batch of {size}")

    with pytest.raises(RuntimeError, match="batch of 15"):
        within_memory(broken, 15)


def test_gradients_do_not_depend_on_the_batch(
    tiny: SentenceTransformerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from robustbench_ir.encoders.gradients import ModelGradients

    texts = ["at noon", "the market opens at six", "bread", "who sells it"]
    targets = np.asarray(tiny.encode_queries(texts[::-1]))
    together = tiny.similarity_gradients(texts, targets, "passage")
    batch = ModelGradients._batch

    def small(self: ModelGradients, some: list[str], of: np.ndarray) -> Any:
        if len(some) > 1:
            raise torch.OutOfMemoryError
        return batch(self, some, of)

    monkeypatch.setattr(ModelGradients, "_batch", small)
    told: list[int] = []
    alone = tiny.similarity_gradients(texts, targets, "passage", told.append)
    assert told[-1] == 1
    for one, other in zip(together, alone, strict=True):
        assert one.gradients == pytest.approx(other.gradients, abs=1e-5)


# The whole attack.


def test_words_are_those_of_the_language(few: Task) -> None:
    questions = [query.text for query in few.queries if query.language == "sw"]
    found = vocabulary(few, "sw", questions)
    assert list(found) == sorted(found)
    everything = " ".join([*questions, *(one.text for one in few.passages if one.language == "sw")])
    assert all(everything.count(word) > 1 for word in found)
    foreign = replace(few.passages[-1], text="что что soko soko 1999 1999")
    others = replace(few, passages=(*few.passages[:-1], foreign))
    assert {"что", "1999"}.isdisjoint(vocabulary(others, "sw", questions))


@pytest.mark.parametrize("craft", ["greedy", "beam-2", "payload+greedy", "hotflip"])
def test_crafted_passages_are_fluent_never_farther_and_the_same_again(
    craft: str, few: Task, tiny: SentenceTransformerEncoder
) -> None:
    found = poison(tiny, few, craft=craft, encodings=12)
    again = poison(tiny, few, craft=craft, encodings=12, run=RunOptions(resume=False))
    copied = poison(tiny, few, craft="payload" if "payload" in craft else "copy")
    assert found.passages == again.passages
    assert all(one.after >= one.before for one in found.passages)
    assert any(one.after > one.before for one in found.passages)
    assert (found.craft, found.encodings, found.crafter) == (craft, 12, None)
    for source in found.sources:
        texts = [query.text for query in load_task("mini").queries if query.language == source]
        words = {*vocabulary(few, source, texts), *" ".join(texts).replace("?", " ").replace(",", " ").split()}
        sentence = SHIPPED.rows("_payloads.toml")[source] if "payload" in craft else ""
        for one in found.passages:
            if one.language == source:
                assert one.text.endswith(str(sentence))
                changed = one.text.removesuffix(str(sentence)).replace("?", " ").replace(",", " ")
                assert {*changed.split()} <= words
    assert [(one.question, one.language) for one in copied.passages] == [
        (one.question, one.language) for one in found.passages
    ]
    assert all(np.isnan(one.before) for one in copied.passages)


class Followed(Silence):
    """Notes what a run tells of itself."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.run: list[tuple[int, int]] = []

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append(f"{name} {total}")

    def whole(self, texts: int, all_texts: int, encoded: int) -> None:
        assert encoded <= texts
        self.run.append((texts, all_texts))


@pytest.mark.parametrize("craft", ["greedy", "hotflip"])
def test_the_progress_counts_the_vocabulary_and_every_encoding(
    craft: str, few: Task, tiny: SentenceTransformerEncoder
) -> None:
    progress = Followed()
    run = RunOptions(progress=progress)
    poison(tiny, few, craft=craft, encodings=5, source_languages="sw", run=run)
    words = [query.text for query in load_task("mini").queries if query.language == "sw"]
    count = 4 * 5 + (len(vocabulary(few, "sw", words)) if craft == "greedy" else 0)
    assert f"craft passages {count}" in progress.stages
    assert all(texts <= every for texts, every in progress.run)
    assert progress.run[-1][0] == progress.run[-1][1]


def test_other_questions_make_no_difference_to_a_passage(few: Task) -> None:
    every = poison("char-ngram", few, craft="greedy", encodings=15, source_languages="sw")
    first = poison("char-ngram", first_questions(few, 1), craft="greedy", encodings=15, source_languages="sw")
    assert first.passages == every.passages[:1]


def test_passages_crafted_on_one_encoder_are_injected_for_another(
    few: Task, tiny: SentenceTransformerEncoder, tmp_path: Path
) -> None:
    found = poison("char-ngram", few, craft="hotflip", encodings=8, craft_on=tiny)
    own = poison(tiny, few, craft="hotflip", encodings=8, run=RunOptions(resume=False))
    assert [one.text for one in found.passages] == [one.text for one in own.passages]
    assert found.crafter == tiny.description
    assert found.encoder.name == "char-ngram"
    read = load_poisoning(save_poisoning(found, tmp_path / "found.json"))
    assert read.passages == found.passages
    assert read.crafter is not None
    assert (read.crafter.name, read.encodings) == (tiny.description.name, 8)


def test_a_stopped_run_goes_on_and_what_was_crafted_serves_another_encoder(
    few: Task, tiny: SentenceTransformerEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    crafted: list[str] = []

    def crafts(drafts: Sequence[Draft], *rest: Any) -> list[Crafted]:
        crafted.append(drafts[0].language)
        if len(crafted) == 2:
            raise KeyboardInterrupt
        return craft_passages(drafts, *rest)

    monkeypatch.setattr(optimised, "craft_passages", crafts)
    with pytest.raises(KeyboardInterrupt):
        poison(tiny, few, craft="greedy", encodings=6)
    progress = Followed()
    found = poison(tiny, few, craft="greedy", encodings=6, run=RunOptions(progress=progress))
    assert progress.run[-1][0] == progress.run[-1][1]
    assert crafted == ["en", "sw", "sw"]
    for_another = poison("char-ngram", few, craft="greedy", encodings=6, craft_on=tiny)
    assert [one.text for one in for_another.passages] == [one.text for one in found.passages]
    assert len(crafted) == 3
    poison(tiny, few, craft="greedy", encodings=7, source_languages="sw")
    poison(tiny, few, craft="payload+greedy", encodings=6, source_languages="sw")
    poison(tiny, few, craft="greedy", encodings=6, source_languages="sw", run=RunOptions(resume=False))
    assert len(crafted) == 6


@pytest.fixture(scope="module")
def topical() -> Task:
    """Return questions about two documents, and one about a third."""
    every = first_questions(load_task("mini", ["en", "sw"]), 7)
    document = {}
    for query, passage in zip(every.qrels.query.tolist(), every.qrels.passage.tolist(), strict=True):
        question = every.queries[query].parallel_id
        number = list(dict.fromkeys(one.parallel_id for one in every.queries)).index(question)
        document[passage] = ("a", "b", "c")[number // 3]
    passages = tuple(replace(one, document=document.get(row, "d")) for row, one in enumerate(every.passages))
    return replace(every, passages=passages, translations=translations_among(every.queries))


def test_topics_are_split_by_question(topical: Task) -> None:
    topics = split_topics(topical, 0.4)
    assert {topic: len(own) for topic, own in topics.known.items()} == {"a": 2, "b": 2}
    assert {topic: len(own) for topic, own in topics.unseen.items()} == {"a": 1, "b": 1}
    some = split_topics(first_questions(topical, 3), 0.4)
    assert some.known["a"] == topics.known["a"], "other questions make no difference"
    assert len(split_topics(topical, 0.99).known["a"]) == len(split_topics(topical, 0.01).unseen["a"]) == 1


@pytest.mark.parametrize(("craft", "budget"), [("copy", 1), ("greedy", 1), ("greedy", 3)])
def test_unseen_questions_are_attacked_and_not_known(craft: str, budget: int, topical: Task) -> None:
    topics = split_topics(topical, 0.4)
    more: dict[str, Any] = {"encodings": 12} if "greedy" in craft else {}
    found = poison("char-ngram", topical, craft=craft, budget=budget, **more, unseen=0.4)
    hidden = [query.parallel_id in topics.attacked for query in topical.queries]
    for source in found.sources:
        assert ((found.place[source] >= 0) == hidden).all()
        assert found.above[source].max() <= min(budget, 2)
    assert len(found.passages) == 2 * 2 * min(budget, 2), "two topics of two known questions, in two languages"
    assert {*found.judgements.parallel_ids} == {"a", "b", "c"}
    for one in found.passages:
        assert one.question in {question for own in topics.known.values() for question in own}
    # What the attacker does not know has no influence.
    queries = tuple(
        replace(query, text="zebra zebra quagga") if unknown else query
        for query, unknown in zip(topical.queries, hidden, strict=True)
    )
    others = replace(topical, queries=queries, translations=translations_among(queries))
    same = poison("char-ngram", others, craft=craft, budget=budget, **more, unseen=0.4)
    assert same.passages == found.passages


def test_ranks_of_unseen_questions_are_those_of_a_full_ranking(topical: Task) -> None:
    found = poison("char-ngram", topical, craft="greedy", budget=3, encodings=6, unseen=0.4)
    topics = split_topics(topical, 0.4)
    row = {query.query_id: number for number, query in enumerate(topical.queries)}
    for source, (topic, attacked) in product(found.sources, topics.unseen.items()):
        own = [one for one in found.passages if one.language == source and one.question in topics.known[topic]]
        added = [Passage(f"injected-greedy-{source}-{one.question}", source, one.text) for one in own]
        queries = [query for query in topical.queries if query.parallel_id in attacked]
        relevant: dict[str, dict[str, int]] = {query.query_id: {} for query in queries}
        for query, passage in zip(topical.qrels.query.tolist(), topical.qrels.passage.tolist(), strict=True):
            if topical.queries[query].query_id in relevant:
                relevant[topical.queries[query].query_id][topical.passages[passage].passage_id] = 1
        whole = build_task(topical.name, topical.version, queries, [*topical.passages, *added], relevant)
        full = attack("char-ngram", whole, []).clean.ranks.in_pool
        judged = np.isin(topical.qrels.query, [row[query.query_id] for query in queries])
        assert np.array_equal(found.attacked(source).in_pool[judged], full)


def relevant_task() -> Task:
    """Return a task in which the one change that helps makes the relevant passage."""
    queries = [Query("q", "en", "bread", "q")]
    passages = [Passage("a", "en", "bread noon"), Passage("b", "en", "noon noon")]
    return build_task("small", 1, queries, passages, {"q": {"a": 1}})


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"craft": "hotflip"}, OptionError, "craft hotflip needs gradient access and char-ngram gives score access"),
        ({"craft": "greedy", "encodings": 0}, OptionError, "0 encodings"),
        ({"craft": "copy", "craft_on": "char-ngram"}, OptionError, "leave out --craft-on"),
        ({"craft": "greedy", "craft_on": "bm25"}, RobustBenchError, "scores depend on the pool"),
        ({"unseen": 0.5}, DataError, "do not name their documents"),
        ({"unseen": 1.0}, OptionError, "give a share between 0 and 1"),
        ({"craft": "beam-0"}, OptionError, "unknown craft 'beam-0'"),
        ({"craft": "greedy-2"}, OptionError, "unknown craft"),
        ({"craft": "payload+copy"}, OptionError, "unknown craft"),
    ],
)
def test_bad_input_is_one_line(few: Task, wrong: dict[str, Any], error: type[RobustBenchError], message: str) -> None:
    with pytest.raises(error) as raised:
        poison("char-ngram", few, **wrong)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_language_without_words_and_a_relevant_passage_are_refused() -> None:
    task = relevant_task()

    def likes_noon(texts: Sequence[str]) -> np.ndarray:
        return np.array([["bread" in text, 0.5 + ("noon" in text)] for text in texts], dtype=np.float32)

    with pytest.raises(DataError, match="is the relevant passage 'a'"):
        poison(likes_noon, task, craft="greedy")
    numbers = replace(task, queries=(replace(task.queries[0], text="12 34"),), passages=task.passages[:1])
    numbers = replace(numbers, passages=(replace(task.passages[0], text="1999"),))
    with pytest.raises(DataError, match="no word of en occurs twice"):
        poison("char-ngram", numbers, craft="greedy")


@pytest.mark.parametrize("name", CRAFTS)
def test_names_of_crafts_are_read_as_they_are_written(name: str) -> None:
    assert str(Craft.parse(name)) == name
    assert Craft.parse(str(Craft.parse(name))) == Craft.parse(name)
