"""How cells are made elsewhere: in processes on this machine, or on a Ray cluster. It knows nothing of what a cell is.

A worker is opened once in each process, from a request that can be sent there, and then makes what it is named. What it
makes depends on the request and the name alone, so that order, place and number of processes cannot change it.
"""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, TypeVar

from robustbench_ir.errors import OptionError, WorkerError
from robustbench_ir.processes import lost, made_in_processes

Engine = Literal["local", "ray"]
Request = TypeVar("Request")
Name = TypeVar("Name")
Made = TypeVar("Made")

_ATTEMPTS_AFTER_A_LOST_NODE = 5
_PASSED_ON = ("ROBUSTBENCH_IR_CACHE", "ROBUSTBENCH_IR_DATA", "PYTHONPATH")
_open: dict[str, Callable[[Any], Any]] = {}


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
    return (made_in_processes if engine == "local" else _on_ray)(open_worker, request, names, jobs)


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
        raise WorkerError(lost(f"a task on Ray ({type(error).__name__})", done, names)) from error


def _make_on_ray(run: str, open_worker: Callable[[Any], Callable[[Any], Any]], request: object, name: object) -> object:
    """Make one thing; a process that Ray uses again has its worker still open."""
    if run not in _open:
        _open.clear()
        _open[run] = open_worker(request)
    return _open[run](name)
