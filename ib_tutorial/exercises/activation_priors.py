"""The distance of a sample from a uniform distribution."""

import numpy as np

from ib_tutorial.exercises.exercise import Exercise


def samples(rng):
    """Triples (values, low, high): one crowded to the left, one to the right, one that leaves most of the range empty."""
    yield rng.beta(1, 3, size=12) - 4, -4.0, -3.0
    yield 2 * rng.beta(3, 1, size=15), 0.0, 2.0
    yield rng.uniform(0.4, 0.6, size=7), 0.0, 1.0


def gaps(values, low, high):
    """Staircase minus the uniform's distribution function, just after each step and just before."""
    cdf = (np.sort(values) - low) / (high - low)
    n = len(cdf)
    return np.arange(1, n + 1) / n - cdf, np.arange(n) / n - cdf


def distance(values, low, high):
    after, before = gaps(values, low, high)
    return max(abs(after).max(), abs(before).max())


DISTANCE = Exercise(
    name="priors-distance",
    asks="a function of values [n], low and high that returns the largest distance between the empirical distribution function "
    "of the values and that of the uniform distribution on [low, high]",
    oracle=distance,
    inputs=samples,
    in_nats=False,
    mistakes={
        "You compare just after each step of the staircase only; just before a step the gap may be larger.":
            lambda values, low, high: abs(gaps(values, low, high)[0]).max(),
        "You compare just before each step of the staircase only; just after a step the gap may be larger.":
            lambda values, low, high: abs(gaps(values, low, high)[1]).max(),
        "You look for places where the staircase is above the uniform's function; it may be furthest below it.":
            lambda values, low, high: gaps(values, low, high)[0].max(),
        "You took the mean of the gaps; the distance is the largest of them.":
            lambda values, low, high: np.mean(np.abs(np.concatenate(gaps(values, low, high)))),
        "Your range goes from the smallest value to the largest; use the one that was given.":
            lambda values, low, high: distance(values, values.min(), values.max()),
    },
    hints=(
        "Sort the values; the empirical distribution function rises by $1/n$ at each of them.",
        "The uniform's distribution function at $v$ is the share of the range that lies below $v$.",
        "At the $k$-th value the staircase jumps from $(k-1)/n$ to $k/n$: two gaps for each value.",
    ),
)
