"""Threads for numpy, and work in other processes.

A BLAS product that uses all processors leaves threads behind that wait for the next product in a busy loop, so that
other threads are not faster. Therefore each thread multiplies by itself, with one BLAS thread.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType, ModuleType
from typing import Any, Literal, NamedTuple, TypeVar

from threadpoolctl import ThreadpoolController

from robustbench_ir.errors import OptionError, RobustBenchError, WorkerError

# Work in other processes of this machine. Each has a pipe of its own to the first process, and shares no lock.
#
# So a killed process is noticed at once, even while it writes its answer: its pipe ends. With one queue for all, as
# in `concurrent.futures`, the first process would wait forever for the rest of that answer.

_Request = TypeVar("_Request")
_Name = TypeVar("_Name")
_Made = TypeVar("_Made")
_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class _Failed(NamedTuple):
    """The error that a worker sends instead of what it was asked to make."""

    error: BaseException


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lost_work(what: str, done: int, names: int) -> str:
    """Return the message that work was lost, and how to continue."""
    return (
        f"{what} was killed or ran out of memory; {done} of {names} cells are finished and kept: "
        f"run the same command again to continue, with fewer --jobs if memory is short"
    )


def _made_in_processes(
    open_worker: Callable[[_Request], Callable[[_Name], _Made]], request: _Request, names: Sequence[_Name], jobs: int
) -> Generator[tuple[_Name, _Made], None, None]:
    """Make things in other processes of this machine; see `made_elsewhere`."""
    done = 0
    before = _on_broken_pipe(signal.SIG_IGN)
    workers: dict[Connection, SpawnProcess] = {}
    try:
        with _interrupts_ignored():
            for _ in range(min(jobs, len(names))):
                _start(workers, open_worker, request, max(1, processors() // jobs))
        left = iter(names)
        asked: dict[Connection, _Name] = {}
        for worker in workers:
            _ask(worker, asked, left)
        while asked:
            ready = wait(asked)
            for worker in [one for one in asked if one in ready]:
                try:
                    made = worker.recv()
                except (EOFError, OSError) as error:
                    raise WorkerError(_lost_work("a process", done, len(names))) from error
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
    open_worker: Callable[[_Request], Callable[[_Name], _Made]],
    request: _Request,
    threads: int,
) -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, open_worker, request, threads))
    process.start()
    theirs.close()  # only the worker has the other end, so that the pipe ends with it
    workers[ours] = process


def _ask(worker: Connection, asked: dict[Connection, _Name], left: Iterator[_Name]) -> None:
    for name in left:
        asked[worker] = name
        with suppress(BrokenPipeError):  # it has ended; reading its answer will say so
            worker.send(name)
        return


def _work(
    first_process: Connection,
    open_worker: Callable[[_Request], Callable[[_Name], _Made]],
    request: _Request,
    threads: int,
) -> None:
    """Make what the first process asks for, until it asks no more."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _divide_processors(threads)
    make: Callable[[_Name], _Made] | None = None
    while True:
        try:
            name = first_process.recv()
        except (EOFError, OSError):
            return
        try:
            make = make or open_worker(request)
            answer: _Made | _Failed = make(name)
        except BaseException as error:
            answer = _failed(error)
        try:
            first_process.send(answer)
        except BrokenPipeError:
            return
        except Exception as error:  # pickling can raise many kinds of error
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


def _on_broken_pipe(handler: _Handler) -> _Handler:
    """Set what happens when this process writes to a process that has ended; return the previous setting.

    The command line lets the signal end it, for `irbench tasks | head`; but the end of a worker must not end it.
    """
    if not hasattr(signal, "SIGPIPE") or threading.current_thread() is not threading.main_thread():
        return handler
    return signal.signal(signal.SIGPIPE, handler)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start processes that ignore Ctrl-C: the terminal sends it to all, and the first process ends the others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """End this process when the first process has ended, in whatever way, since its work is not needed any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _divide_processors(threads: int) -> None:
    from threadpoolctl import threadpool_limits

    # The variables are for libraries that are loaded later, such as torch; the limits for those that are loaded now.
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    threadpool_limits(threads)


_Part = TypeVar("_Part")
_Done = TypeVar("_Done")


def threads() -> int:
    """Return the number of threads that this process may use: OMP_NUM_THREADS, or one for each processor."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdigit() and int(limit) else processors()


def divided(rows: int, *, least: int = 1, most: int | None = None) -> list[slice]:
    """Return rows divided into parts, one for each thread if their sizes allow it.

    Parameters
    ----------
    rows : int
        Number of rows.
    least : int
        Smallest number of rows in a part.
    most : int, optional
        Largest number of rows in a part.
    """
    size = max(least, -(-rows // threads()))
    size = max(1, size if most is None else min(size, most))
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def in_threads(work: Callable[[_Part], _Done], parts: Sequence[_Part]) -> Iterator[_Done]:
    """Do work on several parts at a time, and yield the results in the order of the parts.

    Parameters
    ----------
    work : callable
        Takes a part; returns the result.
    parts : sequence
        The parts.
    """
    with _blas().limit(limits=1, user_api="blas"):
        if min(len(parts), threads()) < 2:
            yield from map(work, parts)
            return
        with ThreadPoolExecutor(threads()) as pool:
            yield from pool.map(work, parts)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # searches all loaded libraries, among which is numpy's


# Work in processes of this machine or on a Ray cluster.
#
# A worker is opened once in each process, with a request, and then makes one thing for each name that it receives. What
# it makes depends only on the request and the name, not on the order, place or number of processes.

Engine = Literal["local", "ray"]

_ATTEMPTS_AFTER_A_LOST_NODE = 5
_PASSED_ON = ("ROBUSTBENCH_IR_CACHE", "ROBUSTBENCH_IR_DATA", "PYTHONPATH")
_open: dict[str, Callable[[Any], Any]] = {}


def made_elsewhere(
    engine: Engine,
    open_worker: Callable[[_Request], Callable[[_Name], _Made]],
    request: _Request,
    names: Sequence[_Name],
    jobs: int,
) -> Generator[tuple[_Name, _Made], None, None]:
    """Make things in other processes, and yield each with its name as soon as it is finished.

    Parameters
    ----------
    engine : {"local", "ray"}
        Processes of this machine, or tasks on a Ray cluster; Ray repeats the work of a lost node.
    open_worker : callable
        Function of a module, called once in each process with the request; it returns the function that makes the thing
        of a name.
    request, names : objects
        Objects that can be pickled.
    jobs : int
        Number of processes, or of tasks at a time; they share the processors.

    Raises
    ------
    OptionError
        If the request cannot be sent to another process, or if Ray is not installed.
    WorkerError
        If a process ended before its work was done.
    RobustBenchError
        If a worker raised it.
    """
    try:
        pickle.dumps(request)
    except Exception as error:  # pickling can raise many kinds of error
        raise OptionError(
            f"this encoder or task cannot be sent to another process ({type(error).__name__}: {str(error)[:80]}); "
            f"name one, define its class in a module, or use a single job"
        ) from error
    return (_made_in_processes if engine == "local" else _on_ray)(open_worker, request, names, jobs)


def _on_ray(
    open_worker: Callable[[_Request], Callable[[_Name], _Made]], request: _Request, names: Sequence[_Name], jobs: int
) -> Generator[tuple[_Name, _Made], None, None]:
    ray = _ray()
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, logging_level="error")
    try:
        make = ray.remote(_make_on_ray).options(
            num_cpus=_processors_of_a_task(ray.nodes(), jobs),
            max_retries=_ATTEMPTS_AFTER_A_LOST_NODE,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": {one: os.environ[one] for one in _PASSED_ON if one in os.environ}},
        )
        run, sent = uuid.uuid4().hex, ray.put(request)
        waiting = {make.remote(run, open_worker, sent, name): name for name in names}
        while waiting:
            finished, _ = ray.wait(list(waiting), num_returns=1)
            made = _answer(ray, finished[0], len(names) - len(waiting), len(names))
            yield waiting.pop(finished[0]), made
    finally:
        if ours:
            ray.shutdown()


def _ray() -> ModuleType:
    try:
        return import_module("ray")
    except ImportError as error:
        raise OptionError("--engine ray needs Ray: pip install 'robustbench-ir[ray]'") from error


def _processors_of_a_task(nodes: Sequence[Mapping[str, Any]], jobs: int) -> int:
    counts = [int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"]]
    return max(1, min(sum(counts) // jobs, *(count for count in counts if count)))


def _answer(ray: ModuleType, finished: object, done: int, names: int) -> Any:
    try:
        return ray.get(finished)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise WorkerError(_lost_work(f"a task on Ray ({type(error).__name__})", done, names)) from error


def _make_on_ray(run: str, open_worker: Callable[[Any], Callable[[Any], Any]], request: object, name: object) -> object:
    """Make one thing; a process that Ray uses again still has its worker."""
    if run not in _open:
        _open.clear()
        _open[run] = open_worker(request)
    return _open[run](name)
