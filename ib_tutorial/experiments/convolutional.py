"""What the experiments on Table 2's networks share: images made ready, a network trained, layers measured, a setting chosen."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from data_gen import Images, load
from ib_tutorial.experiments.record import Record, Row
from ib_tutorial.nn import NoisyNetwork
from ib_tutorial.training import fit, initialised, reading
from ib_tutorial.training.randomness import generator


class Split(NamedTuple):
    x: Float[Tensor, "images channels height width"]
    y: Int[Tensor, " images"]


@runtime_checkable
class Settings(Protocol):
    """What `trained` reads of an experiment's settings."""

    @property
    def n_train(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def drops(self) -> tuple[int, ...]: ...
    @property
    def lr(self) -> float: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def weight_decay(self) -> float: ...


@lru_cache(maxsize=4)
def images(name: str, split: str, root: str | None) -> Images:
    """A split of a data set, read once per process."""
    return load(name, split, root=root)


def first_classes(split: Images, n: int) -> Images:
    """The images whose label is below n."""
    kept = split.labels < n
    return split if kept.all() else split._replace(images=split.images[kept], labels=split.labels[kept])


def source(name: str, root: Path | str | None) -> dict[str, str]:
    """Name and SHA-256 of the training images, for the record."""
    where = images(name, "train", None if root is None else str(root)).source
    return {"name": where.name, "sha256": where.sha256}


def standardised(
    reference: UInt8[Tensor, "n height width channels"], *others: UInt8[Tensor, "_ height width channels"]
) -> list[Float[Tensor, "_ channels height width"]]:
    """Each set of images with the reference's mean and standard deviation of each channel removed; NCHW, the reference first."""
    pixels = reference.float().flatten(0, 2)
    mean, std = pixels.mean(0), pixels.std(0)
    return [((each.float() - mean) / std).permute(0, 3, 1, 2) for each in (reference, *others)]


def classification_data(
    name: str,
    root: Path | str | None,
    n_train: int,
    n_validation: int,
    n_test: int,
    device: torch.device,
    *,
    seed: int = 0,
    prepared: Callable[..., list[Tensor]] = standardised,
) -> tuple[Split, Split, Split]:
    """Training, validation and test images of a data set, prepared by the training images (by default, standardised).

    Each seed draws its own training images from the training split, so that an interval over seeds holds the variation of the data; its
    validation images are others of that split, and the test images are the first n_test of the test split for every seed.
    """
    folder = None if root is None else str(root)
    train, test = images(name, "train", folder), images(name, "test", folder)
    end = n_train + n_validation
    if len(train.images) < end or len(test.images) < n_test:
        raise ValueError(
            f"{name} has {len(train.images)} training and {len(test.images)} test images; "
            f"these settings need {n_train} + {n_validation} and {n_test}"
        )
    for_training, for_validation = subset(len(train.images), end, seed).split([n_train, n_validation])
    x_train, x_validation, x_test = prepared(
        train.images[for_training], train.images[for_validation], test.images[:n_test]
    )
    y = train.labels
    return (
        Split(x_train.to(device), y[for_training].to(device)),
        Split(x_validation.to(device), y[for_validation].to(device)),
        Split(x_test.to(device), test.labels[:n_test].to(device)),
    )


def subset(n: int, size: int, seed: int) -> Int[Tensor, " size"]:
    """Which `size` of n images a seed takes, in its own order."""
    return torch.randperm(n, generator=generator(seed, "training images"), device="cpu")[:size]


def trained(
    build: Callable[[], NoisyNetwork],
    data: Split,
    settings: Settings,
    *,
    beta: float,
    seed: int,
    checkpoint: Path | None,
    **changed: Any,
) -> tuple[NoisyNetwork, float]:
    """A network trained on `data`, in eval mode, and its last epoch's mean KL (noise on), in nats per image.

    On a CPU it trains in float32, so that a record does not depend on what a processor is fast at.

    checkpoint: where a run that is killed leaves its state, and is taken up. changed: settings of `fit` that differ from the
    experiment's.
    """
    network = initialised(build, seed).to(data.x.device)
    options: dict[str, Any] = dict(
        epochs=settings.epochs, drops=settings.drops, lr=settings.lr, batch_size=settings.batch_size,
        weight_decay=settings.weight_decay, precision="float32" if data.x.device.type == "cpu" else "auto",
    )  # fmt: skip
    history = fit(network, *data, beta=beta, seed=seed, checkpoint=checkpoint, progress=False, **(options | changed))
    return network.eval(), history[-1].kl


def shape_of(name: str) -> tuple[int, int, int]:
    """Channels, height and width of a data set's images."""
    return (1, 28, 28) if name.startswith("mnist") else (3, 32, 32)


@torch.no_grad()
def kl_per_layer(
    network: NoisyNetwork, x: Float[Tensor, "images *inputs"], batch_size: int = 500
) -> list[tuple[float, int]]:
    """Per noise layer, mean nats per image with the noise on, and the number of its units."""
    totals: list[float] = []
    units: list[int] = []
    with reading(network, noisy=True):
        for batch in x.split(batch_size):
            _, kl_terms = network(batch)
            sums = [kl.double().sum().item() for kl in kl_terms]
            totals = sums if not totals else [a + b for a, b in zip(totals, sums, strict=True)]
            units = [kl[0].numel() for kl in kl_terms]
    return [(total / len(x), n) for total, n in zip(totals, units, strict=True)]


@torch.no_grad()
def mean_alpha_squared(network: NoisyNetwork, x: Float[Tensor, "images *inputs"], batch_size: int = 500) -> list[float]:
    """Per Information Dropout layer, alpha^2 averaged over images and units, the layers below drawing their noise."""
    with reading(network, noisy=True):
        batches = [
            [scale.double().square().mean().item() * len(batch) for scale in network.noise_scales(batch)]
            for batch in x.split(batch_size)
        ]
    return [sum(layer) / len(x) for layer in zip(*batches, strict=True)]


def rows_of(measured: dict[str, float], **labels: Any) -> list[Row]:
    return [dict(**labels, metric=metric, value=value) for metric, value in measured.items()]


def by_seed(record: Record, metric: str, **values: Any) -> list[float]:
    """One metric's values, in the order of the seeds."""
    rows = sorted(record.select(metric=metric, **values), key=lambda row: row["seed"])
    return [row["value"] for row in rows]


def chosen_beta(record: Record, metric: str = "validation_error", among: Sequence[float] | None = None) -> float:
    """The beta with the least mean of `metric` over the seeds; the smallest of those that tie."""
    betas = sorted(record.config["betas"] if among is None else among)
    if not record.select(metric=metric):
        raise ValueError(
            f"the record has no {metric}; a beta is chosen on held-out images, so n_validation must not be 0"
        )
    return min(betas, key=lambda beta: sum(by_seed(record, metric, beta=beta)))


def rank_correlation(record: Record, metric: str, **values: Any) -> list[float]:
    """By seed, Spearman's rank correlation between beta and `metric`: 1 where it rises at every step, -1 where it falls, 0 where
    it never moves."""
    from scipy.stats import spearmanr

    betas = sorted(record.config["betas"])
    curves = zip(*(by_seed(record, metric, beta=beta, **values) for beta in betas), strict=True)
    return [float(spearmanr(betas, curve).statistic) if len(set(curve)) > 1 else 0.0 for curve in curves]
