"""Pack a study for a machine without a network: one archive, and one script in it that trains and tests.

    python tools/study_pack.py pack hybrid-batch base hybrid-batch.tar
    tar xf hybrid-batch.tar && sh hybrid-batch/run.sh --device cuda

The archive has the base with its weights rounded to 8 bits, the data that the study reads, and a wheel of this package.
`--wheels FOLDER` adds wheels of whatever that machine lacks. Rounded weights are another base, so the pack names it
`base-8bit`: all arms of the study start from it alike.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

_WEIGHTS, _ROUNDED, _BASE = "model.safetensors", "model.int8.safetensors", "base-8bit"
_SCALE = ".scale"
_SCRIPT = """#!/bin/sh
# Train and test; a run that was stopped goes on. Arguments go to irbench study, such as --device cuda.
set -e
cd "$(dirname "$0")"
python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target site wheels/*.whl
export PYTHONPATH="$PWD/site" ROBUSTBENCH_IR_DATA="$PWD/data" ROBUSTBENCH_IR_CACHE="$PWD/cache"
test -f {base}/{weights} || python3 study_pack.py restore {base}
exec python3 -c "from robustbench_ir.cli import main; main()" study {card} --base {base} --out "${{OUT:-out}}" "$@"
"""


def round_weights(folder: Path, target: Path) -> None:
    """Copy a model with each row of its matrices in 8 bits, and the scale of each row beside it."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(_WEIGHTS))
    rounded: dict[str, torch.Tensor] = {}
    for name, weight in load_file(folder / _WEIGHTS).items():
        if weight.dim() < 2 or not weight.is_floating_point():
            rounded[name] = weight
            continue
        scale = (weight.abs().amax(dim=-1, keepdim=True) / 127).clamp(min=torch.finfo(torch.float32).tiny)
        rounded[name] = (weight / scale).round().to(torch.int8)
        rounded[name + _SCALE] = scale
    save_file(rounded, target / _ROUNDED, metadata={"format": "pt"})


def restore_weights(folder: Path) -> None:
    """Write the weights of a packed model in float32."""
    from safetensors.torch import load_file, save_file

    packed = load_file(folder / _ROUNDED)
    restored = {
        name: weight.float() * packed[name + _SCALE] if name + _SCALE in packed else weight
        for name, weight in packed.items()
        if not name.endswith(_SCALE)
    }
    save_file(restored, folder / _WEIGHTS, metadata={"format": "pt"})


def files_read(card: str, base: str, data: Path) -> list[Path]:
    """Return the data files that a study opens when it reads its texts and makes its perturbed queries."""
    found: set[Path] = set()

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | os.PathLike):
            path = Path(arguments[0]).absolute()
            if path.is_relative_to(data) and path.is_file():
                found.add(path)

    sys.addaudithook(note)
    from robustbench_ir.perturb import load_recipe
    from robustbench_ir.studies.config import load_study
    from robustbench_ir.studies.material import Material

    study = load_study(card, bases=(base,))
    material = Material(study)
    material.all_data()
    for task in material.all_tasks():
        for name in study.recipes:
            load_recipe(name).for_task(task).perturb(task.queries, study.severity, 0)
    return sorted(found)


def pack(card: str, base: Path, archive: Path, wheels: Path | None) -> None:
    """Write the archive."""
    data = Path(os.environ["ROBUSTBENCH_IR_DATA"]).absolute()
    project = Path(__file__).parents[1]
    with TemporaryDirectory() as made:
        top = Path(made) / card
        round_weights(base, top / _BASE)
        # A cache would hide some of the files that are read.
        os.environ["ROBUSTBENCH_IR_CACHE"] = str(Path(made) / "cache")
        for path in files_read(card, str(base), data):
            target = top / "data" / path.relative_to(data)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(top / "wheels"), str(project)]
        subprocess.run(command, check=True)  # noqa: S603
        for wheel in wheels.glob("*.whl") if wheels else ():
            shutil.copyfile(wheel, top / "wheels" / wheel.name)
        shutil.copyfile(__file__, top / Path(__file__).name)
        (top / "run.sh").write_text(_SCRIPT.format(base=_BASE, weights=_WEIGHTS, card=card), encoding="utf-8")
        with tarfile.open(archive, "w:xz") as packed:
            packed.add(top, card)
    print(f"{archive}: {archive.stat().st_size / 2**20:.1f} MiB")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    packing = steps.add_parser("pack")
    packing.add_argument("card")
    packing.add_argument("base", type=Path)
    packing.add_argument("archive", type=Path)
    packing.add_argument("--wheels", type=Path)
    steps.add_parser("restore").add_argument("folder", type=Path)
    chosen = parser.parse_args()
    if chosen.step == "pack":
        pack(chosen.card, chosen.base, chosen.archive, chosen.wheels)
    else:
        restore_weights(chosen.folder)


if __name__ == "__main__":
    main()
