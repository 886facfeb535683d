"""Fig. 4: what a network that classifies the picture still tells about the digit painted over it.

A main network (All-CNN-32) learns the picture's class at several beta. It is frozen, and a second network, the reader, learns the digit's
class from the output of its last noise layer: noisy, with fresh noise in each batch, and once more without noise. A reader sees pictures that
the main network was not trained on. In each epoch they carry other digits, so that it cannot memorise them. The same reader on the raw image
(its pixels folded into the same 8x8 places, none lost) says how well the digit can be read at all. The cross-entropy of a classifier bounds
from below what its input tells about the digit: I(z; n) >= H(n) - E[-log q(n|z)].

The paper does not say what its reader looks like. Ours has two 3x3 convolutions, the second of stride 2, and a linear map from the 4x4 places
that are left. It was chosen on the raw image alone, with a seed and held-out digits of its own. From 10,000 freshly
occluded pictures, in 15 epochs of batches of 100, it came to an error of 7.5 %. No representation was read in that choice.

The first record's reader was the head that Table 2 puts on the same units. It averages local logits and never sees the whole digit: from 3,000
raw images it read the digit with an error of 40 %, so that record said nothing about invariance. Its readings with the noise on were
wrong as well: batch norm had statistics of clean passes. It was of format 1, on which the tests below cannot be judged.

The smallest effect that a run can detect is the half-width of its interval: Student's quantile times the standard deviation over seeds,
divided by the root of their number. With three seeds that is 2.48 standard deviations. Before the run they were taken from the first
record. In the order of the findings below they were 2.3 points, 0.052 nats, 3.9 points, 1.3 points and 1.0 points. So three seeds were
expected to detect 5.7 points, 0.13 nats, 9.7 points, 3.2 points and 2.5 points.

`reduced` took 177 minutes of one core's time for 15 main networks and 30 readers. Seven betas up to 3
and 25 epochs of the readers were planned first, for 6 core-hours, and were cut before the run. The readers' 15 epochs are those of the choice
on the raw image. The four betas reach as far; in the first record the training error was 18 % at beta 1, and the held-out error no longer
changed from 0.1 on. The data folder must hold CIFAR-10 and MNIST.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from data_gen import Images, Occluded, occluded
from ib_tutorial.experiments import choice
from ib_tutorial.experiments.choice import AT_CHOSEN, CHOSEN_CLEAN, CHOSEN_NOISY, LEARNT, fall, gain
from ib_tutorial.experiments.comparisons import by_seed
from ib_tutorial.experiments.experiment import Context
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.record import Cell, Record, Row, crossed, rows_of
from ib_tutorial.experiments.vision import (
    Split,
    check_enough,
    first_classes,
    images,
    kl_per_layer,
    standardised,
    subset,
    trained,
    trained_all_cnn_32,
)
from ib_tutorial.nn import NoisyNetwork, noise
from ib_tutorial.nn.batch_norm import in_batches
from ib_tutorial.nn.networks import convolution
from ib_tutorial.training import evaluate
from ib_tutorial.training.randomness import generator

NAME = "occluded_nuisance"


@dataclass(frozen=True)
class Config:
    """The paper's settings where it states them (ReLU units; 200 epochs, lr 0.05, drops at 80, 120 and 160)."""

    pictures: str = "cifar10"
    digits: str = "mnist"
    classes: int = 10  # pictures and digits whose label is below this are used
    n_train: int = 38_000
    n_validation: int = 2_000  # of the training images, to choose beta on
    n_reader: int = 10_000  # of the training images, for the readers alone
    n_test: int = 10_000
    width: float = 1.0
    betas: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    n_seeds: int = 3
    epochs: int = 200
    drops: tuple[int, ...] = (80, 120, 160)
    lr: float = 0.05
    batch_size: int = 100
    weight_decay: float = 0.0
    max_alpha: float = 0.7
    nuisance_epochs: int = 60
    nuisance_drops: tuple[int, ...] = (40, 55)
    nuisance_lr: float = 0.05


PROFILES: dict[str, dict] = {
    "smoke": dict(
        pictures="shapes32", digits="mnist5k", n_train=64, n_validation=40, n_reader=48, n_test=60, width=0.04, betas=(0.1, 10.0), n_seeds=2,
        epochs=1, drops=(), batch_size=32, nuisance_epochs=1, nuisance_drops=(),
    ),
    "quick": dict(  # three classes, which main networks and readers learn within seconds
        pictures="mnist5k", digits="mnist5k", classes=3, n_train=600, n_validation=50, n_reader=520, n_test=300, width=0.0833,
        betas=(0.03, 3.0), n_seeds=1, epochs=8, drops=(6,), batch_size=25, nuisance_epochs=8, nuisance_drops=(6,),
    ),
    "reduced": dict(
        n_train=3_000, n_validation=2_000, width=0.25, betas=(0.001, 0.03, 0.3, 3.0), epochs=40, drops=(20, 32), batch_size=50,
        nuisance_epochs=15, nuisance_drops=(9, 13),
    ),
    "paper": dict(),
}  # fmt: skip


class OccludedSplit(NamedTuple):
    x: Float[Tensor, "images 3 32 32"]
    y: Int[Tensor, " images"]
    digit: Int[Tensor, " images"]


@lru_cache(maxsize=4)
def pictures(name: str, split: str, root: Path | str | None) -> Images:
    """A split of 32x32 colour pictures. Grey digits count as pictures at half their brightness, so that white ones over them stand out."""
    found = images(name, split, root)
    if found.images.shape[-1] == 3:
        return found
    margin = (32 - found.images.shape[1]) // 2
    padded = nn.functional.pad(found.images // 2, (0, 0, margin, margin, margin, margin))
    return found._replace(images=padded.expand(-1, -1, -1, 3).contiguous())


@lru_cache(maxsize=2)
def data(settings: Config, root: Path | str | None, seed: int = 0) -> tuple[OccludedSplit, OccludedSplit, OccludedSplit]:
    """Training, validation and test pictures with a digit over each: train digits over train pictures, test over test.

    Each seed draws its own training and validation pictures, and the digits over them; the test pictures are the same for all.
    """
    train, test = occluded_train(settings, root, seed), first_classes(pictures(settings.pictures, "test", root), settings.classes)
    digits = first_classes(images(settings.digits, "test", root), settings.classes)
    check_enough(settings.pictures, test=(len(test.images), settings.n_test))
    n, read = settings.n_train, slice(settings.n_test)
    tested = occluded(test.images[read], test.labels[read], digits.images, digits.labels, seed=0)
    pixels = standardised(train.images[:n], train.images[n:], tested.images)
    labels = (train.labels[:n], train.labels[n:], tested.labels)
    on_top = (train.digit_labels[:n], train.digit_labels[n:], tested.digit_labels)
    first, second, third = (OccludedSplit(*parts) for parts in zip(pixels, labels, on_top, strict=True))
    return first, second, third


CIFAR10 = ("airplane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Names of the pictures' classes."""


def samples(settings: Config, root: Path | str | None, n: int) -> tuple[UInt8[Tensor, "n 32 32 3"], Occluded]:
    """The first `n` test pictures without their digits, and what the networks are tested on, as bytes.

    The book shows those of `reduced`, from `occluded_nuisance.samples.safetensors` in its folder of records: the pictures as `pictures`, and
    the fields of `Occluded` by their names.
    """
    test = first_classes(pictures(settings.pictures, "test", root), settings.classes)
    digits = first_classes(images(settings.digits, "test", root), settings.classes)
    return test.images[:n], occluded(test.images[:n], test.labels[:n], digits.images, digits.labels, seed=0)


def occluded_train(settings: Config, root: Path | str | None, seed: int) -> Occluded:
    """The seed's pictures for training and validation with a digit over each, as bytes."""
    end = settings.n_train + settings.n_validation
    of_split, digits = both_train(settings, root)
    check_enough(settings.pictures, train=(len(of_split.images), end + settings.n_reader))
    drawn = subset(len(of_split.images), end, seed)
    return occluded(of_split.images[drawn], of_split.labels[drawn], digits.images, digits.labels, seed=seed)


def both_train(settings: Config, root: Path | str | None) -> tuple[Images, Images]:
    """Training pictures, and the training digits that go over them."""
    below, above = pictures(settings.pictures, "train", root), images(settings.digits, "train", root)
    return first_classes(below, settings.classes), first_classes(above, settings.classes)


class FreshDigits:
    """Batches of (picture, class of the digit over it) for a reader: in each epoch the same pictures under other digits.

    The pictures are training pictures of the data set that the main network of this seed has not seen. They are standardised as those of the
    main network are. The order of the pictures and their digits follow from the seed and the epoch.
    """

    def __init__(self, settings: Config, root: Path | str | None, seed: int, device: torch.device):
        self.settings, self.seed, self.device, self.epoch = settings, seed, device, 0
        self.reference = occluded_train(settings, root, seed).images[: settings.n_train]
        of_split, self.digits = both_train(settings, root)
        end = settings.n_train + settings.n_validation
        drawn = subset(len(of_split.images), end + settings.n_reader, seed)[end:]
        self.images, self.labels = of_split.images[drawn], of_split.labels[drawn]

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[Float[Tensor, "batch 3 32 32"], Int[Tensor, " batch"]]]:
        digits = self.digits
        epoch = self.epoch + 1  # in epoch 0 the digits are those that the main network sees
        made = occluded(self.images, self.labels, digits.images, digits.labels, seed=self.seed, epoch=epoch)
        _, x = standardised(self.reference, made.images)
        order = torch.randperm(len(x), generator=generator(self.seed, "order", epoch))
        for batch in in_batches(order, self.settings.batch_size):
            yield x[batch].to(self.device), made.digit_labels[batch].to(self.device)


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    """Names and SHA-256 of the pictures and of the digits over them."""
    below, above = (images(name, "train", root).source for name in (settings.pictures, settings.digits))
    return {"name": f"{below.name} under {above.name}", "sha256": f"{below.sha256} {above.sha256}"}


def stages(settings: Config) -> list[list[Cell]]:
    """The raw image, a main network without noise, and one per beta and seed, with their readers. Then the choice of beta."""
    seeds = range(settings.n_seeds)
    plain = crossed(method=("raw image", "none"), seed=seeds)
    swept = crossed(method=["information"], seed=seeds, beta=settings.betas)
    return [plain + swept, choice.cells(settings.n_seeds)]


READINGS = {"raw image": ("clean",), "none": ("clean",), "information": ("noisy", "clean")}
"""The readers of each method's representation: what draws no noise has one."""


def run_cell(cell: Cell, context: Context[Config]) -> list[Row]:
    """Train a main network and the readers of its representation, or a reader of the raw image; or write down which betas were chosen."""
    if "chosen_by" in cell:
        return choice.rows(context.earlier, cell["chosen_by"])
    settings, root, device = context.settings, context.root, context.device
    seed, method = cell["seed"], cell["method"]
    splits = data(settings, root, seed)
    train, validation, test = (OccludedSplit(*(part.to(device) for part in split)) for split in splits)
    fresh = FreshDigits(settings, root, seed, device)
    if method == "raw image":
        read = nuisance_reading(settings, RawImage(), fresh, test, seed, noisy=False, checkpoint=context.checkpoint(cell))
        return rows_of({f"nuisance_{name}": value for name, value in read.items()})

    beta = cell.get("beta", 0.0)
    network, history = trained_all_cnn_32(
        method, Split(train.x, train.y), settings, beta=beta, seed=seed, checkpoint=context.checkpoint(cell), width=settings.width
    )
    on_test = evaluate(network, test.x, test.y)
    measured = {
        "effective_beta": beta / settings.n_train,
        "train_error": evaluate(network, train.x, train.y).error,
        "validation_error": evaluate(network, validation.x, validation.y).error,
        "validation_error_noisy": evaluate(network, validation.x, validation.y, noisy=True).error,
        "test_error": on_test.error,
        "test_error_noisy": evaluate(network, test.x, test.y, noisy=True).error,
        "test_cross_entropy": on_test.cross_entropy,
        "train_kl": history[-1].kl,
    }
    for layer, (nats, _) in enumerate(kl_per_layer(network, test.x), start=1):
        measured[f"kl_{layer}"] = nats
    for name in READINGS[method]:
        read = nuisance_reading(settings, network, fresh, test, seed, name == "noisy", context.checkpoint(cell, name))
        measured |= {f"nuisance_{metric}_{name}": value for metric, value in read.items()}
    return rows_of(measured)


class RawImage(nn.Module):
    """In the place of a main network: the image itself, brought to the 8x8 places of the last noise layer, nothing lost."""

    def representation(self, x: Float[Tensor, "batch channels height width"]) -> tuple[Tensor, Tensor]:
        places = nn.functional.pixel_unshuffle(x, x.shape[-1] // 8)
        return places, places


READER_FILTERS = 64


class Reader(nn.Module):
    """Two 3x3 convolutions and a linear map, on a frozen network's last noisy units at 8x8 places: (logits of the nuisance, no KL)."""

    def __init__(self, frozen: NoisyNetwork | RawImage, n_in: int, noisy: bool):
        super().__init__()
        self.frozen = [frozen]  # in a list, so that its parameters are not this module's
        self.noisy = noisy
        self.head = nn.Sequential(
            convolution(n_in, READER_FILTERS, 3, "relu"),
            convolution(READER_FILTERS, READER_FILTERS, 3, "relu", stride=2),
            nn.Flatten(),
            nn.Linear(READER_FILTERS * 4 * 4, 10),
        )

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> tuple[Float[Tensor, "batch 10"], list[Tensor]]:
        frozen = self.frozen[0].eval()
        with noise(frozen, on=self.noisy):
            _, z = frozen.representation(x)
        return self.head(z), []


def nuisance_reading(
    settings: Config,
    network: NoisyNetwork | RawImage,
    fresh: FreshDigits,
    test: OccludedSplit,
    seed: int,
    noisy: bool,
    checkpoint: Path | None,
) -> dict[str, float]:
    """Error, cross-entropy and the bound on I(z; n) of a reader of the digit, trained on pictures under fresh digits.

    The bound is H(n) of the test digits' classes minus the reader's cross-entropy: in nats, and below I(z; n) up to the error of
    estimating both on the test set. A reader that has overfitted gives a weaker bound, never a false one. `train_cross_entropy` is that of
    its last epoch, under digits and noise that were drawn anew.
    """
    _, z = network.representation(test.x[:1])
    reader, history = trained(
        lambda: Reader(network, z.shape[1], noisy),
        fresh,
        settings,
        beta=0.0,
        n_train=settings.n_reader,
        epochs=settings.nuisance_epochs,
        drops=settings.nuisance_drops,
        lr=settings.nuisance_lr,
        seed=seed,
        device=test.x.device,
        checkpoint=checkpoint,
    )
    result = evaluate(reader, test.x, test.digit)
    return {
        "error": result.error,
        "cross_entropy": result.cross_entropy,
        "information": proven_information(test.digit, result.cross_entropy),
        "train_cross_entropy": history[-1].cross_entropy,
    }


def proven_information(labels: Int[Tensor, " images"], cross_entropy: float) -> float:
    """What a classifier proves about I(z; n), in nats: H(n) of the labels minus its cross-entropy, or 0 if that is more."""
    shares = torch.bincount(labels, minlength=10).double() / len(labels)
    entropy = -(shares * shares.clamp(min=1e-300).log()).sum().item()
    return max(0.0, entropy - cross_entropy)


READS = 0.10
"""The digit can be read if the reader's error on the raw image is under this."""


def if_readable(record: Record, values: list[float]) -> list[float]:
    """The values where the reader of every seed reads the digit in the raw image; none where one cannot: its failure says nothing."""
    return values if max(by_seed(record, "nuisance_error", method="raw image")) < READS else []


nuisance_finding = partial(
    finding,
    where="Fig. 4",
    since=2,
    condition=f"The larger beta is the largest one at which the main networks have learnt the picture. {LEARNT} The finding is void unless the networks "
    "of the smallest beta and of another one have learnt. It is also void unless the same reader's error on the raw image is below "
    f"{READS:.0%} at every seed.",
)
"""A finding about the nuisance, over the betas at which networks have learnt."""

task_finding = partial(finding, where="Fig. 4", unit="percentage points of test error", since=2)
"""A finding about the main task, at the chosen beta."""


@nuisance_finding(
    statement="As beta grows, the nuisance is classified worse from the noisy representation.",
    unit="percentage points of error on the digit",
)
def nuisance_gets_harder(record: Record) -> list[float]:
    """For each seed, with the noise on: the reader's error on the digit at a larger beta minus that at the smallest
    beta. The claim holds if this is above 0."""
    return if_readable(record, fall(record, "nuisance_error_noisy", -100.0))


@nuisance_finding(statement="As beta grows, the noisy representation tells fewer nats about the nuisance.", unit="nats")
def fewer_nats(record: Record) -> list[float]:
    """For each seed, with the noise on: the nats of I(z; n) that the reader proves at the smallest beta minus those at
    a larger beta. The claim holds if this is above 0."""
    return if_readable(record, fall(record, "nuisance_information_noisy"))


@nuisance_finding(
    statement="The units themselves become invariant: without noise, too, the nuisance is classified worse as beta grows.",
    unit="percentage points of error on the digit",
)
def clean_units_too(record: Record) -> list[float]:
    """For each seed, with the noise off: the reader's error on the digit at a larger beta minus that at the smallest
    beta. The claim holds if this is above 0."""
    return if_readable(record, fall(record, "nuisance_error_clean", -100.0))


@task_finding(statement="As beta grows, the main task first gets better (noise off, D).", condition=f"{CHOSEN_CLEAN} {AT_CHOSEN}")
def main_task_improves(record: Record) -> list[float]:
    """For each seed, with the noise off: the test error on the picture at the smallest beta minus that at the chosen
    beta. The claim holds if this is above 0."""
    return gain(record, "test_error")


@task_finding(statement="As beta grows, the main task first gets better (noise on, N).", condition=f"{CHOSEN_NOISY} {AT_CHOSEN}")
def main_task_improves_noisy(record: Record) -> list[float]:
    """For each seed, with the noise on: the test error on the picture at the smallest beta minus that at the chosen
    beta. The claim holds if this is above 0."""
    return gain(record, "test_error_noisy")


FINDINGS = (nuisance_gets_harder, fewer_nats, clean_units_too, main_task_improves, main_task_improves_noisy)
