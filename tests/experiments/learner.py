"""An experiment for tests that stop and restart runs: small networks learn from a file that says which images there are."""

import hashlib
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from ib_tutorial.nn import mlp
from ib_tutorial.training import evaluate, fit

NAME = "learner"
PROFILES = {"smoke": {}}
FINDINGS = ()


@dataclass(frozen=True)
class Config:
    n_seeds: int = 3
    epochs: int = 4
    betas: tuple[float, ...] = (0.5, 2.0)
    pause: float = 0.0  # seconds after each epoch


def stages(settings):
    """The second stage trains with the beta that did best in the first."""
    return [
        [dict(stage="selection", seed=0, beta=beta) for beta in settings.betas],
        [dict(stage="final", seed=seed) for seed in range(settings.n_seeds)],
    ]


def source(settings, root):
    return {"name": "made up", "sha256": hashlib.sha256((Path(root) / "images").read_bytes()).hexdigest()}


def images(root):
    generator = torch.Generator().manual_seed(int((Path(root) / "images").read_text(encoding="utf-8")))
    return torch.rand(60, 784, generator=generator), torch.randint(10, (60,), generator=generator)


def run_cell(cell, context):
    settings = context.settings
    x, y = images(context.root)
    beta = cell.get("beta")
    if beta is None:
        beta = min(context.earlier.select(stage="selection", metric="loss"), key=lambda row: row["value"])["beta"]
    torch.manual_seed(cell["seed"])
    network = mlp(8, "information")
    fit(
        network, x, y, epochs=settings.epochs, lr=0.05, beta=beta, batch_size=20, seed=cell["seed"], precision="float32",
        checkpoint=context.checkpoint(cell), progress=False, on_epoch=partial(pause, settings.pause),
    )  # fmt: skip
    result = evaluate(network, x, y)
    return [dict(metric="loss", value=result.cross_entropy), dict(metric="kl", value=result.kl)]


def pause(seconds, epoch):
    time.sleep(seconds)
