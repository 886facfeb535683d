"""What this machine has, what each profile will cost on it, and what to do about what is missing.

packages, machine, data_sets      what is here, each with the problems that it means
probe, estimates                  the seconds that the book's records hold, scaled by a second of training
"""

import importlib.metadata
import math
import os
import platform
import shlex
import shutil
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.requirements import Requirement
from packaging.version import InvalidVersion

from ib_tutorial.catalogue import RECORDED

if TYPE_CHECKING:
    from ib_tutorial.experiments.experiment import Experiment
    from ib_tutorial.experiments.record import Record

ROOT = Path(__file__).resolve().parents[1]

PURPOSES = {
    "library": "the library cannot run without it",
    "data": "for the embedded digits (profiles smoke and quick) and for downloads",
    "chapters": "to run the chapters",
    "book": "to build the book",
    "test": "to run the tests",
    "dev": "to look for mistakes with `make lint`, and to publish the book",
    "cluster": "to use more than one process (without it: run ... --jobs 1)",
}
"""What the packages of each extra in pyproject.toml are for; "library" are those that it always needs."""

WHERE_RECORDED = {"dense": 0.0027, "convolutional": 0.11}
"""Seconds of a probe's step where the records were made: one thread of an idle Xeon of 2.1 GHz with AVX-512."""

LITTLE_DISK = 2e9
"""Bytes below which the disk counts as nearly full. CIFAR-10 takes 170 MB as an archive and as much again unpacked, and generated sets take
up to half a gigabyte."""


class Problem(NamedTuple):
    """Something that is missing."""

    what: str
    remedy: str  #: the command that mends it
    needed: bool = False  #: whether nothing runs without it


class Package(NamedTuple):
    """A requirement and what is installed of it."""

    requirement: str
    version: str | None  #: None if it is not installed
    fits: bool  #: whether the version meets the requirement

    @property
    def name(self) -> str:
        return Requirement(self.requirement).name


# What is here


def requirements() -> dict[str, list[str]]:
    """The requirements of each extra, from the checkout's pyproject.toml or else from the installed package; "library" are those of no extra."""
    pyproject = ROOT / "pyproject.toml"
    if pyproject.is_file():
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        return {"library": project["dependencies"], **project["optional-dependencies"]}
    by_extra: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("ib_tutorial") or []:
        requirement, _, marker = line.partition("; extra == ")
        by_extra.setdefault(marker.strip("'\"") or "library", []).append(requirement)
    return by_extra


def packages() -> dict[str, list[Package]]:
    return {extra: [package(requirement) for requirement in names] for extra, names in requirements().items()}


def package(requirement: str) -> Package:
    """The installed version of a requirement such as "jupyter-book>=1.0.4,<2"."""
    wanted = Requirement(requirement)
    try:
        version = importlib.metadata.version(wanted.name)
        fits = wanted.specifier.contains(version, prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return Package(requirement, None, False)
    except InvalidVersion:
        fits = False
    return Package(requirement, version, fits)


def package_problems(found: dict[str, list[Package]]) -> list[Problem]:
    problems = []
    for extra, each in found.items():
        wanting = [p for p in each if not p.fits]
        if wanting:
            what = ", ".join(p.requirement + (f" (here: {p.version})" if p.version else "") for p in wanting)
            remedy = shlex.join([sys.executable, "-m", "pip", "install", *(p.requirement for p in wanting)])
            problems.append(Problem(f"{what}: {PURPOSES.get(extra, extra)}", remedy, needed=extra == "library"))
    return problems


def machine(device: str, folder: Path) -> tuple[dict[str, str], list[Problem]]:
    """Processor, memory, disk and device, as (name, what was found). `folder`: where the disk is looked at."""
    import torch

    from ib_tutorial.experiments.record import describe_device
    from ib_tutorial.experiments.runner import usable_device
    from ib_tutorial.training.precision import WORTH_IT, bfloat16_gain

    problems = []
    chosen = usable_device(device)
    n_gpus = torch.cuda.device_count()
    free = shutil.disk_usage(folder).free
    gain = bfloat16_gain(str(chosen))
    found = {
        "Python": f"{platform.python_version()}, {sys.executable}",
        "torch": f"{torch.__version__}, {n_gpus} CUDA GPUs",
        "device": describe_device(chosen),
        "bfloat16": f"{gain:.1f} times as fast as float32: {'used' if gain > WORTH_IT else 'not used'} for training",
        "memory": memory(),
        "disk": f"{free / 1e9:.0f} GB free",
    }
    if chosen.type == "cuda":
        found["memory"] += f", {torch.cuda.get_device_properties(chosen).total_memory / 1e9:.0f} GB on the GPU"
    if n_gpus == 0 and shutil.which("nvidia-smi"):
        again = shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", "torch"])
        problems.append(Problem("there is an NVIDIA driver, and this torch finds no GPU", f"nvidia-smi; {again}"))
    if free < LITTLE_DISK:
        problems.append(Problem(f"only {free / 1e9:.1f} GB are free", "free some, or choose another folder with --out"))
    return found, problems


def memory() -> str:
    """ "8 GB"; "not known" where the system does not say, as Windows does not to Python."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    except (AttributeError, ValueError, OSError):
        return "not known"


def best_device() -> str:
    """The GPU where torch finds one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def processes(device: str) -> int:
    """How many cells of a grid `run` computes at a time: one per core, one on a GPU."""
    from ib_tutorial.experiments.grid import cores

    return 1 if device.startswith("cuda") else cores()


def data_sets(root: Path | None) -> tuple[dict[str, str], list[Problem]]:
    """What `load` finds without a network, each set read in full; `root` as for `run --data`."""
    from data_gen import DataError, MissingData, load
    from data_gen.catalogue import NAMES
    from data_gen.sources import READERS

    found, problems = {}, []
    for name in NAMES:
        try:
            train, test = (load(name, split, root=root, offline=True) for split in ("train", "test"))
            counts = f"{len(train.labels):,} and {len(test.labels):,} images"
            found[name] = f"{train.source.name}, {train.source.origin}: {counts}"
        except MissingData as error:
            found[name] = "not here"
            if name not in READERS:
                continue  # mnist5k: its package is among those that are missing
            what = f"{name} is not in the cache; the profiles reduced and paper use it" if root is None else str(error)
            fetch = shlex.join([sys.executable, "-m", "data_gen", "fetch", name])
            nothing_there = root is not None and not root.is_dir()
            problems.append(Problem(what, f"{fetch}   or name a folder that holds it: --data DIR", nothing_there))
        except (DataError, OSError) as error:
            found[name] = "not readable"
            problems.append(Problem(str(error), shlex.join([sys.executable, "-m", "data_gen", "verify", name])))
    return found, problems


# What it will cost


def probe(device: str, seconds: float = 0.6) -> dict[str, float]:
    """The time of a training step here, divided by the time where the records were made, for each kind of network.

    The measurement takes `seconds` in all, after a warm-up. On a processor it uses one thread, as `run` does. A GPU would be idle with a
    quarter of the filters, so it trains all of them, which is 16 times the work.
    """
    import torch

    from ib_tutorial.nn import all_cnn_32, mlp

    width = 1.0 if torch.device(device).type == "cuda" else 0.25
    dense = seconds_of_step(lambda: mlp(200), (784,), device, seconds / 2)
    convolutional = seconds_of_step(lambda: all_cnn_32(width=width), (3, 32, 32), device, seconds / 2)
    return {
        "dense": dense / WHERE_RECORDED["dense"],
        "convolutional": convolutional / (WHERE_RECORDED["convolutional"] * (width / 0.25) ** 2),
    }


def seconds_of_step(build: Callable, input_shape: tuple[int, ...], device: str, seconds: float) -> float:
    """The least time of a forward and backward pass of 50 random images, among the passes of so many `seconds` after a first one.

    No optimiser takes part: to make one, torch imports its compiler, which takes longer than this measurement.
    """
    import torch

    from ib_tutorial.training import information_bottleneck_loss
    from ib_tutorial.training.precision import autocast, chosen
    from ib_tutorial.training.threads import on_threads

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build().to(device).to(memory_format=torch.channels_last)
        x = torch.rand(50, *input_shape).to(device)
        y = torch.randint(10, (50,)).to(device)
    precision = "float32" if x.device.type == "cpu" else chosen("auto", x.device)

    def step() -> float:
        start = time.perf_counter()
        with autocast(precision, x.device):
            output, kl_terms = network(x)
        loss = information_bottleneck_loss(output, y, kl_terms, beta=1.0, n_train=len(x))
        loss.backward()
        loss.item()  # waits for a GPU
        return time.perf_counter() - start

    with on_threads(1), torch.random.fork_rng():
        step()
        end, taken = time.perf_counter() + seconds, [step()]
        while time.perf_counter() < end:
            taken.append(step())
    return min(taken)


def estimates(slower: dict[str, float], jobs: int, folder: Path = RECORDED) -> dict[str, dict[str, float | None]]:
    """Seconds by experiment and profile with `jobs` processes; None where no record says how long a run took.

    Args:
        slower: what `probe` returned.
        folder: of the records. Where there is none at `paper`, that at `reduced` is taken. Its seconds are scaled by `size` from the settings
            of the record to those of the profile, which may have changed since.
    """
    from ib_tutorial.experiments import EXPERIMENTS, load_record
    from ib_tutorial.experiments.runner import config

    found: dict[str, dict[str, float | None]] = {}
    for name, module in EXPERIMENTS.items():
        found[name] = dict.fromkeys(("reduced", "paper"))
        kind = "convolutional" if shares(module.Config()) else "dense"
        for profile in found[name]:
            kept = [path for path in (folder / f"{name}.{each}.json" for each in (profile, "reduced")) if path.exists()]
            if kept:
                record = load_record(kept[0])
                ratio = size(config(name, profile), module) / size(settings_of(record, module), module)
                found[name][profile] = record.seconds * ratio * slower[kind] / jobs
    return found


def settings_of(record: "Record", module: "Experiment") -> Any:
    """The settings with which a record was made. Fields that are newer than the record have today's defaults."""
    names = {field.name for field in fields(module.Config)}
    kept = {name: tuple(value) if isinstance(value, list) else value for name, value in record.config.items() if name in names}
    return module.Config(**kept)


def size(settings: Any, module: "Experiment") -> float:
    """A number that grows as a run's time: the product of cells, epochs, training images, and the square of the share of the filters."""
    sizes, filters = asdict(settings), shares(settings) or [1.0]
    n_cells = sum(map(len, module.stages(settings)))
    counts = [sizes[name] for name in ("epochs", "n_train", "steps", "restarts", "draws") if name in sizes]
    return n_cells * math.prod(counts) * sum(share**2 for share in filters) / len(filters)


def shares(settings: Any) -> list[float]:
    """The shares of the filters that an experiment's networks have; empty where they have no convolutions."""
    widths = getattr(settings, "widths", (getattr(settings, "width", None),))
    return [width for width in widths if isinstance(width, float)]


def duration(seconds: float | None) -> str:
    """ "40 s", "12 min", "3 h" or "5 days": two digits at most, since an estimate has no more."""
    if seconds is None:
        return "no record"
    for unit, size, limit in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < limit * size:
            return f"{max(1, round(seconds / size))} {unit}"
    return f"{seconds / 86400:.0f} days"
