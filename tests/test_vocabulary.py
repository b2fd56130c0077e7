"""Pruned vocabularies and frozen parts: a smaller model that reads the same texts in the same way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("datasets", reason="DATASETS ABSENT: pip install -e '.[train]'")
pytest.importorskip("accelerate", reason="ACCELERATE ABSENT: pip install -e '.[train]'")

from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from robustbench_ir.cli import irbench
from robustbench_ir.encoders import load_encoder
from robustbench_ir.encoders.choices import choices_in_words
from robustbench_ir.encoders.truncation import cut_shares
from robustbench_ir.errors import DataError, DataUnavailableError, EncoderError, OptionError
from robustbench_ir.perturb import load_recipe
from robustbench_ir.studies.config import StudyCard
from robustbench_ir.studies.pruned_base import prune_study_base
from robustbench_ir.tasks import load_task
from robustbench_ir.training.bases import freeze_parts
from robustbench_ir.training.record import Training, read_trained
from robustbench_ir.training.table import ParallelRow, ParallelTable
from robustbench_ir.training.train import train
from robustbench_ir.training.vocabulary import differently_read, prune_vocabulary, read_texts
from tests.support.models import static

if TYPE_CHECKING:
    from tokenizers.trainers import Trainer

TEXTS = ["the river bridge", "the winter letter", "der Garten am Fluss", "mto na daraja", "नदी पर पुल", "большая река"]
OTHERS = ["silver windows in the morning", "ein ganz anderer Satz", "हवा और पानी", "совсем другое"]


def made(kind: str, folder: Path) -> SentenceTransformer:
    """Make a small transformer with random weights and a tokeniser like XLM-R's or BERT's."""
    if kind == "unigram":
        names, tokenizer = ("<s>", "<pad>", "</s>", "<unk>", "<mask>"), Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer: Trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=list(names), unk_token="<unk>")  # noqa: S106
        begin, end = "<s>", "</s>"
    else:
        names = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=list(names))
        begin, end = "[CLS]", "[SEP]"
    tokenizer.train_from_iterator([*TEXTS, *OTHERS] * 4, trainer)
    ids = {name: tokenizer.token_to_id(name) for name in (begin, end)}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}", pair=f"{begin} $A {end} $B {end}", special_tokens=list(ids.items())
    )
    pad, unknown = (next(one for one in names if what in one.lower()) for what in ("pad", "unk"))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, unk_token=unknown, cls_token=begin, sep_token=end
    )
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "vocab_size": len(fast),
        "pad_token_id": fast.pad_token_id,
        "max_position_embeddings": 70,
    }
    base = folder / "base"
    fast.save_pretrained(base)
    if kind == "unigram":
        XLMRobertaModel(XLMRobertaConfig(**sizes)).save_pretrained(base)
    else:
        BertModel(BertConfig(**sizes)).save_pretrained(base)
    model = SentenceTransformer(str(base), device="cpu")
    model.max_seq_length = 64
    return model


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
def test_a_pruned_model_reads_its_texts_as_before(kind: str, tmp_path: Path) -> None:
    full = made(kind, tmp_path)
    found = prune_vocabulary(full, TEXTS, tmp_path / "pruned")
    pruned = SentenceTransformer(str(tmp_path / "pruned"), device="cpu")
    assert found.before == len(full.tokenizer)
    assert found.after == len(pruned.tokenizer) < found.before
    assert [full.tokenizer.convert_ids_to_tokens(one) for one in found.kept] == [
        pruned.tokenizer.convert_ids_to_tokens(one) for one in range(found.after)
    ]
    assert differently_read(pruned, full, TEXTS) == 0
    assert np.abs(full.encode(TEXTS) - pruned.encode(TEXTS)).max() < 1e-6


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
def test_other_texts_are_spelt_in_shorter_tokens_and_counted(kind: str, tmp_path: Path) -> None:
    full = made(kind, tmp_path)
    prune_vocabulary(full, TEXTS, tmp_path / "pruned")
    pruned = SentenceTransformer(str(tmp_path / "pruned"), device="cpu")
    assert differently_read(pruned, full, [*TEXTS, *OTHERS]) > 0
    for text in OTHERS:
        unknown = pruned.tokenizer.unk_token_id
        assert unknown not in pruned.tokenizer(text, add_special_tokens=False).input_ids
    for text in ("𓀀", "the 𓀀 river"):  # unknown to both
        assert pruned.tokenizer.unk_token_id in pruned.tokenizer(text).input_ids
        assert full.tokenizer.unk_token_id in full.tokenizer(text).input_ids


def test_what_has_no_vocabulary_to_prune_is_told(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))  # noqa: S106
    static = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=4)], device="cpu")
    with pytest.raises(EncoderError, match="train the base whole"):
        prune_vocabulary(static, TEXTS, tmp_path / "pruned")


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("caf\xe9".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt: byte 4 is not UTF-8"):
        read_texts([str(tmp_path / "latin.txt")])
    with pytest.raises(DataUnavailableError, match="check the path"):
        read_texts([str(tmp_path / "none.txt")])
    (tmp_path / "some.txt").write_text("one\n\n two\n", encoding="utf-8")
    assert read_texts([str(tmp_path / "some.txt")]) == ["one", " two"]


ROWS = tuple(
    ParallelRow(f"{number}", language, " ".join(text.split()[:2]), f"{text} {number}")
    for number in range(12)
    for language, text in (("en", TEXTS[number % 2]), ("de", TEXTS[2]), ("hi", TEXTS[4]))
)
SETTINGS = Training(
    base="base", data=("made",), steps=4, batch_size=4, evaluate_every=4, validation=0.3, keep="last", patience=1
)


def test_a_training_prunes_freezes_accumulates_and_says_so(tmp_path: Path) -> None:
    full = made("unigram", tmp_path)
    full.save_pretrained(str(tmp_path / "model"))
    (tmp_path / "texts.txt").write_text("совсем другое\n", encoding="utf-8")
    settings = SETTINGS.model_copy(
        update={
            "base": str(tmp_path / "model"),
            "prune_vocabulary": (str(tmp_path / "texts.txt"),),
            "freeze": ("embeddings", "layers:0-1"),
            "accumulate": 2,
            "precision": "bfloat16",
        }
    )
    trained = train(settings, tmp_path / "out", table=ParallelTable("made", ROWS), device="cpu")
    assert trained.outcome.precision == "float32, forward pass in bfloat16"
    assert (trained.steps, trained.outcome.best_step) == (4, 4)
    after = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    assert len(after.tokenizer) < len(full.tokenizer)
    assert differently_read(after, full, ["совсем другое", *(row.passage for row in ROWS)]) == 0
    before, now = full[0].auto_model, after[0].auto_model
    moved = [
        not np.array_equal(one.detach().numpy(), other.detach().numpy())
        for one, other in zip(before.encoder.parameters(), now.encoder.parameters(), strict=True)
    ]
    each = len(list(before.encoder.layer[0].parameters()))
    assert not any(moved[: 2 * each])
    assert any(moved[2 * each :])
    record = read_trained(tmp_path / "out")
    assert record is not None
    assert record.record.training.freeze == ("embeddings", "layers:0-1")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "embeddings, layers:0-1" in card
    assert "vocabulary" in card


@pytest.mark.parametrize(
    ("part", "told"),
    [("head", "write embeddings, or a range of layers"), ("layers:0-9", "has layers 0 to 2"), ("layers:2-1", "0 to 2")],
)
def test_parts_that_there_are_not(part: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=told):
        freeze_parts(made("wordpiece", tmp_path), [part])


def test_only_a_transformer_has_parts_to_freeze() -> None:
    bare = SentenceTransformer(modules=[static()])
    for part in ("embeddings", "layers:0-1"):
        with pytest.raises(EncoderError, match="only of a transformer"):
            freeze_parts(bare, [part])


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
def test_characters_that_no_vocabulary_has_are_counted_and_told(kind: str, tmp_path: Path) -> None:
    prune_vocabulary(made(kind, tmp_path), TEXTS, tmp_path / "pruned")
    encoder = load_encoder(str(tmp_path / "pruned"))
    queries, passages = ["\u16a0\u16a1", *TEXTS[:3]], [*TEXTS[:3], "\u16a0"]
    found = cut_shares(encoder, queries, passages)
    assert found["unknown queries"] == found["unknown passages"] == 1 / 4
    assert "not in its vocabulary: 25.0% of queries, 25.0% of passages" in "".join(
        choices_in_words(encoder.description, found)
    )
    assert "unknown queries" not in cut_shares(encoder, TEXTS, TEXTS)


def test_the_last_weights_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    """With a rate so high that the loss rises, "best" keeps an earlier step."""
    wild = SETTINGS.model_copy(
        update={
            "base": "static-multilingual",
            "vocabulary": 400,
            "dimensions": 8,
            "learning_rate": 5.0,
            "evaluate_every": 1,
            "patience": 9,
        }
    )
    table = ParallelTable("made", ROWS)
    last = train(wild, tmp_path / "last", table=table, device="cpu")
    best = train(wild.model_copy(update={"keep": "best"}), tmp_path / "best", table=table, device="cpu")
    assert last.outcome.best_step == 4
    losses = dict(best.validation_losses)
    assert losses[best.outcome.best_step] == min(losses[step] for step in losses if step)


def test_the_base_of_a_study_reads_all_its_texts_as_before(tmp_path: Path) -> None:
    full = made("unigram", tmp_path)
    full.save_pretrained(str(tmp_path / "model"))
    rows = [row._asdict() | {"passage_language": row.language} for row in ROWS]
    lines = [json.dumps({key: row[key] for key in row if key not in {"negative", "source"}}) for row in rows]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    card = StudyCard.model_validate({
        "name": "small", "title": "Small", "description": "Small.", "bases": (str(tmp_path / "model"),),
        "data": (str(tmp_path / "rows.jsonl"),), "samplers": ("mono",), "seeds": (0,), "training": {},
        "tasks": ({"name": "mini", "languages": ("en", "es")},), "recipes": ("typo",),
        "pace": {"step": 1.0, "start": 1.0, "attack": {"mini": 1.0}},
    })  # fmt: skip
    found = prune_study_base(card, tmp_path / "pruned")
    pruned = SentenceTransformer(str(tmp_path / "pruned"), device="cpu")
    task = load_task("mini", ["en", "es"])
    asked = [one.text for one in load_recipe("typo").for_task(task).perturb(task.queries, 3, 0)]
    texts = ["Query: " + text for text in (*asked, *(one.text for one in task.queries))]
    texts += ["Passage: " + text for text in (*(row.passage for row in ROWS), *(one.text for one in task.passages))]
    assert found.after <= found.before
    assert differently_read(pruned, full, texts) == 0
    with pytest.raises(OptionError, match="not an empty folder"):
        prune_study_base(card, tmp_path / "pruned")


def test_the_command_has_the_options(tmp_path: Path) -> None:
    options = "--freeze embeddings --accumulate 2 --precision float32 --keep last --prune-vocabulary t.txt"
    command = ["train", "--base", "static-multilingual", "--data", "tatoeba", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(irbench, [*command, "--freeze", "x", *options.split(), "--steps", "0"])
    assert "steps: Input should be greater than or equal to 1" in str(done.exception or done.output)
