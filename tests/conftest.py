"""Fixtures: tiny and real. Tests that need other people's data skip, loudly, where it is not."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytest.register_assert_rewrite("tests.support.recipes")
# Workers of pytest-xdist share the processors. Libraries read this when they are loaded, so before anything else is.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
SHARED_DATA = Path(os.environ.get("ROBUSTBENCH_IR_DATA") or Path(__file__).parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def compiled_lexicons(pytestconfig: pytest.Config) -> Path:
    """Return the folder of compiled lexicons, which outlives the run: some take seconds to make.

    Each is named by the hash of its sources and written under another name first, so that neither an old file nor
    another process that writes the same one can do harm.
    """
    return pytestconfig.cache.mkdir("lexicons")


def new_cache(tmp_path_factory: pytest.TempPathFactory, compiled_lexicons: Path) -> Path:
    cache = tmp_path_factory.mktemp("cache")
    (cache / "lexicons").symlink_to(compiled_lexicons)
    return cache


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_user(tmp_path_factory: pytest.TempPathFactory, compiled_lexicons: Path) -> Iterator[None]:
    """Keep the user's cache and data from fixtures that several tests share: they are made before `_own_cache`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(new_cache(tmp_path_factory, compiled_lexicons)))
        patch.delenv("ROBUSTBENCH_IR_DATA", raising=False)
        yield


@pytest.fixture(autouse=True)
def _own_cache(
    tmp_path_factory: pytest.TempPathFactory, compiled_lexicons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Give every test its own cache."""
    monkeypatch.setenv("ROBUSTBENCH_IR_CACHE", str(new_cache(tmp_path_factory, compiled_lexicons)))


@pytest.fixture(autouse=True)
def _pipes_as_before() -> Iterator[None]:
    """Undo what the command line does to broken pipes: a test's server would end the process that wrote into one."""
    before = signal.getsignal(signal.SIGPIPE) if hasattr(signal, "SIGPIPE") else None
    yield
    if before is not None:
        signal.signal(signal.SIGPIPE, before)


@pytest.fixture
def shared_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of real data, and let the package look into it."""
    if not (SHARED_DATA / "MANIFEST.tsv").is_file():
        pytest.skip(f"REAL DATA ABSENT: {SHARED_DATA} has no MANIFEST.tsv; set ROBUSTBENCH_IR_DATA")
    monkeypatch.setenv("ROBUSTBENCH_IR_DATA", str(SHARED_DATA))
    return SHARED_DATA


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a real SentenceTransformer folder: random weights, a word-piece tokeniser of single characters."""
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel

    from tests.support.encoders import letters_tokenizer

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


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the script of axe-core, from the package that carries it; nothing of it is imported."""
    found = find_spec("axe_playwright_python")
    if found is None or not found.submodule_search_locations:
        pytest.skip("AXE ABSENT: pip install -e '.[dev]'")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(params=["light", "dark"])
def colours(browser: Chrome, request: pytest.FixtureRequest) -> Iterator[None]:
    features = [{"name": "prefers-color-scheme", "value": request.param}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture(params=[390, 1280])
def width(browser: Chrome, request: pytest.FixtureRequest) -> Iterator[int]:
    metrics = {"width": request.param, "height": 900, "deviceScaleFactor": 1, "mobile": request.param < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    yield request.param
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a report whose texts, names and numbers want to be markup."""
    from tests.support import reports

    return reports.hostile_report(tmp_path_factory.mktemp("report")).as_uri()
