"""Records: what was run, with which settings, on which data, code and machine, and what came out.

A record is a JSON file `NAME.PROFILE.json` whose `rows` are flat objects, one per cell and metric. It is written anew,
atomically, after each finished cell of its grid, so that an interrupted run loses the cells in progress and no other.
"""

import hashlib
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy
import torch

from ib_tutorial.training.precision import chosen

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "book" / "recorded"

Row = dict[str, Any]
Cell = dict[str, Any]
Result = list[Row] | tuple[list[Row], dict[str, torch.Tensor]]
"""What a cell gives: its rows, and weights to keep beside the record where it has any."""


@dataclass
class Record:
    """One experiment at one profile. `seconds` adds up the time of every cell, whichever process ran it."""

    experiment: str
    profile: str
    config: dict[str, Any]
    seeds: list[int]
    commit: str
    source: dict[str, str]
    device: str
    versions: dict[str, str]
    started: str
    seconds: float = 0.0
    finished: bool = False
    rows: list[Row] = field(default_factory=list)
    folder: ClassVar[Path | None] = None
    """Where the record is kept, if it is: not part of what is written."""

    def select(self, **values: Any) -> list[Row]:
        """The rows whose entries equal all of `values`: `record.select(stage="final", metric="error")`."""
        return [row for row in self.rows if all(row.get(key) == value for key, value in values.items())]

    def has(self, cell: Cell) -> bool:
        """Whether the rows of this cell are here already."""
        return any(all(row.get(key) == value for key, value in cell.items()) for row in self.rows)

    def checkpoint(self, cell: Cell, part: str = "network") -> Path | None:
        """Where a training run within this cell saves its state, so that a killed run loses one epoch; None without a folder."""
        if self.folder is None:
            return None
        key = hashlib.sha256(json.dumps([cell, part], sort_keys=True).encode()).hexdigest()[:16]
        return self.folder / "checkpoints" / f"{self.experiment}.{self.profile}" / f"{key}.safetensors"

    def write(self, path: Path) -> None:
        """Write the record to `path`, whole or not at all."""
        write_atomically(path, json.dumps(asdict(self), indent=1, allow_nan=False) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Write beside `path` and rename over it, so that no reader, and no interruption, sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_record(path: Path | str) -> Record:
    """Read a record; ValueError where the file is not one."""
    try:
        return Record(**json.loads(Path(path).read_text()))
    except (json.JSONDecodeError, TypeError) as error:
        raise ValueError(f"{Path(path).name} is not a record ({error}); delete it, or run with --force") from error


def recorded(experiment: str, profiles: Sequence[str] = ("paper", "reduced")) -> Record:
    """The record that the book carries for an experiment: the first of `profiles` that was run."""
    for profile in profiles:
        path = RECORDED / f"{experiment}.{profile}.json"
        if path.exists():
            return load_record(path)
    raise FileNotFoundError(
        f"book/recorded has no {experiment} record at {' or '.join(profiles)}; make one with "
        f"`python -m ib_tutorial run {experiment} --profile {profiles[-1]} --out book/recorded`"
    )


@cache
def commit() -> str:
    """The commit of the code that runs, marked where the packages differ from it; 'unknown' outside a checkout.

    Asked once per process, so that a process that is older than a change on disk does not claim to run it.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "ib_tutorial", "data_gen")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def describe_device(device: torch.device) -> str:
    """What computes: the GPU's name, or the processor's architecture and number of cores; and whether bfloat16 is fast there."""
    name = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"CPU, {platform.machine()}, {os.cpu_count()} cores"
    )
    return f"{name}, fast bfloat16" if chosen("auto", device) == "bfloat16" else name


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}
