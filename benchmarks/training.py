"""Times an epoch with Information Dropout: `fit` against the loop that one would otherwise write (`usual`)."""

import copy
import math
import os
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from data_gen import DataError, load
from ib_tutorial.nn import InformationDropout, NoisyNetwork, all_cnn_32, mlp, noise
from ib_tutorial.training import fit, kl_per_image
from ib_tutorial.training.loop import compiled
from ib_tutorial.training.precision import chosen

from .bounds import median_seconds, operations
from .harness import ALL_CORES, Sides, comparison
from .layer import STANDARD_ERRORS, standard_normal_independent
from .usual import (
    UsualImages,
    UsualInformationDropout,
    UsualNetwork,
    copy_state,
    usual_all_cnn_32,
    usual_epoch,
    usual_loader,
    usual_mlp,
    usual_optimiser,
)

LR, BETA = 0.01, 3.0
BATCH = 100
CHECKED_AS = 10_000
"""Images that beta is divided by where three steps are compared: by those of one batch alone, a wide network would diverge."""


class Data:
    """Images as bytes, one by one for the usual loop; resident and standardised for ours."""

    def __init__(self, name: str, shape: tuple[int, int, int], n: int, device: str):
        try:
            # from a folder that the user named, or the cache: a benchmark downloads nothing
            found = load(name, offline=True)
            images, labels, self.source = found.images[:n], found.labels[:n], found.source.name
        except DataError:
            generator = torch.Generator().manual_seed(0)
            images = torch.randint(256, (n, *shape), dtype=torch.uint8, generator=generator)
            labels = torch.randint(10, (n,), generator=generator)
            self.source = f"random numbers in the shape of {name}, which is not here (IB_TUTORIAL_DATA)"
        pixels = images.permute(0, 3, 1, 2).float() / 255
        mean, std = pixels.mean().item(), pixels.std().item()
        self.dataset = UsualImages(images, labels, mean, std)
        self.x, self.y = ((pixels - mean) / std).to(device), labels.to(device)


@comparison(
    "mlp_100_epoch",
    target=2.5,
    note="an epoch of the MLP 3x100, batch 100: usual loop, DataLoader with a worker per core, torch.distributions, .item()",
    smoke=dict(width=8, n_images=200, workers=0),
    threads=ALL_CORES,
    devices=("cpu", "cuda"),
)
def mlp_100(device: str = "cpu", width: int = 100, n_images: int = 60_000, workers: int | None = None) -> Sides:
    data = Data("mnist", (28, 28, 1), n_images, device)
    return epoch(partial(mlp, width), partial(usual_mlp, width), data, device, "float32", workers, explained=True)


@comparison(
    "mlp_400_epoch",
    target=1.5,
    note="the same of the MLP 3x400",
    smoke=dict(width=12, n_images=200, workers=0),
    threads=ALL_CORES,
    devices=("cpu", "cuda"),
)
def mlp_400(device: str = "cpu", width: int = 400, n_images: int = 60_000, workers: int | None = None) -> Sides:
    data = Data("mnist", (28, 28, 1), n_images, device)
    return epoch(partial(mlp, width), partial(usual_mlp, width), data, device, "float32", workers)


@comparison(
    "all_cnn_25_epoch",
    target=2,
    note="an epoch of All-CNN-32 with a quarter of its filters, Softplus, batch 100: usual network in NCHW and float32, usual loop",
    smoke=dict(width=0.05, n_images=100, n_batches=1, workers=0),
    threads=ALL_CORES,
    devices=("cpu", "cuda"),
)
def all_cnn_25(
    device: str = "cpu", width: float = 0.25, n_images: int = 50_000, n_batches: int = 20, workers: int | None = None
) -> Sides:
    build = partial(all_cnn_32, width=width, activation="softplus")
    data = Data("cifar10", (32, 32, 3), n_images, device)
    return epoch(build, partial(usual_all_cnn_32, width), data, device, "auto", workers, n_batches, explained=True)


@comparison(
    "all_cnn_100_epoch",
    target=2,
    note="the same with all filters",
    smoke=dict(width=0.1, n_images=100, n_batches=1, workers=0),
    threads=ALL_CORES,
    devices=("cpu", "cuda"),
)
def all_cnn_100(
    device: str = "cpu", width: float = 1.0, n_images: int = 50_000, n_batches: int = 20, workers: int | None = None
) -> Sides:
    build = partial(all_cnn_32, width=width, activation="softplus")
    data = Data("cifar10", (32, 32, 3), n_images, device)
    return epoch(build, partial(usual_all_cnn_32, width), data, device, "auto", workers, n_batches)


def epoch(
    build: Callable[[], NoisyNetwork],
    build_usual: Callable[[], UsualNetwork],
    data: Data,
    device: str,
    precision: str,
    workers: int | None,
    n_batches: int | None = None,
    explained: bool = False,
) -> Sides:
    """Both sides of an epoch; n_batches: time so many of its steps and scale, else all of it. explained: with the ladder.

    A whole epoch of the usual loop starts its workers, as it does in use; a part of one does not, since that would be scaled too.
    """
    workers = (os.cpu_count() or 1) if workers is None else workers
    n_images = len(data.x)
    n_steps = n_batches or math.ceil(n_images / BATCH)
    done = min(n_steps * BATCH, n_images)
    ours, usual = same_weights(build, build_usual, device)
    optimiser = usual_optimiser(usual, LR)
    loader = usual_loader(data.dataset, BATCH, workers, persistent=n_batches is not None and workers > 0)
    warm = endless(loader)

    def train(steps: int) -> NoisyNetwork:
        some = slice(steps * BATCH)
        fit(
            ours, data.x[some], data.y[some], epochs=1, lr=LR, beta=BETA, n_train=n_images, batch_size=BATCH,
            precision=precision, progress=False,
        )  # fmt: skip
        return ours

    def peer() -> UsualNetwork:
        batches = loader if n_batches is None else (next(warm) for _ in range(n_batches))
        usual_epoch(usual, batches, optimiser, BETA / n_images, device)
        return usual

    kind = chosen(precision, torch.device(device))
    return Sides(
        ours=lambda: train(n_steps),
        peer=peer,
        same=lambda mine, theirs: train_alike(mine, theirs, data.x[:BATCH], data.y[:BATCH]),
        ours_units=done,
        peer_units=done,
        units=n_images,
        gflop=n_images * operations(build, tuple(data.x.shape[1:])),
        precision=kind,
        train=train,
        rows=partial(ladder, build, build_usual, data, n_steps, workers, device, kind) if explained else None,
        note=f"{workers} workers, {kind} on our side; images: {data.source}",
    )


def same_weights(
    build: Callable[[], NoisyNetwork], build_usual: Callable[[], UsualNetwork], device: str
) -> tuple[NoisyNetwork, UsualNetwork]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ours, usual = build().to(device), build_usual().to(device)
    copy_state(ours, usual)
    return ours, usual


def endless(batches):
    """The batches of one epoch after another."""
    while True:
        yield from batches


def cut(x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """An epoch's batches in a random order, cut from tensors that are there already, as `fit` does."""
    for batch in torch.randperm(len(x)).to(x.device).split(BATCH):
        yield x[batch], y[batch]


# ---- the same training? ----


def train_alike(ours: NoisyNetwork, usual: UsualNetwork, x: Tensor, y: Tensor) -> bool:
    """Whether both, from the weights of `ours`, compute and train alike: see the four functions. They are left as they are."""
    return all(
        alike(*copies(ours, usual), x, y) for alike in (same_outputs, same_steps, same_noise, same_expected_loss)
    )


def copies(ours: NoisyNetwork, usual: UsualNetwork) -> tuple[NoisyNetwork, UsualNetwork]:
    mine, theirs = copy.deepcopy(ours), copy.deepcopy(usual)
    copy_state(mine, theirs)
    return mine.train(), theirs.train()


def silence(usual: UsualNetwork) -> None:
    """Switch the noise of the usual network off, as `noise(network, on=False)` does for ours."""
    for layer in usual.layers:
        if isinstance(layer, UsualInformationDropout):
            layer.noisy = False


@torch.no_grad()
def same_outputs(ours: NoisyNetwork, usual: UsualNetwork, x: Tensor, y: Tensor) -> bool:
    """Whether both networks have the same logits and the same KL of every unit, without noise."""
    silence(usual)
    with noise(ours, on=False):
        logits, kls = ours(x)
    usual_logits, usual_kls = usual(x)
    return close(logits, usual_logits) and all(close(a, b) for a, b in zip(kls, usual_kls, strict=True))


def same_steps(ours: NoisyNetwork, usual: UsualNetwork, x: Tensor, y: Tensor) -> bool:
    """Whether both have the same weights after three steps on one batch without noise. There neither order nor precision can differ.

    If so, both have the same loss, beta and optimiser.
    """
    silence(usual)
    with noise(ours, on=False):
        fit(
            ours, x, y, epochs=3, lr=LR, beta=BETA, n_train=CHECKED_AS, batch_size=len(x), precision="float32", progress=False
        )  # fmt: skip
    optimiser = usual_optimiser(usual, LR)
    for _ in range(3):
        usual_epoch(usual, [(x, y)], optimiser, BETA / CHECKED_AS, str(x.device))
    return all(close(a, b) for a, b in zip(ours.parameters(), usual.parameters(), strict=True))


@torch.no_grad()
def same_noise(ours: NoisyNetwork, usual: UsualNetwork, x: Tensor, y: Tensor, draws: int = 16) -> bool:
    """Whether log(z / f) of every layer of both, divided by the alpha of ours, is standard normal."""
    for mine, theirs in zip(ours.layers, usual.layers, strict=True):
        if not isinstance(mine, InformationDropout):
            x = mine(x)
            continue
        f, alpha = mine.f(x), mine.noise_scale(x)
        for layer in (mine, theirs):
            n = torch.stack([(layer(x)[0] / f).log() / alpha for _ in range(draws)])
            if not standard_normal_independent(n[:, f > 1e-3]):
                return False
        x = f
    return True


@torch.no_grad()
def same_expected_loss(ours: NoisyNetwork, usual: UsualNetwork, x: Tensor, y: Tensor, draws: int = 32) -> bool:
    """Whether the means of cross-entropy and KL over draws of the noise differ by no more than their sampling errors explain."""

    def terms(network: nn.Module) -> Tensor:
        drawn = []
        for _ in range(draws):
            logits, kls = network(x)
            drawn.append(torch.stack([nn.functional.cross_entropy(logits, y), kl_per_image(kls)]))
        return torch.stack(drawn).double()

    a, b = terms(ours), terms(usual)
    error = ((a.var(0) + b.var(0)) / draws).sqrt()
    return bool(((a.mean(0) - b.mean(0)).abs() <= STANDARD_ERRORS * error + 1e-5 * a.mean(0).abs()).all())


def close(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-3, atol=1e-4)


# ---- what each step earned ----


def ladder(
    build: Callable[[], NoisyNetwork],
    build_usual: Callable[[], UsualNetwork],
    data: Data,
    n_steps: int,
    workers: int,
    device: str,
    kind: str,
) -> list[dict]:
    """Seconds of an epoch with one change after the other, from the usual loop to `fit`, and of one that did not pay."""
    n_images = len(data.x)
    some = slice(n_steps * BATCH)
    x, y = data.x[some], data.y[some]
    ours, usual = same_weights(build, build_usual, device)
    convolutional = any(isinstance(module, nn.Conv2d) for module in ours.modules())
    rows = []

    def rung(change: str, network: nn.Module, batches: Callable, **options: bool) -> None:
        optimiser = usual_optimiser(network, LR)
        run = lambda: usual_epoch(network, batches(), optimiser, BETA / n_images, device, **options)
        taken = median_seconds(run, device, repeats=3) * n_images / len(x)
        rows.append({"change": change, "seconds": taken})

    loader = endless(usual_loader(data.dataset, BATCH, workers, persistent=workers > 0))
    rung("the usual loop", usual, lambda: (next(loader) for _ in range(n_steps)))
    resident = lambda: cut(x, y)
    rung("batches cut from resident tensors", usual, resident)
    rung("noise and KL of ib_tutorial", ours, resident)
    rung("no .item() in the loop", ours, resident, look=False)
    if convolutional:
        ours.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
        rung("channels_last", ours, resident, look=False)
    if kind == "bfloat16":
        rung("bfloat16", ours, resident, look=False, bfloat16=True)
    train = lambda: fit(
        ours, x, y, epochs=1, lr=LR, beta=BETA, n_train=n_images, batch_size=BATCH, precision=kind, progress=False
    )
    rows.append({"change": "fit", "seconds": median_seconds(train, device, repeats=3) * n_images / len(x)})
    if convolutional:
        fast = compiled(ours, x[:BATCH], kind)
        if fast is not ours:
            rung("torch.compile (not used)", fast, resident, look=False, bfloat16=kind == "bfloat16")
    return rows
