"""A bound on how long torch's threads spin while they wait for each other, before they sleep. No torch is imported here.

A thread that spins keeps its core busy. Beside other programs the thread that it waits for then has no core, and training takes
several times as long. OpenMP reads its settings when torch is loaded, so our own programs set them before. A plain import of the
library sets nothing: a host program's environment is its own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

BOUND = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
"""For libgomp (torch on Linux), in turns of its loop, some 50 microseconds; for libomp (macOS) and Intel's (Windows), in milliseconds.

On two idle cores a step of the MLP 3x100 on two threads takes as long at 1,000 turns as at libgomp's default of 300,000, and 1.3 times
as long at 0 and at 100. Beside two busy loops it took 11 ms at 1,000 turns, 23 ms at 10,000 and 340 ms at the default.
"""

CHOICES = (*BOUND, "OMP_WAIT_POLICY", "KMP_LIBRARY")
"""The variables by which a user may have chosen how threads wait."""


def bound_waiting() -> list[str]:
    """Bound the waiting in this process, where torch is not loaded yet, and in those that it starts; return the variables set.

    Nothing is set where the environment has a choice already.
    """
    if any(name in os.environ for name in CHOICES):
        return []
    os.environ.update(BOUND)
    return list(BOUND)


@contextmanager
def waiting_bounded() -> Iterator[None]:
    """Processes that are started within this context bound their waiting. This one keeps its environment."""
    added = bound_waiting()
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
