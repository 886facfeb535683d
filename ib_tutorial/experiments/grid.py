"""Run the cells of a grid, in this process, in several or on a Dask cluster, and hand over each cell's rows as they come."""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from tqdm import tqdm

from ib_tutorial.experiments.record import Cell
from ib_tutorial.stopping import deaf, end_with_parent
from ib_tutorial.waiting import waiting_bounded

ANSWERS_WITHIN = 10
"""Seconds in which a scheduler must answer, and then again seconds in which it must have a worker."""

Finished = tuple[Cell, Any, float]


def run_cells(
    function: Callable[[Cell], Any],
    cells: Sequence[Cell],
    jobs: int | None = None,
    scheduler: str | None = None,
    stage_size: int | None = None,
) -> Generator[Finished, None, None]:
    """Yield (cell, what `function` returned, seconds) as cells finish, in any order. Close the iterator to stop what still runs.

    Small networks gain more from a core each than from sharing the cores, so every process computes with its share of the
    threads. One job stays in this process and needs no joblib. An exception in a cell is raised here, with a note that names the cell.

    Args:
        function: computes one cell.
        cells: those that are left to compute.
        jobs: processes; by default one per core (see `cores`).
        scheduler: address of a Dask scheduler, whose workers run the cells instead; see `on_cluster`.
        stage_size: how many cells there were before any was computed; by default those in `cells`. Jobs and threads follow from
            it, so that the last cells of a resumed run are computed as the first ones were.

    Raises:
        ChildProcessError: a process died.
    """
    if not cells:
        return
    if scheduler is not None:
        yield from on_cluster(function, cells, scheduler)
        return
    jobs = min(cores() if jobs is None else jobs, stage_size or len(cells))
    if jobs <= 1:
        for cell in cells:
            yield timed(function, cell)
    else:
        yield from in_processes(function, cells, jobs, threads=max(1, cores() // jobs))


def cores() -> int:
    """The cores that this process may use: those that LOKY_MAX_CPU_COUNT leaves it, as for joblib, or all of the machine's."""
    return int(os.environ.get("LOKY_MAX_CPU_COUNT") or os.cpu_count() or 1)


def timed(function: Callable[[Cell], Any], cell: Cell) -> Finished:
    start = time.perf_counter()
    try:
        result = function(cell)
    except Exception as error:
        error.add_note(f"in the cell {cell}")
        raise
    return cell, result, time.perf_counter() - start


def prepare_worker(parent: int) -> None:
    """Prepare a process that computes cells for the process `parent`. It is called once in each."""
    end_with_parent(parent)
    tqdm.set_lock(threading.RLock())  # a killed process would leak the semaphore of tqdm's own lock, with a warning


def timed_on_threads(function: Callable[[Cell], Any], cell: Cell, threads: int) -> Finished:
    torch.set_num_threads(threads)
    return timed(function, cell)


def in_processes(function: Callable[[Cell], Any], cells: Sequence[Cell], jobs: int, threads: int) -> Iterator[Finished]:
    try:
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError
    except ImportError as error:
        raise ImportError(f"{error}; several processes need `pip install joblib`; --jobs 1 needs nothing") from error

    parallel = Parallel(
        n_jobs=jobs,
        backend="loky",
        return_as="generator_unordered",
        initializer=prepare_worker,
        initargs=(os.getpid(),),
    )
    with deaf(), waiting_bounded():
        finished = parallel(delayed(timed_on_threads)(function, cell, threads) for cell in cells)
    try:
        yield from finished
    except TerminatedWorkerError as error:
        raise ChildProcessError("a process was killed, perhaps for want of memory; try fewer --jobs") from error


def on_cluster(function: Callable[[Cell], Any], cells: Sequence[Cell], scheduler: str) -> Iterator[Finished]:
    """Run each cell as a task of a Dask cluster.

    If a worker dies, the others run the cells that it had not handed over. If all workers die, new ones are awaited. Dask would compute a
    cell anew if a dead worker held its result and a future still referred to it, so a future is released before its rows are yielded.
    The client is closed at the end, also after an error, and this cancels the tasks that have not begun.
    """
    with connected(scheduler) as client:
        from distributed import CancelledError, KilledWorker, as_completed

        cell_of = dict(zip(client.map(on_one_thread, [function] * len(cells), cells, pure=False), cells, strict=True))
        for future in as_completed(cell_of):
            cell = cell_of.pop(future)
            try:
                finished = future.result()
            except KilledWorker as error:
                raise ChildProcessError(
                    f"{error.allowed_failures + 1} workers died with the cell {cell} in hand or next; their logs may say why"
                ) from error
            except CancelledError as error:
                raise ConnectionError(f"the Dask scheduler at {scheduler} went away") from error
            future.release()
            yield finished


def on_one_thread(function: Callable[[Cell], Any], cell: Cell) -> Finished:
    """Run a cell on a worker that runs one cell at a time. Cells in two threads would draw from one random state."""
    from distributed import get_worker

    worker = get_worker()
    if worker.state.nthreads > 1:
        raise ValueError(
            f"the worker {worker.address} has {worker.state.nthreads} threads, and cells must not share a process; "
            "start it with --nthreads 1 (and --nworkers N for N at once)"
        )
    return timed(function, cell)


def on_every_worker(function: Callable[[], Any], scheduler: str) -> dict[str, Any]:
    """What `function` returns on each worker there is, by the worker's address."""
    with connected(scheduler) as client:
        found = client.run(function, on_error="return")
    for address, result in found.items():
        if isinstance(result, Exception):
            result.add_note(f"on the worker {address}")
            raise result
    return found


@contextmanager
def connected(scheduler: str) -> Iterator[Any]:
    """A client of a Dask scheduler that has a worker.

    Raises:
        ConnectionError: no scheduler answers, or it has no worker.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise ImportError(f'{error}; a cluster needs `pip install "dask[distributed]"`, here and there') from error

    how = "`dask worker ADDRESS --nthreads 1` on machines that have this code and the data"
    try:
        get_address_host_port(scheduler, strict=True)  # ValueError; Client would hang on an address without a port
        client = Client(scheduler, timeout=ANSWERS_WITHIN)
    except (OSError, ValueError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {scheduler!r} ({error}); start one with `dask scheduler`, which prints its "
            f"ADDRESS, and workers with {how}"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=ANSWERS_WITHIN)
        except TimeoutError as error:
            raise ConnectionError(f"the Dask scheduler at {scheduler} has no workers; start some with {how}") from error
        yield client
