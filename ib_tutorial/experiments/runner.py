"""Run an experiment at a profile: its grid, stage by stage, into a record that can be taken up where it stopped."""

import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, cast

import torch
from tqdm import tqdm

from ib_tutorial.atomic import remove_parts
from ib_tutorial.catalogue import SHOWS, unknown
from ib_tutorial.experiments.experiment import Context, Experiment
from ib_tutorial.experiments.grid import on_every_worker, run_cells
from ib_tutorial.experiments.record import (
    FORMAT,
    PROVENANCE,
    Cell,
    Provenance,
    Record,
    Result,
    belongs,
    code,
    joined,
    load_record,
    provenance,
)
from ib_tutorial.stopping import sigterm_as_control_c
from ib_tutorial.training import checkpoint
from ib_tutorial.training.threads import shared_out

EXPERIMENTS: dict[str, Experiment] = {
    name: cast(Experiment, import_module(f"ib_tutorial.experiments.{name}")) for name in SHOWS
}


def experiment(name: str) -> Experiment:
    if name not in EXPERIMENTS:
        raise unknown(name)
    return EXPERIMENTS[name]


def config(name: str, profile: str):
    """The settings of an experiment at a profile."""
    module = experiment(name)
    if profile not in module.PROFILES:
        raise ValueError(f"{name} has no profile {profile!r}; it has: {', '.join(module.PROFILES)}")
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
    settings: Any = None,
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
    """Run experiment `name` and return its record. SIGTERM raises KeyboardInterrupt, as Ctrl-C does.

    Args:
        settings: the experiment's `Config`, in place of the profile's; `profile` is then a name for the record and no more.
        seeds: replaces the profile's number of seeds. A record in `out` with fewer seeds is added to.
        betas: replace the profile's betas.
        data: folder of the real images, where the profile needs them (default: the environment variable IB_TUTORIAL_DATA).
        out: folder in which NAME.PROFILE.json is kept. An unfinished record there is completed, a finished one returned as it
            is, unless `force` starts anew. Without `out` nothing is written.
        jobs: processes (default: one per core on a CPU, one on a GPU).
        deterministic: on CUDA, use only kernels that give the same bits each time, somewhat slower; a CPU does so anyway.
        scheduler: address of a Dask scheduler, whose workers run the cells; `device` and `data` are then theirs.

    Raises:
        ValueError: an argument is out of its range, or the record in `out` is of other settings, data or an older format.
        OSError: the record or a checkpoint cannot be written.
    """
    if jobs is not None and scheduler is not None:
        raise ValueError(f"jobs is {jobs}, and counts processes here; with a scheduler its workers are the processes")
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs is {jobs}; it is the number of processes, at least 1")
    module, settings = experiment(name), config(name, profile) if settings is None else settings
    if seeds is not None:
        if seeds < 1:
            raise ValueError(f"seeds is {seeds}; it is the number of repetitions, at least 1")
        settings = replace(settings, n_seeds=seeds)
    if betas:
        settings = with_betas(name, settings, betas)
    path = None if out is None else Path(out) / f"{name}.{profile}.json"
    with sigterm_as_control_c():
        where = partial(circumstances, module, settings, data, device)
        found = where() if scheduler is None else shared_circumstances(on_every_worker(where, scheduler))
        fresh = Record(
            experiment=name,
            profile=profile,
            config=plain(settings),
            seeds=list(range(settings.n_seeds)),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            **{key: found[key] for key in ("source", "device", "commit", "versions")},
        )
        stages = module.stages(settings)
        if path is None or force or not path.exists():
            record = fresh
        else:
            record = take_up(load_record(path), fresh, stages, path)
        record.folder = None if path is None else path.parent
        if force and record.checkpoints is not None:
            shutil.rmtree(record.checkpoints, ignore_errors=True)
        if not record.finished:
            run_cell = partial(compute, module, settings, data, torch.device(device), deterministic)
            if jobs is None and scheduler is None and torch.device(device).type == "cuda":
                jobs = 1
            fill(record, stages, run_cell, path, jobs, scheduler, progress)
    return record


def with_betas(name: str, settings, betas: Sequence[float]):
    """The settings with other betas; ValueError where they are no weights, or the experiment has no betas."""
    if not hasattr(settings, "betas"):
        own = ", ".join(key for key in asdict(settings) if key.endswith("betas"))
        raise ValueError(f"{name} has no betas that could be replaced{f'; its own are {own}' if own else ''}")
    if not all(math.isfinite(beta) and beta >= 0 for beta in betas):
        raise ValueError(
            f"betas are {list(betas)}; each must be a finite number of at least 0: it weighs the penalised information"
        )
    if len(set(betas)) < len(betas):
        raise ValueError(f"betas are {list(betas)}; each must be given once")
    return replace(settings, betas=tuple(betas))


def circumstances(module: Experiment, settings, data: Path | str | None, device: str) -> dict[str, Any]:
    """The source of the data, and the provenance of what is computed in this process."""
    return {"source": module.source(settings, data), **provenance_of(module, usable_device(device))}


def provenance_of(module: Experiment, device: torch.device) -> Provenance:
    """What computes an experiment's cells in this process; an experiment with a `PRECISION` has that one on every device."""
    here = provenance(device)
    return here | {"precision": getattr(module, "PRECISION", here["precision"])}


def shared_circumstances(workers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The circumstances of all workers; ValueError unless they have one code (ours), one source of data, one set of versions."""
    for what in ("code", "source", "versions"):
        found = {address: worker[what] for address, worker in workers.items()}
        if what == "code":
            found["this process"] = code()
        if len(set(map(str, found.values()))) > 1:
            raise ValueError(
                f"one record needs one {what} everywhere, but there are {found}; update, restart the workers"
            )
    return {
        **next(iter(workers.values())),
        **{what: joined(sorted({worker[what] for worker in workers.values()})) for what in ("device", "commit")},
    }


def compute(
    module: Experiment,
    settings,
    data: Path | str | None,
    device: torch.device,
    deterministic: bool,
    record: Record,
    earlier_stages: list[list[Cell]],
    cell: Cell,
) -> tuple[Result, Provenance]:
    """Compute a cell, in whichever process this is: what it measured, and what computed it."""
    here = provenance_of(module, device)
    before = [row for row in record.rows if any(belongs(row, each) for each in chain.from_iterable(earlier_stages))]
    record.identify(here, before, deterministic and device.type == "cuda")
    run_cell = partial(deterministically, module.run_cell) if deterministic else module.run_cell
    with shared_out():
        return run_cell(cell, Context(settings, data, record, device)), here


def take_up(kept: Record, fresh: Record, stages: list[list[Cell]], path: Path) -> Record:
    """Take up the record in `path`: check that it fits, and give it the seeds of this run.

    A finished record may lack cells of the grid, because `--seeds 5` adds to a run of three, or because the experiment has a new method.

    Raises:
        ValueError: it was begun with other settings or other data, or lacks cells and is of an older format.
    """
    if len(fresh.seeds) > len(kept.seeds):
        kept.config["n_seeds"], kept.seeds = fresh.config["n_seeds"], fresh.seeds
    finished = kept.finished and all(kept.has(cell) for cell in chain.from_iterable(stages))
    if kept.format != FORMAT and not finished:
        raise ValueError(
            f"{path.name} was made with another generator layout (format {kept.format}, here {FORMAT}), so that new cells would "
            "not compare with its own; run anew with --force, or give another --out"
        )
    for what in ("config", "source"):
        before, now = getattr(kept, what), getattr(fresh, what)
        if before != now:
            changed = {key: (before.get(key), now.get(key)) for key in before | now if before.get(key) != now.get(key)}
            raise ValueError(
                f"{path.name} was begun with another {what}: {changed} (there, here); go on with the same settings, "
                "give another --out, or start anew with --force"
            )
    kept.finished = finished
    return kept


def fill(
    record: Record,
    stages: list[list[Cell]],
    run_cell: Callable[..., tuple[Result, Provenance]],
    path: Path | None,
    jobs: int | None,
    scheduler: str | None,
    progress: bool,
) -> None:
    """Run the cells that the record lacks, stage by stage, writing it after each.

    Args:
        run_cell: takes the record as it grows, the stages before the cell's own, and the cell.
    """
    weights_path = None if path is None else path.with_suffix(".safetensors")
    try:
        with tqdm(
            total=sum(map(len, stages)), desc=record.experiment, unit="run", leave=False, disable=not progress
        ) as bar:
            for n_earlier, cells in enumerate(stages):
                todo = [cell for cell in cells if not record.has(cell)]
                bar.update(len(cells) - len(todo))
                run_here = partial(run_cell, record, stages[:n_earlier])
                with closing(run_cells(run_here, todo, jobs, scheduler, len(cells))) as finished:
                    for cell, (result, where), seconds in finished:
                        rows, weights = result if isinstance(result, tuple) else (result, {})
                        say_what_mixes(record, where)
                        if weights_path is not None and not record.rows:
                            weights_path.unlink(missing_ok=True)  # they belong to the record that this one replaces
                        if weights and weights_path is not None:
                            keep_weights(weights_path, weights)
                        record.add(cell, rows, seconds, where)
                        bar.update()
                        if path is not None:
                            record.write(path)
        record.sort()
        record.finished = True
        if path is not None:
            record.write(path)
        if record.checkpoints is not None:
            shutil.rmtree(record.checkpoints, ignore_errors=True)
    finally:
        if path is not None:  # a process that was killed while it wrote has left a part of a file
            remove_parts(path.parent, f"{record.experiment}.{record.profile}.")
        if record.checkpoints is not None:
            remove_parts(record.checkpoints)


def say_what_mixes(record: Record, where: Provenance) -> None:
    """Say on stderr that a cell was computed otherwise than those that the record has."""
    if not record.runs or any(all(run[key] == where[key] for key in PROVENANCE) for run in record.runs):
        return
    changed = {key: (record.runs[-1][key], where[key]) for key in PROVENANCE if record.runs[-1][key] != where[key]}
    tqdm.write(
        f"{record.experiment}.{record.profile} now mixes cells computed in {len(record.runs) + 1} ways; the newest differ in "
        f"{changed} (before, now). The record says of each cell which it was.",
        file=sys.stderr,
    )


def deterministically(run_cell: Callable[..., Result], *arguments: Any) -> Result:
    """Run a cell with deterministic kernels alone, in whichever process this is; torch raises where an operation has none."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS is refused (PyTorch's notes on reproducibility)
    torch.use_deterministic_algorithms(True)
    try:
        return run_cell(*arguments)
    finally:
        torch.use_deterministic_algorithms(False)


def keep_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Add the weights that a cell wants kept to those beside the record."""
    kept = checkpoint.load(path)[0] if path.exists() else {}
    checkpoint.save(path, kept | weights, {})


def plain(settings) -> dict:
    """The settings as JSON reads them back: tuples are lists."""
    return json.loads(json.dumps(asdict(settings)))
