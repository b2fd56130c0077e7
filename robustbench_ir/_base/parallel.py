"""Threads for numpy, which lets others run while it works.

A product of matrices that divides itself among all processors leaves threads behind that wait for the next by spinning,
and counting beside them gains nothing. So each thread multiplies for itself, with one thread of BLAS.
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

# Work for other processes of this machine. Each has a pipe of its own to the first process, and no lock with others.
#
# So a process that is killed, even while it writes its answer, is seen at once: its pipe ends. With one queue for
# all, as in `concurrent.futures`, the first process would wait for the other half of that answer for ever.

_Request = TypeVar("_Request")
_Name = TypeVar("_Name")
_Made = TypeVar("_Made")
_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None


class _Failed(NamedTuple):
    """What a worker sends instead of what it was to make."""

    error: BaseException


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lost_work(what: str, done: int, names: int) -> str:
    """Say that work was lost, and how to go on."""
    return (
        f"{what} was killed or ran out of memory; {done} of {names} cells are finished and kept: "
        f"run the same command again to go on, with fewer --jobs if memory is short"
    )


def _made_in_processes(
    open_worker: Callable[[_Request], Callable[[_Name], _Made]], request: _Request, names: Sequence[_Name], jobs: int
) -> Generator[tuple[_Name, _Made], None, None]:
    """Make things in other processes of this machine; see `robustbench_ir._base.parallel.made_elsewhere`."""
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
    theirs.close()  # the worker has the only other end: the pipe ends with it
    workers[ours] = process


def _ask(worker: Connection, asked: dict[Connection, _Name], left: Iterator[_Name]) -> None:
    for name in left:
        asked[worker] = name
        with suppress(BrokenPipeError):  # it has ended: asked for its answer, its pipe says so
            worker.send(name)
        return


def _work(
    first_process: Connection,
    open_worker: Callable[[_Request], Callable[[_Name], _Made]],
    request: _Request,
    threads: int,
) -> None:
    """Make what is asked for, until nobody asks any more."""
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


def _on_broken_pipe(handler: _Handler) -> _Handler:
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


_Part = TypeVar("_Part")
_Done = TypeVar("_Done")


def threads() -> int:
    """Return how many threads this process may use: OMP_NUM_THREADS, as libraries do, else one for each processor."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else processors()


def divided(rows: int, *, least: int = 1, most: int | None = None) -> list[slice]:
    """Divide rows into one part for each thread, or as few or as many as parts of `least` to `most` rows need."""
    size = max(least, -(-rows // threads()))
    size = max(1, size if most is None else min(size, most))
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def in_threads(work: Callable[[_Part], _Done], parts: Sequence[_Part]) -> Iterator[_Done]:
    """Do the work on each part, several at a time, and yield what it returns, in their order."""
    with _blas().limit(limits=1, user_api="blas"):
        if min(len(parts), threads()) < 2:
            yield from map(work, parts)
            return
        with ThreadPoolExecutor(threads()) as pool:
            yield from pool.map(work, parts)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries; numpy's is among them for good


# How cells are made elsewhere: in processes on this machine, or on a Ray cluster. It knows nothing of what a cell is.
#
# A worker is opened once in each process, from a request that can be sent there, and then makes what it is named.
# What it makes depends on the request and the name alone, so that order, place and number of processes cannot change
# it.

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
    """Make things in other processes, and yield each with its name as it is finished.

    Parameters
    ----------
    engine : {"local", "ray"}
        Processes of this machine, or tasks on the Ray cluster at hand; Ray makes again what a lost node was making.
    open_worker : callable
        Of a module: called once in each process, with the request; gives the function that makes what it is named.
    request, names : objects
        What can be pickled.
    jobs : int
        Number of processes, or of tasks at a time; the processors are divided among them.

    Raises
    ------
    OptionError
        The request cannot be sent to another process, or Ray is not installed.
    WorkerError
        A process ended before its work was done.
    RobustBenchError
        Whatever a worker raised.
    """
    try:
        pickle.dumps(request)
    except Exception as error:  # what cannot be pickled says so in many ways
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
    """Make one thing; a process that Ray uses again has its worker still open."""
    if run not in _open:
        _open.clear()
        _open[run] = open_worker(request)
    return _open[run](name)
