"""How wide an interval of a few seeds is."""

import numpy as np

from ib_tutorial.exercises.exercise import Exercise
from ib_tutorial.experiments.verdicts import interval


def runs(rng):
    """One value per seed."""
    for n in (3, 5, 8):
        yield (rng.normal(0.1, 0.3, size=n),)


def half_width(values):
    mean, low, _ = interval(values)
    return mean - low


def quantile(level, degrees):
    from scipy.stats import t

    return t.ppf(level, degrees)


HALF_WIDTH = Exercise(
    name="widths-interval",
    asks="a function of values [seeds] that returns half the width of Student's 95 % interval for their mean",
    oracle=half_width,
    inputs=runs,
    in_nats=False,
    mistakes={
        "You used the normal's quantile; with so few seeds the spread is itself uncertain, and Student's is larger.":
            lambda values: half_width(values) / quantile(0.975, len(values) - 1) * quantile(0.975, np.inf),
        "Student's quantile has one degree of freedom too many: the mean was estimated from the same values.":
            lambda values: half_width(values) / quantile(0.975, len(values) - 1) * quantile(0.975, len(values)),
        "Your quantile leaves 5 % on one side; an interval has two.":
            lambda values: half_width(values) / quantile(0.975, len(values) - 1) * quantile(0.95, len(values) - 1),
        "You divided the squares by the number of values where one less is needed (`ddof=1`).":
            lambda values: half_width(values) * np.sqrt((len(values) - 1) / len(values)),
        "That is for a single seed: the mean of $n$ seeds varies less, by $\\sqrt n$.":
            lambda values: half_width(values) * np.sqrt(len(values)),
        "You used the variance where the standard deviation is needed.":
            lambda values: half_width(values) * np.std(values, ddof=1),
        "That is the whole width of the interval; half is asked for.":
            lambda values: 2 * half_width(values),
    },
    hints=(
        "A quantile times the standard error of the mean.",
        "The standard error is the standard deviation over the root of the number of seeds; `np.std` has an argument `ddof`.",
        "`scipy.stats.t.ppf(q, degrees)` is the quantile: which $q$ leaves a fortieth on either side?",
    ),
)
