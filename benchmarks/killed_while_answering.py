"""Kill a worker in the middle of its answer: why processes.py has a pipe for each worker, and is not loky.

    python benchmarks/killed_while_answering.py

Each line says what the first process sees when one of two workers has sent 100 bytes of a megabyte and is killed.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from robustbench_ir._base.parallel import made_elsewhere
from robustbench_ir.errors import WorkerError

PATIENCE_SECONDS = 20


def killed_while_answering(name: str) -> bytes:
    def half(self: Connection, message: bytes) -> None:
        os.write(self.fileno(), struct.pack("!i", len(message)) + bytes(message)[:100])
        os.kill(os.getpid(), signal.SIGKILL)

    if name == "killed":
        Connection._send_bytes = half  # type: ignore[attr-defined]
    return bytes(1 << 20)


def open_worker(_: str) -> Callable[[str], bytes]:
    return killed_while_answering


def ours() -> str:
    try:
        return f"{len(list(made_elsewhere('local', open_worker, '', ['quick', 'killed'], 2)))} answers"
    except WorkerError as error:
        return str(error)


def lokys() -> str:
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

    executor = ProcessPoolExecutor(2)
    try:
        return f"{len([executor.submit(killed_while_answering, one).result() for one in ('quick', 'killed')])} answers"
    except Exception as error:
        return f"{type(error).__name__}"


def main() -> None:
    """Run each in a process of its own, since one of them may never end."""
    for name in ("ours", "lokys"):
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, __file__, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            seen = process.communicate(timeout=PATIENCE_SECONDS)[0].decode().strip()
        except subprocess.TimeoutExpired:
            seen = "nothing: it waits for ever"
            os.killpg(process.pid, signal.SIGKILL)
        print(f"{name}\t{time.monotonic() - began:.1f} s\t{seen}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print({"ours": ours, "lokys": lokys}[sys.argv[1]](), flush=True)
    else:
        main()
