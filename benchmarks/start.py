"""Times the start: fresh interpreters that import the library, against one that imports torch."""

import subprocess
import sys
from pathlib import Path

from ib_tutorial.catalogue import SHOWS

from .harness import Sides, comparison

ROOT = Path(__file__).resolve().parents[1]
TORCH = "import torch; print(torch.__version__)"


def fresh(*arguments: str) -> str:
    """What a new interpreter prints."""
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@comparison(
    "start_import",
    target=1 / 1.1,
    note="a new interpreter that imports torch, ib_tutorial with all that a training script needs, and data_gen: import torch alone",
)
def start_import(also: str = "import ib_tutorial, ib_tutorial.nn, ib_tutorial.training, data_gen") -> Sides:
    return Sides(
        ours=lambda: fresh("-c", f"{also}; {TORCH}"),
        peer=lambda: fresh("-c", TORCH),
        same=lambda ours, peer: ours == peer != "",
        rows=lambda: [{"import": "ib_tutorial alone", "imports torch": "torch" in fresh("-c", MODULES).split()}],
    )


MODULES = "import sys, ib_tutorial; print(*sys.modules)"


@comparison("start_list", target=2, note="`python -m ib_tutorial list`: import torch alone")
def start_list(arguments: tuple[str, ...] = ("-m", "ib_tutorial", "list")) -> Sides:
    return Sides(
        ours=lambda: fresh(*arguments),
        peer=lambda: fresh("-c", TORCH),
        same=lambda listed, version: all(name in listed for name in SHOWS) and version.strip() != "",
    )
