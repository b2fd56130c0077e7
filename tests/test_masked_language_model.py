"""Substitutes proposed by a masked language model: real, tiny ones, made here, whose proposals are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from robustbench_ir._base.files import sha256_of
from robustbench_ir.cli import irbench
from robustbench_ir.errors import CardError, DataError, DataUnavailableError
from robustbench_ir.perturb import Perturbation, Recipe, coverage, load_recipe
from robustbench_ir.perturb.mechanisms.masked_language_model import (
    MaskedModel,
    ModelFiles,
    load_masked_model,
    make_masked_language_model,
)
from robustbench_ir.resources.cards import Tables, validate
from robustbench_ir.tasks import Query, load_task
from tests.support.recipes import keeps_the_contract, queries_of

SHIPPED = Path(__file__).parents[1] / "attacks" / "synonym-masked.toml"
# The most probable first: the networks below are biased towards this order, whatever the sentence.
LIKELY = [
    "##ing", "the", ",", "2024", "Paris", "кот", "x", "dog", "cat", "horse", "house", "Berlin", "дом", "пёс",
    "बिल्ली", "घर", "कुत्ता", "ቤት", "ድመት", "中国", "猫儿", "房子", "مدينة", "بيت", "গাছ", "ঘর", "చెట్టు", "ఇల్లు",
    "kuku", "nyumba", "rana", "gida", "ilé", "ajá",
]  # fmt: skip
OTHERS = ["saw", "a", "big", ".", "?", "who", "Who", "is"]


def biased(network, vocabulary: dict[str, int], order: list[str]) -> None:
    """Let the words of `order` be the most probable ones, in this order; the others less, in any."""
    import torch

    bias = network.get_output_embeddings().bias
    with torch.no_grad():
        bias.fill_(-50)
        for place, word in enumerate(order):
            bias[vocabulary[word]] = 10 - 0.3 * place


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a BERT with a WordPiece vocabulary: a folder as transformers saves it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    special = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    words = [*special.values(), *LIKELY, *OTHERS]
    tokenizer = Tokenizer(
        models.WordPiece({word: number for number, word in enumerate(words)}, unk_token=special["unk"])
    )
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {f"{name}_token": token for name, token in special.items()}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    network = BertForMaskedLM(BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape))
    biased(network, tokenizer.get_vocab(), ["[MASK]", *LIKELY])
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def xlm_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an XLM-R with a SentencePiece vocabulary, in the four files that the shipped card pins."""
    import torch
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("xlm-roberta")
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [word.removeprefix("##") if word in {"##ing", ",", "."} else f"▁{word}" for word in LIKELY + OTHERS]
    inside = ["猫儿", "房子", "ing", *"abcdefghijklmnopqrstuvwxyz▁"]  # pieces that begin no word
    vocabulary = [*special, *dict.fromkeys(pieces + inside), "<mask>"]
    tokenizer = Tokenizer(models.Unigram([(piece, -float(len(piece) < 3)) for piece in vocabulary], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 62}', encoding="utf-8")
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = XLMRobertaConfig(
        vocab_size=len(vocabulary), max_position_embeddings=64, pad_token_id=1, bos_token_id=0, eos_token_id=2, **shape
    )
    network = XLMRobertaForMaskedLM(config)
    biased(network, tokenizer.get_vocab(), ["<mask>", "ing", "猫儿", "▁the", "▁dog", "▁cat", "▁horse", "房子", "▁中国"])
    network.save_pretrained(folder)
    return folder


def parameters_of(folder: Path, **changes: object) -> dict[str, object]:
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    common = {"model": str(folder), "files": files, "top_k": 60, "minimum_probability": 1e-9}
    return {**common, **changes}


def recipe_of(folder: Path, **changes: object) -> Recipe:
    """Return the shipped recipe with another model."""
    shipped = load_recipe("synonym-masked")
    card = shipped.card.model_copy(update={"parameters": parameters_of(folder, **changes)})
    return Recipe(card, shipped.factory)


def perturbed(recipe: Recipe, language: str, text: str, seed: int = 0) -> Perturbation:
    return recipe.perturb([Query("q", language, text, "q")], 5, seed)[0]


def substitutes(recipe: Recipe, language: str, text: str, word: str) -> set[str]:
    """Return all that a word becomes under many seeds."""
    edits = [edit for seed in range(200) for edit in perturbed(recipe, language, text, seed).edits]
    return {edit.after for edit in edits if edit.before == word}


@pytest.mark.parametrize(
    ("language", "text", "word", "expected"),
    [
        # No continuation (##ing), stop word (the), punctuation, number, capital, other script, letter, nor itself.
        ("en", "a big cat saw", "cat", {"dog", "horse", "house", "kuku", "nyumba", "rana", "gida", "ilé", "ajá"}),
        ("ru", "старый кот спит", "кот", {"дом", "пёс"}),
        ("hi", "यह बिल्ली है", "बिल्ली", {"घर", "कुत्ता"}),
        ("am", "ትልቅ ቤት", "ቤት", {"ድመት"}),
        ("ar", "هذا بيت", "بيت", {"مدينة"}),
    ],
)
def test_the_candidates_are_other_whole_words_of_the_script(
    bert: Path, language: str, text: str, word: str, expected: set[str]
) -> None:
    assert substitutes(recipe_of(bert), language, text, word) == expected


def test_the_first_word_keeps_its_capital_and_others_their_kind(bert: Path) -> None:
    recipe = recipe_of(bert)
    assert {"Dog", "House", "Paris"} <= substitutes(recipe, "en", "Cat saw", "Cat")
    assert {"DOG", "HOUSE"} <= substitutes(recipe, "en", "CAT saw", "CAT")
    assert substitutes(recipe, "de", "ein Hund bellt", "Hund") == {"Paris", "Berlin"}, "German nouns stay capitals"
    assert "İlé" in substitutes(recipe, "tr", "Kedi geldi", "Kedi")
    assert substitutes(recipe, "tr", "KEDİ GELDİ", "KEDİ") >= {"GİDA", "İLÉ"}, "the Turkish capital of i has a dot"


def test_a_piece_inside_a_word_is_a_word_only_where_there_are_no_spaces(xlm_roberta: Path) -> None:
    recipe = recipe_of(xlm_roberta)
    assert substitutes(recipe, "en", "a big house", "house") == {"dog", "cat", "horse"}, "not 'ing'"
    assert substitutes(recipe, "zh", "我的中国", "中国") == {"猫儿", "房子"}


def test_probability_and_number_bound_the_candidates(bert: Path) -> None:
    assert substitutes(recipe_of(bert, top_k=9), "en", "big cat", "cat") == {"dog"}, "nine proposals: dog is the last"
    assert substitutes(recipe_of(bert, minimum_probability=0.9), "en", "big cat", "cat") == set()
    never = perturbed(recipe_of(bert, minimum_probability=0.9), "en", "big cat")
    assert (never.changed, never.eligible) == (False, 2)


@pytest.mark.parametrize("kind", ["bert", "xlm_roberta"])
def test_proposals_are_those_of_transformers(kind: str, request: pytest.FixtureRequest) -> None:
    """The reference: transformers' own fill-mask pipeline, one sentence at a time."""
    from transformers import pipeline

    folder = request.getfixturevalue(kind)
    model = model_of(folder)
    fill = pipeline("fill-mask", model=str(folder), device="cpu")
    text = "who saw a big horse ?"
    spans = [(0, 3), (4, 7), (14, 19)]
    for (start, end), found in zip(spans, model.proposals(text, spans, 12), strict=True):
        theirs = fill(f"{text[:start]}{model.tokenizer.mask_token}{text[end:]}", top_k=12)
        special = set(model.tokenizer.all_special_ids)
        wanted = {one["token_str"].removeprefix("##"): one["score"] for one in theirs if one["token"] not in special}
        assert {piece.text: probability for piece, probability in found} == pytest.approx(wanted, abs=2e-6)


def model_of(folder: Path) -> MaskedModel:
    return load_masked_model(
        validate(ModelFiles, {key: parameters_of(folder)[key] for key in ("model", "files")}, "here")
    )


def test_all_words_of_a_query_are_masked_in_one_pass_and_once(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(bert)
    passes: list[list[str]] = []
    hook = model.network.register_forward_pre_hook(
        lambda _, __, inputs: passes.append([model.tokenizer.decode(row) for row in inputs["input_ids"]]),
        with_kwargs=True,
    )
    try:
        recipe = recipe_of(bert)
        for severity in (1, 5):
            for seed in (0, 1):
                recipe.perturb([Query("q", "en", "big cat saw cat", "q")], severity, seed)
    finally:
        hook.remove()
    masked = ["[CLS] [MASK] cat saw cat [SEP]", "[CLS] big [MASK] saw cat [SEP]", "[CLS] big cat [MASK] cat [SEP]"]
    assert passes == [masked], "a word that comes twice is masked in its first place"


MINI = ("am", "ar", "bn", "en", "es", "ha", "hi", "ru", "sw", "te", "zh")


@pytest.mark.parametrize("language", MINI)
def test_contract_on_mini(bert: Path, language: str) -> None:
    found = keeps_the_contract(recipe_of(bert), load_task("mini", [language]).queries)
    assert any(one.changed for one in found) == any(one.eligible for one in found)
    assert all(edit.operation == "synonym" for one in found for edit in one.edits)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_contract_holds_for_the_shipped_model_where_it_is(shared_data: Path) -> None:
    recipe = load_recipe("synonym-masked")
    files = {key: recipe.card.parameters[key] for key in ("model", "revision", "files")}
    if not all((shared_data / file.path).is_file() for file in validate(ModelFiles, files, "card").hub_files):
        pytest.skip(f"MODEL ABSENT: {shared_data}/models/ has no {recipe.card.parameters['model']}")
    for language in recipe.card.languages:
        assert coverage(keeps_the_contract(recipe, queries_of(shared_data, language))) >= 0.9
    for language in ("en", "hi", "th", "sw"):
        keeps_the_contract(recipe, load_task("mini" if language == "sw" else "xquad-r", [language]).queries[:20])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "2024",
        "[MASK] big [MASK]",
        "big \ud800 cat",
        "cat\u200b big",
        "👩‍👩‍👧 cat",
        "a" * 5000,
        "big cat " * 300,
    ],
)
def test_odd_queries_pass(bert: Path, text: str) -> None:
    one = perturbed(recipe_of(bert), "en", text)
    assert len(one.edits) <= one.eligible
    if text.startswith("big cat b"):
        assert len(one.edits) == 600, "far words have the context around them"


def test_the_identity_changes_with_the_weights(bert: Path, xlm_roberta: Path) -> None:
    one, other = recipe_of(bert), recipe_of(xlm_roberta)
    assert str(one.identity).startswith("synonym-masked@2+")
    assert len({one.identity, other.identity, load_recipe("synonym-masked").identity}) == 3
    assert "+" not in str(load_recipe("typo").identity), "other recipes need none"
    assert [one.card.needs_model, load_recipe("typo").card.needs_model] == [True, False]


def without_head(folder: Path) -> None:
    from transformers import BertModel

    BertModel.from_pretrained(folder).save_pretrained(folder)


def as_pickle(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def with_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModelForMaskedLM": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "evil.py").write_text("raise SystemExit('code of the model was run')", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_head, r"has no masked-language-model head"),
        (as_pickle, r"not a masked language model that can be loaded .*safetensors"),
        (with_code, r"not a masked language model that can be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x"), r"not a masked language model"),
    ],
)
def test_folders_that_are_no_masked_language_model(
    bert: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    for path in bert.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spoil(tmp_path)
    with pytest.raises(DataError, match=message) as caught:
        perturbed(recipe_of(tmp_path), "en", "big cat")
    assert "\n" not in str(caught.value)


@dataclass
class Fault:
    """A card's `[parameters]` with one thing wrong, and what is said."""

    changes: dict[str, object]
    error: type[Exception]
    message: str


FAULTS = [
    Fault({"model": "owner/name"}, CardError, r"'revision' is missing: pin the commit of owner/name, or name a folder"),
    Fault({"model": "/nowhere"}, DataUnavailableError, r"^/nowhere/config.json is not there; .*put the saved model"),
    Fault({"files": {"config.json": "0" * 64}}, DataError, r"SHA-256 is [0-9a-f]{64}, the card says 0{64}"),
    Fault({"files": {"../x": "0" * 64}}, CardError, r"files\.\.\./x"),
    Fault({"revision": "main"}, CardError, r"'revision'.*not 'main'"),
    Fault({"top_k": 0}, CardError, r"'top_k'"),
    Fault({"top_l": 3}, CardError, r"'top_l' is unknown: did you mean 'top_k'\?"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.changes)[:30])
def test_what_is_wrong_with_a_card_is_said_in_one_line(bert: Path, fault: Fault) -> None:
    with pytest.raises(fault.error, match=fault.message) as caught:
        make_masked_language_model("en", parameters_of(bert, **fault.changes), {}, Tables())
    assert "\n" not in str(caught.value)


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBUSTBENCH_IR_OFFLINE", "1")


@pytest.mark.slow
@pytest.mark.usefixtures("_no_network")
def test_without_the_hub_the_command_says_the_three_ways_out() -> None:
    answer = CliRunner().invoke(irbench, ["preview", "synonym-masked", "--language", "en", "the big cat"])
    told = str(answer.exception)
    assert isinstance(answer.exception, DataUnavailableError)
    assert "connect to the network, set ROBUSTBENCH_IR_DATA to a folder that holds models/FacebookAI/" in told
    assert "name a saved model's folder as 'model' in a card of your own (--cards)" in told


@pytest.mark.usefixtures("_no_network")
def test_a_card_of_your_own_names_a_folder(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "attacks").mkdir()
    lines = SHIPPED.read_text(encoding="utf-8").split("[parameters]")[0].replace("synonym-masked", "mine")
    pins = "\n".join(f'"{path.name}" = "{sha256_of(path)}"' for path in bert.iterdir())
    card = f'{lines}[parameters]\nmodel = "{bert}"\ntop_k = 60\nminimum_probability = 0\n'
    card += f"[parameters.files]\n{pins}\n[languages]\nen = {{}}\n"
    (tmp_path / "attacks" / "mine.toml").write_text(card, encoding="utf-8")
    arguments = ["preview", "mine", "--language", "en", "--cards", str(tmp_path), "--severity", "5", "a big cat"]
    answer = CliRunner().invoke(irbench, arguments)
    assert answer.exit_code == 0, answer.exception
    assert "synonym: cat -> " in answer.output


def test_a_draw_prefers_what_is_more_probable(bert: Path) -> None:
    transformation = make_masked_language_model("en", parameters_of(bert), {}, Tables())
    spans, rewrite, _ = transformation.targets("big cat", [(4, 7)], Random(0))
    assert spans == [(4, 7)]
    drawn = [rewrite("cat", Random(seed)) for seed in range(300)]
    counts = {word: drawn.count((word, "synonym")) for word in ("dog", "ajá")}
    assert counts["dog"] > 3 * counts["ajá"] > 0
