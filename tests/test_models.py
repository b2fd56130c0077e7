"""Models as people have them: each kind gives the rows that sentence-transformers gives, or is refused in one line."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robustbench_ir.encoders import EncoderOptions, as_encoder, load_encoder
from robustbench_ir.encoders.batches import encode_texts
from robustbench_ir.encoders.encoder import as_dense
from robustbench_ir.encoders.kinds import kind_of
from robustbench_ir.encoders.saved_model import SavedModel
from robustbench_ir.encoders.truncation import cut_shares
from robustbench_ir.errors import EncoderError, OptionError, RobustBenchError
from tests.support.models import KINDS, base, masked, multi_vector, reranker, save, static, transformer, with_code

QUERIES = ["When does the market open?", "six", "Soko hufunguliwa lini, na hufungwa lini? " * 3]
PASSAGES = ["The market opens at six.", "At noon it closes.", "the " * 40, "谁 opens the market"]

Maker = Callable[[str], Path]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Return the function that makes a model of a kind, once."""
    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("kinds")

    def make(kind: str) -> Path:
        if kind not in made:
            made[kind] = KINDS[kind](folder / kind.replace(" ", "-"))
        return made[kind]

    return make


@pytest.fixture
def copied(model: Maker, tmp_path: Path) -> Maker:
    """Return the function that makes a copy of a model, to be changed."""

    def copy(kind: str) -> Path:
        return Path(shutil.copytree(model(kind), tmp_path / f"copy-of-{kind.replace(' ', '-')}"))

    return copy


def change(file: Path, **values: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**content, **values}), encoding="utf-8")


def their_rows(folder: Path, similarity: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of `encode_query` and `encode_document`, of length 1 where they are compared by cosine."""
    import torch
    from sentence_transformers import SentenceTransformer, SparseEncoder

    settings = folder / "config_sentence_transformers.json"
    said = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    kind = SparseEncoder if said.get("model_type") == "SparseEncoder" else SentenceTransformer
    theirs = kind(str(folder), device="cpu", model_kwargs={"dtype": torch.float32}).to(torch.float32)
    found = []
    for encode, texts in ((theirs.encode_query, QUERIES), (theirs.encode_document, PASSAGES)):
        rows = encode(texts, convert_to_tensor=True)
        dense = (rows.to_dense() if rows.is_sparse else rows).numpy()
        lengths = np.linalg.norm(dense, axis=1, keepdims=True)
        found.append(dense / np.where(lengths > 0, lengths, 1) if similarity == "cosine" else dense)
    return found[0], found[1]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_rows_are_those_of_sentence_transformers(kind: str, model: Maker) -> None:
    encoder = load_encoder(str(model(kind)))
    who = encoder.description
    ours = as_dense(encoder.encode_queries(QUERIES)), as_dense(encoder.encode_passages(PASSAGES))
    theirs = their_rows(model(kind), who.similarity)
    for mine, yours in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine[:, : yours.shape[1]], yours, atol=1e-6)
    if who.similarity == "euclidean":
        distances = np.linalg.norm(theirs[0][:, None].astype(float) - theirs[1][None].astype(float), axis=2)
        scores = ours[0].astype(float) @ ours[1].astype(float).T
        np.testing.assert_array_equal(np.argsort(-scores, axis=1), np.argsort(distances, axis=1))


# Weights that are not those of the model.


def rename(folder: Path, change_name: Callable[[str], str | None], pickled: bool = False) -> None:
    """Rename the weights of a model, or leave some out."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = next(folder.rglob("model.safetensors"))
    named = {change_name(name): tensor for name, tensor in load_file(weights).items()}
    kept = {name: tensor for name, tensor in named.items() if name}
    if pickled:
        weights.unlink()
        torch.save(kept, weights.with_name("pytorch_model.bin"))
    else:
        save_file(kept, weights, metadata={"format": "pt"})


WRONG_WEIGHTS: dict[str, tuple[Callable[[str], str | None], str]] = {
    "compiled": (
        lambda name: f"_orig_mod.{name}",
        r"\d+ of \d+ weights are not in the file, such as .*; the file has _orig_mod\.",
    ),
    "parallel": (lambda name: f"module.{name}", "weights are not in the file, such as .*; the file has module"),
    "adapter": (
        lambda name: name.replace("query.weight", "query.base_layer.weight"),
        r"2 of \d+ weights are not in the file, such as .*query\.weight",
    ),
    "a layer less": (
        lambda name: None if "layer.1." in name else name,
        r"16 of \d+ weights are not in the file, such as encoder\.layer\.1",
    ),
    "one less": (lambda name: None if "word_embeddings" in name else name, r"1 of \d+ weights are not in the file"),
}


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("fault", WRONG_WEIGHTS)
def test_weights_that_are_not_found_are_refused(fault: str, pickled: bool, copied: Maker) -> None:
    folder = copied("transformer")
    changed, message = WRONG_WEIGHTS[fault]
    rename(folder, changed, pickled)
    with pytest.raises(EncoderError, match=message) as refused:
        load_encoder(str(folder))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["router", "splade", "inference-free splade", "layout of version 2"])
def test_weights_are_looked_for_at_any_depth(kind: str, copied: Maker) -> None:
    folder = copied(kind)
    weights = next((path for path in folder.rglob("pytorch_model.bin")), None)
    if weights is None:
        weights = next(
            p
            for p in folder.rglob("model.safetensors")
            if (p.parent / "tokenizer.json").is_file()
            and "model_type" in (p.parent / "config.json").read_text(encoding="utf-8")
        )
        rename(weights.parent, lambda name: None if "layer.1." in name else name)
    else:
        import torch

        kept = torch.load(weights, weights_only=True)
        torch.save({name: tensor for name, tensor in kept.items() if "layer.1." not in name}, weights)
    with pytest.raises(EncoderError, match=r"16 of \d+ weights are not in the file"):
        load_encoder(str(folder))


def test_layers_that_are_left_over_are_refused(copied: Maker) -> None:
    folder = copied("transformer")
    change(folder / "config.json", num_hidden_layers=1)
    with pytest.raises(EncoderError, match=r"16 weights of the file are not used, such as encoder\.layer\.1"):
        load_encoder(str(folder))


def test_weights_of_another_shape_are_named(copied: Maker) -> None:
    folder = copied("transformer")
    change(folder / "config.json", intermediate_size=8)
    with pytest.raises(EncoderError, match=r"another shape .*\(\(16, 16\) in the file, \(8, 16\) in the model\)"):
        load_encoder(str(folder))


def test_a_pooler_that_no_row_needs_may_be_missing(model: Maker, copied: Maker) -> None:
    folder = copied("transformer")
    rename(folder, lambda name: None if "pooler" in name else name)
    first, again = load_encoder(str(folder)), load_encoder(str(folder))
    assert first.description.fingerprint == again.description.fingerprint
    whole = load_encoder(str(model("transformer")))
    np.testing.assert_array_equal(first.encode_queries(QUERIES), whole.encode_queries(QUERIES))


def test_a_pooler_that_rows_come_from_may_not_be_missing(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Transformer

    first = Transformer(
        str(base(tmp_path / "base")),
        modality_config={"text": {"method": "forward", "method_output_name": "pooler_output"}},
        module_output_name="sentence_embedding",
    )
    folder = save(tmp_path / "pooled", [first])
    load_encoder(str(folder))
    rename(folder, lambda name: None if "pooler" in name else name)
    with pytest.raises(EncoderError, match=r"its pooler is not in the file .*, and its rows come from there"):
        load_encoder(str(folder))


def test_heads_that_are_left_over_are_fine(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    masked(tmp_path / "lm")  # saves a masked language model as its base
    first = Transformer(str(tmp_path / "lm-base"))
    folder = save(tmp_path / "saved", [first, Pooling(16)])
    rename(folder, lambda name: f"bert.{name}")
    from safetensors.torch import load_file, save_file

    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    head = {
        "cls.predictions.bias": next(iter(tensors.values())).clone(),
        "bert.embeddings.position_ids": tensors[next(iter(tensors))].clone(),
    }
    save_file({**tensors, **head}, weights, metadata={"format": "pt"})
    assert load_encoder(str(folder)).description.kind == "dense"


# What gives no row for each text.


def test_what_gives_no_rows_is_refused_as_what_it_is(tmp_path: Path) -> None:
    plain = base(tmp_path / "plain")
    colbert = multi_vector(tmp_path / "colbert")
    pylate = Path(shutil.copytree(colbert, tmp_path / "pylate"))
    change(pylate / "config_sentence_transformers.json", model_type="")
    listed = json.loads((pylate / "modules.json").read_text(encoding="utf-8"))
    listed[1]["type"] = "pylate.models.Dense.Dense"
    (pylate / "modules.json").write_text(json.dumps(listed), encoding="utf-8")
    newer = Path(shutil.copytree(colbert, tmp_path / "newer"))
    change(newer / "config_sentence_transformers.json", model_type="GraphEncoder")
    (newer / "modules.json").write_text("[]", encoding="utf-8")
    assert kind_of(SavedModel(str(colbert))) == kind_of(SavedModel(str(pylate))) == "multi-vector"
    for folder, message in (
        (reranker(tmp_path / "reranker"), r"is a reranker \(CrossEncoder\): it scores pairs"),
        (reranker(tmp_path / "old", old=True), r"is a reranker \(CrossEncoder\)"),
        (plain, r"not a sentence-transformers folder \(it has no modules\.json\)"),
        (newer, r"of an unknown kind \(GraphEncoder\)"),
    ):
        for options in (EncoderOptions(), EncoderOptions(trust_remote_code=True)):
            with pytest.raises(EncoderError, match=message):
                load_encoder(str(folder), options)


def test_objects_that_give_no_rows_are_refused_as_what_they_are(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder
    from transformers import AutoModel

    old = str(reranker(tmp_path / "old", old=True))
    plain = str(base(tmp_path / "plain"))
    for given, message in (
        (CrossEncoder(old, device="cpu"), "CrossEncoder: is a reranker"),
        (AutoModel.from_pretrained(plain), "BertModel: not a sentence-transformers model"),
    ):
        with pytest.raises(EncoderError, match=message):
            as_encoder(given)


CACHED = """
import sys
from robustbench_ir import RobustBenchError, load_encoder
for name in sys.argv[1:]:
    try:
        who = load_encoder(name).description
        print(name, who.kind, who.similarity, repr(who.query_prompt), dict(who.origins).get("similarity"))
    except RobustBenchError as error:
        print(error)
"""


@pytest.mark.slow
def test_names_on_the_hub_are_refused_and_belong_to_families(model: Maker, tmp_path: Path) -> None:
    home, commit = tmp_path / "home" / "hub", "0" * 40
    silent = Path(shutil.copytree(model("dense"), tmp_path / "silent"))
    (silent / "config_sentence_transformers.json").unlink()
    tuned = Path(shutil.copytree(silent, tmp_path / "tuned"))
    (tuned / "README.md").write_text("---\nbase_model: [intfloat/e5-small]\n---\n", encoding="utf-8")
    models = {
        "acme/reranker": reranker(tmp_path / "old", old=True),
        "acme/plain": base(tmp_path / "plain"),
        "facebook/contriever": tmp_path / "plain",
        "acme/msmarco-bert-base-dot-v5": silent,
        "intfloat/e5-small": silent,
        "e5-small/labse": silent,
        "acme/tuned": tuned,
    }
    for name, folder in models.items():
        place = home / f"models--{name.replace('/', '--')}"
        shutil.copytree(folder, place / "snapshots" / commit)
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text(commit, encoding="utf-8")
    environment = {**os.environ, "HF_HOME": str(home.parent), "HF_HUB_OFFLINE": "1"}
    arguments = [sys.executable, "-c", CACHED, *models]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert lines[0].startswith("acme/reranker: is a reranker")
    assert lines[1].startswith("acme/plain: not a sentence-transformers model (it has no modules.json)")
    assert lines[2:] == [
        "facebook/contriever dense dot '' family",
        "acme/msmarco-bert-base-dot-v5 dense dot '' family",
        "intfloat/e5-small dense cosine 'query: ' default of sentence-transformers",
        "e5-small/labse dense cosine '' default of sentence-transformers",
        "acme/tuned dense cosine 'query: ' default of sentence-transformers",
    ]


@pytest.mark.parametrize("where", ["modules.json", "router_config.json", "config.json"])
def test_no_class_from_elsewhere_is_loaded_without_trust(where: str, copied: Maker) -> None:
    """The name of a class is refused, whatever way a version of the library would take to find its code."""
    folder = copied("router" if where == "router_config.json" else "word embeddings")
    marker = folder / "ran"
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Evil: pass\n", encoding="utf-8")
    file = next(folder.rglob(where))
    content = json.loads(file.read_text(encoding="utf-8"))
    if where == "modules.json":
        content[0]["type"] = f"{folder.parent.name}/{folder.name}--evil.Evil"
    elif where == "router_config.json":
        content["types"] = dict.fromkeys(content["types"], "evil.Evil")
    else:
        content["tokenizer_class"] = "evil.Evil"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(EncoderError, match=r"contains code of its own; .* give --trust-remote-code"):
        load_encoder(str(folder))
    assert not marker.exists()


def test_an_adapter_without_its_base_says_so(copied: Maker) -> None:
    folder = copied("transformer")
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "/home/bob/base"}', encoding="utf-8")
    with pytest.raises(EncoderError, match="its base model /home/bob/base is not here; put the right path or hub name"):
        load_encoder(str(folder))


@pytest.mark.parametrize("without", ["encoder.layer.0.", "embeddings."])
def test_weights_that_the_base_of_an_adapter_lacks_are_refused(without: str, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", minversion="0.22")
    from safetensors.torch import load_file, save_file
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(modules=transformer(tmp_path), device="cpu")
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=2, target_modules=["query"]))
    model.save_pretrained(str(tmp_path / "adapter"))
    load_encoder(str(tmp_path / "adapter"))
    base_of = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
    weights = Path(base_of) / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(weights).items() if not name.startswith(without)}
    save_file(kept, weights, metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="weights are not in the file, such as"):
        load_encoder(str(tmp_path / "adapter"))


def test_the_report_of_a_base_is_read_where_the_loader_returns_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As transformers 5 does with an adapter, whose own report comes back: here without peft."""
    from transformers import BertModel, modeling_utils

    if not hasattr(modeling_utils.PreTrainedModel, "_finalize_model_loading"):
        pytest.skip("transformers 4 returns the report of the base itself")

    def no_adapter(*_: object, **__: object) -> object:
        return SimpleNamespace(to_dict=dict)  # nothing is said of the base

    monkeypatch.setattr(BertModel, "load_adapter", no_adapter)
    find = modeling_utils.maybe_load_adapters
    monkeypatch.setattr(
        modeling_utils, "maybe_load_adapters", lambda *given, **more: ("here", *find(*given, **more)[1:])
    )
    folder = KINDS["transformer"](tmp_path / "model")
    load_encoder(str(folder))
    rename(folder, lambda name: f"_orig_mod.{name}")
    with pytest.raises(EncoderError, match=r"weights are not in the file, such as .*; the file has _orig_mod\."):
        load_encoder(str(folder))


# Prompts, tasks and similarity.


def said(folder: Path, **values: Any) -> Path:
    change(folder / "config_sentence_transformers.json", **values)
    return folder


@pytest.mark.parametrize(
    ("prompts", "query", "passage"),
    [
        ({"retrieval.query": "Q: ", "retrieval.passage": "P: ", "text-matching": ""}, "Q: ", "P: "),
        ({"Retrieval-query": "Q: ", "Retrieval-document": "P: ", "Clustering": "C: "}, "Q: ", "P: "),
        ({"s2p_query": "Instruct: ", "s2s_query": "Instruct other: "}, "Instruct: ", ""),
        ({"query": "", "document": "", "s2p_query": "Instruct: "}, "Instruct: ", ""),
        ({"query": "Q: ", "passage": "P: "}, "Q: ", "P: "),
        ({"query": "Q: ", "document": "", "corpus": "C: "}, "Q: ", "C: "),
        ({"query": "", "document": ""}, "", ""),
    ],
)
def test_prompts_of_known_names_are_used(prompts: dict[str, str], query: str, passage: str, copied: Maker) -> None:
    who = load_encoder(str(said(copied("transformer"), prompts=prompts))).description
    assert (who.query_prompt, who.passage_prompt) == (query, passage)
    assert not who.notes


def test_prompts_of_other_names_are_told_and_can_be_chosen(copied: Maker) -> None:
    folder = said(copied("transformer"), prompts={"retrieval": "R: ", "sts": "S: "}, default_prompt_name="retrieval")
    who = load_encoder(str(folder)).description
    assert who.query_prompt == who.passage_prompt == ""
    assert who.notes == (
        "the model has prompts that are not used (retrieval, sts); name one by --query-prompt-name, "
        "--passage-prompt-name",
    )
    chosen = load_encoder(str(folder), EncoderOptions(query_prompt_name="retrieval", passage_prompt="")).description
    assert (chosen.query_prompt, chosen.passage_prompt, chosen.notes) == ("R: ", "", ())
    assert chosen.fingerprint != who.fingerprint
    with pytest.raises(OptionError, match="has no prompt of the name 'other'; there are: retrieval, sts"):
        load_encoder(str(folder), EncoderOptions(query_prompt_name="other"))
    with pytest.raises(OptionError, match="do not go together"):
        load_encoder(str(folder), EncoderOptions(query_prompt_name="sts", query_prompt=""))


@pytest.mark.parametrize(
    "path", ["e5-base-experiments/labse-ft", "nomic-embed-text-runs/minilm", "x/e5-small-noprefix"]
)
def test_a_path_tells_no_family(path: str, model: Maker, tmp_path: Path) -> None:
    folder = tmp_path / path
    shutil.copytree(model("dense"), folder)
    (folder / "config_sentence_transformers.json").unlink()
    who = load_encoder(str(folder)).description
    assert (who.query_prompt, who.passage_prompt) == ("", "")


def test_the_base_of_the_card_tells_the_family_unless_the_folder_says_otherwise(copied: Maker) -> None:
    folder = copied("dense")
    (folder / "README.md").write_text("---\nbase_model: intfloat/e5-small\n---\n# Mine\n", encoding="utf-8")
    assert load_encoder(str(said(folder, prompts={"query": "", "document": ""}))).description.query_prompt == ""
    who = load_encoder(str(said(folder, prompts={}))).description
    assert (who.query_prompt, who.passage_prompt) == ("query: ", "passage: ")
    assert dict(who.origins)["query prompt"] == "family"


def test_similarity_is_an_option_and_who_chose_it_is_told(copied: Maker) -> None:
    folder = copied("transformer")
    for value, option, similarity, origin in (
        ("dot", None, "dot", "model"),
        (None, None, "cosine", "default of sentence-transformers"),
        ("cosine", "dot", "dot", "option --similarity"),
        ("manhattan", "euclidean", "euclidean", "option --similarity"),
    ):
        who = load_encoder(str(said(folder, similarity_fn_name=value)), EncoderOptions(similarity=option)).description
        assert (who.similarity, dict(who.origins)["similarity"]) == (similarity, origin)
    with pytest.raises(
        OptionError, match=r"is compared by manhattan distance \(model\), which no dot product ranks as"
    ):
        load_encoder(str(said(folder, similarity_fn_name="manhattan")))
    with pytest.raises(OptionError, match="similarity 'l2': there are cosine, dot, euclidean, manhattan"):
        load_encoder(str(folder), EncoderOptions(similarity="l2"))


def test_euclidean_ranks_are_exact_far_from_the_origin() -> None:
    from robustbench_ir.encoders.distances import euclidean_passages, euclidean_queries

    random = np.random.default_rng(0)
    queries, passages = ((random.standard_normal((n, 8)) * 1e-2 + 30).astype(np.float32) for n in (5, 50))
    distances = ((queries[:, None].astype(float) - passages[None].astype(float)) ** 2).sum(axis=2)
    scores = euclidean_queries(queries).astype(float) @ euclidean_passages(passages).astype(float).T
    np.testing.assert_array_equal(np.argsort(-scores, axis=1), np.argsort(distances, axis=1))


ASKS_FOR_A_TASK = """
from sentence_transformers.sentence_transformer.modules import Transformer
class Own(Transformer):
    def forward(self, features, task=None, **kwargs):
        if task not in {names}:
            raise ValueError(f"{{'Task must be specified' if task is None else 'Unsupported task ' + repr(task)}}")
        features = super().forward(features, **kwargs)
        features["token_embeddings"] = features["token_embeddings"] + {names}.index(task)
        return features
"""


@pytest.mark.parametrize(
    ("names", "tasks"),
    [
        (("retrieval.query", "retrieval.passage", "separation"), ("retrieval.query", "retrieval.passage")),
        (("retrieval", "text-matching"), ("retrieval", "retrieval")),
        (("query", "document"), ("query", "document")),
    ],
)
def test_a_model_is_told_the_tasks_that_it_knows(
    names: tuple[str, ...], tasks: tuple[str, str], tmp_path: Path
) -> None:
    folder = with_code(tmp_path / "own", ASKS_FOR_A_TASK.format(names=names), ["task"])
    encoder = load_encoder(str(folder), EncoderOptions(trust_remote_code=True))
    who = encoder.description
    assert (who.query_task, who.passage_task) == tasks
    theirs = encoder.model.encode(PASSAGES, prompt="passage: ", task=tasks[1], normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_passages(PASSAGES), theirs, atol=1e-6)


def test_a_task_that_cannot_be_known_is_asked_for(tmp_path: Path) -> None:
    folder = str(with_code(tmp_path / "own", ASKS_FOR_A_TASK.format(names=("lookup", "store")), ["task"]))
    with pytest.raises(EncoderError, match=r"wants a task that is not known .*; name it by --query-task"):
        load_encoder(folder, EncoderOptions(trust_remote_code=True))
    for options in (
        EncoderOptions(trust_remote_code=True, query_task="lookup", passage_task="store"),
        EncoderOptions(trust_remote_code=True, encode_kwargs={"task": "store"}),
    ):
        who = load_encoder(folder, options).description
        assert (who.query_task, who.passage_task) == (options.query_task or "store", "store")


def test_keywords_reach_the_model_and_its_fingerprint(model: Maker) -> None:
    folder = str(model("transformer"))
    plain = load_encoder(folder).description.fingerprint
    eager = load_encoder(folder, EncoderOptions(model_kwargs={"attn_implementation": "eager"}))
    assert eager.model[0].model.config._attn_implementation == "eager"
    assert eager.description.fingerprint != plain
    with pytest.raises(EncoderError, match="additional keyword arguments that this model does not use"):
        load_encoder(folder, EncoderOptions(encode_kwargs={"colour": "red"}))
    with pytest.raises(OptionError, match="keyword batch_size: say it by --batch-size"):
        load_encoder(folder, EncoderOptions(encode_kwargs={"batch_size": 3}))


def test_the_first_encoding_fails_in_one_line(copied: Maker) -> None:
    folder = copied("decoder")
    for name in ("tokenizer_config.json", "tokenizer.json"):
        file = folder / name
        content = json.loads(file.read_text(encoding="utf-8"))
        content.pop("pad_token", None)
        content.pop("padding", None)
        file.write_text(json.dumps(content), encoding="utf-8")
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(EncoderError, match="its tokeniser has no padding token; name one as pad_token") as refused:
        load_encoder(str(folder))
    assert "\n" not in str(refused.value)


UNMASKED = """
from sentence_transformers.sentence_transformer.modules import Transformer
class Own(Transformer):
    def forward(self, features, **kwargs):
        features = super().forward(features, **kwargs)
        features["attention_mask"] = features["attention_mask"] * 0 + 1
        features["token_embeddings"] = features["token_embeddings"] + 3.0 * features["input_ids"].eq(0)[..., None]
        return features
"""


def test_rows_that_depend_on_their_batch_are_refused(tmp_path: Path) -> None:
    folder = with_code(tmp_path / "own", UNMASKED, [])
    with pytest.raises(EncoderError, match="a text has another row when longer texts are in its batch"):
        load_encoder(str(folder), EncoderOptions(trust_remote_code=True))


# Type, length and forms of rows.


def test_half_precision_runs_in_float32_on_a_cpu_unless_told_otherwise(model: Maker) -> None:
    folder = str(model("half precision"))
    who = load_encoder(folder).description
    assert who.dtype == "float32"
    assert who.notes == ("saved as float16, run in float32 on this CPU; --dtype float16 runs it as it was saved",)
    half = load_encoder(folder, EncoderOptions(dtype="float16")).description
    assert (half.dtype, half.notes) == ("float16", ())
    assert half.fingerprint != who.fingerprint


def test_half_precision_of_other_modules_is_seen_too(tmp_path: Path) -> None:
    who = load_encoder(str(save(tmp_path / "static", [static().half()]))).description
    assert who.dtype == "float32"
    assert who.notes == ("saved as float16, run in float32 on this CPU; --dtype float16 runs it as it was saved",)


@pytest.mark.parametrize(
    ("kind", "queries", "passages"),
    [
        ("transformer", 1 / 3, 1 / 4),  # the limit is 48 tokens, special ones and prompt among them
        ("static", 0.0, 0.0),
        ("word embeddings", 0.0, 1 / 4),
        ("router", 0.0, 1 / 4),  # a table for queries, a transformer for passages
        ("lengths of each side", 2 / 3, 1 / 4),
    ],
)
def test_the_share_of_texts_that_are_cut(kind: str, queries: float, passages: float, model: Maker) -> None:
    texts = ["six", "When does the market open?", "a b " * 40], ["at six", "noon", "closes", "market " * 40]
    encoder = load_encoder(str(model(kind)))
    assert cut_shares(encoder, *texts) == pytest.approx({"queries": queries, "passages": passages})


def test_a_batch_too_large_for_the_device_is_halved(model: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    encoder = load_encoder(str(model("transformer")), EncoderOptions(batch_size=32))
    texts = [f"market {number}" for number in range(9)]
    expected = as_dense(encoder.encode_queries(texts))
    encode, tried = encoder.model.encode, []

    def with_little_memory(texts: list[str], batch_size: int, **options: object) -> object:
        tried.append(batch_size)
        if batch_size > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(texts, batch_size=batch_size, **options)

    monkeypatch.setattr(encoder.model, "encode", with_little_memory)
    assert np.abs(as_dense(encoder.encode_queries(texts)) - expected).max() < 1e-6
    assert tried == [32, 16, 8, 4]


def test_choices_and_cut_texts_stand_in_the_result_and_over_the_table(model: Maker, tmp_path: Path) -> None:
    from rich.console import Console

    from robustbench_ir import attack
    from robustbench_ir.reports.terminal import score_table
    from robustbench_ir.results.file import load_result, save_result

    result = attack(str(model("transformer")), recipes=["typo"], languages=["en", "sw"])
    assert 0 < result.cut["passages"] <= 1
    loaded = load_result(save_result(result, tmp_path / "result.json"))
    assert loaded.encoder == result.encoder
    assert loaded.cut == pytest.approx(result.cut, abs=1e-4)
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(score_table(loaded))
    head = console.export_text()
    assert "dense; cosine (model); query prompt 'query: ' (model's query)" in head
    assert f"cut: {result.cut['queries']:.0%} of queries, {result.cut['passages']:.0%} of passages" in head
    content = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    del content["cut"]
    for key in ("kind", "dtype", "token_limit", "query_task", "passage_task", "origins", "notes"):
        del content["encoder"][key]
    (tmp_path / "old.json").write_text(json.dumps(content), encoding="utf-8")
    assert load_result(tmp_path / "old.json").cut == {}


@pytest.mark.parametrize("form", ["bfloat16", "needs gradients", "list", "sparse"])
def test_tensors_of_any_form_are_taken(form: str) -> None:
    import torch

    def encode(texts: list[str]) -> Any:
        rows = torch.tensor([[len(text) * 1.0, 1.0] for text in texts], dtype=torch.bfloat16)
        if form == "needs gradients":
            return rows.float().requires_grad_()
        if form == "sparse":
            return rows.float().to_sparse()
        return list(rows) if form == "list" else rows

    np.testing.assert_array_equal(as_dense(encode_texts(encode, ["ab", "c"])), [[2, 1], [1, 1]])
    encoder = as_encoder(encode)
    np.testing.assert_array_equal(as_dense(encoder.encode_queries(["ab", "c"])), [[2, 1], [1, 1]])


# Who a model is.


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"num_attention_heads": 4}, "transformer"),
        ({"hidden_act": "relu"}, "transformer"),
        ({"layer_norm_eps": 1e-3}, "transformer"),
        ({"is_decoder": True}, "transformer"),
        ({"activation_function": "relu"}, "decoder"),
        ({"num_attention_heads": 4}, "router"),
    ],
)
def test_another_configuration_is_another_encoder(
    values: dict[str, Any], kind: str, model: Maker, copied: Maker
) -> None:
    folder = copied(kind)
    change(next(file for file in folder.rglob("config.json") if "model_type" in file.read_text()), **values)
    assert fingerprint_of(folder) != fingerprint_of(model(kind))


def fingerprint_of(folder: Path) -> str:
    return load_encoder(str(folder)).description.fingerprint


MARKED_KINDS = ["transformer", "static", "splade", "bag of words", "word embeddings", "router", "dense", "matryoshka"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each number, text and truth value of a JSON document with the way to it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path, value
        return
    for key, one in inner:
        yield from leaves(one, (*path, key))


def others(value: Any) -> list[Any]:
    """Return values of the same type that are not this one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value * 2 + 1, max(1, value // 2)]
    if isinstance(value, float):
        return [value * 2 + 1e-3]
    return [*{"gelu": ["relu"], "mean": ["max"], "cosine": ["dot"], "right": ["left"]}.get(value, []), f"{value}x"]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = dict(document) if isinstance(document, dict) else list(document)
    changed[path[0]] = replaced(document[path[0]], path[1:], value)
    return changed


def rows_and_fingerprint(folder: Path) -> tuple[np.ndarray, str] | None:
    try:
        encoder = load_encoder(str(folder))
        rows = [as_dense(encoder.encode_queries(QUERIES)), as_dense(encoder.encode_passages(PASSAGES))]
    except RobustBenchError:
        return None
    return np.concatenate(rows), encoder.description.fingerprint


@pytest.mark.slow
@pytest.mark.parametrize("kind", MARKED_KINDS)
def test_whatever_changes_a_row_changes_the_fingerprint(kind: str, model: Maker, copied: Maker) -> None:
    """Change each value of each file of settings by itself, some words of a vocabulary, and some weights."""
    folder = copied(kind)
    first = rows_and_fingerprint(model(kind))
    assert first is not None
    random = np.random.default_rng(0)
    tried = changed = 0
    for file in sorted(folder.rglob("*.json")):
        before = file.read_text(encoding="utf-8")
        document = json.loads(before)
        places = [(path, value) for path, value in leaves(document) if value is not None]
        # A vocabulary has hundreds of words; a few stand for them.
        places = places if len(places) <= 60 else [places[row] for row in random.choice(len(places), 60, replace=False)]
        for path, value in places:
            other = others(value)[tried % len(others(value))]
            file.write_text(json.dumps(replaced(document, path, other)), encoding="utf-8")
            found = rows_and_fingerprint(folder)
            file.write_text(before, encoding="utf-8")
            tried += 1
            if found is None or (found[0].shape == first[0].shape and np.array_equal(found[0], first[0])):
                continue
            changed += 1
            assert found[1] != first[1], f"{file.name}: {path} {value!r} -> {other!r}"
    assert changed >= 2
    assert fingerprint_of(folder) == first[1]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_another_place_is_no_other_encoder(kind: str, model: Maker, tmp_path: Path) -> None:
    moved = tmp_path / "some" / "where-else"
    shutil.copytree(model(kind), moved)
    assert fingerprint_of(moved) == fingerprint_of(model(kind))


@pytest.mark.slow
def test_another_process_is_no_other_encoder(model: Maker) -> None:
    code = (
        "import sys; from robustbench_ir import load_encoder\n"
        "for name in sys.argv[1:]: print(load_encoder(name).description.fingerprint)"
    )
    folders = [str(model(kind)) for kind in MARKED_KINDS]
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed}
        arguments = [sys.executable, "-c", code, *folders]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True, timeout=250)
        assert done.stdout.split() == [fingerprint_of(Path(folder)) for folder in folders]


def test_code_of_a_model_is_a_part_of_it(tmp_path: Path) -> None:
    trusting = EncoderOptions(trust_remote_code=True)
    code = ASKS_FOR_A_TASK.format(names=("query", "document"))
    folder = with_code(tmp_path / "own", code, ["task"])
    first = load_encoder(str(folder), trusting).description.fingerprint
    moved = str(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert load_encoder(moved, trusting).description.fingerprint == first
    changed = shutil.copytree(folder, tmp_path / "changed")
    (changed / "own.py").write_text(code.replace(".index(task)", ".index(task) * 1e-9"), encoding="utf-8")
    assert load_encoder(str(changed), trusting).description.fingerprint != first


def test_a_hook_on_a_loaded_model_is_a_part_of_it(model: Maker) -> None:
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(str(model("transformer")), device="cpu")
    first = as_encoder(loaded).description.fingerprint
    as_encoder(loaded).encode_queries(QUERIES)
    assert as_encoder(loaded).description.fingerprint == first

    def hook(_: object, __: object, features: dict[str, Any]) -> dict[str, Any]:
        return {**features, "token_embeddings": features["token_embeddings"].abs()}

    loaded[0].register_forward_hook(hook)
    assert as_encoder(loaded).description.fingerprint != first


def test_an_edited_model_gets_no_scores_of_what_it_was(copied: Maker) -> None:
    from robustbench_ir import attack

    folder = copied("transformer")

    def scores() -> list[float]:
        return attack(str(folder), recipes=["typo"], languages=["en", "sw"]).to_frame()["clean"].tolist()

    before = scores()
    change(folder / "config.json", num_attention_heads=4, is_decoder=True)
    assert scores() != before


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from robustbench_ir.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)


def test_cells_of_an_earlier_scoring_are_not_read(model: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    from robustbench_ir import attack
    from robustbench_ir.evaluation import runner

    ranked: list[int] = []
    plain = runner.rank_relevant

    def counting(*given: Any, **keywords: Any) -> Any:
        ranked.append(1)
        return plain(*given, **keywords)

    monkeypatch.setattr(runner, "rank_relevant", counting)
    for version, expected in ((2, 2), (2, 2), (3, 4)):
        monkeypatch.setattr("robustbench_ir.evaluation.cell_cache.SCORING_VERSION", version)
        attack(str(model("static")), recipes=["typo"], languages=["en", "sw"])
        assert len(ranked) == expected


@pytest.mark.slow
def test_the_check_of_an_encoder_tells_all_and_refuses_what_is_wrong(copied: Maker, model: Maker) -> None:
    done = run("encoders", "check", str(model("transformer")), "--task", "mini", "--similarity", "dot")
    told = dict(line.strip().split("  ", 1) for line in done.stdout.splitlines()[1:] if line[2] != " ")  # not wrapped
    told = {key: value.strip() for key, value in told.items()}
    assert told["kind"] == "dense"
    assert told["modules"] == "Transformer, Pooling"
    assert told["weights"].endswith("all of them found")
    assert told["query prompt"] == "'query: ' (model's query)"
    assert told["similarity"] == "dot (option --similarity)"
    assert told["limit"] == "48 tokens"
    assert "of queries" in told["cut"]
    assert told["dtype"] == "float32"
    assert told["fingerprint"].endswith("the same in two processes")
    assert told["rows"].startswith("the same alone and in a batch")
    folder = copied("transformer")
    rename(folder, lambda name: f"_orig_mod.{name}")
    refused = run("encoders", "check", str(folder))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
