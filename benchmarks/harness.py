"""Times our code against a peer in one run, and reports the ratio, since only a ratio means the same on another machine.

To add a comparison, decorate a function that prepares it, in any module of this package:

    @comparison("name", target=20, note="what is compared, and on what", smoke=dict(n=10))
    def _(n: int = 10_000) -> Sides:
        return Sides(ours=lambda: fast(x), peer=lambda: slow(x), same=torch.equal)

`smoke` holds the arguments that make it small enough for a test. `Sides` may also have a `floor`, the work that no implementation with
these tools can avoid, and `floor_is`, which says what that work is. The note then says what ratio the floor leaves possible.

`same(ours(), peer())` must hold before anything is timed. If the peer takes long, let it do a share of the work, say how many units
(images, points) each side does (`ours_units`, `peer_units`), and let `same` compare the share. Times are scaled to `ours_units`, or to
`units` where that is given.
"""

import importlib
import os
import pkgutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

MIN_ROUNDS = 7
ALL_CORES = 0


class Missing(Exception):
    """Something that a comparison needs is not here; the message says how to get it."""


@dataclass(frozen=True)
class Sides:
    """The two sides of a comparison, ready to run."""

    ours: Callable[[], Any]
    peer: Callable[[], Any]
    same: Callable[[Any, Any], bool]
    ours_units: int = 1
    peer_units: int = 1
    units: int = 0
    """The units that times are given for, if these are more than ours does."""
    floor: Callable[[], Any] | None = None
    floor_is: str = ""
    gflop: float = 0.0
    """Floating-point operations, in billions, of the matrix products and convolutions in the units that times are given for."""
    precision: str = "float32"
    """The precision in which ours computes them."""
    train: Callable[[int], Any] | None = None
    """Makes that many training steps of ours: on a GPU, the kernels that a step launches are counted."""
    rows: Callable[[], list[dict[str, Any]]] | None = None
    """More measurements that explain the ratio, made once, after it."""
    note: str = ""
    """A remark that only the preparation can make, such as which data it found."""


@dataclass(frozen=True)
class Result:
    """Seconds are medians for all units; the ratio is the median over rounds of peer / ours, the spread its extremes."""

    name: str
    ours: float
    peer: float
    ratio: float
    spread: tuple[float, float]
    target: float
    met: bool
    note: str
    machine: dict[str, Any] = field(default_factory=dict)
    """The device, torch's threads, and the rates of `bounds`, measured in the same run."""
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Skipped:
    """A comparison that was not made, because something that it needs is missing, or that failed, because its two sides do not agree."""

    name: str
    why: str
    failed: bool = False


@dataclass(frozen=True)
class Comparison:
    name: str
    target: float
    note: str
    prepare: Callable[..., Sides]
    smoke: dict[str, Any]
    threads: int
    devices: Sequence[str]

    def sides(self, device: str = "cpu", **sizes: Any) -> Sides:
        """Both sides on this device. Raises Missing if the comparison is not for it."""
        if device.split(":")[0] not in self.devices:
            raise Missing(f"it is for --device {' or '.join(self.devices)}, not {device}")
        return self.prepare(**sizes, **({"device": device} if len(self.devices) > 1 else {}))


REGISTRY: dict[str, Comparison] = {}


def comparison(
    name: str,
    *,
    target: float,
    note: str,
    smoke: dict[str, Any] | None = None,
    threads: int = 1,
    devices: Sequence[str] = ("cpu",),
) -> Callable[[Callable[..., Sides]], Callable[..., Sides]]:
    """Register the decorated function, which returns the Sides, as the comparison `name`.

    Args:
        name: of the comparison.
        target: how many times as fast as the peer ours should be.
        note: one sentence for the table.
        smoke: arguments of the function for a test.
        threads: torch's, on both sides; ALL_CORES where a user would not set them.
        devices: kinds of device that it is for. If there are several, the function is given one, as `device`.
    """

    def register(prepare: Callable[..., Sides]) -> Callable[..., Sides]:
        if name in REGISTRY:
            raise ValueError(f"two comparisons are called {name!r}")
        REGISTRY[name] = Comparison(name, target, note, prepare, smoke or {}, threads, devices)
        return prepare

    return register


def discover() -> dict[str, Comparison]:
    """Import every module of this package, so that what they register is there."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"{__package__}.{module.name}")
    return REGISTRY


def check(item: Comparison, device: str = "cpu") -> None:
    """See, at the smoke sizes, that both sides compute the same. Raises AssertionError if they do not, Missing for what is not here."""
    both_agree(item, item.sides(device, **item.smoke))


def both_agree(item: Comparison, sides: Sides) -> None:
    if not sides.same(sides.ours(), sides.peer()):
        raise AssertionError(f"{item.name}: the two sides do not compute the same thing; nothing was timed")


def measure(item: Comparison, rounds: int = MIN_ROUNDS, device: str = "cpu", **sizes: Any) -> Result:
    """Check that both sides compute the same, warm up with that, then time them alternately.

    Raises AssertionError if they do not, Missing if the comparison cannot be made here.
    """
    import torch

    from ib_tutorial.experiments.record import commit, describe_device, versions

    from .bounds import bounds, kernels_per_step

    sides = item.sides(device, **sizes)
    before = torch.get_num_threads()
    torch.set_num_threads(item.threads or os.cpu_count() or 1)
    try:
        both_agree(item, sides)
        ours, peer, floor = [], [], []
        for _ in range(max(rounds, MIN_ROUNDS)):
            if sides.floor:
                floor.append(seconds(sides.floor, device) / sides.ours_units)
            ours.append(seconds(sides.ours, device) / sides.ours_units)
            peer.append(seconds(sides.peer, device) / sides.peer_units)
        rows = sides.rows() if sides.rows else []
        rates = bounds(device, torch.get_num_threads())
        machine = {
            "device": describe_device(torch.device(device)),
            "threads": torch.get_num_threads(),
            "bounds": asdict(rates),
        }
        launches = kernels_per_step(sides.train) if sides.train and device != "cpu" else None
    finally:
        torch.set_num_threads(before)

    ratios = [p / o for o, p in zip(ours, peer, strict=True)]
    ratio, unit = statistics.median(ratios), statistics.median(ours)
    units = sides.units or sides.ours_units
    notes = [note for note in (item.note, sides.note) if note]
    for who, done in (("we", sides.ours_units), ("the peer", sides.peer_units)):
        if done != units:
            notes.append(f"{who} did {done:,} of {units:,}, scaled")
    if floor:
        lowest = statistics.median(floor)
        notes.append(
            f"{sides.floor_is} alone takes {lowest * units:.3f} s, {lowest / unit:.0%} of our time, "
            f"so {statistics.median(peer) / lowest:.1f}x is the most that leaves"
        )
    if sides.gflop:
        rate, peak = sides.gflop / (unit * units), rates.matrix_product(sides.precision)
        notes.append(
            f"{rate:.0f} GFLOP/s in {sides.precision}, {rate / peak:.0%} of what a large matrix product reaches here"
        )
    if launches is not None:
        notes.append(f"a step launches {launches:.0f} kernels")
    return Result(
        name=item.name,
        ours=unit * units,
        peer=statistics.median(peer) * units,
        ratio=ratio,
        spread=(min(ratios), max(ratios)),
        target=item.target,
        met=ratio >= item.target,
        note="; ".join(notes),
        machine=machine,
        versions=versions(),
        commit=commit(),
        rows=rows,
    )


def seconds(run: Callable[[], Any], device: str = "cpu") -> float:
    """How long `run` takes, to the end of what it started on a GPU."""
    import torch

    wait = torch.cuda.synchronize if device != "cpu" else lambda: None
    wait()
    start = time.perf_counter()
    run()
    wait()
    return time.perf_counter() - start


def run(names: Sequence[str], rounds: int = MIN_ROUNDS, device: str = "cpu") -> Iterator[Result | Skipped]:
    """The results of these comparisons (all, if none is named), one by one."""
    known = discover()
    for name in names or known:
        try:
            yield measure(known[name], rounds, device)
        except Missing as missing:
            yield Skipped(name, str(missing))
        except AssertionError as error:
            yield Skipped(name, str(error), failed=True)
