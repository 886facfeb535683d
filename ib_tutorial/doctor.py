"""What this machine has, what each profile will cost on it, and what to do about what is missing.

packages, machine, data_sets      what is here, each with the problems that it means
probe, estimates                  two seconds of training by the library's own loop, scaled by the work each experiment states
"""

import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

PURPOSES = {
    "library": "the library cannot run without it",
    "data": "for the embedded digits (profiles smoke and quick) and for downloads",
    "chapters": "to run the chapters",
    "book": "to build the book",
    "test": "to run the tests",
    "cluster": "to use more than one process (without it: run ... --jobs 1)",
}
"""What the packages of each extra in pyproject.toml are for; "library" are those that it always needs."""

LITTLE_DISK = 2e9
"""Bytes: CIFAR-10 takes 170 MB as an archive and as much again unpacked, and generated sets up to half a gigabyte."""


class Problem(NamedTuple):
    """Something missing, and the command that mends it. `needed`: nothing runs without it."""

    what: str
    remedy: str
    needed: bool = False


class Package(NamedTuple):
    """A requirement and the version that is installed: None where it is not, `fits` where it is one that will do."""

    requirement: str
    version: str | None
    fits: bool

    @property
    def name(self) -> str:
        return re.match(r"[\w.-]+", self.requirement)[0]


class Speed(NamedTuple):
    """Seconds that one process takes per unit of `Work`, under the names that the units have there."""

    updates: float
    dense_gflop: float
    conv_gflop: float


# What is here


def requirements() -> dict[str, list[str]]:
    """By extra ("library" is no extra), from the checkout's pyproject.toml, else from the installed package."""
    pyproject = ROOT / "pyproject.toml"
    if pyproject.is_file():
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        return {"library": project["dependencies"], **project["optional-dependencies"]}
    by_extra: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("ib_tutorial") or []:
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra == ['\"](\w+)", marker)
        by_extra.setdefault(extra[1] if extra else "library", []).append(requirement.strip())
    return by_extra


def packages() -> dict[str, list[Package]]:
    return {extra: [package(requirement) for requirement in names] for extra, names in requirements().items()}


def package(requirement: str) -> Package:
    """Look up a requirement such as "jupyter-book>=1.0.4,<2"; its bounds are compared number by number."""
    try:
        version = importlib.metadata.version(re.match(r"[\w.-]+", requirement)[0])
    except importlib.metadata.PackageNotFoundError:
        return Package(requirement, None, False)
    bounds = re.findall(r"(>=|<)\s*([\d.]+)", requirement)
    fits = all((numbers(version) >= numbers(bound)) == (sign == ">=") for sign, bound in bounds)
    return Package(requirement, version, fits)


def numbers(version: str) -> tuple[int, ...]:
    """(2, 13, 0) for "2.13.0+cpu"."""
    return tuple(int(part) for part in re.match(r"[\d.]+", version)[0].strip(".").split("."))


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
    from ib_tutorial.experiments.run import usable_device
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
    return 1 if device.startswith("cuda") else os.cpu_count() or 1


def data_sets(root: Path | None) -> tuple[dict[str, str], list[Problem]]:
    """What `load` finds without a network, each set read in full; `root` as for `run --data`."""
    from data_gen import DataError, MissingData, load
    from data_gen.sources import NAMES, READERS

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


def probe(device: str, seconds: float = 2.0) -> Speed:
    """Train three networks for about `seconds` in all, on one thread where the device is a processor, as `run` does.

    An MLP so small that only the number of its operations counts, one so wide that only their size does, and the paper's
    convolutional network (at a quarter of its filters on a processor; a GPU would be idle with those).
    """
    import torch

    from ib_tutorial.nn import all_cnn_32, mlp

    width = 1.0 if torch.device(device).type == "cuda" else 0.25
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        small, wide, convolutional = (
            seconds_per_unit(unit, build, shape, images, precision, device, seconds / 3)
            for unit, build, shape, images, precision in (
                ("updates", lambda: mlp(8), (784,), 2000, "float32"),
                ("dense_gflop", lambda: mlp(800), (784,), 500, "float32"),
                ("conv_gflop", lambda: all_cnn_32(width=width), (3, 32, 32), 100, "auto"),
            )
        )
    finally:
        torch.set_num_threads(threads)
    return Speed(small, wide, convolutional)


def seconds_per_unit(
    unit: str,
    build: Callable,
    input_shape: tuple[int, ...],
    images: int,
    precision: str,
    device: str,
    seconds: float,
) -> float:
    """What `fit` takes per unit of work on random images: one epoch to warm up and to see how many fit into `seconds`."""
    import torch

    from ib_tutorial.experiments.work import training
    from ib_tutorial.training import fit

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build().to(device)
        x = torch.rand(images, *input_shape).to(device)
        y = torch.randint(10, (images,)).to(device)

    def timed(epochs: int) -> float:
        start = time.perf_counter()
        fit(network, x, y, epochs=epochs, lr=0.0, precision=precision, progress=False)
        return time.perf_counter() - start

    timed(1)
    epochs = max(1, round(seconds / timed(1)))
    work = training(build, input_shape, images=images, batch_size=100, epochs=epochs)
    return timed(epochs) / getattr(work, unit)


def estimates(speed: Speed, jobs: int) -> dict[str, dict[str, float | None]]:
    """Seconds by experiment and profile with `jobs` processes; None where an experiment does not state its work."""
    from ib_tutorial.experiments import EXPERIMENTS
    from ib_tutorial.experiments.run import PROFILE_NAMES, config

    def cost(name: str, profile: str) -> float | None:
        work_of = getattr(EXPERIMENTS[name], "work", None)
        if work_of is None:
            return None
        work = work_of(config(name, profile))
        return sum(getattr(work, unit) * per_unit for unit, per_unit in speed._asdict().items()) / jobs

    return {name: {profile: cost(name, profile) for profile in PROFILE_NAMES} for name in EXPERIMENTS}


def duration(seconds: float | None) -> str:
    """ "40 s", "12 min", "3 h" or "5 days": two digits at most, since an estimate has no more."""
    if seconds is None:
        return "not estimated"
    for unit, size, limit in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < limit * size:
            return f"{max(1, round(seconds / size))} {unit}"
    return f"{seconds / 86400:.0f} days"
