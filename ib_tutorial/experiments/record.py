"""Records: what was run, with which settings, on which data, code and machine, and what came out.

A record is a JSON file `NAME.PROFILE.json` whose `rows` are flat objects, one per cell and metric. It is written anew,
atomically, after each finished cell of its grid, so that an interrupted run loses the cells in progress and no other.
`runs` says of every finished cell what computed it: device, precision, threads, commit, code and versions.
"""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy
import torch

from ib_tutorial import __version__
from ib_tutorial.atomic import write_whole
from ib_tutorial.catalogue import RECORDED
from ib_tutorial.training import checkpoint
from ib_tutorial.training.precision import chosen

ROOT = Path(__file__).resolve().parents[2]

COMPUTING = ("data_gen", *(f"ib_tutorial/{room}" for room in ("information", "nn", "training", "experiments")))
"""The folders of the code that a record's numbers come from."""

FORMAT = 2
"""The format of the records written here. Format 1 had no `runs`, and its networks drew order and noise from one generator."""

Row = dict[str, Any]
Cell = dict[str, Any]
Result = list[Row] | tuple[list[Row], dict[str, torch.Tensor]]
"""The result of a cell: its rows, and weights to keep beside the record if it has any."""
Provenance = dict[str, Any]
"""What computed a cell: `device`, `precision`, `threads`, `commit`, `code` and `versions`.

`threads` is the number that torch was given. It and `code` determine how many threads a network took (`training.threads`).
"""

PROVENANCE = ("device", "precision", "threads", "commit", "code", "versions")


@dataclass
class Record:
    """One experiment at one profile.

    `seconds` adds up the time of every cell, whichever process ran it. `runs` has a group for each provenance, with its
    finished `cells`; every finished cell stands in exactly one group. `commit`, `device` and `versions` join those of all groups.
    """

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
    runs: list[dict[str, Any]] = field(default_factory=list)
    format: int = FORMAT

    def __post_init__(self) -> None:
        """Set the attributes that are no fields, and so are not written."""
        self.folder: Path | None = None  #: where the record is kept, if it is
        self.identity = ""  #: digest of all that a cell's result depends on, besides the cell; set where the cell runs
        self.computed = 0  #: how many cells the call of `run` that returned this record computed

    def select(self, **values: Any) -> list[Row]:
        """The rows whose entries equal all of `values`: `record.select(stage="final", metric="error")`."""
        return [row for row in self.rows if all(row.get(key) == value for key, value in values.items())]

    def has(self, cell: Cell) -> bool:
        """Whether the rows of this cell are here already."""
        return any(belongs(row, cell) for row in self.rows)

    def add(self, cell: Cell, rows: list[Row], seconds: float, provenance: Provenance) -> None:
        """Add what a cell measured, how long it took and what computed it. A cell whose rows were taken out can come again.

        Raises:
            ValueError: a value is not finite; JSON has no such number.
        """
        for row in rows:
            try:
                json.dumps(row, allow_nan=False)
            except ValueError as error:
                raise ValueError(f"the cell {cell} measured what is no finite number: {row}") from error
        self.rows += [{**cell, **row} for row in rows]
        self.seconds = round(self.seconds + seconds, 2)
        for run in self.runs:
            run["cells"] = [each for each in run["cells"] if each != cell]
        self.group(provenance)["cells"].append(cell)
        self.runs = [run for run in self.runs if run["cells"]]
        self.computed += 1
        self.commit, self.device = (joined(run[key] for run in self.runs) for key in ("commit", "device"))
        names = dict.fromkeys(name for run in self.runs for name in run["versions"])
        self.versions = {
            name: joined(run["versions"][name] for run in self.runs if name in run["versions"]) for name in names
        }

    def group(self, provenance: Provenance) -> dict[str, Any]:
        """The group of this provenance; a new one where there was none."""
        for run in self.runs:
            if all(run[key] == provenance[key] for key in PROVENANCE):
                return run
        self.runs.append({**provenance, "cells": []})
        return self.runs[-1]

    def sort(self) -> None:
        """Bring rows and cells into an order that does not depend on which cell ended first."""
        self.rows.sort(key=as_json)
        for run in self.runs:
            run["cells"].sort(key=as_json)

    @property
    def checkpoints(self) -> Path | None:
        """The folder of the checkpoints of cells in progress; None without a folder."""
        return None if self.folder is None else self.folder / "checkpoints" / f"{self.experiment}.{self.profile}"

    def checkpoint(self, cell: Cell, part: str = "network") -> Path | None:
        """The file in which a training run within this cell saves its state, so that a killed run loses one epoch; None without a folder.

        The name is a digest of the cell, the part and the record's identity, so a run never goes on from a state that other
        data, settings or code, another device, precision or number of threads has left.
        """
        if self.checkpoints is None:
            return None
        return self.checkpoints / f"{digest(self.identity, cell, part)}.safetensors"

    def identify(self, provenance: Provenance, earlier: Iterable[Row], deterministic: bool = False) -> None:
        """Set `identity`.

        Args:
            provenance: what computes here. The commit is left out: `code` says more exactly what runs.
            earlier: rows of the stages before this one, which cells choose their settings by.
            deterministic: whether only deterministic kernels are used.
        """
        here = {key: provenance[key] for key in PROVENANCE if key != "commit"}
        settings = {key: value for key, value in self.config.items() if key != "n_seeds"}  # more seeds change no cell
        self.identity = digest(
            checkpoint.FORMAT, settings, self.source, here, sorted(map(as_json, earlier)), deterministic
        )

    def write(self, path: Path) -> None:
        """Write the record to `path`, whole or not at all; OSError where it cannot be written."""
        write_whole(path, (json.dumps(asdict(self), indent=1, allow_nan=False) + "\n").encode())


def rows_of(measured: dict[str, float], **labels: Any) -> list[Row]:
    """A row for each metric, with the same labels."""
    return [dict(**labels, metric=metric, value=value) for metric, value in measured.items()]


def crossed(**values: Iterable[Any]) -> list[Cell]:
    """A cell for each combination of the values: those of the last name change fastest."""
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


def belongs(row: Row, cell: Cell) -> bool:
    """Whether a row is one of this cell's."""
    return all(row.get(key) == value for key, value in cell.items())


def joined(values: Iterable[str]) -> str:
    """Each of the values once, in their order, as one text."""
    return " and ".join(dict.fromkeys(values))


def as_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def digest(*parts: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the parts, written as JSON."""
    return hashlib.sha256(as_json(parts).encode()).hexdigest()[:16]


def load_record(path: Path | str) -> Record:
    """Read a record, of this format or an older one.

    Raises:
        ValueError: the file is no record, or is of a newer format; the message says what is wrong.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        check(found)
    except ValueError as error:
        raise ValueError(f"{path.name} is not a record ({error}); delete it, or run with --force") from error
    found.setdefault("format", 1)
    if found["format"] > FORMAT:
        raise ValueError(f"{path.name} has format {found['format']}; this version reads up to {FORMAT}: update it")
    return Record(**found)


def check(found: Any) -> None:
    """Raise ValueError unless `found` has the fields of a record, each of its type."""
    if not isinstance(found, dict):
        raise ValueError(f"it holds a {type(found).__name__}, not an object")
    types: dict[str, Any] = {f.name: getattr(f.type, "__origin__", f.type) for f in fields(Record)}
    needed = {f.name for f in fields(Record) if f.default is MISSING and f.default_factory is MISSING}
    if lacking := sorted(needed - found.keys()):
        raise ValueError(f"it lacks {', '.join(lacking)}")
    if unknown := sorted(found.keys() - types.keys()):
        raise ValueError(f"it has the unknown {', '.join(unknown)}")
    for name, value in found.items():
        kind = (int, float) if types[name] is float else types[name]
        if not isinstance(value, kind) or isinstance(value, bool) and types[name] is not bool:
            raise ValueError(f"its {name} is a {type(value).__name__}, not a {types[name].__name__}")
    for name in ("rows", "runs"):
        if not all(isinstance(each, dict) for each in found.get(name, ())):
            raise ValueError(f"its {name} are not all objects")
    if not all(type(seed) is int for seed in found["seeds"]):
        raise ValueError("its seeds are not all whole numbers")
    if not {"name", "sha256"} <= found["source"].keys():
        raise ValueError("its source lacks name or sha256")
    cells: list[str] = []
    for run in found.get("runs", ()):
        if lacking := sorted({*PROVENANCE, "cells"} - run.keys()):
            raise ValueError(f"one of its runs lacks {', '.join(lacking)}")
        if not isinstance(run["cells"], list) or not isinstance(run["versions"], dict):
            raise ValueError("the cells of one of its runs are no list, or its versions no object")
        cells += map(as_json, run["cells"])
    if len(set(cells)) < len(cells):
        raise ValueError("a cell stands in its runs twice")


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


def provenance(device: torch.device) -> Provenance:
    """The entries of `PROVENANCE` for what this process computes on `device`."""
    return {
        "device": describe_device(device),
        "precision": precision_on(device),
        "threads": torch.get_num_threads(),
        "commit": commit(),
        "code": code(),
        "versions": versions(),
    }


@cache
def commit() -> str:
    """The commit of the code that runs, with a mark if the packages differ from it.

    Only a checkout of our own is asked. If the code is installed inside another repository, that repository's commit says nothing
    about it, and the answer is the package's version with "commit unknown". The answer is kept for the whole process, so that a process
    that is older than a change on disk does not claim to run the change.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, env=ours, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() == ROOT and git("ls-files", "ib_tutorial/__init__.py"):
            changed = git("status", "--porcelain", "--", "ib_tutorial", "data_gen")
            return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        pass
    return f"ib_tutorial {__version__}, commit unknown"


@cache
def code() -> str:
    """Digest of the source files that a record's numbers come from. They are read once per process.

    A commit that changes only the book does not change it, and a change that is not committed does.
    """
    whole = hashlib.sha256()
    for path in sorted(path for folder in COMPUTING for path in (ROOT / folder).rglob("*.py")):
        whole.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def precision_on(device: torch.device) -> Literal["float32", "bfloat16"]:
    """The precision of a record's networks: float32 on every CPU, so that records can be compared; on a GPU bfloat16 if that is faster."""
    return "float32" if device.type == "cpu" else chosen("auto", device)


def describe_device(device: torch.device) -> str:
    """The GPU's name; or a processor's architecture, the instructions that torch uses there, and the number of its cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {platform.machine()} with {torch.backends.cpu.get_cpu_capability()}, {os.cpu_count()} cores"


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__}
