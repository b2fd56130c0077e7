"""What `--out` may do to the file system: links, devices, pipes, full disks, killed writers, files changed by hand."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from robustbench_ir import attack, save_result
from robustbench_ir._base.files import abandoned, check_writable, opened_whole, sweep, write_together, write_whole
from robustbench_ir.cli import irbench
from robustbench_ir.encoders import load_encoder
from robustbench_ir.errors import OptionError, ResultError
from robustbench_ir.evaluation import cell_cache
from robustbench_ir.leaderboard.canonical import write_canonical
from robustbench_ir.results.file import load_result
from tests.support import reviews
from tests.support.command_line import ROOT
from tests.support.disks import mounted

needs_devices = pytest.mark.skipif(os.geteuid() != 0, reason="needs to make a device")
WRITERS = {
    "attack": ["attack", "--model", "char-ngram", "--languages", "en", "--recipe", "typo"],
    "report": ["report", "RESULT", "--resamples", "100"],
    "report csv": ["report", "RESULT", "--format", "csv"],
    "report latex": ["report", "RESULT", "--format", "latex"],
    "compare": ["compare", "RESULT", "RESULT"],
    "audit": ["audit", "typo", "--task", "mini", "--languages", "en", "--format", "json"],
    "review": ["review", "merge", "ANSWERS", "--format", "html"],
}
every_writer = pytest.mark.parametrize("command", WRITERS)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("result") / "result.json"
    reviews.write(path.with_name("answers.json"), reviews.answers(reviews.review(), "ron"))
    return save_result(attack("char-ngram", languages=["en"], recipes=["typo"]), path)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """Make a second /dev/null, so that a writer that replaces it does no harm."""
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        path.open("wb").close()
    except OSError:
        pytest.skip("CANNOT MAKE a device here")
    return path


def run(arguments: list[str], result: Path, out: Path) -> None:
    put = {"RESULT": str(result), "ANSWERS": str(result.with_name("answers.json"))}
    irbench.main([*(put.get(one, one) for one in arguments), "--out", str(out)], standalone_mode=False)


@needs_devices
@every_writer
def test_a_device_stays_a_device(command: str, result: Path, device: Path) -> None:
    run(WRITERS[command], result, device)
    assert stat.S_ISCHR(device.lstat().st_mode)
    assert [one.name for one in device.parent.iterdir()] == ["null"]


@every_writer
def test_a_link_stays_and_the_file_that_it_names_is_written(command: str, result: Path, tmp_path: Path) -> None:
    link, named = tmp_path / "link", tmp_path / "folder" / "named"
    link.symlink_to(named)
    run(WRITERS[command], result, link)
    assert link.is_symlink()
    assert not named.is_symlink()
    assert named.stat().st_size > 100


@every_writer
def test_a_pipe_gets_the_content(command: str, result: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        try:
            run(WRITERS[command], result, pipe)
            assert len(reader.communicate(timeout=10)[0]) > 100
        finally:
            reader.kill()
    assert stat.S_ISFIFO(pipe.lstat().st_mode)


@pytest.mark.parametrize("redirected", ["pipe", "file"])
def test_the_output_of_the_process_gets_the_content(result: Path, tmp_path: Path, redirected: str) -> None:
    """A file that the shell has opened is written where the shell is, and not replaced under its feet."""
    script = "from robustbench_ir.cli import main; print('before'); main()"
    command = [sys.executable, "-c", script, "report", str(result), "--format", "csv", "--out", "/dev/stdout"]
    file = tmp_path / "out"
    with file.open("wb") as stream:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE if redirected == "pipe" else stream,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
        )
    lines = (done.stdout or file.read_bytes()).decode().splitlines()
    assert lines[0] == "before"
    assert lines[-1] == "/dev/stdout"
    assert any("typo" in line for line in lines[1:-1])


@needs_devices
def test_what_is_written_beside_a_result_needs_a_file(result: Path, device: Path) -> None:
    with pytest.raises(OptionError, match=r"writes further files beside the result; name a file for --out"):
        run([*WRITERS["attack"], "--normalise", "nfkc"], result, device)
    assert [one.name for one in device.parent.iterdir()] == ["null"]


def test_links_in_a_circle_and_folders_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.symlink_to(other)
    other.symlink_to(one)
    for write in (check_writable, lambda path: write_whole(path, b"content")):
        with pytest.raises(ResultError, match="cannot be written \\(Too many levels of symbolic links"):
            write(one)
        with pytest.raises(ResultError, match=r"is a folder|Is a directory"):
            write(tmp_path)
    assert one.is_symlink()


def test_a_file_keeps_its_permissions_and_a_new_one_has_those_of_the_umask(tmp_path: Path) -> None:
    private, new = tmp_path / "private", tmp_path / "new"
    private.touch()
    private.chmod(0o600)
    before = os.umask(0o027)
    try:
        write_whole(private, b"secret")
        write_whole(new, b"content")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (private, new)] == [0o600, 0o640]


def killed_writer(path: Path) -> Path:
    """Kill a process in the middle of writing a file, and return what it has left."""
    script = (
        "import os, signal, sys, pathlib; from robustbench_ir._base.files import opened_whole\n"
        "with opened_whole(pathlib.Path(sys.argv[1])) as stream:\n"
        "    stream.write(bytes(9999)); stream.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    (left,) = set(path.parent.glob(f".{path.name}.*"))
    return left


def made_old(path: Path) -> None:
    then = time.time() - 120
    os.utime(path, (then, then))


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    left = killed_writer(path)
    mine = tmp_path / ".other.json.abcdefgh"
    mine.touch()
    made_old(mine)
    write_whole(path, b"whole")
    assert left.exists()  # it may be of a process on another machine, whose lock is not seen here
    made_old(left)
    write_whole(path, b"whole")
    assert {one.name for one in tmp_path.iterdir()} == {"out.json", mine.name}


def test_what_a_slow_process_is_writing_stays(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with opened_whole(path) as stream:
        stream.write(b"slow")
        (draft,) = tmp_path.iterdir()
        made_old(draft)
        write_whole(path, b"quick")
        sweep(tmp_path)
        assert list(abandoned(tmp_path)) == []
        assert draft.exists()
    assert path.read_bytes() == b"slow"


def test_several_files_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    old, new, folder = tmp_path / "old", tmp_path / "new", tmp_path / "folder"
    old.write_bytes(b"old")
    folder.mkdir()
    with pytest.raises(ResultError, match=r"folder: cannot be written \(Is a directory\)"):
        write_together({old: b"changed", new: b"content", folder: b"content"})
    assert old.read_bytes() == b"old"
    assert {one.name for one in tmp_path.iterdir()} == {"old", "folder"}
    write_together({old: b"changed", new: b"content"})
    assert (old.read_bytes(), new.read_bytes()) == (b"changed", b"content")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real file system of 64 KiB."""
    with mounted(tmp_path / "small", "64k") as disk:
        yield disk


def test_a_full_disk_changes_no_file_of_several(small_disk: Path) -> None:
    first, second = small_disk / "first", small_disk / "second"
    write_together({first: b"old", second: b"old"})
    with pytest.raises(ResultError, match=r"second: cannot be written \(No space left on device\)"):
        write_together({first: bytes(20_000), second: bytes(60_000)})
    assert first.read_bytes() == second.read_bytes() == b"old"
    assert {one.name for one in small_disk.iterdir()} == {"first", "second"}


EDITS = {
    "a clean score": lambda record: record["clean_scores"].update({next(iter(record["clean_scores"])): 0.987}),
    "a clean score taken away": lambda record: record["clean_scores"].popitem(),
    "a clean score of another name": lambda record: record["clean_scores"].update({"measure=AP": 0.987}),
    "an attacked score": lambda record: record["scores"][0].update(attacked=0.987),
    "a drop": lambda record: record["scores"][0].update(drop=0.0),
    "a relative drop": lambda record: record["scores"][0].update(relative_drop=0.0),
    "a drop made unknown": lambda record: record["scores"][0].update(drop=None),
    "coverage": lambda record: record["scores"][-1].update(coverage=0.123),
    "an edit rate": lambda record: record["scores"][-1].update(edit_rate=0.987),
    "a change of the rank distance": lambda record: record["scores"][-1].update(rank_distance_change=0.987),
    "a signature": lambda record: record["scores"][0].update(signature=record["scores"][0]["signature"] + "|seeds=9"),
    "a row taken away": lambda record: record["scores"].pop(),
    "a row twice": lambda record: record["scores"].append(record["scores"][0]),
}


@pytest.mark.parametrize("name", EDITS)
def test_scores_that_contradict_the_ranks_are_refused(name: str, result: Path, tmp_path: Path) -> None:
    record = json.loads(result.read_bytes())
    EDITS[name](record)
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ResultError, match=r"do not follow from the ranks.*attack again") as caught:
        load_result(edited)
    assert "\n" not in str(caught.value)


@pytest.fixture
def board(result: Path, tmp_path: Path) -> Path:
    """Make a leaderboard with one submission."""
    folder = tmp_path / "board"
    add_submission(result, folder, "org/char")
    return folder


def add_submission(result: Path, folder: Path, name: str) -> None:
    link = ["--link", "https://example.org/char"]
    irbench.main(["submit", str(result), "--name", name, *link, "--folder", str(folder)], standalone_mode=False)


def build(folder: Path, *more: str) -> None:
    irbench.main(["leaderboard", "build", "--folder", str(folder), *more], standalone_mode=False)


@pytest.mark.parametrize("linked", ["site", "site/index.html", "site/leaderboard.json", "leaderboard.json"])
def test_the_board_is_not_built_through_a_link(board: Path, tmp_path: Path, linked: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    link = board / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    if linked == "site":
        elsewhere.mkdir()
    else:
        elsewhere.write_text("precious", encoding="utf-8")
    with pytest.raises(ResultError, match="is a link or a device, which may lead out of"):
        build(board)
    assert list(elsewhere.iterdir()) == [] if linked == "site" else elsewhere.read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("linked", ["submissions", "submissions/mini", "submissions/mini/org--other.json"])
def test_nothing_is_submitted_through_a_link(result: Path, tmp_path: Path, linked: str) -> None:
    folder, elsewhere = tmp_path / "board", tmp_path / "elsewhere"
    link = folder / linked
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)  # of a file, it leads to one that is not there, so that the name looks free
    with pytest.raises(ResultError, match="is a link or a device, which may lead out of"):
        add_submission(result, folder, "org/other")
    assert not elsewhere.exists()


def test_canonical_digests_are_not_written_through_a_link(board: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (board / "canonical.json").symlink_to(elsewhere)
    with pytest.raises(ResultError, match="is a link or a device, which may lead out of"):
        write_canonical(board, {"key": "0" * 64})
    assert not elsewhere.exists()


def test_a_board_that_cannot_be_written_whole_stays_as_it_was(board: Path, result: Path) -> None:
    build(board)
    before = {path: path.read_bytes() for path in (board / "leaderboard.json", board / "site" / "leaderboard.json")}
    page = board / "site" / "index.html"
    page.unlink()
    page.mkdir()
    add_submission(result, board, "org/second")
    with pytest.raises(ResultError, match=r"index\.html: cannot be written \(Is a directory\)"):
        build(board)
    assert {path: path.read_bytes() for path in before} == before


def test_the_folder_of_the_board_is_swept(board: Path, result: Path) -> None:
    build(board)
    left = [killed_writer(board / place) for place in ("submissions/mini/gone.json", "site/index.html")]
    for path in left:
        made_old(path)
    build(board)
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize(("edited", "same"), [("retrieval/ranking.py", False), ("perturb/recipe.py", True)])
def test_cells_of_other_code_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str, same: bool
) -> None:
    """Versions are raised by people; a cell is named by the code itself. Of perturbation, the queries tell."""
    shutil.copytree(ROOT / "robustbench_ir", tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cell_cache, "files", lambda _: tmp_path / "code")
    before = cell_cache.code_digest.__wrapped__()
    with (tmp_path / "code" / edited).open("a", encoding="utf-8") as stream:
        stream.write("# edited\n")
    assert (cell_cache.code_digest.__wrapped__() == before) == same


@pytest.mark.parametrize("encoder", ["char-ngram", "bm25"])
def test_another_version_of_its_library_makes_another_encoder(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_encoder(encoder).description.fingerprint
    monkeypatch.setattr("robustbench_ir.encoders.lexical.version", lambda _: "99.9")
    assert load_encoder(encoder).description.fingerprint != before
