"""Figs 2 and 7: where in a cluttered image All-CNN-96 lets information through, as beta grows.

The map of a noise layer is its KL, summed over channels, at each place. We know where the digit is, so a map can be scored: the area
under the ROC curve (AUROC) of "this place is inside the digit's box" read from the map; 0.5 is a map that says nothing. A network's maps
count only if its test error is under 10%. A second sweep holds beta and varies the cap on alpha, since the paper says that noise left to
grow generalises badly.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from data_gen import Cluttered, cluttered
from ib_tutorial.experiments import convolutional
from ib_tutorial.experiments.convolutional import (
    Split,
    by_seed,
    images,
    kl_per_layer,
    rows_of,
    standardised,
    trained,
    work_of,
)
from ib_tutorial.experiments.enough import check_enough
from ib_tutorial.experiments.ledger import Finding, paired_differences
from ib_tutorial.experiments.record import Cell, Record, Row
from ib_tutorial.experiments.work import Work
from ib_tutorial.nn import NoisyNetwork, all_cnn_96, batch_norm
from ib_tutorial.training import evaluate, reading

NAME = "information_maps"
SHOWS = "Figs 2 and 7: where in cluttered images information flows, as beta grows"

COUNTS = 0.10
"""Test error above which a network's maps do not count: it has not learned what is a digit and what is not."""

SHOWN_LAYERS = (1, 2, 3)
"""The layers of Figs 2 and 7: 48x48, 24x24 and 12x12."""


@dataclass(frozen=True)
class Config:
    """The paper's data (50,000 and 10,000 images of 96x96, 21 distractors); the authors' code for training (80 epochs, lr 0.01,
    drops at 30 and 60, batches of 128)."""

    digits: str = "mnist"
    n_train: int = 50_000
    n_validation: int = 0
    n_test: int = 10_000
    width: float = 1.0
    betas: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    caps: tuple[float, ...] = (0.35, 1.0, 1.4, 2.0)  # besides 0.7, at cap_beta
    cap_beta: float = 0.3
    n_seeds: int = 3
    epochs: int = 80
    drops: tuple[int, ...] = (30, 60)
    lr: float = 0.01
    batch_size: int = 128
    weight_decay: float = 0.0
    max_alpha: float = 0.7
    n_maps: int = 1_000  # test images whose maps are scored
    kept: int = 1  # seeds whose networks are kept for the book


PROFILES: dict[str, dict] = {
    "smoke": dict(
        digits="mnist5k", n_train=48, n_validation=16, n_test=32, width=0.1, betas=(0.1, 10.0), caps=(1.4,), cap_beta=0.1, n_seeds=2, epochs=1,
        drops=(), batch_size=16, n_maps=32,
    ),
    "quick": dict(
        digits="mnist5k", n_train=400, n_validation=100, n_test=200, width=0.125, betas=(0.1, 3.0), caps=(), n_seeds=1, epochs=2,
        drops=(), lr=0.05, batch_size=20, n_maps=100,
    ),
    "reduced": dict(
        n_train=5_000, n_validation=1_000, n_test=2_000, width=0.25, betas=(0.001, 0.01, 0.03, 0.1, 0.3, 1.0), caps=(0.35, 1.4, 2.0),
        cap_beta=0.1, epochs=12, drops=(7, 10), lr=0.05, batch_size=50,
    ),
    "paper": dict(),
}  # fmt: skip


@lru_cache(maxsize=2)
def data(settings: Config, root: str | None, seed: int = 0) -> tuple[Cluttered, Cluttered]:
    """Cluttered training (with validation) and test images: test digits and test distractors in the latter alone.

    Each seed has training images of its own; the test images are the same for all.
    """
    made = []
    for split, n, own in (("train", settings.n_train + settings.n_validation, seed), ("test", settings.n_test, 0)):
        digits = images(settings.digits, split, root)
        check_enough(settings.digits, **{split: (len(digits.images), n)})  # fewer would be dealt again
        made.append(cluttered(digits.images, digits.labels, n=n, seed=own))
    return tuple(made)


def tensors(
    settings: Config, root: Path | str | None, device: torch.device, seed: int = 0
) -> tuple[Split, Split, Split, Int[Tensor, "n 4"]]:
    """Training, validation and test images, standardised by the training images, and the boxes of the test digits."""
    train, test = data(settings, None if root is None else str(root), seed)
    end = settings.n_train
    pixels = standardised(train.images[:end], train.images[end:], test.images)
    labels = (train.labels[:end], train.labels[end:], test.labels)
    splits = [Split(x.to(device), y.to(device)) for x, y in zip(pixels, labels, strict=True)]
    return *splits, test.box


def source(settings: Config, root: Path | str | None) -> dict[str, str]:
    return convolutional.source(settings.digits, root)


def stages(settings: Config) -> list[list[Cell]]:
    """The sweep of beta at the paper's cap, then that of the cap at one beta, and networks without noise to compare errors with."""
    seeds = range(settings.n_seeds)
    swept = [
        dict(method="information", seed=seed, beta=beta, cap=settings.max_alpha)
        for seed in seeds
        for beta in settings.betas
    ]
    capped = [
        dict(method="information", seed=seed, beta=settings.cap_beta, cap=cap)
        for seed in seeds
        for cap in settings.caps
    ]
    return [swept, capped + [dict(method="none", seed=seed) for seed in seeds]]


def work(settings: Config) -> Work:
    """What all cells of the grid compute."""

    def network(method: str) -> NoisyNetwork:
        return build(settings, {"method": method})

    cells = chain.from_iterable(stages(settings))
    return work_of(settings, network, [(cell["method"],) for cell in cells], (1, 96, 96))


def run_cell(
    settings: Config, root: Path | str | None, earlier: Record, device: torch.device, cell: Cell
) -> tuple[list[Row], dict[str, Tensor]]:
    """Train one network; measure its errors, the nats per layer, and the score of its maps. Returns rows, and weights to keep."""
    beta, seed = cell.get("beta", 0.0), cell["seed"]
    train, validation, test, box = tensors(settings, root, device, seed)
    network, kl = trained(
        lambda: build(settings, cell), train, settings, beta=beta, seed=seed, checkpoint=earlier.checkpoint(cell)
    )
    on_test = evaluate(network, *test, batch_size=250)
    measured = {
        "effective_beta": beta / settings.n_train,
        "train_error": evaluate(network, *train, batch_size=250).error,
        "test_error": on_test.error,
        "test_error_noisy": evaluate(network, *test, noisy=True, batch_size=250).error,
        "test_cross_entropy": on_test.cross_entropy,
        "train_kl": kl,
    }
    if settings.n_validation:
        measured["validation_error"] = evaluate(network, *validation, batch_size=250).error
    if cell["method"] == "none":
        return rows_of(measured), {}
    n = settings.n_maps
    for layer, (nats, _) in enumerate(kl_per_layer(network, test.x[:n], batch_size=250), start=1):
        measured[f"kl_{layer}"] = nats
    for layer, layer_maps in enumerate(information_maps(network, test.x[:n]), start=1):
        measured[f"auroc_{layer}"] = auroc(layer_maps, box[:n].to(device)).mean().item()
    return rows_of(measured), kept_weights(network, settings, cell)


def build(settings: Config, cell: Cell) -> NoisyNetwork:
    return all_cnn_96(cell["method"], width=settings.width, max_alpha=cell.get("cap", settings.max_alpha))


def kept_weights(network: NoisyNetwork, settings: Config, cell: Cell) -> dict[str, Tensor]:
    """The weights of a network that the book shows maps of, in half precision; none where it shows none."""
    if cell["seed"] >= settings.kept or cell["cap"] != settings.max_alpha:
        return {}
    return {
        f"{cell['beta']:g}/{name}": value.half()
        for name, value in (network.state_dict() | batch_norm.kept(network)).items()
        if value.is_floating_point()
    }


@torch.no_grad()
def information_maps(
    network: NoisyNetwork, x: Float[Tensor, "images 1 height width"], batch_size: int = 250
) -> list[Float[Tensor, "images rows columns"]]:
    """Per noise layer, nats at each place: the KL summed over channels, noise off in the layers below, so that a map is repeatable."""
    with reading(network):
        batches = [[kl.sum(1) for kl in network(batch)[1]] for batch in x.split(batch_size)]
    return [torch.cat(layer) for layer in zip(*batches, strict=True)]


def in_box(
    box: Int[Tensor, "images 4"], rows: int, columns: int, size: int = 96
) -> Float[Tensor, "images rows columns"]:
    """1 at the places of a rows x columns map whose centre lies inside the box, given in pixels (top, left, bottom, right)."""
    down, across = ((torch.arange(n, device=box.device) + 0.5) * size / n for n in (rows, columns))
    top, left, bottom, right = (edge[:, None] for edge in box.unbind(1))
    return ((down >= top) & (down < bottom)).float()[:, :, None] * ((across >= left) & (across < right)).float()[
        :, None
    ]


def auroc(maps: Float[Tensor, "images rows columns"], box: Int[Tensor, "images 4"]) -> Float[Tensor, " images"]:
    """Per image, the probability that a place inside the box has more nats than one outside; ties count one half."""
    inside = in_box(box, *maps.shape[1:]).bool()
    return separation(maps, inside, ~inside)


def separation(
    maps: Float[Tensor, "images rows columns"],
    here: Bool[Tensor, "images rows columns"],
    there: Bool[Tensor, "images rows columns"],
) -> Float[Tensor, " images"]:
    """Per image, the probability that a place `here` has more than a place `there`; ties count one half, NaN where either has none."""
    scores = []
    for values, first, second in zip(maps, here, there, strict=True):
        ordered = values[second].sort().values
        below = torch.searchsorted(ordered, values[first])
        not_above = torch.searchsorted(ordered, values[first], right=True)
        scores.append((below + not_above).double().mean() / 2 / len(ordered))
    return torch.stack(scores).float()


def counting_betas(record: Record) -> list[float]:
    """The betas whose networks all have a test error under 10%; one that has not been run does not count."""
    cap = record.config["max_alpha"]
    errors = {beta: by_seed(record, "test_error", beta=beta, cap=cap) for beta in sorted(record.config["betas"])}
    return [beta for beta, values in errors.items() if values and max(values) < COUNTS]


def mean_auroc(record: Record, beta: float) -> list[float]:
    """By seed, AUROC averaged over the layers of Figs 2 and 7."""
    cap = record.config["max_alpha"]
    layers = [by_seed(record, f"auroc_{layer}", beta=beta, cap=cap) for layer in SHOWN_LAYERS]
    return [sum(values) / len(values) for values in zip(*layers, strict=True)]


def localises(record: Record) -> list[float]:
    betas = counting_betas(record)
    return [score - 0.5 for score in mean_auroc(record, betas[-1])] if betas else []


def more_beta_more_localised(record: Record) -> list[float]:
    betas = counting_betas(record)
    return paired_differences(mean_auroc(record, betas[-1]), mean_auroc(record, betas[0])) if len(betas) > 1 else []


def cap_hurts(record: Record) -> list[float]:
    caps = record.config["caps"]
    if not caps:
        return []
    beta = record.config["cap_beta"]
    return paired_differences(
        by_seed(record, "test_error", beta=beta, cap=max(caps)),
        by_seed(record, "test_error", beta=beta, cap=record.config["max_alpha"]),
        100.0,
    )


FINDINGS = (
    Finding(
        name="information_maps.localises",
        experiment=NAME,
        where="Figs 2, 7",
        statement="The map alone tells where the digit is.",
        test="By seed, AUROC of map against the digit's box, averaged over the first three layers, at the largest beta whose networks all "
        "have a test error under 10%, minus 0.5, is above 0.",
        unit="AUROC above chance",
        values=localises,
        comment="It does, at the third layer far better than any fixed map, at the first worse than the best of those, which "
        "scores about 0.7 by geometry alone; so does the brightness of what a place can see (chapter 9).",
    ),
    Finding(
        name="information_maps.drops_distractors",
        experiment=NAME,
        where="Figs 2, 7",
        statement="A small beta lets distractors through; a larger one drops them.",
        test="By seed, the same AUROC at the largest such beta minus that at the smallest beta is above 0.",
        unit="AUROC",
        values=more_beta_more_localised,
        comment="The seeds disagree. A larger beta takes a larger share of its nats from a distractor than from the digit, which "
        "the eye sees; the ranking of the places, which the test asks about, hardly moves (chapter 9).",
    ),
    Finding(
        name="information_maps.large_cap_hurts",
        experiment=NAME,
        where="section 8",
        statement="Letting the variance of the noise grow excessively leads to poor generalisation.",
        test="By seed, test error (noise off) at the largest cap minus that at 0.7, same beta, is above 0.",
        unit="percentage points of test error",
        values=cap_hurts,
        comment="At the larger caps the training error is as high as the test error: these networks have not learned, so the "
        "record says nothing about how they would generalise. At half the usual cap the error is lower.",
    ),
)
