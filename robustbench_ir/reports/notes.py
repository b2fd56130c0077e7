"""What a reader must know beside the numbers: how many ranks chance decides, and how many passages have none."""

from __future__ import annotations

from collections.abc import Callable

from robustbench_ir.evaluation.score_runs import is_run
from robustbench_ir.results.result import Cell, Result

_NAMED_FROM = 0.01


def notes(result: Result) -> tuple[str, ...]:
    """Return a sentence for each thing that the numbers of a result do not say by themselves."""
    return (*result.task_notes, *rank_notes(result))


def rank_notes(result: Result) -> list[str]:
    """Return what is to be said of ties and of passages that are not retrieved; nothing below one in a hundred."""
    found = []
    if max(cell.tied_share for cell in (result.clean, *result.attacked)) > _NAMED_FROM:
        order = "trec_eval's, by id" if is_run(result.encoder) else "that of a hash of the ids"
        found.append(
            f"{_shares(result, lambda cell: cell.tied_share)} score as another passage does; their order is {order}"
        )
    if max(cell.missing_share for cell in (result.clean, *result.attacked)) > 0:
        found.append(
            f"{_shares(result, lambda cell: cell.missing_share)} are not retrieved: they add nothing to the measures, "
            f"and rank distance leaves their queries out"
        )
    return found


def _shares(result: Result, share: Callable[[Cell], float]) -> str:
    clean = f"{share(result.clean):.1%} of the judged passages"
    if not result.attacked:
        return clean
    least, most = min(map(share, result.attacked)), max(map(share, result.attacked))
    attacked = f"{least:.1%}" if f"{least:.1%}" == f"{most:.1%}" else f"{least:.1%} to {most:.1%}"
    return f"{clean} ({attacked} under attack)"
