"""What the tests of entries and of their verification have in common."""

from __future__ import annotations

import pytest

from robustbench_ir import attack
from robustbench_ir.results.result import Result


@pytest.fixture(scope="session")
def honest_result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Return a result of which an honest entry is made: two recipes, two languages, 120 queries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_IR_CACHE", str(tmp_path_factory.mktemp("cache")))
        return attack("char-ngram", "mini", ["typo", "transliteration"], languages=["en", "sw"])
