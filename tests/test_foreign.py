"""What is said of TextAttack where it is not installed; with it: tests/with_textattack/."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

import robustbench_ir as rb
from robustbench_ir.cli import irbench
from robustbench_ir.errors import DataUnavailableError

pytestmark = pytest.mark.skipif(find_spec("textattack") is not None, reason="TextAttack is installed here")


def test_a_recipe_of_textattack_says_what_to_install() -> None:
    with pytest.raises(DataUnavailableError, match=r"docs/textattack\.md") as error:
        rb.load_recipe("textattack:WordSwapQWERTY")
    assert "\n" not in str(error.value)
    answer = CliRunner().invoke(irbench, ["attack", "--model", "char-ngram", "--recipe", "textattack:WordSwapQWERTY"])
    assert isinstance(answer.exception, DataUnavailableError)


def test_so_does_the_other_direction() -> None:
    with pytest.raises(DataUnavailableError, match=r"docs/textattack\.md"):
        import_module("robustbench_ir.integrations.textattack")
