"""Run an experiment at a profile: its grid, stage by stage, into a record that can be taken up where it stopped."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import partial
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from tqdm import tqdm

from ib_tutorial.experiments import (
    activation_priors,
    cifar_filters,
    information_maps,
    learned_versus_exact,
    mnist_widths,
    occluded_nuisance,
    total_correlation,
    vae_bound,
)
from ib_tutorial.experiments.grid import on_every_worker, run_cells
from ib_tutorial.experiments.record import Cell, Record, Result, commit, describe_device, load_record, versions
from ib_tutorial.training import checkpoint

EXPERIMENTS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (
        activation_priors,
        mnist_widths,
        cifar_filters,
        information_maps,
        occluded_nuisance,
        total_correlation,
        vae_bound,
        learned_versus_exact,
    )
}

PROFILE_NAMES = ("smoke", "quick", "reduced", "paper")


def experiment(name: str) -> ModuleType:
    if name not in EXPERIMENTS:
        raise ValueError(f"there is no experiment {name!r}; there are: {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def config(name: str, profile: str):
    """The settings of an experiment at a profile."""
    module = experiment(name)
    if profile not in PROFILE_NAMES:
        raise ValueError(f"there is no profile {profile!r}; there are: {', '.join(PROFILE_NAMES)}")
    return replace(module.Config(), **module.PROFILES[profile])


def usable_device(device: str) -> torch.device:
    """The device of that name; ValueError where this machine does not have it."""
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"there is no device {device!r}; use 'cpu', 'cuda' or 'cuda:N'") from error
    if chosen.type == "cuda":
        n_gpus = torch.cuda.device_count()
        if not torch.cuda.is_available() or (chosen.index or 0) >= n_gpus:
            raise ValueError(
                f"device {device!r} was asked for, and torch {torch.__version__} finds {n_gpus} CUDA GPUs here; "
                "use --device cpu, or install a CUDA build of torch and a driver (nvidia-smi should list the GPU)"
            )
    elif chosen.type != "cpu":
        raise ValueError(f"device {device!r} was asked for; the library is written for 'cpu' and 'cuda'")
    return chosen


def run(
    name: str,
    profile: str = "quick",
    *,
    seeds: int | None = None,
    device: str = "cpu",
    betas: Sequence[float] = (),
    data: Path | str | None = None,
    out: Path | str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    deterministic: bool = False,
    force: bool = False,
    progress: bool = True,
) -> Record:
    """Run experiment `name` and return its record.

    seeds, betas: replace the profile's number of seeds and its betas. A record in `out` with fewer seeds is added to.
    data: folder of the real images, where the profile needs them (default: the environment variable IB_TUTORIAL_DATA).
    out: folder in which NAME.PROFILE.json is kept: an unfinished record there is completed, a finished one returned as it
        is, unless `force` starts anew. Without `out` nothing is written.
    jobs: processes (default: one per core on a CPU, one on a GPU).
    deterministic: on CUDA, use only kernels that give the same bits each time, somewhat slower; a CPU does so anyway.
    scheduler: address of a Dask scheduler, whose workers run the cells; `device` and `data` are then theirs.
    """
    if jobs is not None and scheduler is not None:
        raise ValueError(f"jobs is {jobs}, and counts processes here; with a scheduler its workers are the processes")
    module, settings = experiment(name), config(name, profile)
    if seeds is not None:
        if seeds < 1:
            raise ValueError(f"seeds is {seeds}; it is the number of repetitions, at least 1")
        settings = replace(settings, n_seeds=seeds)
    if betas:
        if not all(beta >= 0 for beta in betas):
            raise ValueError(f"betas are {list(betas)}; each must be at least 0: it weighs the penalised information")
        settings = replace(settings, betas=tuple(betas))
    where = partial(provenance, module, settings, data, device)
    path = None if out is None else Path(out) / f"{name}.{profile}.json"

    fresh = Record(
        experiment=name,
        profile=profile,
        config=plain(settings),
        seeds=list(range(settings.n_seeds)),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **(where() if scheduler is None else shared_provenance(on_every_worker(where, scheduler))),
    )
    stages = module.stages(settings)
    record = fresh if force or path is None or not path.exists() else taken_up(load_record(path), fresh, stages, path)
    if not record.finished:
        run_cell = partial(module.run_cell, settings, data, record, torch.device(device))
        if deterministic:
            run_cell = partial(deterministically, run_cell)
        if jobs is None and scheduler is None and torch.device(device).type == "cuda":
            jobs = 1
        fill(record, stages, run_cell, path, jobs, scheduler, progress)
    return record


def provenance(module: ModuleType, settings, data: Path | str | None, device: str) -> dict[str, Any]:
    """The part of a record that says what computes: code, data, device and versions."""
    return {
        "device": describe_device(usable_device(device)),
        "source": module.source(settings, data),
        "commit": commit(),
        "versions": versions(),
    }


def shared_provenance(workers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The provenance of all workers; ValueError unless they have one code (ours), one source of data, one set of versions."""
    for what in ("commit", "source", "versions"):
        found = {address: worker[what] for address, worker in workers.items()}
        if what == "commit":
            found["this process"] = commit()
        if len(set(map(str, found.values()))) > 1:
            raise ValueError(
                f"one record needs one {what} everywhere, but there are {found}; update, restart the workers"
            )
    devices = sorted({worker["device"] for worker in workers.values()})
    return {**next(iter(workers.values())), "device": " and ".join(devices)}


def taken_up(kept: Record, fresh: Record, stages: list[list[Cell]], path: Path) -> Record:
    """The record in `path`, to go on with; ValueError where it was begun with other settings or other data.

    A finished record may lack cells of the grid: `--seeds 5` adds to a run of three, and an experiment may have gained a method.
    """
    if len(fresh.seeds) > len(kept.seeds):
        kept.config["n_seeds"], kept.seeds = fresh.config["n_seeds"], fresh.seeds
    for what in ("config", "source"):
        before, now = getattr(kept, what), getattr(fresh, what)
        if before != now:
            changed = {key: (before.get(key), now.get(key)) for key in before | now if before.get(key) != now.get(key)}
            raise ValueError(
                f"{path.name} was begun with another {what}: {changed} (there, here); go on with the same settings, "
                "give another --out, or start anew with --force"
            )
    kept.finished = kept.finished and all(kept.has(cell) for cell in chain.from_iterable(stages))
    if not kept.finished and fresh.commit not in kept.commit.split(", "):
        kept.commit += f", {fresh.commit}"
    return kept


def fill(
    record: Record,
    stages: list[list[Cell]],
    run_cell: Callable[[Cell], Result],
    path: Path | None,
    jobs: int | None,
    scheduler: str | None,
    progress: bool,
) -> None:
    """Run the cells that the record lacks, stage by stage, writing it after each. `run_cell` sees the record as it grows."""
    record.folder = None if path is None else path.parent
    with tqdm(
        total=sum(map(len, stages)), desc=record.experiment, unit="run", leave=False, disable=not progress
    ) as bar:
        for cells in stages:
            todo = [cell for cell in cells if not record.has(cell)]
            bar.update(len(cells) - len(todo))
            with closing(run_cells(run_cell, todo, jobs, scheduler)) as finished:
                for cell, result, seconds in finished:
                    rows, weights = result if isinstance(result, tuple) else (result, {})
                    if weights and path is not None:
                        keep_weights(path.with_suffix(".safetensors"), weights)
                    record.rows += [{**cell, **row} for row in rows]
                    record.seconds = round(record.seconds + seconds, 2)
                    bar.update()
                    if path is not None:
                        record.write(path)
    record.rows.sort(key=lambda row: json.dumps(row, sort_keys=True))
    record.finished = True
    if path is not None:
        record.write(path)
        shutil.rmtree(path.parent / "checkpoints" / f"{record.experiment}.{record.profile}", ignore_errors=True)


def deterministically(run_cell: Callable[[Cell], Result], cell: Cell) -> Result:
    """Run the cell with deterministic kernels alone, in whichever process this is; torch raises where an operation has none."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS is refused (PyTorch's notes on reproducibility)
    torch.use_deterministic_algorithms(True)
    try:
        return run_cell(cell)
    finally:
        torch.use_deterministic_algorithms(False)


def keep_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Add the weights that a cell wants kept to those beside the record."""
    kept = checkpoint.load(path)[0] if path.exists() else {}
    checkpoint.save(path, kept | weights, {})


def plain(settings) -> dict:
    """The settings as JSON reads them back: tuples are lists."""
    return json.loads(json.dumps(asdict(settings)))
