r"""Estimates of mutual information from samples, in nats, and the one that is exact up to draws, where the noise is known.

    binned_mutual_information               plug-in, after rounding to multiples of a width: biased upwards, and decided by the width
    nearest_neighbour_mutual_information    Kraskov, Stoegbauer & Grassberger (2004), their first algorithm: few dimensions only
    info_nce                                van den Oord et al. (2018): a lower bound, never above log(batch)
    nwj                                     Nguyen, Wainwright & Jordan (2010): a lower bound whose variance grows at least as exp(information)
    noisy_mutual_information                the mixture's own density, by Monte Carlo: unbiased, with a standard error

The first two look at samples of (x, y) alone. The two lower bounds need a critic, a function that scores pairs; they are losses (with a
minus sign) and estimates in one. The last needs the density p(z|x), which a noise layer has. Without the density no lower bound from N
samples that is safe for every distribution exceeds O(log N) nats (McAllester & Stratos 2020).
"""

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ib_tutorial.information import _checks
from ib_tutorial.information._arrays import to_tensor

Samples = Float[Tensor, "_ ..."] | Float[np.ndarray, "_ ..."]
Labels = Int[Tensor, " _"] | Int[np.ndarray, " _"]


class Estimate(NamedTuple):
    """A number in nats and its standard error."""

    value: float  #: nats
    se: float = 0.0  #: nats; 0 where the number is exact


def binned_mutual_information(x: Samples | Labels, y: Samples | Labels, width: float) -> float:
    r"""I(x;y) of the rounded samples, in nats: the plug-in estimate of a count.

    Each number is rounded to the nearest multiple of `width`, and equal rows are counted as one symbol. Integers are symbols already. With
    samples numbered from 0 as x, the estimate is H(rounded y): a "plane" of a network without noise shows that.

    Limits: independent variables of k and l symbols get about (k - 1)(l - 1) / (2 samples) nats. As `width` falls, every sample gets a
    symbol of its own and the estimate ends at log(samples), whatever the truth.

    Args:
        x: [samples, ...], numbers, or [samples], integers.
        y: the same, for the other variable.
        width: of the bins, in the unit of the numbers.

    Raises:
        ValueError: different or no samples, numbers that are not finite, a width that is not positive, or bins so narrow that in x and in y
            each sample is alone (the result would be log(samples) for any data).
    """
    _checks.positive(width=width)
    first, second = symbols(x, "x", width), symbols(y, "y", width)
    n = same_length(first, second, least=1)
    kinds_x, kinds_y = int(first.max()) + 1, int(second.max()) + 1
    if n > 1 and kinds_x == kinds_y == n and not (is_labels(x) or is_labels(y)):
        raise ValueError(
            f"with width {width:g} each of the {n} samples is alone in its bin, in x and in y, so the estimate would be log({n}) for any data; "
            "give wider bins, or more samples"
        )
    counts = np.unique(first * kinds_y + second, return_counts=True)[1]
    return max(0.0, plug_in(np.bincount(first)) + plug_in(np.bincount(second)) - plug_in(counts))


def nearest_neighbour_mutual_information(x: Samples, y: Samples, k: int = 3) -> float:
    r"""I(x;y) from the distances to the k-th nearest neighbours, in nats (Kraskov et al. 2004, algorithm 1)::

        psi(k) + psi(samples) - mean[ psi(n_x + 1) + psi(n_y + 1) ]

    n_x counts the samples that are nearer in x than the k-th neighbour is in (x, y), in the maximum norm; n_y likewise. If the truth
    is 0, the estimate is 0 on average, as far as experiments show. A smooth one-to-one map of one variable changes the estimate little.

    Limits: it falls far short where the information is many nats or the dimensions are more than a few, since neighbours are then far
    away. Samples that repeat (units at zero, binary inputs) make it wrong: k must exceed the number of copies. It takes a few seconds for
    10,000 samples in two dimensions, and more in many.

    Args:
        x: [samples, ...]; put its units on comparable scales first.
        y: [samples, ...].
        k: a small number has less bias and more variance.

    Raises:
        ValueError: different numbers of samples, not more than k of them, or numbers that are not finite.
    """
    from scipy.spatial import KDTree  # here alone: the training path does without scipy
    from scipy.special import digamma

    _checks.at_least(1, k=k)
    first, second = columns(x, "x"), columns(y, "y")
    n = same_length(first, second, least=k + 1)
    distances = KDTree(np.hstack([first, second])).query(np.hstack([first, second]), k + 1, p=math.inf)[0][:, -1]
    radius = np.nextafter(distances, 0)  # strictly nearer
    nearer = [
        np.asarray(KDTree(each).query_ball_point(each, radius, p=math.inf, return_length=True)) for each in (first, second)
    ]  # the sample itself is among them, so these are n_x + 1 and n_y + 1
    return float(digamma(k) + digamma(n) - (digamma(nearer[0]) + digamma(nearer[1])).mean())


def info_nce(scores: Float[Tensor, "batch batch"]) -> Float[Tensor, ""]:
    r"""A lower bound on I(x;y) from a critic's scores, in nats: mean_i log[ e^{f_ii} / mean_j e^{f_ij} ] (van den Oord et al. 2018).

    The bound holds on average over batches of independent pairs, for every critic that was not fitted to the same batch. It never exceeds
    log(batch), so more than that cannot be seen. At the true log-density ratio it is close to the information while that is well below
    log(batch), and falls short where the two are near. Differentiable; `-info_nce` is a loss.

    Args:
        scores: f(x_i, y_j) for every pair of a batch; the diagonal has the pairs that belong together.

    Raises:
        ValueError: scores are not square, of fewer than two samples (every critic would give 0), or not finite.
    """
    scores = square_scores(scores)
    return (scores.diagonal() - torch.logsumexp(scores, 1)).mean() + math.log(len(scores))


def nwj(scores: Float[Tensor, "batch batch"]) -> Float[Tensor, ""]:
    r"""A lower bound on I(x;y) from a critic's scores, in nats: mean_i f_ii - mean_{i != j} e^{f_ij - 1} (Nguyen et al. 2010).

    The bound holds on average over batches of independent pairs, for every critic that was not fitted to the same batch. It has no ceiling:
    its mean is the information for f = 1 + log p(y|x)/p(y). For that f the variance of the second mean is at least
    (e^{I(x;y)} - 1) / (batch (batch - 1)), because rare pairs carry it. A batch without them gives about 1 nat too much. MINE (Belghazi et
    al. 2018) has log mean e^{f_ij} instead of that mean, and over a batch is no bound. It is -inf where e^f exceeds the largest number.
    Differentiable; `-nwj` is a loss.

    Args:
        scores: f(x_i, y_j) for every pair of a batch; the diagonal has the pairs that belong together.

    Raises:
        ValueError: scores are not square, of fewer than two samples (there is no pair apart), or not finite.
    """
    scores = square_scores(scores)
    n = len(scores)
    apart = ~torch.eye(n, dtype=torch.bool, device=scores.device)
    return scores.diagonal().mean() - torch.exp(torch.logsumexp(scores[apart], 0) - 1) / (n * (n - 1))


@torch.no_grad()
def noisy_mutual_information(
    log_density: Callable[[Tensor], Float[Tensor, "x x"]],
    draws: Iterable[Float[Tensor, "x *units"]],
    p_x: Float[Tensor, " x"] | None = None,
) -> Estimate:
    r"""I(x;z) of a noisy representation of finitely many x, exact up to the draws of the noise, in nats::

        I(x;z) = E[ log p(z|x) - log sum_x' p(x') p(z|x') ]

    The densities are known and the sum over x' is complete, so the estimate is unbiased, and its standard error is measured. For N images
    equally likely it is the information on the sample, at most log N. Time and memory: N^2 densities for each round of draws.

    Args:
        log_density: from z [x, ...] to log p(z_i | x_j), row i, column j, up to a factor that does not depend on x. -inf is a density of 0.
        draws: rounds of z; row i of each round is drawn from p(z | x_i). Two rounds or more give each x a variance of its own.
        p_x: how likely each x is; equally by default.

    Raises:
        ValueError: no round, a table of another size, NaN, or a draw whose own density is 0.
    """
    ratios = []
    for z in draws:
        table = log_density(z).double()
        n = len(table)
        if table.shape != (n, n) or n == 0:
            raise ValueError(
                f"log_density gave a table of shape {tuple(table.shape)}; it needs a row for each draw and a column for each x, both {len(z)}"
            )
        own = table.diagonal()
        if not (torch.isfinite(own).all() and not torch.isnan(table).any()):
            raise ValueError("log_density is NaN, or not finite for a z and the x that it was drawn from; are the units finite, and in this order?")
        log_p = torch.full((n,), -math.log(n), dtype=torch.float64, device=table.device) if p_x is None else p_x.double().log()
        ratios.append(own - torch.logsumexp(table + log_p, 1))
    if not ratios:
        raise ValueError("there are no draws; give at least one round of z, with one row for each x")
    ratio = torch.stack(ratios)  # [rounds, x]
    rounds, n = ratio.shape
    weights = torch.full((n,), 1 / n, dtype=torch.float64, device=ratio.device) if p_x is None else p_x.double()
    value = (ratio.mean(0) @ weights).item()
    # with one round the spread over x stands in for that of the draws: an upper bound on average
    variances = ratio.var(0) / rounds if rounds > 1 else (ratio[0] - value) ** 2
    return Estimate(value, (weights**2 @ variances).sqrt().item())


def symbols(samples: Samples | Labels, name: str, width: float) -> Int[np.ndarray, " samples"]:
    """A number for each sample, equal where the rounded samples are."""
    if is_labels(samples):
        return np.unique(np.asarray(to_array(samples)), return_inverse=True)[1].reshape(-1)
    with np.errstate(over="ignore"):
        rounded = np.round(columns(samples, name) / width)
    if not np.isfinite(rounded).all():
        raise ValueError(f"width {width:g} is too small for {name}: a number divided by it exceeds the largest float64")
    return np.unique(rounded, axis=0, return_inverse=True)[1].reshape(-1)


def is_labels(samples: Samples | Labels) -> bool:
    array = to_array(samples)
    return array.ndim == 1 and np.issubdtype(array.dtype, np.integer)


def columns(samples: Samples, name: str) -> Float[np.ndarray, "samples units"]:
    """Finite samples as rows of float64, one for each sample."""
    array = to_array(samples).astype(np.float64)
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"{name} must have a row for each sample, but has shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, but holds NaN or infinity: take the activations of a network that has not diverged")
    return array.reshape(len(array), -1)


def to_array(samples: Samples | Labels) -> np.ndarray:
    return samples.detach().cpu().numpy() if isinstance(samples, Tensor) else np.asarray(samples)


def same_length(x: np.ndarray, y: np.ndarray, least: int) -> int:
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} samples and y has {len(y)}; each sample must be a pair")
    if len(x) < least:
        raise ValueError(f"x and y have {len(x)} samples; this estimate needs at least {least}")
    return len(x)


def plug_in(counts: Int[np.ndarray, " symbols"]) -> float:
    """The entropy of the relative frequencies, in nats."""
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def square_scores(scores: Float[Tensor, "batch batch"]) -> Float[Tensor, "batch batch"]:
    scores = to_tensor(scores)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise ValueError(
            f"scores must be square, a score for every pair of at least two samples, but have shape {tuple(scores.shape)}"
        )
    if not torch.isfinite(scores).all():
        raise ValueError("scores must be finite, but hold NaN or infinity; give the critic standardised inputs, or a smaller learning rate")
    return scores
