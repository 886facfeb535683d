"""What the two experiments on Fig. 3a share: digits, networks of one width and kind of noise, and the gain that their findings judge."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch

from ib_tutorial.experiments import vision
from ib_tutorial.experiments.comparisons import learned_gains, over_widths, where_both_learned
from ib_tutorial.experiments.findings import finding
from ib_tutorial.experiments.record import Record
from ib_tutorial.experiments.vision import Split, classification_data, mean_alpha_squared
from ib_tutorial.nn import NoisyNetwork, mlp
from ib_tutorial.nn.networks import Dropout
from ib_tutorial.training import evaluate
from ib_tutorial.training.precision import Precision

CONSTANT = ("log_normal", "log_normal_cap")
"""Noise of one scale per layer: Information Dropout's own mean, or the cap."""

PRECISION: Precision = "float32"
"""On a GPU too: the matrices are small, and autocast would cost more than it saves."""

LEARNED = 0.10
"""A network has learned if its training error, noise off, is at most this; a linear classifier's is about 0.08."""

error_finding = partial(
    finding, where="Fig. 3a", unit="percentage points of test error", condition=where_both_learned(LEARNED)
)
"""A finding about the test errors of networks that have learned."""


def digits(settings: Any, root: Path | str | None, device: torch.device, seed: int) -> tuple[Split, Split]:
    """Training and test images, as rows of pixels in [0, 1]. The seed draws the training images and puts them in an order.

    Args:
        settings: those of an experiment, with `data`, `n_train` and `n_test`.

    Raises:
        ValueError: a split has fewer images than the settings need.
    """
    train, _, test = classification_data(
        settings.data, root, settings.n_train, 0, settings.n_test, device, seed=seed, prepared=vision.flat
    )
    return train, test


def network_of(
    settings: Any, method: str, width: int, p: float, alphas: tuple[float, ...] | None
) -> Callable[[], NoisyNetwork]:
    """What makes the network of one width and kind of noise, with fresh weights at each call.

    Args:
        settings: those of an experiment, with `max_alpha`.
        p: drop probability of binary dropout.
        alphas: constant scale of the noise in each layer; by default the cap.
    """
    kind = "log_normal" if method in CONSTANT else cast(Dropout, method)
    return partial(mlp, width, kind, max_alpha=settings.max_alpha, p=p, alphas=alphas)


def measured(network: NoisyNetwork, train: Split, test: Split) -> dict[str, float]:
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


def gains_where_learned(record: Record, baseline: str) -> dict[float, list[float]]:
    """The gains over the baseline at the widths where both have learned, in percentage points."""
    return learned_gains(record, baseline, LEARNED)


def mean_gain(record: Record, baseline: str) -> list[float]:
    """By seed: the gain over the baseline, averaged over the widths where both have learned, in percentage points."""
    return over_widths(gains_where_learned(record, baseline))
