"""Compares a grid of small runs, in a process per core or all stacked into one program, with one run after another."""

import os
from functools import lru_cache, partial
from itertools import product

import torch

from ib_tutorial.experiments.grid import run_cells
from ib_tutorial.nn import mlp, noise
from ib_tutorial.training import fit, fit_stacked

from .bounds import median_seconds
from .harness import ALL_CORES, Missing, Sides, comparison
from .training import BATCH, LR, Data, silence
from .usual import copy_state, usual_epoch, usual_loader, usual_mlp, usual_optimiser

CELLS = [dict(beta=beta, seed=seed) for beta, seed in product((0.0, 1.0, 10.0, 100.0), range(3))]
FEW = BATCH
"""Images of the check: one batch, so that the order of the images cannot matter."""


@lru_cache
def data(n_images: int) -> Data:
    """Once per process."""
    return Data("mnist", (28, 28, 1), n_images, "cpu")


def our_run(width: int, n_images: int, noisy: bool, cell: dict, threads: int | None = None) -> list[dict]:
    """Train one cell of the grid for an epoch, and return its mean loss."""
    images = data(n_images)
    torch.manual_seed(cell["seed"])
    network = mlp(width)
    with noise(network, on=noisy):
        (epoch,) = fit(
            network, images.x, images.y, epochs=1, lr=LR, beta=cell["beta"], batch_size=BATCH, seed=cell["seed"],
            precision="float32", threads=threads, progress=False,
        )  # fmt: skip
    return [dict(loss=epoch.loss)]


def usual_run(width: int, n_images: int, noisy: bool, workers: int, cell: dict) -> float:
    """Do the same in the way that one would otherwise write it."""
    torch.manual_seed(cell["seed"])
    network = usual_mlp(width)
    copy_state(mlp_of(width, cell["seed"]), network)
    if not noisy:
        silence(network)
    loader = usual_loader(data(n_images).dataset, BATCH, workers)
    return usual_epoch(network, loader, usual_optimiser(network, LR), cell["beta"] / n_images)


def mlp_of(width: int, seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return mlp(width)


@comparison(
    "grid",
    target=4,
    note="12 runs (4 betas, 3 seeds) of an epoch of the MLP 3x100, by ib_tutorial's grid: the usual loop, one run after another",
    smoke=dict(width=8, n_images=200, workers=0),
    threads=ALL_CORES,
)
def grid(width: int = 100, n_images: int = 60_000, workers: int | None = None, n_peer: int = 1) -> Sides:
    try:
        import joblib  # noqa: F401
    except ImportError as error:
        raise Missing(f"the grid's processes need joblib ({error}): pip install joblib") from error

    cores = os.cpu_count() or 1
    workers = cores if workers is None else workers

    def ours(noisy: bool = True, n: int = n_images) -> list[float]:
        finished = {
            tuple(cell.values()): rows for cell, rows, _ in run_cells(partial(our_run, width, n, noisy), CELLS, cores)
        }
        return [finished[tuple(cell.values())][0]["loss"] for cell in CELLS]

    def peer(noisy: bool = True, n: int = n_images, cells: list[dict] = CELLS[:n_peer]) -> list[float]:
        return [usual_run(width, n, noisy, workers if noisy else 0, cell) for cell in cells]

    def same(mine: list[float], theirs: list[float]) -> bool:
        """Every cell has a loss; the peer's are near ours in spite of other noise; without noise, on one batch, all are equal."""
        quiet = zip(ours(noisy=False, n=FEW), peer(noisy=False, n=FEW, cells=CELLS), strict=True)
        return (
            len(mine) == len(CELLS)
            and all(abs(a - b) < 0.1 * b for a, b in zip(mine, theirs))
            and all(abs(a - b) < 1e-4 * b for a, b in quiet)
        )

    return Sides(
        ours=ours,
        peer=peer,
        same=same,
        ours_units=len(CELLS),
        peer_units=n_peer,
        rows=lambda: by_threads(partial(our_run, width, n_images, True, CELLS[0]), cores),
        note=f"{cores} processes, started before; images: {data(n_images).source}",
    )


def by_threads(run, cores: int) -> list[dict]:
    """Seconds of one run on one thread and on all: what a small network gains from sharing the cores."""
    return [
        {"threads": threads, "seconds": median_seconds(partial(run, threads=threads), repeats=3)}
        for threads in sorted({1, cores})
    ]


@comparison(
    "stacked",
    target=1,
    note="the same 12 runs stacked into one program (fit_stacked): fit, one run after another",
    smoke=dict(width=8, n_images=200),
    devices=("cpu", "cuda"),
)
def stacked(device: str = "cpu", width: int = 100, n_images: int = 60_000, n_run: int = 6_000) -> Sides:
    images = Data("mnist", (28, 28, 1), n_images, device)
    n_run = min(n_run, n_images)
    x, y = images.x[:n_run], images.y[:n_run]
    options = dict(epochs=1, n_train=n_images, batch_size=BATCH, precision="float32", progress=False)

    def networks() -> list[torch.nn.Module]:
        return [mlp_of(width, cell["seed"]).to(device) for cell in CELLS]

    def ours(noisy: bool = True) -> list[float]:
        cells = {f"{key}s": [cell[key] for cell in CELLS] for key in ("beta", "seed")}
        with noise(torch.nn.ModuleList(built := networks()), on=noisy):
            histories = fit_stacked(built, x, y, lrs=[LR] * len(CELLS), **cells, **options)
        return [history[-1].loss for history in histories]

    def peer(noisy: bool = True) -> list[float]:
        with noise(torch.nn.ModuleList(built := networks()), on=noisy):
            histories = [
                fit(network, x, y, lr=LR, beta=cell["beta"], seed=cell["seed"], **options)
                for network, cell in zip(built, CELLS, strict=True)
            ]
        return [history[-1].loss for history in histories]

    def same(mine: list[float], theirs: list[float]) -> bool:
        """Without noise all losses are equal but for rounding; with it, which each side draws for itself, near."""
        return all(abs(a - b) < 0.1 * b for a, b in zip(mine, theirs, strict=True)) and all(
            abs(a - b) < 1e-3 * b for a, b in zip(ours(noisy=False), peer(noisy=False), strict=True)
        )

    return Sides(
        ours=ours,
        peer=peer,
        same=same,
        ours_units=n_run,
        peer_units=n_run,
        units=n_images,
        note=f"images: {images.source}",
    )
