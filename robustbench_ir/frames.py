"""A result as pandas tables: tidy, with intervals, and per query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from robustbench_ir.score.findings import Finding
from robustbench_ir.score.settings import per_query, rank_distances, values
from robustbench_ir.score.statistics import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from robustbench_ir.result import Result


def findings_frame(result: Result, measures: Iterable[str], resamples: int) -> pd.DataFrame:
    """Return the table of `Result.to_frame`."""
    import pandas as pd

    return pd.DataFrame(
        [
            _columns(row)
            for measure in measures
            for setting in result.settings
            for by in (None, "language")
            for row in result.findings(setting, measure, by, resamples=resamples)
        ]
    )


def _columns(row: Finding) -> dict[str, object]:
    """Return the fields of a finding, an estimate as three columns."""
    columns: dict[str, object] = {}
    for name, value in vars(row).items():
        if isinstance(value, Estimate):
            columns |= {name: value.value, f"{name}_low": value.low, f"{name}_high": value.high}
        else:
            columns[name] = value
    return columns


def queries_frame(result: Result, measure: str) -> pd.DataFrame:
    """Return the table of `Result.per_query`."""
    import pandas as pd

    layout = result.layout
    frames = []
    for cell in (result.clean, *result.attacked):
        settings: dict[str, object] = {
            setting: per_query(values(layout, cell.ranks, measure, setting)) for setting in result.settings
        }
        columns: dict[str, object] = {
            "query_id": layout.query_ids,
            "parallel_id": layout.parallel_ids,
            "language": layout.languages,
            "recipe": cell.recipe,
            "severity": cell.severity,
            "seed": cell.seed,
            "changed": cell.changed,
            "edit_rate": cell.edit_rate,
            **settings,
            "rank_distance": rank_distances(layout, cell.ranks),
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)
