"""Images made ready, a network trained on them, and its noise layers measured: the common ground of all experiments with images."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from data_gen import Images, load
from ib_tutorial.nn import NoisyNetwork, all_cnn_32
from ib_tutorial.nn.networks import Dropout
from ib_tutorial.training import CollapseWarning, Epoch, fit, initialised, reading
from ib_tutorial.training.randomness import generator

Network = TypeVar("Network", bound=nn.Module)

OF_SETTINGS = ("epochs", "drops", "lr", "batch_size", "weight_decay")
"""The arguments of `fit` that an experiment's settings may have, by the same names."""


class Split(NamedTuple):
    x: Float[Tensor, "images *pixels"]
    y: Int[Tensor, " images"] | Float[Tensor, "images *pixels"]


@lru_cache(maxsize=4)
def images(name: str, split: str, root: Path | str | None) -> Images:
    """A split of a data set, read once per process. "mnist5k/2" is mnist5k at half its height and width."""
    name, _, times = name.partition("/")
    found = load(name, split, root=root)
    return found._replace(images=shrunk(found.images, int(times))) if times else found


def shrunk(pixels: UInt8[Tensor, "n height width channels"], times: int) -> UInt8[Tensor, "n _ _ channels"]:
    """Images of fewer pixels, each the mean of times x times."""
    means = nn.functional.avg_pool2d(pixels.permute(0, 3, 1, 2).float(), times)
    return means.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def source(name: str, root: Path | str | None) -> dict[str, str]:
    """Name and SHA-256 of the training images, for the record."""
    where = images(name, "train", root).source
    return {"name": where.name, "sha256": where.sha256}


def check_enough(name: str, **splits: tuple[int, int]) -> None:
    """Check that each split of a data set has as many images as the settings take: slicing past the end of a tensor is silent.

    Args:
        name: the data set's.
        splits: for each split how many images there are and how many are needed: `train=(20_000, 60_000)`.

    Raises:
        ValueError: a split has too few; the record would name a number of images that no network saw.
    """
    lacking = [f"{there:,} {split} images, {needed:,} needed" for split, (there, needed) in splits.items() if there < needed]
    if lacking:
        raise ValueError(
            f"{name} has too few images for these settings: {'; '.join(lacking)}; give the folder of the whole data set with "
            "--data, or choose a smaller --profile"
        )


def first_classes(split: Images, n: int) -> Images:
    """The images whose label is below n."""
    kept = split.labels < n
    return split if kept.all() else split._replace(images=split.images[kept], labels=split.labels[kept])


def subset(n: int, size: int, seed: int) -> Int[Tensor, " size"]:
    """Which `size` of n images a seed takes, in its own order."""
    return torch.randperm(n, generator=generator(seed, "training images"), device="cpu")[:size]


def standardised(
    reference: UInt8[Tensor, "n height width channels"], *others: UInt8[Tensor, "_ height width channels"]
) -> list[Float[Tensor, "_ channels height width"]]:
    """Each set of images with the reference's mean and standard deviation of each channel removed; NCHW, the reference first."""
    pixels = reference.float().flatten(0, 2)
    mean, std = pixels.mean(0), pixels.std(0)
    return [((each.float() - mean) / std).permute(0, 3, 1, 2) for each in (reference, *others)]


def flat(*sets: UInt8[Tensor, "_ height width channels"]) -> list[Float[Tensor, "_ pixels"]]:
    """Each set of images as rows of pixels in [0, 1]."""
    return [(each.float() / 255).flatten(1) for each in sets]


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

    Raises:
        ValueError: a split has fewer images than are asked for.
    """
    train, test = images(name, "train", root), images(name, "test", root)
    end = n_train + n_validation
    check_enough(name, train=(len(train.images), end), test=(len(test.images), n_test))
    for_training, for_validation = subset(len(train.images), end, seed).split([n_train, n_validation])
    parts = (train.images[for_training], train.images[for_validation], test.images[:n_test])
    labels = (train.labels[for_training], train.labels[for_validation], test.labels[:n_test])
    first, second, third = (
        Split(x.to(device), y.to(device)) for x, y in zip(prepared(*parts), labels, strict=True)
    )
    return first, second, third


def splits(
    settings: Any, root: Path | str | None, device: torch.device, seed: int, prepared: Callable[..., list[Tensor]] = standardised
) -> tuple[Split, Split, Split]:
    """The `classification_data` that an experiment's settings ask for; those without `n_validation` have no validation images."""
    sizes = settings.n_train, getattr(settings, "n_validation", 0), settings.n_test
    return classification_data(settings.data, root, *sizes, device, seed=seed, prepared=prepared)


def trained(
    build: Callable[[], Network],
    data: Split | Iterable[Sequence[Tensor]],
    settings: Any,
    *,
    beta: float,
    seed: int,
    checkpoint: Path | None,
    device: torch.device | None = None,
    **changed: Any,
) -> tuple[Network, list[Epoch]]:
    """A network trained on `data`, in eval mode, and what each epoch measured (noise on, nats per image).

    On a CPU it trains in float32, so that a record does not depend on what a processor is fast at.

    Args:
        build: makes the network; its weights are drawn from the seed.
        data: images and labels, or batches of them (see `fit`).
        settings: the experiment's; those named in `OF_SETTINGS` go to `fit`.
        beta: the weight of the information, in the paper's convention.
        checkpoint: the file in which a run that is killed leaves its state, and from which it resumes.
        device: of batches; images and labels have their own.
        changed: arguments of `fit` that differ from the settings, or that the settings do not have.
    """
    device = data.x.device if isinstance(data, Split) else device or torch.device("cpu")
    options: dict[str, Any] = {name: getattr(settings, name) for name in OF_SETTINGS if hasattr(settings, name)}
    options["precision"] = "float32" if device.type == "cpu" else "auto"
    network = initialised(build, seed).to(device)
    given = data if isinstance(data, Split) else (data,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)  # a large beta is there to show it
        history = fit(network, *given, beta=beta, seed=seed, checkpoint=checkpoint, progress=False, **(options | changed))
    return network.eval(), history


def trained_all_cnn_32(
    method: Dropout, data: Split, settings: Any, *, beta: float, seed: int, checkpoint: Path | None, **options: Any
) -> tuple[NoisyNetwork, list[Epoch]]:
    """All-CNN-32 with a kind of noise, as `trained` returns it; `options` are those of `all_cnn_32`."""
    build = partial(all_cnn_32, method, channels=data.x.shape[1], max_alpha=settings.max_alpha, **options)
    return trained(build, data, settings, beta=beta, seed=seed, checkpoint=checkpoint)


@torch.no_grad()
def kl_per_layer(
    network: NoisyNetwork, x: Float[Tensor, "images *inputs"], batch_size: int = 500
) -> list[tuple[float, int]]:
    """Per noise layer, mean nats per image with the noise on, and the number of its units."""
    with reading(network, noisy=True):
        batches = [
            [(kl.double().sum().item(), kl[0].numel()) for kl in network(batch)[1]]
            for batch in x.split(batch_size)
        ]
    return [(sum(nats for nats, _ in layer) / len(x), layer[0][1]) for layer in zip(*batches, strict=True)]


@torch.no_grad()
def mean_alpha_squared(network: NoisyNetwork, x: Float[Tensor, "images *inputs"], batch_size: int = 500) -> list[float]:
    """Per Information Dropout layer, alpha^2 averaged over images and units, the layers below drawing their noise."""
    with reading(network, noisy=True):
        batches = [
            [scale.double().square().mean().item() * len(batch) for scale in network.noise_scales(batch)]
            for batch in x.split(batch_size)
        ]
    return [sum(layer) / len(x) for layer in zip(*batches, strict=True)]
