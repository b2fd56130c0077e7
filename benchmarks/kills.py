"""Kill a run at random moments, again and again, and compare what it ends in with an undisturbed run.

    python benchmarks/kills.py [--model char-ngram] [--kills 50] [--longest 0.4]

Each child is forked with the libraries loaded, so that it begins at once, and gets SIGKILL within --longest seconds.
Where a child was quicker, its result and four fifths of its cells are taken away, one is cut short, and it begins
again. With a sentence-transformers model (a path) that is done to the shards of the embedding store too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from robustbench_ir import attack, save_result


def run(model: str, out: Path) -> None:
    """Attack with 32 cells."""
    save_result(attack(model, languages=["en", "sw"], recipes=["typo", "synonym"], seeds=16), out)


def killed(model: str, out: Path, longest: float, chance: random.Random) -> bool:
    """Begin a run and kill it; False if it was quicker."""
    child = os.fork()
    if not child:
        run(model, out)
        os._exit(0)
    time.sleep(chance.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def damage(cache: Path, chance: random.Random) -> None:
    """Take away four fifths of the files of each kind, and cut one short."""
    for pattern in ("cells/*.json", "embeddings/*/*.rows"):
        done = sorted(cache.glob(pattern))
        for path in chance.sample(done, len(done) * 4 // 5):
            path.unlink()
            path.with_suffix(".index").unlink(missing_ok=True)
        left = [path for path in done if path.exists()]
        if left:
            path = chance.choice(left)
            path.write_bytes(path.read_bytes()[: chance.randrange(1 + min(2000, path.stat().st_size))])


def without_timings(path: Path) -> dict[str, object]:
    """Return a result file's content but for the seconds."""
    content: dict[str, object] = json.loads(path.read_bytes())
    del content["timings_seconds"]
    return content


def main() -> None:
    """Kill, then compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="char-ngram")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=0.4)
    arguments = parser.parse_args()
    for library in ("sklearn.feature_extraction.text", "sentence_transformers" if "/" in arguments.model else "scipy"):
        import_module(library)
    chance = random.Random(20)
    with tempfile.TemporaryDirectory() as folder:
        out, whole, cache = (Path(folder) / name for name in ("out.json", "whole.json", "cache"))
        os.environ["ROBUSTBENCH_IR_CACHE"] = str(cache)
        count = begun = 0
        while count < arguments.kills:
            begun += 1
            count += killed(arguments.model, out, arguments.longest, chance)
            if out.exists():
                out.unlink()
                damage(cache, chance)
        run(arguments.model, out)
        os.environ["ROBUSTBENCH_IR_CACHE"] = str(Path(folder) / "undisturbed")
        run(arguments.model, whole)
        same = without_timings(out) == without_timings(whole)
    print(f"{count} of {begun} runs killed; the result is {'the same' if same else 'ANOTHER'}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
