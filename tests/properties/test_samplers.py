"""Whatever the table, a batch keeps its promises."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

pytest.importorskip("datasets", reason="DATASETS ABSENT: pip install -e '.[train]'")

from robustbench_ir.errors import DataError
from robustbench_ir.training.samplers import HybridBatchSampler
from robustbench_ir.training.table import ParallelRow, ParallelTable

_rows = st.lists(
    st.builds(
        ParallelRow,
        parallel_id=st.integers(0, 12).map(str),
        language=st.sampled_from("abc"),
        query=st.just("q"),
        passage=st.just("p"),
        negative=st.just(""),
        passage_language=st.sampled_from(["", "", "a", "b"]),
        source=st.sampled_from(["one", "one", "two"]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(_rows, st.integers(2, 9), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 3), st.booleans())
def test_batches_keep_their_promises(
    rows: list[ParallelRow], size: int, alpha: float, seed: int, drop_last: bool
) -> None:
    dataset = ParallelTable("t", tuple(rows)).dataset()
    try:
        sampler = HybridBatchSampler(dataset, size, drop_last, seed=seed, alpha=alpha)
    except DataError:
        assume(False)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    for batch in batches:
        pairs = [(rows[query], rows[passage]) for query, passage in np.reshape(batch, (-1, 2)).tolist()]
        assert 1 <= len(pairs) <= size
        assert all(query.parallel_id == passage.parallel_id for query, passage in pairs)
        assert len({query.parallel_id for query, _ in pairs}) == len(pairs)
        assert len({row.source for pair in pairs for row in pair}) == 1
        spoken = [(query.language, passage.passage_language or passage.language) for query, passage in pairs]
        monolingual = len({language for pair in spoken for language in pair}) == 1
        cross_lingual = all(asked != answered for asked, answered in spoken)
        assert monolingual or cross_lingual
        assert alpha > 0 or cross_lingual
        assert alpha < 1 or monolingual
