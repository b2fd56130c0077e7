"""Training: tables, batch samplers, perturbed queries, the loop, what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from click.testing import CliRunner

pytest.importorskip("datasets", reason="DATASETS ABSENT: pip install -e '.[train]'")
pytest.importorskip("accelerate", reason="ACCELERATE ABSENT: pip install -e '.[train]'")

import torch

from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataError, DataWarning, EncoderError, OptionError, TrainingError, UnknownNameError
from robustbench_ir.perturb import recipe
from robustbench_ir.tasks import load_task
from robustbench_ir.training.bases import train_tokenizer
from robustbench_ir.training.batches import PairCollator, make_augmentation
from robustbench_ir.training.checkpoints import checkpoint_folder, last_checkpoint
from robustbench_ir.training.losses import RetrievalLoss, disagreement
from robustbench_ir.training.model_card import model_card
from robustbench_ir.training.record import Training, make_training, read_trained
from robustbench_ir.training.samplers import CrossLingualBatchSampler, HybridBatchSampler, MonolingualBatchSampler
from robustbench_ir.training.sources import half_sentence, load_table
from robustbench_ir.training.table import ParallelRow, ParallelTable, overlap
from robustbench_ir.training.train import train

LANGUAGES = ("de", "en", "fr", "sw")
WORDS = [f"{first}{second}" for first in "bdfglmnprst" for second in ("amber", "olive")]


def make_table(ids: int = 80, languages: tuple[str, ...] = LANGUAGES) -> ParallelTable:
    random = np.random.default_rng(0)
    rows = []
    for number in range(ids):
        words = random.choice(WORDS, 4, replace=False).tolist()
        for language in languages:
            told = [f"{word}{language}" for word in words]
            rows.append(ParallelRow(f"id{number}", language, " ".join(told[:2]), " ".join([*told, f"no{number}"])))
    return ParallelTable("made", tuple(rows))


TABLE = make_table()
SMALL = Training(
    base="static-multilingual",
    data=("made",),
    steps=20,
    batch_size=8,
    evaluate_every=10,
    validation=0.2,
    vocabulary=400,
    dimensions=16,
)


def pairs_of(batch: list[int]) -> list[tuple[ParallelRow, ParallelRow]]:
    return [(TABLE.rows[query], TABLE.rows[passage]) for query, passage in np.reshape(batch, (-1, 2)).tolist()]


def is_monolingual(batch: list[int]) -> bool:
    return len({row.language for pair in pairs_of(batch) for row in pair}) == 1


# Samplers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_the_share_of_monolingual_batches_is_alpha(alpha: float) -> None:
    sampler = HybridBatchSampler(TABLE.dataset(), 10, seed=7, alpha=alpha)
    found = sum(is_monolingual(sampler.batch(number)) for number in range(2000))
    low, high = scipy.stats.binom.interval(0.999, 2000, alpha)
    assert low <= found <= high


def test_languages_are_uniform_though_their_sizes_are_not() -> None:
    kept = tuple(row for row in TABLE.rows if row.language != "sw" or int(row.parallel_id[2:]) < 20)
    sampler = MonolingualBatchSampler(replace(TABLE, rows=kept).dataset(), 10, seed=3)
    languages = [kept[sampler.batch(number)[0]].language for number in range(2000)]
    counts = [languages.count(language) for language in LANGUAGES]
    assert scipy.stats.chisquare(counts).pvalue > 0.001


def test_ordered_pairs_of_languages_are_uniform_in_cross_lingual_batches() -> None:
    sampler = CrossLingualBatchSampler(TABLE.dataset(), 10, seed=3)
    found = [(one.language, other.language) for number in range(400) for one, other in pairs_of(sampler.batch(number))]
    counts = [found.count((one, other)) for one in LANGUAGES for other in LANGUAGES if one != other]
    assert sum(counts) == len(found) == 4000
    assert scipy.stats.chisquare(counts).pvalue > 0.001


def test_data_sets_are_drawn_by_size() -> None:
    rows = tuple(row._replace(source="big" if int(row.parallel_id[2:]) < 60 else "small") for row in TABLE.rows)
    sampler = HybridBatchSampler(ParallelTable("two", rows).dataset(), 10, seed=1)
    sources = [rows[sampler.batch(number)[0]].source for number in range(2000)]
    low, high = scipy.stats.binom.interval(0.999, 2000, 0.75)
    assert low <= sources.count("big") <= high


@pytest.mark.parametrize(("drop_last", "batches", "last"), [(False, 11, 20), (True, 10, 30)])
def test_an_epoch_has_as_many_pairs_as_rows(drop_last: bool, batches: int, last: int) -> None:
    sampler = HybridBatchSampler(TABLE.dataset(), 30, drop_last, seed=1)
    found = list(sampler)
    assert len(sampler) == len(found) == batches
    assert [len(batch) // 2 for batch in found] == [30] * (batches - 1) + [last]


def test_batches_depend_on_seed_epoch_and_number_alone() -> None:
    one, other = (HybridBatchSampler(TABLE.dataset(), 10, seed=5) for _ in range(2))
    whole = list(one)
    assert [other.batch(number) for number in range(7, 12)] == whole[7:12]
    one.set_epoch(1)
    assert list(one) != whole
    assert list(HybridBatchSampler(TABLE.dataset(), 10, seed=6)) != whole


def test_accelerate_resumes_and_shards_whole_batches() -> None:
    from accelerate.data_loader import BatchSamplerShard, skip_first_batches
    from torch.utils.data import DataLoader

    # A language of three ids makes short batches, which must not be thrown away or put together.
    kept = tuple(row for row in TABLE.rows if row.language != "sw" or int(row.parallel_id[2:]) < 3)
    dataset = replace(TABLE, rows=kept).dataset()
    sampler = HybridBatchSampler(dataset, 10, seed=2)
    whole = list(sampler)
    assert {len(batch) for batch in whole} == {6, 20}
    shards = [list(BatchSamplerShard(sampler, 2, process, even_batches=False)) for process in range(2)]
    assert shards == [whole[0::2], whole[1::2]]

    loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=lambda rows: [row["parallel_id"] for row in rows])
    rest = list(skip_first_batches(loader, 4))
    assert rest == [[kept[row].parallel_id for row in batch] for batch in whole[4:]]


def test_a_language_with_one_row_is_left_out_and_counted() -> None:
    table = replace(TABLE, rows=(*TABLE.rows, ParallelRow("alone", "zu", "q", "p")))
    sampler = HybridBatchSampler(table.dataset(), 10, seed=0)
    assert sampler.left_out == {"monolingual": 1, "cross-lingual": 1}
    assert all(len(TABLE.rows) not in sampler.batch(number) for number in range(100))
    alone = ParallelTable("alone", (ParallelRow("1", "zu", "q", "p"), ParallelRow("2", "xh", "q", "p")))
    with pytest.raises(DataError, match="no language has two parallel ids"):
        MonolingualBatchSampler(alone.dataset(), 10)


def test_ids_in_one_language_are_left_out_of_cross_lingual_batches() -> None:
    table = replace(TABLE, rows=(*TABLE.rows, ParallelRow("x", "en", "q", "p"), ParallelRow("x", "en", "r", "s")))
    assert CrossLingualBatchSampler(table.dataset(), 10).left_out == {"cross-lingual": 2}
    with pytest.raises(DataError, match="no two parallel ids are in two languages"):
        HybridBatchSampler(make_table(languages=("en",)).dataset(), 10)


@pytest.mark.parametrize(("size", "alpha"), [(1, 0.5), (10, 1.5), (10, float("nan"))])
def test_sampler_arguments_out_of_range(size: int, alpha: float) -> None:
    with pytest.raises(OptionError):
        HybridBatchSampler(TABLE.dataset(), size, alpha=alpha)


# Tables --------------------------------------------------------------------------------------------------------------


def test_files_are_read_the_same_as_json_lines_and_tsv(tmp_path: Path) -> None:
    rows = [{"parallel_id": "1", "language": "en", "query": "who", "passage": "She"}] * 2
    rows.append({"parallel_id": "1", "language": "fr", "query": "qui", "passage": "E\u0301lle"})
    lines, table = tmp_path / "a.jsonl", tmp_path / "a.tsv"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    cells = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    table.write_text("\n".join(cells) + "\n", encoding="utf-8")
    found = load_table(str(lines))
    assert found.rows == (ParallelRow("1", "en", "who", "She"), ParallelRow("1", "fr", "qui", "Élle"))
    assert load_table(str(table)).rows == found.rows
    joined = load_table([str(lines), str(table)], ["fr"])
    assert len({row.parallel_id for row in joined.rows}) == len(joined.rows) == 2


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"parallel_id": "1", "language": "en", "query": "a"}', ":1: key 'passage'"),
        ('{"parallel_id": "1", "language": "en", "query": "a", "passage": " "}', ":1: passage is empty"),
        ('{"parallel_id": "1", "language": "en", "query": "a", "passage": "a "}', "the same text"),
        ("", "no row to train on"),
    ],
)
def test_faulty_files_name_the_line(content: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=fault) as caught:
        load_table(str(path))
    assert "\n" not in str(caught.value)


def test_names_of_tables_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'tatoeba'"):
        load_table("tatoebe")
    for name in ("missing.jsonl", str(tmp_path / "a.csv"), "hub:nothing"):
        with pytest.raises(DataError):
            load_table(name)


def test_either_all_rows_have_a_negative_or_none() -> None:
    with pytest.raises(DataError, match="1 of 2 rows have no negative"):
        ParallelTable("t", (ParallelRow("1", "en", "a", "b", "c"), ParallelRow("2", "en", "a", "b")))


def test_validation_is_split_off_by_parallel_id() -> None:
    train_part, held_out = TABLE.split(0.2)
    assert set(train_part.rows) | set(held_out.rows) == set(TABLE.rows)
    assert not {row.parallel_id for row in train_part.rows} & {row.parallel_id for row in held_out.rows}
    assert set(TABLE.select(["en"]).split(0.2)[1].rows) < set(held_out.rows)
    with pytest.raises(OptionError, match="leaves nothing"):
        make_table(2).split(0.01)


def test_tatoeba_joins_languages_by_their_english_sentence(shared_data: Path) -> None:
    table = load_table("tatoeba", ["sw", "th", "en"])
    assert table.languages == ("en", "sw", "th")
    assert all(row.query in row.passage and row.query != row.passage for row in table.rows)
    by_language = {
        language: {row.parallel_id for row in table.rows if row.language == language} for language in table.languages
    }
    assert len(by_language["en"]) > 800
    assert len(by_language["sw"] & by_language["en"]) > 350
    assert len({(row.language, row.passage) for row in table.rows}) == len(table.rows)


def test_half_of_a_sentence_is_where_id_and_language_say() -> None:
    sentence = "one two three four five"
    assert half_sentence(sentence, "en", "1") == half_sentence(sentence, "en", "1")
    halves = {half_sentence(sentence, "en", str(number)) for number in range(50)}
    assert halves == {"one two three", "two three four", "three four five"}
    assert half_sentence("one!", "en", "1") == "one!"


def test_afriqa_trains_on_its_train_questions(shared_data: Path) -> None:
    table = load_table("afriqa-train", ["ha", "en"])
    asked = {row.query for row in table.rows if row.language == "ha"}
    assert 150 < len(asked) <= 225
    assert {row.passage_language for row in table.rows if row.language == "ha"} == {"en"}
    assert not asked & {query.text for query in load_task("afriqa", ["ha"]).queries}


# Batches and losses --------------------------------------------------------------------------------------------------


def test_a_recipe_of_ones_own_augments() -> None:
    shout = recipe(str.upper, name="shout")
    rows = list(TABLE.dataset().select(range(20)))
    collator = PairCollator(lambda _: {}, make_augmentation({"shout": 1.0}, 5, 0, [shout]), keep_clean=True)
    assert collator.texts(rows)["query"] == [f"Query: {row['query'].upper()}" for row in rows[0::2]]


def test_augmentation_changes_its_share_of_the_queries_and_nothing_else() -> None:
    rows = list(TABLE.dataset().select(range(200)))
    augmentation = make_augmentation({"typo": 0.3, "casing-spacing": 0.2}, 3, 0)
    collator = PairCollator(lambda _: {}, augmentation, keep_clean=True)
    parts = collator.texts(rows)
    assert parts == collator.texts(rows)
    assert parts["clean"] == [f"Query: {row['query']}" for row in rows[0::2]]
    assert parts["passage"] == [f"Passage: {row['passage']}" for row in rows[1::2]]
    changed = sum(one != other for one, other in zip(parts["query"], parts["clean"], strict=True))
    low, high = scipy.stats.binom.interval(0.999, 100, 0.5)
    assert low - 10 <= changed <= high  # a recipe may find nothing to change
    assert collator.texts(rows[2:])["query"] != parts["query"][1:]


def test_queries_to_validate_on_stay_clean() -> None:
    rows = list(TABLE.dataset("validation").select(range(20)))
    parts = PairCollator(lambda _: {}, make_augmentation({"typo": 1.0}, 5, 0), keep_clean=True).texts(rows)
    assert set(parts) == {"query", "passage"}
    assert parts["query"] == [f"Query: {row['query']}" for row in rows[0::2]]


@pytest.mark.parametrize("shares", [{"typo": 0.0}, {"typo": 0.7, "synonym": 0.7}])
def test_probabilities_out_of_range(shares: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="augment"):
        make_augmentation(shares, 3, 0)


def test_negatives_come_with_their_passage() -> None:
    rows = [{"split": "train", "query": f"q{n}", "passage": f"p{n}", "negative": f"n{n}"} for n in range(4)]
    assert PairCollator(lambda _: {}).texts(rows) == {
        "query": ["Query: q0", "Query: q2"],
        "passage": ["Passage: p1", "Passage: p3"],
        "negative": ["Passage: n1", "Passage: n3"],
    }


class Embedder(torch.nn.Module):
    """Passes embeddings through."""

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"sentence_embedding": features["input"]}


def test_the_loss_is_that_of_the_paper() -> None:
    random = torch.Generator().manual_seed(0)
    query, passage, clean = ({"input": torch.randn(5, 8, generator=random)} for _ in range(3))
    loss = RetrievalLoss(Embedder(), scale=10.0)
    cosines = torch.nn.functional.normalize(query["input"]) @ torch.nn.functional.normalize(passage["input"]).T
    expected = -torch.log_softmax(10.0 * cosines, dim=1).diagonal().mean()
    assert loss([query, passage], torch.ones(5)).item() == pytest.approx(expected.item(), rel=1e-5)
    together = RetrievalLoss(Embedder(), scale=10.0, consistency=0.5)([query, passage, clean], torch.ones(5))
    apart = disagreement(clean["input"], query["input"]).item()
    assert apart > 0.1
    assert together.item() == pytest.approx(expected.item() + 0.5 * apart, rel=1e-5)
    assert disagreement(clean["input"], clean["input"]).item() == pytest.approx(0, abs=1e-6)
    with pytest.raises(TrainingError, match="not a finite number"):
        loss([{"input": torch.full((5, 8), torch.nan)}, passage], torch.ones(5))


# The loop ------------------------------------------------------------------------------------------------------------


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return {str(path.relative_to(folder)): load_file(path) for path in folder.rglob("*.safetensors")}


def same_weights(one: Path, other: Path) -> bool:
    left, right = weights(one), weights(other)
    assert left
    assert left.keys() == right.keys()
    return all(torch.equal(left[file][name], right[file][name]) for file in left for name in left[file])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small") / "model"
    train(SMALL, out, table=TABLE)
    return out


def test_a_small_training_learns_and_leaves_a_model(small: Path) -> None:
    from sentence_transformers import SentenceTransformer

    trained = read_trained(small)
    assert trained is not None
    losses = [loss for _, loss in trained.validation_losses]
    assert [step for step, _ in trained.validation_losses] == [0, 10, 20]
    assert losses[-1] < losses[0] - 0.1
    model = SentenceTransformer(str(small), device="cpu")
    assert model.encode_query(["amberen"]).shape == (1, 16)
    assert model.prompts == {"query": "Query: ", "document": "Passage: ", "passage": "Passage: "}
    assert not checkpoint_folder(small).exists()
    assert train(SMALL, small, table=TABLE) == trained  # nothing is done twice
    card = (small / "README.md").read_text(encoding="utf-8")
    assert "| seed | 0 |" in card
    assert "probability 0.5" in card


def test_the_same_training_gives_the_same_weights_and_another_seed_others(small: Path, tmp_path: Path) -> None:
    train(SMALL, tmp_path / "again", table=TABLE)
    assert same_weights(small, tmp_path / "again")
    train(SMALL.model_copy(update={"seed": 1}), tmp_path / "other", table=TABLE)
    assert not same_weights(small, tmp_path / "other")


def test_another_training_may_not_go_on_in_the_folder(small: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"holds another training \(seed 0, not 4\)"):
        train(SMALL.model_copy(update={"seed": 4}), small, table=TABLE)
    with pytest.raises(OptionError, match="other rows"):
        train(SMALL, small, table=make_table(79))
    (tmp_path / "mine.txt").touch()
    with pytest.raises(OptionError, match="not an empty folder"):
        train(SMALL, tmp_path, table=TABLE)


KILLED = """
import os, signal, sys
from pathlib import Path
from robustbench_ir.training.record import make_training
from robustbench_ir.training.train import train
from robustbench_ir.training.record import Training
from tests.test_train import TABLE

class Killer:
    done = 0
    def stage(self, name, total=None):
        self.done = 0
    def advance(self, steps):
        self.done += steps
        if self.done == 15:
            os.kill(os.getpid(), signal.SIGKILL)

train(Training.model_validate_json(sys.argv[1]), Path(sys.argv[2]), table=TABLE, device="cpu", progress=Killer())
"""


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights(tiny_model: Path, tmp_path: Path) -> None:
    training = SMALL.model_copy(
        update={"base": str(tiny_model), "learning_rate": 1e-3, "augment": (("typo", 0.5),), "consistency": 0.5}
    )
    whole = train(training, tmp_path / "whole", table=TABLE, device="cpu")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, training.model_dump_json(), str(tmp_path / "killed")],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert read_trained(tmp_path / "killed") is None
    checkpoint = last_checkpoint(tmp_path / "killed", "best")
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-10"
    # What was cut short while it was written is not taken for a checkpoint.
    (checkpoint.parent / "checkpoint-14").mkdir()
    with pytest.warns(DataWarning, match=r"checkpoint-14 \(checksums\); the training goes on from checkpoint-10"):
        resumed = train(training, tmp_path / "killed", table=TABLE, device="cpu")
    assert resumed.outcome.resumed_from == 10
    assert resumed.validation_losses == whole.validation_losses
    assert same_weights(tmp_path / "whole", tmp_path / "killed")


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from robustbench_ir.training import losses

    asked = iter(range(10**6))
    contrast = losses.RetrievalLoss.forward

    def breaks(self: RetrievalLoss, features: list[dict[str, torch.Tensor]], labels: torch.Tensor) -> torch.Tensor:
        if self.model.training and next(asked) == 14:
            with torch.no_grad():
                for parameter in self.model.parameters():
                    parameter.fill_(torch.nan)
        return contrast(self, features, labels)

    monkeypatch.setattr(losses.RetrievalLoss, "forward", breaks)
    with pytest.raises(TrainingError, match=r"the last good checkpoint is .*checkpoint-10") as caught:
        train(SMALL, tmp_path / "out", table=TABLE)
    assert "\n" not in str(caught.value)
    kept = last_checkpoint(tmp_path / "out", "best")
    assert kept is not None
    assert all(torch.isfinite(tensor).all() for file in weights(kept).values() for tensor in file.values())
    assert read_trained(tmp_path / "out") is None


def test_training_ends_early_when_the_validation_loss_stops_falling(tmp_path: Path) -> None:
    hopeless = SMALL.model_copy(update={"learning_rate": 50.0, "steps": 200, "evaluate_every": 5, "patience": 2})
    trained = train(hopeless, tmp_path / "out", table=TABLE)
    assert trained.steps < 200
    best = min(trained.validation_losses[1:], key=lambda found: found[1])
    assert trained.outcome.best_step == best[0]


def test_static_tokenisers_are_the_same_each_time_and_know_every_script() -> None:
    one, other = (train_tokenizer(TABLE, 400) for _ in range(2))
    assert one.to_str() == other.to_str()
    assert one.decode(one.encode("नमस्ते 🙂 ยินดี").ids).strip() == "नमस्ते 🙂 ยินดี"
    with pytest.raises(OptionError, match="vocabulary"):
        train_tokenizer(TABLE, 256)


# What goes wrong -----------------------------------------------------------------------------------------------------


def test_a_base_without_a_tokeniser(tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "bare"
    shutil.copytree(tiny_model, folder)
    for path in folder.rglob("tokenizer*"):
        path.unlink()
    with pytest.raises(EncoderError, match="has no tokeniser") as caught:
        train(SMALL.model_copy(update={"base": str(folder)}), tmp_path / "out", table=TABLE)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_queries_of_a_task_are_left_out_and_its_passages_refused(tmp_path: Path) -> None:
    task = load_task("mini")
    query, passage = task.queries[0], task.passages[0]
    copied = (
        ParallelRow("mine", "en", f" {query.text.upper()}", "answer"),
        ParallelRow("mine1", "en", "half of it", query.text),
        ParallelRow("mine2", "de", "ask", f"{passage.text}\n"),
    )
    table = replace(TABLE, rows=(*TABLE.rows, *copied))
    assert not overlap(TABLE, task)
    found = overlap(table, task)
    assert (found.shared_queries, found.shared_passages) == (1, 1)
    training = SMALL.model_copy(update={"tasks": ("mini",), "steps": 2})
    with pytest.raises(DataError, match="--allow-overlap"):
        train(training, tmp_path / "out", table=table)
    without = train(training, tmp_path / "without", table=replace(table, rows=table.rows[:-1]))
    assert without.record.overlap[0].shared_queries == 0
    assert without.record.data.rows == len(TABLE.rows)
    assert without.record.data.notes == ("2 rows left out, which have a query of mini@1",)
    trained = train(training, tmp_path / "out", table=table, allow_overlap=True)
    assert trained.record.overlap[0].shared_queries == 1
    assert "seen in training" in model_card(trained)


def test_consistency_wants_something_to_be_consistent_with(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--augment"):
        train(SMALL.model_copy(update={"consistency": 1.0}), tmp_path / "out", table=TABLE)


@pytest.mark.parametrize(
    ("values", "fault"),
    [({"alpha": 2.0}, "alpha"), ({"steps": 0}, "steps"), ({"batch_size": 1}, "batch-size"), ({"sampler": "x"}, "mono")],
)
def test_values_out_of_range_are_named(values: dict[str, object], fault: str) -> None:
    with pytest.raises(OptionError, match=fault):
        make_training(base="static-multilingual", data=("tatoeba",), **values)


def test_the_command_trains_and_says_what_it_did(tmp_path: Path) -> None:
    data = tmp_path / "made.tsv"
    lines = ["parallel_id\tlanguage\tquery\tpassage", *("\t".join(row[:4]) for row in TABLE.rows)]
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = f"train --base static-multilingual --data {data} --sampler cross --out {tmp_path / 'out'} --steps 4"
    options = "--batch-size 8 --evaluate-every 2 --validation 0.2 --vocabulary 300 --dimensions 8 --augment typo:0.5"
    answer = CliRunner().invoke(irbench, [*command.split(), *options.split()], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "step 2 of 4, validation loss" in answer.stderr
    assert "320 rows in 4 languages, 4 steps" in answer.stdout
    trained = read_trained(tmp_path / "out")
    assert trained is not None
    assert trained.record.training.augment == (("typo", 0.5),)
    assert CliRunner().invoke(irbench, [*command.split(), "--augment", "typo"]).exit_code == 2


def test_a_base_in_float16_is_trained_in_float32(tiny_model: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    half = SentenceTransformer(str(tiny_model), device="cpu").half()
    half.save_pretrained(str(tmp_path / "half"))
    training = SMALL.model_copy(
        update={"base": str(tmp_path / "half"), "learning_rate": 3e-5, "steps": 6, "evaluate_every": 6, "warmup": 0.0}
    )
    trained = train(training, tmp_path / "out", table=TABLE, device="cpu")
    assert trained.outcome.precision == "float32"
    before = {name: value.float() for name, value in half.state_dict().items()}
    after = SentenceTransformer(str(tmp_path / "out"), device="cpu").state_dict()
    moved = max(float((after[name].float() - value).abs().max()) for name, value in before.items())
    # A step of AdamW moves a weight by the learning rate at most, but for the decay of the weight.
    assert 0 < moved <= 6 * 3e-5 * 1.05 + 6 * 3e-5 * training.weight_decay * 4


PROCESSES = """
import os, sys
from pathlib import Path
import torch
from robustbench_ir.training import loop
from robustbench_ir.training.record import Training
from robustbench_ir.training.train import train
from tests.test_train import TABLE

seen, killed = [], int(os.environ.get("KILLED_AT", "0"))
told = loop._ProgressCallback.on_step_end
def watched(self, *arguments, model, **options):
    seen.append([value.detach().clone() for value in model.parameters()])
    if len(seen) == killed:
        os.kill(os.getpid(), 9)
    told(self, *arguments, model=model, **options)
loop._ProgressCallback.on_step_end = watched
train(Training.model_validate_json(sys.argv[1]), Path(sys.argv[2]), table=TABLE, device="cpu")
torch.save(seen, f"{sys.argv[2]}.rank{os.environ['RANK']}")
"""


def run_two_processes(folder: Path, out: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(PROCESSES, encoding="utf-8")
    root = str(Path(__file__).parents[1])
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"),
            *(str(script), SMALL.model_dump_json(), str(out)),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", **environment},
    )


@pytest.mark.slow
def test_two_processes_that_were_killed_resume_to_the_same_weights(tmp_path: Path) -> None:
    whole = run_two_processes(tmp_path, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    stopped = run_two_processes(tmp_path, tmp_path / "stopped", KILLED_AT="14")
    assert stopped.returncode != 0
    assert read_trained(tmp_path / "stopped") is None
    again = run_two_processes(tmp_path, tmp_path / "stopped")
    assert again.returncode == 0, again.stderr
    trained = read_trained(tmp_path / "stopped")
    assert trained is not None
    assert trained.outcome.resumed_from == 10
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")


@pytest.mark.slow
def test_two_processes_share_their_gradients(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run_two_processes(tmp_path, out)
    assert done.returncode == 0, done.stderr
    left, right = (torch.load(f"{out}.rank{rank}", weights_only=True) for rank in (0, 1))
    assert len(left) == len(right) == SMALL.steps
    pairs = [pair for one, other in zip(left, right, strict=True) for pair in zip(one, other, strict=True)]
    assert all(torch.equal(*pair) for pair in pairs), "equal at every step"
    trained = read_trained(out)
    assert trained is not None
    assert trained.outcome.processes == 2
    assert [step for step, _ in trained.validation_losses] == [0, 10, 20]
    train(SMALL, tmp_path / "alone", table=TABLE, device="cpu")
    assert not same_weights(out, tmp_path / "alone"), "each process has batches of its own"
    assert not checkpoint_folder(out).exists()
