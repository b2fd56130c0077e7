"""Tasks of mteb, through an object in mteb's own format; nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import SentenceTransformer

from robustbench_ir.errors import DataError, DataUnavailableError, OptionError, UnknownNameError
from robustbench_ir.integrations.mteb import load_mteb, mteb_facts
from robustbench_ir.tasks import load_task
from tests.support.models import static

PRESENT = True
try:
    import mteb  # noqa: F401
except ImportError:
    PRESENT = False
needs_mteb = pytest.mark.skipif(not PRESENT, reason="MTEB ABSENT: pip install 'robustbench-ir[mteb]' to test its tasks")

REVISION = "75b399394a9803252cfec289d103de462763db7c"
LANGUAGES = {
    "swh": ["swh-Latn"],
    "arb_Arab": ["arb-Arab", "arb-Arab"],
    "arb_Latn": ["arb-Latn", "arb-Latn"],
    "eng-swh": ["eng-Latn", "swh-Latn"],
}
ROWS = {
    "swh": ("Mto upi ni mrefu?", "Mto Nile ni mrefu."),
    "arb_Arab": ("أي نهر طويل؟", "نهر النيل طويل."),
    "arb_Latn": ("ay nahr tawil?", "nahr alnil tawil."),
}


def rivers(**changes: Any) -> Any:
    """Make a task as mteb 2 has them: `dataset` is filled by `load_data`."""
    from datasets import Dataset
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata

    class Rivers(AbsTaskRetrieval):
        metadata = TaskMetadata(
            name="Rivers",
            dataset={"path": "example/rivers", "revision": REVISION},
            description="Questions about rivers.",
            type="Retrieval",
            category="t2t",
            modalities=["text"],
            eval_splits=["dev", "test"],
            eval_langs=changes.pop("eval_langs", LANGUAGES),
            main_score="ndcg_at_10",
            license="cc-by-4.0",
            reference="https://example.org",
            date=None,
            domains=None,
            task_subtypes=None,
            annotations_creators=None,
            dialect=None,
            sample_creation=None,
            bibtex_citation="@misc{rivers}",
        )

        def load_data(self, **_: Any) -> None:
            self.dataset = {}
            for subset in self.hf_subsets:
                query, passage = ROWS[subset]
                queries = [{"id": "q1", "text": query}, {"id": "q2", "text": "not judged"}]
                corpus = [
                    {"id": "d1", "title": "Title", "text": passage},
                    {"id": "d2", "title": "", "text": ""},
                    {"id": "q1", "title": "", "text": query},
                ]
                self.dataset[subset] = {
                    "test": {
                        "queries": Dataset.from_list(changes.get("queries", queries)),
                        "corpus": Dataset.from_list(corpus),
                        "relevant_docs": {"q1": {"d1": 2, "q1": 0}},
                        "top_ranked": changes.get("top_ranked"),
                    }
                }

    task = Rivers()
    task.ignore_identical_ids = changes.get("ignore_identical_ids", False)
    return task


@needs_mteb
def test_a_task_of_mteb_becomes_one_of_ours() -> None:
    task = load_mteb(rivers(), None)
    assert task.identity == "mteb:Rivers@75b399394a98"
    assert [(one.query_id, one.language, one.text) for one in task.queries] == [
        ("sw:q1", "sw", "Mto upi ni mrefu?"),
        ("ar:q1", "ar", "أي نهر طويل؟"),
        ("ar-Latn:q1", "ar-Latn", "ay nahr tawil?"),
    ]
    assert [passage.text for passage in task.passages[:2]] == ["Title Mto Nile ni mrefu.", "Mto upi ni mrefu?"]
    assert task.qrels.grade.tolist() == [2, 2, 2]


@needs_mteb
def test_a_query_does_not_find_itself_where_mteb_leaves_it_out() -> None:
    task = load_mteb(rivers(ignore_identical_ids=True), ["swh"])
    assert task.identity == "mteb:Rivers@75b399394a98-without-own"
    assert task.own_passage is not None
    assert [task.passages[row].passage_id for row in task.own_passage] == ["sw:q1"]
    assert load_mteb(rivers(), ["swh"]).own_passage is None


@needs_mteb
def test_only_the_languages_that_are_wanted_are_loaded() -> None:
    source = rivers()
    assert load_mteb(source, ["swh"]).query_languages == ("sw",)
    assert list(source.dataset) == ["swh"]
    with pytest.raises(UnknownNameError, match="unknown language 'fr': there are: ar, ar-Latn, sw"):
        load_mteb(rivers(), ["fr"])


PAIR_TEXTS = {
    "ara": (["أي نهر طويل؟", "متى يفتح السوق؟"], ["نهر النيل طويل.", "يفتح السوق صباحا.", "الجسر من حجر."]),
    "deu": (["Welcher Fluss ist lang?", "Wann öffnet der Markt?"], ["Der Nil ist lang.", "Morgens.", "Aus Stein."]),
    "eng": (["Which river is long?", "When does the market open?"], ["The Nile.", "In the morning.", "Of stone."]),
}
CODES = {"ara": "ar", "deu": "de", "eng": "en"}
TAGS = {"ara": "ara-Arab", "deu": "deu-Latn", "eng": "eng-Latn"}


def questions(name: str, pairs: Any, *, parallel: bool = True) -> Any:
    """Make a task of pairs `passages-queries`, as MLQARetrieval has them; all languages have the same ids."""
    from datasets import Dataset

    class Questions(type(rivers())):  # type: ignore[misc]
        metadata = rivers().metadata.model_copy(
            update={
                "name": name,
                "eval_langs": {f"{one}-{two}": [TAGS[one], TAGS[two]] for one, two in pairs},
                "eval_splits": ["test"],
            }
        )

        def load_data(self, **_: Any) -> None:
            self.dataset = {}
            for subset in self.hf_subsets:
                first, second = subset.split("-")
                other = not parallel and second == "deu"
                self.dataset[subset] = {
                    "test": {
                        "queries": Dataset.from_list(
                            [{"id": f"q{n}", "text": text} for n, text in enumerate(PAIR_TEXTS[second][0])]
                        ),
                        "corpus": Dataset.from_list(
                            [{"id": f"d{n}", "title": "", "text": text} for n, text in enumerate(PAIR_TEXTS[first][1])]
                        ),
                        "relevant_docs": {"q0": {"d1" if other else "d0": 1}, "q1": {"d0" if other else "d1": 1}},
                        "top_ranked": None,
                    }
                }
            self.data_loaded = True

    return Questions()


@needs_mteb
def test_pairs_of_languages_are_one_task_in_which_each_side_is_known() -> None:
    pairs = [("ara", "ara"), ("ara", "deu"), ("deu", "ara")]
    task = load_mteb(questions("MLQARetrieval", pairs), None, pairs=True)
    assert task.identity == "mteb:MLQARetrieval:pairs@75b399394a98"
    assert {(one.query_id, one.parallel_id, one.text) for one in task.queries} == {
        (f"{CODES[one]}:q{n}", f"q{n}", PAIR_TEXTS[one][0][n]) for one in ("ara", "deu") for n in (0, 1)
    }
    assert {one.passage_id for one in task.passages} == {f"{one}:d{n}" for one in ("ar", "de") for n in (0, 1, 2)}
    found = {
        (task.queries[query].query_id, task.passages[passage].passage_id)
        for query, passage in zip(task.qrels.query.tolist(), task.qrels.passage.tolist(), strict=True)
    }
    assert found == {
        *((f"{one}:q{n}", f"ar:d{n}") for one in ("ar", "de") for n in (0, 1)),
        *((f"ar:q{n}", f"de:d{n}") for n in (0, 1)),
    }
    assert load_mteb(questions("MLQARetrieval", pairs), ["ar"], pairs=True).query_languages == ("ar",)


@needs_mteb
def test_questions_are_parallel_only_where_the_judgements_say_so() -> None:
    pairs = [("ara", "ara"), ("ara", "deu")]
    task = load_mteb(questions("MLQARetrieval", pairs, parallel=False), None, pairs=True)
    assert {one.parallel_id for one in task.queries} == {"ar:q0", "ar:q1", "de:q0", "de:q1"}


@needs_mteb
def test_pairs_of_a_task_whose_order_is_not_known_are_refused() -> None:
    with pytest.raises(DataError, match="it is not known here which is which; BelebeleRetrieval, CUREv1, MLQ"):
        load_mteb(questions("Questions", [("ara", "deu")]), None, pairs=True)


@needs_mteb
@pytest.mark.filterwarnings("ignore:::mteb", "ignore::FutureWarning")  # those of mteb about sentence-transformers
@pytest.mark.parametrize(
    ("passages", "queries", "setting"),
    [("eng", "deu", "cross-lingual"), ("deu", "eng", "cross-lingual"), ("eng", "eng", "monolingual")],
)
def test_the_clean_score_is_that_of_mteb(passages: str, queries: str, setting: Any) -> None:
    import mteb

    import robustbench_ir as rb

    model = SentenceTransformer(modules=[static(seed=3)], device="cpu", similarity_fn_name="cosine")
    source = questions("MLQARetrieval", [(passages, queries)], parallel=False)
    scores = mteb.evaluate(model, source, cache=None, overwrite_strategy="always").task_results[0].scores["test"][0]
    task = load_mteb(questions("MLQARetrieval", [(passages, queries)], parallel=False), None, pairs=True)
    result = rb.attack(model, task, recipes=["typo"])
    assert 0 < scores["ndcg_at_10"] < 1, "a score that could differ"
    assert result.score(result.clean, setting, "nDCG@10") == pytest.approx(scores["ndcg_at_10"], abs=1e-5)


@needs_mteb
def test_an_older_task_is_converted() -> None:
    class Older(type(rivers())):  # type: ignore[misc]
        def load_data(self, **_: Any) -> None:
            self.queries = {"swh": {"test": {"q1": "Mto upi ni mrefu?"}}}
            self.corpus = {"swh": {"test": {"d1": {"title": "", "text": "Mto Nile."}, "d2": "Mkate."}}}
            self.relevant_docs = {"swh": {"test": {"q1": {"d1": 1}}}}

    task = load_mteb(Older(), ["sw"])
    assert [passage.text for passage in task.passages] == ["Mto Nile.", "Mkate."]


@needs_mteb
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"top_ranked": {"q1": ["d1"]}}, "mteb:Rivers: reranks a list given for each query"),
        ({"queries": [{"id": "q1", "text": "x", "instruction": "be brief"}]}, "query 'q1' .* has an instruction"),
        ({"eval_langs": {"eng-swh": ["eng-Latn", "swh-Latn"]}}, "every subset has queries and passages in different"),
    ],
)
def test_what_cannot_be_attacked_is_refused_with_the_reason(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_mteb(rivers(**changes), None)


@needs_mteb
def test_images_code_from_the_hub_and_no_network_are_refused() -> None:
    source = rivers()
    source.metadata = source.metadata.model_copy(update={"modalities": ["text", "image"]})
    with pytest.raises(DataError, match="has text, image; only tasks with nothing but text"):
        load_mteb(source, None)
    source = rivers()
    source.metadata = source.metadata.model_copy(update={"dataset": {"path": "x", "trust_remote_code": True}})
    with pytest.raises(DataError, match="needs code from the hub"):
        load_mteb(source, None)

    class Offline(type(rivers())):  # type: ignore[misc]
        def load_data(self, **_: Any) -> None:
            raise ConnectionError("no route\nto host")

    with pytest.raises(DataUnavailableError, match=r"^mteb:Rivers: mteb cannot load it \(no route\); connect"):
        load_mteb(Offline(), None)


@needs_mteb
def test_its_card_says_what_mteb_says() -> None:
    facts = mteb_facts(rivers())
    assert (facts["licence"], facts["citation"]) == ("cc-by-4.0", "@misc{rivers}")
    with pytest.raises(
        UnknownNameError, match="unknown mteb task 'BelebeleRetreival': did you mean 'BelebeleRetrieval'"
    ):
        load_task("mteb:BelebeleRetreival")


def test_without_mteb_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(OptionError, match=r"^mteb:NFCorpus: .* pip install 'robustbench-ir\[mteb\]'$"):
        load_task("mteb:NFCorpus")


def test_mteb_is_loaded_only_for_its_own_tasks() -> None:
    program = "import sys; from robustbench_ir import load_task; load_task('mini'); print('mteb' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False"
