"""The pack of a study for a machine without a network: weights in 8 bits, and back."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("sentence_transformers", reason="SENTENCE-TRANSFORMERS ABSENT: pip install '.[offline]'")

import numpy as np
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer

from tests.support.models import save, transformer

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "study_pack.py"))


def test_restored_weights_differ_by_less_than_half_a_step(tmp_path: Path) -> None:
    base = save(tmp_path / "base", transformer(tmp_path / "base"))
    TOOL["round_weights"](base, tmp_path / "packed")
    assert not (tmp_path / "packed" / "model.safetensors").exists()
    TOOL["restore_weights"](tmp_path / "packed")
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "packed"))
    assert before.keys() == after.keys()
    for name, weight in before.items():
        if weight.dim() < 2:
            assert (weight == after[name]).all()
            continue
        step = weight.abs().amax(dim=-1, keepdim=True) / 127
        assert ((weight - after[name]).abs() <= step / 2 * 1.001).all()
    texts = ["When does the market open?", "The river is long."]
    rows = [SentenceTransformer(str(one), device="cpu").encode(texts) for one in (base, tmp_path / "packed")]
    cosines = (rows[0] * rows[1]).sum(1) / np.prod([np.linalg.norm(one, axis=1) for one in rows], axis=0)
    assert cosines.min() > 0.999
