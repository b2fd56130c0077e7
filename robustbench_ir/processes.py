"""Work for other processes of this machine. Each has a pipe of its own to the first process, and no lock with others.

So a process that is killed, even while it writes its answer, is seen at once: its pipe ends. With one queue for all, as
in `concurrent.futures`, the first process would wait for the other half of that answer for ever.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from robustbench_ir.errors import RobustBenchError, WorkerError

Request = TypeVar("Request")
Name = TypeVar("Name")
Made = TypeVar("Made")
Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class _Failed(NamedTuple):
    """What a worker sends instead of what it was to make."""

    error: BaseException


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lost(what: str, done: int, names: int) -> str:
    """Say that work was lost, and how to go on."""
    return (
        f"{what} was killed or ran out of memory; {done} of {names} cells are finished and kept: "
        f"run the same command again to go on, with fewer --jobs if memory is short"
    )


def made_in_processes(
    open_worker: Callable[[Request], Callable[[Name], Made]], request: Request, names: Sequence[Name], jobs: int
) -> Generator[tuple[Name, Made], None, None]:
    """Make things in other processes of this machine; see `robustbench_ir.engine.made_elsewhere`."""
    done = 0
    before = _on_broken_pipe(signal.SIG_IGN)
    workers: dict[Connection, SpawnProcess] = {}
    try:
        with _interrupts_ignored():
            for _ in range(min(jobs, len(names))):
                _start(workers, open_worker, request, max(1, processors() // jobs))
        left = iter(names)
        asked: dict[Connection, Name] = {}
        for worker in workers:
            _ask(worker, asked, left)
        while asked:
            ready = wait(asked)
            for worker in [one for one in asked if one in ready]:
                try:
                    made = worker.recv()
                except (EOFError, OSError) as error:
                    raise WorkerError(lost("a process", done, len(names))) from error
                name = asked.pop(worker)
                if isinstance(made, _Failed):
                    raise made.error
                _ask(worker, asked, left)
                done += 1
                yield name, made
    finally:
        for worker, process in workers.items():
            worker.close()
            if done < len(names):
                process.terminate()
        _on_broken_pipe(before)


def _start(
    workers: dict[Connection, SpawnProcess],
    open_worker: Callable[[Request], Callable[[Name], Made]],
    request: Request,
    threads: int,
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, open_worker, request, threads))
    process.start()
    theirs.close()  # the worker has the only other end: the pipe ends with it
    workers[ours] = process


def _ask(worker: Connection, asked: dict[Connection, Name], left: Iterator[Name]) -> None:
    for name in left:
        asked[worker] = name
        with suppress(BrokenPipeError):  # it has ended: asked for its answer, its pipe says so
            worker.send(name)
        return


def _work(
    first_process: Connection, open_worker: Callable[[Request], Callable[[Name], Made]], request: Request, threads: int
) -> None:
    """Make what is asked for, until nobody asks any more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _divide_processors(threads)
    make: Callable[[Name], Made] | None = None
    while True:
        try:
            name = first_process.recv()
        except (EOFError, OSError):
            return
        try:
            make = make or open_worker(request)
            answer: Made | _Failed = make(name)
        except BaseException as error:
            answer = _failed(error)
        try:
            first_process.send(answer)
        except BrokenPipeError:
            return
        except Exception as error:  # what cannot be pickled says so in many ways
            first_process.send(_failed(error))


def _failed(error: BaseException) -> _Failed:
    """Return an error in a form that the first process can read."""
    if not isinstance(error, RobustBenchError):
        error.add_note(f"in another process:\n{''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes; some errors are written and cannot be read
    except Exception:
        return _Failed(WorkerError(f"a process failed: {type(error).__name__}: {error}"))
    return _Failed(error)


def _on_broken_pipe(handler: Handler) -> Handler:
    """Choose what happens when a process is written to that has ended, and return what was chosen before.

    The command line has such a signal end it, for `irbench tasks | head`; but a worker's end is no reason to end.
    """
    if not hasattr(signal, "SIGPIPE") or threading.current_thread() is not threading.main_thread():
        return handler
    return signal.signal(signal.SIGPIPE, handler)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start processes that never see Ctrl-C: the terminal sends it to all, and the first process ends the others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """End when the first process is gone, however it ended: nobody would ever take the work."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _divide_processors(threads: int) -> None:
    from threadpoolctl import threadpool_limits

    # The first is for libraries that are yet to be loaded, such as torch; the second for those that are.
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    threadpool_limits(threads)
