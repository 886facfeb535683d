"""Ours against a peer, as a ratio in one run: only that travels from one machine to another.

To add a comparison, decorate a function that prepares it, in any module of this package:

    @comparison("name", target=20, note="what is compared, and on what")
    def _() -> Sides:
        return Sides(ours=lambda: fast(x), peer=lambda: slow(x), same=torch.equal)

`Sides` may also have a `floor`: work that an implementation with these tools cannot do without, for ours' units, and `floor_is`, what that
work is; the note then says what ratio it leaves possible.

`same(ours(), peer())` must hold before anything is timed. Where the peer is long, let it do a share of the work, say how many
`units` (images, points) each side does, and compare them with `same`: times are then given for ours' units, scaled.
"""

import importlib
import pkgutil
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

MIN_ROUNDS = 7


@dataclass(frozen=True)
class Sides:
    """The two sides of a comparison, ready to run."""

    ours: Callable[[], Any]
    peer: Callable[[], Any]
    same: Callable[[Any, Any], bool]
    ours_units: int = 1
    peer_units: int = 1
    floor: Callable[[], Any] | None = None
    floor_is: str = ""


@dataclass(frozen=True)
class Result:
    """Seconds are medians for `ours_units`; the ratio is the median over rounds of peer / ours, the spread its extremes."""

    name: str
    ours: float
    peer: float
    ratio: float
    spread: tuple[float, float]
    target: float
    met: bool
    note: str


@dataclass(frozen=True)
class Comparison:
    name: str
    target: float
    note: str
    prepare: Callable[[], Sides]


REGISTRY: dict[str, Comparison] = {}


def comparison(name: str, *, target: float, note: str) -> Callable[[Callable[[], Sides]], Callable[[], Sides]]:
    """Register the decorated function, which returns the Sides, as the comparison `name`."""

    def register(prepare: Callable[[], Sides]) -> Callable[[], Sides]:
        if name in REGISTRY:
            raise ValueError(f"two comparisons are called {name!r}")
        REGISTRY[name] = Comparison(name, target, note, prepare)
        return prepare

    return register


def discover() -> dict[str, Comparison]:
    """Import every module of this package, so that what they register is there."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("__"):
            importlib.import_module(f"{__package__}.{module.name}")
    return REGISTRY


def measure(item: Comparison, rounds: int = MIN_ROUNDS) -> Result:
    """Check that both sides compute the same, warm up with that, then time them alternately.

    Raises AssertionError if they do not.
    """
    sides = item.prepare()
    assert sides.same(sides.ours(), sides.peer()), (
        f"{item.name}: the two sides do not compute the same thing; nothing was timed"
    )
    ours, peer = [], []
    floor = []
    for _ in range(max(rounds, MIN_ROUNDS)):
        if sides.floor:
            floor.append(_seconds(sides.floor) / sides.ours_units)
        ours.append(_seconds(sides.ours) / sides.ours_units)
        peer.append(_seconds(sides.peer) / sides.peer_units)
    ratios = [p / o for o, p in zip(ours, peer)]
    ratio = statistics.median(ratios)
    note = item.note
    if sides.peer_units != sides.ours_units:
        note += f"; the peer did {sides.peer_units:,} of {sides.ours_units:,} and is scaled"
    if floor:
        lowest = statistics.median(floor)
        possible = statistics.median(peer) / lowest
        share = lowest / statistics.median(ours)
        note += (
            f"; {sides.floor_is} alone takes {lowest * sides.ours_units:.3f} s, {share:.0%} of our time, "
            f"so {possible:.1f}x is the most that leaves"
        )
    return Result(
        name=item.name,
        ours=statistics.median(ours) * sides.ours_units,
        peer=statistics.median(peer) * sides.ours_units,
        ratio=ratio,
        spread=(min(ratios), max(ratios)),
        target=item.target,
        met=ratio >= item.target,
        note=f"{note}; {machine()}",
    )


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def machine() -> str:
    """The kind of machine and the versions that a number depends on."""
    import os

    import numpy
    import torch

    threads = torch.get_num_threads()
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {threads} torch thread{'s' * (threads != 1)}, python {platform.python_version()}, "
        f"numpy {numpy.__version__}, torch {torch.__version__}"
    )


def run(names: list[str], rounds: int = MIN_ROUNDS) -> Iterator[dict]:
    """The results of these comparisons (all, if none is named), one by one, as dictionaries."""
    known = discover()
    for name in names or known:
        yield asdict(measure(known[name], rounds))
