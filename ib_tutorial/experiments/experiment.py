"""What a module of this package must have to be an experiment, and what a cell of its grid is computed with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch

from ib_tutorial.experiments.findings import Finding
from ib_tutorial.experiments.record import Cell, Record, Result

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Context(Generic[Settings]):
    """What a cell is computed with, besides the cell itself."""

    settings: Settings
    """The experiment's `Config`."""
    root: Path | str | None
    """The folder of the real images; None where they are embedded, cached or downloaded."""
    earlier: Record
    """The record as it grows. It holds the rows of all stages before the cell's own."""
    device: torch.device

    def checkpoint(self, cell: Cell, part: str = "network") -> Path | None:
        """Where a training run within the cell leaves its state, and from where it resumes; None where nothing is written."""
        return self.earlier.checkpoint(cell, part)


@runtime_checkable
class Experiment(Protocol):
    """An experiment: a module with these names, listed in `ib_tutorial.catalogue.SHOWS`.

    A module may also have a `PRECISION`, which its networks then have on every device.
    """

    NAME: str
    """The module's own name."""
    Config: type[Any]
    """A frozen dataclass of the settings, with their defaults. It has `n_seeds`."""
    PROFILES: Mapping[str, dict[str, Any]]
    """For each profile, the settings that differ from the defaults."""
    FINDINGS: Sequence[Finding]
    """What the paper says, each with the test that was fixed before the run."""

    def source(self, settings: Any, root: Path | str | None) -> dict[str, str]:
        """Name and SHA-256 of the data, for the record."""

    def stages(self, settings: Any) -> list[list[Cell]]:
        """The grid: a list of stages, each of which may read the rows of those before it."""

    def run_cell(self, cell: Cell, context: Context[Any]) -> Result:
        """Compute one cell of the grid: its rows, and weights to keep where it has any."""
