"""What a noisy unit on an interval costs under the prior that is uniform in log z."""

import math

import torch

from ib_tutorial.exercises.exercise import Exercise, misread
from ib_tutorial.information import kl_truncated_log_uniform


def units(rng):
    """log f and alpha [units], as torch tensors, and the interval's ends low < high."""
    for n_units in (3, 5, 4):
        low, high = rng.uniform(-3, -1), rng.uniform(1, 3)
        log_f, alpha = rng.uniform(low, high, n_units), rng.uniform(0.3, 1.5, n_units)
        yield torch.from_numpy(log_f), torch.from_numpy(alpha), low, high


def untruncated(log_f, alpha, low, high):
    return math.log(high - low) - torch.log(alpha) - math.log(2 * math.pi * math.e) / 2


def combined(combine):
    """A mistake made of the right cost, the normal's mass in the interval, and A phi(A) + B phi(B)."""

    def computes(log_f, alpha, low, high):
        ends = [(log_f - low) / alpha, (high - log_f) / alpha]
        at_the_ends = sum(end * torch.exp(-(end**2) / 2) for end in ends) / math.sqrt(2 * math.pi)
        mass = sum(map(torch.special.ndtr, ends)) - 1
        return combine(kl_truncated_log_uniform(log_f, alpha, low, high), mass, at_the_ends)

    return computes


TRUNCATED_COST = Exercise(
    name="limits-truncated",
    asks="a function of log_f [units], alpha [units], low and high that returns the nats of each unit [units]",
    oracle=kl_truncated_log_uniform,
    inputs=units,
    mistakes={
        "That is the cost of a normal distribution that is not cut: part of it lies outside, where the prior has nothing.":
            untruncated,
        "The logarithm of $Z$ is missing: after the cut the density is divided by the mass that is left.":
            combined(lambda cost, mass, at_the_ends: cost + torch.log(mass)),
        "The term of the two ends has the wrong sign: a distribution that is cut spreads less, and costs more.":
            combined(lambda cost, mass, at_the_ends: cost - at_the_ends / mass),
        "The term of the two ends is to be divided by $2Z$, not by 2.":
            combined(lambda cost, mass, at_the_ends: cost + at_the_ends * (1 - 1 / mass) / 2),
        "You took alpha for a variance; it is the standard deviation of the normal distribution before the cut.":
            misread(kl_truncated_log_uniform, alpha=torch.sqrt),
        "The prior is missing: on the interval its density is one over the length.":
            lambda log_f, alpha, low, high: kl_truncated_log_uniform(log_f, alpha, low, high) - math.log(high - low),
    },
    hints=(
        "Measure the distances from the centre to both ends in standard deviations.",
        "`torch.special.ndtr` is the distribution function of the standard normal. Its two values give $Z$.",
        "Four terms: the length of the interval, the entropy of a whole normal, the mass that is left, and the two ends.",
    ),
)
