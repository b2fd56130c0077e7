"""Fixtures: tiny and real. Tests that need other people's data skip, loudly, where it is not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from transformers import PreTrainedTokenizerFast

SHARED_DATA = Path(os.environ.get("ROBUSTBENCH_IR_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def compiled_lexicons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one folder of compiled lexicons: they are named by what is in them, and some take seconds to make."""
    return tmp_path_factory.mktemp("lexicons")


@pytest.fixture(autouse=True)
def _own_cache(
    tmp_path_factory: pytest.TempPathFactory, compiled_lexicons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give every test its own cache, and no data of the user's."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "lexicons").symlink_to(compiled_lexicons)
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(cache))
    monkeypatch.delenv("ROBUSTBENCH_IR_DATA", raising=False)


@pytest.fixture
def shared_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of real data, and let the package look into it."""
    if not (SHARED_DATA / "MANIFEST.tsv").is_file():
        pytest.skip(f"REAL DATA ABSENT: {SHARED_DATA} has no MANIFEST.tsv; set ROBUSTBENCH_IR_DATA")
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(SHARED_DATA))
    return SHARED_DATA


def letters_tokenizer() -> PreTrainedTokenizerFast:
    """Make BERT's tokeniser for a vocabulary of the visible ASCII characters.

    By hand: transformers 5 takes no vocabulary file, silently, and knows no letter then.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(0x21, 0x7F)]
    vocabulary = [*special, *letters, *(f"##{letter}" for letter in letters)]
    places = {token: place for place, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(WordPiece(places, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", places["[CLS]"]), ("[SEP]", places["[SEP]"])]
    )
    names = {f"{token.strip('[]').lower()}_token": token for token in special}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a real SentenceTransformer folder: random weights, a word-piece tokeniser of single characters."""
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("models")
    base = folder / "base"
    tokenizer = letters_tokenizer()
    tokenizer.save_pretrained(base)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(base)
    # A plain transformer folder gets mean pooling, in sentence-transformers 5 and 6.
    model = SentenceTransformer(str(base), device="cpu")
    model.max_seq_length = 64
    model.prompts = {"query": "query: ", "document": "passage: "}
    target = folder / "tiny"
    model.save(str(target))
    assert json.loads((target / "modules.json").read_text(encoding="utf-8"))
    return target


BROWSER_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Start a headless browser that is told to ask the network nothing, and that keeps what it was told and asked."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="SELENIUM ABSENT: pip install -e '.[dev]'")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("BROWSER ABSENT: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*BROWSER_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.get("about:blank")  # ends what the browser's own first tab asks for, before a test counts requests
    yield chrome
    chrome.quit()
