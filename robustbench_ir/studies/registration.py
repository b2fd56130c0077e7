"""The plan of a study, written before it is run: what is compared, by which rule, and what that can show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import sqrt
from pathlib import Path

from pydantic import ValidationError

from robustbench_ir._base.files import write_whole
from robustbench_ir._version import __version__
from robustbench_ir.errors import OptionError
from robustbench_ir.resources.cards import Card
from robustbench_ir.studies.claims import load_claims
from robustbench_ir.studies.config import StudyCard

PLAN_FILE = "plan.json"


class Registration(Card):
    """The content of `plan.json`.

    Attributes
    ----------
    irbench, date : str
        Version of this package, and the day on which the plan was written.
    sha256 : str
        Hash of `design`.
    design : mapping
        The card of the study, without its durations, and the claims.
    replaced : tuple of str
        Hashes of earlier plans that were replaced after the study had begun, the oldest first.
    """

    irbench: str
    date: str
    sha256: str
    design: dict[str, object]
    replaced: tuple[str, ...] = ()


def register(card: StudyCard, out: Path, *, replan: bool = False) -> Registration:
    """Write the plan of a study into its folder, or check that the one that is there is the same.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    out : pathlib.Path
        Folder of the study.
    replan : bool
        Whether another plan is replaced; the hash of the replaced one stays in the file.

    Raises
    ------
    OptionError
        If the folder has another plan, or its plan cannot be read.
    """
    design = _design(card)
    digest = _digest(design)
    before = read_registration(out)
    if before is not None and before.sha256 == digest:
        return before
    if before is not None and not replan:
        raise OptionError(
            f"{out / PLAN_FILE}: the card or the claims have changed since the plan of {before.date} "
            f"({_changes(before.design, design)}); undo that, or add --replan, which the report then mentions"
        )
    replaced = (*before.replaced, before.sha256) if before is not None else ()
    plan = Registration(
        irbench=__version__,
        date=datetime.now(UTC).date().isoformat(),
        sha256=digest,
        design=design,
        replaced=replaced,
    )
    write_whole(
        out / PLAN_FILE, (json.dumps(plan.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n").encode()
    )
    return plan


def read_registration(out: Path) -> Registration | None:
    """Return the plan in a study's folder; None if there is none.

    Raises
    ------
    OptionError
        If the file is damaged, or was edited by hand.
    """
    path = out / PLAN_FILE
    if not path.is_file():
        return None
    try:
        plan = Registration.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise OptionError(f"{path}: not a plan of this irbench; move it away to plan again") from error
    if _digest(plan.design) != plan.sha256:
        raise OptionError(
            f"{path}: the plan is not the one whose hash it has; restore it, or move it away to plan again"
        )
    return plan


def _design(card: StudyCard) -> dict[str, object]:
    settled = card.model_dump(mode="json", exclude={"pace"})
    claims = [one.model_dump(mode="json") for one in load_claims()]
    design: dict[str, object] = json.loads(json.dumps({"card": settled, "claims": claims}))
    return design


def _digest(design: Mapping[str, object]) -> str:
    return sha256(json.dumps(design, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    """Return the keys of the card that differ, and whether the claims do."""
    old, new = before.get("card"), after["card"]
    if not isinstance(old, dict) or not isinstance(new, dict):
        return "the card"
    named = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return ", ".join([*named, *(["the claims"] if before.get("claims") != after["claims"] else [])])


@dataclass(frozen=True)
class Resolution:
    """What a study can show about its primary outcome, if the variances are those of a pilot.

    Attributes
    ----------
    error : float
        Standard error of a difference between two arms.
    detectable : float
        True difference that is found with a probability of 80%, by a two-sided test of 5%.
    equality : float
        Probability that two arms that are equal are shown to be equal within the margin.
    """

    error: float
    detectable: float
    equality: float


def resolution(card: StudyCard) -> Resolution | None:
    """Return what a study can show about the relative drop; None if its card has no pilot.

    Parameters
    ----------
    card : StudyCard
        Card of the study.
    """
    from scipy.special import stdtr, stdtrit

    if card.pilot is None:
        return None
    seeds, pilot = len(card.seeds), card.pilot
    variance = pilot.of_questions + (pilot.of_both + pilot.of_seeds) / seeds
    error = sqrt(variance / card.folds)
    freedom = len(card.samplers) * (seeds - 1)
    reach = float(stdtrit(freedom, 0.95))
    room = card.margins.relative_drop / error - reach
    equality = max(0.0, float(2 * stdtr(freedom, room) - 1))
    return Resolution(error, float(stdtrit(freedom, 0.975) + stdtrit(freedom, 0.8)) * error, equality)
