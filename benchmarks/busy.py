"""Compares our choice of threads, and of how they wait, with torch's own, beside programs that keep the cores busy.

Every piece of work runs in processes of its own, since OpenMP reads its settings when torch is loaded. A worker of `OURS` bounds how
long threads spin, and leaves their number to the library's rule. A worker of `PLAIN` has torch's defaults: all threads, which spin.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ib_tutorial.waiting import BOUND, CHOICES

from .harness import ALL_CORES, Missing, Sides, comparison
from .start import ROOT

OURS, PLAIN = "ours", "torch's defaults"

SPINNING = "print(1, flush=True)\nwhile True: pass"

GOALS = {1: (1.0, 1.2, 1.7), 2: (1.0, 1.8, 2.6)}
"""The goals: by the threads of the work, at most so many times the idle time beside 0, 1 and 2 busy loops on two cores."""

CHAPTER = ROOT / "book" / "information_dropout.ipynb"


# ---- what a worker does ----


def mlp_3x100(images: int = 4_000) -> Callable[[], float]:
    """Train the MLP 3x100 with Information Dropout for four epochs, and return the mean loss of the last."""
    from ib_tutorial.nn import mlp

    return training(lambda: mlp(100), (images, 784), epochs=4)


def all_cnn_25(images: int = 400) -> Callable[[], float]:
    """Train All-CNN-32 at a quarter of its filters for an epoch."""
    from ib_tutorial.nn import all_cnn_32

    return training(lambda: all_cnn_32(width=0.25, activation="softplus"), (images, 3, 32, 32), epochs=1)


def training(build: Callable, shape: tuple[int, ...], epochs: int) -> Callable[[], float]:
    import torch

    from ib_tutorial.training import fit, initialised

    x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    y = torch.arange(len(x)) % 10
    options = dict(lr=0.01, beta=3.0, batch_size=100, precision="float32", progress=False)
    return lambda: fit(initialised(build, seed=0), x, y, epochs=epochs, **options)[-1].loss


def layer(images: int = 128) -> Callable[[], float]:
    """Compute the layer's own arithmetic, forward and backward, 20 times."""
    from torch import nn

    from ib_tutorial.nn import InformationDropout

    from .layer import passed, random_input

    noisy, x = InformationDropout(nn.Softplus(), nn.Identity(), prior="log_normal"), random_input(images, 96, 16, "cpu")
    return lambda: [passed(noisy, x).kl.mean().item() for _ in range(20)][-1]


def chapter(images: int = 0) -> Callable[[], float]:
    """Execute a chapter at `quick`, or at the profile that the environment names, and return the number of its cells."""
    import nbformat
    from nbclient import NotebookClient

    def run() -> float:
        notebook = nbformat.read(CHAPTER, as_version=4)
        return len(NotebookClient(notebook, kernel_name="python3", timeout=None).execute().cells)

    return run


WORKS: dict[str, Callable[[int], Callable[[], float]]] = {
    work.__name__: work for work in (mlp_3x100, all_cnn_25, layer, chapter)
}


def serve(work: str, *images: str) -> None:
    """Do the work each time a line comes in, and answer with its result, its threads, and the seconds it took."""
    do = WORKS[work](*map(int, images))
    do()  # warms up
    print(flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        result = do()
        print(
            json.dumps({"result": result, "seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}),
            flush=True,
        )


# ---- what is compared ----


class Worker:
    """A process that does one piece of work when asked, and waits meanwhile without computing. It ends with this object."""

    def __init__(self, work: str, setting: str, images: tuple[int, ...] = ()):
        from ib_tutorial.training.threads import VARIABLES

        environment = {name: value for name, value in os.environ.items() if name not in (*VARIABLES, *CHOICES)}
        # a number of threads that is named is not chosen by the rule
        environment |= BOUND if setting == OURS else {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import sys; from benchmarks.busy import serve; serve(*sys.argv[1:])", work, *map(str, images)],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.answer()

    def answer(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise ChildProcessError("a worker of the benchmark ended; its error is above")
        return line

    def ask(self) -> dict[str, float]:
        """Have the work done, and return its `result`, its `seconds`, and the processor's seconds, `cpu`."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.answer())

    def __del__(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def beside(loops: int) -> Iterator[None]:
    """Within this context so many other processes count as fast as they can, and do nothing else."""
    running = [subprocess.Popen([sys.executable, "-c", SPINNING], stdout=subprocess.PIPE) for _ in range(loops)]
    try:
        for process in running:
            process.stdout.readline()
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


@comparison(
    "busy",
    target=1,
    note="four epochs of the MLP 3x100 on 4,000 images beside as many busy loops as cores, threads and waiting as the library has them: "
    "torch's defaults",
    smoke=dict(images=200, works=("mlp_3x100",), loops=(0, 1)),
    threads=ALL_CORES,
)
def busy(
    images: int | None = None, works: tuple[str, ...] = tuple(WORKS), loops: tuple[int, ...] = (0, 1, 2), repeats: int = 3
) -> Sides:
    if "chapter" in works and importlib.util.find_spec("nbclient") is None:
        raise Missing("the tools that run a chapter are not here: pip install -r requirements.txt")
    sizes = () if images is None else (images,)
    ours, plain = (Worker("mlp_3x100", setting, sizes) for setting in (OURS, PLAIN))

    def loaded(worker: Worker) -> float:
        with beside(os.cpu_count() or 1):
            return worker.ask()["result"]

    return Sides(
        ours=lambda: loaded(ours),
        peer=lambda: loaded(plain),
        same=lambda mine, theirs: abs(mine - theirs) < 1e-2 * abs(theirs),
        rows=lambda: [row for work in works for row in against_idle(work, sizes, loops, repeats)],
    )


def against_idle(work: str, sizes: tuple[int, ...], loops: tuple[int, ...], repeats: int) -> list[dict[str, Any]]:
    """Median seconds of the work beside each number of busy loops, and how many times the idle time that is, for both settings."""
    rows = []
    for setting in (OURS, PLAIN):
        worker, idle = Worker(work, setting, sizes), None
        for n in loops:
            with beside(n):
                answers = [worker.ask() for _ in range(1 if work == "chapter" else repeats)]
            seconds, cpu = (statistics.median(answer[key] for answer in answers) for key in ("seconds", "cpu"))
            idle = idle or seconds
            goal = GOALS[1 if work == "mlp_3x100" else 2][n]
            rows.append(
                {"work": work, "setting": setting, "loops": n, "seconds": seconds, "cpu": cpu, "to idle": seconds / idle, "goal": goal}
            )
    return rows
