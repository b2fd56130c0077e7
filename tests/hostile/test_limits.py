"""Too large, too deep, too long, too many, no room: one line each, which says the next step, and soon."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import robustbench_ir as rb
from robustbench_ir._base.bounded_json import bounded_json
from robustbench_ir.errors import CardError, OptionError, ResultError
from robustbench_ir.leaderboard.reading import entry_from_json
from robustbench_ir.leaderboard.serving import BoardServer
from robustbench_ir.metrics.settings import nanmean
from robustbench_ir.resources.cards import read_toml
from robustbench_ir.results.file import result_from_json, result_to_json

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from robustbench_ir.cli import main; main()"]
WITH_PEAK = """
import atexit, resource, sys, time
from robustbench_ir.cli import main
atexit.register(lambda: print(time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
main()
"""
SHELL = ["sh", "-c", '"$@"; exit $?', "sh"]
"""A small parent: what the parent held before it began a process counts for the process too."""

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def honest() -> str:
    """Return the text of an honest result."""
    return result_to_json(rb.attack("char-ngram", "mini", ["typo"], languages=["en", "sw"]))


def irbench(
    *arguments: object,
    limit: Callable[[], None] | None = None,
    program: list[str] = COMMAND,
    folder: Path | None = None,
    **environment: str,
) -> tuple[int, str, str]:
    """Run a command in a process of its own, in this folder or another, and return its status and what it printed."""
    done = subprocess.run(
        [*program, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        preexec_fn=limit,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def assert_one_line(status: int, error: str) -> None:
    assert status == 2, error
    assert "Traceback" not in error
    assert error.splitlines()[-1].startswith("irbench: ")


def filled(size: int, unit: bytes, head: bytes, tail: bytes) -> bytes:
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


BOMBS: dict[str, Callable[[int], bytes]] = {
    "unknown keys": lambda size: b"{" + b",".join(b'"k%07d":1' % n for n in range(size // 13)) + b"}",
    "one unknown list of numbers": lambda size: filled(size, b"999,", b'{"schema_version":1,"x":[', b"1]}"),
    "texts": lambda size: filled(size, b'"ab",', b'{"x":[', b'""]}'),
    "lists": lambda size: filled(size, b"[],", b'{"x":[', b"[]]}"),
    "objects": lambda size: filled(size, b"{},", b'{"cells":[', b"{}]}"),
    "objects that lack keys": lambda size: filled(size, b'{"a":1},', b'{"scores":[', b"{}]}"),
    "depth": lambda size: b"[" * size,
    "one long text": lambda size: b'{"irbench":"' + b"x" * (size - 14) + b'"}',
    "one long key": lambda size: b'{"' + b"x" * (size - 14) + b'":1}',
    "a long text of another script": lambda size: b'{"x":"' + "😀".encode() + b"x" * (size - 14) + b'"}',
    "another script": lambda size: b'{"x":"' + "ह".encode() * (size // 3 - 5) + b'"}',
    "spaces": lambda size: b"{" + b" " * (size - 2) + b"}",
    "digits": lambda size: b'{"schema_version":' + b"1" * (size - 20) + b"}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_of_a_mebibyte_is_refused_in_one_line(name: str) -> None:
    content = BOMBS[name](MEBIBYTE)
    for read in (entry_from_json, result_from_json):
        with pytest.raises(ResultError) as refused:
            read(content, "file.json")
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 600


# All of them are tried at a mebibyte above; these are the ones that once took most time or memory.
@pytest.mark.slow
@pytest.mark.parametrize("name", ["unknown keys", "objects that lack keys"])
@pytest.mark.parametrize("command", ["leaderboard check --offline", "show"])
def test_a_file_of_64_mebibytes_is_refused_in_2_seconds_and_500_megabytes(
    tmp_path: Path, name: str, command: str
) -> None:
    small, bomb = tmp_path / "small.json", tmp_path / "bomb.json"
    small.write_text("{}", encoding="utf-8")
    bomb.write_bytes(BOMBS[name](64 * MEBIBYTE - 100))
    took = []
    for path in (small, bomb):
        # Away from the entries of this repository, which would be read and checked first.
        program = [*SHELL, sys.executable, "-c", WITH_PEAK]
        status, _, said = irbench(*command.split(), path, program=program, folder=tmp_path)
        seconds, peak = said.splitlines()[-1].split()
        took.append(float(seconds))  # of the processor, since the machine does other things too
        assert status == 2
    assert int(peak) * 1024 < 500e6
    assert took[1] - took[0] < 2, "without what the imports take"


def test_what_costs_memory_is_counted_before_it_is_read() -> None:
    assert bounded_json(b'{"a": [1, 2, null, "\xc3\xa9"]}', 2_000) == {"a": [1, 2, None, "é"]}
    with pytest.raises(ValueError, match="too many keys, lists, texts or numbers"):
        bounded_json(b"[" + b"1," * 1_000 + b"1]", 2_000)
    for bad in (b'{"a":1,"a":1}', b"[NaN]", b"[-Infinity]", b'{"a":"\xff"}', b"[" * 50_000, b"", b'{"a":"\xc3"}'):
        with pytest.raises(ValueError, match=r"."):
            bounded_json(bad, 64 * MEBIBYTE)


def changed(honest: str, *path: str | int, value: object) -> str:
    record = json.loads(honest)
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(record)


@pytest.mark.parametrize("number", [2**31, 2**63, 2**64, -(2**31) - 1, 10**400, -1, 1.5, True, "1e9", None])
@pytest.mark.parametrize(
    "path",
    [
        ("clean", "rank_in_pool", 0),
        ("attacked", 0, "rank_in_language", 0),
        ("judgements", "grade", 0),
        ("judgements", "query", 0),
        ("judgements", "relevant_from"),
        ("clean", "tied", 0),
        ("pool", "en"),
        ("attacked", 0, "severity"),
    ],
    ids=str,
)
def test_numbers_beyond_an_array_are_one_line(honest: str, path: tuple[str | int, ...], number: object) -> None:
    if path[1] == "tied":
        honest = changed(honest, "clean", "tied", value=[0])
    if number is True:
        pytest.skip("True is 1 there")
    with pytest.raises(ResultError) as refused:
        result_from_json(changed(honest, *path, value=number), "file.json")
    assert "\n" not in str(refused.value)


def test_a_list_that_is_too_long_is_found_before_it_is_read(honest: str) -> None:
    many = [1] * 300_000
    with pytest.raises(ResultError, match="grade: 300,000 values"):
        result_from_json(changed(honest, "judgements", "grade", value=many), "file.json")
    with pytest.raises(ResultError, match="rank_in_pool: 300,000 values"):
        result_from_json(changed(honest, "attacked", 0, "rank_in_pool", value=many), "file.json")
    # A list in a name is a name.
    assert result_from_json(changed(honest, "encoder", "notes", value=["see [1, 2]", "[3]"])).encoder.notes


@pytest.mark.parametrize("seeds", [0, -1, 1_001, 10**9, 10**30])
def test_seeds_are_bounded_at_once(seeds: int) -> None:
    with pytest.raises(OptionError, match="1 to 1000"):
        rb.attack("char-ngram", "mini", ["typo"], seeds=seeds)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("attack --seeds 1000000000 --plan", "1 to 1000"),
        ("attack --severity 99999999999999999999 --plan", "1 to 5"),
        ("attack --jobs 100000000 --plan", "4,096"),
        ("attack --search greedy --starts 100000000000", "0 to 10,000"),
        ("attack --search best-of-100000000000", "at most 10,000"),
        ("attack --search greedy --budget-queries 99999999999999999999", "at most 1,000,000"),
        ("attack --search greedy --budget-words 99999999999999999999", "at most 1,000,000"),
        ("audit typo --seeds 1000000000", "1<=x<=1000"),
        ("report x.json --resamples 100000000000", "100<=x<=1000000"),
        ("show /dev/zero", "is a device"),
        ("leaderboard serve --port 99999", "0<=x<=65535"),
        (f"show {'x' * 300}", "File name too long"),
        (f"attack --out {'x' * 300}.json", "File name too long"),
        (f"attack --task ./{'x' * 300}", "x"),
        (f"attack --cards {'x' * 300}", "x"),
        (f"leaderboard build --folder {'x' * 300}", "x"),
    ],
)
def test_arguments_that_no_machine_can_work_off(
    arguments: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from robustbench_ir import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["irbench", *arguments.split()])
    start = time.perf_counter()
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert_one_line(int(stopped.value.code or 0), error := capsys.readouterr().err)
    assert message in error
    assert time.perf_counter() - start < 10


def test_a_deep_card_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    for text in (f"a = {'[' * 100_000}", f"a = {'{a = ' * 50_000}", "[" + "a." * 100_000 + "a]"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CardError) as refused:
            read_toml(path)
        assert len(str(refused.value).splitlines()) == 1


def test_means_of_nothing_warn_in_no_thread() -> None:
    rows = np.full((50, 20), np.nan)
    rows[0, 0] = 1.0
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        threads = [threading.Thread(target=lambda: [nanmean(rows, axis=1) for _ in range(300)]) for _ in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert told == []
    assert nanmean(rows, axis=0)[0] == 1.0
    assert np.isnan(nanmean(rows, axis=0)[1:]).all()
    known = np.array([[1.0, np.nan, 4.0], [2.0, 2.0, np.nan]])
    assert nanmean(known, axis=1).tolist() == [2.5, 2.0]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<p>board</p>", encoding="utf-8")
    (site / "leaderboard.json").write_text("{}", encoding="utf-8")
    (site / "passwords").symlink_to("/etc/passwd")
    (site / "etc").symlink_to("/etc")
    return site / "index.html"


@pytest.fixture
def server(page: Path):
    with BoardServer(page, 0) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield made
        made.shutdown()


def asked(server: BoardServer, path: str, host: str | None, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    connection.putrequest(method, path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_the_page_is_served_to_this_machine_and_nothing_else_is(server: BoardServer) -> None:
    here = f"127.0.0.1:{server.server_address[1]}"
    assert asked(server, "/", here) == (200, b"<p>board</p>")
    assert asked(server, "/index.html?x=1", "localhost") == (200, b"<p>board</p>")
    assert asked(server, "/leaderboard.json", here) == (200, b"{}")
    assert asked(server, "/", here, "HEAD") == (200, b"")
    for path in ("/passwords", "/etc/passwd", "/etc/", "/../x", "//etc/passwd", "/%2e%2e/", "/site", "/.", "*"):
        assert asked(server, path, here)[0] == 404, path
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil", "", None):
        status, content = asked(server, "/", host)
        assert status == 421, host
        assert b"board" not in content
    assert asked(server, "/", here, "POST")[0] == 501


def test_a_used_port_is_one_line(server: BoardServer, page: Path) -> None:
    with pytest.raises(OptionError, match="--port"):
        BoardServer(page, server.server_address[1])


@pytest.mark.slow
def test_a_stopped_server_says_so(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "leaderboard", "serve", "--port", "0", "--folder", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "no longer served\n", "")


@pytest.fixture(scope="module")
def result_file(honest: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("result") / "result.json"
    path.write_text(honest, encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
    ],
    ids=str,
)
def test_a_terminal_that_has_no_sign_for_a_letter(result_file: Path, environment: dict[str, str]) -> None:
    for arguments in (
        ("show", result_file),
        ("preview", "typo", "--language", "hi", "नमस्ते दुनिया"),
        ("tasks",),
        ("report", result_file, "--format", "csv"),
        ("show", "é北\u202e"),
    ):
        status, out, err = irbench(*arguments, **environment)
        assert "Traceback" not in err
        assert status == (2 if arguments[-1] == "é北\u202e" else 0), err
        assert out or err


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["tasks", "--help", "--version", "show FILE", "report FILE --format csv"])
def test_an_output_without_room_is_one_line(result_file: Path, arguments: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    command = [*COMMAND, *arguments.replace("FILE", str(result_file)).split()]
    with full.open("wb") as nowhere:
        done = subprocess.run(command, cwd=ROOT, stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False)
    assert_one_line(done.returncode, done.stderr)
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_closed_output_is_no_traceback(result_file: Path) -> None:
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "show", str(result_file)]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [800, 1_200, 1_500])
def test_little_memory_is_one_line(tmp_path: Path, megabytes: int) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * MEBIBYTE, megabytes * MEBIBYTE))

    out = tmp_path / "out.json"
    status, _, err = irbench(
        "attack", "--model", "char-ngram", "--out", out, limit=limited, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"
    )
    assert "Traceback" not in err
    assert status in {0, 2}
    if status == 2:
        assert_one_line(status, err)


@pytest.mark.parametrize(("fault", "told"), [("MemoryError", False), ("ValueError", True)])
def test_a_fault_while_an_object_is_freed_is_told_unless_memory_ran_out(fault: str, told: bool) -> None:
    program = f"""
import sys
from robustbench_ir import cli
class Freed:
    def __del__(self):
        raise {fault}
sys.argv = ["irbench", "--version"]
try:
    cli.main()
finally:
    Freed()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert ("Exception ignored" in done.stderr) == told
