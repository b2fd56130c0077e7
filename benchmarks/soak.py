"""Kill, flip, fill and mix, again and again, and count what was lost and what came out wrong.

    PYTHONPATH=. python benchmarks/soak.py [--times 50] [--only train,study] [--seed 1] [--other-version REF]

Each line of the table is one way to be unlucky. *Lost* counts commands that cannot be brought to their end by running
them again, and files that killed writers leave for ever; *wrong* counts ends that differ from those of an undisturbed
run. Children are forked with the libraries loaded, so that they begin at once, and are killed by SIGKILL at a random
moment.

--other-version names a commit whose code shares the cache with this code, in the last line; it needs git.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

from robustbench_ir import attack, save_result
from robustbench_ir._base.files import is_draft, write_whole
from robustbench_ir.cli import irbench
from robustbench_ir.errors import RobustBenchError
from robustbench_ir.evaluation.semantic_floor import SemanticFloor
from robustbench_ir.resources.downloads import DataFile, locate
from robustbench_ir.studies.config import load_study
from robustbench_ir.studies.run import run_study
from robustbench_ir.training.record import Training
from robustbench_ir.training.train import train

Work = Callable[[], object]
Trouble = Callable[[], "Iterable[Count | None]"]
OF_ONE_RUN = frozenset({"README.md", "training.json", "study.json"})
"""Files that name a duration or the place of a stop."""

TRAINING = Training(
    base="static-multilingual",
    data=("made",),
    steps=20,
    batch_size=8,
    evaluate_every=4,
    validation=0.2,
    vocabulary=400,
    dimensions=16,
)
STUDY = """
name = "soak"
title = "Soak"
description = "Two samplers, to be killed."
bases = ["static-multilingual"]
data = [{data}]
samplers = ["mono", "cross"]
seeds = [0, 1]
recipes = ["typo"]
resamples = 200
training = {{ steps = 4, batch_size = 8, evaluate_every = 2, vocabulary = 300, dimensions = 8 }}
pace = {{ step = 0.1, start = 1, attack = {{ mini = 1 }} }}
tasks = [{{ name = "mini", languages = ["en", "sw"] }}]
"""
DOWNLOAD = bytes(range(256)) * 8192  # 2 MiB
PIECE = 1 << 16
_LONGEST_SHARE = 0.5  # of the time that the work takes; what is finished is kept, so that it ends all the same


@dataclass
class Count:
    """One line of the table: what was done how often, and how often it went wrong."""

    name: str
    tried: int = 0
    lost: int = 0
    wrong: int = 0

    def ended(self, came: str, same: bool) -> None:
        """Count the end of a command: '' is a good one, everything else the reason why there was none."""
        self.lost += bool(came)
        self.wrong += not came and not same
        if came or not same:
            print(f"{self.name}: {came or 'another end'}", file=sys.stderr)


@dataclass
class Place:
    """A folder for a kind of work, which begins again from nothing.

    Attributes
    ----------
    folder : pathlib.Path
        Everything that the work reads and writes.
    work : callable
        The work, in `folder`.
    kept : frozenset of str
        Names in the folder that stay when it begins again.
    undisturbed, seconds
        The end of the work when nothing disturbs it, and how long it took.
    """

    folder: Path
    work: Work
    kept: frozenset[str] = frozenset()
    undisturbed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def clear(self) -> None:
        """Begin again."""
        for path in self.folder.iterdir():
            if path.name not in self.kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def settle(self) -> None:
        """Do the work once without trouble, and remember its end."""
        began = time.monotonic()
        came = child(self.work)
        assert not came, came
        self.seconds = time.monotonic() - began
        self.undisturbed = self.end()
        self.clear()

    def end(self) -> dict[str, str]:
        """Return the hash of each file that the work leaves, without what differs from run to run."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            below = path.relative_to(self.folder)
            passing = {"cache", "checkpoints", *self.kept} & {*below.parts} or path.suffix in {".lock", ".sha256"}
            if path.is_file() and not passing and not is_draft(path) and path.name not in OF_ONE_RUN:
                found[str(below)] = sha256(_content(path)).hexdigest()
        return found

    def is_same(self) -> bool:
        """Return whether the end is that of the undisturbed work, and nothing else was left behind."""
        end = self.end()
        for name in {*end.items()} ^ {*self.undisturbed.items()}:
            print(f"{self.folder}: {name} differs", file=sys.stderr)
        return end == self.undisturbed


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".json" and b"timings_seconds" in content:
        record = json.loads(content)
        del record["timings_seconds"]
        return json.dumps(record).encode()
    return content


def child(work: Work, kill_after: float | None = None) -> str | None:
    """Do the work in a child; return '' for a good end, the reason for another one, None if it was killed."""
    read, write = os.pipe()
    number = os.fork()
    if not number:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        warnings.simplefilter("ignore")
        try:
            work()
            said = ""
        except RobustBenchError as error:
            said = f"refused: {error}"
        except BaseException:
            said = "traceback: " + traceback.format_exc()
        os.write(write, said.encode()[-4000:] or b"\0")
        os._exit(0)
    os.close(write)
    if kill_after is not None:
        select.select([read], [], [], kill_after)  # until it ends, or its time is over
        os.kill(number, signal.SIGKILL)
    with os.fdopen(read, "rb") as stream:
        said = stream.read().decode(errors="replace")
    killed = os.WIFSIGNALED(os.waitpid(number, 0)[1])
    return None if killed and not said else said.strip("\0")


def finished(work: Work) -> str:
    """Do the work, once more where it was refused in one line; return '' for a good end."""
    came = child(work) or ""
    return child(work) or "" if came.startswith("refused") else came


def killed(name: str, place: Place, times: int, chance: random.Random) -> Count:
    """Kill the work until it was killed often enough; wherever it comes to its end, compare that and begin again."""
    count = Count(f"kill: {name}")
    while count.tried < times:
        came = child(place.work, chance.uniform(0, place.seconds * _LONGEST_SHARE))
        if came is None:
            count.tried += 1
            continue
        count.ended(came, place.is_same())
        place.clear()
    age_drafts(place.folder)
    count.ended(finished(place.work), place.is_same())
    count.lost += sum(map(is_draft, place.folder.rglob(".*")))
    return count


def age_drafts(folder: Path) -> None:
    """Let a minute pass for what killed writers have left, after which the next writer removes it."""
    for path in folder.rglob(".*"):
        if is_draft(path):
            os.utime(path, (0, 0))


def flip(path: Path, chance: random.Random) -> None:
    """Flip one bit."""
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


# The works ------------------------------------------------------------------------------------------------------------


@contextmanager
def cached_in(folder: Path) -> Iterator[None]:
    """Use a cache of its own; children inherit the variable."""
    before = os.environ.get("ROBUSTBENCH_IR_CACHE")
    os.environ["ROBUSTBENCH_IR_CACHE"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("ROBUSTBENCH_IR_CACHE")
        if before is not None:
            os.environ["ROBUSTBENCH_IR_CACHE"] = before


def attacking(folder: Path, model: str = "char-ngram", seeds: int = 8) -> Work:
    """Attack with two recipes and a semantic floor, with all of the cache in the folder."""

    def work() -> None:
        with cached_in(folder / "cache"):
            floor = SemanticFloor(0.3, "char-ngram")
            found = attack(
                model, languages=["en", "sw"], recipes=["typo", "synonym"], seeds=seeds, semantic_floor=floor
            )
            save_result(found, folder / "result.json")

    return work


def parallel_texts(folder: Path) -> Path:
    """Write parallel sentences of a few words."""
    draw, lines = random.Random(3), []
    for number in range(120):
        chosen = [draw.randrange(10) for _ in range(6)]
        for language in ("en", "es", "sw"):
            words = [f"{language}word{one}" for one in chosen]
            row = {"parallel_id": str(number), "language": language, "query": " ".join(words[:3])}
            lines.append(json.dumps({**row, "passage": " ".join(words)}))
    path = folder / "table.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def training(folder: Path) -> Work:
    """Train for a second, with five checkpoints."""
    settings = TRAINING.model_copy(update={"data": (str(folder / "table.jsonl"),)})
    return lambda: train(settings, folder / "model", device="cpu")


def studying(folder: Path) -> Work:
    """Train four models and attack each."""
    card = folder / "soak.toml"

    def work() -> None:
        with cached_in(folder / "cache"):
            run_study(load_study("", card), folder / "out")

    return work


def publishing(folder: Path) -> Work:
    """Submit two results, where they are not there yet, and build the board."""

    def work() -> None:
        board = ["--folder", str(folder / "board")]
        for name in ("char-ngram", "bm25"):
            declared = ["--name", f"org/{name}", "--link", f"https://example.org/{name}", "--date", "2026-11-01"]
            try:
                irbench.main(["submit", str(folder / f"{name}.json"), *declared, *board], standalone_mode=False)
            except RobustBenchError as error:
                if "nothing was added" not in str(error):
                    raise
        irbench.main(["leaderboard", "build", *board], standalone_mode=False)

    return work


def downloading(folder: Path, url: str) -> Work:
    """Download a file whose hash is known, and one that is pinned by its commit."""
    commit = "5be20db9509754dadad47689368639fcec739c00"

    def work() -> None:
        with cached_in(folder / "cache"):
            by_hash = DataFile(path="some/file.bin", url=f"{url}/a", sha256=sha256(DOWNLOAD).hexdigest())
            by_commit = DataFile(path="some/file.bin", url=f"{url}/{commit}/b")
            for number, file in enumerate((by_hash, by_commit)):
                write_whole(folder / str(number), locate(file).read_bytes())

    return work


def serve_pieces() -> tuple[str, int]:
    """Start a server, in a process of its own, that sends in pieces and breaks off now and then."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            start = int(asked[6:-1]) if asked else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(DOWNLOAD) - 1}/{len(DOWNLOAD)}")
            self.send_header("Content-Length", str(len(DOWNLOAD) - start))
            self.send_header("ETag", '"1"')
            self.end_headers()
            for place in range(start, len(DOWNLOAD), PIECE):
                self.wfile.write(DOWNLOAD[place : place + PIECE])
                time.sleep(0.003)
                if random.random() < 0.02:
                    return

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client was killed
                return

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    number = os.fork()
    if not number:
        server.serve_forever()
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}", number


# What is done to them -------------------------------------------------------------------------------------------------


def flipped_cache(place: Place, kind: str, times: int, chance: random.Random) -> Count:
    """Flip a bit of an entry of one kind, without the cells that would spare its use, and do the work again."""
    count = Count(f"flip: {kind} of the cache")
    child(place.work)
    for _ in range(times):
        cache = place.folder / "cache"
        if kind != "cells":
            shutil.rmtree(cache / "cells", ignore_errors=True)
        entries = [path for path in sorted((cache / kind).rglob("*")) if path.is_file() and path.stat().st_size]
        entries = [path for path in entries if path.suffix not in {".lock", ".damaged"}]
        flip(chance.choice(entries), chance)
        for left in place.folder.glob("result.json"):
            left.unlink()
        count.tried += 1
        count.ended(finished(place.work), place.is_same())
    place.clear()
    return count


def flipped_checkpoints(place: Place, times: int, chance: random.Random) -> Count:
    """Stop a training, flip a bit of one of its checkpoints, and let it go on."""
    count = Count("flip: checkpoints of a training")
    while count.tried < times:
        came = child(place.work, chance.uniform(0.4, 1) * place.seconds)
        files = [one for one in (place.folder / "model").glob("checkpoints/*/**/*") if one.is_file()]
        files = [one for one in files if one.stat().st_size]
        if came is None and files:
            flip(chance.choice(files), chance)
            count.tried += 1
            count.ended(finished(place.work), place.is_same())
        place.clear()
    return count


def filled(name: str, place: Place, sizes: tuple[int, int], times: int, chance: random.Random) -> Count | None:
    """Do the work on a disk that is too small, which must be said in one line, and again when there is room."""
    count = Count(f"full disk: {name}")
    inner = place.folder
    for _ in range(times):
        options = f"size={chance.randrange(*sizes)}k"
        if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", inner], check=False).returncode:
            return None
        try:
            count.tried += 1
            came = child(place.work) or ""
            if came.startswith("traceback") or "\n" in came:
                count.ended(came, same=False)
            subprocess.run(["mount", "-o", "remount,size=64m", inner], check=True)
            age_drafts(inner)
            count.ended(finished(place.work), place.is_same())
        finally:
            subprocess.run(["umount", "--lazy", inner], check=True)
    return count


def mixed(folder: Path, other: str, times: int) -> Count | None:
    """Let two versions of the code attack in turn with one cache."""
    root = Path(__file__).parents[1]
    packed = subprocess.run(["git", "archive", other], cwd=root, capture_output=True, check=False)
    if packed.returncode:
        return None
    code = folder / "other"
    code.mkdir()
    subprocess.run(["tar", "-x"], cwd=code, input=packed.stdout, check=True)
    count = Count(f"one cache for two versions ({other[:9]})")
    once = {path: attacked_by(path, folder / path.name / "cache") for path in (root, code)}
    for number in range(times):
        path = (root, code)[number % 2]
        if number % 3 == 2:
            shutil.rmtree(folder / "shared" / "cells", ignore_errors=True)
        count.tried += 1
        count.ended("", attacked_by(path, folder / "shared") == once[path])
    return count


def attacked_by(code: Path, cache: Path) -> bytes:
    """Return what one version of the code finds, without durations."""
    out = cache.parent / f"{time.monotonic_ns()}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    what = ["attack", "--model", "char-ngram", "--languages", "en,sw", "--recipe", "typo", "--recipe", "synonym"]
    subprocess.run(
        [sys.executable, "-c", "from robustbench_ir.cli import main; main()", *what, "--out", str(out)],
        cwd=code,
        env={**os.environ, "PYTHONPATH": str(code), "ROBUSTBENCH_IR_CACHE": str(cache)},
        check=True,
        capture_output=True,
    )
    return _content(out)


# All of it ------------------------------------------------------------------------------------------------------------


def new_place(folder: Path, name: str, make: Callable[[Path], Work], kept: Iterable[str] = ()) -> Place:
    """Make a folder for a kind of work, with its end when nothing disturbs it."""
    own = folder / name
    own.mkdir()
    for one in kept:
        shutil.copy(folder / one, own)
    place = Place(own, make(own), frozenset(kept))
    place.settle()
    return place


def prepare(folder: Path) -> None:
    """Write what the works read: texts, the card of a study, two results, a tiny model."""
    data = parallel_texts(folder)
    (folder / "soak.toml").write_text(STUDY.format(data=json.dumps(str(data))), encoding="utf-8")

    def results() -> None:
        with cached_in(folder / "cache"):
            for name in ("char-ngram", "bm25"):
                save_result(attack(name, languages=["en", "sw"], recipes=["typo"]), folder / f"{name}.json")

    def model() -> None:
        train(TRAINING.model_copy(update={"data": (str(data),), "steps": 1}), folder / "tiny", device="cpu")

    for work in (results, model):
        came = child(work)
        assert not came, came


def soak(folder: Path, times: int, chance: random.Random, other: str) -> dict[str, Trouble]:
    """Return each kind of trouble with what counts it."""
    few = max(1, times // 5)

    def attacks() -> Iterator[Count | None]:
        place = new_place(folder, "attack", attacking)
        yield killed("attack", place, times, chance)
        yield filled("attack", place, (4, 400), few, chance)

    def caches() -> Iterator[Count | None]:
        place = new_place(folder, "caches", lambda own: attacking(own, str(folder / "tiny"), 1))
        for kind in ("cells", "embeddings", "floors", "lexicons"):
            yield flipped_cache(place, kind, few, chance)

    def trainings() -> Iterator[Count | None]:
        place = new_place(folder, "train", training, ["table.jsonl"])
        yield killed("train", place, times, chance)
        yield flipped_checkpoints(place, times, chance)

    def full_trainings() -> Iterator[Count | None]:
        place = new_place(folder, "full", lambda own: training_on(folder / "table.jsonl", own))
        yield filled("train", place, (20, 400), few, chance)

    def studies() -> Iterator[Count | None]:
        yield killed("study", new_place(folder, "study", studying, ["soak.toml"]), times, chance)

    def boards() -> Iterator[Count | None]:
        place = new_place(folder, "board", publishing, ["char-ngram.json", "bm25.json"])
        yield killed("submit and build", place, times, chance)

    def downloads() -> Iterator[Count | None]:
        url, server = serve_pieces()
        try:
            place = new_place(folder, "download", lambda own: downloading(own, url))
            yield killed("download", place, times, chance)
            yield flipped_cache(place, "downloads", times, chance)
            yield filled("download", place, (100, 9000), few, chance)
        finally:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)

    def versions() -> Iterator[Count | None]:
        yield mixed(folder, other, few)

    kinds = {"attack": attacks, "cache": caches, "train": trainings, "full": full_trainings, "study": studies}
    return {**kinds, "board": boards, "download": downloads, "versions": versions}


def training_on(table: Path, folder: Path) -> Work:
    """Train on a table that lies elsewhere."""
    settings = TRAINING.model_copy(update={"data": (str(table),)})
    return lambda: train(settings, folder / "model", device="cpu")


def main() -> None:
    """Be unlucky, and print how it ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--only", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--other-version", default="HEAD~1")
    arguments = parser.parse_args()
    for library in ("sklearn.feature_extraction.text", "bm25s", "robustbench_ir.training.loop", "accelerate"):
        import_module(library)
    began, counts = time.monotonic(), []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        prepare(Path(folder))
        kinds = soak(Path(folder), arguments.times, random.Random(arguments.seed), arguments.other_version)
        for name in arguments.only.split(",") if arguments.only else kinds:
            counts += [one for one in kinds[name]() if one is not None]
    print("| trouble | tried | lost | wrong |\n|---|--:|--:|--:|")
    for one in counts:
        print(f"| {one.name} | {one.tried} | {one.lost} | {one.wrong} |")
    total = [sum(getattr(one, key) for one in counts) for key in ("tried", "lost", "wrong")]
    print(f"| all, in {time.monotonic() - began:.0f} s | {' | '.join(map(str, total))} |")
    sys.exit(any(total[1:]))


if __name__ == "__main__":
    main()
