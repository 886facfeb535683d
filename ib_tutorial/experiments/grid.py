"""Run the cells of a grid, in this process or in several, and hand over each cell's rows as soon as they are there."""

import os
import time
from collections.abc import Callable, Iterator, Sequence

import torch

from ib_tutorial.experiments.record import Cell, Row


def run_cells(
    function: Callable[[Cell], list[Row]], cells: Sequence[Cell], jobs: int | None = None
) -> Iterator[tuple[Cell, list[Row], float]]:
    """Yield (cell, rows, seconds) as cells finish, in any order.

    jobs: processes; by default one per core. Small networks gain more from a core each than from sharing the cores, so
    every process computes with its share of the threads. One job stays in this process and needs no joblib.
    """
    cores = os.cpu_count() or 1
    jobs = min(cores if jobs is None else jobs, len(cells))
    if jobs <= 1:
        for cell in cells:
            yield timed(function, cell)
        return

    from joblib import Parallel, delayed

    threads = max(1, cores // jobs)
    parallel = Parallel(n_jobs=jobs, backend="loky", return_as="generator_unordered")
    yield from parallel(delayed(timed)(function, cell, threads) for cell in cells)


def timed(
    function: Callable[[Cell], list[Row]], cell: Cell, threads: int | None = None
) -> tuple[Cell, list[Row], float]:
    if threads is not None:
        torch.set_num_threads(threads)
    start = time.perf_counter()
    rows = function(cell)
    return cell, rows, time.perf_counter() - start
