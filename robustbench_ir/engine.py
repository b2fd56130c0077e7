"""How cells are made elsewhere: in processes on this machine, or on a Ray cluster. It knows nothing of what a cell is.

A worker is opened once in each process, from a request that can be sent there, and then makes what it is named. What it
makes depends on the request and the name alone, so that order, place and number of processes cannot change it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib import import_module
from types import FrameType, ModuleType
from typing import Any, Literal, TypeVar

from robustbench_ir.errors import OptionError, WorkerError

Engine = Literal["local", "ray"]
Request = TypeVar("Request")
Name = TypeVar("Name")
Made = TypeVar("Made")
Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

_ATTEMPTS_AFTER_A_LOST_NODE = 5
_PASSED_ON = ("ROBUSTBENCH_IR_CACHE", "ROBUSTBENCH_IR_DATA", "PYTHONPATH")
_open: dict[str, Callable[[Any], Any]] = {}
_begun: list[Callable[[], Callable[[Any], Any]]] = []


def made_elsewhere(
    engine: Engine,
    open_worker: Callable[[Request], Callable[[Name], Made]],
    request: Request,
    names: Sequence[Name],
    jobs: int,
) -> Generator[tuple[Name, Made], None, None]:
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
    return (_in_processes if engine == "local" else _on_ray)(open_worker, request, names, jobs)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_processes(
    open_worker: Callable[[Request], Callable[[Name], Made]], request: Request, names: Sequence[Name], jobs: int
) -> Generator[tuple[Name, Made], None, None]:
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(jobs, len(names)) or 1,
        multiprocessing.get_context("spawn"),
        _begin,
        (open_worker, request, max(1, processors() // jobs)),
    )
    done = 0
    before = _on_broken_pipe(signal.SIG_IGN)
    try:
        with _interrupts_ignored():
            futures = {pool.submit(_make, name): name for name in names}
        for future in as_completed(futures):
            made = future.result()
            done += 1
            yield futures[future], made
    except BrokenProcessPool as error:
        raise WorkerError(_lost("a process", done, len(names))) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if done < len(names):
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
        else:
            _on_broken_pipe(before)


def _lost(what: str, done: int, names: int) -> str:
    return (
        f"{what} was killed or ran out of memory; {done} of {names} cells are finished and kept: "
        f"run the same command again to go on, with fewer --jobs if memory is short"
    )


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


def _begin(open_worker: Callable[[Request], Callable[[Name], Made]], request: Request, threads: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _divide_processors(threads)
    # Opened at the first cell: an error there is an answer, an error here would break the pool.
    _begun[:] = [lambda: open_worker(request)]


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


def _make(name: object) -> Any:
    if "" not in _open:
        _open[""] = _begun[0]()
    return _open[""](name)


def _on_ray(
    open_worker: Callable[[Request], Callable[[Name], Made]], request: Request, names: Sequence[Name], jobs: int
) -> Generator[tuple[Name, Made], None, None]:
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
        raise WorkerError(_lost(f"a task on Ray ({type(error).__name__})", done, names)) from error


def _make_on_ray(run: str, open_worker: Callable[[Any], Callable[[Any], Any]], request: object, name: object) -> object:
    """Make one thing; a process that Ray uses again has its worker still open."""
    if run not in _open:
        _open.clear()
        _open[run] = open_worker(request)
    return _open[run](name)
