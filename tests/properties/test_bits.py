"""Packed comparisons say what the comparisons say."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from robustbench_ir.retrieval.ranking import Bools, counts_by_stretch, packed_bits, positions_of_ones

compared = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=70))


@given(compared, st.data())
def test_counts_are_those_of_each_stretch(rows: Bools, data: st.DataObject) -> None:
    columns = rows.shape[1]
    starts = sorted({0, *data.draw(st.lists(st.integers(0, columns - 1), max_size=9))})
    counts = counts_by_stretch(packed_bits(rows), np.array(starts))
    ends = [*starts[1:], columns]
    assert counts.T.tolist() == [rows[:, a:b].sum(axis=1).tolist() for a, b in zip(starts, ends, strict=True)]


@given(compared)
def test_ones_are_found_in_order(rows: Bools) -> None:
    row, column = positions_of_ones(packed_bits(rows))
    assert [row.tolist(), column.tolist()] == [one.tolist() for one in np.nonzero(rows)]
