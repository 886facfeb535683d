"""What the experiments of Fig. 3a share: digits made ready, a network trained and measured, errors compared over the widths."""

from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ib_tutorial.experiments.convolutional import by_seed, images, mean_alpha_squared, subset
from ib_tutorial.experiments.ledger import paired_differences
from ib_tutorial.experiments.record import Record
from ib_tutorial.nn import NoisyNetwork, mlp
from ib_tutorial.nn.networks import Dropout
from ib_tutorial.training import evaluate, fit, initialised

CONSTANT = ("log_normal", "log_normal_cap")
"""Noise of one scale per layer: Information Dropout's own mean, or the cap."""

LEARNED = 0.10
"""A network has learned if its training error, noise off, is at most this; a linear classifier's is about 0.08."""

CONDITION = (
    f"Only those widths count at which every network of both methods has a training error of at most {LEARNED:.0%}. "
    "With fewer than two such widths the finding is void."
)
"""For the tests of findings: a rival that has failed to train is no rival, and beating it decides nothing."""


class Digits(NamedTuple):
    x: Float[Tensor, "images 784"]
    y: Int[Tensor, " images"]


@runtime_checkable
class Settings(Protocol):
    """What this module reads of an experiment's settings."""

    @property
    def data(self) -> str: ...
    @property
    def n_train(self) -> int: ...
    @property
    def n_test(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def max_alpha(self) -> float: ...


def digits(settings: Settings, root: Path | str | None, device: torch.device, seed: int) -> tuple[Digits, Digits]:
    """Training and test images, in [0, 1]. The seed draws the training images and puts them in an order.

    Raises:
        ValueError: a split has fewer images than the settings need.
    """
    folder = None if root is None else str(root)
    train, test = images(settings.data, "train", folder), images(settings.data, "test", folder)
    if len(train.images) < settings.n_train or len(test.images) < settings.n_test:
        raise ValueError(
            f"{settings.data} has {len(train.images)} training and {len(test.images)} test images; "
            f"these settings need {settings.n_train} and {settings.n_test}"
        )
    drawn = subset(len(train.images), settings.n_train, seed)
    pairs = (train.images[drawn], train.labels[drawn]), (test.images[: settings.n_test], test.labels[: settings.n_test])
    ready, held_out = (Digits((x.float() / 255).flatten(1).to(device), y.to(device)) for x, y in pairs)
    return ready, held_out


def trained(
    settings: Settings,
    train: Digits,
    method: str,
    width: int,
    *,
    seed: int,
    epochs: int,
    drops: tuple[int, ...],
    beta: float,
    p: float,
    alphas: tuple[float, ...] | None,
    checkpoint: Path | None,
) -> NoisyNetwork:
    """A network of one width and kind of noise, trained on the digits.

    Args:
        p: drop probability of binary dropout.
        alphas: constant scale of the noise in each layer; by default the cap.
        checkpoint: where a run that is killed leaves its state, and resumes.
    """
    kind = noise_of(method)
    network = initialised(partial(mlp, width, kind, max_alpha=settings.max_alpha, p=p, alphas=alphas), seed)
    network.to(train.x.device)
    fit(
        network,
        *train,
        epochs=epochs,
        drops=drops,
        lr=settings.lr,
        beta=beta,
        batch_size=settings.batch_size,
        seed=seed,
        checkpoint=checkpoint,
        precision="float32",  # small matrices: autocast would cost more than it saves
        progress=False,
    )
    return network


def noise_of(method: str) -> Dropout:
    """The kind of noise of a method."""
    return "log_normal" if method in CONSTANT else cast(Dropout, method)


def measured(network: NoisyNetwork, train: Digits, test: Digits) -> dict[str, float]:
    """Errors as shares, cross-entropy and KL in nats per image, and each Information Dropout layer's mean alpha^2."""
    on_test, on_train = evaluate(network, *test), evaluate(network, *train)
    return {
        "test_error": on_test.error,
        "test_error_noisy": evaluate(network, *test, noisy=True).error,
        "test_cross_entropy": on_test.cross_entropy,
        "train_error": on_train.error,
        "kl": on_train.kl,
    } | {
        f"alpha_squared_{layer}": value for layer, value in enumerate(mean_alpha_squared(network, train.x), start=1)
    }


def scales_of_twin(record: Record, width: int, seed: int) -> tuple[float, ...]:
    """Per layer, the root of the mean alpha^2 that Information Dropout learned at this width and seed."""
    means = (
        by_seed(record, f"alpha_squared_{layer}", method="information", width=width, seed=seed) for layer in (1, 2, 3)
    )
    return tuple(mean**0.5 for layer in means for mean in layer)


def errors(record: Record, method: str, width: int, metric: str = "test_error") -> list[float]:
    """Test errors (shares, noise off) of one method at one width, by seed; or another metric of the final networks."""
    return by_seed(record, metric, method=method, width=width)


def gains(record: Record, baseline: str) -> dict[int, list[float]]:
    """Per width, how many percentage points lower Information Dropout's test error is than the baseline's.

    One value for each seed that has both: a record that is still growing may lack one of them.
    """

    def by_seed(method: str, width: int) -> dict[int, float]:
        return {
            row["seed"]: row["value"] for row in record.select(metric="test_error", method=method, width=width)
        }

    found = {}
    for width in record.config["widths"]:
        theirs, ours = by_seed(baseline, width), by_seed("information", width)
        found[width] = [100.0 * (theirs[seed] - ours[seed]) for seed in sorted(theirs.keys() & ours.keys())]
    return found


def learned_gains(record: Record, baseline: str) -> dict[int, list[float]]:
    """The gains at the widths where every network of both methods has learned; none, if there are fewer than two such widths."""
    by_width = {
        width: values
        for width, values in gains(record, baseline).items()
        if values
        and all(
            error <= LEARNED
            for method in (baseline, "information")
            for error in errors(record, method, width, "train_error")
        )
    }
    return by_width if len(by_width) > 1 else {}


def mean_gain(record: Record, baseline: str) -> list[float]:
    """By seed: the gain over the baseline, averaged over the widths where both have learned, in percentage points."""
    per_seed = zip(*learned_gains(record, baseline).values(), strict=True)
    return [sum(values) / len(values) for values in per_seed]


def small_minus_large(record: Record, baseline: str) -> list[float]:
    """By seed: the gain at the smallest of these widths minus that at the largest, in percentage points."""
    by_width = learned_gains(record, baseline)
    return paired_differences(by_width[min(by_width)], by_width[max(by_width)]) if by_width else []
